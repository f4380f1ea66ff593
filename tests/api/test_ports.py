"""Web apps of a runtime through the server: plain pages, streams, sockets, addresses and ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import websockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.api.ports_world import FRAME, TOP, Person, Visitor, World, listening, world

pytestmark = pytest.mark.asyncio(loop_scope="module")
module_fixture = pytest_asyncio.fixture(scope="module", loop_scope="module")
closed: list[str] = []
told: asyncio.Queue[str]
left: asyncio.Queue[str]


async def echo(request: Request) -> Response:
    body, query = await request.body(), request.scope["query_string"].decode()
    headers = [[name.decode(), value.decode()] for name, value in request.headers.raw]
    return JSONResponse(
        {"method": request.method, "target": f"{request.scope['raw_path'].decode()}{query and '?'}{query}"}
        | {"headers": headers, "size": len(body), "body": body[:100].decode("latin-1")}
    )


async def count(request: Request) -> Response:
    size = 0
    async for piece in request.stream():
        size += len(piece)
    return JSONResponse({"size": size})


async def big(_request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for n in range(64):
            yield bytes([n]) * 65_536

    return StreamingResponse(pieces(), headers={"Content-Length": str(64 * 65_536)})


async def events(_request: Request) -> Response:
    async def pieces() -> AsyncIterator[str]:
        try:
            yield "data: first\n\n"
            while True:
                yield f"data: {await told.get()}\n\n"
        finally:
            closed.append("events")

    return StreamingResponse(pieces(), media_type="text/event-stream")


async def cookies(_request: Request) -> Response:
    response = Response("set")
    response.set_cookie("session", "mine", httponly=True)
    response.headers.append("Set-Cookie", "wide=1; Domain=localhost; Path=/; SameSite=Strict")
    return response


async def redirect(request: Request) -> Response:
    return RedirectResponse(request.query_params["to"], 302)


async def talk(socket: WebSocket) -> None:
    if "refuse" in socket.query_params:
        await socket.close()
        return
    await socket.accept("chat" if "chat" in socket.scope["subprotocols"] else None)
    await socket.send_text(json.dumps(dict(socket.headers)))
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"], message.get("reason"))
            if message.get("text") == "bye":
                await socket.close(4321, "as asked")
                return
            if message.get("text") is not None:
                await socket.send_text(message["text"].upper())
            else:
                await socket.send_bytes(message["bytes"][::-1])
    except WebSocketDisconnect as gone:
        left.put_nowait(f"{gone.code} {gone.reason}")


APP = Starlette(
    routes=[
        Route("/count", count, methods=["POST"]),
        Route("/big", big),
        Route("/events", events),
        Route("/cookies", cookies),
        Route("/redirect", redirect),
        WebSocketRoute("/talk", talk),
        Route("/{path:path}", echo, methods=["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"]),
    ]
)


@module_fixture
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("ports")) as made:
        yield made


@module_fixture
async def ada(house: World) -> Person:
    return await house.person("ada")


@module_fixture
async def web() -> AsyncIterator[int]:
    global told, left
    told, left = asyncio.Queue(), asyncio.Queue()
    async with listening(APP) as port:
        yield port


@module_fixture
async def page(ada: Person, web: int) -> Visitor:
    return await ada.visitor(web)


async def test_a_ticket_lets_in_once_and_leaves_the_address(ada: Person, web: int) -> None:
    found = await ada.open(web, "/some where?q=1&to=//evil")
    assert found["url"].startswith(f"http://p-{ada.runtime_id}-{web}-")
    assert found["url"].endswith("/some%20where?q=1&to=//evil")
    visitor = Visitor(ada.world, found)
    entered = await visitor.get(visitor.ticket, headers=TOP)
    assert entered.status_code == 303
    assert entered.headers["location"] == "/some%20where?q=1&to=//evil"
    attributes = entered.headers["set-cookie"].split("; ")[1:]
    assert attributes == ["Path=/", "HttpOnly", "SameSite=Lax"]
    visitor.cookie = entered.headers["set-cookie"].partition(";")[0]
    shown = await visitor.get(visitor.url, headers=TOP)
    assert shown.json()["target"] == "/some%20where?q=1&to=//evil"
    again = await Visitor(ada.world, found).get(visitor.ticket, headers=TOP)
    assert again.status_code == 303
    assert again.headers["location"].startswith(f"{ada.world.origin}/port/{ada.runtime_id}/{web}?to=")
    assert "set-cookie" not in again.headers


async def test_a_frame_gets_a_cookie_that_works_where_third_parties_have_none(ada: Person, web: int) -> None:
    visitor = Visitor(ada.world, await ada.open(web))
    fetched = await visitor.get(visitor.ticket, headers={"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "empty"})
    assert fetched.status_code == 204
    attributes = fetched.headers["set-cookie"].split("; ")[1:]
    assert attributes == ["Path=/", "HttpOnly", "SameSite=None", "Secure", "Partitioned"]
    visitor.cookie = fetched.headers["set-cookie"].partition(";")[0]
    shown = await visitor.get("/", headers=FRAME)
    assert shown.status_code == 200
    own = await visitor.get("/cookies", headers=FRAME)
    assert own.headers.get_list("set-cookie") == [
        "session=mine; HttpOnly; Path=/; SameSite=None; Secure; Partitioned",
        "wide=1; Path=/; SameSite=None; Secure; Partitioned",
    ]


async def test_the_app_sees_a_plain_local_request(page: Visitor, web: int) -> None:
    answer = await page.request(
        "POST",
        "/a/b%2Fc?x=1&x=2",
        content=b"body",
        headers={"Origin": page.origin, "Referer": f"{page.origin}/from", "Cookie": "mine=1", "X-Own": "kept"},
    )
    seen = answer.json()
    headers = dict(seen["headers"])
    assert (seen["method"], seen["target"], seen["body"]) == ("POST", "/a/b%2Fc?x=1&x=2", "body")
    assert headers["host"] == f"localhost:{web}"
    assert headers["origin"] == f"http://localhost:{web}"
    assert headers["referer"] == f"http://localhost:{web}/from"
    assert headers["x-forwarded-host"] == page.host
    assert headers["x-forwarded-proto"] == "http"
    assert headers["cookie"] == "mine=1"
    assert headers["x-own"] == "kept"


async def test_bodies_stream_both_ways(page: Visitor) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"p" * 65_536

    assert (await page.request("POST", "/count", content=pieces())).json() == {"size": 64 * 65_536}
    assert (await page.request("POST", "/count", content=b"s" * 3_000_000)).json() == {"size": 3_000_000}
    answer = await page.get("/big")
    assert answer.headers["content-length"] == str(64 * 65_536)
    assert answer.content == b"".join(bytes([n]) * 65_536 for n in range(64))
    head = await page.request("HEAD", "/big")
    assert (head.status_code, head.content) == (200, b"")


async def test_server_sent_events_arrive_as_they_are_said_and_end_with_the_page(page: Visitor) -> None:
    closed.clear()
    async with page.stream("GET", "/events") as answer:
        lines = answer.aiter_lines()
        assert await anext(lines) == "data: first"
        await told.put("second")
        assert await anext(lines) == ""
        assert await anext(lines) == "data: second"
    async with asyncio.timeout(60):
        while "events" not in closed:
            await told.put("still there?")
            await asyncio.sleep(0.01)


async def test_redirects_stay_on_the_port(page: Visitor, web: int) -> None:
    for to, expected in {
        "/there": "/there",
        f"http://localhost:{web}/abs?q=1": "/abs?q=1",
        f"http://127.0.0.1:{web}": "/",
        "relative": "relative",
        "https://example.org/out": "https://example.org/out",
        "http://localhost:1/other": "http://localhost:1/other",
    }.items():
        answer = await page.get("/redirect", params={"to": to})
        assert answer.headers["location"] == expected


async def test_a_socket_passes_text_bytes_subprotocol_and_ends(page: Visitor, web: int) -> None:
    async with page.socket("/talk?x=1", subprotocols=["other", "chat"]) as socket:
        assert socket.subprotocol == "chat"
        headers = json.loads(await socket.recv())
        assert (headers["host"], headers["origin"]) == (f"localhost:{web}", f"http://localhost:{web}")
        assert "cookie" not in headers
        await socket.send("hello ü")
        assert await socket.recv() == "HELLO Ü"
        await socket.send(bytes(range(256)) * 1000)
        assert await socket.recv() == (bytes(range(256)) * 1000)[::-1]
        await (await socket.ping())
        await socket.send("bye")
        with pytest.raises(websockets.ConnectionClosed) as ended:
            await socket.recv()
        assert ended.value.rcvd is not None
        assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (4321, "as asked")
    async with page.socket("/talk") as socket:
        await socket.recv()
        await socket.close(4001, "leaving")
    assert await left.get() == "4001 leaving"


async def test_a_socket_that_the_app_refuses_is_not_opened(page: Visitor) -> None:
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with page.socket("/talk?refuse=1"):
            pass
    assert caught.value.response.status_code == 403


async def test_where_nothing_listens_a_page_waits_for_it(ada: Person, web: int) -> None:
    async with listening(APP) as port:
        visitor = await ada.visitor(port)
        assert (await visitor.get("/.labora/ready")).status_code == 204
    waiting = await visitor.get("/deep/page", headers=TOP)
    assert waiting.status_code == 503
    assert f"Nothing listens on port {port} yet" in waiting.text
    assert "'/.labora/ready'" in waiting.text
    assert "deep" not in waiting.text
    assert (await visitor.get("/.labora/ready")).status_code == 503
    program = await visitor.get("/data.json", headers={"Sec-Fetch-Mode": "cors", "Accept": "*/*"})
    assert (program.status_code, program.headers["retry-after"]) == (503, "2")
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with visitor.socket("/talk"):
            pass
    assert caught.value.response.status_code == 403


async def test_by_path_where_names_do_not_resolve(ada: Person, web: int) -> None:
    found = await ada.open(web, "/start?q=1", fallback=True)
    assert found["url"] == found["ticket_url"]
    assert found["url"].startswith(f"{ada.world.origin}/ports/p-{ada.runtime_id}-{web}-")
    base = found["url"].removeprefix(ada.world.origin).removesuffix("/start?q=1")
    visitor = Visitor(ada.world, found)
    answer = await visitor.get(found["url"], headers={**TOP, "Cookie": f"{ada.cookie}; other=1"})
    seen = answer.json()
    assert seen["target"] == "/start?q=1"
    headers = dict(seen["headers"])
    assert "cookie" not in headers
    assert headers["x-forwarded-prefix"] == base
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts ")
    assert "allow-same-origin" not in policy
    assert answer.headers["access-control-allow-origin"] == "*"
    moved = await visitor.get(f"{base}/redirect", params={"to": "/there"})
    assert moved.headers["location"] == f"{base}/there"
    assert "set-cookie" not in (await visitor.get(f"{base}/cookies")).headers
    async with visitor.socket(f"{base}/talk", origin="null") as socket:
        assert json.loads(await socket.recv())["origin"] == f"http://localhost:{web}"
    with pytest.raises(websockets.InvalidStatus):
        async with visitor.socket(f"{base}/talk", origin=ada.world.origin):
            pass


async def test_the_end_of_the_runtime_is_said_and_clears_the_host(house: World, web: int) -> None:
    bob = await house.person("bob")
    visitor = await bob.visitor(web)
    async with visitor.socket("/talk") as socket:
        await socket.recv()
        assert (await bob.api.delete(f"/runtimes/{bob.runtime_id}")).status_code == 200
        with pytest.raises(websockets.ConnectionClosed):
            await socket.recv()
    answer = await visitor.get("/", headers=TOP)
    assert answer.status_code == 410
    assert answer.headers["clear-site-data"] == '"cache", "cookies", "storage"'
    assert "has ended" in answer.text
    again = await bob.api.post(f"/runtimes/{bob.runtime_id}/ports/{web}", json={})
    assert (again.status_code, again.json()["code"]) == (410, "runtime_ended")

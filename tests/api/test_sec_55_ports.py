"""Ports of runtimes against strangers, other accounts, other sites and hostile apps (cases 18, 31, 40, 41, 55, 56)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
import websockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from labora.api.ports.access import TICKETS_PER_ACCOUNT
from tests.api.ports_world import FRAME, PASSWORD, TOP, Person, Visitor, World, listening, world

pytestmark = pytest.mark.asyncio(loop_scope="module")
module_fixture = pytest_asyncio.fixture(scope="module", loop_scope="module")
HOSTILE = {
    "Set-Cookie": "labora-port=planted; Path=/",
    "Clear-Site-Data": '"cookies"',
    "Strict-Transport-Security": "max-age=1",
    "Alt-Svc": 'h3=":1"',
    "NEL": "{}",
    "Report-To": "{}",
    "Service-Worker-Allowed": "/",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors *; img-src 'self'",
    "Referrer-Policy": "unsafe-url",
    "Content-Type": "text/html",
    "ETag": '"kept"',
}


async def seen(request: Request) -> Response:
    return JSONResponse([[name.decode(), value.decode()] for name, value in request.headers.raw])


async def hostile(_request: Request) -> Response:
    response = Response("<p>hi", headers=HOSTILE)
    for cookie in (
        "__Host-labora-x=1; Secure; Path=/",
        "LABORA-y=1",
        "=labora-z=1",
        "= labora-z=1",
        "=\t=labora-z=1",
        "labora-alone",
        "good=1",
    ):
        response.headers.append("Set-Cookie", cookie)
    return response


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        return


APP = Starlette(
    routes=[
        Route("/hostile", hostile),
        WebSocketRoute("/talk", talk),
        Route("/{path:path}", seen, methods=["GET", "POST"]),
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
async def bob(house: World) -> Person:
    return await house.person("bob")


@module_fixture
async def web() -> AsyncIterator[int]:
    async with listening(APP) as port:
        yield port


@module_fixture
async def page(ada: Person, web: int) -> Visitor:
    return await ada.visitor(web)


async def refused_socket(visitor: Visitor, path: str = "/talk", origin: str | None = "") -> int:
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with visitor.socket(path, origin):
            pass
    return int(caught.value.response.status_code)


@asynccontextmanager
async def saying(answer: bytes) -> AsyncIterator[int]:
    """A program that says these bytes to whoever connects."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_sec_18_an_account_reaches_nothing_of_anothers_runtime(ada: Person, bob: Person, web: int) -> None:
    for method, path in {
        ("POST", f"ports/{web}"),
        ("GET", "ports"),
        ("GET", "files?path=/content"),
        ("GET", "content?path=/content/x"),
        ("PUT", "content?path=/content/x"),
    }:
        answer = await bob.api.request(method, f"/runtimes/{ada.runtime_id}/{path}", json={})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    # Nor with what lets them into their own: neither the cookie nor the ticket is of that door.
    own, others = await bob.visitor(web), await ada.open(web)
    crossed = Visitor(ada.world, others, own.cookie)
    assert (await crossed.get("/x", headers={"Sec-Fetch-Mode": "cors"})).status_code == 401
    ticket = urlsplit((await bob.open(web))["ticket_url"]).query
    assert "set-cookie" not in (await crossed.get(f"/.labora/enter?{ticket}")).headers
    assert await refused_socket(crossed) == 403


async def test_sec_55_a_stranger_is_sent_to_sign_in_or_refused(ada: Person, page: Visitor, web: int) -> None:
    stranger = Visitor(ada.world, {"url": page.url, "ticket_url": ""})
    sent = await stranger.get("/secret?x=<script>", headers=TOP)
    assert sent.status_code == 303
    assert sent.headers["location"] == (
        f"{ada.world.origin}/port/{ada.runtime_id}/{web}?to=/secret%3Fx%3D%253Cscript%253E"
    )
    framed = await stranger.get("/secret?x=<script>", headers=FRAME)
    assert framed.status_code == 401
    assert "Signed out" in framed.text
    assert "<script" not in framed.text
    for method in ("GET", "POST", "OPTIONS"):
        answer = await stranger.request(method, "/secret", headers={"Sec-Fetch-Mode": "cors"})
        assert (answer.status_code, answer.text) == (401, "Sign in first.")
    assert await refused_socket(stranger) == 403
    other = page.cookie[:-1] + ("b" if page.cookie.endswith("a") else "a")
    for cookie in ("labora-port=", "labora-port=s.x.t.y", other, page.cookie.replace(".t.", ".f.")):
        forged = Visitor(ada.world, {"url": page.url, "ticket_url": ""}, cookie)
        assert (await forged.get("/", headers={"Sec-Fetch-Mode": "cors"})).status_code == 401, cookie


async def test_sec_55_an_account_holds_few_tickets_and_takes_none_of_anothers(
    ada: Person, bob: Person, web: int
) -> None:
    bobs = Visitor(bob.world, await bob.open(web))
    opened = [Visitor(ada.world, await ada.open(web)) for _ in range(TICKETS_PER_ACCOUNT + 1)]
    for visitor, lets_in in ((opened[0], False), (opened[1], True), (opened[-1], True), (bobs, True)):
        entered = await visitor.get(visitor.ticket, headers=TOP)
        assert ("set-cookie" in entered.headers) is lets_in


async def test_sec_55_ports_of_the_runtime_itself_have_no_address(ada: Person, page: Visitor) -> None:
    for port in (53, 3128, 9000, 0, 70_000):
        answer = await ada.api.post(f"/runtimes/{ada.runtime_id}/ports/{port}", json={})
        assert (answer.status_code, answer.json()["code"]) == (403, "port_refused")
    label = page.host.partition(".")[0]
    parts = label.split("-")
    for other in (
        "-".join([*parts[:2], "9000", parts[3]]),
        "-".join([*parts[:2], "22", parts[3]]),
        label[:-1] + ("a" if label[-1] != "a" else "b"),
        "p-127.0.0.1",
        "p-x",
    ):
        stranger = Visitor(ada.world, {"url": page.url.replace(label, other), "ticket_url": ""}, page.cookie)
        assert (await stranger.get("/", headers=TOP)).status_code == 421, other


async def test_sec_55_a_login_session_that_ends_closes_its_doors(house: World, ada: Person, web: int) -> None:
    services = house.app.services
    secret = (await services.accounts.log_in("ada", PASSWORD)).secret
    again = Person(house, "ada", f"labora-{services.instance_id}={secret}", ada.account_id, ada.runtime_id)
    visitor = await again.visitor(web)
    unused = Visitor(house, await again.open(web))
    by_path = Visitor(house, await again.open(web, fallback=True))
    async with visitor.socket("/talk") as socket:
        await socket.send("works")
        assert await socket.recv() == "works"
        assert (await again.api.post("/logout")).status_code == 200
        with pytest.raises(websockets.ConnectionClosed):
            await socket.recv()
    assert (await visitor.get("/", headers={"Sec-Fetch-Mode": "cors"})).status_code == 401
    assert (await by_path.get(by_path.url, headers={"Sec-Fetch-Mode": "cors"})).status_code == 401
    # A ticket of it still changes into a cookie, which opens nothing any more.
    entered = await unused.get(unused.ticket, headers=TOP)
    unused.cookie = entered.headers["set-cookie"].partition(";")[0]
    assert (await unused.get("/", headers=TOP)).status_code == 303
    assert (await (await ada.visitor(web)).get("/")).status_code == 200
    await again.api.aclose()


async def origins(house: World, owner: Person, kind: str = "own") -> str:
    labels = house.app.api.state.content_site.labels
    label = await labels.issue(kind, house.origin, "file", owner.account_id, "login")
    assert await labels.verify(label)
    return f"http://{label}.localhost:{house.port}"


async def strangers(house: World, ada: Person, bob: Person, page: Visitor) -> list[str]:
    """Origins that may not ask for ada's port; those of outputs, hers that are not live among them, come first."""
    own = await origins(house, ada)
    return [
        await origins(house, ada, "out"),
        await origins(house, bob),
        await origins(house, bob, "out"),
        own.replace("//", "//a"),
        own[: len("http://") + 26] + own[len("http://") + 42 :],
        f"http://{'a' * 42}.localhost:{house.port}",
        "null",
        house.origin,
        "http://evil.example",
        f"{page.origin}.evil.example",
        page.origin.replace("http:", "https:"),
    ]


async def test_sec_41_sockets_open_only_from_the_port_and_from_own_outputs(
    house: World, ada: Person, bob: Person, page: Visitor
) -> None:
    async with page.socket("/talk", await origins(house, ada)) as socket:
        await socket.send("hi")
        assert await socket.recv() == "hi"
    for origin in (None, *await strangers(house, ada, bob, page)):
        assert await refused_socket(page, "/talk", origin) == 403, origin


async def test_sec_41_only_the_port_and_own_outputs_ask_with_the_cookie(
    house: World, ada: Person, bob: Person, page: Visitor
) -> None:
    own, inside = await origins(house, ada), {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
    near = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}
    for method, headers in (
        ("POST", {**inside, "Origin": page.origin}),
        ("GET", inside),
        ("GET", {**near, "Origin": own}),
        ("POST", {**near, "Origin": own}),
        ("POST", {"Origin": own}),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}),
        ("POST", {}),
    ):
        assert (await page.request(method, "/x", headers=headers)).status_code == 200, (method, headers)
    for origin in await strangers(house, ada, bob, page):
        for method in ("GET", "POST"):
            for more in ({}, near, {**near, "Sec-Fetch-Site": "cross-site"}):
                answer = await page.request(method, "/x", headers={**more, "Origin": origin})
                assert (answer.status_code, answer.text) == (403, "Another site asked for this."), (origin, more)
    for method, mode in (("GET", "no-cors"), ("POST", "no-cors"), ("POST", "navigate")):
        headers = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": mode}
        assert (await page.request(method, "/x", headers=headers)).status_code == 403, (method, mode)


async def test_sec_56_nothing_of_ours_goes_up(house: World, ada: Person, page: Visitor) -> None:
    answer = await page.get(
        "/headers",
        headers={
            "Cookie": f"{ada.cookie}; __Host-labora-x=1; LABORA-y=2; theirs=3",
            "Authorization": "Bearer labora_secret",
            "Forwarded": "for=1.2.3.4",
            "X-Forwarded-For": "1.2.3.4",
            "X-Forwarded-Host": "evil.example",
            "X-Real-IP": "1.2.3.4",
            "X-Labora": "1",
            "Proxy-Authorization": "Basic x",
            "Connection": "close, X-Named",
            "X-Named": "hop",
            "Referer": "http://evil.example/from",
        },
    )
    headers = [tuple(pair) for pair in answer.json()]
    names = [name for name, _ in headers]
    assert ("cookie", "theirs=3") in headers
    assert ("x-forwarded-host", page.host) in headers
    assert names.count("x-forwarded-host") == 1
    gone = {"authorization", "forwarded", "x-forwarded-for", "x-real-ip", "x-labora", "proxy-authorization"}
    assert not (gone | {"x-named", "referer"}) & set(names)
    kept = await page.get("/headers", headers={"Authorization": "Bearer of-the-app"})
    assert ["authorization", "Bearer of-the-app"] in kept.json()


async def test_sec_56_an_app_sets_nothing_beyond_its_own_host(house: World, page: Visitor) -> None:
    answer = await page.get("/hostile", headers=TOP)
    assert answer.status_code == 200
    assert answer.headers.get_list("set-cookie") == ["good=1"]
    assert answer.headers["etag"] == '"kept"'
    assert answer.headers["referrer-policy"] == "same-origin"
    for name in list(HOSTILE)[1:8]:
        assert name not in answer.headers, name
    policies = answer.headers.get_list("content-security-policy")
    near = f"http://localhost:{house.port} http://*.localhost:{house.port}"
    assert policies == ["img-src 'self'", f"frame-ancestors 'self' {near}"]


async def test_sec_31_by_path_an_app_gets_no_worker_and_no_origin(house: World, ada: Person, web: int) -> None:
    visitor = Visitor(house, await ada.open(web, "/hostile", fallback=True))
    answer = await visitor.get(visitor.url, headers=TOP)
    assert answer.status_code == 200
    policy = answer.headers.get_list("content-security-policy")[-1]
    assert policy.startswith("sandbox ")
    assert "allow-same-origin" not in policy
    allowed = {"content-type", "content-length", "etag", "date"}
    ours = {"content-security-policy", "referrer-policy", "access-control-allow-origin", "x-content-type-options"}
    assert set(answer.headers) == allowed | ours | {"cross-origin-opener-policy"}
    for headers in (
        {"Service-Worker": "script", "Sec-Fetch-Dest": "serviceworker", "Sec-Fetch-Mode": "same-origin"},
        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "script", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"},
    ):
        assert (await visitor.get(visitor.url, headers=headers)).status_code == 404, headers
    # Errors are confined just so.
    nobody = Visitor(house, await ada.open(1, fallback=True))
    assert "sandbox" in (await nobody.get(nobody.url, headers=TOP)).headers["content-security-policy"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nBad Name: 1\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw",
        b"HTTP/1.1 600 No\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
    ids=[
        "two framings",
        "two lengths",
        "two codings",
        "long",
        "bad name",
        "unasked upgrade",
        "no status",
        "no http",
        "nothing",
    ],
)
async def test_sec_56_an_answer_that_is_none_becomes_502(ada: Person, answer: bytes) -> None:
    async with saying(answer) as port:
        visitor = await ada.visitor(port)
        got = await visitor.get("/?echo=me")
    assert got.status_code == 502
    assert "me" not in got.text.replace("message", "")
    assert len(got.content) < 200


async def test_sec_56_an_answer_that_breaks_off_is_not_taken_for_whole(ada: Person) -> None:
    async with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this") as port:
        visitor = await ada.visitor(port)
        with pytest.raises(Exception, match=r"peer closed|incomplete|disconnected"):
            await visitor.get("/")


RAW = [
    (b"GET / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET", b"400"),
    (b"GET http://evil.example/ HTTP/1.1\r\nHost: {host}\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: {host}\r\n\r\n", b"421"),
    (b"TRACE / HTTP/1.1\r\nHost: {host}\r\n\r\n", b"400"),
    (b"GET /api/v1/me HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Mode: cors\r\n\r\n", b"401"),
    (b"GET /frame.html HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Mode: cors\r\n\r\n", b"401"),
]


@pytest.mark.parametrize(("request_bytes", "status"), RAW)
async def test_sec_40_a_request_that_means_two_things_is_refused(
    house: World, page: Visitor, request_bytes: bytes, status: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(request_bytes.replace(b"{host}", page.host.encode()))
    assert (await reader.readline()).split()[1] == status
    writer.close()


async def test_sec_40_a_port_host_serves_nothing_of_the_app(house: World, ada: Person, page: Visitor) -> None:
    own = await page.get("/api/v1/me", headers={"Cookie": ada.cookie})
    assert isinstance(own.json(), list), "the web app answers, not the server"
    assert ada.cookie.partition("=")[2] not in own.text


async def test_sec_23_on_domains_of_its_own_the_cookie_is_of_one_host_alone(
    tmp_path_factory: pytest.TempPathFactory, web: int
) -> None:
    """Mode A: names of a second domain, TLS in front."""
    server = {"public_url": "https://labora.example", "content_domain": "usercontent.example", "trust_proxy": True}
    async with world(tmp_path_factory.mktemp("a"), server=server) as house:
        ada = await house.person("ada")
        ada.api.headers["Host"] = "labora.example"
        ada.api.headers["Origin"] = "https://labora.example"
        ada.api.headers["Cookie"] = f"__Host-{ada.cookie}"
        found = await ada.open(web, "/x")
        assert found["url"].startswith(f"https://p-{ada.runtime_id}-{web}-")
        assert urlsplit(found["url"]).netloc.endswith(".usercontent.example")
        visitor = Visitor(house, found)
        entered = await visitor.get(visitor.ticket, headers=TOP)
        assert entered.headers["set-cookie"].startswith("__Host-labora-port=")
        assert entered.headers["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
        plain = Visitor(house, found, entered.headers["set-cookie"].partition(";")[0].removeprefix("__Host-"))
        assert (await plain.get("/x", headers={"Sec-Fetch-Mode": "cors"})).status_code == 401
        visitor.cookie = entered.headers["set-cookie"].partition(";")[0]
        shown = await visitor.get("/x", headers=TOP)
        assert shown.headers["content-security-policy"] == (
            "frame-ancestors 'self' https://labora.example https://*.usercontent.example"
        )
        assert ["x-forwarded-proto", "https"] in shown.json()
        sent = await Visitor(house, found).get("/x", headers=TOP)
        assert sent.headers["location"].startswith("https://labora.example/port/")

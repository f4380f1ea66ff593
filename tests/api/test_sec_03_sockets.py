"""Case 3: sockets end with the credential that opened them; and what a token may open."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from labora.api.app import LaboraApp
from labora.testing.server import ORIGIN, PASSWORD, ServerInProcess


class Socket:
    """A WebSocket client on the ASGI interface."""

    def __init__(self, app: LaboraApp, path: str, headers: dict[str, str]) -> None:
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        raw = [(name.encode(), value.encode()) for name, value in ({"host": "localhost:8000"} | headers).items()]
        scope = {"type": "websocket", "scheme": "ws", "path": path, "raw_path": path.encode(), "query_string": b""}
        rest = {"headers": raw, "client": ("127.0.0.1", 1), "subprotocols": [], "root_path": "", "extensions": {}}
        self.inbox.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(app({**scope, **rest}, self.inbox.get, self.outbox.put))  # type: ignore[arg-type]

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(60):
            return await self.outbox.get()

    async def hello(self, client_id: int = 7) -> dict[str, Any]:
        """Says hello and returns the welcome."""
        assert (await self.next())["type"] == "websocket.accept"
        hello = {"type": "hello", "version": 1, "client_id": client_id, "epoch": None, "seq": None}
        frame = b"\x00" + json.dumps(hello).encode()
        await self.inbox.put({"type": "websocket.receive", "bytes": frame})
        return dict(json.loads((await self.next())["bytes"][1:]))

    async def close_code(self) -> int:
        """Returns the code that the server closes with."""
        while (message := await self.next())["type"] != "websocket.close":
            continue
        await asyncio.wait_for(self.task, 60)
        return int(message["code"])


def cookies_of(client: httpx.AsyncClient) -> dict[str, str]:
    return {"origin": ORIGIN, "cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}


async def notebook(client: httpx.AsyncClient) -> str:
    return str((await client.post("/files", json={"kind": "notebook", "name": "n"})).json()["id"])


async def test_sec_03_a_socket_ends_with_its_login_session(
    app: LaboraApp, server: ServerInProcess, ann: httpx.AsyncClient
) -> None:
    other = await server.client()
    await other.post("/login", json={"login": "ann", "password": PASSWORD})
    path = f"/api/v1/files/{await notebook(ann)}/room"
    kept, ended = Socket(app, path, cookies_of(ann)), Socket(app, path, cookies_of(other))
    assert (await kept.hello())["type"] == "welcome"
    assert (await ended.hello())["type"] == "welcome"
    await ann.post("/me/password", json={"old": PASSWORD, "new": "a wholly new one"})
    assert await ended.close_code() == 4401
    assert not kept.task.done()
    await ann.post("/logout")
    assert await kept.close_code() == 4401


async def test_sec_03_a_socket_that_opens_while_its_login_session_ends_ends_too(
    app: LaboraApp, server: ServerInProcess, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, headers, accounts = f"/api/v1/files/{await notebook(ann)}/room", cookies_of(ann), app.services.accounts
    look, looked, ended = accounts.principal_of_cookie, asyncio.Event(), asyncio.Event()

    async def slow(secret: str) -> Any:
        principal = await look(secret)
        looked.set()
        await ended.wait()
        return principal

    with monkeypatch.context() as patched:
        patched.setattr(accounts, "principal_of_cookie", slow)
        socket = Socket(app, path, headers)
        await looked.wait()
    await ann.post("/logout-everywhere")
    ended.set()
    assert await socket.close_code() == 4401


async def test_sec_03_a_socket_ends_with_its_account(
    app: LaboraApp, server: ServerInProcess, owner: httpx.AsyncClient, ann: httpx.AsyncClient
) -> None:
    socket = Socket(app, f"/api/v1/files/{await notebook(ann)}/room", cookies_of(ann))
    await socket.hello()
    await owner.patch(f"/accounts/{server.ids['ann']}", json={"disabled": True})
    assert await socket.close_code() == 4401


async def test_sec_12_a_socket_ends_when_the_file_is_no_longer_shared(
    app: LaboraApp, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    file_id = await notebook(ann)
    permission = (await ann.post(f"/files/{file_id}/permissions", json={"login": "bob", "role": "editor"})).json()
    socket = Socket(app, f"/api/v1/files/{file_id}/room", cookies_of(bob))
    assert "edit" in (await socket.hello())["file"]["abilities"]
    await ann.delete(f"/files/{file_id}/permissions/{permission['id']}")
    assert await socket.close_code() == 4403


async def test_a_stranger_to_a_file_cannot_tell_that_it_exists(
    app: LaboraApp, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    codes = []
    for file_id in (await notebook(ann), "x" * 20):
        socket = Socket(app, f"/api/v1/files/{file_id}/room", cookies_of(bob))
        assert (await socket.next())["type"] == "websocket.accept"
        frame = b"\x00" + b'{"type":"hello","version":1,"client_id":7}'
        await socket.inbox.put({"type": "websocket.receive", "bytes": frame})
        codes.append(await socket.close_code())
    assert codes == [4404, 4404]


async def test_sec_82_a_token_without_run_opens_no_socket(app: LaboraApp, ann: httpx.AsyncClient) -> None:
    path = f"/api/v1/files/{await notebook(ann)}/room"
    for scopes, opens in ((["read", "write"], False), (["run"], False), (["read", "run"], True)):
        secret = (await ann.post("/me/tokens", json={"label": "t", "scopes": scopes})).json()["secret"]
        socket = Socket(app, path, {"authorization": f"Bearer {secret}"})
        if opens:
            # Without "write" the socket shows the notebook and takes no edit.
            assert "edit" not in (await socket.hello())["file"]["abilities"]
            await socket.inbox.put({"type": "websocket.disconnect", "code": 1000})
            await asyncio.wait_for(socket.task, 60)
        else:
            assert (await socket.next())["type"] == "websocket.close"


async def test_opening_a_notebook_puts_it_on_top_of_recent(
    app: LaboraApp, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    first, second = await notebook(ann), await notebook(ann)
    await ann.post(f"/files/{first}/permissions", json={"login": "bob", "role": "viewer"})
    for client_id, who, file_id in ((1, ann, first), (2, ann, second), (3, ann, first), (4, bob, first)):
        socket = Socket(app, f"/api/v1/files/{file_id}/room", cookies_of(who))
        assert (await socket.hello(client_id))["type"] == "welcome"
        await socket.inbox.put({"type": "websocket.disconnect", "code": 1001})
        await asyncio.wait_for(socket.task, 60)

    async def recent(who: httpx.AsyncClient) -> list[str]:
        return [file["id"] for file in (await who.get("/files", params={"view": "recent"})).json()["files"]]

    assert await recent(ann) == [first, second]
    assert await recent(bob) == [first]


@pytest.mark.parametrize(
    "frame",
    [
        {"text": "hello"},
        {"bytes": b""},
        {"bytes": b"\x00" + b"[" * 500_000},
        {"bytes": b'\x00{"type":"ping","id":"a","x":NaN}'},
        {"bytes": b'\x00{"type":"ping","id":"a","x":1e999}'},
        {"bytes": b'\x03{"cell_id":null,"anchor":{"x":NaN}}'},
        {"bytes": b'\x03{"cell_id":null,"anchor":{"x":1e999}}'},
        {"bytes": b'\x03{"cell_id":null,"anchor":' + b'{"x":' * 100 + b"1" + b"}" * 101},
    ],
)
async def test_sec_44_junk_costs_its_own_socket_alone(
    app: LaboraApp, server: ServerInProcess, ann: httpx.AsyncClient, frame: dict[str, Any]
) -> None:
    path = f"/api/v1/files/{await notebook(ann)}/room"
    first = Socket(app, path, cookies_of(ann))
    await first.inbox.put({"type": "websocket.receive", **frame})
    assert (await first.next())["type"] == "websocket.accept"
    assert await first.close_code() == 4409, "the first frame must say hello"
    good, bad = Socket(app, path, cookies_of(ann)), Socket(app, path, cookies_of(ann))
    await good.hello()
    await bad.hello(8)
    await bad.inbox.put({"type": "websocket.receive", **frame})
    assert await bad.close_code() == 4409
    await good.inbox.put({"type": "websocket.receive", "bytes": b'\x00{"type":"ping","id":"a\\ud800"}'})
    answer: dict[str, Any] = {}
    while answer.get("type") != "ack":
        message = await good.next()
        if message["bytes"][:1] != b"\x04":
            answer = json.loads(message["bytes"][1:], parse_constant=pytest.fail)
    assert answer["id"] == "a\ufffd"
    good.task.cancel()
    await asyncio.wait([good.task])

"""The room over its real WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from pycrdt import Doc, Map
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from labora.access import ANONYMOUS
from labora.api.room_socket import room_socket


def signed_in(app: ASGIApp, house: Any) -> ASGIApp:
    """Stands for the gate: whoever asks is Ada, unless the path says otherwise."""

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            scope["labora.services"] = SimpleNamespace(rooms=house.rooms)
            scope["labora.principal"] = ANONYMOUS if scope["query_string"] == b"stranger" else house.ada
        await app(scope, receive, send)

    return gate


class Announcing(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@pytest.fixture
async def port(house: Any) -> AsyncIterator[int]:
    """Serves the room socket on a free port."""
    app = Starlette(routes=[WebSocketRoute("/api/v1/files/{file_id}/room", room_socket)])
    config = uvicorn.Config(
        signed_in(app, house), port=0, log_config=None, lifespan="off", ws="websockets-sansio", ws_max_size=16 << 20
    )
    server = Announcing(config)
    task = asyncio.create_task(server.serve())
    await server.ready.wait()
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


@asynccontextmanager
async def room(port: int, file_id: str, query: str = "") -> AsyncIterator[ClientConnection]:
    async with connect(f"ws://127.0.0.1:{port}/api/v1/files/{file_id}/room{query}", max_size=None) as socket:
        yield socket


async def say(socket: ClientConnection, body: dict[str, Any]) -> None:
    await socket.send(b"\x00" + json.dumps(body).encode())


async def hear(socket: ClientConnection, lane: int, kind: str | None = None) -> Any:
    """Returns the next frame of a lane, of a type on the control lane."""
    async with asyncio.timeout(60):
        while True:
            frame = await socket.recv()
            assert isinstance(frame, bytes)
            if frame[0] != lane:
                continue
            body = frame[1:] if lane == 2 else json.loads(frame[1:])
            if kind is None or body["type"] == kind:
                return body


async def test_open_edit_run_and_leave_over_the_socket(house: Any, port: int) -> None:
    file_id = await house.notebook("b")
    async with room(port, file_id) as socket:
        doc: Doc[Any] = Doc()
        for root in ("cells", "metadata", "extra"):
            doc[root] = Map()
        await say(socket, {"type": "hello", "version": 1, "client_id": doc.client_id, "epoch": None, "seq": None})
        welcome = await hear(socket, 0, "welcome")
        assert welcome["file"]["id"] == file_id
        assert "edit" in welcome["file"]["abilities"]
        await socket.send(b"\x02\x00" + doc.get_state())
        answer = await hear(socket, 2)
        assert answer[0] == 1
        doc.apply_update(answer[1:])
        before = doc.get_state()
        doc["cells"]["c0"]["source"].insert(0, "a")
        await socket.send(b"\x02\x02" + (7).to_bytes(4, "big") + doc.get_update(before))
        await say(socket, {"type": "execute", "id": "x", "cells": ["c0"]})
        saved = await hear(socket, 0, "saved")
        assert saved["ref"] == 7
        assert saved["epoch"] == welcome["epoch"]
        ack = await hear(socket, 0, "ack")
        wanted = ack["result"]["executions"][0]["id"]
        events: list[Any] = []
        while not any(e["type"] == "execution" and e["execution"]["status"] == "ok" for e in events):
            events += (await hear(socket, 1))["events"]
        inserted = [op["insert"] for e in events if e["type"] == "outputs" for op in e["ops"]]
        assert inserted[0][0]["text"] == "ab\n"
        assert wanted in {e["execution"]["id"] for e in events if e["type"] == "execution"}
    live = await house.rooms.open(file_id)
    await live.watch(lambda _state: True)
    assert live.document.source("c0") == "ab"


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (b'\x00{"type":"hello","version":99,"client_id":1}', 4400),
        (b'\x00{"type":"ping","id":"1"}', 4409),
        (b"\x00not json", 4409),
        (b"\x07", 4409),
        (b'\x00{"type":"hello","version":1,"client_id":"me"}', 4409),
    ],
)
async def test_a_bad_first_frame_is_told_by_the_close_code(house: Any, port: int, first: bytes, code: int) -> None:
    file_id = await house.notebook("x")
    async with room(port, file_id) as socket:
        await socket.send(first)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == code


@pytest.mark.parametrize("query", ["", "?stranger"])
async def test_what_is_not_there_and_what_is_not_shared_look_the_same(house: Any, port: int, query: str) -> None:
    file_id = await house.notebook("x") if query else "nothing"
    async with room(port, file_id, query) as socket:
        await say(socket, {"type": "hello", "version": 1, "client_id": 1})
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 4404


async def test_a_damaged_frame_ends_only_its_own_socket(house: Any, port: int) -> None:
    file_id = await house.notebook("x")
    async with room(port, file_id) as good, room(port, file_id) as bad:
        for number, socket in enumerate((good, bad)):
            await say(socket, {"type": "hello", "version": 1, "client_id": number})
            await hear(socket, 0, "welcome")
        await bad.send(b"\x02\x09damaged")
        with pytest.raises(ConnectionClosed):
            await hear(bad, 0, "never")
        assert bad.close_code == 4409
        await say(good, {"type": "ping", "id": "1"})
        assert (await hear(good, 0, "ack"))["id"] == "1"


def comm(header: dict[str, Any], *buffers: bytes) -> bytes:
    data = json.dumps({**header, "buffers": [len(buffer) for buffer in buffers]}).encode()
    return b"".join([b"\x04", len(data).to_bytes(4, "big"), data, *buffers])


DAMAGED = [
    b"\x04",
    b"\x04\xff\xff\xff\xff{}",
    b"\x04\x00\x00\x00\x02{}rest",
    b"\x04\x00\x00\x00\x02[]",
    comm({"id": "1"}, b"x")[:-1],
    comm({"id": 1}),
    comm({"id": "1", "content": "x" * (1 << 20)}),
    comm({"id": "1"}, b"x" * (8 << 20)),
]


async def test_damaged_frames_of_comms_end_their_own_sockets_and_whole_ones_are_answered(house: Any, port: int) -> None:
    file_id = await house.notebook("x")
    async with room(port, file_id) as good:
        await say(good, {"type": "hello", "version": 1, "client_id": 1})
        await hear(good, 0, "welcome")
        for frame in DAMAGED:
            async with room(port, file_id) as bad:
                await say(bad, {"type": "hello", "version": 1, "client_id": 2})
                await hear(bad, 0, "welcome")
                await bad.send(frame)
                with pytest.raises(ConnectionClosed):
                    await hear(bad, 0, "never")
                assert bad.close_code == 4409, frame[:40]
        about = {"id": "1", "type": "comm_msg", "execution_id": "e", "content": {"comm_id": "c"}}
        edge = (8 << 20) - len(comm(about, b"x" * 8_000_000)) + 1 + 8_000_000
        await good.send(comm(about, b"x" * edge))
        assert (await hear(good, 0, "comm_refused"))["code"] == "not_live"
        await good.send(comm({**about, "type": "comm_info"}))
        assert (await hear(good, 0, "comm_refused"))["code"] == "bad_comm"


async def test_only_a_page_that_was_asked_may_answer_with_more_than_a_command_holds(house: Any, port: int) -> None:
    file_id = await house.notebook("hang")
    async with room(port, file_id) as page, room(port, file_id) as other:
        for number, socket in enumerate((page, other)):
            await say(socket, {"type": "hello", "version": 1, "client_id": number})
            await hear(socket, 0, "welcome")
        await say(page, {"type": "execute", "id": "1", "cells": ["c0"]})
        execution = (await hear(page, 0, "ack"))["result"]["executions"][0]["id"]
        live = await house.rooms.open(file_id)
        await live.watch(lambda state: state["executions"][execution]["status"] == "running")
        kernel = house.compute.kernel_of("ada")
        kernel.ask("ask-1", "javascript", execution, script="1")
        assert (await hear(page, 0, "ask"))["ask_id"] == "ask-1"
        large = {"type": "answer", "id": "2", "ask_id": "ask-1", "ok": True, "value": "x" * (2 << 20)}
        await say(other, large)
        with pytest.raises(ConnectionClosed):
            await hear(other, 0, "never")
        await say(page, large)
        assert (await hear(page, 0, "ack"))["id"] == "2"
        assert len(kernel.answers["ask-1"]["value"]) == 2 << 20


async def _opened(port: int, file_id: str) -> tuple[Any, Doc[Any]]:
    """Opens a notebook as a page does; returns the welcome and the document once both sides are in step."""
    async with room(port, file_id) as socket:
        doc: Doc[Any] = Doc()
        for root in ("cells", "metadata", "extra"):
            doc[root] = Map()
        await say(socket, {"type": "hello", "version": 1, "client_id": doc.client_id, "epoch": None, "seq": None})
        welcome = await hear(socket, 0, "welcome")
        await socket.send(b"\x02\x00" + doc.get_state())
        answer = await hear(socket, 2)
        assert answer[0] == 1
        doc.apply_update(answer[1:])
        assert (await hear(socket, 2))[0] == 0
        await say(socket, {"type": "ping", "id": "still there"})
        assert (await hear(socket, 0, "ack"))["id"] == "still there"
    return welcome, doc


async def test_a_notebook_whose_state_is_larger_than_the_queue_opens(house: Any, port: int) -> None:
    outputs = [
        {"output_type": "display_data", "data": {"text/plain": f"{number} " * 500}, "metadata": {}}
        for number in range(4000)
    ]
    cell = {"id": "c0", "cell_type": "code", "source": "x", "metadata": {}, "outputs": outputs, "execution_count": 1}
    file_id = await house.upload({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    welcome, _ = await _opened(port, file_id)
    assert len(json.dumps(welcome)) > house.settings.limits.socket_queue_bytes
    assert len(welcome["state"]["cells"]["c0"]["outputs"]) == len(outputs)


async def test_a_notebook_whose_text_is_larger_than_the_queue_opens(house: Any, port: int) -> None:
    file_id = await house.notebook(*(f"{number}" * 1_900_000 for number in range(6)))
    _, doc = await _opened(port, file_id)
    assert [len(str(doc["cells"][f"c{number}"]["source"])) for number in range(6)] == [1_900_000] * 6

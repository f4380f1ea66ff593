"""A page without a browser: the room socket (docs/protocols.md, section 1) over the network, with a real Y.Doc."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from pycrdt import Doc, Map
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from labora.base.ids import new_id
from labora.rooms.state import apply_events

ENDS = frozenset({"ok", "error", "aborted", "lost"})
AGAIN_S = 0.05
PATIENCE_S = 180.0
"""How long to wait for what is sure to come: only a hang lasts longer, also on a machine with much else to do."""


class RoomClient:
    """One page on one notebook.

    Attributes:
        doc: the page's own copy of the document; what was typed while offline is sent with the next connection.
        state: RoomState, kept by events.
        acked: the marks given to :meth:`type` whose edits the server said are saved, in order.
        control: what the server said on the control lane, newest connection last.
    """

    def __init__(self, url: str, token: str, file_id: str) -> None:
        self.doc: Doc[Any] = Doc()
        for root in ("cells", "metadata", "extra"):
            self.doc[root] = Map()
        self.file_id = file_id
        self.state: Any = None
        self.seq = 0
        self.epoch: str | None = None
        self.welcome: dict[str, Any] = {}
        self.control: list[dict[str, Any]] = []
        self.acked: list[str] = []
        self.close_code: int | None = None
        self.close_reason = ""
        self.reading = asyncio.Event()
        """Cleared by a test to be a page that reads nothing."""
        self.reading.set()
        self._uri = f"ws{url.removeprefix('http')}/api/v1/files/{file_id}/room"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._socket: ClientConnection | None = None
        self._synced = False
        self._ref = 0
        self._marks: dict[int, list[str]] = {}
        self._unsent: list[str] = []
        self._own: list[bytes] = []
        self._remote = False
        self._changed = asyncio.Event()
        self._outbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self.doc.observe(self._edited)

    def _edited(self, event: Any) -> None:
        if not self._remote:
            self._own.append(event.update)

    # -- connection ---------------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Opens the socket and returns when both sides have each other's edits. Raises OSError, WebSocketException."""
        self._synced = False
        self._socket = await connect(
            self._uri, additional_headers=self._headers, max_size=None, max_queue=4, ping_interval=None
        )
        hello = {"type": "hello", "version": 1, "client_id": self.doc.client_id, "epoch": self.epoch, "seq": self.seq}
        self._outbox = asyncio.Queue()
        self._outbox.put_nowait(b"\x00" + json.dumps(hello).encode())
        self._tasks = [asyncio.create_task(self._read(self._socket)), asyncio.create_task(self._write(self._socket))]
        await self.until(lambda: self._synced or self._socket is None)
        if self._socket is None:
            raise ConnectionError(f"closed while opening: {self.close_code} {self.close_reason}")

    async def disconnect(self) -> None:
        """Closes the socket; what was typed and not acknowledged goes with the next one."""
        socket, self._socket = self._socket, None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if socket is not None:
            with contextlib.suppress(OSError, WebSocketException):
                await socket.close()
        self._lost()

    def _lost(self) -> None:
        self._socket, self._synced = None, False
        self._unsent = [mark for marks in self._marks.values() for mark in marks] + self._unsent
        self._marks = {}
        self._changed.set()

    @property
    def connected(self) -> bool:
        """Whether the socket is open and both sides are in step."""
        return self._socket is not None and self._synced

    @asynccontextmanager
    async def open(self) -> AsyncIterator[RoomClient]:
        """Connects for the length of the block."""
        await self.connect()
        try:
            yield self
        finally:
            await self.disconnect()

    async def stay(self, may: asyncio.Event) -> None:
        """Connects again whenever the connection breaks and ``may`` is set; until cancelled."""
        while True:
            await may.wait()
            if not self.connected:
                await self.disconnect()
                with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                    await self.connect()
                    continue
                await asyncio.sleep(AGAIN_S)
                continue
            await self.until(lambda: not self.connected, None)

    async def _write(self, socket: ClientConnection) -> None:
        with contextlib.suppress(OSError, WebSocketException):
            while True:
                await socket.send(await self._outbox.get())

    async def _read(self, socket: ClientConnection) -> None:
        try:
            while True:
                await self.reading.wait()
                frame = await socket.recv(decode=False)
                self._frame(frame)
                self._changed.set()
        except (OSError, WebSocketException):
            self.close_code, self.close_reason = socket.close_code, socket.close_reason or ""
        finally:
            if self._socket is socket:
                self._lost()

    def _frame(self, frame: bytes) -> None:
        lane, body = frame[0], frame[1:]
        if lane == 0:
            self._control(json.loads(body))
        elif lane == 1:
            message = json.loads(body)
            assert message["seq"] > self.seq, (message["seq"], self.seq)
            self.seq = message["seq"]
            self.state = apply_events(self.state, message["events"])
        elif lane == 2:
            self._document(body)

    def _control(self, message: dict[str, Any]) -> None:
        self.control.append(message)
        if message["type"] == "welcome":
            self.welcome, self.state, self.seq = message, message["state"], message["seq"]
            self.epoch = message["epoch"]
            self._outbox.put_nowait(b"\x02\x00" + self.doc.get_state())
        elif message["type"] == "saved":
            self.acked += self._marks.pop(message["ref"], [])

    def _document(self, body: bytes) -> None:
        if body[0] == 0:
            # What the server lacks: edits made offline, and those it did not acknowledge before the break.
            marks, self._unsent, self._own = self._unsent, [], []
            self._send(self.doc.get_update(body[1:]), marks)
            self._synced = True
            return
        if body[0] == 2:
            (seq,) = struct.unpack(">Q", body[1:9])
            assert seq > self.seq, (seq, self.seq)
            self.seq = seq
        self._remote = True
        try:
            self.doc.apply_update(body[1:] if body[0] == 1 else body[9:])
        finally:
            self._remote = False

    def _send(self, update: bytes, marks: list[str]) -> None:
        self._ref += 1
        self._marks[self._ref] = marks
        self._outbox.put_nowait(b"\x02\x02" + struct.pack(">I", self._ref) + update)

    # -- editing ------------------------------------------------------------------------------------------------------

    def type(self, cell_id: str, text: str, at: int | None = None) -> None:
        """Types ``text`` into a cell, at its end by default; it is in :attr:`acked` once it is saved."""
        source = self.doc["cells"][cell_id]["source"]
        source.insert(len(str(source).encode()) if at is None else at, text)
        own, self._own = self._own, []
        if not self.connected:
            self._unsent.append(text)
            return
        for update in own[:-1]:
            self._send(update, [])
        self._send(own[-1], [text])

    def flush(self) -> None:
        """Sends what was changed in :attr:`doc` by other means than :meth:`type`."""
        own, self._own = self._own, []
        if not self.connected:
            self._unsent.append("")
            return
        for update in own:
            self._send(update, [""])

    def source(self, cell_id: str) -> str:
        """Returns a cell's text as this page has it."""
        return str(self.doc["cells"][cell_id]["source"])

    @property
    def unsaved(self) -> int:
        """How many marks the server has not acknowledged."""
        return len(self._unsent) + sum(len(marks) for marks in self._marks.values())

    # -- commands -----------------------------------------------------------------------------------------------------

    def send_frame(self, frame: bytes) -> None:
        """Sends any frame, well-formed or not."""
        self._outbox.put_nowait(frame)

    async def command(self, verb: str, *, timeout_s: float = PATIENCE_S, **arguments: Any) -> dict[str, Any]:
        """Sends a command and returns its answer, ack or refused."""
        key = new_id()
        seen = len(self.control)
        self._outbox.put_nowait(b"\x00" + json.dumps({"type": verb, "id": key, **arguments}).encode())
        await self.until(lambda: any(m.get("id") == key for m in self.control[seen:]), timeout_s)
        return next(m for m in self.control[seen:] if m.get("id") == key)

    async def execute(self, *cells: str, timeout_s: float = PATIENCE_S) -> list[str]:
        """Queues cells; returns the ids of the executions."""
        answer = await self.command("execute", cells=list(cells), timeout_s=timeout_s)
        assert answer["type"] == "ack", answer
        return [execution["id"] for execution in answer["result"]["executions"]]

    async def run(self, cell_id: str, timeout_s: float = PATIENCE_S) -> str:
        """Runs a cell to its end; returns what its streams say."""
        (key,) = await self.execute(cell_id)
        execution = await self.finished(key, timeout_s)
        assert execution["status"] == "ok", (execution, self.state["cells"].get(cell_id))
        return self.text(cell_id)

    async def finished(self, execution_id: str, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """Waits for an execution's end, over reconnections, and returns it."""

        def ended() -> bool:
            known = (self.state or {}).get("executions", {}).get(execution_id)
            return known is not None and known["status"] in ENDS

        await self.until(ended, timeout_s)
        return dict(self.state["executions"][execution_id])

    def text(self, cell_id: str) -> str:
        """Returns the inline text of a cell's streams."""
        cell = self.state["cells"].get(cell_id, {"outputs": []})
        return "".join(output.get("text", "") for output in cell["outputs"])

    async def until(self, condition: Callable[[], bool], timeout_s: float | None = PATIENCE_S) -> None:
        """Waits until something holds of this page. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

"""A small house with rooms: database, drive, two accounts, a scripted kernel, and Yjs clients."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pycrdt import Doc, Map, Text
from sqlalchemy import insert

from labora.access import Principal, Scope
from labora.base.errors import GoneError, LaboraError, NotFoundError
from labora.base.ids import new_id
from labora.base.settings import Settings, load_settings
from labora.blobs import Blobs
from labora.db import Database
from labora.db.schema import accounts
from labora.drive import Drive
from labora.drive.inspect import notebook_inspector
from labora.kernels.model import KernelInfo, KernelMessage, Sink
from labora.rooms import Kills, Room, Rooms, RuntimeLease, Subscriber, handle_command
from labora.testing.database import fresh

ADA = Principal("ada", "Ada", scopes=frozenset(Scope))
BOB = Principal("bob", "Bob", scopes=frozenset(Scope))


class FakeKernel:
    """A kernel that says what the test lets it say, numbered and kept until it is acknowledged."""

    def __init__(self, runtime_id: str, kernel_id: str) -> None:
        self.runtime_id, self.kernel_id = runtime_id, kernel_id
        self.spool: list[KernelMessage] = []
        self.n = self.acked = 0
        self.life = 1
        self.status = "idle"
        self.known_spec = True
        self.executed: list[tuple[str, str]] = []
        self.known: dict[str, str] = {}
        self.inputs: list[tuple[str, str, str]] = []
        self.interrupts = 0
        self.answers: dict[str, dict[str, Any]] = {}
        self.comms: list[tuple[str, str, str | None, dict[str, Any], tuple[bytes, ...]]] = []
        self.calls: list[tuple[dict[str, str], str | None]] = []
        self.result: Any = {"status": "ok", "data": {"text/plain": "1"}, "metadata": {}}
        self.script: Callable[[FakeKernel, str, str], None] | None = None
        self._sink: Sink | None = None
        self._sent = 0
        self._task: asyncio.Task[None] | None = None
        self._more = asyncio.Event()

    def say(
        self, kind: str, content: dict[str, Any], execution: str | None = None, channel: str = "iopub", **more: Any
    ) -> None:
        self.n += 1
        self.spool.append(KernelMessage(self.n, execution, channel, kind, content, **more))
        self._more.set()

    def ask(self, ask_id: str, kind: str, execution: str | None = None, **content: Any) -> None:
        """Asks the server, as a program does over HTTP."""
        asked = {"ask_id": ask_id, "kind": kind, "content": content, "timeout_s": None}
        self.say("ask", asked, execution, "agent")

    def print(self, execution: str, text: str) -> None:
        self.say("stream", {"name": "stdout", "text": text}, execution)

    def done(self, execution: str, status: str = "ok", count: int | None = 1) -> None:
        self.known[execution] = status
        self.say("done", {"status": status, "execution_count": count}, execution, "agent")

    @property
    def running(self) -> str:
        return self.executed[-1][0]

    async def start(self, *, cwd: str = "/content") -> KernelInfo:
        if not self.known_spec:
            raise NotFoundError("no such kernel", code="no_such_kernelspec")
        return self.known_info

    async def info(self) -> KernelInfo:
        return self.known_info

    @property
    def known_info(self) -> KernelInfo:
        language = {"name": "python", "mimetype": "text/x-python", "version": "3"}
        return KernelInfo(self.kernel_id, self.status, 1, self.n, self.life, language)

    async def attach(self, after: int, sink: Sink, *, interval_s: float = 0.0) -> None:
        self._sink, self._sent = sink, after
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._deliver())
        self._more.set()

    async def _deliver(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            batch = [message for message in self.spool if message.n > self._sent]
            if batch and self._sink is not None:
                try:
                    await self._sink(batch)
                except LaboraError:
                    return
                self._sent = batch[-1].n

    def detach(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = self._sink = None

    async def ack(self, n: int) -> None:
        self.acked = n
        self.spool = [message for message in self.spool if message.n > n]

    async def execute(self, execution_id: str, code: str, *, allow_stdin: bool = True) -> None:
        if execution_id in self.known:
            return
        self.known[execution_id] = "running"
        self.executed.append((execution_id, code))
        if self.script is not None:
            self.script(self, execution_id, code)

    async def executions(self) -> dict[str, str]:
        return dict(self.known)

    async def interrupt(self) -> None:
        self.interrupts += 1

    async def restart(self) -> KernelInfo:
        self.life, self.status, self.known = self.life + 1, "idle", {}
        self.say("started", {"life": self.life}, None, "agent")
        return self.known_info

    async def shutdown(self) -> None:
        self.status = "dead"

    async def input(self, execution_id: str, request_id: str, value: str) -> None:
        self.inputs.append((execution_id, request_id, value))

    async def answer(self, ask_id: str, answer: dict[str, Any]) -> None:
        if ask_id in self.answers:
            raise GoneError("nobody waits", code="no_such_ask")
        self.answers[ask_id] = answer

    async def comm(
        self,
        message_id: str,
        kind: str,
        content: dict[str, Any],
        *,
        execution_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        buffers: tuple[bytes, ...] = (),
    ) -> None:
        self.comms.append((message_id, kind, execution_id, content, tuple(buffers)))

    async def evaluate(
        self, call_id: str, expressions: dict[str, str], *, execution_id: str | None = None
    ) -> dict[str, Any]:
        self.calls.append((expressions, execution_id))
        if isinstance(self.result, LaboraError):
            raise self.result
        return {"result": self.result}

    async def complete(self, code: str, cursor: int) -> dict[str, Any]:
        start = cursor - 1
        return {"matches": [code[start:cursor] + "!"], "cursor_start": start, "cursor_end": cursor, "metadata": {}}

    async def inspect(self, code: str, cursor: int, detail: int = 0) -> dict[str, Any]:
        return {"found": True, "data": {"text/plain": code[:cursor]}}


def echo(kernel: FakeKernel, execution: str, code: str) -> None:
    """Prints the code and is done; ``raise`` ends in an error, ``hang`` waits for the test."""
    if code.startswith("hang"):
        return
    if code.startswith("raise"):
        kernel.say("error", {"ename": "E", "evalue": code, "traceback": []}, execution)
        kernel.done(execution, "error")
        return
    kernel.print(execution, code + "\n")
    kernel.done(execution)


class FakeCompute:
    """Runtimes of memory, one per account; they live on when the rooms are made anew."""

    def __init__(self) -> None:
        self.runtimes: dict[str, str] = {}
        self.warm_kernels: list[str] = []
        self.prepared: list[str] = []
        self.kernelspecs = ["python3", "ir"]
        self.kernels: dict[str, FakeKernel] = {}
        self.fail: LaboraError | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.answer: Callable[[FakeKernel, str, str], None] | None = echo
        self.killed = Kills()
        self.noted: list[tuple[str, str]] = []
        self.ended: dict[str, tuple[str, str]] = {}
        self.ending: list[Callable[[str], Awaitable[None]]] = []
        self.warned: list[Callable[[str, str | None, str | None], None]] = []
        self.lookers: list[tuple[Any, Any]] = []
        self._listeners: list[Callable[[str, str, str], None]] = []

    async def ensure(self, account_id: str, progress: Any) -> RuntimeLease:
        progress({"label": "Starting", "fraction": None})
        await self.gate.wait()
        if self.fail is not None:
            raise self.fail
        take_kernel = lambda: self.warm_kernels.pop() if self.warm_kernels else None  # noqa: E731
        return RuntimeLease(self.runtimes.setdefault(account_id, new_id()), "b", take_kernel=take_kernel)

    def prepare(self, account_id: str) -> None:
        self.prepared.append(account_id)

    async def find(self, runtime_id: str) -> RuntimeLease | None:
        return RuntimeLease(runtime_id, "b") if runtime_id in self.runtimes.values() else None

    async def session(self, runtime_id: str, kernel_id: str, kernel_name: str) -> FakeKernel:
        kernel = self.kernels.setdefault(kernel_id, FakeKernel(runtime_id, kernel_id))
        kernel.known_spec = kernel_name in self.kernelspecs
        kernel.script = self.answer
        return kernel

    async def end(self, runtime_id: str, *, by: str) -> None:
        self.runtimes = {account: known for account, known in self.runtimes.items() if known != runtime_id}

    def end_by_itself(self, runtime_id: str, reason: str, message: str) -> None:
        self.runtimes = {account: known for account, known in self.runtimes.items() if known != runtime_id}
        for listener in self._listeners:
            listener(runtime_id, reason, message)

    def on_ended(self, listener: Callable[[str, str, str], None]) -> None:
        self._listeners.append(listener)

    async def why_ended(self, runtime_id: str) -> tuple[str, str] | None:
        return self.ended.get(runtime_id)

    def on_ending(self, listener: Callable[[str], Awaitable[None]]) -> None:
        self.ending.append(listener)

    def on_warning(self, listener: Callable[[str, str | None, str | None], None]) -> None:
        self.warned.append(listener)

    def look(self, wanted: Any, take: Any) -> Callable[[], None]:
        self.lookers.append((wanted, take))
        return lambda: self.noted.append(("look", ""))

    async def kills(self, runtime_id: str) -> Kills:
        return replace(self.killed, memory_limit=4 * 1024**3, disk_limit=20 * 1024**3)

    def note_execution(self, runtime_id: str) -> None:
        self.noted.append(("execution", runtime_id))

    def note_input(self, runtime_id: str) -> None:
        self.noted.append(("input", runtime_id))

    def kernel_of(self, account_id: str) -> FakeKernel:
        found = [kernel for kernel in self.kernels.values() if kernel.runtime_id == self.runtimes[account_id]]
        return found[-1]


class House:
    """What a server is made of, as far as rooms need it. :meth:`restart` drops all memory, like a kill would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings: Settings = load_settings(storage={"data_dir": folder, "min_free_bytes": 0})
        self.database = Database(f"sqlite+aiosqlite:///{folder}/labora.db")
        self.blobs = Blobs(self.database, folder / "blobs")
        self.drive = Drive(self.database, self.blobs, self.settings.limits, notebook_inspector(self.settings.limits))
        self.compute = FakeCompute()
        self.rooms: Rooms
        self._made: list[Rooms] = []

    async def start(self, **options: Any) -> None:
        self.rooms = Rooms(
            database=self.database,
            blobs=self.blobs,
            drive=self.drive,
            settings=self.settings,
            compute=self.compute,
            **options,
        )
        self._made.append(self.rooms)
        await self.rooms.start()

    async def add_account(self, principal: Principal) -> None:
        row = {
            "id": principal.account_id,
            "login": principal.account_id,
            "name": principal.name,
            "password_hash": "x",
            "created_at": "2026-01-01T00:00:00.000Z",
        }
        async with self.database.transaction() as connection:
            await connection.execute(insert(accounts).values(**row))

    async def crash(self) -> None:
        """Drops everything that is not on disk."""
        rooms = self.rooms
        rooms.abandon()
        for kernel in self.compute.kernels.values():
            kernel.detach()
        async with self.database.transaction():
            # A real kill ends the thread that commits; here it ends by itself, before anybody looks.
            pass

    async def notebook(self, *sources: str, by: Principal = ADA) -> str:
        """Makes a notebook with code cells c0, c1 … and returns its id."""
        cells = [
            {
                "id": f"c{number}",
                "cell_type": "code",
                "source": source,
                "metadata": {},
                "outputs": [],
                "execution_count": None,
            }
            for number, source in enumerate(sources)
        ]
        return await self.upload({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, by=by)

    async def upload(self, content: Any, *, by: Principal = ADA, name: str = "n.ipynb") -> str:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()

        async def chunks() -> AsyncIterator[bytes]:
            yield data

        view = await self.drive.upload(by, name, "root", chunks())
        return view.id

    ada = ADA

    def new_page(self, file_id: str, principal: Principal = ADA) -> Page:
        """Returns a page that is not connected yet."""
        return Page(self, file_id, principal)

    async def close(self) -> None:
        await self.rooms.close()
        await self.database.close()

    @asynccontextmanager
    async def page(self, file_id: str, principal: Principal = ADA, **options: Any) -> AsyncIterator[Page]:
        page = Page(self, file_id, principal, **options)
        await page.connect()
        try:
            yield page
        finally:
            page.disconnect()


class Page:
    """A browser page: a Y.Doc, what the server told, and a subscriber in the room."""

    def __init__(self, house: House, file_id: str, principal: Principal = ADA, *, limit: int | None = None) -> None:
        self.house, self.file_id, self.principal = house, file_id, principal
        self.doc: Doc[Any] = Doc()
        for root in ("cells", "metadata", "extra"):
            self.doc[root] = Map()
        self.limit = limit
        self.welcome: dict[str, Any] = {}
        self.state: Any = None
        self.control: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.presence: list[dict[str, Any]] = []
        self.comms: list[tuple[dict[str, Any], list[bytes]]] = []
        self.seq = 0
        self.unsaved: dict[int, bytes] = {}
        self.room: Room
        self.subscriber: Subscriber | None = None
        self._ref = 0
        self._command = 0
        self._reader: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._origin = object()
        self._own: list[bytes] = []
        self._remote = False
        self.reading = asyncio.Event()
        self.reading.set()
        self.doc.observe(self._edited)

    def _edited(self, event: Any) -> None:
        if not self._remote:
            self._own.append(event.update)

    async def connect(self) -> None:
        room, subscriber, view = await self.house.rooms.subscriber(self.principal, self.file_id, self.doc.client_id)
        if self.limit is not None:
            subscriber.limit_bytes = self.limit
        self.room, self.subscriber = room, subscriber
        room.join(subscriber, {"id": view.id})
        # What was not acknowledged goes again, in the answer to the server's state vector.
        self.unsaved.clear()
        self._own.clear()
        self._reader = asyncio.create_task(self._read())
        await self.until(lambda: bool(self.welcome))
        room.sync(subscriber, self.doc.get_state())
        await self.settle()

    def disconnect(self) -> None:
        if self.subscriber is not None:
            self.room.leave(self.subscriber)
        if self._reader is not None:
            self._reader.cancel()
        self.subscriber = self._reader = None
        self.welcome = {}

    async def _read(self) -> None:
        subscriber = self.subscriber
        assert subscriber is not None
        while frames := await subscriber.frames():
            await self.reading.wait()
            for frame in frames:
                subscriber.sent(len(frame))
                self._frame(frame)
            self._changed.set()
        self._changed.set()

    def _frame(self, frame: bytes) -> None:
        from labora.rooms.state import apply_events

        lane, body = frame[0], frame[1:]
        if lane == 0:
            message = json.loads(body)
            self.control.append(message)
            if message["type"] == "welcome":
                self.welcome, self.state, self.seq = message, message["state"], message["seq"]
            elif message["type"] == "saved":
                self.unsaved.pop(message["ref"], None)
        elif lane == 1:
            message = json.loads(body)
            assert message["seq"] > self.seq
            self.seq = message["seq"]
            self.events += message["events"]
            self.state = apply_events(self.state, message["events"])
        elif lane == 2:
            self._document(body)
        elif lane == 3:
            self.presence += json.loads(body)["clients"]
        elif lane == 4:
            (size,) = struct.unpack(">I", body[:4])
            header, rest, buffers = json.loads(body[4 : 4 + size]), body[4 + size :], []
            for length in header.pop("buffers", []):
                buffers.append(rest[:length])
                rest = rest[length:]
            assert rest == b""
            self.comms.append((header, buffers))

    def _document(self, body: bytes) -> None:
        if body[0] == 0:
            missing = self.doc.get_update(body[1:])
            self.send_update(missing)
            return
        update = body[1:] if body[0] == 1 else body[9:]
        if body[0] == 2:
            (seq,) = struct.unpack(">Q", body[1:9])
            assert seq > self.seq
            self.seq = seq
        self._remote = True
        try:
            self.doc.apply_update(update)
        finally:
            self._remote = False

    def send_update(self, update: bytes) -> int:
        self._ref += 1
        self.unsaved[self._ref] = update
        assert self.subscriber is not None
        self.room.update(self.subscriber, self._ref, update)
        return self._ref

    def flush(self) -> None:
        """Sends the edits that were made since the last flush."""
        own, self._own = self._own, []
        for update in own:
            self.send_update(update)

    def type(self, cell_id: str, text: str, at: int = 0) -> None:
        """Types at a place and sends it when connected."""
        self.doc["cells"][cell_id]["source"].insert(at, text)
        if self.subscriber is not None:
            self.flush()

    def add_cell(self, cell_id: str, source: str = "", position: str = "zV") -> None:
        fields = {"source": Text(source), "kind": "code", "position": position, "metadata": Map(), "extra": Map()}
        self.doc["cells"][cell_id] = Map(fields)
        if self.subscriber is not None:
            self.flush()

    def source(self, cell_id: str) -> str:
        return str(self.doc["cells"][cell_id]["source"])

    def sources(self) -> dict[str, str]:
        return {key: str(cell["source"]) for key, cell in self.doc["cells"].items()}

    def send(self, verb: str, command_id: str | None = None, **arguments: Any) -> str:
        if command_id is None:
            self._command += 1
            command_id = f"{self.doc.client_id}-{self._command}"
        assert self.subscriber is not None
        handle_command(self.room, self.subscriber, self.house.rooms, {"type": verb, "id": command_id, **arguments})
        return command_id

    def comm(self, own_id: str, kind: str, execution_id: str, buffers: tuple[bytes, ...] = (), **content: Any) -> None:
        """Says something to a comm of the account's kernel."""
        assert self.subscriber is not None
        header = {"id": own_id, "type": kind, "execution_id": execution_id, "content": content, "metadata": {}}
        self.house.rooms.live.comm(self.room, self.subscriber, header, buffers)

    def told(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """Returns the control messages of a type with these fields."""
        return [m for m in self.control if m["type"] == kind and fields.items() <= m.items()]

    def said(self, kind: str) -> list[dict[str, Any]]:
        """Returns the headers of one type on the lane of comms."""
        return [header for header, _ in self.comms if header["type"] == kind]

    async def command(self, verb: str, command_id: str | None = None, **arguments: Any) -> dict[str, Any]:
        """Sends a command and returns its answer, ack or refused."""
        seen = len(self.control)
        key = self.send(verb, command_id, **arguments)
        await self.until(lambda: any(m.get("id") == key for m in self.control[seen:]))
        return next(m for m in self.control[seen:] if m.get("id") == key)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def settle(self) -> None:
        """Waits until everything sent is durable and everything durable has arrived."""
        if self.house.rooms.journal.ok:
            await self.room.settled()
        answer = await self.command("ping")
        assert answer["type"] == "ack"

    async def finished(self, execution_id: str) -> dict[str, Any]:
        """Waits for an execution's end and returns it."""
        ends = ("ok", "error", "aborted", "lost")
        await self.until(lambda: self.state["executions"].get(execution_id, {}).get("status") in ends)
        return dict(self.state["executions"][execution_id])

    def text(self, cell_id: str) -> str:
        """Returns what a cell's streams say."""
        cell = self.state["cells"].get(cell_id, {"outputs": []})
        return "".join(output.get("text", "") for output in cell["outputs"])


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A started house with Ada and Bob."""
    made = House(tmp_path)
    await fresh(made.database)
    for principal in (ADA, BOB):
        await made.add_account(principal)
    await made.start()
    yield made
    await made.close()

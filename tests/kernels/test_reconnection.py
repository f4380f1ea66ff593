"""Breaks of the channel: nothing is lost and nothing comes twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labora.base.errors import InvalidError, UnavailableError
from labora.kernels import channel
from labora.kernels.connection import GuestConnection
from labora.kernels.service import Kernels
from labora.testing.recorder import Recorder
from labora.testing.runtime import LocalRuntime


class CuttingProxy:
    """Stands between control plane and guest; cuts each connection after so many bytes of the guest."""

    def __init__(self, target: Path, budgets: list[int]) -> None:
        self.path = target.with_name("p")
        self.cuts = 0
        self._target = target
        self._budgets = budgets
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> CuttingProxy:
        self._server = await asyncio.start_unix_server(self._connected, str(self.path))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await asyncio.sleep(0)

    def cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = self._budgets.pop(0) if self._budgets else None
        up_reader, up_writer = await asyncio.open_unix_connection(str(self._target))
        self._writers |= {writer, up_writer}

        async def down() -> None:
            nonlocal left
            while data := await up_reader.read(65536):
                piece = data if left is None else data[:left]
                writer.write(piece)
                await writer.drain()
                if left is not None:
                    left -= len(piece)
                    if left <= 0:
                        self.cuts += 1
                        return

        async def up() -> None:
            while data := await reader.read(65536):
                up_writer.write(data)
                await up_writer.drain()

        tasks = [asyncio.create_task(down()), asyncio.create_task(up())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, OSError):
                    await task
            for each in (writer, up_writer):
                self._writers.discard(each)
                each.transport.abort()


@dataclass
class Through:
    """A runtime's address that leads through the proxy."""

    id: str
    socket: Path
    key: str
    generation: int


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(budgets=st.lists(st.integers(min_value=1, max_value=12_000), min_size=1, max_size=6))
async def test_cuts_anywhere_leave_the_output_gapless(budgets: list[int]) -> None:
    async with LocalRuntime() as local, CuttingProxy(local.handle.socket, budgets) as proxy:
        through = Through(local.runtime.id, proxy.path, local.runtime.key, local.runtime.generation)
        kernels = Kernels()
        session = kernels.session(through, "k")
        recorder = Recorder(session)
        await session.start(cwd=local.cwd)
        await recorder.attach()
        await recorder.run("e1", "n = 0")
        await recorder.run("e2", "n += 1\nfor i in range(300):\n    display(i)")
        await recorder.run("e3", "print(n)")
        await kernels.close()
        assert recorder.numbers == list(range(1, len(recorder.numbers) + 1))
        shown = [int(m.content["data"]["text/plain"]) for m in recorder.of_type("display_data")]
        assert shown == list(range(300))
        assert recorder.text("e3") == "1\n"
        assert proxy.cuts >= 1


async def test_a_new_control_plane_goes_on_from_what_is_durable(local: LocalRuntime) -> None:
    session = local.session("k")
    info = await session.start(cwd=local.cwd)
    before = Recorder(session, acknowledge=False)
    await before.attach()
    await before.run("e1", "x = 41\nfor i in range(100): display(i)")
    durable = before.numbers[50]
    await session.ack(durable)
    # Round trip: the acknowledgement was read before the connection ends.
    await session.executions()
    await session.execute("e2", "import time\nfor i in range(20): display(i); time.sleep(0.02)")
    await local.kernels.close()

    kernels = Kernels()
    again = kernels.session(local.runtime, "k")
    after = Recorder(again)
    assert (await again.start(cwd=local.cwd)).pid == info.pid
    await after.attach(durable)
    await after.done("e2")
    await after.run("e3", "print(x + 1)")
    await kernels.close()
    assert after.numbers == list(range(durable + 1, durable + 1 + len(after.numbers)))
    assert len([m for m in after.of_type("display_data") if m.execution_id == "e2"]) == 20
    assert after.text("e3") == "42\n"


async def test_what_the_guest_no_longer_has_is_said(kernel: Recorder, local: LocalRuntime) -> None:
    await kernel.run("e1", "print('taken')")
    await local.kernels.connection(local.runtime).request("meter", {})
    late = Recorder(kernel.session)
    await late.attach(0)
    lost = await late.until(lambda m: m.type == "lost")
    assert lost.content["first"] == 1
    await late.run("e2", "print('new')")
    assert late.text("e2") == "new\n"
    assert late.numbers == list(range(lost.n, lost.n + len(late.numbers)))


async def test_input_survives_a_reconnection(local: LocalRuntime) -> None:
    async with CuttingProxy(local.handle.socket, []) as proxy:
        through = Through(local.runtime.id, proxy.path, local.runtime.key, local.runtime.generation)
        kernels = Kernels()
        session = kernels.session(through, "k")
        recorder = Recorder(session)
        await session.start(cwd=local.cwd)
        await recorder.attach()
        await session.execute("e1", "print('hi ' + input('who? '))")
        asked = await recorder.until(lambda m: m.type == "input_request")
        proxy.cut()
        await session.input("e1", asked.content["request_id"], "Bo")
        await recorder.done("e1")
        assert recorder.text("e1") == "hi Bo\n"
        await kernels.close()


async def test_a_sink_that_fails_can_attach_again(kernel: Recorder) -> None:
    await kernel.run("e1", "1")
    broke = asyncio.Event()

    async def failing(_batch: list) -> None:
        broke.set()
        raise OSError("disk full")

    durable = kernel.numbers[-1]
    await kernel.session.attach(durable, failing)
    await kernel.session.execute("e2", "print('kept')")
    await broke.wait()
    again = Recorder(kernel.session)
    await again.attach(durable)
    await again.done("e2")
    assert again.text("e2") == "kept\n"
    assert again.numbers == list(range(durable + 1, durable + 1 + len(again.numbers)))


async def test_a_request_that_the_agent_would_not_read_is_refused_and_breaks_nothing(
    local: LocalRuntime, kernel: Recorder
) -> None:
    connection = local.kernels.connection(local.runtime)
    empty = {"t": "req", "id": 1000, "verb": "meter", "args": {"pad": ""}}
    largest = channel.GUEST_REQUEST_BYTES - 4 - len(channel.dump(empty))
    hello = connection.hello
    with pytest.raises(InvalidError) as caught:
        await connection.request("meter", {"pad": "x" * (largest + 4)})
    assert caught.value.error_code == "too_large"
    with pytest.raises(InvalidError):
        # What counts is what is sent.
        await kernel.session.answer("ask-1", {"ok": True, "value": "ä" * (3 << 20)})
    # Numbers of requests are shorter here than in ``empty``.
    await connection.request("meter", {"pad": "x" * largest})
    await kernel.run("e1", "print('on')")
    assert kernel.text("e1") == "on\n"
    assert connection.hello is hello, "the connection is the same"


async def test_a_wrong_key_is_refused(local: LocalRuntime) -> None:
    connection = GuestConnection("r", local.handle.socket, "wrong", 1)
    with pytest.raises(UnavailableError) as caught:
        await connection.request("meter", {})
    assert caught.value.error_code == "bad_key"
    await connection.close()


async def test_a_stale_generation_is_refused(local: LocalRuntime) -> None:
    connection = GuestConnection("r", local.handle.socket, local.runtime.key, 2)
    with pytest.raises(UnavailableError) as caught:
        await connection.request("meter", {})
    assert caught.value.error_code == "stale_generation"
    await connection.close()


async def test_nobody_listening_is_a_typed_error(tmp_path: Path) -> None:
    connection = GuestConnection("r", tmp_path / "nothing", "key", 1)
    with pytest.raises(UnavailableError) as caught:
        await connection.request("meter", {}, timeout_s=0.2)
    assert caught.value.error_code == "runtime_unreachable"
    await connection.close()


async def test_the_newest_connection_wins(local: LocalRuntime, kernel: Recorder) -> None:
    await kernel.run("e1", "1")
    first_reader, first_writer = await asyncio.open_unix_connection(str(local.handle.socket))
    await _hello(first_reader, first_writer, local)
    # The server's own connection comes back and closes the intruder.
    await kernel.run("e2", "print('back')")
    assert await first_reader.read() is not None
    assert kernel.text("e2") == "back\n"
    first_writer.close()


JUNK = [
    b"\x00",
    b"\xff\xff\xff\xff" * 4,
    b"GET / HTTP/1.1\r\n\r\n",
    struct.pack(">II", 6, 2) + b"{}",
    struct.pack(">II", 4, 900),
    struct.pack(">II", 4 + 100_000, 100_000) + b"[" * 100_000,
    struct.pack(">II", 7, 3) + b"\xff\xfe\xfd",
]


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
@pytest.mark.parametrize("greeted", [False, True])
async def test_junk_costs_its_connection_and_nothing_else(
    local: LocalRuntime, kernel: Recorder, junk: bytes, greeted: bool
) -> None:
    await kernel.run("e1", "x = 1")
    reader, writer = await asyncio.open_unix_connection(str(local.handle.socket))
    if greeted:
        await _hello(reader, writer, local)
    writer.write(junk)
    writer.write_eof()
    with contextlib.suppress(ConnectionError):
        await reader.read()
    writer.close()
    await kernel.run("e2", "print(x)")
    assert kernel.text("e2") == "1\n"
    assert kernel.numbers == list(range(1, len(kernel.numbers) + 1))


async def _hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, local: LocalRuntime) -> None:
    args = {"version": 1, "key": local.runtime.key, "generation": 1}
    header = json.dumps({"t": "req", "id": 1, "verb": "hello", "args": args}).encode()
    writer.write(struct.pack(">II", 4 + len(header), len(header)) + header)
    (size,) = struct.unpack(">I", await reader.readexactly(4))
    body = await reader.readexactly(size)
    assert json.loads(body[4:])["ok"] is True

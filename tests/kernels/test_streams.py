"""Streams beside the kernels' messages: files and ports of the runtime, windows, ends and breaks."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from labora.base.errors import LaboraError
from labora.kernels.connection import GuestConnection
from labora.kernels.streams import WINDOW, GuestStream
from labora.testing.providers import guest_path
from labora.testing.recorder import Recorder
from labora.testing.runtime import LocalRuntime

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[LocalRuntime]:
    async with LocalRuntime() as runtime:
        yield runtime


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guest(shared: LocalRuntime) -> GuestConnection:
    return shared.kernels.connection(shared.runtime)


@pytest.fixture
def content(shared: LocalRuntime) -> Path:
    return Path(shared.cwd)


async def everything(stream: GuestStream) -> bytes:
    return b"".join([piece async for piece in pieces(stream)])


async def pieces(stream: GuestStream) -> AsyncIterator[bytes]:
    while piece := await stream.read():
        yield piece


async def refusal(guest: GuestConnection, kind: str, **args: object) -> str:
    with pytest.raises(LaboraError) as caught:
        await guest.open_stream(kind, args)
    return caught.value.error_code


async def test_a_file_is_written_whole_and_read_in_part(guest: GuestConnection, content: Path) -> None:
    data = os.urandom(3 * WINDOW + 17)
    out = await guest.open_stream("write", {"path": "/content/a/b/file.bin", "size": len(data)})
    await out.write(data[:100_000])
    assert [path.name for path in (content / "a" / "b").iterdir()] != ["file.bin"]
    await out.write(data[100_000:])
    assert (await out.finish())["size"] == len(data)
    assert [path.name for path in (content / "a" / "b").iterdir()] == ["file.bin"]
    assert (content / "a" / "b" / "file.bin").read_bytes() == data

    whole = await guest.open_stream("read", {"path": "a/b/file.bin"})
    assert whole.facts["size"] == len(data)
    assert await everything(whole) == data
    part = await guest.open_stream("read", {"path": "/content/a/b/file.bin", "offset": 5, "length": 70_000})
    assert await everything(part) == data[5:70_005]


async def test_what_is_not_finished_leaves_nothing(guest: GuestConnection, content: Path) -> None:
    (content / "kept").write_text("before")
    out = await guest.open_stream("write", {"path": "/content/kept"})
    await out.write(b"half of it")
    await out.close()
    await guest.request("file.list", {"path": "/content"})
    names = [entry["name"] for entry in (await guest.request("file.list", {"path": "/content"}))["entries"]]
    assert "kept" in names
    assert not [name for name in names if name.startswith(".labora")]
    assert (content / "kept").read_text() == "before"


async def test_sec_65_only_ordinary_files_below_the_three_folders(guest: GuestConnection, content: Path) -> None:
    os.mkfifo(content / "pipe")
    (content / "out").symlink_to("/etc")
    (content / "secret").symlink_to("/proc/self/environ")
    (content / "near.txt").write_text("here")
    (content / "link.txt").symlink_to("near.txt")
    for path in ("/etc/passwd", "/content/../etc/passwd", "/content/out/passwd", "/content/secret", "/", "/proc/1/mem"):
        assert await refusal(guest, "read", path=path) == "outside", path
        assert await refusal(guest, "write", path=path) == "outside", path
    assert await refusal(guest, "read", path="/content/pipe") == "not_a_file"
    assert await refusal(guest, "read", path="/content") == "not_a_file"
    assert await refusal(guest, "write", path="/content/pipe") == "not_a_file"
    assert await refusal(guest, "read", path="/content/nothing") == "no_such_file"
    assert await refusal(guest, "read", path="a\0b") == "bad_path"
    assert await everything(await guest.open_stream("read", {"path": "/content/link.txt"})) == b"here"
    # Parts of widgets, which run in the page, are read where packages put them, and not written.
    assert await refusal(guest, "read", path="/usr/share/jupyter/nbextensions/none.js") == "no_such_file"
    assert await refusal(guest, "write", path="/usr/share/jupyter/nbextensions/none.js") == "outside"
    assert await refusal(guest, "read", path="/usr/share/jupyter/other") == "outside"


async def test_a_disk_without_room_refuses_at_once(guest: GuestConnection) -> None:
    assert await refusal(guest, "write", path="/content/huge", size=1 << 60) == "disk_full"


async def test_a_connection_passes_bytes_and_ends_both_ways(guest: GuestConnection) -> None:
    async def upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read()).upper())
        writer.close()

    async with await asyncio.start_server(upper, "127.0.0.1", 0) as server:
        stream = await guest.open_stream("tcp", {"port": server.sockets[0].getsockname()[1]})
        await stream.write(b"hello ")
        await stream.write(b"there")
        ending = asyncio.ensure_future(stream.finish())
        assert await everything(stream) == b"HELLO THERE"
        await ending
    assert await refusal(guest, "tcp", port=server_port_that_was_free()) == "nobody_listens"


@pytest.mark.parametrize("port", [0, -1, 65_536, 53, 3128, 9000, True, "80", None])
async def test_sec_55_ports_of_the_runtime_itself_are_refused(guest: GuestConnection, port: object) -> None:
    assert await refusal(guest, "tcp", port=port) == "port_refused"


async def test_an_answer_is_read_though_its_program_resets_the_connection(guest: GuestConnection) -> None:
    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        writer.write(b"too much")
        await writer.drain()
        # What it did not read makes a reset of its end.
        writer.close()

    async with await asyncio.start_server(early, "127.0.0.1", 0) as server:
        stream = await guest.open_stream("tcp", {"port": server.sockets[0].getsockname()[1]})
        writing = asyncio.ensure_future(stream.write(b"w" * (16 * WINDOW)))
        assert await everything(stream) == b"too much"
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await stream.close()


async def test_what_came_before_a_break_is_read_before_it_and_closing_waits_for_nobody() -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    said: list[object] = []
    stream = GuestStream("s", never, lambda header, _: said.append(header), lambda: None, lambda _c, m: LaboraError(m))
    stream.take({"t": "data", "s": "s"}, [b"whole"])
    stream.fail(LaboraError("The connection broke.", code="stream_broken"))
    assert await stream.read() == b"whole"
    with pytest.raises(LaboraError, match="broke"):
        await stream.read()
    other = GuestStream("o", never, lambda header, _: said.append(header), lambda: None, lambda _c, m: LaboraError(m))
    await other.close()
    assert said == [{"t": "end", "s": "o", "error": "closed"}]


async def test_who_does_not_read_holds_up_nobody(guest: GuestConnection, shared: LocalRuntime) -> None:
    """A flood stops at its window, however much the program has to say; a stream beside it and requests go on."""
    said = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal said
        try:
            while said < 256 * WINDOW:
                writer.write(b"x" * 65_536)
                await writer.drain()
                said += 65_536
        except OSError:
            return

    async with await asyncio.start_server(flood, "127.0.0.1", 0) as server:
        slow = await guest.open_stream("tcp", {"port": server.sockets[0].getsockname()[1]})
        (Path(shared.cwd) / "quick").write_bytes(b"q" * (4 * WINDOW))
        quick = await guest.open_stream("read", {"path": "/content/quick"})
        assert len(await everything(quick)) == 4 * WINDOW
        assert (await guest.request("meter", {}))["kernels"] == {}
        assert said < 128 * WINDOW, "the program waits for its reader"
        assert len(await slow.read()) > 0
        await slow.close()
        # The program's connection is closed with the stream, so this ends.
        await asyncio.wait_for(_gone(guest), 30)


async def _gone(guest: GuestConnection) -> None:
    await guest.request("meter", {})


async def test_who_says_more_than_the_other_takes_waits(guest: GuestConnection) -> None:
    release = asyncio.Event()
    got = bytearray()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        while data := await reader.read(1 << 20):
            got.extend(data)
        writer.close()

    async with await asyncio.start_server(late, "127.0.0.1", 0) as server:
        stream = await guest.open_stream("tcp", {"port": server.sockets[0].getsockname()[1]})
        writing = asyncio.ensure_future(stream.write(b"w" * (64 * WINDOW)))
        await guest.request("meter", {})
        await guest.request("meter", {})
        assert not writing.done()
        release.set()
        await writing
        await stream.finish()
        assert len(got) == 64 * WINDOW


async def test_streams_end_with_their_connection_and_new_ones_open() -> None:
    async with LocalRuntime() as alone:
        (Path(alone.cwd) / "long").write_bytes(b"l" * (8 * WINDOW))
        guest = alone.kernels.connection(alone.runtime)
        stream = await guest.open_stream("read", {"path": "/content/long"})
        assert await stream.read()
        # The newest connection wins: this one is closed by the agent, and comes back once the other has gone.
        winner = GuestConnection("winner", alone.handle.socket, alone.runtime.key, alone.runtime.generation)
        await winner.request("meter", {})
        with pytest.raises(LaboraError) as caught:
            await everything(stream)
        assert caught.value.error_code == "stream_broken"
        await winner.close()
        await guest.request("meter", {})
        again = await guest.open_stream("read", {"path": "/content/long"})
        assert len(await everything(again)) == 8 * WINDOW


LISTS = """
import subprocess, sys
from labora_guest import ports
code = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
own = __import__("socket").create_server(("127.0.0.1", 0))
with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
    port = int(program.stdout.readline())
    print([row["process"] for row in ports.listing()["ports"] if row["port"] == port])
    print(own.getsockname()[1] in [row["port"] for row in ports.listing()["ports"]])
    program.stdin.close()
print(port in [row["port"] for row in ports.listing()["ports"]])
"""


async def test_programs_that_listen_are_listed_with_their_names_and_the_agent_is_not() -> None:
    environment = {**os.environ, "PYTHONPATH": str(guest_path())}
    said = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", LISTS], env=environment, capture_output=True, text=True, check=True
    )
    names, agent, ended = said.stdout.splitlines()
    assert "python" in names
    assert (agent, ended) == ("False", "False")


OPENS = """
import os, subprocess, sys
code = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); s.accept()"
program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
print(int(program.stdout.readline()), os.environ["LABORA_ASK"].rpartition(":")[2])
"""


async def test_sec_55_on_a_shared_loopback_only_programs_of_the_runtime_are_reached() -> None:
    async with LocalRuntime(any_port=False) as alone, await asyncio.start_server(_ignore, "127.0.0.1", 0) as machines:
        session = alone.session("k")
        await session.start(cwd=alone.cwd)
        recorder = Recorder(session)
        await recorder.attach()
        said = await recorder.run("open", OPENS)
        assert said.content["status"] == "ok"
        port, agents = map(int, recorder.text().split())
        guest = alone.kernels.connection(alone.runtime)
        await (await guest.open_stream("tcp", {"port": port})).close()
        assert await refusal(guest, "tcp", port=machines.sockets[0].getsockname()[1]) == "nobody_listens"
        assert await refusal(guest, "tcp", port=agents) == "port_refused"


async def _ignore(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


def server_port_that_was_free() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])

"""Bombs of one account, in the whole stack: they end with a reason that is shown, and another account works on.

``scripts/bench neighbours`` measures how fast it does.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from labora.testing.client import RoomClient
from labora.testing.process import ServerProcess, notebook_of
from labora.testing.recorder import eventually

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

MIB = 1 << 20
SMALL = {
    "LABORA_RUNTIMES__MEMORY_BYTES": str(400 * MIB),
    "LABORA_RUNTIMES__PROCESSES": "64",
    "LABORA_RUNTIMES__DISK_BYTES": str(300 * MIB),
}
RUNS = 10
MEMORY = "hog = []\nwhile True:\n    hog.append(bytearray(b'x') * (8 << 20))"
# Everything that was ever started starts more; it would go on for ever, and has left its session and parent.
FORKS = """
import os, time
if os.fork() == 0:
    os.setsid()
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.001)
while len([name for name in os.listdir('/proc') if name.isdigit()]) < 40:
    time.sleep(0.01)
print('full', flush=True)
import subprocess
subprocess.run(['true'])
"""
DISK = "with open('/content/filler', 'wb') as file:\n    while True:\n        file.write(bytes(1 << 20))"
GROWTH = 100 * MIB


@asynccontextmanager
async def two_accounts(images_dir: Path, bomb: str) -> AsyncIterator[tuple[ServerProcess, RoomClient, RoomClient]]:
    """A server, the page of a bomber and the page of a neighbour whose kernel holds a value."""
    async with ServerProcess(images_dir, SMALL) as server:
        await server.invite("bob")
        bombs = await server.upload(notebook_of(bomb=bomb, after="print('again')"))
        cells = {"keep": "kept = 0", "count": "kept += 1\nprint(kept)"}
        quiet = await server.upload(notebook_of(**cells), login="bob")
        async with server.page(bombs).open() as bomber, server.page(quiet, "bob").open() as neighbour:
            await asyncio.gather(bomber.run("after"), neighbour.run("keep"))
            yield server, bomber, neighbour


async def beside(
    server: ServerProcess, neighbour: RoomClient, work: Callable[[], Awaitable[dict[str, Any]]]
) -> dict[str, Any]:
    """Carries out ``work`` while the neighbour's cells count up and its edits are saved; returns what comes of it."""
    before = server.rss

    async def count() -> None:
        for number in range(1, RUNS + 1):
            assert await neighbour.run("count") == f"{number}\n"
            neighbour.type("keep", f" # {number}")
            await neighbour.until(lambda: neighbour.unsaved == 0)

    ended, _ = await asyncio.gather(work(), count())
    assert server.rss - before < GROWTH, "the control plane holds nothing of it"
    assert [one.status() for one in server.guests()] != [], "the neighbour's machine lives"
    return ended


async def test_sec_63_a_memory_bomb_ends_with_its_reason_and_the_neighbour_works_on(images_dir: Path) -> None:
    async with two_accounts(images_dir, MEMORY) as (server, bomber, neighbour):

        async def explode() -> dict[str, Any]:
            return await bomber.finished((await bomber.execute("bomb"))[0])

        ended = await beside(server, neighbour, explode)
        assert ended["status"] == "aborted"
        assert ended["reason"].startswith("Your kernel used all available memory (0.4 GB) while running this cell")
        (runtime,) = bomber.state["runtimes"].values()
        assert (runtime["status"], runtime["kernel"], runtime["reason"]) == ("ready", "dead", "oom")
        assert await bomber.run("after") == "again\n"


async def test_sec_62_a_fork_bomb_meets_its_limit_and_the_neighbour_works_on(images_dir: Path) -> None:
    async with two_accounts(images_dir, FORKS) as (server, bomber, neighbour):

        async def explode() -> dict[str, Any]:
            return await bomber.finished((await bomber.execute("bomb"))[0])

        ended = await beside(server, neighbour, explode)
        assert ended["status"] == "error"
        (error,) = [o for o in bomber.state["cells"]["bomb"]["outputs"] if o["output_type"] == "error"]
        assert (error["ename"], "Resource temporarily unavailable" in error["evalue"]) == ("BlockingIOError", True)
        # What it started goes on until its machine is taken away, which no number of processes prevents.
        bombed = await runtime_processes(server)
        assert len(bombed) >= 40
        assert (await bomber.command("disconnect"))["type"] == "ack"
        await bomber.until(lambda: all(one["status"] == "ended" for one in bomber.state["runtimes"].values()))
        await eventually(lambda: not any(one.is_running() and one.status() != "zombie" for one in bombed), 90)
        assert await bomber.run("after") == "again\n"


async def runtime_processes(server: ServerProcess) -> list[Any]:
    """Returns the processes of the runtime that has most of them."""
    return max(([guest, *guest.children(recursive=True)] for guest in server.guests()), key=len)


async def test_sec_64_a_full_disk_ends_with_its_reason_and_the_neighbour_works_on(images_dir: Path) -> None:
    async with two_accounts(images_dir, DISK) as (server, bomber, neighbour):

        async def explode() -> dict[str, Any]:
            return await bomber.finished((await bomber.execute("bomb"))[0])

        ended = await beside(server, neighbour, explode)
        assert ended["status"] == "error"
        (error,) = [o for o in bomber.state["cells"]["bomb"]["outputs"] if o["output_type"] == "error"]
        # Only root can give a runtime a disk of its own: an ordinary user's has a largest file instead.
        says = "No space left on device" if os.geteuid() == 0 else "File too large"
        assert (error["ename"], says in error["evalue"]) == ("OSError", True)
        # The notebook itself is saved with the reason in it, beside the neighbour's.
        stored = await server.download(bomber.file_id)
        assert any(says in str(output.get("evalue")) for output in stored["cells"][0]["outputs"])
        assert await bomber.run("after") == "again\n"

"""What one account's bombs cost another account: cells of a neighbour while memory, processes or disk are attacked."""

from __future__ import annotations

import asyncio
import sys
import time

from bench.model import AtMost, Figure, Scenario, Values
from bench.peers.base import Cell, Peer, Person
from bench.peers.labora import Labora, run_once
from bench.stats import percentile
from labora.testing.client import RoomClient

RUNS = 60
EVERY_S = 0.2
PHASE_S = RUNS * EVERY_S
LIMIT = 1.2
# The bombs' machine: small, so that each limit is met again and again, and nothing else of this machine is needed.
LIMITS = ("--memory", "768M", "--disk", "1G")
# Every bomb ends by itself, whatever becomes of the harness.
HEAD = f"import os, signal, time\nprint('on', flush=True)\nend = time.monotonic() + {PHASE_S + 3}\n"
BOMBS = {
    # A child takes all the memory there is, is killed for it, and the next one begins.
    "memory": HEAD
    + """
while time.monotonic() < end:
    pid = os.fork()
    if pid == 0:
        kept = []
        while time.monotonic() < end:
            kept.append(bytearray(b"x") * (8 << 20))
        os._exit(0)
    os.waitpid(pid, 0)
""",
    # Everything that was ever started starts more, as often as it can.
    "processes": HEAD
    + """
first = os.fork()
if first == 0:
    while time.monotonic() < end:
        try:
            os.fork()
        except OSError:
            pass
    os._exit(0)
os.waitpid(first, 0)
""",
    # The disk is filled, emptied, and filled again.
    "disk": HEAD
    + """
while time.monotonic() < end:
    try:
        with open("/content/filler", "wb", 0) as file:
            while time.monotonic() < end:
                file.write(bytes(1 << 20))
    except OSError:
        pass
    os.remove("/content/filler")
""",
}


class Neighbours(Scenario):
    """The 95th percentile of a neighbour's cells, quiet and beside each bomb by turns."""

    name = "neighbours"
    title = f"1+1 every {EVERY_S:g} s over the room socket, quiet and beside the bombs of another account, by turns"
    figures = (
        Figure("quiet", "Cell of the neighbour, quiet", "ms"),
        *(Figure(bomb, f"Cell of the neighbour, {bomb} bomb", "ms") for bomb in BOMBS),
        *(Figure(f"{bomb}_ratio", f"p95 beside the {bomb} bomb, by the quiet p95 around it", "", AtMost(LIMIT))
          for bomb in BOMBS),
    )  # fmt: skip
    rounds = 5
    limit_s = 40 + 2.5 * (len(BOMBS) + 1) * PHASE_S

    async def measure(self, peer: Peer, turn: str) -> Values:
        """Fresh accounts; a quiet turn before and after every bomb."""
        assert isinstance(peer, Labora)
        neighbour, bomber = await peer.person(f"n{turn}"), await peer.person(f"b{turn}")
        await _limit(peer, bomber)
        quiet_path = await peer.notebook(neighbour, "quiet", [Cell("1+1")])
        bomb_path = await peer.notebook(bomber, "bombs", [Cell("1+1"), *map(Cell, BOMBS.values())])
        try:
            async with peer.page(neighbour, quiet_path).open() as page, peer.page(bomber, bomb_path).open() as other:
                await asyncio.gather(run_once(page), run_once(other))
                await _paced(page, 10)
                values: Values = {"quiet": await _paced(page)}
                before = values["quiet"]
                for number, bomb in enumerate(BOMBS, 1):
                    values[bomb] = await _beside(page, other, f"cell-{number}")
                    after = await _paced(page)
                    ratio = percentile(values[bomb], 0.95) / percentile(before + after, 0.95)
                    values[f"{bomb}_ratio"], before = [ratio], after
                    values["quiet"] = values["quiet"] + after
                return values
        finally:
            await asyncio.gather(peer.end(neighbour), peer.end(bomber))


async def _limit(peer: Labora, person: Person) -> None:
    """Gives an account a small machine, as the operator does."""
    folder = ("--data-dir", str(peer.server.data_dir))
    command = (sys.executable, "-m", "labora.cli", "policy", "set", person.login, *LIMITS, *folder)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    if await process.wait():
        raise RuntimeError("The policy was not set.")


async def _beside(page: RoomClient, other: RoomClient, cell_id: str) -> list[float]:
    """Runs the neighbour's cells while a bomb goes off; returns once the bomb has ended."""
    (execution,) = await other.execute(cell_id)
    await other.until(lambda: other.text(cell_id) == "on\n")
    try:
        return await _paced(page)
    finally:
        await other.finished(execution, PHASE_S)


async def _paced(page: RoomClient, runs: int = RUNS) -> list[float]:
    """Runs a cell at a steady pace, or as fast as it comes back where that is slower; returns milliseconds."""
    took, due = [], time.perf_counter()
    for _ in range(runs):
        due += EVERY_S
        took.append(await run_once(page) * 1e3)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    return took

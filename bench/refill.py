"""What filling the warm pool costs those who work: one account's cells while members are being started, and while not.

    .venv/bin/python -m bench.refill [--seconds 120] [--images .cache/images]

The owner changes the policy for everyone all the time in every second stretch of ten seconds, so that the member is
replaced over and over; a cell counts for "starting" where a start was under way for all of its time. Prints p50 and p95
and their ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx

from bench.peers.labora import run_once
from bench.stats import percentile
from labora.testing.client import RoomClient
from labora.testing.process import ServerProcess, notebook_of

IMAGES = Path(__file__).resolve().parents[1] / ".cache" / "images"
CELLS = {"value": "1+1", "loop": "total = 0\nfor number in range(400_000):\n    total += number\ntotal"}
STRETCH_S = 10.0
LOOK_S = 0.01


class Starts:
    """Whether a member is being started, as the server's log tells."""

    def __init__(self, log: Path) -> None:
        self._log, self._at = log, log.stat().st_size
        self.began, self.over = asyncio.Event(), asyncio.Event()
        self.over.set()
        self.changes = 0

    @property
    def under_way(self) -> bool:
        """Whether one is under way now."""
        return self.began.is_set()

    async def follow(self) -> None:
        """Reads on; until cancelled."""
        while True:
            with self._log.open() as file:
                file.seek(self._at)
                for line in file:
                    if "warm runtime dropped" in line or "warm runtime ready" in line:
                        self._turn(begins="dropped" in line)
                self._at = file.tell()
            await asyncio.sleep(LOOK_S)

    def _turn(self, *, begins: bool) -> None:
        self.changes += 1
        for event, now in ((self.began, begins), (self.over, not begins)):
            event.set() if now else event.clear()


async def replace(owner: httpx.AsyncClient, starts: Starts) -> None:
    """Has the member replaced whenever one stands; until cancelled."""
    number = 0
    while True:
        number += 1
        (await owner.put("/instance/policy", json={"processes": 500 + number % 2})).raise_for_status()
        await starts.began.wait()
        await starts.over.wait()


@asynccontextmanager
async def task(work: object) -> AsyncIterator[None]:
    """Runs a coroutine beside the block."""
    running = asyncio.ensure_future(work)  # type: ignore[call-overload]
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def measure(page: RoomClient, starts: Starts, until: float, found: dict[str, list[float]], *, busy: bool) -> None:
    """Runs the cells in turn until a moment; keeps those that were wholly in or out of a start, as ``busy`` asks."""
    while time.monotonic() < until:
        for cell in CELLS:
            before = starts.changes
            took = await run_once(page, cell)
            if starts.changes == before and starts.under_way == busy:
                found[cell].append(took * 1e3)


async def main() -> None:
    """Runs the measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--images", type=Path, default=IMAGES)
    given = parser.parse_args()
    environment = {"LABORA_RUNTIMES__WARM": "1", "LABORA_FAULT_FILE": ""}
    async with ServerProcess(given.images, environment) as server, server.owner() as owner:
        await server.warm()
        page = server.page(await server.upload(notebook_of(**CELLS)))
        found: dict[bool, dict[str, list[float]]] = {busy: {cell: [] for cell in CELLS} for busy in (False, True)}
        starts = Starts(server.log)
        async with page.open(), task(starts.follow()):
            for cell in CELLS:
                await run_once(page, cell)
            await server.warm()
            end = time.monotonic() + given.seconds
            while time.monotonic() < end:
                await measure(page, starts, time.monotonic() + STRETCH_S, found[False], busy=False)
                async with task(replace(owner, starts)):
                    await measure(page, starts, time.monotonic() + STRETCH_S, found[True], busy=True)
                await starts.over.wait()
    print(f"load {os.getloadavg()[0]:.1f}; times in ms, command to output")
    for cell in CELLS:
        quiet, busy = (sorted(found[busy][cell]) for busy in (False, True))
        parts = [f"{cell:6}"]
        for name, values in (("quiet", quiet), ("starting", busy)):
            parts.append(
                f"{name} p50 {percentile(values, 0.5):.1f} p95 {percentile(values, 0.95):.1f} (n {len(values)})"
            )
        parts += [f"ratio {name} {percentile(busy, at) / percentile(quiet, at):.2f}" for name, at in P.items()]
        print("  ".join(parts), flush=True)


P = {"p50": 0.5, "p95": 0.95}

if __name__ == "__main__":
    asyncio.run(main())

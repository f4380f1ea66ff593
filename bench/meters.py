"""What meters cost: processor time of control plane, host and guests with N runtimes, looked at and not.

    .venv/bin/python bench/meters.py [--runtimes 50] [--seconds 60] [--images .cache/images]

Prints the share of one processor over each stretch. Starts a server of its own with a real sandbox and a kernel per
account, and ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from contextlib import AsyncExitStack
from pathlib import Path

import psutil

from labora.testing.process import ServerProcess, notebook_of

AT_ONCE = 4
IMAGES = Path(__file__).resolve().parents[1] / ".cache" / "images"


def cpu_of(processes: list[psutil.Process]) -> float:
    """Returns processor seconds used so far."""
    total = 0.0
    for process in processes:
        times = process.cpu_times()
        total += times.user + times.system
    return total


async def measure(title: str, groups: dict[str, list[psutil.Process]], seconds: float) -> None:
    """Prints how much of one processor each group uses over a stretch of time."""
    before, began = {name: cpu_of(group) for name, group in groups.items()}, time.monotonic()
    await asyncio.sleep(seconds)
    passed = time.monotonic() - began
    shares = {name: (cpu_of(group) - before[name]) / passed * 100 for name, group in groups.items()}
    print(f"{title:12} " + "  ".join(f"{name} {share:5.2f} %" for name, share in shares.items()), flush=True)


async def main() -> None:
    """Runs the measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runtimes", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--images", type=Path, default=IMAGES)
    given = parser.parse_args()
    async with ServerProcess(given.images) as server, AsyncExitStack() as stack:
        gate = asyncio.Semaphore(AT_ONCE)
        logins = [f"person{number}" for number in range(given.runtimes)]

        async def begin(login: str) -> object:
            async with gate:
                await server.invite(login)
                page = server.page(await server.upload(notebook_of(a="1"), login=login), login)
                await stack.enter_async_context(page.open())
                (key,) = await page.execute("a", timeout_s=120)
                await page.finished(key)
                return page

        pages = await asyncio.gather(*(begin(login) for login in logins))
        control = psutil.Process(server.pid)
        info = await server.host.ping()
        guests = [
            process
            for guest in server.guests()
            for process in [guest, *guest.children()]
            if "labora_guest" in " ".join(process.cmdline())
        ]
        groups = {"control plane": [control], "host": [psutil.Process(info.pid)], "guests together": guests}
        print(f"{len(pages)} runtimes, load {os.getloadavg()[0]:.1f}, a share of 100 % is one processor", flush=True)
        await measure("not looked", groups, given.seconds)
        for page in pages:
            await page.command("watch", on=True)  # type: ignore[attr-defined]
        await measure("looked at", groups, given.seconds)


if __name__ == "__main__":
    asyncio.run(main())

"""What further kernels of one runtime cost: time and memory, started plainly and forked from a zygote, by turns.

    .venv/bin/python bench/zygote.py [--rounds 10]

In each round one runtime starts four kernels one after another and restarts the last. Times run from the request to
the reply of a first ``1+1``; memory is the proportional share (PSS) that everything but the agent has gained, the
zygote included, once the kernel has run that cell. Prints medians with lowest and highest, and the
median over rounds of what forked takes of what plain takes in the same round. No isolation: for a machine
that is one's own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time

import psutil

from labora.testing.recorder import Recorder
from labora.testing.runtime import LocalRuntime

WAYS = {"plain": "off", "zygote": "on"}


def share(runtime: LocalRuntime) -> float:
    """Returns the proportional share of all that the agent started, in MB."""
    agent = psutil.Process(runtime.handle.record["pid"])
    total = 0
    for process in agent.children(recursive=True):
        with open(f"/proc/{process.pid}/smaps_rollup", encoding="ascii") as file:  # noqa: PTH123
            total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return total / 1000 * 1.024


async def timed(recorder: Recorder, execution_id: str, begin: object) -> float:
    """Returns milliseconds until a first cell of a kernel has ended whose start is ``begin``."""
    began = time.perf_counter()
    await begin  # type: ignore[misc]
    if not recorder.messages:
        await recorder.attach()
    await recorder.run(execution_id, "1+1")
    return (time.perf_counter() - began) * 1000


async def one_round(way: str, found: dict[tuple[str, str, str], list[float]]) -> None:
    """Measures one runtime."""
    os.environ["LABORA_ZYGOTES"] = WAYS[way]
    async with LocalRuntime() as runtime:
        before = 0.0
        recorders = []
        for name in ("first", "second", "third", "fourth"):
            session = runtime.session(name)
            recorders.append(Recorder(session))
            milliseconds = await timed(recorders[-1], "e1", session.start(cwd=runtime.cwd))
            found.setdefault((name, way, "ms"), []).append(milliseconds)
            await asyncio.sleep(0.5)
            now = share(runtime)
            found.setdefault((name, way, "MB"), []).append(now - before)
            before = now
        milliseconds = await timed(recorders[-1], "e2", recorders[-1].session.restart())
        found.setdefault(("restart", way, "ms"), []).append(milliseconds)


async def main() -> None:
    """Runs the measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    os.environ["LABORA_TESTING_UNISOLATED"] = "1"
    found: dict[tuple[str, str, str], list[float]] = {}
    for number in range(rounds + 1):
        if number == 1:
            found.clear()  # the first one reads cold files
        for way in sorted(WAYS, reverse=number % 2 == 1):
            await one_round(way, found)
    print(f"{rounds} rounds, load {os.getloadavg()[0]:.1f}")
    for name, unit in sorted({(name, unit) for name, _, unit in found}, key=lambda key: (key[1], key[0])):
        ways = {way: found.get((name, way, unit), []) for way in WAYS}
        texts = [f"{way} {statistics.median(v):6.1f} ({min(v):.1f} to {max(v):.1f})" for way, v in ways.items()]
        ratios = [ours / plain for ours, plain in zip(ways["zygote"], ways["plain"], strict=True)]
        print(f"{name:8} {unit}  {'  '.join(texts)}  ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    asyncio.run(main())

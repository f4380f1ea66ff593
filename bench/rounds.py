"""Measures peers and Labora by turns, so that each round's figures met the same machine."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from bench.model import LABORA, Result, Sample, Scenario
from bench.peers import PEERS, Peer
from bench.processes import load_average


@asynccontextmanager
async def running(name: str) -> AsyncIterator[Peer]:
    """Starts a peer in an empty folder, and ends it with everything that it left."""
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{name}-"))
    peer = PEERS[name](folder)
    try:
        await peer.start()
        yield peer
    finally:
        await peer.stop()
        shutil.rmtree(folder, ignore_errors=True)


def order(peers: Sequence[str], turn: int) -> list[str]:
    """Returns the order of a round: it begins with another peer each time, so that none always follows the same."""
    at = turn % len(peers)
    return [*peers[at:], *peers[:at]]


async def measure(scenario: Scenario, peers: Sequence[str], rounds: int) -> Result:
    """Runs a scenario; what fails is noted in the result and the others go on."""
    result = Result(scenario.name, scenario.figures)
    async with AsyncExitStack() as stack:
        started: dict[str, Peer] = {}
        if not scenario.alone:
            for name in peers:
                started[name] = await stack.enter_async_context(running(name))
        for turn in range(-scenario.warm_up, rounds):
            for name in order(peers, turn):
                label = f"w{-turn}" if turn < 0 else str(turn)
                try:
                    async with AsyncExitStack() as own:
                        peer = started[name] if name in started else await own.enter_async_context(running(name))
                        sample = await _once(scenario, peer, turn, label)
                except Exception as error:  # noqa: BLE001 - whatever a peer does, the others are still measured
                    result.failures.append(f"{name}, round {label}: {_line(error)}")
                    _say(scenario, name, label, f"failed: {_line(error)}")
                    continue
                _say(scenario, name, label, _values(sample))
                if turn >= 0:
                    result.samples.append(sample)
    return result


async def _once(scenario: Scenario, peer: Peer, turn: int, label: str) -> Sample:
    before = load_average()
    async with asyncio.timeout(scenario.limit_s):
        values = await scenario.measure(peer, label)
    return Sample(peer.name, turn, values, max(before, load_average()))


def _say(scenario: Scenario, name: str, label: str, text: str) -> None:
    print(f"• {scenario.name}, {name}, round {label}: {text}", flush=True)


def _values(sample: Sample) -> str:
    parts = []
    for key, values in sample.values.items():
        middle = sorted(values)[len(values) // 2]
        parts.append(f"{key} {middle:.2f}" + (f" (of {len(values)})" if len(values) > 1 else ""))
    return f"{', '.join(parts)} at load {sample.load:.1f}"


def _line(error: BaseException) -> str:
    text = "".join(traceback.format_exception_only(error)).strip()
    return " ".join(text.split())[:600] or type(error).__name__


def chosen(scenario: Scenario, wanted: Sequence[str] | None) -> list[str]:
    """Returns the peers of a scenario that were asked for; Labora is always among them."""
    return [name for name in scenario.peers if wanted is None or name in wanted or name == LABORA]

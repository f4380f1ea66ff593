"""The command line: ``scripts/bench``."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import sys
import time
from pathlib import Path

from bench import install
from bench.model import Result
from bench.peers import PEERS
from bench.processes import load_average
from bench.report import as_json, render, summary, target_text
from bench.rounds import chosen, measure
from bench.scenarios import SCENARIOS

NICE = 5
STOPPED = 130


def parse(arguments: list[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures Labora beside other notebook servers, by turns in one run."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios (all of them); --list tells which")
    parser.add_argument("--list", action="store_true", help="list scenarios, figures and targets, and end")
    parser.add_argument("--rounds", type=int, help="how often each is measured (each scenario's own number)")
    parser.add_argument("--peers", nargs="+", choices=sorted(PEERS), help="measure these and Labora only")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write everything that was measured into a file")
    given = parser.parse_args(arguments)
    unknown = sorted(set(given.names) - set(SCENARIOS))
    if unknown:
        parser.error(f"there is no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    if given.rounds is not None and given.rounds < 1:
        parser.error("--rounds is 1 or more")
    return given


def listing() -> str:
    """Returns the scenarios with their figures and targets."""
    lines = []
    for scenario in SCENARIOS.values():
        lines.append(f"{scenario.name}: {scenario.title} ({', '.join(scenario.peers)}; {scenario.rounds} rounds)")
        lines += [f"    {f.title}{f', {f.unit}' if f.unit else ''}: target {target_text(f)}" for f in scenario.figures]
    return "\n".join(lines)


async def run(names: list[str], peers: list[str] | None, rounds: int | None) -> list[Result]:
    """Measures scenario after scenario. A request to end stops what was started, as Ctrl+C does."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    results = []
    for name in names:
        scenario = SCENARIOS[name]
        result = await measure(scenario, chosen(scenario, peers), rounds or scenario.rounds)
        print(f"\n{render(result)}\n", flush=True)
        results.append(result)
    return results


def main(arguments: list[str]) -> int:
    """Runs what is asked for; returns 0 also where a target is missed: this measures and does not judge."""
    given = parse(arguments)
    if given.list:
        print(listing())
        return 0
    names = given.names or list(SCENARIOS)
    install.prepare({peer for name in names for peer in chosen(SCENARIOS[name], given.peers)})
    os.nice(NICE)
    print(f"{time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} cores, load average {load_average():.1f}\n", flush=True)
    try:
        results = asyncio.run(run(names, given.peers, given.rounds))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("Stopped; everything that was started is ended.", file=sys.stderr)
        return STOPPED
    print(summary(results))
    if given.json:
        about = {"at": time.time(), "cores": os.cpu_count(), "machine": platform.machine(), "load": load_average()}
        given.json.write_text(json.dumps({"about": about, "scenarios": as_json(results)}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

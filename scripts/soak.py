"""Runs what is too long for every change: many kills, full floods, all notebooks and journeys; ends with one line."""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLEANING_S = 60
SECONDS_PER_ROUND = 30


def parse(arguments: list[str]) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="kills of control plane, host and agent (200)")
    parser.add_argument("--seed", type=int, default=0, help="repeats the kills of an earlier run; 0 takes a new one")
    parser.add_argument("--flood", type=float, default=1.0, help="size of the floods: 1.0 is 60,000 displays and 1 GB")
    parser.add_argument("--only", choices=("kills", "floods", "limits", "notebooks", "journeys"), help="one part alone")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Runs each part under a time limit of its own, all of them whatever fails, and sums up."""
    given = parse(arguments)
    seed = given.seed or random.randrange(1, 1 << 30)
    environment = {
        **os.environ,
        "LABORA_TEST_ROUNDS": str(given.rounds),
        "LABORA_TEST_SEED": str(seed),
        "LABORA_TEST_FLOOD": str(given.flood),
        "LABORA_TEST_ALL": "1",
        "LABORA_TEST_PICTURES": "1",
    }
    parts = {
        "kills": (["tests/faults/test_kills.py", "tests/rooms/test_crash.py"], 600 + SECONDS_PER_ROUND * given.rounds),
        "floods": (["tests/faults/test_floods.py", "tests/kernels/test_kernel_session.py"], 2400),
        "limits": (["tests/faults/test_limits.py"], 900),
        "notebooks": (["tests/real"], 1800),
        "journeys": (["tests/journeys"], 2400),
    }
    failed, started = [], time.monotonic()
    for name, (paths, limit_s) in parts.items():
        if given.only not in (None, name):
            continue
        print(f"\n== {name}", flush=True)
        began = time.monotonic()
        good = run([sys.executable, "-m", "pytest", "-s", *paths], environment, limit_s)
        print(f"{'✓' if good else '✗'} {name}: {time.monotonic() - began:.0f} s", flush=True)
        failed += [] if good else [name]
    minutes = (time.monotonic() - started) / 60
    print(
        f"\nsoak: {'FAILED: ' + ', '.join(failed) if failed else 'all well'}, {given.rounds} rounds, seed {seed}, "
        f"floods at {given.flood:g}, {minutes:.1f} minutes"
    )
    return 1 if failed else 0


def run(command: list[str], environment: dict[str, str], limit_s: float) -> bool:
    """Runs one part; past its limit it is ended in good order, so that its servers and mounts go too."""
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        try:
            return process.wait(limit_s) == 0
        except subprocess.TimeoutExpired:
            print(f"✗ stopped after {limit_s:.0f} s", flush=True)
            process.send_signal(signal.SIGINT)
            try:
                process.wait(CLEANING_S)
            except subprocess.TimeoutExpired:
                process.kill()
            return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

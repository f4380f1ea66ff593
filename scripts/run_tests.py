"""Runs every test in the order that fails fastest, and ends with pytest's own summary."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import setup_lib

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str]) -> int:
    """Runs the front end's unit tests, then Python's without browsers, then the browsers."""
    # The journeys run on the Node that the front end is built with.
    os.environ["PATH"] = f"{setup_lib.node_folder()}{os.pathsep}{os.environ['PATH']}"
    pytest = [sys.executable, "-m", "pytest"]
    if arguments:
        return subprocess.run([*pytest, *arguments], cwd=ROOT, check=False).returncode
    # In the order of tests/conftest.py: by itself xdist keeps files of few tests, the long ones, for the end.
    by_file = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    steps = [
        ("Front end", [sys.executable, "scripts/setup_lib.py", "npm", "test"]),
        (
            "Server, guest and host",
            [*pytest, *by_file, "-m", "not browser", "--durations", "25"],
        ),
        # A journey waits more than it works: two at a time take little more than half the time.
        ("Browsers", [*pytest, "-n", "2", "--dist", "load", "-m", "browser", "--durations", "10"]),
    ]
    for title, command in steps:
        print(f"\n== {title}", flush=True)
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if code:
            print(f"✗ {title}: failed", file=sys.stderr)
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Reading and removing what the kernel shows of control groups."""

from __future__ import annotations

import time
from pathlib import Path

CPU_PERIOD_US = 100_000


def read_int(path: Path) -> int:
    """Returns the number in a file; 0 where there is none, or for ``max``."""
    try:
        text = path.read_text().strip()
    except OSError:
        return 0
    return 0 if text in {"", "max"} else int(text)


def read_table(path: Path) -> dict[str, int]:
    """Returns the ``key value`` lines of a file whose value is a number."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    return {key: int(value) for key, _, value in (line.partition(" ") for line in lines) if value.isdigit()}


def pids_of(path: Path) -> list[int]:
    """Returns the numbers in a ``cgroup.procs`` file."""
    try:
        return [int(line) for line in path.read_text().split()]
    except OSError:
        return []


def remove_group(path: Path) -> None:
    """Removes a group and the groups that the runtime made below it; waits up to 2 s for its last process to go."""
    if not path.is_dir():
        return
    for child in path.iterdir():
        if child.is_dir():
            remove_group(child)
    for _ in range(200):
        try:
            path.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.01)
        else:
            return

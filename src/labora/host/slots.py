"""Slots that folders keep: the files on a runtime's disk belong to the slot's uid for as long as they lie there.

A handle says so too, but one whose start was cut short has none, and may be started again on the same disk.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from labora.host.registry import write_atomically

_NAME = "slot"


def keep(folder: Path, slot: int) -> None:
    """Notes in a runtime's private folder whose its files are."""
    write_atomically(folder / _NAME, str(slot))


def kept(runtimes: Path) -> dict[str, int]:
    """Returns the slot of every runtime below ``runtimes`` that has a folder, by runtime id."""
    found = {}
    for path in runtimes.glob(f"*/{_NAME}"):
        with contextlib.suppress(OSError, ValueError):
            found[path.parent.name] = int(path.read_text())
    return found

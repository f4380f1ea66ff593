"""Slots that folders keep: the files on a runtime's disk belong to the slot's uid for as long as they lie there.

A handle says so too, but one whose start was cut short has none, and may be started again on the same disk.
"""

from __future__ import annotations

import contextlib
from collections.abc import Set as AbstractSet
from pathlib import Path

from labora.host.registry import write_atomically

_NAME = "slot"


def keep(folder: Path, slot: int) -> None:
    """Notes in a runtime's private folder whose its files are."""
    write_atomically(folder / _NAME, str(slot))


def choose(runtimes: Path, runtime_id: str, used: AbstractSet[int]) -> int:
    """Returns the slot that the runtime's folder below ``runtimes`` keeps, else the first that nobody uses or keeps."""
    kept = {}
    for path in runtimes.glob(f"*/{_NAME}"):
        with contextlib.suppress(OSError, ValueError):
            kept[path.parent.name] = int(path.read_text())
    if runtime_id in kept:
        return kept[runtime_id]
    taken = used | set(kept.values())
    return next(slot for slot in range(len(taken) + 1) if slot not in taken)

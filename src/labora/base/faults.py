"""Named fault points: where a test may kill the process or make a step fail.

In production :func:`reach` costs one dictionary look-up. ``LABORA_FAULT=journal.before:3`` kills the process with
SIGKILL when the point ``journal.before`` is reached for the third time; tests print the seed that chose it.
"""

from __future__ import annotations

import os
import signal

_armed: dict[str, int] = {}


def arm(spec: str | None) -> None:
    """Arms one fault, ``name:count``; ``None`` or an empty string disarms all."""
    _armed.clear()
    if spec:
        name, _, count = spec.partition(":")
        _armed[name] = int(count or "1")


def reach(point: str) -> None:
    """Marks that ``point`` is reached; kills the process with SIGKILL when the armed count runs out."""
    left = _armed.get(point)
    if left is None:
        return
    if left <= 1:
        os.kill(os.getpid(), signal.SIGKILL)
    _armed[point] = left - 1


arm(os.environ.get("LABORA_FAULT"))

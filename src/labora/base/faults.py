"""Named fault points: where a test may kill the process or make a step fail.

In production :func:`reach` costs one dictionary look-up. ``LABORA_FAULT=journal.before:3`` kills the process with
SIGKILL when the point ``journal.before`` is reached for the third time; tests print the seed that chose it.
``LABORA_FAULT_FILE`` names a file with the same text instead, so that a test can arm a process that already runs; it
is emptied before the process dies, so that the next one lives.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

_armed: dict[str, int] = {}
_file = os.environ.get("LABORA_FAULT_FILE") or None
_text = ""


def arm(spec: str | None) -> None:
    """Arms one fault, ``name:count``; ``None`` or an empty string disarms all."""
    _armed.clear()
    if spec:
        name, _, count = spec.partition(":")
        _armed[name] = int(count or "1")


def reach(point: str) -> None:
    """Marks that ``point`` is reached; kills the process with SIGKILL when the armed count runs out."""
    if _file is not None:
        _look(Path(_file))
    left = _armed.get(point)
    if left is None:
        return
    if left <= 1:
        if _file is not None:
            with contextlib.suppress(OSError):
                Path(_file).write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    _armed[point] = left - 1


def _look(path: Path) -> None:
    global _text
    with contextlib.suppress(OSError):
        text = path.read_text().strip()
        if text != _text:
            _text = text
            arm(text)


arm(os.environ.get("LABORA_FAULT"))

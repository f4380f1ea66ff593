"""Runtimes that compute without pause yield to those that have just been asked something.

Only among runtimes: all of them together keep their weight beside everything else on the machine, and those that
compute for long share what is left evenly. A runtime is one of them after two seconds of work on a quarter of a
processor.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Protocol

BUSY, CALM = 0.25, 0.02
"""Processors in use, on average since the last look, from which a runtime computes, and below which it rests: a part
of one only, since among many that compute each has no more. Less than the lower one has also who yields and gets
nothing: then it has its turn for a while."""
LOOKS = 2
"""How many looks in a row it must have computed."""


class Processors(Protocol):
    """The part of a cgroup driver that this needs."""

    def cpu_seconds(self, name: str) -> float: ...

    def yields(self, name: str, on: bool) -> None: ...


class Yielding:
    """Told of the living runtimes about once a second.

    Args:
        groups: measures them and lets them yield.
    """

    def __init__(self, groups: Processors) -> None:
        self._groups = groups
        self._used: dict[str, tuple[float, float]] = {}
        self._computed: dict[str, int] = {}

    def look(self, living: Iterable[str], now: float | None = None) -> None:
        """Measures and decides. ``now``: seconds of the monotonic clock. Raises OSError."""
        now = time.monotonic() if now is None else now
        used = {name: (now, self._groups.cpu_seconds(name)) for name in living}
        for name, (_, seconds) in used.items():
            before, known = self._used.get(name, (now, seconds))
            if now > before:
                self._judge(name, (seconds - known) / (now - before))
        self._used = used
        self._computed = {name: looks for name, looks in self._computed.items() if name in used}

    def _judge(self, name: str, rate: float) -> None:
        looks = self._computed.get(name, 0)
        if looks >= LOOKS and rate >= CALM:
            return
        self._computed[name] = looks + 1 if rate >= BUSY else 0
        if looks >= LOOKS:
            self._groups.yields(name, False)
        elif self._computed[name] == LOOKS:
            self._groups.yields(name, True)

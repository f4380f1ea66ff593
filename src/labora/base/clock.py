"""Time, injected so that tests can move it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two clocks: one for people and records, one for durations."""

    def now(self) -> datetime:
        """Returns the current time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Returns seconds that never run backwards, for durations and timers."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """Returns the current time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Returns seconds that never run backwards."""
        return time.monotonic()


def timestamp(moment: datetime) -> str:
    """Returns ``moment`` in RFC 3339 with milliseconds and ``Z``, as the API and the database spell it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def parse_timestamp(text: str) -> datetime:
    """Returns the aware moment that :func:`timestamp` wrote. Raises ValueError for anything else."""
    return datetime.fromisoformat(text).astimezone(UTC)

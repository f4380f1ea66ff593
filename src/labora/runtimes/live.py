"""What this process knows of a runtime beyond its row."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from labora.base.clock import Clock
from labora.runtimes.model import ExitReason, Progress, Runtime

Number = TypeVar("Number", int, float)


@dataclass(slots=True)
class Live:
    """One runtime as this process sees it; gone when the runtime has ended."""

    progress: Progress | None = None
    starting: asyncio.Task[None] | None = None
    ending: asyncio.Task[None] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    publishing: asyncio.Lock = field(default_factory=asyncio.Lock)
    last_execution: datetime | None = None
    last_input: datetime | None = None
    written: dict[str, datetime] = field(default_factory=dict)
    """When a clock was last written into the row, by column."""
    ends_at: datetime | None = None
    ends_reason: ExitReason | None = None
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    shown: str = ""
    kernel_id: str | None = None
    """A kernel that was started ahead, until somebody takes it. Lost with this process, it idles unused."""

    def dressed(self, runtime: Runtime) -> Runtime:
        """Returns the row with what only this process knows."""
        return replace(
            runtime,
            progress=self.progress if runtime.status == "starting" else None,
            ends_at=self.ends_at,
            ends_reason=self.ends_reason,
            last_execution_at=latest(runtime.last_execution_at, self.last_execution),
            last_input_at=latest(runtime.last_input_at, self.last_input),
            cpu_seconds=_highest(runtime.cpu_seconds, self.cpu_seconds),
            peak_memory_bytes=_highest(runtime.peak_memory_bytes, self.peak_memory_bytes),
        )

    def used(self, cpu_seconds: float | None, memory_bytes: int | None) -> None:
        """Takes a measurement into the account: processor time grows, of memory the peak counts."""
        self.cpu_seconds = _highest(self.cpu_seconds, cpu_seconds)
        self.peak_memory_bytes = _highest(self.peak_memory_bytes, memory_bytes)


class SteadyTime:
    """Wall time that no adjustment of the clock moves: a clock that jumps by a day must not end every runtime."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall, self._steady = clock.now(), clock.monotonic()

    def now(self) -> datetime:
        """Returns the moment, counted steadily since this process began."""
        return self._wall + timedelta(seconds=self._clock.monotonic() - self._steady)


def latest(*moments: datetime | None) -> datetime | None:
    """Returns the last of those that are known."""
    known = [moment for moment in moments if moment is not None]
    return max(known) if known else None


def _highest(*values: Number | None) -> Number | None:
    known = [value for value in values if value is not None]
    return max(known) if known else None

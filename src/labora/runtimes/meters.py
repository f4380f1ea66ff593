"""What runtimes use: one sampler for all that somebody looks at, and none when nobody does.

Beside that every runtime is read once a minute, for the account of what it used in its life.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labora.base.clock import Clock, timestamp
from labora.base.errors import LaboraError
from labora.base.logging import get_logger
from labora.runtimes.model import Runtime
from labora.runtimes.ports import Stats
from labora.runtimes.service import Runtimes

ACCOUNT_S = 60.0
AT_ONCE = 8
MAX_KERNELS = 64
MAX_NUMBER = 2**53
_KERNEL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_STATUSES = frozenset({"starting", "idle", "busy", "dead"})

KernelProbe = Callable[[Runtime], Awaitable[Mapping[str, Any]]]
"""Asks a guest for its ``meter`` (docs/protocols.md, section 3)."""

_log = get_logger("runtimes")


@dataclass(frozen=True, slots=True)
class KernelUse:
    """What one kernel and the processes that it started use, as the guest tells it.

    ``peak_bytes`` is the most that the kernel's own process held at a time; ``silent_s`` for how long it has not
    answered on its control channel although it lives.
    """

    kernel_id: str
    status: str
    memory_bytes: int
    peak_bytes: int
    cpu_seconds: float
    processes: int
    silent_s: float

    def as_json(self) -> dict[str, Any]:
        """Returns KernelUse of the protocol."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Meter:
    """What a runtime uses at a moment; None where it cannot be measured. ``cpu`` counts processors in use."""

    at: datetime
    memory_bytes: int | None
    memory_limit: int | None
    cpu: float | None
    cpus: float
    cpu_seconds: float | None
    disk_bytes: int | None
    disk_limit: int | None
    processes: int | None
    oom_kills: int | None
    disk_kills: int | None
    kernels: tuple[KernelUse, ...]
    answers: bool
    """Whether the guest answered."""

    def as_json(self) -> dict[str, Any]:
        """Returns Meter of the protocol."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name not in ("at", "kernels")}
        return {"at": timestamp(self.at), **plain, "kernels": [kernel.as_json() for kernel in self.kernels]}


@dataclass(frozen=True, slots=True)
class Source:
    """Somebody who looks at meters.

    Attributes:
        wanted: returns the ids of the runtimes that are looked at now.
        take: gets what was measured.
    """

    wanted: Callable[[], Iterable[str]]
    take: Callable[[Runtime, Meter], None]


class Meters:
    """The sampler. :meth:`start` before use, :meth:`close` at the end.

    Args:
        runtimes: measured.
        probe: asks guests for the figures of each kernel.
        clock: time.
        interval_s: between two measurements of what is looked at.
    """

    def __init__(self, runtimes: Runtimes, probe: KernelProbe, clock: Clock, interval_s: float) -> None:
        self._runtimes = runtimes
        self._probe = probe
        self._clock = clock
        self._interval_s = interval_s
        self._sources: list[Source] = []
        self._latest: dict[str, tuple[float, Meter]] = {}
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        runtimes.before_end(self._last)

    def add(self, source: Source) -> None:
        """Measures for ``source`` from now on."""
        self._sources.append(source)

    def wake(self) -> None:
        """Says that a source looks at something: it is measured at once."""
        self._wake.set()

    async def start(self) -> None:
        """Begins to measure."""
        self._task = asyncio.create_task(self._loop(), name="meters")

    async def close(self) -> None:
        """Stops measuring."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def read(self, runtime: Runtime) -> Meter | None:
        """Returns what a runtime uses, at most one interval old; None for one that is not ready or just ending."""
        return self._fresh(runtime) or await self._measure(runtime) if runtime.status == "ready" else None

    def _fresh(self, runtime: Runtime) -> Meter | None:
        taken, meter = self._latest.get(runtime.id, (float("-inf"), None))
        return meter if self._clock.monotonic() - taken < self._interval_s * 0.9 else None

    # -- the loop -----------------------------------------------------------------------------------------------------

    async def _loop(self) -> None:
        account = self._clock.monotonic() + ACCOUNT_S
        while True:
            wanted = {runtime_id for source in self._sources for runtime_id in source.wanted()}
            due = self._clock.monotonic() >= account
            if wanted or due:
                try:
                    await self._round(None if due else wanted)
                except Exception:  # noqa: BLE001 - the next round tries again
                    _log.exception("meters not read")
            if due:
                account = self._clock.monotonic() + ACCOUNT_S
            # A runtime that is looked at may become ready at any time: asking who looks costs next to nothing.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s):
                    await self._wake.wait()
            self._wake.clear()

    async def _round(self, wanted: set[str] | None) -> None:
        """Measures these runtimes; None measures all, for the account of what they used."""
        active = await self._runtimes.list()
        alive = {runtime.id for runtime in active}
        self._latest = {key: value for key, value in self._latest.items() if key in alive}
        found = [runtime for runtime in active if runtime.status == "ready" and runtime.desired == "running"]
        await asyncio.gather(*(self._tell(runtime, wanted) for runtime in found if not wanted or runtime.id in wanted))

    async def _tell(self, runtime: Runtime, wanted: set[str] | None) -> None:
        async with self._at_once:
            meter = self._fresh(runtime) or await self._measure(runtime)
        if meter is None:
            return
        if wanted is None:
            await self._runtimes.record_use(runtime.id)
        for source in self._sources:
            source.take(runtime, meter)

    async def _last(self, runtime: Runtime) -> None:
        """Measures a runtime that is about to end, for its history."""
        await self._measure(runtime)

    async def _measure(self, runtime: Runtime) -> Meter | None:
        try:
            stats, told = await asyncio.gather(self._runtimes.stats(runtime.id), self._ask(runtime))
        except LaboraError:
            # It is just ending, or its provider is away.
            return None
        now, (before, last) = self._clock.monotonic(), self._latest.get(runtime.id, (0.0, None))
        meter = _meter(runtime, stats, told, self._clock.now(), last, now - before)
        self._latest[runtime.id] = (now, meter)
        peak = max([meter.memory_bytes or 0, *(kernel.peak_bytes for kernel in meter.kernels)])
        if meter.memory_limit:
            # What the system killed for is gone when it is measured.
            peak = meter.memory_limit if meter.oom_kills else min(peak, meter.memory_limit)
        await self._runtimes.measured(runtime.id, meter.cpu_seconds, peak or None)
        return meter

    async def _ask(self, runtime: Runtime) -> Mapping[str, Any] | None:
        try:
            return await self._probe(runtime)
        except LaboraError:
            return None


def _meter(
    runtime: Runtime,
    stats: Stats,
    told: Mapping[str, Any] | None,
    at: datetime,
    last: Meter | None,
    passed_s: float,
) -> Meter:
    cpu = None
    if last is not None and last.cpu_seconds is not None and stats.cpu_seconds is not None and passed_s > 0:
        cpu = round(max(0.0, stats.cpu_seconds - last.cpu_seconds) / passed_s, 3)
    return Meter(
        at=at,
        memory_bytes=stats.memory_bytes,
        memory_limit=stats.memory_limit,
        cpu=cpu,
        cpus=runtime.shape.cpus,
        cpu_seconds=None if stats.cpu_seconds is None else round(stats.cpu_seconds, 2),
        disk_bytes=stats.disk_bytes,
        disk_limit=stats.disk_limit,
        processes=stats.processes,
        oom_kills=stats.oom_kills,
        disk_kills=stats.disk_kills,
        kernels=_kernels(told),
        answers=told is not None,
    )


def _kernels(told: Mapping[str, Any] | None) -> tuple[KernelUse, ...]:
    """Reads what a guest says, which may be anything."""
    kernels = told.get("kernels") if told is not None else None
    if not isinstance(kernels, dict):
        return ()
    return tuple(
        KernelUse(
            kernel_id=key,
            status=value["status"] if value.get("status") in _STATUSES else "idle",
            memory_bytes=int(_number(value.get("memory_bytes"))),
            peak_bytes=int(_number(value.get("peak_bytes"))),
            cpu_seconds=_number(value.get("cpu_seconds")),
            processes=int(_number(value.get("processes"))),
            silent_s=_number(value.get("silent_s")),
        )
        for key, value in list(kernels.items())[:MAX_KERNELS]
        if isinstance(key, str) and _KERNEL_ID.match(key) and isinstance(value, dict)
    )


def _number(value: Any) -> float:
    """Returns a number that every client can hold; 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_NUMBER:
        return 0.0
    return round(float(value), 2)

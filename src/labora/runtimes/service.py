"""Runtimes of accounts: what should be is a row, and one loop makes it true."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from labora.base.clock import Clock
from labora.base.errors import GoneError, LaboraError, NotFoundError, RateLimitedError, UnavailableError
from labora.base.ids import new_id, new_secret
from labora.base.logging import get_logger
from labora.base.settings import RuntimeSettings
from labora.db.engine import Database
from labora.runtimes import store
from labora.runtimes.model import ExitReason, Progress, ProviderHandle, Runtime, RuntimeSpec, Shape
from labora.runtimes.ports import Provider, Stats
from labora.runtimes.rules import Clocks, Policy, exit_reason, verdict

ROUND_S = 2.0
HOST_GRACE_S = 60.0
"""The provider's own deadline lies behind ours, so that the ordinary end comes with warning and reason."""
STARTS_WINDOW_S = 600.0
STARTS_PER_WINDOW = 30
START_TRIES = 5
RETRIED = ("host_unreachable", "image_not_ready")

Watcher = Callable[[Runtime], None]
BusyProbe = Callable[[Runtime], Awaitable[bool]]

_log = get_logger("runtimes")


@dataclass(slots=True)
class _Live:
    """What this process knows of a runtime beyond its row."""

    progress: Progress | None = None
    starting: asyncio.Task[None] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    last_execution: datetime | None = None
    last_input: datetime | None = None
    ends_at: datetime | None = None
    ends_reason: ExitReason | None = None
    shown: str = ""


class Runtimes:
    """Makes, finds and ends runtimes.

    Args:
        database: holds the table ``runtimes``.
        provider: starts and ends them.
        settings: limits and lifetimes.
        clock: time.
        is_busy: asks a ready runtime whether a kernel is at work; ``Kernels.busy`` in a server.
    """

    def __init__(
        self,
        database: Database,
        provider: Provider,
        settings: RuntimeSettings,
        clock: Clock,
        is_busy: BusyProbe | None = None,
    ) -> None:
        self._db = database
        self._provider = provider
        self._settings = settings
        self._clock = clock
        self._is_busy = is_busy
        self._policy = Policy(settings.idle_timeout_s, settings.max_lifetime_s)
        self._shape = Shape.of(settings)
        self._live: dict[str, _Live] = {}
        self._watchers: list[Watcher] = []
        self._wake = asyncio.Event()
        self._loop_task: asyncio.Task[None] | None = None
        # Rules count in steady time: a wall clock that jumps by a day must not end every runtime as idle.
        self._wall, self._steady = clock.now(), clock.monotonic()

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Adopts what runs already and begins to keep the rows true."""
        async with self._db.read() as connection:
            for runtime in await store.active(connection):
                # While the control plane was down nobody counted: give the benefit of the doubt.
                self._live[runtime.id] = _Live(last_execution=self._now())
        await self._round_safely()
        self._loop_task = asyncio.create_task(self._loop(), name="runtimes")

    async def close(self) -> None:
        """Stops keeping the rows true; the runtimes go on."""
        tasks = [live.starting for live in self._live.values() if live.starting is not None]
        tasks += [self._loop_task] if self._loop_task is not None else []
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    # -- verbs --------------------------------------------------------------------------------------------------------

    async def ensure(self, account_id: str, image: str = "python") -> Runtime:
        """Returns the account's runtime of this image, made if there is none; it may still be starting.

        Raises:
            RateLimitedError: too many were made in a short time.
        """
        async with self._db.transaction() as connection:
            for runtime in await store.active(connection, account_id):
                if runtime.image == image and runtime.shape == self._shape and runtime.desired == "running":
                    return self._dressed(runtime)
            now = self._clock.now()
            since = now - timedelta(seconds=STARTS_WINDOW_S)
            if await store.created_since(connection, account_id, since) >= STARTS_PER_WINDOW:
                raise RateLimitedError(
                    "Too many runtimes were started in a short time. Wait a few minutes.", retry_after=STARTS_WINDOW_S
                )
            runtime = Runtime(
                id=new_id(),
                account_id=account_id,
                provider=self._provider.name,
                image=image,
                shape=self._shape,
                desired="running",
                status="starting",
                generation=1,
                created_at=now,
                key=new_secret(),
                deadline_at=now + timedelta(seconds=self._policy.max_lifetime_s),
            )
            await store.add(connection, runtime)
        self._live[runtime.id] = _Live(progress=Progress("Starting the runtime"))
        self._begin_start(runtime)
        await self._publish(runtime.id)
        return self._dressed(runtime)

    async def ready(self, runtime_id: str) -> Runtime:
        """Waits until a runtime is ready and returns it.

        Raises:
            GoneError: it ended instead; the message says why.
            NotFoundError: there is no such runtime.
        """
        while True:
            live = self._live.setdefault(runtime_id, _Live())
            changed = live.changed
            runtime = await self.get(runtime_id)
            if runtime.desired == "ended":
                raise GoneError(runtime.message or "The runtime has ended.", code="runtime_ended")
            if runtime.status == "ready":
                return runtime
            await changed.wait()

    async def get(self, runtime_id: str) -> Runtime:
        """Returns a runtime, ended ones too. Raises NotFoundError."""
        async with self._db.read() as connection:
            runtime = await store.get(connection, runtime_id)
        if runtime is None:
            raise NotFoundError("There is no such runtime.")
        return self._dressed(runtime)

    async def list(self, account_id: str) -> Sequence[Runtime]:
        """Returns the account's runtimes that have not ended."""
        async with self._db.read() as connection:
            return [self._dressed(runtime) for runtime in await store.active(connection, account_id)]

    async def stats(self, runtime_id: str) -> Stats:
        """Returns what a runtime uses, as its provider measures it."""
        return await self._provider.stats(runtime_id)

    async def stop(
        self,
        runtime_id: str,
        reason: ExitReason = ExitReason.USER,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Ends a runtime with everything in it; returns when it is gone. Does nothing when it has ended already."""
        async with self._db.transaction() as connection:
            await store.want_ended(connection, runtime_id, reason, details or {})
        await self._finish(await self.get(runtime_id))

    async def reset_all(self, account_id: str) -> None:
        """Ends every runtime of an account: the next run starts a fresh one."""
        for runtime in await self.list(account_id):
            await self.stop(runtime.id, ExitReason.RESET)

    async def executed(self, runtime_id: str) -> None:
        """Notes that somebody runs something in the runtime now."""
        await self._touch(runtime_id, "last_execution_at")

    async def used(self, runtime_id: str) -> None:
        """Notes deliberate input: an answer to ``input()``, "keep it running". Traffic is not activity."""
        await self._touch(runtime_id, "last_input_at")

    def watch(self, callback: Watcher) -> Callable[[], None]:
        """Calls ``callback`` with every changed runtime (state, progress, warning); returns how to stop that."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback) if callback in self._watchers else None

    # -- keeping rows true --------------------------------------------------------------------------------------------

    async def _loop(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROUND_S):
                    await self._wake.wait()
            self._wake.clear()
            await self._round_safely()

    async def _round_safely(self) -> None:
        try:
            await self._round()
        except LaboraError as error:
            # The provider is away: nothing is known, so nothing is changed.
            _log.warning("runtimes not reconciled", code=error.error_code, error=error.message)
        except Exception:  # noqa: BLE001 - the loop goes on; the next round tries again
            _log.exception("runtimes not reconciled")

    async def _round(self) -> None:
        async with self._db.read() as connection:
            rows = await store.active(connection)
        handles = {handle.runtime_id: handle for handle in await self._provider.list()}
        for runtime in rows:
            await self._reconcile(runtime, handles.get(runtime.id))
        async with self._db.read() as connection:
            # Read again: a runtime made since the first look is no orphan.
            known = {runtime.id for runtime in await store.active(connection)}
        for runtime_id in handles.keys() - known - {runtime.id for runtime in rows}:
            _log.info("orphan removed", runtime_id=runtime_id)
            await self._provider.stop(runtime_id)

    async def _reconcile(self, runtime: Runtime, handle: ProviderHandle | None) -> None:
        live = self._live.setdefault(runtime.id, _Live())
        if runtime.desired == "ended":
            await self._finish(runtime)
        elif runtime.status == "starting":
            if live.starting is None or live.starting.done():
                self._begin_start(runtime)
        elif handle is None or not handle.alive or handle.generation != runtime.generation:
            exit_ = None if handle is None else handle.exit
            evidence = {} if exit_ is None else exit_.as_json()
            await self.stop(runtime.id, exit_reason(exit_), evidence)
        else:
            await self._judge(runtime, live)

    async def _judge(self, runtime: Runtime, live: _Live) -> None:
        clocks = Clocks(
            started=runtime.started_at or runtime.created_at,
            last_execution=_latest(runtime.last_execution_at, live.last_execution),
            last_input=_latest(runtime.last_input_at, live.last_input),
            busy=False,
        )
        now = self._now()
        found = verdict(self._policy, clocks, now)
        if found.action != "keep" and await self._busy(runtime):
            # Asked only when it matters. A busy kernel is activity up to this moment.
            live.last_execution = now
            found = verdict(self._policy, replace(clocks, busy=True), now)
        if found.action == "end":
            await self.stop(runtime.id, found.reason)
            return
        warned = found.action == "warn"
        live.ends_at, live.ends_reason = (found.ends_at, found.reason) if warned else (None, None)
        await self._publish(runtime.id)

    async def _busy(self, runtime: Runtime) -> bool:
        if self._is_busy is None:
            return False
        try:
            return await self._is_busy(runtime)
        except LaboraError:
            # A guest that does not answer is not at work for anybody.
            return False

    def _begin_start(self, runtime: Runtime) -> None:
        live = self._live.setdefault(runtime.id, _Live())
        live.starting = asyncio.create_task(self._start(runtime), name=f"start-{runtime.id}")

    async def _start(self, runtime: Runtime) -> None:
        try:
            handle = await self._start_with_retries(runtime)
        except LaboraError as error:
            details = {"code": error.error_code, "message": error.message}
            await self.stop(runtime.id, ExitReason.START_FAILED, details)
            return
        except Exception as error:  # noqa: BLE001 - whatever a provider raises is the reason that is shown
            _log.exception("runtime not started", runtime_id=runtime.id)
            await self.stop(runtime.id, ExitReason.START_FAILED, {"message": f"{type(error).__name__}: {error}"})
            return
        started = replace(
            runtime, status="ready", socket=handle.socket, isolation=handle.isolation, started_at=self._clock.now()
        )
        async with self._db.transaction() as connection:
            await store.set_ready(connection, started, handle.record)
        self._live.setdefault(runtime.id, _Live()).progress = None
        await self._publish(runtime.id)
        self._wake.set()

    async def _start_with_retries(self, runtime: Runtime) -> ProviderHandle:
        deadline = (runtime.deadline_at or runtime.created_at).timestamp() + HOST_GRACE_S
        spec = RuntimeSpec(
            runtime_id=runtime.id,
            generation=runtime.generation,
            account_id=runtime.account_id,
            image=runtime.image,
            shape=runtime.shape,
            key=runtime.key,
            deadline=deadline,
            env={**self._settings.environment, "LABORA_SPOOL_BYTES": str(self._settings.spool_bytes)},
        )
        loop = asyncio.get_running_loop()

        def progress(step: Progress) -> None:
            self._live.setdefault(runtime.id, _Live()).progress = step
            task = loop.create_task(self._publish(runtime.id))
            pending.add(task)
            task.add_done_callback(pending.discard)

        pending: set[asyncio.Task[None]] = set()
        for attempt in range(START_TRIES):
            try:
                return await self._provider.start(spec, progress)
            except UnavailableError as error:
                if error.error_code not in RETRIED or attempt == START_TRIES - 1:
                    raise
                await asyncio.sleep(error.retry_after or 2.0**attempt / 2)
        raise UnavailableError("The runtime could not be started.")

    async def _finish(self, runtime: Runtime) -> None:
        """Ends what is left of a runtime whose end is desired."""
        if runtime.status == "ended":
            return
        live = self._live.setdefault(runtime.id, _Live())
        starting = live.starting
        if starting is not None and starting is not asyncio.current_task():
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
        await self._publish(runtime.id)
        try:
            await self._provider.stop(runtime.id)
        except UnavailableError:
            # The end stays desired; a later round makes it true.
            return
        async with self._db.transaction() as connection:
            await store.set_ended(connection, runtime.id, self._clock.now())
        await self._publish(runtime.id)
        self._live.pop(runtime.id, None)

    # -- small parts --------------------------------------------------------------------------------------------------

    def _now(self) -> datetime:
        return self._wall + timedelta(seconds=self._clock.monotonic() - self._steady)

    async def _touch(self, runtime_id: str, column: str) -> None:
        live = self._live.setdefault(runtime_id, _Live())
        if column == "last_execution_at":
            live.last_execution = self._now()
        else:
            live.last_input = self._now()
        async with self._db.transaction() as connection:
            await store.touch(connection, runtime_id, column, self._clock.now())

    def _dressed(self, runtime: Runtime) -> Runtime:
        live = self._live.get(runtime.id)
        if live is None:
            return runtime
        progress = live.progress if runtime.status == "starting" else None
        return replace(runtime, progress=progress, ends_at=live.ends_at, ends_reason=live.ends_reason)

    async def _publish(self, runtime_id: str) -> None:
        """Tells the watchers when what they can see of a runtime has changed."""
        live = self._live.get(runtime_id)
        if live is None:
            return
        runtime = await self.get(runtime_id)
        seen = repr((runtime.status, runtime.desired, runtime.progress, runtime.ends_at, runtime.exit_reason))
        if seen == live.shown:
            return
        live.shown = seen
        live.changed.set()
        live.changed = asyncio.Event()
        for watcher in list(self._watchers):
            try:
                watcher(runtime)
            except Exception:  # noqa: BLE001 - one watcher must not keep the others from seeing
                _log.exception("watcher failed", runtime_id=runtime_id)


def _latest(*moments: datetime | None) -> datetime | None:
    known = [moment for moment in moments if moment is not None]
    return max(known) if known else None

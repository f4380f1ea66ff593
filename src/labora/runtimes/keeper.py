"""Makes the rows of runtimes true: starts, adopts, notices ends, applies the lifetime policy, sweeps orphans."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from labora.base.clock import Clock
from labora.base.errors import LaboraError, NotFoundError, UnavailableError
from labora.base.logging import get_logger
from labora.base.settings import RuntimeSettings
from labora.db.engine import Database
from labora.runtimes import pool_store, store
from labora.runtimes.live import Live, SteadyTime, latest
from labora.runtimes.model import ExitReason, Progress, ProviderHandle, Runtime
from labora.runtimes.policies import Policies
from labora.runtimes.policy import Allowance
from labora.runtimes.pool import WarmPool
from labora.runtimes.ports import Provider, WarmUp
from labora.runtimes.rules import Clocks, Verdict, exit_reason, verdict
from labora.runtimes.starting import HOST_GRACE_S, spec_of, start_with_retries

ROUND_S = 2.0
SAVE_S = 5.0
"""How long an end waits for what the kernels have printed."""
TOUCH_S = 10.0
"""A clock in the row may lag behind by this; the one in memory does not."""
DEADLINE_SLACK_S = 1.0

Watcher = Callable[[Runtime], None]
BusyProbe = Callable[[Runtime], Awaitable[bool]]
BeforeEnd = Callable[[Runtime], Awaitable[None]]

_log = get_logger("runtimes")


class RuntimesKeeper:
    """The loop under :class:`labora.runtimes.service.Runtimes`.

    Args:
        database: holds the table ``runtimes``.
        provider: starts and ends them.
        settings: limits and lifetimes where no policy says otherwise.
        clock: time.
        is_busy: asks a ready runtime whether a kernel is at work; ``Kernels.busy`` in a server.
        warm_up: starts the kernels of the warm pool; without it there is none.

    Attributes:
        policies: what the runtimes of each account may use.
        pool: machines that stand ready.
    """

    def __init__(
        self,
        database: Database,
        provider: Provider,
        settings: RuntimeSettings,
        clock: Clock,
        is_busy: BusyProbe | None = None,
        warm_up: WarmUp | None = None,
    ) -> None:
        self.policies = Policies(database, settings, clock)
        self._db = database
        self._provider = provider
        self._settings = settings
        self._clock = clock
        self._is_busy = is_busy
        self._live: dict[str, Live] = {}
        self._watchers: list[Watcher] = []
        self._before_end: list[BeforeEnd] = []
        self._wake = asyncio.Event()
        self._loop_task: asyncio.Task[None] | None = None
        self._time = SteadyTime(clock)
        self.pool = WarmPool(database, provider, settings, clock, self.policies.base, warm_up, self._starts)

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Adopts what runs already and begins to keep the rows true."""
        async with self._db.read() as connection:
            for runtime in await store.active(connection):
                # While the control plane was down nobody counted: give the benefit of the doubt.
                self._live[runtime.id] = Live(last_execution=self._time.now())
        await self._round_safely()
        self._loop_task = asyncio.create_task(self._loop(), name="runtimes")

    async def close(self) -> None:
        """Stops keeping the rows true; the runtimes go on."""
        tasks = [task for live in self._live.values() for task in (live.starting, live.ending) if task is not None]
        tasks += [self._loop_task] if self._loop_task is not None else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.pool.close()

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
            members = await self.pool.look(connection)
        allowed = await self.policies.of_all({runtime.account_id for runtime in rows})
        handles = {handle.runtime_id: handle for handle in await self._provider.list()}
        for runtime in rows:
            await self._reconcile(runtime, handles.get(runtime.id), allowed[runtime.account_id])
        await self.pool.round(members, handles)
        async with self._db.read() as connection:
            # Read again: a runtime made since the first look is no orphan. The pool first: a claim leads out of it.
            known = {member.id for member in await pool_store.all_members(connection)}
            known |= {runtime.id for runtime in await store.active(connection)}
        for runtime_id in handles.keys() - known - {runtime.id for runtime in rows}:
            _log.info("orphan removed", runtime_id=runtime_id)
            await self._provider.stop(runtime_id)

    async def _reconcile(self, runtime: Runtime, handle: ProviderHandle | None, allowance: Allowance) -> None:
        gone = handle is None or not handle.alive or handle.generation != runtime.generation
        if runtime.desired == "ended" or runtime.status == "starting":
            await self._take_up(runtime, gone=gone)
        elif gone:
            exit_ = None if handle is None else handle.exit
            reason = exit_reason(exit_)
            details = {} if exit_ is None else exit_.as_json()
            if reason is ExitReason.LIFETIME:
                details["max_lifetime_s"] = allowance.max_lifetime_s
            await self._want_ended(runtime.id, reason, details, gone=True)
        else:
            await self._judge(runtime, self._live.setdefault(runtime.id, Live()), allowance)

    async def _take_up(self, row: Runtime, *, gone: bool) -> None:
        """Begins a start or an end that nobody is at."""
        live = self._live.get(row.id)
        task = None if live is None else live.ending if row.desired == "ended" else live.starting
        if task is not None and not task.done():
            return
        # Looked at again, now that nobody is at it: it may have become ready, or have ended, since the rows were read.
        runtime = await self.get(row.id)
        if runtime.desired == "running" and runtime.status == "starting":
            self._begin_start(runtime)
        elif runtime.desired == "ended" and runtime.status != "ended":
            self._end(runtime, gone=gone)

    async def _judge(self, runtime: Runtime, live: Live, allowance: Allowance) -> Verdict:
        """Warns of, or ends, what the policy says; returns the verdict."""
        policy = allowance.clocks(self._settings.warn_before_s)
        started = runtime.started_at or runtime.created_at
        clocks = Clocks(started, runtime.last_execution_at, runtime.last_input_at, busy=False)
        clocks = replace(
            clocks,
            last_execution=latest(clocks.last_execution, live.last_execution),
            last_input=latest(clocks.last_input, live.last_input),
        )
        await self._move_deadline(runtime, started + timedelta(seconds=allowance.max_lifetime_s))
        now = self._time.now()
        found = verdict(policy, clocks, now)
        if found.action != "keep" and await self._busy(runtime):
            # Asked only when it matters. A busy kernel is activity up to this moment.
            live.last_execution = now
            found = verdict(policy, replace(clocks, busy=True), now)
        if found.action == "end":
            figures = {"idle_timeout_s": policy.idle_timeout_s, "max_lifetime_s": policy.max_lifetime_s}
            await self._want_ended(runtime.id, found.reason, figures)
            return found
        warned = found.action == "warn"
        before = live.ends_at, live.ends_reason
        live.ends_at, live.ends_reason = (found.ends_at, found.reason) if warned else (None, None)
        if before != (live.ends_at, live.ends_reason):
            await self._publish(runtime.id)
        return found

    async def _move_deadline(self, runtime: Runtime, moment: datetime) -> None:
        """Tells row and provider when the lifetime ends, where the policy has changed since they were told."""
        known = runtime.deadline_at
        if known is not None and abs((known - moment).total_seconds()) < DEADLINE_SLACK_S:
            return
        try:
            await self._provider.set_deadline(runtime.id, moment.timestamp() + HOST_GRACE_S)
        except LaboraError as error:
            # Away or just gone; the next round tells it, or finds the end.
            _log.info("deadline not moved", runtime_id=runtime.id, code=error.error_code)
            return
        async with self._db.transaction() as connection:
            await store.set_deadline(connection, runtime.id, moment)

    async def _busy(self, runtime: Runtime) -> bool:
        if self._is_busy is None:
            return False
        try:
            return await self._is_busy(runtime)
        except LaboraError:
            # A guest that does not answer is not at work for anybody.
            return False

    # -- starting -----------------------------------------------------------------------------------------------------

    def _begin_start(self, runtime: Runtime) -> None:
        live = self._live.setdefault(runtime.id, Live())
        if live.starting is None or live.starting.done():
            live.starting = asyncio.create_task(self._start(runtime, live), name=f"start-{runtime.id}")

    def _starts(self) -> bool:
        """Returns whether somebody waits for a runtime of theirs."""
        return any(live.starting is not None and not live.starting.done() for live in self._live.values())

    async def _start(self, runtime: Runtime, live: Live) -> None:
        loop, pending = asyncio.get_running_loop(), set[asyncio.Task[None]]()

        def progress(step: Progress) -> None:
            live.progress = step
            task = loop.create_task(self._publish(runtime.id))
            pending.add(task)
            task.add_done_callback(pending.discard)

        try:
            handle = await start_with_retries(self._provider, spec_of(runtime, self._settings), progress)
        except LaboraError as error:
            failure = {"code": error.error_code, "message": error.message}
        except Exception as error:  # noqa: BLE001 - whatever a provider raises is the reason that is shown
            _log.exception("runtime not started", runtime_id=runtime.id)
            failure = {"message": f"{type(error).__name__}: {error}"}
        else:
            await self._started(runtime, live, handle)
            return
        live.starting = None
        await self._want_ended(runtime.id, ExitReason.START_FAILED, failure, gone=True)

    async def _started(self, runtime: Runtime, live: Live, handle: ProviderHandle) -> None:
        now = self._clock.now()
        started = replace(runtime, status="ready", socket=handle.socket, isolation=handle.isolation, started_at=now)
        # Before anybody can see that it is ready: whoever waits for it runs something at once.
        self.pool.hold_back()
        async with self._db.transaction() as connection:
            await store.set_ready(connection, started, handle.record)
        live.progress = None
        await self._publish(runtime.id)
        self._wake.set()

    # -- ending -------------------------------------------------------------------------------------------------------

    async def _want_ended(
        self, runtime_id: str, reason: ExitReason, details: Mapping[str, Any], *, gone: bool = False
    ) -> asyncio.Task[None]:
        """Makes the end desired and begins it; returns what ends it, which may be awaited."""
        async with self._db.transaction() as connection:
            await store.want_ended(connection, runtime_id, reason, details)
        return self._end(await self.get(runtime_id), gone=gone)

    def _end(self, runtime: Runtime, *, gone: bool = False) -> asyncio.Task[None]:
        """Begins to end what is left of a runtime whose end is desired, unless that is under way.

        Args:
            gone: the provider says that it does not live, so there is nothing to save.
        """
        live = self._live.setdefault(runtime.id, Live())
        if live.ending is None or live.ending.done():
            live.ending = asyncio.create_task(self._finish(runtime, live, gone), name=f"end-{runtime.id}")
            live.ending.add_done_callback(_log_failure)
        return live.ending

    async def _finish(self, runtime: Runtime, live: Live, gone: bool) -> None:
        if runtime.status == "ended":
            self._live.pop(runtime.id, None)
            return
        if live.starting is not None:
            live.starting.cancel()
            await asyncio.gather(live.starting, return_exceptions=True)
        if runtime.status == "ready" and not gone:
            await self._save(runtime)
        await self._publish(runtime.id)
        try:
            await self._provider.stop(runtime.id)
        except UnavailableError:
            # The end stays desired; a later round makes it true.
            return
        async with self._db.transaction() as connection:
            await store.set_used(connection, live.dressed(runtime))
            await store.set_ended(connection, runtime.id, self._clock.now())
        await self._publish(runtime.id)
        self._live.pop(runtime.id, None)

    async def _save(self, runtime: Runtime) -> None:
        """Lets everybody take what the runtime still holds, for a short while."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SAVE_S):
                found = await asyncio.gather(*(hook(runtime) for hook in self._before_end), return_exceptions=True)
                for error in found:
                    if isinstance(error, Exception):
                        _log.warning("not all was saved before the end", runtime_id=runtime.id, error=repr(error))

    # -- small parts --------------------------------------------------------------------------------------------------

    async def get(self, runtime_id: str) -> Runtime:
        """Returns a runtime, ended ones too. Raises NotFoundError."""
        async with self._db.read() as connection:
            runtime = await store.get(connection, runtime_id)
        if runtime is None:
            raise NotFoundError("There is no such runtime.")
        return self._dressed(runtime)

    async def _touch(self, runtime_id: str, column: str) -> None:
        live, now = self._live.setdefault(runtime_id, Live()), self._time.now()
        if column == "last_execution_at":
            live.last_execution = now
        else:
            live.last_input = now
        written = live.written.get(column)
        if written is not None and (now - written).total_seconds() < TOUCH_S:
            return
        live.written[column] = now
        async with self._db.transaction() as connection:
            await store.touch(connection, runtime_id, column, self._clock.now())

    def _dressed(self, runtime: Runtime) -> Runtime:
        live = self._live.get(runtime.id)
        return runtime if live is None else live.dressed(runtime)

    async def _publish(self, runtime_id: str) -> None:
        """Tells the watchers when what they can see of a runtime has changed."""
        live = self._live.get(runtime_id)
        if live is None:
            return
        async with live.publishing:
            # One at a time, or what was read first could be told last.
            self._tell(live, await self.get(runtime_id))

    def _tell(self, live: Live, runtime: Runtime) -> None:
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
                _log.exception("watcher failed", runtime_id=runtime.id)


def _log_failure(task: asyncio.Task[None]) -> None:
    """The end stays desired, so a later round tries again; nobody may wait for this one."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.warning("runtime not ended", task=task.get_name(), error=repr(error))

"""Runtimes of accounts: the verbs. What should be is a row; ``keeper.py`` makes it true."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from labora.base.errors import ConflictError, GoneError, LaboraError, RateLimitedError
from labora.base.ids import new_id, new_secret
from labora.base.logging import get_logger
from labora.runtimes import store
from labora.runtimes.keeper import BeforeEnd, RuntimesKeeper, Watcher
from labora.runtimes.live import Live
from labora.runtimes.model import ExitReason, Progress, Runtime, time_in_words
from labora.runtimes.operator import want_end
from labora.runtimes.ports import Stats

STARTS_WINDOW_S = 600.0
STARTS_PER_WINDOW = 30

_log = get_logger("runtimes")


class Runtimes(RuntimesKeeper):
    """Makes, finds and ends runtimes. Made and started as :class:`RuntimesKeeper` says."""

    async def ensure(self, account_id: str, image: str = "python") -> Runtime:
        """Returns the account's runtime of this image, made if there is none; it may still be starting.

        Raises:
            RateLimitedError: too many were made in a short time, or the account has as many as it may.
        """
        async with self._db.transaction() as connection:
            mine = [runtime for runtime in await store.active(connection, account_id) if runtime.desired == "running"]
            for runtime in mine:
                if runtime.image == image:
                    return self._dressed(runtime)
            runtime = await self._new(connection, account_id, image, len(mine))
            warm = await self.pool.claim(connection, runtime)
            if warm is not None:
                runtime = warm.given_to(runtime)
            await store.add(connection, runtime, None if warm is None else warm.record)
        live = self._live.setdefault(runtime.id, Live())
        if warm is not None:
            live.kernel_id = warm.kernel_id
        else:
            live.progress = live.progress or Progress("Starting the runtime")
            if live.starting is None:
                # Else the loop has seen the row before we came back from writing it.
                self._begin_start(runtime)
        await self._publish(runtime.id)
        return self._dressed(runtime)

    async def _new(self, connection: AsyncConnection, account_id: str, image: str, has: int) -> Runtime:
        """Returns a runtime that the account may have beside the ``has`` that it has. Raises RateLimitedError."""
        allowance = await self.policies.within(connection, account_id)
        now = self._clock.now()
        since = now - timedelta(seconds=STARTS_WINDOW_S)
        if has >= allowance.max_runtimes:
            raise RateLimitedError(
                f"You have {has} runtimes, which is all you may have at a time. End one under Manage "
                "sessions, then try again.",
                retry_after=60,
                code="too_many_runtimes",
            )
        if await store.created_since(connection, account_id, since) >= STARTS_PER_WINDOW:
            raise RateLimitedError(
                "Too many runtimes were started in a short time. Wait a few minutes.", retry_after=STARTS_WINDOW_S
            )
        return Runtime(
            id=new_id(),
            account_id=account_id,
            provider=self._provider.name,
            image=image,
            shape=allowance.shape,
            desired="running",
            status="starting",
            generation=1,
            created_at=now,
            key=new_secret(),
            deadline_at=now + timedelta(seconds=allowance.max_lifetime_s),
        )

    async def prepare(self, account_id: str, image: str, start: Callable[[Runtime, str], Awaitable[Any]]) -> None:
        """Starts one kernel ahead in the account's runtime of this image, where it stands and has none ahead yet.

        Args:
            start: starts the kernel of that id, unless it runs already.
        """
        for runtime in await self.list(account_id):
            live = self._live.get(runtime.id)
            ready = runtime.image == image and (runtime.status, runtime.desired) == ("ready", "running")
            if live is None or not ready or live.kernel_id is not None:
                continue
            # Known before it has started: whoever takes it meanwhile waits for it, and not for a second one.
            kernel_id = live.kernel_id = new_id()
            try:
                await start(runtime, kernel_id)
            except LaboraError as error:
                _log.info("no kernel ahead", runtime_id=runtime.id, code=error.error_code)
                if live.kernel_id == kernel_id:
                    live.kernel_id = None

    def take_kernel(self, runtime_id: str) -> str | None:
        """Gives the id of the kernel that stands or starts ahead, to the first who asks; None where none does."""
        live = self._live.get(runtime_id)
        if live is None:
            return None
        kernel_id, live.kernel_id = live.kernel_id, None
        return kernel_id

    async def ready(self, runtime_id: str) -> Runtime:
        """Waits until a runtime is ready and returns it.

        Raises:
            GoneError: it ended instead; the message says why.
            NotFoundError: there is no such runtime.
        """
        while True:
            live = self._live.setdefault(runtime_id, Live())
            changed = live.changed
            runtime = await self.get(runtime_id)
            if runtime.desired == "ended":
                raise GoneError(runtime.message or "The runtime has ended.", code="runtime_ended")
            if runtime.status == "ready":
                return runtime
            await changed.wait()

    async def list(self, account_id: str | None = None) -> Sequence[Runtime]:
        """Returns the runtimes that have not ended, of one account or of all."""
        async with self._db.read() as connection:
            return [self._dressed(runtime) for runtime in await store.active(connection, account_id)]

    async def history(self, account_id: str, before: datetime | None = None, limit: int = 50) -> Sequence[Runtime]:
        """Returns the account's runtimes that have ended, the last one first."""
        async with self._db.read() as connection:
            return await store.ended(connection, account_id, before=before, limit=limit)

    async def tidy(self) -> None:
        """Deletes history that is older than the settings keep it."""
        async with self._db.transaction() as connection:
            await store.drop_ended(connection, self._clock.now() - timedelta(days=self._settings.history_days))

    async def stats(self, runtime_id: str) -> Stats:
        """Returns what a runtime uses, as its provider measures it."""
        return await self._provider.stats(runtime_id)

    async def stop(
        self,
        runtime_id: str,
        reason: ExitReason = ExitReason.USER,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Ends a runtime with everything in it; returns when it is gone. Does nothing when it has ended already.

        What its kernels have printed is taken first, where they still answer.
        """
        await asyncio.shield(await self._want_ended(runtime_id, reason, details or {}))

    async def stop_as_owner(self, runtime_id: str, actor_id: str | None) -> None:
        """Ends anybody's runtime, and leaves an audit row. Raises NotFoundError."""
        runtime = await self.get(runtime_id)
        await want_end(self._db, self._clock, runtime.id, actor_id)
        await asyncio.shield(self._end(await self.get(runtime_id)))

    async def reset_all(self, account_id: str) -> None:
        """Ends every runtime of an account: the next run starts a fresh one.

        Raises:
            RateLimitedError: the account did so a short while ago; the message says when it may again.
        """
        window = timedelta(seconds=self._settings.reset_window_s)
        now = self._clock.now()
        async with self._db.transaction() as connection:
            mine = await store.active(connection, account_id)
            if not mine:
                return
            before = await store.resets_since(connection, account_id, now - window)
            if len(before) >= self._settings.resets:
                wait = (before[-self._settings.resets] + window - now).total_seconds()
                raise RateLimitedError(
                    f"Your runtimes were reset a short while ago. You can reset them again in {time_in_words(wait)}; "
                    "until then, end single ones under Manage sessions.",
                    retry_after=wait,
                    code="reset_too_often",
                )
            await store.add_reset(connection, account_id, now, now - window)
        await asyncio.gather(*(self.stop(runtime.id, ExitReason.RESET) for runtime in mine))

    async def keep(self, runtime_id: str) -> Runtime:
        """Puts the end of an idle runtime off, and returns it as it stands then.

        Raises:
            ConflictError: ``lifetime_fixed``: what ends it is its longest lifetime, which nothing puts off.
            GoneError: it has ended already.
        """
        runtime = await self.get(runtime_id)
        if runtime.desired == "ended":
            raise GoneError(runtime.message or "The runtime has ended.", code="runtime_ended")
        await self.used(runtime_id)
        if runtime.status == "ready":
            live = self._live.setdefault(runtime_id, Live())
            found = await self._judge(await self.get(runtime_id), live, await self.policies.of(runtime.account_id))
            if found.action != "keep" and found.reason is ExitReason.LIFETIME:
                raise ConflictError(
                    "The longest lifetime of a runtime cannot be extended. Save what you need from /content to your "
                    "drive before it ends.",
                    code="lifetime_fixed",
                )
        return await self.get(runtime_id)

    async def executed(self, runtime_id: str) -> None:
        """Notes that somebody runs something in the runtime now."""
        await self._touch(runtime_id, "last_execution_at")

    async def used(self, runtime_id: str) -> None:
        """Notes deliberate input: an answer to ``input()``, "keep it running". Traffic is not activity."""
        await self._touch(runtime_id, "last_input_at")

    async def measured(self, runtime_id: str, cpu_seconds: float | None, memory_bytes: int | None) -> None:
        """Takes a measurement into the account of what a runtime has used."""
        live = self._live.get(runtime_id)
        if live is not None:
            live.used(cpu_seconds, memory_bytes)

    async def record_use(self, runtime_id: str) -> None:
        """Writes what a runtime has used so far into its row."""
        async with self._db.transaction() as connection:
            await store.set_used(connection, await self.get(runtime_id))

    def watch(self, callback: Watcher) -> Callable[[], None]:
        """Calls ``callback`` with every changed runtime (state, progress, warning); returns how to stop that."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback) if callback in self._watchers else None

    def before_end(self, callback: BeforeEnd) -> None:
        """Awaits ``callback`` before a living runtime is ended, for :data:`SAVE_S` seconds at most."""
        self._before_end.append(callback)

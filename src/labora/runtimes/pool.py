"""The warm pool: machines that stand ready, nobody's, with a started kernel, for whoever runs something next.

A claim moves a row from ``warm_runtimes`` into ``runtimes`` in one transaction; deleting the row decides who gets it.
Whatever is in neither table is swept by the keeper.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from labora import __version__
from labora.base.clock import Clock
from labora.base.errors import LaboraError
from labora.base.ids import new_id, new_secret
from labora.base.logging import get_logger
from labora.base.settings import RuntimeSettings
from labora.db.engine import Database
from labora.runtimes import pool_store, store
from labora.runtimes.model import PoolState, ProviderHandle, Runtime, RuntimeSpec, Shape, WarmRuntime
from labora.runtimes.policy import Allowance, effective
from labora.runtimes.ports import Provider, WarmUp
from labora.runtimes.starting import HOST_GRACE_S, environment_of

IMAGE = "python"
"""What stands ready: the default image."""
LEASE_S = 3600.0
"""A control plane that is gone for this long has no members left; while it is there it puts their end off."""
PAUSE_S = 3.0
"""Nothing is started for this long after somebody's own start or claim: their first cell goes first."""
BACKOFF_S = (5.0, 600.0)
"""First and longest pause after a start that failed."""

_log = get_logger("runtimes")


@dataclass(frozen=True, slots=True)
class Goal:
    """What should stand ready now."""

    count: int
    shape: Shape
    made_of: str = ""


class WarmPool:
    """Members, as the keeper's loop keeps them and ``Runtimes.ensure`` gives them away.

    Args:
        database: holds the table ``warm_runtimes``.
        provider: starts and ends them.
        settings: how many, and what they start with.
        clock: time.
        base: the settings' limits, which policies for everyone change.
        warm_up: starts the kernels; None keeps no pool and ends what an earlier one left.
        occupied: whether a start of somebody's own is under way.
    """

    def __init__(
        self,
        database: Database,
        provider: Provider,
        settings: RuntimeSettings,
        clock: Clock,
        base: Allowance,
        warm_up: WarmUp | None,
        occupied: Callable[[], bool],
    ) -> None:
        self._db = database
        self._provider = provider
        self._settings = settings
        self._clock = clock
        self._base = base
        self._warm_up = warm_up
        self._occupied = occupied
        self._standing: set[str] = set()
        """Members whose kernel this process has heard: only these are given away."""
        self._known: set[str] = set()
        """Members that this process has started or taken up: each once."""
        self._work: dict[str, asyncio.Task[None]] = {}
        self._finished: set[str] = set()
        """Members whose start has ended since the rows were last read."""
        self._not_before = float("-inf")
        self._anonymous: bool | None = None
        self._failures = 0
        self._problem: str | None = None

    # -- giving away --------------------------------------------------------------------------------------------------

    async def claim(self, connection: AsyncConnection, wanted: Runtime) -> WarmRuntime | None:
        """Takes out a member that is what ``wanted`` asks for, in the caller's transaction; None where none stands."""
        self.hold_back()
        if self._warm_up is None or not self._standing:
            return None
        for member in await pool_store.all_members(connection):
            fits = (member.provider, member.image, member.shape) == (wanted.provider, wanted.image, wanted.shape)
            stands = member.id in self._standing and self._warm_up.connected(member)
            if fits and stands and await pool_store.remove(connection, member.id):
                # Before anybody else sees that it is gone. Should the transaction fail, the next round drops it.
                self._standing.discard(member.id)
                return member
        return None

    def hold_back(self) -> None:
        """Puts starts off for a short while: somebody is about to run something."""
        self._not_before = max(self._not_before, self._clock.monotonic() + PAUSE_S)

    def state(self) -> PoolState:
        """Returns how the pool stands."""
        return PoolState(len(self._standing), 0 if self._warm_up is None else self._settings.warm, self._problem)

    # -- keeping ------------------------------------------------------------------------------------------------------

    async def look(self, connection: AsyncConnection) -> Sequence[WarmRuntime]:
        """Returns the rows as they are, for the next :meth:`round`."""
        self._finished.clear()
        return await pool_store.all_members(connection)

    async def round(self, members: Sequence[WarmRuntime], handles: Mapping[str, ProviderHandle]) -> None:
        """Drops what is dead or no longer fits, takes up what an earlier process left, and starts what is missing.

        Args:
            members: what :meth:`look` found, before the provider was asked for ``handles``.
            handles: what the provider knows.
        """
        goal = await self._goal()
        await self._let_go(members)
        count = 0
        for member in members:
            if member.id in self._work or member.id in self._finished:
                # Its row says less than is known: it was read while the member was being started.
                count += 1
                continue
            handle = handles.get(member.id)
            alive = handle is not None and handle.alive and handle.generation == member.generation
            ready = member.status == "ready" and member.made_of == goal.made_of and member.shape == goal.shape
            # Known and no longer standing: given away since the rows were read, unless that failed.
            gone = member.id in self._known and member.id not in self._standing
            if not alive or not ready or gone or count >= goal.count:
                await self._drop(member)
                continue
            count += 1
            if member.id not in self._standing:
                self._begin(member.id, self._take_up(member))
            await self._put_off_end(member)
        if self._occupied():
            self.hold_back()
        elif count < goal.count and not self._work and self._clock.monotonic() >= self._not_before:
            member_id = new_id()
            self._begin(member_id, self._start(member_id, goal))

    async def close(self) -> None:
        """Stops what is under way; members go on, and the next process takes them up."""
        tasks = list(self._work.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _goal(self) -> Goal:
        shape = self._base.shape
        if self._warm_up is None or self._settings.warm == 0:
            return Goal(0, shape)
        image = await self._provider.image_identity(IMAGE) if await self._may_be_anonymous() else None
        if image is None:
            return Goal(0, shape)
        async with self._db.read() as connection:
            rows = await store.policies(connection)
        shape = effective(self._base, [row for row in rows if row.subject_kind == "everyone"]).shape
        parts = [__version__, self._provider.name, image, self._settings.isolation, environment_of(self._settings)]
        made_of = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return Goal(self._settings.warm, shape, made_of)

    async def _may_be_anonymous(self) -> bool:
        if self._anonymous is None:
            self._anonymous = (await self._provider.capabilities()).anonymous
        return self._anonymous

    async def _let_go(self, members: Sequence[WarmRuntime]) -> None:
        """Forgets members whose row somebody else took away: the operator, beside this server."""
        self._known &= {member.id for member in members} | self._standing | self._work.keys()
        lost = self._standing - {member.id for member in members}
        if lost:
            async with self._db.read() as connection:
                # One may have come to stand since the rows were read.
                lost -= {member.id for member in await pool_store.all_members(connection)}
        for member_id in lost & self._standing:
            self._standing.discard(member_id)
            if self._warm_up is not None:
                await self._warm_up.forget(member_id)

    async def _drop(self, member: WarmRuntime) -> None:
        """Ends a member, unless it has become somebody's meanwhile."""
        async with self._db.transaction() as connection:
            if not await pool_store.remove(connection, member.id):
                return
        self._standing.discard(member.id)
        _log.info("warm runtime dropped", runtime_id=member.id)
        await self._end(member.id)

    async def _end(self, member_id: str) -> None:
        if self._warm_up is not None:
            await self._warm_up.forget(member_id)
        try:
            await self._provider.stop(member_id)
        except LaboraError as error:
            # It is in no table, so the keeper sweeps it when the provider is back.
            _log.info("warm runtime not ended yet", runtime_id=member_id, code=error.error_code)

    async def _put_off_end(self, member: WarmRuntime) -> None:
        now = self._clock.now()
        if member.deadline_at - now > timedelta(seconds=LEASE_S / 2):
            return
        moment = now + timedelta(seconds=LEASE_S)
        async with self._db.transaction() as connection:
            if not await pool_store.set_deadline(connection, member.id, moment):
                return
        try:
            await self._provider.set_deadline(member.id, moment.timestamp() + HOST_GRACE_S)
        except LaboraError as error:
            # Away or just gone. At worst it ends at the moment that it was told before, and is replaced.
            _log.info("deadline not moved", runtime_id=member.id, code=error.error_code)

    # -- starting -----------------------------------------------------------------------------------------------------

    def _begin(self, member_id: str, work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            try:
                await work
                self._failures, self._problem = 0, None
            except Exception as error:  # noqa: BLE001 - whatever a provider or guest raises is the reason shown
                await self._failed(member_id, error)

        self._known.add(member_id)
        task = self._work[member_id] = asyncio.create_task(guarded(), name=f"warm-{member_id}")
        task.add_done_callback(lambda _: self._finish(member_id))

    def _finish(self, member_id: str) -> None:
        self._finished.add(member_id)
        self._work.pop(member_id, None)

    async def _start(self, member_id: str, goal: Goal) -> None:
        now = self._clock.now()
        member = WarmRuntime(
            id=member_id,
            provider=self._provider.name,
            image=IMAGE,
            shape=goal.shape,
            status="starting",
            generation=1,
            key=new_secret(),
            kernel_id=new_id(),
            made_of=goal.made_of,
            version=__version__,
            created_at=now,
            deadline_at=now + timedelta(seconds=LEASE_S),
        )
        async with self._db.transaction() as connection:
            await pool_store.add(connection, member)
        spec = self._spec(member)
        handle = await self._provider.start(spec, lambda _progress: None)
        member = replace(member, socket=handle.socket, isolation=handle.isolation, record=handle.record)
        await self._warm(member)
        await self._provider.foreground(spec)
        async with self._db.transaction() as connection:
            kept = await pool_store.set_ready(connection, member, self._clock.now())
        if kept:
            self._standing.add(member.id)
            _log.info("warm runtime ready", runtime_id=member.id)

    async def _take_up(self, member: WarmRuntime) -> None:
        """Makes sure of a member that an earlier process started."""
        await self._warm(member)
        self._standing.add(member.id)

    async def _warm(self, member: WarmRuntime) -> None:
        if self._warm_up is not None:
            await self._warm_up.warm(member, member.kernel_id)

    async def _failed(self, member_id: str, error: Exception) -> None:
        pause = min(BACKOFF_S[0] * 2.0 ** min(self._failures, 20), BACKOFF_S[1])
        self._failures += 1
        self._not_before = max(self._not_before, self._clock.monotonic() + pause)
        self._problem = error.message if isinstance(error, LaboraError) else f"{type(error).__name__}: {error}"
        _log.warning("warm runtime not started", runtime_id=member_id, error=self._problem, again_in_s=pause)
        try:
            async with self._db.transaction() as connection:
                await pool_store.remove(connection, member_id)
        except LaboraError:
            # The next round finds the row without anybody at work on it.
            return
        await self._end(member_id)

    def _spec(self, member: WarmRuntime) -> RuntimeSpec:
        return RuntimeSpec(
            runtime_id=member.id,
            generation=member.generation,
            account_id="",
            image=member.image,
            shape=member.shape,
            key=member.key,
            deadline=member.deadline_at.timestamp() + HOST_GRACE_S,
            env=environment_of(self._settings),
            background=True,
        )

"""Whatever happens in whatever order: a machine is never given to two, and nothing is left over."""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import insert, select

from labora.base.clock import timestamp
from labora.base.errors import LaboraError, UnavailableError
from labora.base.settings import RuntimeSettings
from labora.db.engine import Database
from labora.db.migrate import migrate
from labora.db.schema import accounts, runtimes, warm_runtimes
from labora.runtimes import keeper
from labora.runtimes.model import ProviderExit, ProviderHandle, RuntimeSpec, WarmRuntime
from labora.runtimes.policy import PolicyRow
from labora.runtimes.ports import Capabilities, ProgressCallback, Stats
from labora.runtimes.service import Runtimes
from tests.runtimes.conftest import FakeClock

ACCOUNTS = ("ada", "bo", "cy")
WARM = 2


class Machines:
    """Machines of memory, with guests that are there as long as their machine is; provider and warm-up in one."""

    name = "memory"

    def __init__(self) -> None:
        self.handles: dict[str, ProviderHandle] = {}
        self.image = "image"
        self.refuses = 0
        self.forgotten: set[str] = set()

    def alive(self) -> set[str]:
        return {handle.runtime_id for handle in self.handles.values() if handle.alive}

    def die(self, runtime_id: str) -> None:
        old = self.handles[runtime_id]
        ended = ProviderExit(code=1)
        self.handles[runtime_id] = ProviderHandle(old.runtime_id, old.generation, old.socket, "b", False, ended)

    async def start(self, spec: RuntimeSpec, progress: ProgressCallback) -> ProviderHandle:
        await asyncio.sleep(0)
        if self.refuses:
            self.refuses -= 1
            raise UnavailableError("refused", code="refused")
        known = self.handles.get(spec.runtime_id)
        if known is None or known.generation != spec.generation:
            self.handles[spec.runtime_id] = ProviderHandle(spec.runtime_id, spec.generation, Path("/s"), "b")
        await asyncio.sleep(0)
        return self.handles[spec.runtime_id]

    async def foreground(self, spec: RuntimeSpec) -> None:
        await asyncio.sleep(0)

    async def image_identity(self, image: str) -> str | None:
        return self.image

    async def stop(self, runtime_id: str, *, wipe: bool = True) -> None:
        await asyncio.sleep(0)
        self.handles.pop(runtime_id, None)

    async def list(self) -> Sequence[ProviderHandle]:
        return list(self.handles.values())

    async def stats(self, runtime_id: str) -> Stats:
        return Stats()

    async def set_deadline(self, runtime_id: str, deadline: float) -> None:
        await asyncio.sleep(0)

    async def capabilities(self) -> Capabilities:
        return Capabilities("b", anonymous=True)

    async def close(self) -> None:
        """Nothing is held."""

    async def warm(self, runtime: WarmRuntime, kernel_id: str) -> None:
        await asyncio.sleep(0)
        if not self.connected(runtime):
            raise UnavailableError("gone", code="gone")

    def connected(self, runtime: WarmRuntime) -> bool:
        return runtime.id in self.alive()

    async def forget(self, runtime_id: str) -> None:
        self.forgotten.add(runtime_id)
        await asyncio.sleep(0)


@cache
def _empty_database() -> Path:
    """An up-to-date database with the accounts, made once."""
    folder = Path(tempfile.mkdtemp(prefix="labora-pool-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "labora.db"

    async def make() -> None:
        database = Database(f"sqlite+aiosqlite:///{path}")
        await migrate(database)
        async with database.transaction() as connection:
            for name in ACCOUNTS:
                row = {"id": name, "name": name, "login": name, "created_at": timestamp(datetime.now(UTC))}
                await connection.execute(insert(accounts).values(row))
        await database.close()

    asyncio.run(make())
    return path


class PoolMachine(RuleBasedStateMachine):
    """Accounts, an operator, deaths and restarts over one provider; rounds are made when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="labora-pool-"))
        shutil.copy(_empty_database(), self.folder / "labora.db")
        self.loop = asyncio.new_event_loop()
        self.machines, self.clock = Machines(), FakeClock()
        self.database = Database(f"sqlite+aiosqlite:///{self.folder}/labora.db")
        self.owners: dict[str, str] = {}
        self.kernels: set[str] = set()
        self.runtimes = self.run(self.open())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    async def open(self) -> Runtimes:
        made = Runtimes(
            self.database, self.machines, RuntimeSettings(warm=WARM), self.clock, None, self.machines
        )  # fmt: skip
        await made.start()
        return made

    def teardown(self) -> None:
        self.settle()
        self.run(self.runtimes.close())
        self.run(self.database.close())
        self.loop.close()
        shutil.rmtree(self.folder)

    async def claim(self, account_id: str) -> None:
        try:
            runtime = await self.runtimes.ensure(account_id)
            runtime = await self.runtimes.ready(runtime.id)
        except LaboraError:
            return
        assert self.owners.setdefault(runtime.id, account_id) == account_id, "a machine was given to two"
        kernel_id = self.runtimes.take_kernel(runtime.id)
        if kernel_id is not None:
            assert kernel_id not in self.kernels, "a kernel was given to two"
            self.kernels.add(kernel_id)

    @rule(who=st.lists(st.sampled_from(ACCOUNTS), min_size=1, max_size=4), rounds=st.integers(0, 3))
    def claims(self, who: list[str], rounds: int) -> None:
        async def all_at_once() -> None:
            looks = (self.runtimes._round_safely() for _ in range(rounds))
            await asyncio.gather(*(self.claim(account_id) for account_id in who), *looks)

        self.run(all_at_once())

    @rule(account_id=st.sampled_from(ACCOUNTS))
    def reset(self, account_id: str) -> None:
        async def stop() -> None:
            for runtime in await self.runtimes.list(account_id):
                await self.runtimes.stop(runtime.id)

        self.run(stop())

    @rule(which=st.integers(0, 9))
    def die(self, which: int) -> None:
        alive = sorted(self.machines.alive())
        if alive:
            self.machines.die(alive[which % len(alive)])

    @rule(rounds=st.integers(1, 3), turns=st.integers(0, 30))
    def keep(self, rounds: int, turns: int) -> None:
        """Makes rounds, and stops looking while starts may still be under way."""

        async def work() -> None:
            for _ in range(rounds):
                await self.runtimes._round_safely()
            for _ in range(turns):
                await asyncio.sleep(0)

        self.run(work())

    @rule()
    def restart(self) -> None:
        self.run(self.runtimes.close())
        self.runtimes = self.run(self.open())

    @rule(seconds=st.sampled_from([1, 4, 700, 3000]))
    def pass_by(self, seconds: int) -> None:
        self.clock.pass_by(seconds)

    @rule(processes=st.sampled_from([None, 64, 65]), name=st.sampled_from(["", "ada"]))
    def policy(self, processes: int | None, name: str) -> None:
        row = PolicyRow("account" if name else "everyone", name, processes=processes)
        self.run(self.runtimes.policies.set(row, None))

    @rule(name=st.sampled_from(["image", "newer"]))
    def image(self, name: str) -> None:
        self.machines.image = name

    @rule(times=st.integers(1, 3))
    def refuse(self, times: int) -> None:
        self.machines.refuses = times

    @rule()
    def settle(self) -> None:
        """After a while of peace exactly what should run runs."""

        async def work() -> None:
            self.machines.refuses = 0
            for number in range(100):
                # Twelve rounds are more than it needs; where threads wait for the processor a task may take more.
                if number >= 12 and await self.settled():
                    break
                self.clock.pass_by(60)
                await self.runtimes._round_safely()
                tasks = [live.ending for live in self.runtimes._live.values()]
                tasks += [live.starting for live in self.runtimes._live.values()]
                tasks += self.runtimes.pool._work.values()
                await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)
            active = {runtime.id for runtime in await self.runtimes.list()}
            members = await self.members()
            assert len(members) == WARM
            assert self.machines.alive() == active | members

        self.run(work())

    async def settled(self) -> bool:
        members = await self.members()
        active = {runtime.id for runtime in await self.runtimes.list()}
        return len(members) == WARM and self.machines.alive() == active | members

    async def members(self) -> set[str]:
        async with self.database.read() as connection:
            return set((await connection.execute(select(warm_runtimes.c.id))).scalars())

    @invariant()
    def no_machine_is_in_the_pool_and_somebodys(self) -> None:
        async def look() -> tuple[set[str], list[Any]]:
            members = await self.members()
            async with self.database.read() as connection:
                return members, list(await connection.execute(select(runtimes)))

        members, rows = self.run(look())
        assert not members & {row.id for row in rows}
        assert not members & self.owners.keys()
        assert not self.machines.forgotten & {row.id for row in rows}, "a connection in use was closed"
        assert len(members) <= WARM
        owned = [row.account_id for row in rows if row.status != "ended" and row.desired == "running"]
        assert len(owned) == len(set(owned))


@pytest.mark.usefixtures("slow_rounds")
class TestPoolStates(PoolMachine.TestCase):
    """Under every order of what may happen."""

    settings = settings(max_examples=15, stateful_step_count=20, deadline=None)


@pytest.fixture
def slow_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "ROUND_S", 3600.0)

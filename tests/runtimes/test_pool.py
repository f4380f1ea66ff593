"""The warm pool: who gets what, what is kept, what is replaced, and that it is in nobody's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from labora.base.errors import RateLimitedError, UnavailableError
from labora.base.settings import RuntimeSettings
from labora.db.engine import Database
from labora.kernels.service import Kernels
from labora.runtimes import keeper, pool, pool_store
from labora.runtimes.model import ExitReason, Runtime, RuntimeSpec, WarmRuntime
from labora.runtimes.policy import PolicyRow
from labora.runtimes.service import Runtimes
from labora.testing.recorder import Recorder, eventually


class InFolder:
    """Kernels whose working folder is the runtime's own, since there is no sandbox."""

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels
        self.connected = kernels.connected
        self.forget = kernels.forget

    async def warm(self, runtime: WarmRuntime, kernel_id: str) -> None:
        await self._kernels.warm(runtime, kernel_id, cwd=str(runtime.socket.parent / "content"))


class House:
    """A database and a provider that outlive the control planes that a test starts and ends."""

    def __init__(self, database: Database, provider: Any, clock: Any, kernels: Kernels) -> None:
        self.database, self.provider, self.clock, self.kernels = database, provider, clock, kernels
        self.running: list[Runtimes] = []

    async def open(self, warm: int = 1, **settings: Any) -> Runtimes:
        runtimes = Runtimes(
            self.database,
            self.provider,
            RuntimeSettings(warm=warm, **settings),
            self.clock,
            self.kernels.busy,
            InFolder(self.kernels),
        )
        self.running.append(runtimes)
        await runtimes.start()
        return runtimes

    async def members(self) -> list[WarmRuntime]:
        async with self.database.read() as connection:
            return list(await pool_store.all_members(connection))

    async def standing(self, count: int = 1, *, without: set[str] | None = None) -> list[WarmRuntime]:
        """Waits until that many stand ready, none of them of ``without``."""
        found: list[WarmRuntime] = []

        async def ready() -> bool:
            found[:] = await self.members()
            ids = {member.id for member in found}
            ready = self.running[-1].pool.state().ready == count and [one.status for one in found] == ["ready"] * count
            return ready and not ids & (without or set())

        await eventually(ready, 120)
        return found

    async def alive(self) -> set[str]:
        return {handle.runtime_id for handle in await self.provider.list() if handle.alive}


@pytest.fixture
async def house(
    database: Database, provider: Any, clock: Any, kernels: Kernels, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    monkeypatch.setattr(keeper, "ROUND_S", 0.02)
    house = House(database, provider, clock, kernels)
    yield house
    for runtimes in house.running:
        await runtimes.close()


async def test_whoever_asks_gets_the_machine_that_stands_ready_with_its_kernel(house: House) -> None:
    runtimes = await house.open()
    (member,) = await house.standing()
    told: list[str] = []
    runtimes.watch(lambda runtime: told.append(runtime.status))
    runtime = await runtimes.ensure("ada")
    assert (runtime.id, runtime.account_id, runtime.status) == (member.id, "ada", "ready")
    assert told == ["ready"]
    assert house.provider.starts == 1
    kernel_id = runtimes.take_kernel(runtime.id)
    assert kernel_id == member.kernel_id
    assert runtimes.take_kernel(runtime.id) is None
    # Nobody has run anything in it: it says of itself what a fresh kernel does.
    said = [await _look(house, runtime, kernel_id), await _look(house, runtime, "fresh")]
    assert said[0] == said[1]
    assert said[0].startswith("[] 1 {} ''")


async def _look(house: House, runtime: Runtime, kernel_id: str) -> str:
    session = house.kernels.session(runtime, kernel_id)
    await session.start(cwd=str(runtime.socket.parent / "content"))
    recorder = Recorder(session)
    await recorder.attach()
    code = "import os; print(os.listdir(), len(In) - 1, Out, repr(_), sorted(globals()), sorted(os.environ))"
    assert (await recorder.run("e1", code)).content["execution_count"] == 1
    return recorder.text("e1")


async def test_a_member_is_nobodys_and_seen_by_nobody(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    specs: list[RuntimeSpec] = []
    start = house.provider.start

    async def watched(spec: RuntimeSpec, progress: Any) -> Any:
        specs.append(spec)
        return await start(spec, progress)

    monkeypatch.setattr(house.provider, "start", watched)
    runtimes = await house.open()
    await house.standing()
    assert [(spec.account_id, spec.background) for spec in specs] == [("", True)]
    assert await runtimes.list() == []
    assert await runtimes.history("ada") == []
    state = runtimes.pool.state()
    assert (state.ready, state.wanted, state.problem) == (1, 1, None)


async def test_two_who_ask_at_once_get_two_machines(house: House) -> None:
    runtimes = await house.open(warm=2)
    members: list[WarmRuntime] = []
    # One at a time: the second one begins once the first stands.
    members = await house.standing(2)
    ada, bo = await asyncio.gather(runtimes.ensure("ada"), runtimes.ensure("bo"))
    assert {ada.id, bo.id} == {member.id for member in members}
    assert (ada.account_id, bo.account_id) == ("ada", "bo")
    assert ada.key != bo.key


async def test_one_of_two_starts_cold_where_one_stands_ready(house: House) -> None:
    runtimes = await house.open()
    (member,) = await house.standing()
    both = await asyncio.gather(*(runtimes.ensure(name) for name in ("ada", "bo") for _ in range(3)))
    assert len({runtime.id for runtime in both}) == 2
    assert len([runtime for runtime in both if runtime.id == member.id]) == 3
    for runtime in both:
        assert (await runtimes.ready(runtime.id)).account_id == runtime.account_id


async def test_the_pool_is_filled_again_but_not_at_once(house: House) -> None:
    runtimes = await house.open()
    (member,) = await house.standing()
    runtime = await runtimes.ensure("ada")
    for _ in range(5):
        await runtimes._round_safely()
    assert (house.provider.starts, await house.members()) == (1, [])
    house.clock.pass_by(pool.PAUSE_S)
    (other,) = await house.standing()
    assert other.id not in (member.id, runtime.id)
    assert other.key != member.key
    assert other.kernel_id != member.kernel_id


async def test_it_waits_while_somebodys_own_machine_starts(house: House) -> None:
    house.provider.go.clear()
    runtimes = await house.open(warm=0)
    runtime = await runtimes.ensure("ada")
    await eventually(lambda: house.provider.starts == 1)
    await runtimes.close()
    house.running.clear()
    runtimes = await house.open()
    await eventually(lambda: house.provider.starts == 2)
    house.clock.pass_by(pool.PAUSE_S)
    for _ in range(5):
        await runtimes._round_safely()
    assert await house.members() == []
    house.provider.go.set()
    await runtimes.ready(runtime.id)
    assert await house.members() == []
    house.clock.pass_by(pool.PAUSE_S)
    await house.standing()


async def test_limits_hold_for_machines_that_stood_ready_too(house: House) -> None:
    runtimes = await house.open(max_runtimes=1)
    await house.standing()
    await runtimes.ensure("ada")
    with pytest.raises(RateLimitedError, match="all you may have"):
        await runtimes.ensure("ada", "other")


async def test_an_account_of_another_shape_starts_cold(house: House) -> None:
    runtimes = await house.open()
    (member,) = await house.standing()
    await runtimes.policies.set(PolicyRow("account", "ada", processes=100), None)
    assert (await runtimes.ensure("ada")).id != member.id
    assert (await runtimes.ensure("bo")).id == member.id


async def test_the_lifetime_begins_with_the_claim(house: House) -> None:
    told: dict[str, float] = {}

    async def set_deadline(runtime_id: str, deadline: float) -> None:
        told[runtime_id] = deadline

    house.provider.set_deadline = set_deadline
    runtimes = await house.open()
    (member,) = await house.standing()
    began = house.clock.now()
    assert (member.deadline_at - began).total_seconds() == pool.LEASE_S
    house.clock.pass_by(pool.LEASE_S * 0.6)

    async def put_off() -> bool:
        (current,) = await house.members()
        return (current.deadline_at - house.clock.now()).total_seconds() == pool.LEASE_S

    await eventually(put_off)
    assert told[member.id] == house.clock.now().timestamp() + pool.LEASE_S + 60
    house.clock.pass_by(60)
    runtime = await runtimes.ensure("ada")
    lifetime_end = house.clock.now().timestamp() + 12 * 3600 + 60
    await eventually(lambda: told[runtime.id] == lifetime_end)
    house.clock.pass_by(12 * 3600)

    async def ended() -> bool:
        return (await runtimes.get(runtime.id)).exit_reason is ExitReason.IDLE

    await eventually(ended)


async def test_a_member_that_dies_is_replaced_and_never_given_away(house: House) -> None:
    runtimes = await house.open()
    (member,) = await house.standing()
    house.provider.away = True  # nothing is noticed by the loop
    await house.kernels.connection(member).request("shutdown", {})
    await eventually(lambda: not house.kernels.connected(member))
    runtime = await runtimes.ensure("ada")
    assert runtime.id != member.id
    house.provider.away = False
    await runtimes.ready(runtime.id)
    house.clock.pass_by(pool.PAUSE_S)
    await house.standing(without={member.id})
    assert member.id not in await house.alive()


async def test_a_policy_for_everyone_replaces_the_members(house: House) -> None:
    runtimes = await house.open()
    (old,) = await house.standing()
    await runtimes.policies.set(PolicyRow("everyone", processes=100), None)
    (member,) = await house.standing(without={old.id})
    assert member.shape.processes == 100
    assert await house.alive() == {member.id}
    assert (await runtimes.ensure("ada")).id == member.id


async def test_an_image_that_was_made_anew_replaces_the_members(house: House) -> None:
    await house.open()
    (old,) = await house.standing()
    made: list[str | None] = [None]

    async def identity(_image: str) -> str | None:
        return made[0]

    house.provider.image_identity = identity

    async def none() -> bool:
        return await house.members() == [] and await house.alive() == set()

    await eventually(none)
    made[0] = "new"
    await house.standing(without={old.id})


async def test_a_new_control_plane_takes_the_members_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await house.open()
    (member,) = await house.standing()
    pid = house.provider._runtimes[member.id].process.pid
    await first.close()
    await house.kernels.forget(member.id)
    second = await house.open()
    await eventually(lambda: member.id in second.pool._standing)
    runtime = await second.ensure("ada")
    assert (runtime.id, runtime.status, house.provider.starts) == (member.id, "ready", 1)
    assert house.provider._runtimes[member.id].process.pid == pid
    assert second.take_kernel(runtime.id) == member.kernel_id
    await second.close()
    # What is taken twice would be run in by two notebooks: a third process gives the kernel to nobody.
    third = await house.open(warm=0)
    assert (await third.ensure("ada")).id == member.id
    assert third.take_kernel(member.id) is None


async def test_a_new_version_or_other_variables_replace_the_members(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await house.open()
    (one,) = await house.standing()
    await first.close()
    second = await house.open(environment={"A": "1"})
    (two,) = await house.standing(without={one.id})
    await second.close()
    monkeypatch.setattr(pool, "__version__", "999")
    await house.open(environment={"A": "1"})
    await house.standing(without={one.id, two.id})


async def test_a_start_that_was_cut_off_leaves_nothing(house: House) -> None:
    house.provider.go.clear()
    first = await house.open()
    await eventually(lambda: house.provider.starts == 1)
    (cut,) = await house.members()
    await first.close()
    house.provider.go.set()
    await house.open()
    (member,) = await house.standing(without={cut.id})
    assert await house.alive() == {member.id}


async def test_a_pool_that_is_switched_off_ends(house: House) -> None:
    first = await house.open(warm=2)
    await house.standing(2)
    await first.close()
    await house.open(warm=1)
    await house.standing(1)
    await house.running[-1].close()
    last = await house.open(warm=0)

    async def none() -> bool:
        return await house.members() == [] and await house.alive() == set()

    await eventually(none)
    assert last.pool.state().wanted == 0


async def test_starts_that_fail_are_further_and_further_apart(house: House) -> None:
    house.provider.refusals = [UnavailableError("No slot is free.", code="no_slot") for _ in range(3)]
    runtimes = await house.open()
    waited = 0.0
    for attempt, pause in enumerate((5, 10, 20), start=1):
        await eventually(lambda attempt=attempt: house.provider.starts == attempt)  # type: ignore[misc]
        await eventually(lambda: not runtimes.pool._work)
        assert await house.members() == []
        assert runtimes.pool.state().problem == "No slot is free."
        house.clock.pass_by(pause - 0.5)
        waited += pause
        for _ in range(3):
            await runtimes._round_safely()
        assert house.provider.starts == attempt
        house.clock.pass_by(0.5)
    await house.standing()
    assert runtimes.pool.state().problem is None
    # Whoever needs a machine meanwhile is not held up by that.
    assert (await runtimes.ready((await runtimes.ensure("ada")).id)).status == "ready"


async def test_members_that_the_operator_took_away_are_let_go(house: House) -> None:
    from labora.runtimes.operator import give_up_warm, warm_runtimes

    runtimes = await house.open()
    (member,) = await house.standing()
    assert await warm_runtimes(house.database) == [member.id]
    assert await give_up_warm(house.database) == [member.id]
    assert (await runtimes.ensure("ada")).id != member.id
    await eventually(lambda: not house.kernels.connected(member))

    async def gone() -> bool:
        return member.id not in await house.alive()

    await eventually(gone)


async def test_one_kernel_is_started_ahead_where_a_machine_stands(house: House) -> None:
    runtimes = await house.open(warm=0)
    started: list[tuple[str, str]] = []
    refuse = False

    async def start(runtime: Runtime, kernel_id: str) -> None:
        if refuse:
            raise UnavailableError("The guest is away.")
        started.append((runtime.id, kernel_id))

    # No machine is started for a kernel that nobody has asked for.
    await runtimes.prepare("ada", "python", start)
    assert started == []
    assert await runtimes.list("ada") == []
    mine = await runtimes.ready((await runtimes.ensure("ada")).id)
    for _ in range(3):
        await runtimes.prepare("ada", "python", start)
    await runtimes.prepare("ada", "another image", start)
    await runtimes.prepare("bo", "python", start)
    ((runtime_id, kernel_id),) = started
    assert runtime_id == mine.id
    assert runtimes.take_kernel(mine.id) == kernel_id
    assert runtimes.take_kernel(mine.id) is None
    # The next page that is opened finds the next one; one that does not start is not given to anybody.
    refuse = True
    await runtimes.prepare("ada", "python", start)
    assert runtimes.take_kernel(mine.id) is None
    refuse = False
    await runtimes.prepare("ada", "python", start)
    assert runtimes.take_kernel(mine.id) == started[-1][1] != kernel_id

"""Ends that are put off, told of, saved before, limited and remembered; and what was used."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from labora.base.errors import ConflictError, RateLimitedError
from labora.db.engine import Database
from labora.db.schema import audit_log
from labora.kernels.service import Kernels
from labora.runtimes import keeper
from labora.runtimes.meters import Meter, Meters, Source
from labora.runtimes.model import ExitReason, Runtime
from labora.runtimes.policy import PolicyRow
from labora.runtimes.service import Runtimes
from labora.testing.recorder import eventually


async def ready(runtimes: Runtimes, account: str = "ada") -> Runtime:
    return await runtimes.ready((await runtimes.ensure(account)).id)


async def ended(runtimes: Runtimes, runtime_id: str) -> Runtime:
    async def gone() -> bool:
        return (await runtimes.get(runtime_id)).status == "ended"

    await eventually(gone, 90)
    return await runtimes.get(runtime_id)


async def test_keep_puts_an_idle_end_off_at_once(runtimes: Runtimes, clock: Any) -> None:
    runtime = await ready(runtimes)
    clock.pass_by(90 * 60 - 100)
    await runtimes._round_safely()
    assert (await runtimes.get(runtime.id)).ends_at is not None
    assert (await runtimes.keep(runtime.id)).ends_at is None
    clock.pass_by(90 * 60 - 400)
    await runtimes._round_safely()
    assert (await runtimes.get(runtime.id)).status == "ready"


async def test_the_longest_lifetime_cannot_be_put_off(runtimes: Runtimes, clock: Any) -> None:
    runtime = await ready(runtimes)
    for _ in range(9):
        clock.pass_by(79 * 60)
        await runtimes.used(runtime.id)
    await runtimes._round_safely()
    clock.pass_by(12 * 3600 - 9 * 79 * 60 - 120)
    await runtimes.used(runtime.id)
    with pytest.raises(ConflictError) as caught:
        await runtimes.keep(runtime.id)
    assert caught.value.error_code == "lifetime_fixed"
    warned = await runtimes.get(runtime.id)
    assert (warned.status, warned.ends_reason) == ("ready", ExitReason.LIFETIME)
    clock.pass_by(121)
    gone = await ended(runtimes, runtime.id)
    assert gone.message == "The runtime reached its longest lifetime of 12 hours."


async def test_a_policy_holds_at_once_and_the_reason_tells_its_figure(
    runtimes: Runtimes, provider: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = await ready(runtimes)
    told: list[float] = []

    async def set_deadline(_runtime_id: str, deadline: float) -> None:
        told.append(deadline)

    monkeypatch.setattr(provider, "set_deadline", set_deadline)
    await runtimes.policies.set(PolicyRow("account", "ada", idle_timeout_s=600, max_lifetime_s=7200), "owner")
    await runtimes._round_safely()
    deadline = (await runtimes.get(runtime.id)).deadline_at
    assert deadline is not None
    assert runtime.started_at is not None
    assert (deadline - runtime.started_at).total_seconds() == pytest.approx(7200)
    assert told[-1] == pytest.approx(deadline.timestamp() + 60)
    other = await ready(runtimes, "bo")
    clock.pass_by(601)
    gone = await ended(runtimes, runtime.id)
    assert gone.message == "The runtime was ended because nothing ran and nobody used it for 10 minutes."
    assert (await runtimes.get(other.id)).status == "ready"


async def test_limits_hold_from_the_next_runtime_on(runtimes: Runtimes, database: Database) -> None:
    first = await ready(runtimes)
    await runtimes.policies.set(PolicyRow("everyone", cpus=1.0), None)
    assert (await runtimes.ensure("ada")).id == first.id
    await runtimes.stop(first.id)
    assert (await ready(runtimes)).shape.cpus == 1.0
    async with database.read() as connection:
        actions = (await connection.execute(select(audit_log.c.action))).scalars().all()
    assert list(actions) == ["policy.changed"]


async def test_sec_74_an_account_has_no_more_runtimes_than_it_may(runtimes: Runtimes) -> None:
    await runtimes.policies.set(PolicyRow("account", "ada", max_runtimes=2), None)
    await runtimes.ensure("ada", "one")
    await runtimes.ensure("ada", "two")
    with pytest.raises(RateLimitedError) as caught:
        await runtimes.ensure("ada", "three")
    assert caught.value.error_code == "too_many_runtimes"
    await runtimes.ensure("bo", "three")


async def test_resets_are_limited_and_say_when(runtimes: Runtimes, clock: Any) -> None:
    await runtimes.reset_all("ada")
    runtime = await ready(runtimes)
    await runtimes.reset_all("ada")
    assert (await runtimes.get(runtime.id)).exit_reason is ExitReason.RESET
    fresh = await ready(runtimes)
    clock.pass_by(60)
    with pytest.raises(RateLimitedError) as caught:
        await runtimes.reset_all("ada")
    assert "again in 4 minutes" in caught.value.message
    assert caught.value.retry_after == pytest.approx(240)
    assert (await runtimes.get(fresh.id)).status == "ready"
    other = await ready(runtimes, "bo")
    await runtimes.reset_all("bo")
    assert (await runtimes.get(other.id)).status == "ended"
    clock.pass_by(241)
    await runtimes.reset_all("ada")
    assert (await runtimes.get(fresh.id)).exit_reason is ExitReason.RESET


async def test_what_a_kernel_has_said_is_taken_before_the_end(runtimes: Runtimes, provider: Any) -> None:
    seen: list[tuple[str, int]] = []

    async def take(runtime: Runtime) -> None:
        seen.append((runtime.id, len(await provider.list())))

    runtimes.before_end(take)
    runtime = await ready(runtimes)
    await runtimes.stop(runtime.id)
    assert seen == [(runtime.id, 1)]
    assert await provider.list() == []


async def test_an_end_does_not_wait_for_ever(runtimes: Runtimes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "SAVE_S", 0.05)

    async def hang(_runtime: Runtime) -> None:
        await asyncio.Event().wait()

    async def fail(_runtime: Runtime) -> None:
        raise RuntimeError("no")

    runtimes.before_end(hang)
    runtimes.before_end(fail)
    runtime = await ready(runtimes)
    await runtimes.stop(runtime.id)
    assert (await runtimes.get(runtime.id)).status == "ended"


async def test_the_owner_ends_anybodys_and_the_audit_log_has_it(runtimes: Runtimes, database: Database) -> None:
    runtime = await ready(runtimes)
    await runtimes.stop_as_owner(runtime.id, "bo")
    gone = await runtimes.get(runtime.id)
    assert gone.message == "The owner of this server ended the runtime."
    async with database.read() as connection:
        row = (await connection.execute(select(audit_log))).one()
    assert (row.actor_id, row.action, row.object_id) == ("bo", "runtime.ended", runtime.id)


async def test_meters_are_read_while_somebody_looks_and_not_otherwise(
    runtimes: Runtimes, provider: Any, clock: Any, kernels: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, other = await ready(runtimes), await ready(runtimes, "bo")
    session = kernels.session(runtime, "k1")
    await session.start(cwd=str(runtime.socket.parent))
    asked: list[str] = []
    stats = provider.stats

    async def counted(runtime_id: str) -> Any:
        asked.append(runtime_id)
        return await stats(runtime_id)

    monkeypatch.setattr(provider, "stats", counted)
    looking, got, looks = set[str](), list[tuple[str, Meter]](), list[int]()

    def wanted() -> set[str]:
        looks.append(len(asked))
        clock.pass_by(1)
        return looking

    meters = Meters(runtimes, kernels.meter, clock, 0.02)
    meters.add(Source(wanted, lambda found, meter: got.append((found.id, meter))))
    await meters.start()
    try:
        await eventually(lambda: len(looks) > 5)
        assert asked == []
        looking.add(runtime.id)
        meters.wake()
        await eventually(lambda: len(got) >= 3)
        assert {runtime_id for runtime_id, _ in got} == {runtime.id}
        assert other.id not in asked
        meter = got[-1][1]
        assert [kernel.kernel_id for kernel in meter.kernels] == ["k1"]
        assert meter.kernels[0].peak_bytes > 1_000_000
        assert meter.cpu is not None
        looking.clear()
        seen = len(looks)
        await eventually(lambda: len(looks) > seen + 5)
        assert looks[seen + 2] == looks[-1]
    finally:
        await meters.close()


async def test_a_guest_says_what_it_likes_and_nothing_breaks(runtimes: Runtimes, clock: Any) -> None:
    runtime = await ready(runtimes)
    lies: dict[str, Any] = {
        "kernels": {
            "fine": {"memory_bytes": 1e300, "cpu_seconds": "much", "processes": -3, "silent_s": True, "status": "x"},
            "../../etc": {"memory_bytes": 1},
            "list": [],
        }
    }

    async def lie(_runtime: Runtime) -> Any:
        return lies

    meter = await Meters(runtimes, lie, clock, 1.0).read(runtime)
    assert meter is not None
    assert [kernel.as_json() for kernel in meter.kernels] == [
        {
            "kernel_id": "fine",
            "status": "idle",
            "memory_bytes": 0,
            "peak_bytes": 0,
            "cpu_seconds": 0.0,
            "processes": 0,
            "silent_s": 0.0,
        }
    ]


async def test_the_history_tells_when_why_and_what_was_used(runtimes: Runtimes, clock: Any, kernels: Kernels) -> None:
    meters = Meters(runtimes, kernels.meter, clock, 1.0)
    runtime = await ready(runtimes)
    await meters.read(runtime)
    clock.pass_by(3600)
    await runtimes.stop(runtime.id)
    second = await ready(runtimes)
    clock.pass_by(60)
    await runtimes.stop(second.id)
    found = await runtimes.history("ada")
    assert [one.id for one in found] == [second.id, runtime.id]
    assert found[1].peak_memory_bytes is not None
    assert found[1].cpu_seconds is not None
    assert [one.id for one in await runtimes.history("ada", before=found[0].ended_at)] == [runtime.id]
    assert await runtimes.history("bo") == []
    clock.pass_by(90 * 86400 - 30)
    await runtimes.tidy()
    assert [one.id for one in await runtimes.history("ada")] == [second.id]


async def test_what_was_used_stays_although_a_round_began_before_the_end(
    runtimes: Runtimes, provider: Any, clock: Any, kernels: Kernels
) -> None:
    meters = Meters(runtimes, kernels.meter, clock, 1.0)
    runtime = await ready(runtimes)
    await meters.read(runtime)
    saved = asyncio.Event()
    runtimes.before_end(lambda _runtime: saved.wait())
    stop = asyncio.create_task(runtimes.stop(runtime.id))

    async def stopping() -> bool:
        return (await runtimes.get(runtime.id)).desired == "ended"

    await eventually(stopping)
    # A round has read that the end is wanted, and sees no more until the runtime has ended.
    provider.listing.clear()
    seen = provider.lists
    await eventually(lambda: provider.lists > seen)
    saved.set()
    await stop
    provider.listing.set()
    await eventually(lambda: provider.lists > seen + 2)
    (found,) = await runtimes.history("ada")
    assert found.peak_memory_bytes is not None

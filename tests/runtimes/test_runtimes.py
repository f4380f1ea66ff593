"""Rows made true: starts, ends, adoption, reasons."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from labora.base.errors import GoneError, RateLimitedError, UnavailableError
from labora.base.settings import RuntimeSettings
from labora.db.engine import Database
from labora.kernels.service import Kernels
from labora.runtimes import service
from labora.runtimes.model import ExitReason, Runtime, RuntimeSpec
from labora.runtimes.service import Runtimes
from labora.testing.recorder import Recorder, eventually


async def ended(runtimes: Runtimes, runtime_id: str) -> Runtime:
    async def gone() -> bool:
        return (await runtimes.get(runtime_id)).status == "ended"

    await eventually(gone, 90)
    return await runtimes.get(runtime_id)


async def test_one_account_gets_one_runtime_however_often_it_asks(runtimes: Runtimes, provider: Any) -> None:
    found = await asyncio.gather(*(runtimes.ensure("ada") for _ in range(5)))
    assert len({runtime.id for runtime in found}) == 1
    ready = await runtimes.ready(found[0].id)
    assert ready.status == "ready"
    assert ready.isolation == "none"
    assert provider.starts == 1
    assert (await runtimes.ensure("bo")).id != ready.id
    assert [runtime.id for runtime in await runtimes.list("ada")] == [ready.id]


async def test_progress_is_shown_while_it_starts(runtimes: Runtimes, provider: Any) -> None:
    provider.go.clear()
    seen: list[tuple[str, str | None]] = []
    runtimes.watch(lambda runtime: seen.append((runtime.status, runtime.progress and runtime.progress.label)))
    runtime = await runtimes.ensure("ada")
    assert runtime.status == "starting"
    await eventually(lambda: ("starting", "Unpacking") in seen)
    provider.go.set()
    await runtimes.ready(runtime.id)
    await eventually(lambda: seen[-1] == ("ready", None))


async def test_a_failed_start_says_why(runtimes: Runtimes, provider: Any) -> None:
    provider.refusals = [UnavailableError("No slot is free.", code="no_slot")]
    runtime = await runtimes.ensure("ada")
    with pytest.raises(GoneError) as caught:
        await runtimes.ready(runtime.id)
    assert "No slot is free." in caught.value.message
    assert (await ended(runtimes, runtime.id)).exit_reason is ExitReason.START_FAILED
    assert (await runtimes.ready((await runtimes.ensure("ada")).id)).id != runtime.id


async def test_a_start_is_tried_again_while_the_host_is_away(runtimes: Runtimes, provider: Any) -> None:
    provider.refusals = [UnavailableError("away", code="host_unreachable", retry_after=0.01)] * 2
    runtime = await runtimes.ensure("ada")
    assert (await runtimes.ready(runtime.id)).status == "ready"
    assert provider.starts == 3


async def test_stop_and_reset(runtimes: Runtimes, provider: Any) -> None:
    runtime = await runtimes.ready((await runtimes.ensure("ada")).id)
    await runtimes.stop(runtime.id)
    gone = await runtimes.get(runtime.id)
    assert (gone.status, gone.exit_reason) == ("ended", ExitReason.USER)
    assert await provider.list() == []
    await runtimes.stop(runtime.id)
    other = await runtimes.ready((await runtimes.ensure("ada")).id)
    await runtimes.reset_all("ada")
    assert (await runtimes.get(other.id)).exit_reason is ExitReason.RESET
    assert await runtimes.list("ada") == []


async def test_stop_while_it_starts(runtimes: Runtimes, provider: Any) -> None:
    provider.go.clear()
    runtime = await runtimes.ensure("ada")
    await eventually(lambda: provider.starts == 1)
    await runtimes.stop(runtime.id)
    assert (await runtimes.get(runtime.id)).status == "ended"
    assert await provider.list() == []


async def test_a_crash_is_noticed_and_told(runtimes: Runtimes, kernels: Kernels) -> None:
    runtime = await runtimes.ready((await runtimes.ensure("ada")).id)
    told: list[ExitReason | None] = []
    runtimes.watch(lambda changed: told.append(changed.exit_reason))
    await kernels.connection(runtime).request("shutdown", {})
    gone = await ended(runtimes, runtime.id)
    assert gone.exit_reason is ExitReason.CRASH
    assert gone.exit_details["code"] == 0
    assert "unexpectedly" in (gone.message or "")
    assert ExitReason.CRASH in told


async def test_a_runtime_that_the_provider_lost_has_ended(runtimes: Runtimes, provider: Any) -> None:
    runtime = await runtimes.ready((await runtimes.ensure("ada")).id)
    await provider.stop(runtime.id)
    assert (await ended(runtimes, runtime.id)).exit_reason is ExitReason.LOST


async def test_nothing_is_lost_while_the_provider_is_away(runtimes: Runtimes, provider: Any) -> None:
    runtime = await runtimes.ready((await runtimes.ensure("ada")).id)
    provider.away = True
    await asyncio.gather(*(runtimes._round_safely() for _ in range(3)))
    assert (await runtimes.get(runtime.id)).status == "ready"


async def test_an_idle_runtime_is_warned_of_and_ended(runtimes: Runtimes, clock: Any) -> None:
    runtime = await runtimes.ready((await runtimes.ensure("ada")).id)
    clock.pass_by(90 * 60 - 200)

    async def warned() -> bool:
        return (await runtimes.get(runtime.id)).ends_reason is ExitReason.IDLE

    await eventually(warned)
    await runtimes.used(runtime.id)

    async def calm() -> bool:
        return (await runtimes.get(runtime.id)).ends_at is None

    await eventually(calm)
    clock.pass_by(90 * 60)
    assert (await ended(runtimes, runtime.id)).exit_reason is ExitReason.IDLE


async def test_a_busy_kernel_is_never_idle(runtimes: Runtimes, clock: Any, kernels: Kernels) -> None:
    runtime = await runtimes.ready((await runtimes.ensure("ada")).id)
    session = kernels.session(runtime, "k")
    await session.start(cwd=str(runtime.socket.parent))
    recorder = Recorder(session)
    await recorder.attach()
    await session.execute("e1", "import time; print(1); time.sleep(600)")
    await recorder.until(lambda m: m.type == "stream")
    clock.pass_by(3 * 3600)
    await runtimes._round_safely()
    assert (await runtimes.get(runtime.id)).status == "ready"
    clock.pass_by(9 * 3600)
    assert (await ended(runtimes, runtime.id)).exit_reason is ExitReason.LIFETIME


async def test_a_kernel_that_waits_for_an_answer_is_busy_and_the_answer_counts(
    runtimes: Runtimes, clock: Any, kernels: Kernels
) -> None:
    runtime = await runtimes.ready((await runtimes.ensure("ada")).id)
    session = kernels.session(runtime, "k")
    await session.start(cwd=str(runtime.socket.parent))
    recorder = Recorder(session)
    await recorder.attach()
    await session.execute("e1", "name = input('Name? ')")
    request = await recorder.until(lambda m: m.type == "input_request")
    # Somebody is at lunch: the program and all it has computed waits for them.
    clock.pass_by(3 * 3600)
    await runtimes._round_safely()
    assert (await runtimes.get(runtime.id)).status == "ready"
    await session.input("e1", request.content["request_id"], "Ada")
    await runtimes.used(runtime.id)
    await recorder.done("e1")
    clock.pass_by(80 * 60)
    await runtimes._round_safely()
    assert (await runtimes.get(runtime.id)).status == "ready"
    clock.pass_by(20 * 60)
    assert (await ended(runtimes, runtime.id)).exit_reason is ExitReason.IDLE


async def test_a_wall_clock_that_jumps_ends_nothing(runtimes: Runtimes, clock: Any) -> None:
    runtime = await runtimes.ready((await runtimes.ensure("ada")).id)
    clock.wall += timedelta(days=1)
    await runtimes._round_safely()
    assert (await runtimes.get(runtime.id)).status == "ready"


async def test_a_new_control_plane_adopts_and_sweeps(
    database: Database, provider: Any, clock: Any, kernels: Kernels
) -> None:
    first = Runtimes(database, provider, RuntimeSettings(), clock, kernels.busy)
    await first.start()
    runtime = await first.ready((await first.ensure("ada")).id)
    pid = provider._runtimes[runtime.id].process.pid
    await first.close()
    stray = RuntimeSpec("stray", 1, "ada", "python", runtime.shape, "key", 0)
    await provider.start(stray, lambda _progress: None)

    second = Runtimes(database, provider, RuntimeSettings(), clock, kernels.busy)
    await second.start()
    adopted = await second.ensure("ada")
    assert (adopted.id, adopted.status, adopted.key) == (runtime.id, "ready", runtime.key)
    assert provider._runtimes[runtime.id].process.pid == pid
    assert [handle.runtime_id for handle in await provider.list()] == [runtime.id]
    await second.close()


async def test_a_start_that_was_cut_off_is_taken_up(
    database: Database, provider: Any, clock: Any, kernels: Kernels
) -> None:
    provider.go.clear()
    first = Runtimes(database, provider, RuntimeSettings(), clock, kernels.busy)
    await first.start()
    runtime = await first.ensure("ada")
    await first.close()
    provider.go.set()
    second = Runtimes(database, provider, RuntimeSettings(), clock, kernels.busy)
    await second.start()
    assert (await second.ready(runtime.id)).id == runtime.id
    await second.close()


async def test_sec_74_starts_are_limited_per_account(runtimes: Runtimes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "STARTS_PER_WINDOW", 2)
    for _ in range(2):
        await runtimes.stop((await runtimes.ensure("ada")).id)
    with pytest.raises(RateLimitedError):
        await runtimes.ensure("ada")
    assert (await runtimes.ensure("bo")).status == "starting"

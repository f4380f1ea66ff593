"""Steps pass at once while they are rare, and wait for one another when there are many."""

from __future__ import annotations

import asyncio

from labora.base.pace import Pace

HOUR_S = 3600.0


async def test_a_burst_passes_and_what_follows_waits() -> None:
    pace = Pace(3, HOUR_S)
    for _ in range(3):
        await asyncio.wait_for(pace.step(), 60)
    fourth = asyncio.create_task(pace.step())
    done, _ = await asyncio.wait({fourth}, timeout=0.05)
    assert not done
    fourth.cancel()


async def test_what_is_saved_up_is_no_more_than_a_burst() -> None:
    pace = Pace(2, 0.001)
    for _ in range(50):
        await asyncio.wait_for(pace.step(), 60)
    pace = Pace(2, HOUR_S)
    pace._last = asyncio.get_running_loop().time() - 100 * HOUR_S
    assert pace.delay() == 0
    pace.take()
    pace.take()
    assert pace.delay() > HOUR_S / 2


async def test_without_an_interval_nothing_waits() -> None:
    pace = Pace(1, 0)
    for _ in range(1000):
        await pace.step()

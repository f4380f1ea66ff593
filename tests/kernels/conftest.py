from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from labora.testing.recorder import Recorder
from labora.testing.runtime import LocalRuntime


@pytest.fixture
async def local() -> AsyncIterator[LocalRuntime]:
    async with LocalRuntime() as runtime:
        yield runtime


@pytest.fixture(params=["plain", "forked"])
async def kernel(local: LocalRuntime, request: pytest.FixtureRequest) -> Recorder:
    """A started kernel whose messages are taken: the first of its runtime, or one that was forked from a zygote."""
    if request.param == "forked":
        await local.session("other").start(cwd=local.cwd)
    session = local.session("k")
    await session.start(cwd=local.cwd)
    recorder = Recorder(session)
    await recorder.attach()
    return recorder

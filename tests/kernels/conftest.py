from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from labora.testing.recorder import Recorder
from labora.testing.runtime import LocalRuntime


@pytest.fixture
async def local() -> AsyncIterator[LocalRuntime]:
    async with LocalRuntime() as runtime:
        yield runtime


@pytest.fixture
async def kernel(local: LocalRuntime) -> Recorder:
    """A started kernel whose messages are taken."""
    session = local.session("k")
    await session.start(cwd=local.cwd)
    recorder = Recorder(session)
    await recorder.attach()
    return recorder

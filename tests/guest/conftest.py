from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from labora.testing.runtime import LocalRuntime


@pytest.fixture
async def local() -> AsyncIterator[LocalRuntime]:
    async with LocalRuntime() as runtime:
        yield runtime

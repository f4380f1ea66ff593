"""One real server for all real notebooks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from labora.testing.process import ServerProcess


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(images_dir: Path) -> AsyncIterator[ServerProcess]:
    """A running server with the account ada."""
    async with ServerProcess(images_dir) as running:
        yield running

"""A real server for the tests of faults."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from labora.testing.process import ServerProcess


@pytest.fixture
async def server(images_dir: Path) -> AsyncIterator[ServerProcess]:
    """A running server with the account ada."""
    async with ServerProcess(images_dir) as running:
        yield running

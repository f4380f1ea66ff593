"""The provider for tests keeps the contract of providers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from labora.base.errors import ForbiddenError
from labora.testing.providers import ALLOW, LocalProvider, ProviderConformance


class TestLocalProvider(ProviderConformance):
    @pytest.fixture
    async def provider(self) -> AsyncIterator[LocalProvider]:
        provider = LocalProvider()
        yield provider
        await provider.close()

    @pytest.fixture
    def image(self) -> str:
        return "test"


async def test_it_refuses_outside_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ALLOW)
    with pytest.raises(ForbiddenError):
        await LocalProvider().start(ProviderConformance.spec("test"), lambda _progress: None)

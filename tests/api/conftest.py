"""A server in the process and people to use it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from labora.api.app import LaboraApp, create_app
from labora.base.settings import Settings, load_settings
from labora.testing.server import ServerInProcess, server_in_process


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(storage={"data_dir": tmp_path / "data", "min_free_bytes": 0})


@pytest.fixture
def static(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Labora</title>")
    (folder / "theme.js").write_text("// theme")
    (folder / "assets" / "app-abc123.js").write_text("// app")
    (folder / "assets" / "app-abc123.js.br").write_bytes(b"brotli")
    (folder / "assets" / "app-abc123.js.gz").write_bytes(b"gzip")
    return folder


@pytest.fixture
def app(settings: Settings, static: Path) -> LaboraApp:
    return create_app(settings, static=static, compute=False)


@pytest.fixture
async def server(app: LaboraApp) -> AsyncIterator[ServerInProcess]:
    async with server_in_process(app) as running:
        yield running


@pytest.fixture
async def owner(server: ServerInProcess) -> httpx.AsyncClient:
    return await server.owner()


@pytest.fixture
async def ann(server: ServerInProcess, owner: httpx.AsyncClient) -> httpx.AsyncClient:
    return await server.person("ann", owner)


@pytest.fixture
async def bob(server: ServerInProcess, owner: httpx.AsyncClient) -> httpx.AsyncClient:
    return await server.person("bob", owner)


@pytest.fixture
async def stranger(server: ServerInProcess) -> httpx.AsyncClient:
    """A browser that nobody signed in with."""
    return await server.client()

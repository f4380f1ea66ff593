"""The whole server in the process of a test: no port, no browser, real services."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx

from labora.api.app import LaboraApp
from labora.testing.database import fresh

ORIGIN = "http://localhost:8000"
PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that live as long as a test


@asynccontextmanager
async def lifespan(app: LaboraApp) -> AsyncIterator[None]:
    """Runs the application's lifespan around the block."""
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def send(message: Any) -> None:
        await outbox.put(message)

    task = asyncio.create_task(app({"type": "lifespan"}, inbox.get, send))
    await inbox.put({"type": "lifespan.startup"})
    if (await outbox.get())["type"] != "lifespan.startup.complete":
        await task
    try:
        yield
    finally:
        await inbox.put({"type": "lifespan.shutdown"})
        await outbox.get()
        await task


class ServerInProcess:
    """A started application with one HTTP client per person, each with its own cookies.

    Attributes:
        app: the application.
        ids: account ids by sign-in name.
    """

    def __init__(self, app: LaboraApp, stack: AsyncExitStack) -> None:
        self.app = app
        self.ids: dict[str, str] = {}
        self._stack = stack

    async def client(self, *, address: str = "127.0.0.1", origin: str = ORIGIN) -> httpx.AsyncClient:
        """Returns a browser that nobody signed in with, at a network address."""
        transport = httpx.ASGITransport(self.app, client=(address, 40_000))
        headers = {"Origin": origin, "X-Labora": "1"}
        return await self._stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url=f"{origin}/api/v1", headers=headers)
        )

    async def owner(self, login: str = "owner") -> httpx.AsyncClient:
        """Returns the signed-in owner; makes them at the first call."""
        secret = await self.app.services.accounts.ensure_setup_link()
        client = await self.client()
        body = {"token": secret, "name": login.title(), "login": login, "password": PASSWORD}
        answer = await client.post("/setup", json=body)
        answer.raise_for_status()
        self.ids[login] = answer.json()["id"]
        return client

    async def person(self, login: str, owner: httpx.AsyncClient) -> httpx.AsyncClient:
        """Returns a signed-in account that ``owner`` invited, at its address where the sign-in name is one."""
        label = {"label": login} if "@" in login else {}
        url = (await owner.post("/invitations", json=label)).json()["url"]
        client = await self.client()
        body = {"name": login.title(), "login": login, "password": PASSWORD}
        answer = await client.post("/invitation/accept", json=body, headers={"X-Labora-Link": url.partition("#")[2]})
        answer.raise_for_status()
        self.ids[login] = answer.json()["id"]
        return client


@asynccontextmanager
async def server_in_process(app: LaboraApp) -> AsyncIterator[ServerInProcess]:
    """Starts ``app`` and yields it with its clients."""
    await fresh(app.services.database)
    async with lifespan(app), AsyncExitStack() as stack:
        yield ServerInProcess(app, stack)

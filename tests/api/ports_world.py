"""A server that listens, accounts with a runtime, and web apps on loopback, where runtimes without isolation are."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvicorn
import websockets
from starlette.types import ASGIApp

from labora.api.app import LaboraApp, create_app
from labora.base.settings import load_settings
from labora.testing.providers import LocalProvider

PASSWORD = "correct horse battery"
CHROME = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}
TOP = {**CHROME, "Sec-Fetch-Dest": "document"}
FRAME = {**CHROME, "Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site"}


@asynccontextmanager
async def listening(app: ASGIApp) -> AsyncIterator[int]:
    """Serves an application on a free port of loopback and yields the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    lifespan = "on" if isinstance(app, LaboraApp) else "off"
    config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan=lifespan)
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server._serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0)
        if task.done():
            await task
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        listener.close()


class Person:
    """An account, signed in at the app, with a runtime of its own."""

    def __init__(self, world: World, login: str, cookie: str, account_id: str, runtime_id: str) -> None:
        self.world, self.login, self.cookie = world, login, cookie
        self.account_id, self.runtime_id = account_id, runtime_id
        headers = {"Cookie": cookie, "Origin": world.origin, "X-Labora": "1", "Host": f"localhost:{world.port}"}
        self.api = httpx.AsyncClient(base_url=f"{world.near}/api/v1", headers=headers, timeout=60)

    async def open(self, port: int, path: str = "/", **more: Any) -> dict[str, str]:
        """Asks for the address of a port of one's own runtime."""
        answer = await self.api.post(f"/runtimes/{self.runtime_id}/ports/{port}", json={"path": path, **more})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def visitor(self, port: int, headers: dict[str, str] | None = None) -> Visitor:
        """Returns a browser that swapped a ticket for the cookie of the port's host."""
        visitor = Visitor(self.world, await self.open(port))
        answer = await visitor.get(visitor.ticket, headers=headers or TOP)
        visitor.cookie = answer.headers["set-cookie"].partition(";")[0]
        return visitor


class Visitor:
    """A browser at a port's host."""

    def __init__(self, world: World, found: dict[str, str], cookie: str = "") -> None:
        self.world, self.cookie = world, cookie
        self.url, self.ticket = found["url"], found["ticket_url"]
        parts = urlsplit(self.url)
        self.host, self.origin = parts.netloc, f"{parts.scheme}://{parts.netloc}"

    async def request(self, method: str, url: str, **more: Any) -> httpx.Response:
        return await self.world.client.request(method, *self._sent(url, more), **more)

    def stream(self, method: str, url: str, **more: Any) -> Any:
        return self.world.client.stream(method, *self._sent(url, more), **more)

    def _sent(self, url: str, more: dict[str, Any]) -> tuple[str]:
        parts = urlsplit(url)
        headers = {"Host": parts.netloc or self.host, **(more.pop("headers", None) or {})}
        if self.cookie:
            headers["Cookie"] = "; ".join(part for part in (headers.get("Cookie"), self.cookie) if part)
        more["headers"] = headers
        target = parts._replace(scheme="", netloc="").geturl()
        return (self.world.near + target,)

    async def get(self, url: str = "/", **more: Any) -> httpx.Response:
        return await self.request("GET", url, **more)

    def socket(self, path: str = "/", origin: str | None = "", **more: Any) -> Any:
        headers = {"Cookie": self.cookie} if self.cookie else {}
        return websockets.connect(
            f"ws://{self.host}{path}",
            host="127.0.0.1",
            port=self.world.port,
            origin=self.origin if origin == "" else origin,
            additional_headers=headers,
            proxy=None,
            **more,
        )


class World:
    """The server; addresses are those of mode B unless the settings say otherwise."""

    def __init__(self, app: LaboraApp, port: int, stack: AsyncExitStack) -> None:
        self.app, self.port = app, port
        self.near, self.origin = f"http://127.0.0.1:{port}", f"http://localhost:{port}"
        # What it keeps of cookies each visitor decides.
        none = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self.client = httpx.AsyncClient(timeout=60, trust_env=False, cookies=none)
        self._stack = stack
        stack.push_async_callback(self.client.aclose)

    async def person(self, login: str) -> Person:
        """Makes an account, signs it in and starts its runtime."""
        services = self.app.services
        account = await services.accounts.make_account(name=login, login=login, password=PASSWORD)
        secret = (await services.accounts.log_in(login, PASSWORD)).secret
        assert services.runtimes is not None
        runtime = await services.runtimes.ensure(account.id)
        await services.runtimes.ready(runtime.id)
        cookie = f"labora-{services.instance_id}={secret}"
        person = Person(self, login, cookie, account.id, runtime.id)
        self._stack.push_async_callback(person.api.aclose)
        return person

    def content(self, person: Person) -> Path:
        """The folder that stands for a person's /content."""
        provider = self.app.services.provider
        assert isinstance(provider, LocalProvider)
        return provider._runtimes[person.runtime_id].folder / "content"


@asynccontextmanager
async def world(folder: Path, **settings: Any) -> AsyncIterator[World]:
    """Starts a server with runtimes that are processes of the test."""
    loaded = load_settings(storage={"data_dir": folder / "data", "min_free_bytes": 0}, **settings)
    app = create_app(loaded, static=folder, provider=LocalProvider())
    async with AsyncExitStack() as stack, listening(app) as port:
        yield World(app, port, stack)

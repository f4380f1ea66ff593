"""A real ``labora serve`` in a process of its own, with its host, that tests kill and start again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx
import psutil

from labora.host.client import HostClient
from labora.testing.client import RoomClient
from labora.testing.recorder import eventually

PASSWORD = "correct horse battery"  # noqa: S105 - of accounts that live as long as a test
START_S = 180.0


class ServerProcess:
    """A server, its host and its data folder, for the length of an ``async with`` block.

    Args:
        images_dir: prepared images.
        environment: settings, as ``LABORA_…`` variables.
        data_dir: on a file system of the test's own; a temporary folder by default.
        prefix: a command that becomes the server, such as ``unshare -m``.

    Attributes:
        url: where it listens, the same after every start.
        log: what it says, kept over restarts.
    """

    def __init__(
        self,
        images_dir: Path,
        environment: Mapping[str, str] | None = None,
        *,
        data_dir: Path | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        # Not below the folder that pytest gives a test: a server started as root gives root up, and that one is closed.
        self._folder = Path(tempfile.mkdtemp(prefix="labora-test-", dir="/tmp"))
        self._folder.chmod(0o755)
        self.data_dir = data_dir or self._folder / "data"
        self.log = self._folder / "server.log"
        self.url = ""
        self.tokens: dict[str, str] = {}
        self._fault = self._folder / "fault"
        self._fault.touch()
        self._fault.chmod(0o666)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._environment = {
            "LABORA_STORAGE__IMAGES_DIR": str(images_dir),
            "LABORA_FAULT_FILE": str(self._fault),
            **(environment or {}),
        }
        self._prefix = prefix
        self._process: asyncio.subprocess.Process | None = None
        self._printed = ""
        self._reader: asyncio.Task[None] | None = None
        self._http: dict[str, httpx.AsyncClient] = {}

    # -- life ---------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        try:
            await self.start()
            secret = re.search(r"/setup#(\S+)", self._printed)
            assert secret is not None, self._printed
            body = {"token": secret[1], "name": "Ada", "login": "ada", "password": PASSWORD}
            async with self._browser() as browser:
                (await browser.post("/setup", json=body)).raise_for_status()
                await self._make_token("ada", browser)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def _end(self) -> None:
        for client in self._http.values():
            await client.aclose()
        await self.stop()
        with contextlib.suppress(Exception):
            await self.host.stop()
        with contextlib.suppress(OSError):
            await eventually(lambda: not (self.data_dir / "run" / "host.sock").exists(), 10)
        shutil.rmtree(self._folder, ignore_errors=True)

    async def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Starts the control plane, and the host where none lives; returns when it answers."""
        with self.log.open("ab") as log:
            await self._spawn(log, environment or {})
        self._printed = ""
        ready = asyncio.Event()
        self._reader = asyncio.create_task(self._read(self._running, ready))
        async with asyncio.timeout(START_S):
            await ready.wait()
        if not self.url:
            tail = self.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"The server did not start: {self._printed}\n{tail}")

    async def _spawn(self, log: IO[bytes], environment: Mapping[str, str]) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._prefix,
            *(sys.executable, "-m", "labora.cli", "serve"),
            *("--port", str(self._port), "--data-dir", str(self.data_dir)),
            env={**os.environ, **self._environment, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )  # fmt: skip

    async def _read(self, process: asyncio.subprocess.Process, ready: asyncio.Event) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self._printed += line.decode()
            if "Ctrl+C" in self._printed:
                self.url = f"http://localhost:{self._port}"
                ready.set()
        ready.set()

    @property
    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    @property
    def pid(self) -> int:
        """Process id of the control plane."""
        return self._running.pid

    async def kill(self) -> None:
        """Kills the control plane, as ``kill -9`` does."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        await self.died()

    async def died(self) -> None:
        """Waits until the control plane has ended."""
        await self._running.wait()
        if self._reader is not None:
            await self._reader

    async def stop(self) -> None:
        """Ends the control plane in good order; the host stays."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                async with asyncio.timeout(30):
                    await self.died()
            except TimeoutError:
                await self.kill()

    def arm(self, fault: str) -> None:
        """Arms a fault point of the running control plane and host, ``name:count``; an empty text disarms."""
        self._fault.write_text(fault)

    @property
    def alive(self) -> bool:
        """Whether the control plane runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def rss(self) -> int:
        """Resident bytes of the control plane."""
        return int(psutil.Process(self.pid).memory_info().rss)

    @property
    def host(self) -> HostClient:
        """The host's socket."""
        return HostClient(self.data_dir / "run" / "host.sock")

    def guests(self) -> list[psutil.Process]:
        """Returns the first process of every running runtime."""
        found = []
        for path in (self.data_dir / "run" / "runtimes").glob("*.json"):
            with contextlib.suppress(psutil.Error, OSError, ValueError):
                handle = json.loads(path.read_text())
                if handle["alive"] and handle["pid"]:
                    found.append(psutil.Process(handle["pid"]))
        return found

    # -- people -------------------------------------------------------------------------------------------------------

    def _browser(self) -> httpx.AsyncClient:
        headers = {"Origin": self.url, "X-Labora": "1"}
        return httpx.AsyncClient(base_url=f"{self.url}/api/v1", headers=headers, timeout=60)

    @contextlib.asynccontextmanager
    async def owner(self) -> AsyncIterator[httpx.AsyncClient]:
        """The REST API as a browser has it in which the owner signed in."""
        async with self._browser() as browser:
            (await browser.post("/login", json={"login": "ada", "password": PASSWORD})).raise_for_status()
            yield browser

    async def warm(self, count: int = 1) -> None:
        """Waits until that many machines stand ready in the pool."""
        async with self.owner() as owner:

            async def full() -> bool:
                return bool((await owner.get("/instance/runtimes")).json()["warm"]["ready"] == count)

            await eventually(full, START_S)

    async def _make_token(self, login: str, browser: httpx.AsyncClient) -> None:
        body = {"label": "test", "scopes": ["read", "write", "run"]}
        answer = await browser.post("/me/tokens", json=body)
        answer.raise_for_status()
        self.tokens[login] = answer.json()["secret"]

    async def invite(self, login: str) -> None:
        """Makes a further account, known by ``login`` from then on."""
        async with self.owner() as owner, self._browser() as browser:
            url = (await owner.post("/invitations", json={"label": login})).json()["url"]
            body = {"name": login.title(), "login": login, "password": PASSWORD}
            headers = {"X-Labora-Link": url.partition("#")[2]}
            (await browser.post("/invitation/accept", json=body, headers=headers)).raise_for_status()
            await self._make_token(login, browser)

    def api(self, login: str = "ada") -> httpx.AsyncClient:
        """Returns the REST API for an account."""
        if login not in self._http:
            headers = {"Authorization": f"Bearer {self.tokens[login]}"}
            self._http[login] = httpx.AsyncClient(base_url=f"{self.url}/api/v1", headers=headers, timeout=120)
        return self._http[login]

    async def upload(self, content: bytes | dict[str, Any], name: str = "n.ipynb", login: str = "ada") -> str:
        """Uploads a notebook and returns its file id."""
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        answer = await self.api(login).post("/files/upload", params={"name": name}, content=data)
        answer.raise_for_status()
        return str(answer.json()["id"])

    async def download(self, file_id: str, login: str = "ada") -> dict[str, Any]:
        """Returns a notebook as it is downloaded."""
        answer = await self.api(login).get(f"/files/{file_id}/download")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def page(self, file_id: str, login: str = "ada") -> RoomClient:
        """Returns a page on a notebook; it is not connected yet."""
        return RoomClient(self.url, self.tokens[login], file_id)


def notebook_of(**sources: str) -> dict[str, Any]:
    """Returns a notebook with a code cell per argument, its name the cell's id."""
    cells: list[dict[str, Any]] = [
        {"id": key, "cell_type": "code", "source": text, "metadata": {}, "outputs": [], "execution_count": None}
        for key, text in sources.items()
    ]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}

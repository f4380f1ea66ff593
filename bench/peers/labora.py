"""Labora itself, as ``labora serve`` runs it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from bench.install import ROOT
from bench.peers.base import Cell, Peer, Person, ipynb
from bench.processes import tree
from labora.base.settings import RuntimeSettings
from labora.testing.client import RoomClient
from labora.testing.process import PASSWORD, ServerProcess

IMAGES = ROOT / ".cache" / "images"
ENVIRONMENT = {"LABORA_LOG__LEVEL": "warning", "LABORA_FAULT_FILE": ""}
IMAGE_S = 1800.0


class Labora(Peer):
    """A server with its host and data folder; runtimes are real sandboxes."""

    name = "labora"
    pages = "labora"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server = ServerProcess(IMAGES, ENVIRONMENT)
        self._host_pid = 0

    async def start(self) -> None:
        """Starts server and host, and waits for the image that runtimes start from."""
        IMAGES.mkdir(parents=True, exist_ok=True)
        await self.server.__aenter__()
        self.url = self.server.url
        self._host_pid = (await self.server.host.ping()).pid
        async with asyncio.timeout(IMAGE_S):
            while (image := (await self.server.api().get("/images")).json()["images"][0])["status"] != "ready":
                if image["status"] == "failed":
                    raise RuntimeError(f"The image could not be prepared: {image['message']}")
                await asyncio.sleep(0.5)

    async def stop(self) -> None:
        """Ends server, host and runtimes, and removes the data folder."""
        await self.server.__aexit__(None, None, None)

    async def person(self, login: str) -> Person:
        """Invites an account."""
        await self.server.invite(login)
        return Person(login, PASSWORD)

    async def notebook(self, person: Person, name: str, cells: Sequence[Cell]) -> str:
        """Uploads a notebook."""
        return f"/drive/{await self.server.upload(ipynb(cells), f'{name}.ipynb', person.login)}"

    def page(self, person: Person, path: str) -> RoomClient:
        """Returns a page without a browser on the notebook of a page's path."""
        return self.server.page(path.rpartition("/")[2], person.login)

    async def first_output(self, person: Person, name: str) -> float:
        """Runs ``1+1`` over the room socket; the time begins with the command."""
        path = await self.notebook(person, name, [Cell("1+1")])
        async with self.page(person, path).open() as page:
            return await run_once(page)

    async def end(self, person: Person) -> None:
        """Ends the person's runtimes."""
        api = self.server.api(person.login)
        for runtime in (await api.get("/runtimes")).json()["runtimes"]:
            await api.delete(f"/runtimes/{runtime['id']}")

    async def full_pool(self) -> None:
        """Waits until as many machines stand ready as the server's defaults say, so that none is being started."""
        await self.server.warm(RuntimeSettings().warm)

    async def make_odd(self, person: Person) -> None:
        """Gives the person's machines a limit of their own: none of those that stand ready is like that."""
        account = (await self.server.api(person.login).get("/me")).json()["id"]
        async with self.server.owner() as owner:
            (await owner.put(f"/accounts/{account}/policy", json={"processes": 500})).raise_for_status()

    async def share(self, owner: Person, path: str, person: Person) -> None:
        """Lets ``person`` edit the notebook of a page's path."""
        body = {"login": person.login, "role": "editor"}
        route = f"/files/{path.rpartition('/')[2]}/permissions"
        (await self.server.api(owner.login).post(route, json=body)).raise_for_status()

    async def reset(self, person: Person) -> None:
        """Resets the person's machines."""
        (await self.server.api(person.login).post("/runtimes/reset")).raise_for_status()

    async def stored(self, person: Person, path: str) -> dict[str, Any]:
        """Downloads the notebook."""
        return await self.server.download(path.rpartition("/")[2], person.login)

    def processes(self) -> list[psutil.Process]:
        """Control plane, host and every runtime."""
        return [*tree(self.server.pid), *tree(self._host_pid)]

    def server_processes(self) -> list[psutil.Process]:
        """Control plane and host."""
        inside = {process.pid for process in self.runtime_processes()}
        return [process for process in self.processes() if process.pid not in inside]

    def runtime_processes(self) -> list[psutil.Process]:
        """All that runs in runtimes."""
        return [process for guest in self.server.guests() for process in tree(guest.pid)]


async def run_once(page: RoomClient, cell_id: str = "cell-0", timeout_s: float = 90.0) -> float:
    """Runs a cell that gives a value; returns the seconds from the command to its output. Raises RuntimeError."""
    began = time.perf_counter()
    (execution_id,) = await page.execute(cell_id, timeout_s=timeout_s)
    await page.until(lambda: bool(_own_outputs(page, cell_id, execution_id)), timeout_s)
    took = time.perf_counter() - began
    execution = await page.finished(execution_id, timeout_s)
    if execution["status"] != "ok":
        raise RuntimeError(f"The run ended as {execution['status']}: {execution['reason']}")
    return took


def _own_outputs(page: RoomClient, cell_id: str, execution_id: str) -> list[Any]:
    cell = page.state["cells"].get(cell_id)
    ended = page.state["executions"].get(execution_id, {}).get("status") in {"error", "aborted", "lost"}
    return [{}] if ended else (cell["outputs"] if cell and cell["execution_id"] == execution_id else [])

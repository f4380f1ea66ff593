"""JupyterHub with a JupyterLab server and the collaboration extension for each account."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.install import proxy_bin, venv
from bench.peers.base import Person
from bench.peers.jupyter import KERNEL_S, JupyterPeer, is_kernel, root_flag
from bench.processes import free_port

WAIT_S = 0.05
WAITS = 2400
CONFIG = """\
c.JupyterHub.bind_url = {url!r}
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.api_url = {proxy_url!r}
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r} + "/{{username}}"
c.Spawner.default_url = "/lab"
c.Spawner.args = {args!r}
c.Spawner.start_timeout = c.Spawner.http_timeout = 300
c.Spawner.environment = {environment!r}
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.JupyterHub.services = [{{"name": "bench", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [
    {{"name": "bench", "services": ["bench"], "scopes": ["admin:users", "admin:servers", "access:servers"]}}
]
"""


class JupyterHub(JupyterPeer):
    """Hub, proxy and a single-user server per account as a local process; any password signs in."""

    name = "jupyterhub"
    health = "/hub/login"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._token = secrets.token_hex(16)

    def command(self) -> list[str | Path]:
        """Writes the configuration and names it."""
        config = CONFIG.format(
            url=self.url,
            hub_port=free_port(),
            proxy_url=f"http://127.0.0.1:{free_port()}",
            homes=str(self.files),
            args=root_flag(),
            environment={"JUPYTER_CONFIG_DIR": str(self.folder / "config")},
            token=self._token,
        )
        path = self.folder / "jupyterhub_config.py"
        path.write_text("c = get_config()  # noqa: F821\n" + config)
        return [venv(self.name) / "bin/jupyterhub", "-f", path]

    def environment(self) -> dict[str, str]:
        """Finds the proxy and Node."""
        node = Path(shutil.which("node") or "/usr/bin/node").parent
        return super().environment() | {"PATH": f"{venv(self.name)}/bin:{proxy_bin()}:{node}:/usr/bin:/bin"}

    async def person(self, login: str) -> Person:
        """Any name may sign in; the account is made now, its server later."""
        async with self._hub() as hub:
            (await hub.post("/users", json={"usernames": [login]})).raise_for_status()
        return Person(login, "any")

    def home(self, person: Person) -> Path:
        """Returns the account's home folder."""
        return self.files / person.login

    def base(self, person: Person) -> str:
        """Returns where the proxy shows the account's server."""
        return f"{self.url}/user/{person.login}"

    def _hub(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"token {self._token}"}
        return httpx.AsyncClient(base_url=f"{self.url}/hub/api", headers=headers, timeout=120)

    async def start_server(self, person: Person) -> None:
        """Starts the account's server; returns when it answers. Raises RuntimeError."""
        self.home(person).mkdir(parents=True, exist_ok=True)
        async with self._hub() as hub:
            (await hub.post(f"/users/{person.login}/server")).raise_for_status()
            await self._wait(hub, person, lambda servers: servers.get("", {}).get("ready", False))

    async def _wait(self, hub: httpx.AsyncClient, person: Person, ready: Callable[[dict[str, Any]], bool]) -> None:
        """Asks the hub until the account's servers are as they should be: it tells of no event."""
        for _ in range(WAITS):
            if ready((await hub.get(f"/users/{person.login}")).json()["servers"]):
                return
            await asyncio.sleep(WAIT_S)
        raise RuntimeError(f"The server of {person.login} is not where it should be after {WAITS * WAIT_S:.0f} s.")

    async def client(self, person: Person) -> httpx.AsyncClient:
        """Uses the service's token."""
        headers = {"Authorization": f"token {self._token}"}
        return httpx.AsyncClient(base_url=self.base(person), headers=headers, timeout=KERNEL_S)

    async def first_output(self, person: Person, name: str) -> float:
        """Starts the account's server and a kernel; the time begins with the server's request."""
        began = time.perf_counter()
        await self.start_server(person)
        async with await self.client(person) as client:
            await self.run_in_new_kernel(client, name)
        return time.perf_counter() - began

    async def end(self, person: Person) -> None:
        """Stops the account's server with its kernels."""
        async with self._hub() as hub:
            await hub.delete(f"/users/{person.login}/server")
            await self._wait(hub, person, lambda servers: not servers)

    def server_processes(self) -> list[psutil.Process]:
        """Hub, proxy and single-user servers."""
        return [process for process in super().server_processes() if not is_kernel(process)]

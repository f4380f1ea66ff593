"""What JupyterHub, JupyterLab and jupyverse have in common: files, the kernel's REST and its WebSocket."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import httpx
import psutil
from websockets.asyncio.client import connect

from bench.peers.base import Cell, Peer, Person, ipynb
from bench.processes import Program, free_port, tree

KERNEL_S = 60.0


class JupyterPeer(Peer):
    """A server that speaks the Jupyter Server API; by default one person's, without accounts."""

    pages = "jupyter"
    health: ClassVar[str] = "/api"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.files = folder / "files"
        self.program: Program | None = None

    def command(self) -> list[str | Path]:
        """Returns the command that starts the server."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Returns variables that keep the server's state in its own folder."""
        names = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime"}
        names |= {"IPYTHONDIR": "ipython", "XDG_CONFIG_HOME": "xdg", "HOME": "."}
        return {key: str(self.folder / value) for key, value in names.items()}

    async def start(self) -> None:
        """Starts it with empty folders and no questions about news."""
        self.files.mkdir(parents=True, exist_ok=True)
        settings = self.folder / "config/lab/user-settings/@jupyterlab/apputils-extension"
        settings.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"fetchNews": "false", "checkForUpdates": False})
        (settings / "notification.jupyterlab-settings").write_text(text)
        environment = self.environment()
        self.program = Program(self.command(), folder=self.folder, environment=environment)
        await self.program.start(self.url + self.health)

    async def stop(self) -> None:
        """Ends the server and its kernels."""
        if self.program is not None:
            self.program.stop()

    async def person(self, login: str) -> Person:
        """There is one person, and no sign-in."""
        return Person("")

    def home(self, person: Person) -> Path:
        """Returns the folder of a person's notebooks."""
        return self.files

    def base(self, person: Person) -> str:
        """Returns the URL below which a person's server is."""
        return self.url

    async def notebook(self, person: Person, name: str, cells: Sequence[Cell]) -> str:
        """Writes the file; its page has a workspace of its own, so that nothing is restored into it."""
        self.home(person).mkdir(parents=True, exist_ok=True)
        (self.home(person) / f"{name}.ipynb").write_bytes(ipynb(cells))
        return f"{self.base(person).removeprefix(self.url)}/lab/workspaces/{uuid.uuid4().hex}/tree/{name}.ipynb"

    async def stored(self, person: Person, path: str) -> dict[str, Any]:
        """Reads the file."""
        found: dict[str, Any] = json.loads((self.home(person) / path.rpartition("/")[2].partition("?")[0]).read_bytes())
        return found

    async def client(self, person: Person) -> httpx.AsyncClient:
        """Returns a client that may use a person's server."""
        async with httpx.AsyncClient(timeout=KERNEL_S) as visit:
            await visit.get(f"{self.base(person)}/lab")
            cookies = visit.cookies
        headers = {"X-XSRFToken": token} if (token := cookies.get("_xsrf")) else {}
        return httpx.AsyncClient(base_url=self.base(person), headers=headers, cookies=cookies, timeout=KERNEL_S)

    async def first_output(self, person: Person, name: str) -> float:
        """Starts a kernel and runs ``1+1``; the time begins with the kernel's request."""
        began = time.perf_counter()
        async with await self.client(person) as client:
            await self.run_in_new_kernel(client, name)
        return time.perf_counter() - began

    async def run_in_new_kernel(self, client: httpx.AsyncClient, name: str) -> None:
        """Opens a kernel session and waits for the result of ``1+1``."""
        body = {"path": f"{name}.ipynb", "name": name, "type": "notebook", "kernel": {"name": "python3"}}
        answer = await client.post("/api/sessions", json=body)
        answer.raise_for_status()
        kernel = answer.json()["kernel"]["id"]
        base = str(client.base_url).rstrip("/").replace("http", "ws", 1)
        token = client.headers.get("Authorization")
        headers = {"Authorization": token} if token else {}
        async with connect(
            f"{base}/api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}",
            additional_headers=headers,
            max_size=None,
        ) as socket:
            await socket.send(json.dumps(execute_request("1+1")))
            while True:
                message = await socket.recv()
                if isinstance(message, str) and json.loads(message)["header"]["msg_type"] == "execute_result":
                    return

    async def end(self, person: Person) -> None:
        """Ends the kernels."""
        async with await self.client(person) as client:
            for kernel in (await client.get("/api/sessions")).json():
                await client.delete(f"/api/sessions/{kernel['id']}")

    def processes(self) -> list[psutil.Process]:
        """The server and its kernels."""
        assert self.program is not None
        return tree(self.program.pid)

    def server_processes(self) -> list[psutil.Process]:
        """All but the kernels and what they started."""
        kernels = {process.pid for root in self.processes() if is_kernel(root) for process in tree(root.pid)}
        return [process for process in self.processes() if process.pid not in kernels]


def is_kernel(process: psutil.Process) -> bool:
    """Tells whether a process is a Jupyter kernel."""
    try:
        return "ipykernel" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def execute_request(code: str) -> dict[str, Any]:
    """Returns a message on the shell channel that runs code."""
    header = {
        "msg_id": uuid.uuid4().hex, "username": "bench", "session": uuid.uuid4().hex,
        "msg_type": "execute_request", "version": "5.3", "date": "2000-01-01T00:00:00Z",
    }  # fmt: skip
    content = {
        "code": code, "silent": False, "store_history": True,
        "user_expressions": {}, "allow_stdin": False, "stop_on_error": True,
    }  # fmt: skip
    return {
        "channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content, "buffers": [],
    }  # fmt: skip


def root_flag() -> list[str]:
    """Returns the flag without which a Jupyter server does not run as root, as root."""
    return ["--allow-root"] if os.geteuid() == 0 else []

"""jupyverse with JupyterLab's pages, without accounts and without collaboration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpx

from bench.install import venv
from bench.peers.base import Cell, Person
from bench.peers.jupyter import KERNEL_S, JupyterPeer


class Jupyverse(JupyterPeer):
    """``jupyverse`` as it is installed."""

    name = "jupyverse"
    health = "/api/kernelspecs"

    async def start(self) -> None:
        """Starts it in the folder of its files, which is what it serves."""
        self.folder = self.files = self.folder / "files"
        await super().start()

    def command(self) -> list[str | Path]:
        """Listens on loopback; a kernel needs no shared document."""
        return [venv(self.name) / "bin/jupyverse", "--port", str(self.port), "--set", "kernels.require_yjs=false"]

    def environment(self) -> dict[str, str]:
        """Finds kernels in its own environment."""
        return super().environment() | {"PATH": f"{venv(self.name)}/bin:/usr/bin:/bin"}

    async def notebook(self, person: Person, name: str, cells: Sequence[Cell]) -> str:
        """Its pages know no workspaces: ``?reset`` keeps it from showing the last notebook first."""
        await super().notebook(person, name, cells)
        return f"/lab/tree/{name}.ipynb?reset"

    async def client(self, person: Person) -> httpx.AsyncClient:
        """Nothing is asked of a client."""
        return httpx.AsyncClient(base_url=self.url, timeout=KERNEL_S)

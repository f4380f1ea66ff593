"""JupyterLab, one person's server without collaboration."""

from __future__ import annotations

from pathlib import Path

from bench.install import venv
from bench.peers.jupyter import JupyterPeer, root_flag


class JupyterLab(JupyterPeer):
    """``jupyter lab`` as it is installed, without a token."""

    name = "jupyterlab"

    def command(self) -> list[str | Path]:
        """Listens on loopback."""
        return [
            venv(self.name) / "bin/jupyter", "lab", "--no-browser", *root_flag(), "--ip", "127.0.0.1",
            "--port", str(self.port), "--IdentityProvider.token=", f"--ServerApp.root_dir={self.files}",
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        """Finds kernels in its own environment."""
        return super().environment() | {"PATH": f"{venv(self.name)}/bin:/usr/bin:/bin"}

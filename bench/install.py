"""Sets up the peers, each in an environment of its own below .cache/bench, at fixed versions."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "bench"
VERSIONS = Path(__file__).resolve().parent / "peers" / "versions"

sys.path.insert(0, str(ROOT / "scripts"))
import setup_lib  # noqa: E402 - the checkout's own set-up is a script beside it, not a package


def venv(peer: str) -> Path:
    """Returns the environment's folder of a peer."""
    return CACHE / peer


def proxy_bin() -> Path:
    """Returns the folder of JupyterHub's proxy command."""
    return CACHE / "proxy" / "node_modules" / ".bin"


def node() -> Path:
    """Returns the Node that runs the browser's side; the folder is put on PATH as well."""
    folder: Path = setup_lib.node_folder()
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return folder / "node"


def prepare(peers: Iterable[str]) -> None:
    """Installs what is missing or of another version; does nothing when all is there. Ends the program on failure."""
    CACHE.mkdir(parents=True, exist_ok=True)
    node()
    for peer in peers:
        wanted = VERSIONS / f"{peer}.txt"
        if wanted.exists():
            _python(peer, wanted)
    if "jupyterhub" in peers:
        _proxy()


def _python(peer: str, wanted: Path) -> None:
    folder, value = venv(peer), setup_lib.digest([wanted])
    stamp = folder / "bench.stamp"
    if setup_lib.fresh(stamp, value):
        return
    setup_lib.say(f"Installing {peer}, to be measured beside Labora")
    shutil.rmtree(folder, ignore_errors=True)
    # The checkout's own pip installs into the new environment, so that it needs none.
    made = setup_lib.run([setup_lib.PYTHON, "-m", "venv", "--without-pip", folder], log="bench")
    pip = [setup_lib.PYTHON, "-m", "pip", "--python", folder / "bin/python", "install", "-q", "--no-deps"]
    if not made or not setup_lib.run([*pip, "--disable-pip-version-check", "-r", wanted], log="bench"):
        setup_lib.fail(f"{peer} could not be installed. Is the package index reachable?")
    stamp.write_text(value)


def _proxy() -> None:
    folder = CACHE / "proxy"
    sources = [VERSIONS / "proxy" / name for name in ("package.json", "package-lock.json")]
    value, stamp = setup_lib.digest(sources), folder / "bench.stamp"
    if setup_lib.fresh(stamp, value):
        return
    setup_lib.say("Installing JupyterHub's proxy")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for source in sources:
        shutil.copy(source, folder)
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=False)
    if done.returncode:
        setup_lib.fail("JupyterHub's proxy could not be installed. Is the npm registry reachable?")
    stamp.write_text(value)

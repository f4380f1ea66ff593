"""A real host with a real sandbox and a small image, copied from the environment that runs the tests."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from labora.base.clock import timestamp
from labora.base.errors import LaboraError, NotFoundError, UnavailableError
from labora.base.settings import RuntimeSettings
from labora.db.engine import Database
from labora.db.schema import accounts
from labora.host.client import HostClient
from labora.kernels.service import Kernels
from labora.runtimes import keeper
from labora.runtimes.model import Progress, ProviderHandle, RuntimeSpec
from labora.runtimes.ports import ProgressCallback
from labora.runtimes.providers.sandbox import SandboxProvider
from labora.runtimes.service import Runtimes
from labora.testing.database import fresh
from labora.testing.providers import LocalProvider, guest_path
from labora.testing.recorder import eventually


def with_requirements(*names: str) -> set[str]:
    """Names of the installed distributions that these need, themselves included."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add(name)
        waiting += [match[0] for need in needs if "extra ==" not in need and (match := re.match(r"[\w.-]+", need))]
    return found


def make_environment(folder: Path, *names: str) -> Path:
    """Makes an environment with copies of installed distributions; returns its site-packages."""
    python = Path(os.path.realpath(sys._base_executable))
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(python)
    (folder / "pyvenv.cfg").write_text(f"home = {python.parent}\ninclude-system-site-packages = false\n")
    packages = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    for name in with_requirements(*names):
        distribution = importlib.metadata.distribution(name)
        for file in distribution.files or []:
            source = Path(str(distribution.locate_file(file)))
            if file.parts[0] != ".." and source.is_file():
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                # With its time stamp, or compiled modules would not be taken.
                shutil.copy2(source, packages / file)
    return packages


@pytest.fixture(scope="session")
def sandbox_folder() -> Iterator[Path]:
    """A data folder with an image ``py`` that has IPython's kernel, and the agent of this checkout."""
    folder = Path(tempfile.mkdtemp(prefix="labora-sandbox-"))
    folder.chmod(0o755)
    images = folder / "images"
    shutil.copytree(
        guest_path() / "labora_guest",
        make_environment(images / "agent", "jupyter-client", "pyzmq") / "labora_guest",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    make_environment(images / "py" / "env", "ipykernel")
    spec = images / "py" / "env" / "share" / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}))
    (images / "py" / "manifest.json").write_text(json.dumps({"agent": "agent"}))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class CopiedImages:
    """The one image of the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def ready(self, name: str, _progress: object) -> Path:
        if name != "py":
            raise NotFoundError("no such image", code="unknown_image")
        return self._folder / "images" / "py"

    async def identity(self, name: str) -> str | None:
        return "py" if name == "py" else None


def start_host(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        command = [sys.executable, "-m", "labora.host", "--data-dir", str(folder)]
        return subprocess.Popen(command, stdout=log, stderr=log, cwd="/")


@pytest.fixture
async def sandbox(sandbox_folder: Path) -> AsyncIterator[SandboxProvider]:
    """The sandbox provider over a host of its own."""
    client = HostClient(sandbox_folder / "run" / "host.sock")
    process = start_host(sandbox_folder)

    async def answers() -> bool:
        try:
            await client.ping()
        except UnavailableError:
            assert process.poll() is None, (sandbox_folder / "log").read_text()
            return False
        return True

    await eventually(answers, 120)
    yield SandboxProvider(client, CopiedImages(sandbox_folder))
    await client.stop()
    await asyncio.to_thread(process.wait, 20)


class FakeClock:
    """Two hands that a test moves, apart when it wants to."""

    def __init__(self) -> None:
        self.wall, self.steady = datetime(2026, 1, 1, tzinfo=UTC), 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def pass_by(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.steady += seconds


class WatchedProvider(LocalProvider):
    """LocalProvider whose starts can be held back, be refused, or vanish."""

    def __init__(self) -> None:
        super().__init__()
        self.starts = 0
        self.refusals: list[LaboraError] = []
        self.away = False
        self.go = asyncio.Event()
        self.go.set()
        self.lists = 0
        self.listing = asyncio.Event()
        self.listing.set()

    async def start(self, spec: RuntimeSpec, progress: ProgressCallback) -> ProviderHandle:
        self.starts += 1
        progress(Progress("Unpacking", 0.5))
        await self.go.wait()
        if self.refusals:
            raise self.refusals.pop(0)
        return await super().start(spec, progress)

    async def list(self) -> list[ProviderHandle]:
        self.lists += 1
        await self.listing.wait()
        if self.away:
            raise UnavailableError("away", code="host_unreachable")
        return list(await super().list())

    async def set_deadline(self, runtime_id: str, deadline: float) -> None:
        """The tests' clock stands in the past; the deadline is tested by the conformance suite."""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/labora.db")
    await fresh(database)
    async with database.transaction() as connection:
        for name in ("ada", "bo"):
            row = {"id": name, "name": name, "login": name, "created_at": timestamp(datetime.now(UTC))}
            await connection.execute(insert(accounts).values(row))
    yield database
    await database.close()


@pytest.fixture
async def provider() -> AsyncIterator[WatchedProvider]:
    provider = WatchedProvider()
    yield provider
    await provider.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def kernels() -> AsyncIterator[Kernels]:
    kernels = Kernels()
    yield kernels
    await kernels.close()


@pytest.fixture
async def runtimes(
    database: Database,
    provider: WatchedProvider,
    clock: FakeClock,
    kernels: Kernels,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Runtimes]:
    monkeypatch.setattr(keeper, "ROUND_S", 0.02)
    runtimes = Runtimes(database, provider, RuntimeSettings(), clock, kernels.busy)
    await runtimes.start()
    yield runtimes
    await runtimes.close()

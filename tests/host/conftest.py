"""Real hosts with real sandboxes, at every level that this user can reach."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest
import pytest_asyncio

from labora.base.errors import UnavailableError
from labora.base.settings import RuntimeSettings
from labora.host.client import HostClient
from labora.host.image import Recipe, prepare_image
from labora.host.model import Handle, Limits

CACHE = Path(__file__).resolve().parents[2] / ".cache"
NOBODY = 65534
MIB = 1024 * 1024
LIMITS = Limits(memory_bytes=256 * MIB, cpus=1.0, processes=64)
SOURCE = Path(__file__).resolve().parents[2] / "src"

# Gives root up the way the control plane does, so that a checkout below /root works too.
_AS_NOBODY = """
import os, sys
from pathlib import Path
from labora.host.privilege import drop_privileges
drop_privileges({uid}, [Path(p) for p in {paths!r}])
os.execv(sys.executable, [sys.executable, "-m", "labora.host", *sys.argv[1:]])
"""


class Guest:
    """A connection to the stand-in agent."""

    def __init__(self, reader, writer, key):
        self._reader, self._writer, self._key = reader, writer, key

    async def ask(self, code, *, key=None, fork=True):
        """Runs code in the sandbox, in a process of its own unless told otherwise. Returns the whole answer."""
        request = {"key": key or self._key, "code": textwrap.dedent(code), "fork": fork}
        self._writer.write(json.dumps(request).encode() + b"\n")
        await self._writer.drain()
        line = await asyncio.wait_for(self._reader.readline(), 60)
        return json.loads(line)

    async def run(self, code, *, fork=True):
        """Runs code that must not fail; returns what it printed."""
        answer = await self.ask(code, fork=fork)
        assert answer["error"] is None, answer["error"]
        return answer["out"].strip()

    def close(self):
        self._writer.close()


class LiveHost:
    """One data folder and the host process that serves it."""

    def __init__(self, level: str, folder: Path):
        self.level = level
        self.folder = folder
        self.client = HostClient(folder / "run" / "host.sock")
        self.process = None
        self.prefix = []
        self.paths = []
        self._guests = []

    @property
    def uid(self):
        return NOBODY if self.level == "b" and os.geteuid() == 0 else None

    def make_image(self, name="py"):
        """An image whose agent is the stand-in: nothing to install."""
        for folder in (self.folder / "images" / "agent", self.folder / "images" / name / "env"):
            (folder / "bin").mkdir(parents=True, exist_ok=True)
            python = Path(os.path.realpath(sys._base_executable))
            if not (folder / "bin" / "python").exists():
                (folder / "bin" / "python").symlink_to(python)
            (folder / "pyvenv.cfg").write_text(f"home = {python.parent}\ninclude-system-site-packages = false\n")
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        package = self.folder / "images" / "agent" / "lib" / version / "site-packages" / "labora_guest"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        shutil.copy(Path(__file__).with_name("standin.py"), package / "__main__.py")
        image = self.folder / "images" / name
        (image / "manifest.json").write_text(json.dumps({"agent": "agent"}))
        return image

    def spawn(self, *arguments, env=None):
        """Starts a host process without waiting for it."""
        if "--network-means" not in arguments:
            # Root's own means would change the machine's interfaces, which a browser beside these tests notices.
            arguments = (*arguments, "--network-means", "relay")
        start = ["-m", "labora.host"]
        if self.uid is not None:
            paths = [sys.prefix, sys.base_prefix, str(SOURCE), str(self.folder), *map(str, self.paths)]
            start = ["-c", _AS_NOBODY.format(uid=self.uid, paths=paths)]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*self.prefix, sys.executable, *start, "--data-dir", str(self.folder), *arguments],
                stdout=log,
                stderr=log,
                env={**os.environ, **(env or {})},
                cwd="/",
            )

    async def start(self, *arguments, env=None):
        """Starts a host and returns once it answers."""
        self.process = self.spawn(*arguments, env=env)
        async with asyncio.timeout(120):
            while True:
                try:
                    return await self.client.ping()
                except UnavailableError:
                    assert self.process.poll() is None, (self.folder / "log").read_text()
                    await asyncio.sleep(0.02)

    def kill(self):
        """kill -9 of the host process alone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    async def runtime(self, runtime_id="rt", generation=1, *, limits=LIMITS, deadline=None, key="key", env=None):
        return await self.client.start(
            runtime_id, generation, self.folder / "images" / "py", limits, deadline, key, env or {}
        )

    async def guest(self, handle: Handle, key="key"):
        reader, writer = await asyncio.open_unix_connection(handle.socket, limit=64 * MIB)
        guest = Guest(reader, writer, key)
        self._guests.append(guest)
        return guest

    async def until_ended(self, runtime_id="rt"):
        async with asyncio.timeout(90):
            while True:
                (found,) = [handle for handle in await self.client.list() if handle.runtime_id == runtime_id]
                if not found.alive:
                    return found
                await asyncio.sleep(0.02)

    async def close(self):
        for guest in self._guests:
            guest.close()
        try:
            await self.client.stop()
        except UnavailableError:
            await self.start()
            await self.client.stop()
        self.process.wait(120)


def reachable_levels():
    """As root both levels are exercised: a as root, b as an ordinary user."""
    return ["a", "b"] if os.geteuid() == 0 else ["b"]


@pytest.fixture
def data_folder():
    """A folder that every uid can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="labora-host-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture
async def make_host(data_folder):
    """Makes hosts that have not started yet."""
    made = []

    def make(level):
        host = LiveHost(level, data_folder)
        host.make_image()
        if host.uid is not None:
            for path in (data_folder, *data_folder.rglob("*")):
                os.chown(path, host.uid, host.uid, follow_symlinks=False)
        made.append(host)
        return host

    yield make
    for host in made:
        if host.process is not None:
            await host.close()


@pytest_asyncio.fixture(params=reachable_levels())
async def host(request, make_host):
    """A running host, once per level."""
    return await open_plain(make_host, request.param)


_MAKE_ROOT = """
import sys
from pathlib import Path
from labora.base.settings import RuntimeSettings
from labora.host.image import Recipe, locked, make_root
from labora.host.privilege import drop_privileges
folder = Path(sys.argv[1])
if {uid} is not None:
    drop_privileges({uid}, [Path(p) for p in {paths!r}])
with locked(folder):
    make_root(folder, Recipe.of(RuntimeSettings()), lambda step: None)
"""


@pytest.fixture(scope="session")
def root_of():
    """Returns where the root file system for a level lies; it is made once by the user that the level is for."""

    def find(level: str) -> Path:
        as_nobody = level == "b" and os.geteuid() == 0
        folder = CACHE / ("images-ordinary" if as_nobody else "images")
        recipe = Recipe.of(RuntimeSettings())
        if not as_nobody:
            prepare_image(folder, recipe, lambda step: None)
        elif not (folder / recipe.root_name()).is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            os.chown(folder, NOBODY, NOBODY)
            paths = [sys.prefix, sys.base_prefix, str(SOURCE), str(folder)]
            code = _MAKE_ROOT.format(uid=NOBODY, paths=paths)
            subprocess.run([sys.executable, "-c", code, str(folder)], check=True)
        return folder / recipe.root_name()

    return find


async def open_plain(make_host, level):
    """Starts a host whose image lies over the machine's own software."""
    host = make_host(level)
    info = await host.start()
    assert info.level == level, info
    return host


async def open_rooted(make_host, level, root):
    """Starts a host whose image has a root file system."""
    host = make_host(level)
    images = host.folder / "images"
    (images / root.name).symlink_to(root)
    about = json.loads((root / "manifest.json").read_text())
    (images / "py" / "layer" / "opt" / "python").mkdir(parents=True)
    for path in (images / "py" / "layer").rglob("*"):
        os.chown(path, about["owner"] or host.uid or -1, about["owner"] or host.uid or -1)
    manifest = {"agent": "agent", "root": root.name, "owner": about["owner"]}
    (images / "py" / "manifest.json").write_text(json.dumps(manifest))
    host.paths.append(root)  # the checkout may lie below a closed home
    info = await host.start()
    assert info.level == level, info
    assert "no_overlay" not in {note.code for note in info.notes}, info
    return host


@pytest_asyncio.fixture(params=reachable_levels())
async def rooted(request, make_host, root_of):
    """A running host whose image has a root file system, once per level."""
    return await open_rooted(make_host, request.param, root_of(request.param))


@pytest_asyncio.fixture(params=[f"{level}-{kind}" for level in reachable_levels() for kind in ("plain", "rooted")])
async def any_host(request, make_host, root_of):
    """A running host, once per level and kind of image: for what must hold whatever a runtime starts from."""
    level, kind = request.param.split("-")
    if kind == "plain":
        return await open_plain(make_host, level)
    return await open_rooted(make_host, level, root_of(level))

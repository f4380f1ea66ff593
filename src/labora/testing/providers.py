"""A provider without isolation for tests, and the conformance suite for providers."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from labora.base.errors import ForbiddenError, NotFoundError
from labora.base.ids import new_id, new_secret
from labora.kernels.connection import GuestConnection
from labora.kernels.service import GuestKernelSession
from labora.runtimes.model import ProviderExit, ProviderHandle, RuntimeSpec, Shape
from labora.runtimes.ports import Capabilities, ProgressCallback, Provider, Stats
from labora.testing.recorder import Recorder, eventually

ALLOW = "LABORA_TESTING_UNISOLATED"
"""Environment variable without which LocalProvider refuses to run anything."""


def guest_path() -> Path:
    """Returns the folder that holds the package ``labora_guest``: installed, or of this checkout."""
    found = importlib.util.find_spec("labora_guest")
    if found is not None and found.origin is not None:
        return Path(found.origin).parent.parent
    return Path(__file__).resolve().parents[3] / "guest" / "src"


@dataclass(slots=True)
class _Local:
    handle: ProviderHandle
    process: subprocess.Popen[bytes]
    folder: Path
    overdue: bool = False


class LocalProvider:
    """Runs the real agent as an ordinary subprocess, with no isolation whatsoever.

    For tests only: code in a cell is code of the user who runs the tests. Refuses unless the environment variable
    ``LABORA_TESTING_UNISOLATED`` is ``1``.

    Args:
        python: interpreter of the agent and of kernels whose kernelspec says ``python``.
        spool_bytes: what the agent holds of one kernel.
        any_port: whether streams lead to any port of the machine, such as those of a test, or only to the runtime's.
    """

    name = "local"

    def __init__(self, *, python: str = sys.executable, spool_bytes: int | None = None, any_port: bool = True) -> None:
        self._python = python
        self._any_port = any_port
        self._spool_bytes = spool_bytes
        self._runtimes: dict[str, _Local] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    async def start(self, spec: RuntimeSpec, progress: ProgressCallback) -> ProviderHandle:
        """Starts the agent on an inherited socket."""
        if os.environ.get(ALLOW) != "1":
            raise ForbiddenError(f"LocalProvider has no isolation and is for tests only; they set {ALLOW}=1.")
        found = self._runtimes.get(spec.runtime_id)
        if found is not None and found.handle.generation == spec.generation and found.process.poll() is None:
            return found.handle
        if found is not None:
            await self.stop(spec.runtime_id)
        # Socket paths hold 107 bytes; the system's temporary folder keeps them short.
        folder = Path(tempfile.mkdtemp(prefix="labora-rt-"))
        path = folder / "s"
        process = self._spawn(spec, path, folder)
        handle = ProviderHandle(
            spec.runtime_id, spec.generation, path, "none", record={"pid": process.pid, "cwd": str(folder / "content")}
        )
        self._runtimes[spec.runtime_id] = _Local(handle, process, folder)
        await self.set_deadline(spec.runtime_id, spec.deadline)
        return handle

    def _spawn(self, spec: RuntimeSpec, path: Path, folder: Path) -> subprocess.Popen[bytes]:
        (folder / "content").mkdir()
        env = {
            **os.environ,
            **spec.env,
            "PYTHONPATH": str(guest_path()),
            "PATH": f"{Path(self._python).parent}:{os.environ.get('PATH', '')}",
            "IPYTHONDIR": str(folder / "ipython"),
            "TMPDIR": str(folder),
            "LABORA_CONTENT": str(folder / "content"),
        }
        env["LABORA_PORTS"] = "any" if self._any_port else "own"
        if self._spool_bytes is not None:
            env["LABORA_SPOOL_BYTES"] = str(self._spool_bytes)
        env.pop("PYTEST_CURRENT_TEST", None)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(16)
            read_end, write_end = os.pipe()
            with os.fdopen(write_end, "wb") as pipe:
                pipe.write(json.dumps({"key": spec.key, "generation": spec.generation}).encode() + b"\n")
            try:
                env |= {"LABORA_CHANNEL_FD": str(listener.fileno()), "LABORA_KEY_FD": str(read_end)}
                return subprocess.Popen(
                    [self._python, "-P", "-m", "labora_guest"],
                    env=env,
                    cwd=folder / "content",
                    pass_fds=(listener.fileno(), read_end),
                    stdin=subprocess.DEVNULL,
                )
            finally:
                os.close(read_end)

    async def stop(self, runtime_id: str, *, wipe: bool = True) -> None:
        """Kills the agent and every process it started."""
        timer = self._timers.pop(runtime_id, None)
        if timer is not None:
            timer.cancel()
        found = self._runtimes.get(runtime_id)
        if found is None:
            return
        _kill_tree(found.process)
        await asyncio.to_thread(found.process.wait)
        if wipe:
            self._runtimes.pop(runtime_id, None)
            shutil.rmtree(found.folder, ignore_errors=True)

    async def list(self) -> Sequence[ProviderHandle]:
        """Returns the runtimes of this process."""
        return [self._current(found) for found in self._runtimes.values()]

    def _current(self, found: _Local) -> ProviderHandle:
        code = found.process.poll()
        if code is None:
            return found.handle
        ended = ProviderExit(
            code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            reason="deadline" if found.overdue else None,
        )
        return replace(found.handle, alive=False, exit=ended)

    async def foreground(self, spec: RuntimeSpec) -> None:
        """Nothing is ever in the background."""

    async def image_identity(self, image: str) -> str | None:
        """Every image is this very environment."""
        return self._python

    async def stats(self, runtime_id: str) -> Stats:
        """Returns memory and CPU of the agent's process tree."""
        found = self._runtimes.get(runtime_id)
        if found is None:
            raise NotFoundError("There is no such runtime.")
        memory, cpu, count = 0, 0.0, 0
        for process in _tree(found.process.pid):
            with contextlib.suppress(psutil.Error):
                memory += process.memory_info().rss
                times = process.cpu_times()
                cpu += times.user + times.system
                count += 1
        return Stats(memory_bytes=memory, cpu_seconds=cpu, processes=count)

    async def set_deadline(self, runtime_id: str, deadline: float) -> None:
        """Kills the runtime at ``deadline``, as long as this process lives."""
        found = self._runtimes.get(runtime_id)
        if found is None:
            return
        old = self._timers.pop(runtime_id, None)
        if old is not None:
            old.cancel()

        def end() -> None:
            found.overdue = found.process.poll() is None
            _kill_tree(found.process)

        delay = max(0.0, deadline - time.time())
        self._timers[runtime_id] = asyncio.get_running_loop().call_later(delay, end)

    async def capabilities(self) -> Capabilities:
        """Returns level ``none``."""
        return Capabilities(isolation="none", notes=("For tests only: no isolation.",), anonymous=True)

    async def close(self) -> None:
        """Ends everything: nothing outlives a test."""
        for runtime_id in list(self._runtimes):
            await self.stop(runtime_id)


def _tree(pid: int) -> Sequence[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _kill_tree(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    for each in _tree(process.pid):
        with contextlib.suppress(psutil.Error):
            each.kill()


class ProviderConformance:
    """What every provider of runtimes must do, as a pytest class.

    Subclass it in a test module as ``TestMyProvider`` and define the fixtures ``provider`` (a started Provider) and
    ``image`` (name of an image that has an IPython kernel). Needs pytest-asyncio in mode ``auto``.
    """

    @staticmethod
    def spec(image: str, *, generation: int = 1, runtime_id: str | None = None, lifetime_s: float = 600) -> RuntimeSpec:
        """Returns a spec of a small runtime."""
        shape = Shape(memory_bytes=1 << 30, cpus=1.0, processes=200)
        deadline = time.time() + lifetime_s
        return RuntimeSpec(runtime_id or new_id(), generation, "account", image, shape, new_secret(), deadline)

    @staticmethod
    @contextlib.asynccontextmanager
    async def started(provider: Provider, spec: RuntimeSpec) -> AsyncIterator[tuple[ProviderHandle, GuestConnection]]:
        """Starts a runtime, connects to its guest, and ends both afterwards."""
        handle = await provider.start(spec, lambda _progress: None)
        connection = GuestConnection(spec.runtime_id, handle.socket, spec.key, spec.generation)
        try:
            yield handle, connection
        finally:
            await connection.close()
            await provider.stop(spec.runtime_id)

    async def test_a_started_runtime_runs_code(self, provider: Provider, image: str) -> None:
        """The channel is open when start returns, and a kernel runs behind it."""
        spec = self.spec(image)
        async with self.started(provider, spec) as (handle, connection):
            session = GuestKernelSession(spec.runtime_id, "k", "python3", connection)
            await session.start(cwd=str(handle.record.get("cwd", "/content")))
            recorder = Recorder(session)
            await recorder.attach()
            done = await recorder.run("e1", "print(6 * 7)")
            assert done.content["status"] == "ok"
            assert recorder.text() == "42\n"

    async def test_start_is_idempotent(self, provider: Provider, image: str) -> None:
        """The same runtime and generation is the same guest."""
        spec = self.spec(image)
        async with self.started(provider, spec) as (handle, connection):
            await connection.request("meter", {})
            boot = (connection.hello or {})["boot_id"]
            again = await provider.start(spec, lambda _progress: None)
            assert again.socket == handle.socket
            second = GuestConnection(spec.runtime_id, again.socket, spec.key, spec.generation)
            await second.request("meter", {})
            assert (second.hello or {})["boot_id"] == boot
            await second.close()

    async def test_a_newer_generation_replaces_the_older(self, provider: Provider, image: str) -> None:
        """One runtime id never has two guests."""
        spec = self.spec(image)
        async with self.started(provider, spec):
            newer = self.spec(image, generation=2, runtime_id=spec.runtime_id)
            async with self.started(provider, newer) as (_, connection):
                await connection.request("meter", {})
                alive = [h for h in await provider.list() if h.runtime_id == spec.runtime_id and h.alive]
                assert [handle.generation for handle in alive] == [2]

    async def test_list_and_stop(self, provider: Provider, image: str) -> None:
        """What runs is listed; what was stopped is gone; stopping twice is no error."""
        spec = self.spec(image)
        async with self.started(provider, spec):
            assert spec.runtime_id in {handle.runtime_id for handle in await provider.list() if handle.alive}
            await provider.stop(spec.runtime_id)
            assert spec.runtime_id not in {handle.runtime_id for handle in await provider.list()}
            await provider.stop(spec.runtime_id)

    async def test_a_dead_guest_is_listed_with_its_exit(self, provider: Provider, image: str) -> None:
        """The end of a runtime is noticed, with evidence."""
        spec = self.spec(image)
        async with self.started(provider, spec) as (_, connection):
            await connection.request("shutdown", {})

            async def ended() -> bool:
                found = [handle for handle in await provider.list() if handle.runtime_id == spec.runtime_id]
                return bool(found) and not found[0].alive and found[0].exit is not None

            await eventually(ended, 20)

    async def test_the_provider_enforces_the_deadline(self, provider: Provider, image: str) -> None:
        """A dead control plane cannot leak a machine."""
        spec = self.spec(image)
        async with self.started(provider, spec):
            await provider.set_deadline(spec.runtime_id, time.time() + 0.5)

            async def ended() -> bool:
                found = [handle for handle in await provider.list() if handle.runtime_id == spec.runtime_id]
                return bool(found) and found[0].exit is not None and found[0].exit.reason == "deadline"

            await eventually(ended, 20)

    async def test_one_that_was_started_in_the_background_is_brought_forward(
        self, provider: Provider, image: str
    ) -> None:
        """Where machines may be nobody's at first, they run like any other once they are somebody's."""
        if not (await provider.capabilities()).anonymous:
            return
        assert await provider.image_identity(image) is not None
        spec = replace(self.spec(image), account_id="", background=True)
        async with self.started(provider, spec) as (_, connection):
            await provider.foreground(spec)
            await connection.request("meter", {})

    async def test_stats(self, provider: Provider, image: str) -> None:
        """Use is measured, and unknown runtimes are said to be unknown."""
        spec = self.spec(image)
        async with self.started(provider, spec) as (_, connection):
            await connection.request("meter", {})
            stats = await provider.stats(spec.runtime_id)
            assert stats.memory_bytes is None or stats.memory_bytes > 0
        with contextlib.suppress(NotFoundError):
            await provider.stats(spec.runtime_id)
            raise AssertionError("stats of an unknown runtime")

    async def test_capabilities_name_the_isolation(self, provider: Provider) -> None:
        """The operator is always told how well runtimes are kept apart."""
        assert (await provider.capabilities()).isolation

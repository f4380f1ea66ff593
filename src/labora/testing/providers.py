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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from labora.base.errors import ForbiddenError, NotFoundError
from labora.runtimes.model import ProviderExit, ProviderHandle, RuntimeSpec
from labora.runtimes.ports import Capabilities, ProgressCallback, Stats

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
    deadline: float


class LocalProvider:
    """Runs the real agent as an ordinary subprocess, with no isolation whatsoever.

    For tests only: code in a cell is code of the user who runs the tests. Refuses unless the environment variable
    ``LABORA_TESTING_UNISOLATED`` is ``1``.

    Args:
        python: interpreter of the agent and of kernels whose kernelspec says ``python``.
        spool_bytes: what the agent holds of one kernel.
    """

    name = "local"

    def __init__(self, *, python: str = sys.executable, spool_bytes: int | None = None) -> None:
        self._python = python
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
        handle = ProviderHandle(spec.runtime_id, spec.generation, path, "none", record={"pid": process.pid})
        self._runtimes[spec.runtime_id] = _Local(handle, process, folder, spec.deadline)
        await self.set_deadline(spec.runtime_id, spec.deadline)
        return handle

    def _spawn(self, spec: RuntimeSpec, path: Path, folder: Path) -> subprocess.Popen[bytes]:
        (folder / "content").mkdir()
        env = {
            **os.environ,
            **spec.env,
            "PYTHONPATH": str(guest_path()),
            "PATH": f"{Path(self._python).parent}:{os.environ.get('PATH', '')}",
            "JUPYTER_PATH": str(Path(self._python).parent.parent / "share" / "jupyter"),
            "IPYTHONDIR": str(folder / "ipython"),
        }
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
            del self._runtimes[runtime_id]
            shutil.rmtree(found.folder, ignore_errors=True)

    async def list(self) -> Sequence[ProviderHandle]:
        """Returns the runtimes of this process."""
        return [self._current(found) for found in self._runtimes.values()]

    def _current(self, found: _Local) -> ProviderHandle:
        code = found.process.poll()
        if code is None:
            return found.handle
        late = time.time() >= found.deadline
        ended = ProviderExit(
            code=code if code >= 0 else None, signal=-code if code < 0 else None, reason="deadline" if late else None
        )
        return replace(found.handle, alive=False, exit=ended)

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
        found.deadline = deadline
        old = self._timers.pop(runtime_id, None)
        if old is not None:
            old.cancel()
        delay = max(0.0, deadline - time.time())
        self._timers[runtime_id] = asyncio.get_running_loop().call_later(delay, _kill_tree, found.process)

    async def capabilities(self) -> Capabilities:
        """Returns level ``none``."""
        return Capabilities(isolation="none", notes=("For tests only: no isolation.",))

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

"""Programs that the harness starts and stops, and the memory of processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path

import httpx
import psutil

START_S = 90.0
STOP_S = 6.0
MB = 1e6


def free_port() -> int:
    """Returns a port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def load_average() -> float:
    """Returns the load average of one minute."""
    return os.getloadavg()[0]


class Program:
    """A server in a process of its own, its output in a log file."""

    def __init__(self, command: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str]) -> None:
        self._command = [str(part) for part in command]
        self._folder = folder
        self._environment = {**_plain_environment(), **environment}
        self.log = folder / "program.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id. Raises RuntimeError before the start."""
        if self._process is None:
            raise RuntimeError("The program was not started.")
        return self._process.pid

    async def start(self, url: str) -> None:
        """Starts it and returns once ``url`` answers 200. Raises RuntimeError with the end of its log."""
        process = self._spawn()
        end = time.monotonic() + START_S
        async with httpx.AsyncClient(timeout=5, follow_redirects=True) as client:
            while time.monotonic() < end and process.poll() is None:
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get(url)).status_code == 200:
                        return
                await asyncio.sleep(0.05)
        tail = self.log.read_text(errors="replace")[-1500:]
        raise RuntimeError(f"{Path(self._command[0]).name} did not start:\n{tail}")

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self._process

    def stop(self) -> None:
        """Ends it and all that it started."""
        if self._process is not None:
            end_processes(tree(self._process.pid))
            self._process.wait(STOP_S)


def _plain_environment() -> dict[str, str]:
    """The environment without proxies: everything here is on loopback."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


def tree(pid: int) -> list[psutil.Process]:
    """Returns a process and all below it; an empty list when it has ended."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def end_processes(processes: list[psutil.Process]) -> None:
    """Asks processes to end, then ends them."""
    for way in (signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.send_signal(way)
        _, processes = psutil.wait_procs(processes, timeout=STOP_S)


def pss_mb(processes: Iterable[psutil.Process]) -> float:
    """Returns the proportional set size in MB: private pages, and of shared ones the part that falls to each.

    Raises PermissionError for processes of other users, when not run as root.
    """
    return sum(_pss(process.pid) for process in processes) / MB


def _pss(pid: int) -> int:
    try:
        with Path(f"/proc/{pid}/smaps_rollup").open() as lines:
            return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
    except (FileNotFoundError, ProcessLookupError):
        return 0


def cpu_seconds(pid: int) -> float:
    """Returns the processor time of one process, in seconds."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


class Peak:
    """Watches a size while a block runs: ``first`` at its start and ``most`` over its time, in the size's unit."""

    def __init__(self, size: Callable[[], float], every_s: float = 0.5) -> None:
        self._size, self._every_s = size, every_s
        self.first = self.most = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Peak:
        self.first = self.most = self._size()
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self.most = max(self.most, self._size())

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            # Reading the map of a large process takes a while.
            self.most = max(self.most, await asyncio.to_thread(self._size))


async def timed(work: Awaitable[object]) -> float:
    """Returns how long ``work`` takes, in seconds."""
    began = time.perf_counter()
    await work
    return time.perf_counter() - began

"""Starting one sandbox through the launcher, and reading what bubblewrap says about it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from labora.base.errors import UnavailableError
from labora.host.spec import LaunchSpec

START_TIMEOUT_S = 20.0
LAUNCHER = [sys.executable, "-I", "-m", "labora.host.launch"]


@dataclass(slots=True)
class Started:
    """A sandbox that waits, made but not yet running: bubblewrap blocks until :meth:`release`."""

    monitor: subprocess.Popen[bytes]
    child_pid: int
    _block: int

    def release(self) -> None:
        """Lets the sandbox's first process run."""
        os.write(self._block, b"1")
        os.close(self._block)

    def abort(self) -> None:
        """Ends a sandbox that was never released; it runs nothing. Blocks for a moment."""
        # The sandbox first: bubblewrap takes the closed pipe for leave to go on.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child_pid, signal.SIGKILL)
        self.monitor.kill()
        self.monitor.wait()
        os.close(self._block)


def memory_file(name: str, content: bytes) -> int:
    descriptor = os.memfd_create(name)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


async def _read_document(descriptor: int, monitor: subprocess.Popen[bytes]) -> dict[str, int] | None:
    """Reads one JSON object from a pipe; None where the writer closed it first."""
    loop = asyncio.get_running_loop()
    os.set_blocking(descriptor, False)
    text = b""
    while True:
        ready = asyncio.Event()
        loop.add_reader(descriptor, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(descriptor)
        chunk = os.read(descriptor, 4096)
        text += chunk
        with contextlib.suppress(ValueError):
            return dict(json.loads(text))
        if not chunk:
            monitor.wait()
            return None


async def launch(
    spec: LaunchSpec, *, listener: int, key: bytes, status: Path, log: Path, seccomp: bytes | None
) -> Started:
    """Starts a sandbox and returns it once bubblewrap has made it.

    Args:
        spec: everything but the descriptors, which are filled in here.
        listener: the agent's listening socket.
        key: the line that the agent reads from descriptor 4.
        status: file that bubblewrap writes child pid and exit code to, also when no host lives any more.
        log: file for what the launcher, bubblewrap and the agent say on standard error.

    Raises:
        UnavailableError: it did not start; the message carries the last line of the log.
    """
    key_read, key_write = os.pipe2(os.O_CLOEXEC)
    os.write(key_write, key)
    os.close(key_write)
    info_read, info_write = os.pipe2(os.O_CLOEXEC)
    block_read, block_write = os.pipe2(os.O_CLOEXEC)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    status_file, log_file = os.open(status, flags, 0o600), os.open(log, flags, 0o600)
    given = [key_read, info_write, block_read, status_file, log_file]
    filter_file = memory_file("seccomp", seccomp) if seccomp is not None else None
    spec = replace(
        spec,
        listener=listener,
        key=key_read,
        status=status_file,
        info=info_write,
        block=block_read,
        seccomp=filter_file,
    )
    spec_file = memory_file("spec", spec.encode())
    given += [spec_file, *([filter_file] if filter_file is not None else [])]
    try:
        monitor = subprocess.Popen(  # noqa: ASYNC220 - forks and returns; its end is awaited by pidfd
            [*LAUNCHER, str(spec_file)],
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
            pass_fds=(*given[:4], listener, *given[5:]),
            start_new_session=True,
            cwd="/",
        )
    finally:
        for descriptor in given:
            os.close(descriptor)
    try:
        if spec.bwrap is None:
            return Started(monitor, monitor.pid, block_write)
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                info = await _read_document(info_read, monitor)
        except TimeoutError:
            monitor.kill()
            monitor.wait()
            info = None
    finally:
        os.close(info_read)
    if info is None:
        os.close(block_write)
        reason = last_line(log) or f"exit code {monitor.returncode}"
        raise UnavailableError(f"The sandbox did not start: {reason}", code="sandbox_failed")
    return Started(monitor, info["child-pid"], block_write)


def last_line(log: Path) -> str:
    """Returns the last line of a log, cut to 500 characters; empty where there is none."""
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1][:500] if lines else ""


def read_status(status: Path) -> dict[str, int]:
    """Returns what bubblewrap wrote so far: ``child-pid``, namespace inodes and, at the end, ``exit-code``."""
    found: dict[str, int] = {}
    try:
        text = status.read_text()
    except OSError:
        return found
    decoder, position = json.JSONDecoder(), 0
    while position < len(text):
        while position < len(text) and text[position].isspace():
            position += 1
        try:
            document, position = decoder.raw_decode(text, position)
        except ValueError:
            break
        found.update(document)
    return found


def base_spec(command: Sequence[str]) -> LaunchSpec:
    """Returns a spec with nothing in it but a command, for :func:`dataclasses.replace`."""
    return LaunchSpec(
        bwrap=None,
        bwrap_libraries=None,
        binds=[],
        symlinks=[],
        uid=None,
        command=list(command),
        cwd="/",
        hostname="labora",
        environment={},
        tmpfs_bytes=16 * 1024 * 1024,
        listener=-1,
        key=-1,
        status=-1,
        info=-1,
        block=-1,
        seccomp=None,
        disable_userns=False,
    )

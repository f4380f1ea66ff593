"""Processes: the duties of pid 1, and starting and ending kernels."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import dataclasses
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from typing import IO, Callable, cast

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


def protect() -> None:
    """Makes this process non-dumpable: kernels of the same uid cannot trace it or read its memory and descriptors."""
    _libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def adopt_orphans() -> None:
    """Makes processes whose parent has ended children of this one, as they are of the first process anyway."""
    if os.getpid() != 1:
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def watch_termination(on_terminate: Callable[[], None]) -> None:
    """Calls ``on_terminate`` in the event loop when SIGTERM comes from outside the runtime.

    As pid 1 the agent is immune to ``kill -9 -1`` in a cell, but a handled SIGTERM would reach it. Its sender tells
    the two apart: a process outside the namespace has pid 0 here. Call before any other thread starts.
    """
    loop = asyncio.get_running_loop()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])

    def wait() -> None:
        while True:
            info = signal.sigwaitinfo([signal.SIGTERM])
            if os.getpid() != 1 or info.si_pid == 0:
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(on_terminate)

    threading.Thread(target=wait, name="sigterm", daemon=True).start()


class Reaper:
    """Collects every dead child, as pid 1 must, and tells the owner of those that have one."""

    def __init__(self) -> None:
        self._owners: dict[int, Callable[[int], None]] = {}

    def start(self) -> None:
        """Listens for SIGCHLD in the running event loop."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self.reap)

    def own(self, pid: int, on_exit: Callable[[int], None]) -> None:
        """Calls ``on_exit`` with the wait status of ``pid`` when it ends."""
        self._owners[pid] = on_exit

    def adopt(self, pid: int, on_exit: Callable[[int], None]) -> None:
        """Like :meth:`own`, for a process that says of itself that it is our child.

        Raises:
            ChildProcessError: it is not, or it is owned already.
        """
        if pid in self._owners or _parent(pid) != os.getpid():
            raise ChildProcessError(f"{pid} is not a child of the agent")
        self.own(pid, on_exit)

    def reap(self) -> None:
        """Takes every child that has ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            owner = self._owners.pop(pid, None)
            if owner is not None:
                owner(status)


def _parent(pid: int) -> int:
    """Returns the parent's id, also of one that has ended and was not reaped; 0 when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0


@dataclasses.dataclass(frozen=True)
class Child:
    """A process of ours: its id, and what it writes to its standard output and error."""

    pid: int
    output: IO[bytes]


def _prepare_child() -> None:
    # Signal masks survive exec; and without a pid namespace a killed agent must not leave kernels behind.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if os.getppid() != 1:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def spawn(argv: Sequence[str], env: dict[str, str], cwd: str, *, oom_score: int, pass_fds: Sequence[int] = ()) -> Child:
    """Starts a process in a session and process group of its own; who calls owns it at the reaper.

    Raises:
        OSError: it cannot be started.
    """
    process = subprocess.Popen(
        argv,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=_prepare_child,
        pass_fds=pass_fds,
    )
    # The reaper collects it.
    process.returncode = 0
    prefer_for_oom(process.pid, oom_score)
    return Child(process.pid, cast("IO[bytes]", process.stdout))


class Tail:
    """Reads what a process writes to its own standard output and keeps the end of it."""

    def __init__(self, pipe: IO[bytes], size: int) -> None:
        self._pipe = pipe
        self._size = size
        self._data = b""
        os.set_blocking(pipe.fileno(), False)
        asyncio.get_running_loop().add_reader(pipe.fileno(), self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._pipe.fileno(), 65536)
        except BlockingIOError:
            return
        if not data:
            asyncio.get_running_loop().remove_reader(self._pipe.fileno())
        self._data = (self._data + data)[-self._size :]

    def text(self) -> str:
        """Returns the end of what was written."""
        with contextlib.suppress(OSError, ValueError):
            self._read()
        return self._data.decode("utf-8", "replace").strip()

    def close(self) -> None:
        """Stops reading. Safe to repeat."""
        if not self._pipe.closed:
            asyncio.get_running_loop().remove_reader(self._pipe.fileno())
            self._pipe.close()


def signal_group(pid: int, number: int) -> None:
    """Sends a signal to the process group of a kernel; does nothing when it has ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def prefer_for_oom(pid: int, score: int) -> None:
    """Says how readily the system kills a process, and those that it starts, for want of memory; 0 to 1000."""
    try:
        with open(f"/proc/{pid}/oom_score_adj", "w", encoding="ascii") as file:
            file.write(str(score))
    except OSError:
        # Gone, or not allowed here: then the largest goes, as without it.
        return


def describe(status: int) -> dict[str, object | None]:
    """Returns ``exit_code``, ``signal`` and a sentence for a wait status."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        hint = {
            "SIGKILL": "It was killed, most often for using all available memory.",
            "SIGSEGV": "Native code crashed (segmentation fault).",
            "SIGABRT": "Native code gave up (abort).",
            "SIGBUS": "Native code crashed (bus error), or a disk that backs memory is full.",
        }.get(name, "")
        return {"exit_code": None, "signal": name, "message": (f"The kernel died of {name}. {hint}").strip()}
    code = os.WEXITSTATUS(status)
    return {"exit_code": code, "signal": None, "message": f"The kernel exited with code {code}."}

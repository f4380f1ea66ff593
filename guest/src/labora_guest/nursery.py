"""Starts kernels: plainly, or as forks of a zygote when there is more than one of a kind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections import Counter
from typing import Callable

from labora_guest import process
from labora_guest.process import Child, Reaper
from labora_guest.spec import LAUNCHER

KERNEL_OOM, ZYGOTE_OOM = 500, 450
"""A zygote goes after the kernel at work, which is the one that took the memory, and before idle ones."""
START_S = 8.0
FORK_S = 5.0
LINGER_S = 60.0
CHANCES = 2
"""How many new zygotes may give no kernel before no other one of their kind is started."""
TAIL_BYTES = 4096

OWN = ("LABORA_KERNEL",)
"""Variables that each kernel has for itself; a fork gets its own, and its zygote none."""

_ZYGOTE = os.path.join(os.path.dirname(LAUNCHER), "zygote_process.py")

Kind = tuple[tuple[str, ...], frozenset[tuple[str, str]]]
"""Kernels of one kind may come from one zygote: the same interpreter, options and environment."""
OnExit = Callable[[int], None]


class NotForkedError(Exception):
    """The zygote is gone, or does not do what it should."""


class Zygote:
    """One process that kernels of one kind are forked from (``zygote_process.py``).

    It belongs to the runtime's user, who can do with it what they want; so nothing is waited for without end, and what
    it says is checked.

    Args:
        interpreter: the command line up to the script.
        env: the whole environment of the kernels.
        reaper: tells of its end.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, interpreter: tuple[str, ...], env: dict[str, str], reaper: Reaper) -> None:
        self._reaper = reaper
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.setblocking(False)
        try:
            command = [*interpreter, _ZYGOTE, str(theirs.fileno())]
            child = process.spawn(command, env, "/", oom_score=ZYGOTE_OOM, pass_fds=[theirs.fileno()])
        except OSError:
            self._channel.close()
            raise
        finally:
            theirs.close()
        self._pid = child.pid
        self._said = process.Tail(child.output, TAIL_BYTES)
        self.alive = True
        self.timer: asyncio.TimerHandle | None = None
        self._reaper.own(self._pid, self._ended)
        self._ready = asyncio.ensure_future(self._become_ready())
        self._ready.add_done_callback(self._close_if_ended)

    async def _become_ready(self) -> bool:
        try:
            return await _receive(self._channel, START_S) == b"ready"
        except (OSError, asyncio.TimeoutError):
            return False

    def _ended(self, _status: int) -> None:
        self.alive = False
        self.end()

    def end(self) -> None:
        """Ends it; kernels that were forked go on. Safe to repeat."""
        if self.timer is not None:
            self.timer.cancel()
        if self.alive:
            self.alive = False
            process.signal_group(self._pid, signal.SIGKILL)
        self._close_if_ended()
        self._said.close()

    def _close_if_ended(self, _: object = None) -> None:
        # Not while something is awaited there: the loop would go on looking at a number that is another descriptor's.
        if not self.alive and self._ready.done():
            self._channel.close()

    async def fork(self, argv: list[str], own: dict[str, str], cwd: str, on_exit: OnExit) -> Child:
        """Returns a new kernel that is our own child, once the zygote is ready.

        Args:
            argv: the kernel's ``sys.argv``.
            own: variables of this kernel alone.
            cwd: its working folder.
            on_exit: gets its wait status, as at :meth:`Reaper.own`.

        Raises:
            NotForkedError: start it plainly instead.
        """
        if not await asyncio.shield(self._ready) or not self.alive:
            raise NotForkedError("it is gone, or was not ready in time")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        output, write_end = os.pipe()
        ours.setblocking(False)
        try:
            try:
                request = json.dumps({"argv": argv, "cwd": cwd, "env": own}).encode("ascii")
                socket.send_fds(self._channel, [request], [theirs.fileno(), write_end])
            finally:
                theirs.close()
                os.close(write_end)
            pid = int(await _receive(ours, FORK_S))
            self._reaper.adopt(pid, on_exit)
            process.prefer_for_oom(pid, KERNEL_OOM)
            # It waits for this, and ends without.
            with contextlib.suppress(OSError):
                ours.send(b"go")
            return Child(pid, os.fdopen(output, "rb", 0))
        except (OSError, ValueError, asyncio.TimeoutError) as error:
            os.close(output)
            raise NotForkedError(str(error)) from error
        finally:
            ours.close()


class Nursery:
    """Starts the kernels of one runtime.

    The first kernel of a kind is started plainly. With the second comes a zygote, from which it and all that follow
    are forked, restarted ones too; it ends when for a while there was at most one kernel. Kernels of other programs
    than our launcher are always started plainly, and so is whatever a zygote fails to give.

    Args:
        reaper: tells of the ends of processes.
        forks: whether there may be zygotes.
        linger_s: for how many seconds a zygote stays with at most one kernel.
    """

    def __init__(self, reaper: Reaper, *, forks: bool = True, linger_s: float = LINGER_S) -> None:
        self._reaper = reaper
        self._forks = forks
        self._linger_s = linger_s
        self._zygotes: dict[Kind, Zygote] = {}
        self._failed: Counter[Kind] = Counter()
        self._alive: Counter[Kind] = Counter()

    async def start(self, command: list[str], env: dict[str, str], cwd: str, on_exit: OnExit) -> Child:
        """Starts a kernel.

        Args:
            command: its command line.
            env: its whole environment.
            cwd: its working folder.
            on_exit: gets its wait status when it has ended.

        Raises:
            OSError: it cannot be started.
        """
        kind = _kind(command, env)
        if kind is None or not self._forks:
            return self._start_plainly(command, env, cwd, on_exit)

        def ended(status: int) -> None:
            self._alive[kind] -= 1
            self._look_after(kind)
            on_exit(status)

        child = await self._fork(kind, command[len(kind[0]) :], env, cwd, ended)
        if child is None:
            child = self._start_plainly(command, env, cwd, ended)
        self._alive[kind] += 1
        self._look_after(kind)
        return child

    def close(self) -> None:
        """Ends the zygotes."""
        for zygote in self._zygotes.values():
            zygote.end()
        self._zygotes.clear()

    def _start_plainly(self, command: list[str], env: dict[str, str], cwd: str, on_exit: OnExit) -> Child:
        child = process.spawn(command, env, cwd, oom_score=KERNEL_OOM)
        self._reaper.own(child.pid, on_exit)
        return child

    async def _fork(self, kind: Kind, argv: list[str], env: dict[str, str], cwd: str, on_exit: OnExit) -> Child | None:
        """Returns a fork of the kind's zygote; None when there is to be none, or it does not work."""
        own = {name: env[name] for name in OWN if name in env}
        known = self._zygotes.get(kind)
        if known is not None and known.alive:
            child = await _fork_from(known, argv, own, cwd, on_exit)
            if child is not None:
                return child
            # It has ended, as it does when the environment's packages have changed since it was started.
        current = self._zygotes.get(kind)
        if current is None or current is known or not current.alive:
            if self._alive[kind] < 1 or self._failed[kind] >= CHANCES:
                return None
            try:
                current = self._zygotes[kind] = Zygote(kind[0], dict(kind[1]), self._reaper)
            except OSError:
                return None
        child = await _fork_from(current, argv, own, cwd, on_exit)
        self._failed[kind] += child is None
        return child

    def _look_after(self, kind: Kind) -> None:
        """Lets the zygote go in a while when it has hardly anything to do."""
        zygote = self._zygotes.get(kind)
        if zygote is None:
            return
        if self._alive[kind] > 1 and zygote.timer is not None:
            zygote.timer.cancel()
            zygote.timer = None
        elif self._alive[kind] <= 1 and zygote.timer is None:
            zygote.timer = asyncio.get_running_loop().call_later(self._linger_s, self._retire, kind)

    def _retire(self, kind: Kind) -> None:
        zygote = self._zygotes.pop(kind, None)
        if zygote is not None:
            zygote.end()


async def _fork_from(zygote: Zygote, argv: list[str], own: dict[str, str], cwd: str, on_exit: OnExit) -> Child | None:
    """Returns a kernel; None, and ends the zygote, when it gives none."""
    try:
        return await zygote.fork(argv, own, cwd, on_exit)
    except NotForkedError:
        zygote.end()
        return None


def _kind(command: list[str], env: dict[str, str]) -> Kind | None:
    """Returns what a kernel has in common with others of one zygote; None when it cannot come from one."""
    if LAUNCHER not in command:
        return None
    places = env.get("PYTHONPATH", "").split(os.pathsep) if env.get("PYTHONPATH") else []
    if not all(map(os.path.isabs, places)):
        # Modules would be looked for in the zygote's folder.
        return None
    shared = frozenset((name, value) for name, value in env.items() if name not in OWN)
    return tuple(command[: command.index(LAUNCHER)]), shared


async def _receive(channel: socket.socket, seconds: float) -> bytes:
    """Returns the next message; nothing when the other side has closed. Raises OSError, asyncio.TimeoutError."""
    return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(channel, 64), seconds)

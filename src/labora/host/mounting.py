"""Mounts inside runtimes: injected, served by a process each, put back when that process dies.

The host makes the mount and starts the daemon; what files are in it is between the daemon and the control plane.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import labora
from labora.base.errors import ConflictError, InvalidError, LaboraError, NotFoundError, UnavailableError
from labora.base.logging import get_logger
from labora.host import inject
from labora.host.model import Handle
from labora.host.process import boot_id, is_alive, send_signal, start_time, wait_exit
from labora.host.registry import write_atomically
from labora.host.unix import bind_unix

DEVICE = "/dev/fuse"
MOST = 8
"""Mounts of one runtime."""
PAUSES_S = (0.1, 0.5, 2.0, 5.0)
STEADY_S = 30.0
LEAVE_S = 3.0
_ANSWER_S = 20.0
_TARGET = re.compile(r"(/[^/\x00-\x20\x7f\\]+)+\Z")

_log = get_logger("host")


@dataclass(frozen=True, slots=True)
class Mounted:
    """One mount; kept in ``run/mounts``."""

    runtime_id: str
    generation: int
    target: str
    readonly: bool
    socket: str
    pid: int
    start_time: int
    boot_id: str

    def as_json(self) -> dict[str, Any]:
        """Returns the JSON object that is stored and sent."""
        return asdict(self)


class Mounts:
    """The mounts of one host's runtimes.

    Args:
        run: the host's run folder.
        uid: that daemons become on a root host; None where they keep the host's.
        owner: uid that may connect to them.
        living: returns the handle of a runtime while it lives.
    """

    def __init__(self, run: Path, uid: int | None, owner: int | None, living: Callable[[str], Handle | None]) -> None:
        self._folder = run / "mounts"
        self._log = run / "mounts.log"
        self._uid = uid
        self._owner = owner
        self._living = living
        self._known: dict[tuple[str, str], Mounted] = {}
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}
        self._watchers: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def open(self) -> None:
        """Finds what an earlier host mounted; puts back what lost its daemon meanwhile."""
        self._folder.mkdir(exist_ok=True)
        self._folder.chmod(0o711)
        for path in self._folder.glob("*.json"):
            try:
                found = Mounted(**json.loads(path.read_text()))
            except (OSError, ValueError, TypeError) as error:
                _log.warning("mount_unreadable", path=path.name, error=str(error))
                path.unlink(missing_ok=True)
                continue
            if found.boot_id == boot_id() and self._of(found) is not None:
                key = (found.runtime_id, found.target)
                self._known[key] = found
                self._watch(key)
            else:
                self._forget(found)

    async def close(self) -> None:
        """Stops watching; the mounts go on."""
        for task in self._watchers.values():
            task.cancel()
        await asyncio.gather(*self._watchers.values(), return_exceptions=True)

    def list(self) -> list[Mounted]:
        """Returns the mounts of runtimes that live."""
        return [found for found in self._known.values() if self._of(found) is not None]

    async def mount(self, runtime_id: str, target: str, *, readonly: bool) -> Mounted:
        """Mounts on an empty folder of a runtime; asked again, returns what is there.

        Raises:
            InvalidError: ``bad_mountpoint``.
            NotFoundError: the runtime does not live, or has no such folder (``no_mountpoint``).
            ConflictError: the folder is not empty (``mountpoint_not_empty``).
            UnavailableError: ``no_fuse``, ``no_isolation`` or ``mount_failed``.
        """
        check_target(target)
        key = (runtime_id, target)
        async with self._locks.setdefault(key, asyncio.Lock()):
            known = self._known.get(key)
            if known is not None and self._of(known) is not None and is_alive(known.pid, known.start_time):
                return known
            if sum(one.runtime_id == runtime_id for one in self.list()) >= MOST:
                raise ConflictError(f"A runtime can have {MOST} mounts. Unmount one first.", code="too_many_mounts")
            handle = self._living(runtime_id)
            if handle is None:
                raise NotFoundError(f"There is no runtime {runtime_id}.", code="unknown_runtime")
            made = await self._mount(handle, target, readonly=readonly)
            if (watcher := self._watchers.get(key)) is not None:
                watcher.cancel()
            self._watch(key)
            return made

    async def unmount(self, runtime_id: str, target: str) -> None:
        """Takes a mount away. Does nothing where there is none."""
        key = (runtime_id, target)
        async with self._locks.setdefault(key, asyncio.Lock()):
            known = self._known.get(key)
            if known is None:
                return
            if (handle := self._of(known)) is not None:
                await asyncio.to_thread(_inject, ["unmount", str(handle.pid), target], None)
            # Only now: where that failed, the mount is still there to be watched and taken away.
            self._known.pop(key, None)
            if (watcher := self._watchers.pop(key, None)) is not None:
                watcher.cancel()
            # What a program still has open keeps the daemon; it is not waited for long.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await wait_exit(known.pid, known.start_time)
            send_signal(known.pid, known.start_time, signal.SIGTERM)
            self._forget(known)

    def ended(self, runtime_id: str) -> None:
        """Forgets the mounts of a runtime that has ended; their daemons end by themselves when they have saved."""
        for key in list(self._known):
            if key[0] == runtime_id:
                del self._known[key]
                if (watcher := self._watchers.pop(key, None)) is not None:
                    watcher.cancel()
                self._folder.joinpath(f"{_name(*key)}.json").unlink(missing_ok=True)

    # -- making -----------------------------------------------------------------------------------------------------

    async def _mount(self, handle: Handle, target: str, *, readonly: bool) -> Mounted:
        if handle.level == "none":
            raise UnavailableError(
                "The drive cannot be mounted into a runtime without isolation. `labora doctor` names what would help.",
                code="no_isolation",
            )
        key = (handle.runtime_id, target)
        path = self._folder / f"{_name(*key)}.sock"
        mode = "ro" if readonly else "rw"
        device = await asyncio.to_thread(_inject, ["mount", str(handle.pid), target, mode], DEVICE)
        try:
            with bind_unix(path, socket.SOCK_SEQPACKET) as listener:
                if self._owner is not None and os.geteuid() == 0:
                    os.chown(path, self._owner, self._owner, follow_symlinks=False)
                pid = await asyncio.to_thread(self._spawn, device or 0, listener.fileno())
        finally:
            os.close(device or 0)
        made = Mounted(
            handle.runtime_id, handle.generation, target, readonly, str(path), pid, start_time(pid) or 0, boot_id()
        )
        write_atomically(self._folder / f"{_name(*key)}.json", json.dumps(made.as_json()))
        self._known[key] = made
        _log.info("mounted", runtime_id=handle.runtime_id, target=target, pid=pid)
        return made

    def _spawn(self, device: int, listener: int) -> int:
        """Starts a daemon, which is nobody's child: it outlives the host. Returns its pid."""
        become: list[str] = []
        if self._uid is not None:
            become = ["--uid", str(self._uid)]
            for folder in (Path(sys.prefix), Path(sys.base_prefix), Path(labora.__file__).parent.parent):
                become += ["--folder", str(folder)]
        command = [
            sys.executable, "-I", "-m", "labora.mount.daemon", "--device", str(device), "--listener", str(listener),
            *become,
        ]  # fmt: skip
        with self._log.open("ab") as log:
            made = subprocess.run(
                [sys.executable, "-I", "-S", "-c", _DOUBLE, *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd="/",
                pass_fds=(device, listener),
                check=True,
                env={name: value for name, value in os.environ.items() if name.startswith(("LANG", "LC_", "PATH"))},
            )
        return int(made.stdout)

    # -- keeping ----------------------------------------------------------------------------------------------------

    def _watch(self, key: tuple[str, str]) -> None:
        self._watchers[key] = asyncio.create_task(self._keep(key))

    async def _keep(self, key: tuple[str, str]) -> None:
        """Puts the mount back whenever its daemon dies while the runtime lives, so that ENOTCONN does not stay."""
        failures = 0
        while (known := self._known.get(key)) is not None:
            since = time.monotonic()
            await wait_exit(known.pid, known.start_time)
            failures = 0 if time.monotonic() - since > STEADY_S else failures + 1
            await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
            async with self._locks.setdefault(key, asyncio.Lock()):
                handle = self._of(known)
                if self._known.get(key) is not known or handle is None:
                    return
                _log.warning("mount_daemon_died", runtime_id=key[0], target=key[1], pid=known.pid)
                await self._remount(handle, known)

    async def _remount(self, handle: Handle, known: Mounted) -> None:
        try:
            await asyncio.to_thread(_inject, ["unmount", str(handle.pid), known.target], None)
            await self._mount(handle, known.target, readonly=known.readonly)
        except (LaboraError, OSError) as error:
            _log.error("not_mounted_again", runtime_id=known.runtime_id, target=known.target, error=str(error))

    def _of(self, found: Mounted) -> Handle | None:
        handle = self._living(found.runtime_id)
        return handle if handle is not None and handle.generation == found.generation else None

    def _forget(self, found: Mounted) -> None:
        name = _name(found.runtime_id, found.target)
        self._folder.joinpath(f"{name}.json").unlink(missing_ok=True)
        self._folder.joinpath(f"{name}.sock").unlink(missing_ok=True)


def check_target(target: str) -> None:
    """Raises InvalidError unless ``target`` is a plain absolute path."""
    parts = target.split("/")
    if len(target) > 1000 or not _TARGET.match(target) or "." in parts or ".." in parts:
        raise InvalidError(
            "A mount point is an absolute path without spaces, '.' and '..', such as /content/drive.",
            code="bad_mountpoint",
        )


def _name(runtime_id: str, target: str) -> str:
    return f"{runtime_id}-{hashlib.sha256(target.encode()).hexdigest()[:10]}"


def _inject(arguments: list[str], device: str | None) -> int | None:
    """Runs the helper; blocks for some milliseconds. Returns the mount's descriptor. Raises LaboraError."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    opened = None
    try:
        if device is not None:
            try:
                opened = os.open(device, os.O_PATH | os.O_CLOEXEC)
            except OSError as error:
                raise _no_fuse(error.strerror or "") from error
        passed = [theirs.fileno()] if opened is None else [opened, theirs.fileno()]
        command = [sys.executable, "-I", "-S", inject.__file__, *arguments, *map(str, passed)]
        ours.settimeout(_ANSWER_S)
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=passed, cwd="/") as helper:
            theirs.close()
            try:
                text, given, _, _ = socket.recv_fds(ours, 4096, 1)
            except TimeoutError:
                helper.kill()
                text, given = b"", []
        answer: dict[str, Any] = json.loads(text) if text else {"errno": errno.EIO, "why": "the helper failed"}
        if answer["errno"]:
            raise _failure(int(answer["errno"]), str(answer["why"]), mounting=device is not None)
        for descriptor in given:
            os.set_inheritable(descriptor, False)
        return given[0] if given else None
    finally:
        ours.close()
        theirs.close()
        if opened is not None:
            os.close(opened)


def _no_fuse(why: str) -> UnavailableError:
    return UnavailableError(
        f"The drive cannot be mounted on this machine: {DEVICE} cannot be opened ({why}). Its operator has to allow "
        "it: modprobe fuse, chmod 666 /dev/fuse.",
        code="no_fuse",
    )


def _failure(number: int, why: str, *, mounting: bool) -> LaboraError:
    if not mounting:
        return UnavailableError(f"The drive was not unmounted ({why}).", code="unmount_failed")
    if number == errno.ENOTEMPTY:
        return ConflictError("The mount point must be an empty folder.", code="mountpoint_not_empty")
    if number in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
        return NotFoundError("The mount point must be a folder, not a link or a file.", code="no_mountpoint")
    if number in (errno.EACCES, errno.ENODEV, errno.ENXIO):
        return _no_fuse(why)
    return UnavailableError(f"The drive was not mounted ({why}).", code="mount_failed")


# Nobody's child, so that it outlives the host and leaves no zombie; the first process says which it is.
_DOUBLE = """
import os, sys
child = os.fork()
if child:
    os.write(1, str(child).encode())
    os._exit(0)
os.setsid()
os.dup2(2, 1)
os.execv(sys.argv[1], sys.argv[1:])
"""

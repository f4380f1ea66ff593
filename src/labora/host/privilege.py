"""How the control plane gives root up."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from labora.base.errors import UnavailableError
from labora.host import syscalls


def _may_enter(folder: Path, uid: int) -> bool:
    """Says whether ``uid`` (in no other group) may walk through ``folder``. Access lists are not looked at."""
    info = folder.stat()
    if info.st_uid == uid:
        return bool(info.st_mode & stat.S_IXUSR)
    return bool(info.st_mode & (stat.S_IXGRP if info.st_gid == uid else stat.S_IXOTH))


def blocking_ancestor(path: Path, uid: int) -> Path | None:
    """Returns the topmost folder above ``path`` that ``uid`` may not walk through (``/root``, mode 0700), or None."""
    for folder in reversed(path.parents):
        if not _may_enter(folder, uid):
            return folder
    return None


def _outermost(paths: Sequence[Path], uid: int) -> list[Path]:
    """Returns the paths that are worth showing: there, open to ``uid`` themselves, and not below another one."""
    given = {path.absolute() for path in paths} | {path.resolve() for path in paths}
    open_ones = sorted(path for path in given if path.exists() and (not path.is_dir() or _may_enter(path, uid)))
    return [path for path in open_ones if not any(path != other and path.is_relative_to(other) for other in open_ones)]


def open_paths(paths: Sequence[Path], uid: int) -> list[Path]:
    """Makes folders reachable for ``uid`` in the calling process alone, at the very paths that they have.

    In a private mount namespace each ancestor in the way is covered by an empty folder in which only ``paths``
    appear. Needs root. A folder that ``uid`` may not enter itself stays closed.

    Returns:
        The ancestors that were covered.

    Raises:
        UnavailableError: a folder is out of reach and mounts are not allowed here.
    """
    hidden = [(path, blocking_ancestor(path, uid)) for path in _outermost(paths, uid)]
    wanted = [(path, ancestor) for path, ancestor in hidden if ancestor is not None]
    if not wanted:
        return []
    try:
        syscalls.private_mounts()
    except OSError as error:
        raise UnavailableError(
            f"User {uid} cannot reach {wanted[0][0]} behind {wanted[0][1]}, and mounting is not allowed here "
            f"({error.strerror}). Move the folder, for example to /opt/labora, or start Labora as an ordinary user.",
            code="unreachable_code",
        ) from error
    sources = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path, _ in wanted]
    covered = sorted({ancestor for _, ancestor in wanted})
    for ancestor in covered:
        syscalls.mount("labora", str(ancestor), "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "mode=0755,size=1m")
    for path, source in sources:
        if stat.S_ISDIR(os.fstat(source).st_mode):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        syscalls.bind(source, str(path))
        os.close(source)
    return covered


def drop_privileges(uid: int, readable_paths: Sequence[Path]) -> None:
    """Turns this process, for good, into one of ``uid`` without groups, capabilities or a way to new privileges.

    Call it in a single-threaded process, after everything that needs root. The process ends up not dumpable, so
    another process of the same uid cannot read its memory.

    Args:
        uid: user and group to become; no account of that number need exist.
        readable_paths: folders of code and data that must stay reachable although a folder above them is closed to
            others (a checkout or an interpreter below ``/root``).

    Raises:
        UnavailableError: a path cannot be kept reachable (see :func:`open_paths`).
        ValueError: ``uid`` is 0.
    """
    if uid == 0:
        raise ValueError("uid 0 is what is given up")
    folder = Path.cwd()
    open_paths(readable_paths, uid)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    try:
        os.chdir(folder)  # the old one may lie below what is covered now
    except OSError:
        os.chdir("/")

"""The few Linux calls that Python 3.11 lacks, by ctypes."""

from __future__ import annotations

import ctypes
import os

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2
CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
PR_SET_NO_NEW_PRIVS = 38
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2). Raises OSError naming the target."""
    result = _libc.mount(
        source.encode(),
        target.encode(),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        data.encode() or None,
    )
    _check(result, f"mount {target}")


def umount(target: str, flags: int = 0) -> None:
    """umount2(2). Raises OSError naming the target."""
    _check(_libc.umount2(target.encode(), flags), f"umount {target}")


def unshare(flags: int) -> None:
    """unshare(2). Raises OSError."""
    _check(_libc.unshare(flags), "unshare")


def prctl(option: int, value: int) -> None:
    """prctl(2) with one value. Raises OSError."""
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), "prctl")


def private_mounts() -> None:
    """Gives the calling process its own mount namespace from which nothing propagates back. Needs CAP_SYS_ADMIN."""
    unshare(CLONE_NEWNS)
    mount("none", "/", "", MS_REC | MS_PRIVATE)


def bind(source: int, target: str, *, recursive: bool = True) -> None:
    """Binds the open descriptor ``source`` (O_PATH will do) on ``target``, whatever its path can be reached by."""
    mount(f"/proc/self/fd/{source}", target, "", MS_BIND | (MS_REC if recursive else 0))


# -- mounts without paths -------------------------------------------------------------------------------------------

_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442  # the same on every architecture
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
_AT_EMPTY_PATH, _MOVE_MOUNT_F_EMPTY_PATH = 0x1000, 0x4
_AT_FDCWD = -100
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, _MOUNT_ATTR_IDMAP = 0x1, 0x2, 0x4, 0x100000


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def mount_idmapped(source: int, target: str, user_namespace: int) -> None:
    """Mounts the folder of descriptor ``source`` on ``target``, read-only, owners seen through ``user_namespace``.

    Needs Linux 5.12, CAP_SYS_ADMIN and a file system that allows it. Raises OSError.
    """
    attributes = _MountAttributes(
        attr_set=MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | _MOUNT_ATTR_IDMAP, userns_fd=user_namespace
    )
    tree = _libc.syscall(_OPEN_TREE, source, b"", _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_EMPTY_PATH)
    _check(0 if tree >= 0 else -1, "open_tree")
    try:
        size = ctypes.sizeof(attributes)
        _check(_libc.syscall(_MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH, ctypes.byref(attributes), size), "idmap")
        result = _libc.syscall(_MOVE_MOUNT, tree, b"", _AT_FDCWD, target.encode(), _MOVE_MOUNT_F_EMPTY_PATH)
        _check(result, f"move_mount {target}")
    finally:
        os.close(tree)

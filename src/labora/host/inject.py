"""Mounts a FUSE file system inside a running sandbox, or takes one away.

Joining a user namespace takes a process of one thread, so this is run as a file by ``python -I -S``.

``inject.py mount PID TARGET ro|rw DEVICE CHANNEL``: DEVICE is a descriptor of ``/dev/fuse``, opened by path only; the
mount's own descriptor goes out over CHANNEL, a sequenced-packet unix socket, with a JSON object.
``inject.py unmount PID TARGET CHANNEL``: lazily; nothing is done where no such mount is there.

The guest owns what lies at TARGET: no link is followed, the folder must be empty, and mounting goes by descriptor.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import socket
import stat
import struct
import sys

_NS_GET_USERNS = 0xB701
_MS_RDONLY, _MS_NOSUID, _MS_NODEV = 1, 2, 4
_MNT_DETACH, _UMOUNT_NOFOLLOW = 2, 8
_OPENAT2, _AT_FDCWD = 437, -100
_RESOLVE_NO_MAGICLINKS, _RESOLVE_NO_SYMLINKS = 0x02, 0x04
_MAX_READ = 1024 * 1024
KIND = "fuse.labora"
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def enter(pid: int, device: int | None) -> int | None:
    """Joins the sandbox's mount namespace as its owner. Returns the device, opened there. Raises OSError."""
    mounts = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    # bubblewrap's intermediate user namespace owns the mounts, not the one that the agent ends up in.
    owner = fcntl.ioctl(mounts, _NS_GET_USERNS)
    _check(_libc.setns(owner, 0))
    # The kernel wants device and mount in one user namespace, so it is opened only now, by the machine's own /proc.
    opened = None if device is None else os.open(f"/proc/self/fd/{device}", os.O_RDWR | os.O_CLOEXEC)
    _check(_libc.setns(mounts, 0))
    return opened


def open_folder(target: str) -> int:
    """Opens a folder of the sandbox without following any link. Raises OSError."""
    how = struct.pack(
        "QQQ", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, 0, _RESOLVE_NO_SYMLINKS | _RESOLVE_NO_MAGICLINKS
    )
    return _check(_libc.syscall(_OPENAT2, _AT_FDCWD, target.encode(), how, ctypes.c_size_t(len(how))))


def mount(target: str, device: int, *, readonly: bool) -> None:
    """Mounts the device's file system on an empty folder. Raises OSError."""
    folder = open_folder(target)
    os.fchdir(folder)
    if os.listdir("."):  # noqa: PTH208
        raise OSError(errno.ENOTEMPTY, "the folder is not empty")
    mode = stat.S_IFDIR
    options = f"fd={device},rootmode={mode:o},user_id=0,group_id=0,allow_other,max_read={_MAX_READ}"
    flags = _MS_NOSUID | _MS_NODEV | (_MS_RDONLY if readonly else 0)
    _check(_libc.mount(b"drive", b".", KIND.encode(), ctypes.c_ulong(flags), options.encode()))


def unmount(pid: int, target: str) -> None:
    """Takes away what is mounted at a path, when it is ours: whoever uses it still may, nobody else gets in.

    Raises OSError.
    """
    # Read from outside: the sandbox's own /proc does not show this process.
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="surrogateescape") as table:  # noqa: PTH123
        rows = [line.split() for line in table]
    enter(pid, None)
    if any(_unescaped(row[4]) == target and row[row.index("-") + 1] == KIND for row in rows):
        _check(_libc.umount2(target.encode(), _MNT_DETACH | _UMOUNT_NOFOLLOW))


def _unescaped(path: str) -> str:
    for code in ("040", "011", "012", "134"):
        path = path.replace(f"\\{code}", chr(int(code, 8)))
    return path


def main() -> None:
    """Does one verb."""
    verb, pid, target, *rest = sys.argv[1:]
    channel = socket.socket(fileno=int(rest[-1]))
    try:
        if verb == "mount":
            device = enter(int(pid), int(rest[1]))
            mount(target, int(device or 0), readonly=rest[0] == "ro")
            socket.send_fds(channel, [b'{"errno": 0}'], [int(device or 0)])
        else:
            unmount(int(pid), target)
            channel.send(b'{"errno": 0}')
    except OSError as error:
        channel.send(json.dumps({"errno": error.errno or errno.EIO, "why": error.strerror}).encode())
        sys.exit(1)


if __name__ == "__main__":
    main()

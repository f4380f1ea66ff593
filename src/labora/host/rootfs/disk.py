"""A disk of bounded size for one runtime: a sparse ext4 image behind a loop device that clears itself.

The launcher mounts it in its own mount namespace, so the kernel takes mount and loop device away with the runtime's
last process, however host and launcher ended. A lock on the image lasts as long as the loop device: a second mount
of one image waits for the end of the first.

It reads and writes past the machine's page cache, where the file system below can: nothing is held twice, and whoever
fills a disk fills no cache of the machine, which the next one who syncs a file on it would have to wait for.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import signal
import stat
from pathlib import Path

from labora.host import syscalls

_LOOP_CTL_GET_FREE, _LOOP_CONFIGURE = 0x4C82, 0x4C0A
_AUTOCLEAR, _DIRECT = 4, 16
_LOOP_MAJOR = 7
_TRIES = 64
_LOCK_WAIT_S = 15
SMALLEST = 32 * 1024 * 1024


class _LoopInfo(ctypes.Structure):
    _fields_ = (
        ("device", ctypes.c_uint64), ("inode", ctypes.c_uint64), ("rdevice", ctypes.c_uint64),
        ("offset", ctypes.c_uint64), ("size_limit", ctypes.c_uint64), ("number", ctypes.c_uint32),
        ("encrypt_type", ctypes.c_uint32), ("encrypt_key_size", ctypes.c_uint32), ("flags", ctypes.c_uint32),
        ("file_name", ctypes.c_char * 64), ("crypt_name", ctypes.c_char * 64), ("encrypt_key", ctypes.c_char * 32),
        ("init", ctypes.c_uint64 * 2),
    )  # fmt: skip


class _LoopConfig(ctypes.Structure):
    _fields_ = (
        ("fd", ctypes.c_uint32), ("block_size", ctypes.c_uint32), ("info", _LoopInfo), ("reserved", ctypes.c_uint64 * 8)
    )  # fmt: skip


def find_mkfs() -> str | None:
    """Returns the program that makes ext4, or None."""
    import shutil

    return shutil.which("mkfs.ext4", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def make_image(path: Path, size: int, inodes: int) -> None:
    """Makes an empty image of ``size`` bytes that takes some MB of real space. Blocks for some ten milliseconds.

    No journal: a runtime's disk does not outlive a crash of the machine.

    Raises:
        OSError: mkfs.ext4 is missing or failed.
    """
    import subprocess  # not at the top: the launcher of every runtime passes through this module

    program = find_mkfs()
    if program is None:
        raise OSError(errno.ENOENT, "mkfs.ext4 is missing; install e2fsprogs")
    with path.open("wb") as stream:
        os.truncate(stream.fileno(), max(size, SMALLEST))
    path.chmod(0o600)
    done = subprocess.run(
        [program, "-q", "-F", "-m", "0", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard", "-N", str(inodes),
         str(path)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise OSError(errno.EIO, f"mkfs.ext4: {done.stderr.strip()[-200:]}")


def copy_image(template: Path, path: Path) -> None:
    """Copies an image with its holes, whole or not at all; an image that is there stays."""
    if path.exists():
        return
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with template.open("rb") as source, fresh.open("xb") as target:
        os.fchmod(target.fileno(), 0o600)
        size = os.fstat(source.fileno()).st_size
        os.truncate(target.fileno(), size)
        position = 0
        while position < size:
            try:
                position = os.lseek(source.fileno(), position, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:  # no more data
                    break
                raise
            end = os.lseek(source.fileno(), position, os.SEEK_HOLE)
            while position < end:
                position += os.copy_file_range(source.fileno(), target.fileno(), end - position, position, position)
    fresh.rename(path)


def _free_loop(image: int) -> int:
    """Returns a loop device, opened, that shows the open ``image``."""
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        for _ in range(_TRIES):
            number = fcntl.ioctl(control, _LOOP_CTL_GET_FREE)
            path = f"/dev/loop{number}"
            if not Path(path).exists():  # a container's /dev does not follow the kernel
                with contextlib.suppress(FileExistsError):
                    os.mknod(path, 0o600 | stat.S_IFBLK, os.makedev(_LOOP_MAJOR, number))
            device = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            config = _LoopConfig(fd=image, info=_LoopInfo(flags=_AUTOCLEAR | _DIRECT, file_name=b"labora"))
            try:
                fcntl.ioctl(device, _LOOP_CONFIGURE, bytes(config))
            except OSError as error:
                os.close(device)
                if error.errno != errno.EBUSY:  # else somebody was faster
                    raise
                continue
            return device
    finally:
        os.close(control)
    raise OSError(errno.EBUSY, "no loop device is free")


def _too_long(*_: object) -> None:
    raise OSError(errno.EBUSY, "the disk is still in use by processes of the runtime's last generation")


def mount_image(path: Path, target: Path) -> None:
    """Mounts an image in the calling process's mount namespace, which must be private, once its last user is gone.

    Raises:
        OSError: no loop device, or another runtime's processes still use the image.
    """
    image = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        signal.signal(signal.SIGALRM, _too_long)
        signal.alarm(_LOCK_WAIT_S)
        fcntl.flock(image, fcntl.LOCK_EX)
        signal.alarm(0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        device = _free_loop(image)
    finally:
        os.close(image)
    try:
        number = os.minor(os.fstat(device).st_rdev)
        flags = syscalls.MS_NOSUID | syscalls.MS_NODEV
        syscalls.mount(f"/dev/loop{number}", str(target), "ext4", flags, "noinit_itable,errors=remount-ro")
    finally:
        os.close(device)

"""Private folders of runtimes: made, entered and removed without following a link that a guest has planted."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def make_private(folder: Path, uid: int | None) -> None:
    """Makes ``folder`` (mode 0700), or takes the one that is there, for ``uid`` (None: our own)."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    descriptor = os.open(folder, _DIRECTORY)
    try:
        os.fchmod(descriptor, 0o700)
        if uid is not None:
            os.fchown(descriptor, uid, uid)
    finally:
        os.close(descriptor)


def make_mount_point(home: Path, parts: tuple[str, ...], uid: int | None) -> None:
    """Makes real folders ``parts`` below ``home``; whatever else a guest left there under those names is removed.

    bubblewrap resolves a bind's target by path, so a planted link must be gone before it starts. No process of the
    runtime lives at this moment.
    """
    current = os.open(home, _DIRECTORY)
    try:
        for part in parts:
            with contextlib.suppress(FileNotFoundError):
                if not stat.S_ISDIR(os.stat(part, dir_fd=current, follow_symlinks=False).st_mode):
                    os.unlink(part, dir_fd=current)
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=current)
                if uid is not None:
                    os.chown(part, uid, uid, dir_fd=current, follow_symlinks=False)
            below = os.open(part, _DIRECTORY, dir_fd=current)
            os.close(current)
            current = below
    finally:
        os.close(current)


def _empty(folder: int, device: int) -> None:
    """Removes everything below the open folder, by descriptors, since a tree may be deeper than a path may be long."""
    # Each level holds one descriptor open, so a child below this depth is moved up and taken in the next round.
    depth_limit = 64

    def clear(current: int, depth: int) -> None:
        with contextlib.suppress(PermissionError):
            os.fchmod(current, 0o700)
        with os.scandir(current) as entries:
            names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for name, is_folder in names:
            if not is_folder:
                os.unlink(name, dir_fd=current)
                continue
            if depth >= depth_limit:
                os.rename(name, f".labora-wipe-{os.urandom(8).hex()}", src_dir_fd=current, dst_dir_fd=folder)
                continue
            with contextlib.suppress(PermissionError):
                os.chmod(name, 0o700, dir_fd=current, follow_symlinks=True)
            below = os.open(name, _DIRECTORY, dir_fd=current)
            try:
                if os.fstat(below).st_dev != device:
                    raise OSError(f"{name} is a mount; it is not wiped")
                clear(below, depth + 1)
            finally:
                os.close(below)
            os.rmdir(name, dir_fd=current)

    while _has_entries(folder):
        clear(folder, 0)


def _has_entries(folder: int) -> bool:
    with os.scandir(folder) as entries:
        return any(True for _ in entries)


def wipe(folder: Path) -> None:
    """Removes ``folder`` and all below it, following no link and leaving no file behind. Blocks; run it in a thread.

    Raises:
        OSError: something could not be removed; the rest is gone.
    """
    try:
        descriptor = os.open(folder, _DIRECTORY)
    except FileNotFoundError:
        return
    try:
        _empty(descriptor, os.fstat(descriptor).st_dev)
    finally:
        os.close(descriptor)
    folder.rmdir()


def disk_bytes(folder: Path, *, most: int = 200_000) -> int:
    """Returns the bytes on disk below ``folder``, looking at no more than ``most`` entries. Blocks."""
    total, left, pending = 0, most, [str(folder)]
    seen: set[tuple[int, int]] = set()
    while pending and left > 0:
        try:
            entries = os.scandir(pending.pop())
        except OSError:
            continue
        with entries:
            for entry in entries:
                left -= 1
                with contextlib.suppress(OSError):
                    info = entry.stat(follow_symlinks=False)
                    if info.st_nlink > 1 and not stat.S_ISDIR(info.st_mode):
                        if (info.st_dev, info.st_ino) in seen:
                            continue
                        seen.add((info.st_dev, info.st_ino))
                    total += info.st_blocks * 512
                    if stat.S_ISDIR(info.st_mode):
                        pending.append(entry.path)
    return total

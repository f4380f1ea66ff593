"""The disks of runtimes as the host sees them: made, measured, and watched where the kernel cannot bound them."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from labora.base.logging import get_logger
from labora.host import folders
from labora.host.model import Handle, Limits
from labora.host.process import send_signal, start_time
from labora.host.rootfs import disk
from labora.host.watchdog import processes_below

_log = get_logger("host")
DISK_AGE_S = 20.0
_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SPARE = 1 / 8
# Who is ended must have written at least this since the last look.
_LEAST_WRITTEN = 1024 * 1024
# Between two looks at a runtime's files, the host's disk must have filled by this much, or time have passed.
_NOTICEABLE = 128 * 1024 * 1024


class Storage:
    """Disks of one host's runtimes.

    Args:
        run: the host's run folder; empty disks to copy lie there.
        runtimes: folder of the runtimes' private folders.
        images: whether runtimes can have a disk image each (:mod:`labora.host.rootfs.disk`).
    """

    def __init__(self, run: Path, runtimes: Path, *, images: bool) -> None:
        self._run = run
        self._runtimes = runtimes
        self._images = images
        self._lock = threading.Lock()
        self._measured: dict[str, tuple[float, int]] = {}
        self._written: dict[str, dict[tuple[int, int], int]] = {}
        self._free: int | None = None
        self._kills: dict[str, int] = {}

    def folder(self, runtime_id: str) -> Path:
        """Returns where a runtime's disk is, or is mounted."""
        return self._runtimes / runtime_id / "disk"

    def _image(self, runtime_id: str) -> Path:
        return self._runtimes / runtime_id / "disk.ext4"

    def prepare(self, runtime_id: str, limits: Limits) -> str | None:
        """Makes the disk of a runtime, or takes the one that is there. Blocks for some milliseconds.

        Returns:
            The image to mount, None where the folder itself is the disk.

        Raises:
            OSError: the host's disk is full.
        """
        folders.make_private(self.folder(runtime_id), None)
        image = self._image(runtime_id)
        if not image.exists() and not (self._images and limits.disk_bytes):
            return None
        if not image.exists():
            inodes = limits.inodes or max(limits.disk_bytes // 16_384, 10_000)
            template = self._run / f"disk-{limits.disk_bytes}-{inodes}.ext4"
            with self._lock:
                if not template.exists():
                    fresh = template.with_suffix(".new")
                    disk.make_image(fresh, limits.disk_bytes, inodes)
                    fresh.rename(template)
            disk.copy_image(template, image)
        return str(image)

    def usage(self, handle: Handle) -> int:
        """Returns the bytes that a runtime's files take, some seconds old where they must be counted. May block."""
        image = self._image(handle.runtime_id)
        if image.exists():
            with contextlib.suppress(OSError):
                return _mounted_usage(handle) if handle.alive else image.stat().st_blocks * 512
        taken, size = self._measured.get(handle.runtime_id, (float("-inf"), 0))
        if time.monotonic() - taken > DISK_AGE_S:
            size = self._measure(handle.runtime_id)
        return size

    def _measure(self, runtime_id: str) -> int:
        size = folders.disk_bytes(self._runtimes / runtime_id)
        self._measured[runtime_id] = (time.monotonic(), size)
        return size

    def forget(self, runtime_id: str) -> None:
        """Drops what is known of a runtime that is gone."""
        self._measured.pop(runtime_id, None)
        self._kills.pop(runtime_id, None)
        self._written.pop(runtime_id, None)

    def adopt(self, handle: Handle) -> None:
        """Goes on counting where an earlier host stopped."""
        self._kills[handle.runtime_id] = handle.disk_kills

    def kills(self, runtime_id: str) -> int:
        """Returns how many processes of a runtime were ended for writing beyond its limit."""
        return self._kills.get(runtime_id, 0)

    def enforce(self, handles: Iterable[Handle]) -> None:
        """Ends the process that writes most in each runtime that is over its limit and still growing. Blocks.

        For runtimes without a disk image of their own. Their files are counted when the host's disk has filled
        noticeably since the last look, so an idle host does nothing.
        """
        watched = [
            handle for handle in handles if handle.limits.disk_bytes and not self._image(handle.runtime_id).exists()
        ]
        if not watched:
            return
        space = os.statvfs(self._runtimes)
        free = space.f_bavail * space.f_frsize
        noticeable = min([_NOTICEABLE, *(handle.limits.disk_bytes // 8 for handle in watched)])
        if self._free is not None and self._free - free < noticeable:
            self._free = max(self._free, free)
            return
        self._free = free
        for handle in watched:
            _, before = self._measured.get(handle.runtime_id, (0.0, 0))
            size = self._measure(handle.runtime_id)
            if size > handle.limits.disk_bytes // 2:
                fresh = self._fresh(handle)
                # One file may reach the limit: what is written beside it (a spool, a log) must not end anybody yet.
                if size > handle.limits.disk_bytes * (1 + _SPARE):
                    self._free = None  # look again soon
                    if size > before:
                        self._end_writer(handle, size, size - before, fresh)
            else:
                self._written.pop(handle.runtime_id, None)

    def _fresh(self, handle: Handle) -> dict[tuple[int, int], int]:
        """Returns what each process, by pid and start, has written since the last look; nothing at the first."""
        now = {}
        for pid in processes_below(handle.pid):
            started = start_time(pid)
            if pid != handle.pid and started is not None:
                now[pid, started] = _written(pid)
        before = self._written.get(handle.runtime_id, now)
        self._written[handle.runtime_id] = now
        return {process: written - before.get(process, 0) for process, written in now.items()}

    def _end_writer(self, handle: Handle, size: int, growth: int, fresh: dict[tuple[int, int], int]) -> None:
        # Who wrote most may be gone already, ended a moment ago: then the others have done nothing.
        if fresh and sum(fresh.values()) >= max(growth // 2, _LEAST_WRITTEN):
            busiest = max(fresh, key=lambda process: fresh[process])
            # Counted first: whoever hears of the death asks for the count at once.
            self._kills[handle.runtime_id] = self.kills(handle.runtime_id) + 1
            _log.warning("disk_limit", runtime_id=handle.runtime_id, pid=busiest[0], bytes=size)
            send_signal(*busiest, signal.SIGKILL)
        self._free = None  # look again soon


def _mounted_usage(handle: Handle) -> int:
    """Asks the file system of a living runtime's disk; ``content`` is a mount point there, which no guest can move."""
    root = os.open(f"/proc/{handle.pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        content = os.open("content", _FLAGS, dir_fd=root)
        try:
            space = os.fstatvfs(content)
        finally:
            os.close(content)
    finally:
        os.close(root)
    return (space.f_blocks - space.f_bfree) * space.f_frsize


def _written(pid: int) -> int:
    """Returns how many bytes a process has written to disks."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/io").read_text().splitlines():
            if line.startswith("wchar:"):
                return int(line.split()[1])
    return 0

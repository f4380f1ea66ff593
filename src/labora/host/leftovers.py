"""What a dead machine or a killed host may have left: mounts, loop devices, sockets and folders of no runtime.

The sandboxes leave none of it by themselves: their mounts and loop devices go with their last process. But a mount
that was made by hand or by other software below a runtime's folder would keep it from being wiped for ever, and after
a restart of the machine nobody knows any more what a folder without a handle was for.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
from collections.abc import Set as AbstractSet
from pathlib import Path

from labora.base.logging import get_logger
from labora.host import folders, syscalls
from labora.host.registry import write_atomically

_log = get_logger("host")
_LOOP_CLR_FD = 0x4C01
_DELETED = " (deleted)"
_RUNTIME_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


def mounts_below(folder: Path, table: str) -> list[Path]:
    """Returns the mount points below ``folder`` that ``/proc/self/mountinfo`` lists, the innermost first."""
    found = []
    for line in table.splitlines():
        # Blanks and the like stand as octal numbers.
        place = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), line.split()[4])
        if Path(place).is_relative_to(folder) and Path(place) != folder:
            found.append(Path(place))
    return found[::-1]


def loop_devices_below(folder: Path, block: Path = Path("/sys/block")) -> list[tuple[str, Path]]:
    """Returns (name, file) of every loop device that shows a file below ``folder``."""
    found = []
    for path in sorted(block.glob("loop*/loop/backing_file")):
        with contextlib.suppress(OSError):
            file = Path(path.read_text().rstrip("\n").removesuffix(_DELETED))
            if file.is_relative_to(folder):
                found.append((path.parts[-3], file))
    return found


def clear_disks(runtimes: Path, living: AbstractSet[str]) -> None:
    """As root, takes away mounts and loop devices of runtimes that do not live. Logs what cannot be."""
    if os.geteuid() != 0:
        return
    runtimes = runtimes.resolve()
    for place in mounts_below(runtimes, Path("/proc/self/mountinfo").read_text()):
        if place.relative_to(runtimes).parts[0] in living:
            continue
        _log.warning("stale_mount_removed", path=str(place))
        with contextlib.suppress(OSError):
            syscalls.umount(str(place), syscalls.MNT_DETACH)
    for name, file in loop_devices_below(runtimes):
        if file.relative_to(runtimes).parts[0] in living:
            continue
        _log.warning("stale_loop_device_removed", device=name, path=str(file))
        try:
            device = os.open(f"/dev/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            _log.error("loop_device_stays", device=name, error=str(error))
            continue
        try:
            fcntl.ioctl(device, _LOOP_CLR_FD)
        except OSError as error:
            if error.errno != errno.ENXIO:  # else it has just gone by itself
                _log.error("loop_device_stays", device=name, error=str(error))
        finally:
            os.close(device)


def clear_sockets(folder: Path, used: AbstractSet[str]) -> None:
    """Removes the sockets in ``folder`` whose names no living runtime listens on."""
    for path in folder.glob("*.sock"):
        if path.name not in used:
            path.unlink(missing_ok=True)


def clear_after_boot(marker: Path, boot: str, runtimes: Path, known: AbstractSet[str]) -> None:
    """Wipes folders without a handle, once after the machine was started. Blocks.

    While it runs such a folder may hold files of a runtime whose next generation is about to start; after a boot
    nothing lives, and what nobody knows is nobody's.
    """
    with contextlib.suppress(OSError):
        if marker.read_text() == boot:
            return
    for folder in runtimes.iterdir():
        if folder.name in known or not _RUNTIME_ID.match(folder.name):
            continue  # others' files, such as lost+found, are not ours to remove
        _log.warning("orphan_wiped", runtime_id=folder.name)
        try:
            if folder.is_symlink() or not folder.is_dir():
                folder.unlink()
            else:
                folders.wipe(folder)
        except OSError as error:
            _log.error("orphan_stays", path=str(folder), error=str(error))
    write_atomically(marker, boot)

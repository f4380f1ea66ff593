"""The launcher's part in a root file system: the disk, the mount points and, on a root host, the overlay itself."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from labora.host import folders, syscalls
from labora.host.rootfs import disk
from labora.host.rootfs.userns import make_user_namespace
from labora.host.spec import Bind, Root

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def prepare(root: Root, uid: int | None, targets: Iterable[Bind]) -> None:
    """Makes ``root.folder`` ready: disk mounted, folders of the layer and ``content`` there, mount points clean.

    The folder itself is out of the guest's reach; what lies below ``upper`` is not trusted.
    """
    folder = Path(root.folder)
    if root.disk is not None:
        disk.mount_image(Path(root.disk), folder)
        if uid is not None:
            os.chown(folder, uid, uid)
        with contextlib.suppress(OSError):
            (folder / "lost+found").rmdir()
    names = {"content": 0o755, **({"upper": 0o755, "work": 0o700} if root.lowers else {"home": 0o700})}
    for name, mode in names.items():
        folders.make_private(folder / name, uid)
        (folder / name).chmod(mode)
    if not root.lowers:
        for bind in targets:  # an interpreter may lie below /root
            if bind.target.startswith("/root/"):
                folders.make_mount_point(folder / "home", Path(bind.target).relative_to("/root").parts, uid)
        return
    with os.scandir(folder / "upper") as entries:
        used = any(True for _ in entries)
    if used:
        for bind in targets:
            _clean(folder / "upper", Path(bind.target).parts[1:], directory=bind.directory)


def _clean(upper: Path, parts: tuple[str, ...], *, directory: bool) -> None:
    """Removes what a guest may have put where a bind goes: a link there would lead bubblewrap elsewhere.

    What is gone from the upper layer shows the image's own file or folder again.
    """
    current = os.open(upper, _DIRECTORY)
    try:
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            try:
                mode = os.stat(part, dir_fd=current, follow_symlinks=False).st_mode
            except FileNotFoundError:
                return
            if last and not directory and stat.S_ISREG(mode):
                return
            if not stat.S_ISDIR(mode):
                os.unlink(part, dir_fd=current)
                return
            if last and not directory:
                os.rename(part, f".labora-{os.urandom(8).hex()}", src_dir_fd=current, dst_dir_fd=current)
                return
            with contextlib.suppress(PermissionError):
                os.chmod(part, stat.S_IMODE(mode) | 0o700, dir_fd=current)
            below = os.open(part, _DIRECTORY, dir_fd=current)
            os.close(current)
            current = below
    finally:
        os.close(current)


@dataclass(frozen=True, slots=True)
class Sources:
    """Open descriptors of what an overlay is made of."""

    lowers: list[int]
    folder: int
    owner: int


def open_sources(root: Root) -> Sources:
    """Opens the layers, before their paths are hidden. Raises OSError."""
    if root.owner is None:
        raise OSError("the image was not made by root; build it again")
    flags = os.O_PATH | os.O_CLOEXEC
    return Sources([os.open(lower, flags) for lower in root.lowers], os.open(root.folder, flags), root.owner)


def mount_overlay(sources: Sources, uid: int, stage: Path) -> str:
    """Mounts the layers, their owners mapped to those of ``uid``, below ``stage`` and returns where.

    Needs root and a private mount namespace.

    Raises:
        OSError: the kernel or a file system does not allow it.
    """
    owners = make_user_namespace(sources.owner, uid)
    lowers = []
    for number, lower in enumerate(sources.lowers):
        place = stage / f"layer{number}"
        place.mkdir()
        syscalls.mount_idmapped(lower, str(place), owners)
        lowers.append(str(place))
    private = stage / "private"
    private.mkdir(mode=0o700)
    syscalls.bind(sources.folder, str(private), recursive=False)
    whole = stage / "root"
    whole.mkdir()
    options = f"lowerdir={':'.join(lowers)},upperdir={private}/upper,workdir={private}/work"
    syscalls.mount("runtime", str(whole), "overlay", syscalls.MS_NOSUID | syscalls.MS_NODEV, options)
    for descriptor in (*sources.lowers, sources.folder, owners):
        os.close(descriptor)
    return str(whole)

"""The account's drive as a folder of the runtime."""

from __future__ import annotations

import os
import sys

from google.colab import _ask

__all__ = ["flush_and_unmount", "mount"]

_HOME = "My Drive"
_DAY_MS = 24 * 60 * 60 * 1000
_mounted: set[str] = set()


def _is_mounted(mountpoint: str) -> bool:
    return os.path.isdir(os.path.join(mountpoint, _HOME))


def _check(mountpoint: str) -> None:
    """Raises ValueError for a place where nothing can be mounted."""
    if " " in mountpoint:
        raise ValueError("Mountpoint must not contain a space.")
    if os.path.islink(mountpoint):
        raise ValueError("Mountpoint must not be a symlink")
    if os.path.exists(mountpoint) and not os.path.isdir(mountpoint):
        raise ValueError("Mountpoint must either be a directory or not exist")
    if os.path.isdir(mountpoint) and os.listdir(mountpoint):
        raise ValueError("Mountpoint must not already contain files")


def mount(mountpoint: str, force_remount: bool = False, timeout_ms: int = 120000, readonly: bool = False) -> None:
    """Mounts your drive at ``mountpoint``, once you permit it in the notebook's page.

    Args:
        mountpoint: an absolute path without spaces of an empty folder, or of none yet.
        force_remount: mount anew where it is mounted already.
        timeout_ms: how long to wait for your permission.
        readonly: files can be read, not changed.

    Raises:
        ValueError: the mount point does not fit; the error says why.
        NotImplementedError: this is no cell of a notebook.
        RuntimeError: it was not permitted, or could not be mounted; the error says why.
    """
    mountpoint = os.path.normpath(os.path.abspath(os.path.expanduser(mountpoint)))
    if _is_mounted(mountpoint):
        if not force_remount:
            print(
                f"Drive already mounted at {mountpoint}; to attempt to forcibly remount, "
                f'call drive.mount("{mountpoint}", force_remount=True).'
            )
            return
        _unmount(mountpoint, timeout_ms)
    _check(mountpoint)
    os.makedirs(mountpoint, exist_ok=True)
    _ask.ask("drive.mount", mountpoint=mountpoint, readonly=bool(readonly), timeout_s=timeout_ms / 1000)
    _mounted.add(mountpoint)
    print(f"Mounted at {mountpoint}")


def flush_and_unmount(timeout_ms: int = _DAY_MS) -> None:
    """Brings everything that was written into the drive and takes its folder away.

    Raises RuntimeError where the server does not answer.
    """
    mounted = [place for place in sorted(_mounted | {"/content/drive"}) if _is_mounted(place)]
    if not mounted:
        print("Drive not mounted, so nothing to flush and unmount.")
        return
    for mountpoint in mounted:
        _unmount(mountpoint, timeout_ms)


def _unmount(mountpoint: str, timeout_ms: int) -> None:
    answer = _ask.ask("drive.unmount", mountpoint=mountpoint, timeout_s=timeout_ms / 1000)
    _mounted.discard(mountpoint)
    unsaved = (answer or {}).get("unsaved") or []
    if unsaved:
        names = ", ".join(map(str, unsaved[:20]))
        print(f"Not saved in the drive: {names}", file=sys.stderr)

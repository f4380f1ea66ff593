"""The images that lie on this machine: looking at them, and removing those that nothing uses."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labora.base.errors import ConflictError, NotFoundError
from labora.host import folders
from labora.host.image import locked, read_status
from labora.host.registry import Registry

_PREFIX = "python-"


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """One image. ``bytes`` counts what is its own, not what it shares with other images."""

    name: str
    status: str
    message: str | None
    base: str
    release: str | None
    python: str | None
    packages: int
    bytes: int
    used_by: tuple[str, ...]


def list_images(images_dir: Path, run_dir: Path) -> list[ImageEntry]:
    """Returns the images, with the living runtimes of this data folder that use them. Blocks: it measures."""
    used = _used(run_dir)
    return [_entry(path.parent, used) for path in sorted(images_dir.glob(f"{_PREFIX}*/status.json"))]


def _entry(folder: Path, used: dict[Path, list[str]]) -> ImageEntry:
    status, about = read_status(folder), _manifest(folder)
    return ImageEntry(
        name=folder.name,
        status=status.status,
        message=status.message,
        base=about.get("base", "?"),
        release=about.get("release"),
        python=about.get("python"),
        packages=len(about.get("packages", {})),
        bytes=folders.disk_bytes(folder),
        used_by=tuple(used.get(folder.resolve(), ())),
    )


def remove_image(images_dir: Path, run_dir: Path, name: str) -> list[str]:
    """Removes an image, and the root file system and agent that no other image needs. Blocks for seconds.

    Returns:
        The folders that are gone.

    Raises:
        NotFoundError: there is no such image.
        ConflictError: a runtime uses it (``image_in_use``).
    """
    folder = images_dir.absolute() / name
    if not name.startswith(_PREFIX) or "/" in name or not folder.is_dir():
        raise NotFoundError(f"There is no image {name}. `labora image list` shows those there are.", code="no_image")
    with locked(images_dir.absolute()):
        if users := _used(run_dir).get(folder.resolve()):
            raise ConflictError(
                f"Image {name} is used by {len(users)} running runtime(s): {', '.join(users)}. Delete them first.",
                code="image_in_use",
            )
        parts = {part for part in _parts(folder) if part}
        others = [path.parent for path in images_dir.absolute().glob(f"{_PREFIX}*/manifest.json")]
        needed = {part for other in others if other != folder for part in _parts(other)}
        gone = [name, *sorted(parts - needed)]
        _remove(images_dir.absolute() / part for part in gone)
    return gone


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            # Under another name at once, so that nobody finds half an image.
            doomed = path.with_name(f".build-removed-{os.getpid()}-{path.name}")
            path.rename(doomed)
            folders.wipe(doomed)


def _manifest(folder: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        return dict(json.loads((folder / "manifest.json").read_text()))
    return {}


def _parts(folder: Path) -> list[str]:
    about = _manifest(folder)
    return [about[key] for key in ("root", "agent") if about.get(key)]


def _used(run_dir: Path) -> dict[Path, list[str]]:
    found: dict[Path, list[str]] = {}
    for runtime_id, handle in Registry(run_dir / "runtimes").load().items():
        if handle.alive and handle.image:
            found.setdefault(Path(handle.image).resolve(), []).append(runtime_id)
    return found

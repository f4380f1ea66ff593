"""The files that daemons write into: made here, taken over as blobs, and found again when a daemon died."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from labora.base.ids import new_id
from labora.mount.content import MARK, copy

_ID = re.compile(r"[a-z2-7]{20}\Z")


class StagedFiles:
    """The staged files of one daemon.

    Args:
        folder: on the file system of the blobs; made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self, count: int) -> list[tuple[str, int]]:
        """Makes empty files; returns ids and descriptors, which are the caller's. Blocks. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        made: list[tuple[str, int]] = []
        try:
            for _ in range(count):
                name = new_id()
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                made.append((name, os.open(self.folder / name, flags, 0o600)))
                # The daemon is another user and marks what it writes; nobody else gets into the folder.
                os.fchmod(made[-1][1], 0o666)
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except BaseException:
            for _, descriptor in made:
                os.close(descriptor)
            raise
        return made

    def path(self, name: Any) -> Path | None:
        """Returns where a staged file lies; None for one that is not there (any more)."""
        if not isinstance(name, str) or not _ID.match(name):
            return None
        path = self.folder / name
        return path if path.is_file() and not path.is_symlink() else None

    async def copied(self, paths: Sequence[Path | None]) -> list[Path | None]:
        """Returns a copy of each file, which nobody else can open."""
        return await asyncio.to_thread(lambda: [None if path is None else self._copied(path) for path in paths])

    def _copied(self, path: Path) -> Path:
        target = self.folder / f"{new_id()}.copy"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with path.open("rb") as source, open(os.open(target, flags, 0o600), "wb") as made:  # noqa: PTH123
            copy(source.fileno(), made.fileno(), os.fstat(source.fileno()).st_size)
        return target

    def left(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Yields what a daemon that died had written, with what it was to become."""
        for path in sorted(self.folder.glob("*")):
            with suppress(OSError, ValueError):
                about = json.loads(os.getxattr(path, MARK))
                if isinstance(about, dict) and _ID.match(path.name):
                    yield path, about

    def remove(self) -> None:
        """Removes what is left."""
        shutil.rmtree(self.folder, ignore_errors=True)

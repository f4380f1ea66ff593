"""The bytes of unfinished uploads: one file each, written at the place where the upload stands."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labora.drive.uploads.model import StorageFullError


class Pieces:
    """Files below one folder, on the file system of the blobs. Every verb blocks.

    Args:
        folder: made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, upload_id: str) -> Path:
        """Returns where the bytes of an upload lie."""
        return self._folder / upload_id

    def make(self, upload_id: str) -> None:
        """Makes an empty file, durably. Raises StorageFullError."""
        with _full_disk():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self.path(upload_id), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._sync()

    def write(self, upload_id: str, offset: int, data: bytes) -> None:
        """Writes bytes at a place and returns once they are durable. Raises StorageFullError, FileNotFoundError."""
        with _full_disk():
            descriptor = os.open(self.path(upload_id), os.O_WRONLY | os.O_CLOEXEC)
            try:
                view = memoryview(data)
                while view:
                    written = os.pwrite(descriptor, view, offset)
                    view, offset = view[written:], offset + written
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)

    def whole(self, upload_id: str, size: int) -> Path:
        """Returns a second name of the finished file, which the blobs may take: the upload keeps its own until it is
        over, so that finishing it can be tried again."""
        path, second = self.path(upload_id), self._folder / f"{upload_id}.whole"
        with _full_disk():
            # What a broken connection left behind the acknowledged bytes is no part of it.
            os.truncate(path, size)
            second.unlink(missing_ok=True)
            second.hardlink_to(path)
        return second

    def drop(self, upload_id: str) -> None:
        """Removes what is there of an upload."""
        self.path(upload_id).unlink(missing_ok=True)
        (self._folder / f"{upload_id}.whole").unlink(missing_ok=True)

    def left(self) -> list[str]:
        """Returns the ids of all uploads that have bytes here."""
        return [path.name for path in self._folder.glob("*") if not path.suffix] if self._folder.is_dir() else []

    def _sync(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _full_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise storage_full() from error


def storage_full() -> StorageFullError:
    """Returns the error for a disk without room."""
    return StorageFullError(
        "The server's disk is full. What arrived is kept; go on when there is space again.", retry_after=30
    )

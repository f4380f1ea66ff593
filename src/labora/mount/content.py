"""What is open of a file: stored bytes that are read, and a staged file that is written."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labora.mount.nodes import ID, KIND, NAME, READ, REVISION, RIGHTS, WRITE

if TYPE_CHECKING:
    from labora.mount.nodes import Node
    from labora.mount.remote import Remote

POOL, LOW = 200, 100
COPY_BYTES = 8 * 1024 * 1024
MARK = "user.labora"
"""Attribute of a staged file that says what it is to become, should this process end before it says so."""


@dataclass(slots=True)
class Stage:
    """A file that the control plane made and will keep; written here."""

    id: str
    fd: int

    def __del__(self) -> None:
        with suppress(OSError):
            os.close(self.fd)


class Stages:
    """Staged files that stand ready, so that making a file costs no round trip."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._ready: list[Stage] = []
        self._filling: asyncio.Task[None] | None = None

    async def take(self) -> Stage:
        """Returns an empty staged file. Raises OSError."""
        while not self._ready:
            await asyncio.shield(self._fill())
        stage = self._ready.pop()
        if len(self._ready) < LOW:
            self._fill()
        return stage

    def take_now(self) -> Stage | None:
        """Returns one that stands ready, if any does."""
        if not self._ready:
            return None
        if len(self._ready) <= LOW:
            self._fill()
        return self._ready.pop()

    def _fill(self) -> asyncio.Task[None]:
        if self._filling is None or self._filling.done():
            self._filling = asyncio.create_task(self._more())
            self._filling.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._filling

    async def _more(self) -> None:
        result, descriptors = await self._remote.call("stage", {"count": POOL})
        self._ready += [Stage(name, fd) for name, fd in zip(result["ids"], descriptors, strict=True)]


class Content:
    """The bytes of one node while somebody has it open or they are not in the drive yet.

    Attributes:
        size: in bytes.
        changed_ns: when it was written here last, 0 if never.
        new: whether the drive does not have the file at all yet.
        dirty: whether the staged bytes are to become a revision.
        synced: whether what is staged has reached the disk.
        failure: why the bytes could not be kept; told by ``fsync`` and ``close``.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.base: int | None = None
        self.revision: str | None = node.row[REVISION]
        self.stage: Stage | None = None
        self.size = 0
        self.changed_ns = 0
        self.new = False
        self.dirty = False
        self.synced = True
        self.gone = False
        self.handles = 0
        self.writers = 0
        self.failure: int = 0
        self.version = 0
        """Counts writes, so that a commit knows whether it had them all."""
        self.wants_publishing = False
        self.lock = asyncio.Lock()
        self.committing = False
        self.committed = asyncio.Event()

    @property
    def fd(self) -> int | None:
        """Descriptor that holds the bytes."""
        return self.stage.fd if self.stage is not None else self.base

    def require(self, right: int) -> None:
        """Raises OSError where the account may not do this any more."""
        if not self.gone and not self.node.row[RIGHTS] & right:
            raise OSError(errno.EACCES, "not allowed")

    def read(self, offset: int, size: int) -> bytes:
        """Returns bytes. Raises OSError."""
        self.require(READ)
        fd = self.fd
        return b"" if fd is None else os.pread(fd, size, offset)

    def write(self, offset: int, data: Any, limit: int, room: int) -> int:
        """Writes into the staged file, which is there. Raises OSError: EFBIG, EDQUOT, ENOSPC."""
        self.require(WRITE)
        assert self.stage is not None  # noqa: S101 - the caller made it
        end = offset + len(data)
        if end > limit:
            raise OSError(errno.EFBIG, "larger than this server takes")
        if end > self.size and end - self.size > room:
            raise OSError(errno.EDQUOT, "no room")
        written = os.pwrite(self.stage.fd, data, offset)
        self.size = max(self.size, offset + written)
        self.touch()
        return written

    def truncate(self, size: int) -> None:
        """Sets the size of the staged file, which is there. Raises OSError."""
        assert self.stage is not None  # noqa: S101 - the caller made it
        os.ftruncate(self.stage.fd, size)
        self.size = size
        self.touch()

    def touch(self) -> None:
        """Notes a change."""
        import time

        self.changed_ns = time.time_ns()
        self.version += 1
        if not self.dirty:
            self.dirty = True
            self.failure = 0
        self.synced = False

    def mark(self) -> None:
        """Writes beside the staged bytes what they are to become. Where the file system cannot, it is left out."""
        row, parent = self.node.row, self.node.parent
        about = {
            "file": row[ID],
            "kind": row[KIND],
            "new": self.new,
            "parent": parent.row[ID] if parent is not None else None,
            "name": row[NAME],
            "base": self.revision,
        }
        if self.stage is not None:
            with suppress(OSError):
                os.setxattr(self.stage.fd, MARK, json.dumps(about).encode())

    def sync(self) -> None:
        """Brings the staged bytes to the disk; blocks. Raises OSError."""
        if self.stage is not None and self.dirty:
            self.mark()
            os.fsync(self.stage.fd)

    def close(self) -> None:
        """Lets go of the stored bytes."""
        if self.base is not None:
            os.close(self.base)
            self.base = None
        self.stage = None


def copy(source: int, target: int, size: int) -> None:
    """Copies ``size`` bytes; blocks. Raises OSError."""
    done = 0
    while done < size:
        try:
            count = os.copy_file_range(source, target, min(COPY_BYTES, size - done), done, done)
        except OSError:
            count = os.pwrite(target, os.pread(source, min(COPY_BYTES, size - done), done), done)
        if count == 0:
            return
        done += count

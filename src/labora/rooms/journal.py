"""The record of every live notebook: numbered entries, made durable in groups by one committer per process.

An entry counts only after its transaction is synced to disk (SQLite with synchronous=FULL); until then nothing of it
is shown or acknowledged. When the disk is full, entries stay queued in memory, order kept, and are tried again until
they are durable; whoever feeds the journal waits meanwhile (:meth:`Journal.writable`).

When the disk fails, the journal fails with it, once and for all: after a failed fsync the operating system may have
forgotten what it could not write, so that a second one that succeeds proves nothing (Rebello et al., "Can Applications
Recover from fsync Failures?", USENIX ATC 2020). Nothing is taken any more until the process starts again and reads what
is there.
"""

from __future__ import annotations

import asyncio
import errno
import shutil
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy.exc import IntegrityError

from labora.base import faults
from labora.base.errors import UnavailableError
from labora.base.logging import get_logger
from labora.base.pace import Pace
from labora.rooms.hidden import HiddenRow

MAX_BACKLOG_BYTES = 32 * 1024 * 1024
MAX_GROUP_BYTES = 8 * 1024 * 1024
RETRY_S = (0.2, 0.5, 1.0, 2.0)
BURST = 8
"""Commits that follow one another without a pause: a short run needs a few in a row, and somebody waits for each."""

FULL = "The server's disk is full: your edits stay in this page and are saved when there is space again."
BUSY = "The server's database is busy: your edits stay in this page and are saved as soon as it takes them."
FAILED = (
    "The server cannot write to its disk, so this notebook cannot be edited. What was shown as saved is safe; the rest "
    "stays in this page. Its operator has to look at the disk and restart the server."
)

log = get_logger("rooms")

EntryKind = Literal["update", "event"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal entry; ``on_durable`` runs on the event loop after the commit, in order of append.

    ``on_rejected`` runs instead when the entry can never be written: its file is gone, or another process took over.
    """

    file_id: str
    epoch: str
    seq: int
    kind: EntryKind
    payload: bytes
    account_id: str | None
    on_durable: Callable[[], None]
    on_rejected: Callable[[], None]
    blobs: tuple[str, ...] = ()
    """Blobs that the entry refers to: with it they become readable to the file's readers."""
    hidden: tuple[HiddenRow, ...] = ()
    """What changes with it in the accounts' side stores; nothing of it is in ``payload``."""


Write = Callable[[Sequence[Entry]], Awaitable[None]]
"""Writes entries in one durable transaction, or raises and leaves no trace."""


class Journal:
    """Group commit for every room of this process.

    Args:
        write: one durable transaction, see :data:`Write`.
        interval_s: seconds between the starts of two commits under load, see :data:`BURST`; entries of that time
            share one.
        folder: its file system is watched for free space; None watches nothing.
        min_free_bytes: below this nothing is committed, so that reading and deleting still work.

    Attributes:
        ok: whether entries become durable right now. failed: whether none ever will again.
        problem: why not, in words for the reader of a page.
    """

    def __init__(
        self, write: Write, *, interval_s: float = 0.004, folder: Path | None = None, min_free_bytes: int = 0
    ) -> None:
        self._write = write
        self._interval_s = interval_s
        self._folder = folder
        self._min_free = min_free_bytes
        # A thread of its own: commits do not wait for what else takes the threads of all.
        self._thread = ThreadPoolExecutor(1, "journal")
        self._queue: deque[Entry] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._room = asyncio.Event()
        self._room.set()
        self._task: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[bool, str], None]] = []
        self.ok = True
        self.failed = False
        self.problem = ""

    def start(self) -> None:
        """Starts the committer."""
        if self._task is None:
            self._task = asyncio.create_task(self._commit_forever(), name="journal")

    async def close(self, timeout_s: float = 5.0) -> None:
        """Commits what is queued, for at most ``timeout_s`` seconds, and stops."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self._thread.shutdown(wait=False)

    def abandon(self) -> None:
        """Stops at once and forgets what is queued, as a kill would."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._queue.clear()
        self._idle.set()

    def on_health(self, listener: Callable[[bool, str], None]) -> None:
        """Calls ``listener(ok, message)`` whenever storage fails or works again."""
        self._listeners.append(listener)

    def append(self, entry: Entry) -> None:
        """Queues an entry. Entries of one room become durable in the order of their appends.

        Raises UnavailableError when the journal has failed.
        """
        self.check()
        self._queue.append(entry)
        self._bytes += len(entry.payload)
        if self._bytes > MAX_BACKLOG_BYTES:
            self._room.clear()
        self._idle.clear()
        self._wake.set()

    def check(self) -> None:
        """Raises UnavailableError when the journal has failed."""
        if self.failed:
            raise UnavailableError(self.problem, code="storage_failed")

    async def writable(self) -> None:
        """Returns when the backlog is small enough to take more: the backpressure on sockets and guests."""
        await self._room.wait()

    async def _commit_forever(self) -> None:
        pace = Pace(BURST, self._interval_s)
        while True:
            await self._wake.wait()
            await pace.step()
            group = self._take()
            await self._commit(group)
            if self.failed:
                return
            for entry in group:
                self._bytes -= len(entry.payload)
            if self._bytes <= MAX_BACKLOG_BYTES // 2:
                self._room.set()
            if not self._queue:
                self._wake.clear()
                self._idle.set()

    def _take(self) -> list[Entry]:
        group: list[Entry] = []
        size = 0
        while self._queue and size < MAX_GROUP_BYTES:
            entry = self._queue.popleft()
            size += len(entry.payload)
            group.append(entry)
        return group

    async def _commit(self, group: list[Entry]) -> None:
        tries = 0
        while True:
            try:
                await self._check_space()
                faults.reach("journal.before")
                await self._write(group)
            except IntegrityError:
                await self._commit_each_room(group)
                return
            except Exception as error:  # noqa: BLE001 - a committer that ends silently leaves all pages at "Saving"
                if not _passes(error):
                    self._fail(error)
                    return
                self._set_health(False, FULL if _full(error) else BUSY)
                await asyncio.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
                tries += 1
                continue
            faults.reach("journal.after")
            self._set_health(True, "")
            for entry in group:
                _call(entry.on_durable, entry)
            return

    async def _commit_each_room(self, group: list[Entry]) -> None:
        """One room of the group cannot be written; the others must not suffer for it."""
        rooms: dict[str, list[Entry]] = {}
        for entry in group:
            rooms.setdefault(entry.file_id, []).append(entry)
        if len(rooms) == 1:
            log.error("journal_rejected", file_id=group[0].file_id, seq=group[0].seq)
            for entry in group:
                _call(entry.on_rejected, entry)
            return
        for entries in rooms.values():
            await self._commit(entries)
            if self.failed:
                return

    async def _check_space(self) -> None:
        if self._folder is None or not self._min_free:
            return
        usage = await asyncio.get_running_loop().run_in_executor(self._thread, shutil.disk_usage, self._folder)
        if usage.free < self._min_free:
            raise UnavailableError("The server's disk is full.", code="storage_full")

    def _fail(self, error: Exception) -> None:
        log.critical("storage_failed", error=str(error), exc_info=error)
        self.failed = True
        self._queue.clear()
        self._bytes = 0
        self._room.set()
        self._idle.set()
        self._set_health(False, FAILED)

    def _set_health(self, ok: bool, message: str) -> None:
        if (ok, message) == (self.ok, self.problem):
            return
        self.ok, self.problem = ok, message
        log.warning("storage", ok=ok, problem=message)
        for listener in self._listeners:
            listener(ok, message)


def _call(callback: Callable[[], None], entry: Entry) -> None:
    # One room's failure must not stop the committer that all rooms share.
    try:
        callback()
    except Exception:
        log.exception("room_failed", file_id=entry.file_id, seq=entry.seq)


def _passes(error: Exception) -> bool:
    """Returns whether a failure to write goes away by waiting: a full disk, a busy database."""
    return isinstance(error, UnavailableError) or _full(error)


def _full(error: Exception) -> bool:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or getattr(error, "error_code", "") == "storage_full"

"""Keeps the index up to date behind the drive's back: no save waits for it, or knows of it.

What changed is found by looking: every second at what was saved or changed lately (two indexed queries), and at the
start and every few minutes at everything. So it needs no memory of its own, catches up after a crash, and follows what
other processes save.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

from labora.base.clock import Clock, SystemClock, timestamp
from labora.base.errors import NotFoundError
from labora.base.logging import get_logger
from labora.base.settings import LimitSettings
from labora.blobs import Blobs
from labora.drive.search.extract import readable_bytes
from labora.drive.search.model import Content, Entry, Stale
from labora.drive.search.ports import SearchIndex
from labora.drive.search.tokens import index_tokens
from labora.drive.search.worker import Worker

LOOK_S = 1.0
LOOK_AT_ALL_S = 300.0
_OVERLAP = timedelta(seconds=30)
"""Rows are written a little after the moment that they name: looks overlap by this."""
_LOOKED_FOR = 1000
"""Files that one look brings: looking at all files costs the same for one as for many."""
_BATCH = 20
_BATCH_BYTES = 4 * 1024 * 1024
"""What one transaction writes at most, and beyond by one file: a long one keeps other processes waiting."""
_AFTER_FAILURE_S = 30.0
_IDLE_WORKER_S = 20.0


class Indexer:
    """Reads what was saved into the index, a few files at a time.

    Args:
        index: is filled.
        blobs: contents.
        limits: what a notebook may hold.
        clock: for tests.
    """

    def __init__(self, index: SearchIndex, blobs: Blobs, limits: LimitSettings, clock: Clock | None = None) -> None:
        self._index, self._blobs = index, blobs
        self._worker = Worker(limits)
        self._clock = clock or SystemClock()
        self._task: asyncio.Task[None] | None = None
        self._looked_at: str | None = None
        self._one_at_a_time = asyncio.Lock()
        self.catching_up = True
        """Whether files wait that were changed longer ago than the last look."""

    async def start(self) -> None:
        """Begins to work in the background."""
        self._task = asyncio.create_task(self._keep_up(), name="search-indexer")

    async def close(self) -> None:
        """Ends the work; what is half done is done again after the next start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        async with self._one_at_a_time:
            await self._worker.stop()

    async def catch_up(self, *, everything: bool = True) -> int:
        """Reads all that is not in the index as it is now; returns how many files that were.

        Args:
            everything: look at all files, not only at those that changed since the last look.
        """
        async with self._one_at_a_time:
            return await self._catch_up(everything=everything)

    async def _catch_up(self, *, everything: bool) -> int:
        now = timestamp(self._clock.now() - _OVERLAP)
        since = None if everything else self._looked_at
        done = 0
        while stale := await self._index.stale(since, _LOOKED_FOR):
            self.catching_up = self.catching_up or len(stale) > _BATCH
            await self._take(stale)
            done += len(stale)
        if everything:
            await self._index.drop_gone()
        self._looked_at = now
        self.catching_up = False
        return done

    async def _take(self, stale: list[Stale]) -> None:
        entries: list[Entry] = []
        size = 0
        for file in stale:
            content = None if file.same_content else await self._content(file)
            entries.append(Entry(file.file_id, file.revision_id, file.name, index_tokens(file.name), content))
            size += sum(len(tokens) for tokens in content.tokens.values()) if content else 0
            if size > _BATCH_BYTES or len(entries) == _BATCH:
                await self._index.put(entries)
                entries, size = [], 0
        if entries:
            await self._index.put(entries)

    async def _content(self, file: Stale) -> Content:
        length = readable_bytes(file.kind, file.name, file.media_type, file.size)
        if not length or file.sha256 is None:
            return Content()
        try:
            data = b"".join([piece async for piece in await self._blobs.open(file.sha256, 0, length)])
        except NotFoundError as error:
            # It is in the index by its name; a rebuild tries again.
            get_logger("search").warning("content not there", file_id=file.file_id, error=repr(error))
            return Content()
        return await self._worker.read(file.kind, file.name, data)

    async def _keep_up(self) -> None:
        all_at, busy_at = -LOOK_AT_ALL_S, self._clock.monotonic()
        while True:
            wait = LOOK_S
            try:
                now = self._clock.monotonic()
                everything = now - all_at >= LOOK_AT_ALL_S
                if await self.catch_up(everything=everything):
                    busy_at = self._clock.monotonic()
                elif now - busy_at > _IDLE_WORKER_S:
                    async with self._one_at_a_time:
                        await self._worker.stop()
                if everything:
                    all_at = now
            except Exception as error:  # noqa: BLE001 - a full disk, a locked file: the drive goes on, this tries again
                get_logger("search").error("indexing failed", error=repr(error))
                wait = _AFTER_FAILURE_S
            await asyncio.sleep(wait)

"""What other parts do with the whole content of a notebook that may be live: read it, put it, restore it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from labora.access import Principal
from labora.base.errors import ForbiddenError, InvalidError
from labora.blobs import BlobRef, Blobs
from labora.db import Database
from labora.drive import Drive, Revision, Upload
from labora.notebook.codec import read_notebook
from labora.notebook.model import BlobSink, Notebook
from labora.notebook.privacy import clean_bytes
from labora.rooms import store
from labora.rooms.checkpoints import Checkpoints
from labora.rooms.external import merge_notebook, put_notebook, read_content
from labora.rooms.notebook_settings import read_settings
from labora.rooms.room import Room

SAVES_BEFORE = 3
"""Somebody who types on while a revision of it is made gets another one; a program that prints on gets no more."""


class Contents:
    """Contents of notebooks as ``.ipynb``.

    Args:
        open_room: opens a room, loading it where needed.
        loaded: returns a room that is in memory.
        drop: takes a room out of memory, so that its pages connect again.
        lock: the lock under which a file's room is loaded.
    """

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        drive: Drive,
        checkpoints: Checkpoints,
        *,
        open_room: Callable[[str], Awaitable[Room]],
        loaded: Callable[[str], Room | None],
        drop: Callable[[str], None],
        lock: Callable[[str], asyncio.Lock],
    ) -> None:
        self._database, self._blobs, self._drive, self._checkpoints = database, blobs, drive, checkpoints
        self._open, self._loaded, self._drop, self._lock = open_room, loaded, drop, lock

    async def export(self, file_id: str) -> bytes | None:
        """Returns the notebook as it is now, or None when its newest revision is that already."""
        room = await self._changed(file_id)
        return None if room is None else await self._checkpoints.export(room)

    async def _changed(self, file_id: str) -> Room | None:
        """Returns the room of a notebook that differs from its newest revision."""
        room = self._loaded(file_id)
        if room is None:
            async with self._database.read() as connection:
                if not await store.has_entries(connection, file_id):
                    return None
            room = await self._open(file_id)
        return None if room.document is None or room.dirty_since is None else room

    async def put(
        self, principal: Principal, file_id: str, upload: Upload, keep: Callable[[], Awaitable[Revision]]
    ) -> Revision:
        """Merges an uploaded file into a live notebook; ``keep`` adds the revision of one that never was live.

        Where the notebook holds what the upload does not know of, both are kept as revisions beside the merged one.
        Raises InvalidError when a live notebook would be replaced by what cannot be read.
        """
        async with self._lock(file_id):
            if not await self._is_live(file_id):
                revision = await keep()
                # A page may show it read-only, from the bytes before.
                self._drop(file_id)
                return revision
        if upload.reason is not None:
            raise InvalidError(
                f"{upload.reason} The notebook was left as it is; upload this as a file of its own.",
                code="unreadable_notebook",
            )
        room = await self._editable(file_id)
        head = upload.base or await self._drive.revisions.head(file_id)
        base = None if head is None else await self._blobs.get(head.sha256)
        theirs = await read_content(room, await self._blobs.get(upload.ref.sha256), self._blobs)
        before = theirs if base is None else await self._read_base(room, base)
        await self._save_before(room)
        merged = await merge_notebook(room, before, theirs, author=principal.account_id)
        if merged.kept_mine:
            kept = await self._as_saved(upload.ref, room)
            await self._drive.add_revision(file_id, kept, kind="upload", author_id=principal.account_id)
        return await self._save(room, "autosave" if merged.kept_mine else "upload", principal)

    async def restore(
        self, principal: Principal, file_id: str, content: bytes, keep: Callable[[], Awaitable[Revision]]
    ) -> Revision:
        """Turns a live notebook into ``content`` by ordinary edits, after saving what it was as ``before-merge``.

        ``keep`` adds the revision of a notebook that never was live.
        """
        async with self._lock(file_id):
            if not await self._is_live(file_id):
                revision = await keep()
                self._drop(file_id)
                return revision
        room = await self._editable(file_id)
        notebook = await read_content(room, content, self._blobs)
        await self._save_before(room)
        await put_notebook(room, notebook, author=principal.account_id)
        return await self._save(room, "restore", principal)

    async def save(self, principal: Principal, file_id: str) -> Revision | None:
        """Stores what no revision holds yet as a revision of kind ``named``; None when there is nothing of the kind."""
        room = await self._changed(file_id)
        if room is None:
            return None
        return await self._checkpoints.save(room, kind="named", author=principal.account_id)

    async def _as_saved(self, ref: BlobRef, room: Room) -> BlobRef | bytes:
        """Returns an upload without what its notebook leaves out when it is saved."""
        strips = read_settings(room).strip_personal or room.settings.rooms.strip_personal
        if not room.omits and not strips:
            return ref
        data = await self._blobs.get(ref.sha256)
        leave = {"outputs": not room.omits, "personal": not strips}
        return await asyncio.to_thread(clean_bytes, data, room.settings.limits, **leave)

    async def _read_base(self, room: Room, data: bytes) -> Notebook:
        # Its outputs become references, so that they can be compared; their bytes are stored already.
        return (await asyncio.to_thread(read_notebook, data, room.settings.limits, store=BlobSink())).notebook

    async def _is_live(self, file_id: str) -> bool:
        async with self._database.read() as connection:
            return await store.read_checkpoint(connection, file_id) is not None

    async def _editable(self, file_id: str) -> Room:
        room = await self._open(file_id)
        if room.document is None or room.read_only_reason is not None:
            raise ForbiddenError(room.read_only_reason or "This notebook is read-only.", code="read_only")
        return room

    async def _save_before(self, room: Room) -> None:
        for _ in range(SAVES_BEFORE):
            await room.settled()
            if room.dirty_since is None:
                return
            await self._checkpoints.save(room, kind="before-merge")

    async def _save(self, room: Room, kind: str, principal: Principal) -> Revision:
        revision = await self._checkpoints.save(room, kind=kind, author=principal.account_id)
        if revision is None:
            raise ForbiddenError(room.read_only_reason or "This notebook is read-only.", code="read_only")
        return revision

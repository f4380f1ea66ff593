"""Brings a room into memory: checkpoint, then the journal behind it. The first one of a file is made from its bytes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from sqlalchemy.exc import DBAPIError

from labora.base.errors import InvalidError, NotFoundError, TooLargeError, UnavailableError, UnsupportedError
from labora.base.ids import new_id
from labora.base.logging import get_logger
from labora.base.settings import Settings
from labora.blobs import Blobs
from labora.db import Database
from labora.drive import Drive, too_large_notebook
from labora.notebook.codec import read_notebook
from labora.notebook.document import NotebookDocument
from labora.notebook.model import BlobSink, blob_refs
from labora.rooms import store
from labora.rooms.hidden_store import read_hidden
from labora.rooms.model import Snapshot, empty_ledger, empty_state
from labora.rooms.room import CONTENT_EVENTS
from labora.rooms.state import apply_entry, dump_snapshot, load_entry, load_snapshot

NO_SPACE = "The server's disk is full: this notebook can be read, and edited again when there is space."

log = get_logger("rooms")


@dataclass(frozen=True, slots=True)
class LoadedRoom:
    """What a room starts from.

    Attributes:
        dirty: the journal holds changes that no revision has.
        authors: who made these changes.
        provisional: it could not be made live, for want of storage: it can be read, until another try.
    """

    epoch: str
    seq: int
    document: NotebookDocument | None
    snapshot: Snapshot
    read_only_reason: str | None
    dirty: bool
    provisional: bool = False
    authors: tuple[str, ...] = ()


class Loader:
    """Reads rooms from the database."""

    def __init__(self, database: Database, blobs: Blobs, drive: Drive, settings: Settings) -> None:
        self._database = database
        self._blobs = blobs
        self._drive = drive
        self._settings = settings

    async def load(self, file_id: str) -> LoadedRoom:
        """Returns the room of a notebook as it was last durable.

        A notebook that cannot be edited comes with the reason; one without a readable document comes without any.
        Raises NotFoundError when the file is gone, UnavailableError when the storage is busy.
        """
        async with self._database.read() as connection:
            checkpoint = await store.read_checkpoint(connection, file_id)
        if checkpoint is None:
            loaded = await self._import(file_id)
            if loaded is not None:
                return loaded
            async with self._database.read() as connection:
                checkpoint = await store.read_checkpoint(connection, file_id)
            if checkpoint is None:
                raise NotFoundError("This file was deleted meanwhile.", code="no_such_file")
        try:
            return await self._replay(file_id, checkpoint)
        except UnavailableError:
            # It may be whole: whoever wants it asks again.
            raise
        except Exception:
            # One damaged document must not keep the others away (fault F32); its bytes stay for a repair.
            log.exception("room_damaged", file_id=file_id)
            reason = "The record of this notebook is damaged. Open an earlier version from its history."
            return LoadedRoom(
                checkpoint.epoch, checkpoint.seq, None, Snapshot(empty_state(), empty_ledger()), reason, False
            )

    async def _replay(self, file_id: str, checkpoint: store.Checkpoint) -> LoadedRoom:
        document = NotebookDocument.from_update(checkpoint.document)
        snapshot, seq, dirty = load_snapshot(checkpoint.state), checkpoint.seq, False
        authors: dict[str, None] = {}
        async with self._database.read() as connection:
            snapshot = replace(snapshot, hidden=await read_hidden(connection, file_id))
            async for entry in store.read_journal(connection, file_id, seq):
                if entry.epoch != checkpoint.epoch:
                    raise InvalidError("The journal is of another epoch than the checkpoint.", code="epoch_mismatch")
                seq = entry.seq
                changes = True
                if entry.kind == "update":
                    document.apply(entry.payload, "journal")
                else:
                    content = load_entry(entry.payload)
                    snapshot = apply_entry(snapshot, content)
                    changes = any(event["type"] in CONTENT_EVENTS for event in content["events"])
                dirty = dirty or changes
                if changes and entry.author is not None:
                    authors[entry.author] = None
        return LoadedRoom(checkpoint.epoch, seq, document, snapshot, None, dirty, authors=tuple(authors))

    async def _import(self, file_id: str) -> LoadedRoom | None:
        head = await self._drive.revisions.head(file_id)
        if head is None:
            raise NotFoundError("There is no such item, or it was not shared with you.", code="no_such_file")
        sink, limits = BlobSink(), self._settings.limits
        empty = Snapshot(empty_state(), empty_ledger())
        if head.size > limits.notebook_bytes:
            # Not even read: it may be as large as an upload.
            return LoadedRoom(new_id(), 0, None, empty, too_large_notebook(limits), False)
        data = await self._blobs.get(head.sha256)
        try:
            result = await asyncio.to_thread(read_notebook, data, limits, store=sink)
        except (InvalidError, TooLargeError, UnsupportedError) as error:
            return LoadedRoom(new_id(), 0, None, empty, error.message, False)
        document = NotebookDocument.from_notebook(result.notebook)
        snapshot = load_snapshot({"state": {"cells": result.notebook.cell_states()}})
        snapshot.state["saved"] = {"seq": 0, "revision_id": head.id, "at": head.created_at}
        loaded = LoadedRoom(new_id(), 0, document, snapshot, result.read_only_reason, False)
        try:
            return loaded if await self._make_live(file_id, loaded, sink) else None
        except (DBAPIError, UnavailableError) as error:
            log.warning("room_not_made", file_id=file_id, error=str(error))
            return replace(loaded, read_only_reason=loaded.read_only_reason or NO_SPACE, provisional=True)

    async def _make_live(self, file_id: str, loaded: LoadedRoom, sink: BlobSink) -> bool:
        """Stores a room's first checkpoint; returns False when somebody else did."""
        for ref, content in sink.take():
            await self._blobs.put(content, ref["media_type"])
        cells = loaded.snapshot.state["cells"].values()
        refs = [(file_id, ref["sha256"]) for cell in cells for ref in blob_refs(cell["outputs"])]
        async with self._database.transaction() as connection:
            await connection.run_sync(store.add_blobs, refs)
            if loaded.read_only_reason is not None or loaded.document is None:
                return True
            state = loaded.document.encode_state()
            checkpoint = store.Checkpoint(loaded.epoch, 0, state, dump_snapshot(loaded.snapshot))
            return await store.insert_room(connection, file_id, checkpoint)

"""Saves a room: document, state and an ``.ipynb`` export as a revision; trims the journal afterwards."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy.exc import DBAPIError

from labora.base import faults
from labora.base.clock import timestamp
from labora.base.errors import LaboraError
from labora.base.logging import get_logger
from labora.blobs import Blobs
from labora.db import Database
from labora.drive import Drive, Revision
from labora.notebook.codec import write_notebook
from labora.notebook.model import BlobRef as OutputRef
from labora.notebook.model import blob_refs
from labora.notebook.privacy import SETTING, settings_of, strip_document
from labora.rooms import store
from labora.rooms.bin import bin_notes, purge_bin
from labora.rooms.model import RoomState
from labora.rooms.operations import MarkSaved, Record
from labora.rooms.room import Room
from labora.rooms.state import dump_snapshot

log = get_logger("rooms")


class Checkpoints:
    """Writes checkpoints of rooms.

    A crash at any step leaves either the old checkpoint with its journal or the new one: entries that a checkpoint
    holds are skipped at replay.
    """

    def __init__(self, database: Database, blobs: Blobs, drive: Drive) -> None:
        self._database = database
        self._blobs = blobs
        self._drive = drive
        self._locks: dict[str, asyncio.Lock] = {}

    async def export(self, room: Room, *, outputs: bool = True) -> bytes:
        """Returns the durable state as ``.ipynb``, large outputs cut with a visible marker, or none of them."""
        document = room.require_document()
        states = room.state["cells"]
        if room.omits or not outputs:
            states = {cell_id: {**state, "outputs": []} for cell_id, state in states.items()}
        notebook = document.to_notebook(states)
        loop = asyncio.get_running_loop()

        def resolve(ref: OutputRef) -> bytes:
            return asyncio.run_coroutine_threadsafe(self._blobs.get(ref["sha256"]), loop).result()

        limit = room.settings.limits.output_export_bytes
        return await asyncio.to_thread(
            write_notebook, notebook, resolve=resolve, output_export_bytes=limit, link=f"/drive/{room.file_id}"
        )

    async def save(
        self, room: Room, *, kind: str = "autosave", name: str | None = None, author: str | None = None
    ) -> Revision | None:
        """Writes a checkpoint. Returns the revision, or None for a room that is not editable.

        Raises UnavailableError when the storage takes nothing; the journal then still holds everything.
        """
        if room.document is None or room.read_only_reason is not None:
            return None
        async with self._locks.setdefault(room.file_id, asyncio.Lock()):
            await room.settled()
            self._strip(room)
            await room.settled()
            faults.reach("checkpoint.before")
            seq, seen, began = room.seq, room.dirty_at, room.clock.monotonic()
            authors, room.authors = room.authors, {}
            try:
                revision = await self._drive.add_revision(
                    room.file_id,
                    await self.export(room),
                    kind=kind,
                    author_id=author or room.last_author,
                    epoch=room.epoch,
                    seq=seq,
                    name=name,
                    contributors=list(authors),
                )
            except BaseException:
                room.authors = authors | room.authors
                raise
            room.saved(seen, began)
            await self._mark(room, {"seq": seq, "revision_id": revision.id, "at": timestamp(room.clock.now())})
            await self.compact(room)
            return revision

    def _strip(self, room: Room) -> None:
        """Takes out what is personal, where the notebook or the server asks for that."""
        document = room.require_document()
        asked = settings_of({SETTING: document.metadata_value(SETTING)}).strip_personal
        if asked or room.settings.rooms.strip_personal:
            for update in strip_document(document):
                room.add_update(update, author=None)

    async def _mark(self, room: Room, saved: Any) -> None:
        room.perform(Record(notes=tuple(bin_notes(room))), MarkSaved(saved))
        await room.settled()

    async def compact(self, room: Room) -> None:
        """Moves the journal into the room's row, without a revision."""
        seq, snapshot = room.seq, room.snapshot
        checkpoint = store.Checkpoint(room.epoch, seq, room.require_document().encode_state(), dump_snapshot(snapshot))
        async with self._database.transaction() as connection:
            await store.write_checkpoint(connection, room.file_id, checkpoint, live=room.works)
        faults.reach("checkpoint.after")
        async with self._database.transaction() as connection:
            await store.trim_journal(connection, room.file_id, seq)
            await store.keep_blobs(connection, room.file_id, referred(room.staged.state))
        faults.reach("trim.after")

    async def scrub(self, room: Room) -> None:
        """Takes what a room no longer holds, such as outputs that it omits now, out of journal and database.

        What fails, or a reader holds up, is wanted again (``room.scrub_wanted``).
        """
        room.scrub_wanted = False
        try:
            await room.settled()
            if room.document is None or room.read_only_reason is not None:
                return
            if room.dirty_since is not None:
                await self.save(room)
            await self.compact(room)
            room.scrub_wanted = not await self._database.scrub()
        except (LaboraError, DBAPIError, OSError) as error:
            room.scrub_wanted = True
            log.warning("scrub_failed", file_id=room.file_id, error=str(error))

    async def purge(self, room: Room) -> None:
        """Ends the cells that are in the bin for too long; for a room that nobody is connected to."""
        clean = room.dirty_since is None
        if purge_bin(room):
            await room.settled()
            if clean:
                # No revision differs by what is in the bin.
                room.clean()

    def forget(self, file_id: str) -> None:
        """Drops what is kept for a room that left memory."""
        self._locks.pop(file_id, None)


def referred(state: RoomState) -> set[str]:
    """Returns the SHA-256 of every blob that the outputs of a room refer to."""
    return {ref["sha256"] for cell in state["cells"].values() for ref in blob_refs(cell["outputs"])}


async def try_save(checkpoints: Checkpoints, room: Room) -> bool:
    """Saves a room in the background; a failure is logged and tried again later."""
    try:
        await checkpoints.save(room)
    except (LaboraError, OSError) as error:
        log.warning("checkpoint_failed", file_id=room.file_id, error=str(error))
        return False
    except Exception:
        # Whatever is wrong with one notebook, the others are saved; the journal holds this one.
        log.exception("checkpoint_failed", file_id=room.file_id)
        return False
    return True

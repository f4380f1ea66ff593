"""SQL of the live notebook: checkpoints (table ``rooms``) and the journal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.base.clock import Clock, timestamp
from labora.db import Database
from labora.db.schema import file_blobs, journal, rooms
from labora.rooms.hidden_store import put_hidden
from labora.rooms.journal import Entry

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything up to and including ``seq``; ``document`` is a Yjs update, ``state`` a dumped snapshot."""

    epoch: str
    seq: int
    document: bytes
    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One journal entry as read back."""

    seq: int
    epoch: str
    kind: str
    payload: bytes
    author: str | None


class JournalWriter:
    """Writes groups of entries, each group in one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def __call__(self, entries: Sequence[Entry]) -> None:
        """Raises UnavailableError or DBAPIError when the database refuses; then nothing of the group is written."""
        at = timestamp(self._clock.now())
        rows = [
            {
                "file_id": entry.file_id,
                "seq": entry.seq,
                "epoch": entry.epoch,
                "kind": entry.kind,
                "payload": entry.payload,
                "account_id": entry.account_id,
                "at": at,
            }
            for entry in entries
        ]
        refs = [(entry.file_id, sha256) for entry in entries for sha256 in entry.blobs]
        # Of several changes of one slot within the group the last one counts.
        hidden = {(entry.file_id, row.account_id, row.cell_id): row for entry in entries for row in entry.hidden}

        def write(connection: Connection) -> None:
            connection.execute(insert(journal), rows)
            add_blobs(connection, refs)
            for (file_id, _, _), row in hidden.items():
                put_hidden(connection, file_id, row, at)

        await self._database.write(write)


def add_blobs(connection: Connection, refs: Sequence[tuple[str, str]]) -> None:
    """Notes that files refer to blobs: (file id, SHA-256)."""
    if refs:
        rows = [{"file_id": file_id, "sha256": sha256} for file_id, sha256 in dict.fromkeys(refs)]
        connection.execute(upsert(file_blobs).on_conflict_do_nothing(), rows)


async def keep_blobs(connection: AsyncConnection, file_id: str, wanted: set[str]) -> None:
    """Forgets the blobs of a file that are not in ``wanted``; a later sweep of the blob store deletes them."""
    query = select(file_blobs.c.sha256).where(file_blobs.c.file_id == file_id)
    stale = [sha256 for sha256 in (await connection.execute(query)).scalars() if sha256 not in wanted]
    for start in range(0, len(stale), _PAGE):
        chunk = stale[start : start + _PAGE]
        await connection.execute(
            delete(file_blobs).where(file_blobs.c.file_id == file_id, file_blobs.c.sha256.in_(chunk))
        )


async def read_checkpoint(connection: AsyncConnection, file_id: str) -> Checkpoint | None:
    """Returns the latest checkpoint of a room, or None for a file that never was live."""
    row = (await connection.execute(select(rooms).where(rooms.c.file_id == file_id))).one_or_none()
    if row is None:
        return None
    return Checkpoint(row.epoch, row.checkpoint_seq, row.document, row.state)


async def read_journal(connection: AsyncConnection, file_id: str, after: int) -> AsyncIterator[StoredEntry]:
    """Yields the entries above ``after`` in order."""
    while True:
        query = (
            select(journal.c.seq, journal.c.epoch, journal.c.kind, journal.c.payload, journal.c.account_id)
            .where(journal.c.file_id == file_id, journal.c.seq > after)
            .order_by(journal.c.seq)
            .limit(_PAGE)
        )
        found = (await connection.execute(query)).all()
        for row in found:
            yield StoredEntry(row.seq, row.epoch, row.kind, row.payload, row.account_id)
        if len(found) < _PAGE:
            return
        after = found[-1].seq


async def insert_room(connection: AsyncConnection, file_id: str, checkpoint: Checkpoint) -> bool:
    """Makes a file live. Returns False when it is already."""
    if await read_checkpoint(connection, file_id) is not None:
        return False
    values = {"document": checkpoint.document, "state": checkpoint.state, "checkpoint_seq": checkpoint.seq}
    await connection.execute(insert(rooms).values(file_id=file_id, epoch=checkpoint.epoch, live=False, **values))
    return True


async def write_checkpoint(connection: AsyncConnection, file_id: str, checkpoint: Checkpoint, *, live: bool) -> None:
    """Replaces the checkpoint. ``live`` rooms have a runtime or a queue and are loaded when the process starts."""
    await connection.execute(
        update(rooms)
        .where(rooms.c.file_id == file_id, rooms.c.epoch == checkpoint.epoch)
        .values(checkpoint_seq=checkpoint.seq, document=checkpoint.document, state=checkpoint.state, live=live)
    )


async def trim_journal(connection: AsyncConnection, file_id: str, upto: int) -> None:
    """Deletes entries that a checkpoint covers."""
    await connection.execute(delete(journal).where(journal.c.file_id == file_id, journal.c.seq <= upto))


async def rooms_to_resume(connection: AsyncConnection) -> list[str]:
    """Returns the files whose rooms have work that goes on without a browser, or entries past their checkpoint."""
    journalled = select(journal.c.file_id).where(
        journal.c.seq > rooms.c.checkpoint_seq, journal.c.file_id == rooms.c.file_id
    )
    query = select(rooms.c.file_id).where(or_(rooms.c.live, journalled.exists()))
    return list((await connection.execute(query)).scalars())


async def has_entries(connection: AsyncConnection, file_id: str) -> bool:
    """Returns whether a file's journal holds anything behind its checkpoint."""
    query = (
        select(journal.c.seq)
        .join(rooms, rooms.c.file_id == journal.c.file_id)
        .where(journal.c.file_id == file_id, journal.c.seq > rooms.c.checkpoint_seq)
        .limit(1)
    )
    return (await connection.scalar(query)) is not None

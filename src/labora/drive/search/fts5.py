"""The index in SQLite: FTS5 in a file of its own, so that filling it never waits for the journal, or makes it wait."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import zlib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    and_,
    column,
    delete,
    exists,
    false,
    func,
    insert,
    literal_column,
    or_,
    select,
    table,
    union,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.base.logging import get_logger
from labora.db import Database
from labora.db.schema import files, revisions
from labora.drive.search.model import EVERYWHERE, EXTRACTION, Entry, IndexState, Piece, Stale, Where
from labora.drive.search.tokens import Term, tokens_of

_SCHEMA = "search"
_metadata = MetaData()
# Thin rows: a question reads one for each file that has the words.
_documents = Table(
    "documents",
    _metadata,
    # A change gives a file a new, higher number: what changed last is found first by walking backwards.
    Column("number", Integer, primary_key=True),
    Column("file_id", String(32), nullable=False, unique=True),
    Column("revision_id", String(32)),
    Column("name", String(255), nullable=False),
    sqlite_autoincrement=True,
)
_texts = Table(
    "texts",
    _metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    # The pieces as JSON, compressed.
    Column("pieces", LargeBinary, nullable=False),
)
_words = table("words", column("rowid", Integer), *(column(where, Text) for where in EVERYWHERE))
# The same as readers see them, beside the drive's tables.
_read_documents = _documents.to_metadata(MetaData(), schema=_SCHEMA)
_read_texts = _texts.to_metadata(_read_documents.metadata, schema=_SCHEMA)
_read_words = table("words", column("rowid", Integer), schema=_SCHEMA)
# The tokens come ready, between spaces: this tokenizer cuts nothing else, and knows no version of Unicode.
_MAKE_WORDS = (
    f"CREATE VIRTUAL TABLE words USING fts5({', '.join(EVERYWHERE)}, tokenize=\"ascii tokenchars '_'\", prefix='2 3')"
)


class Fts5Index:
    """A :class:`labora.drive.search.ports.SearchIndex` in ``path``, beside the drive's SQLite database.

    Args:
        database_url: of the drive.
        path: the index; made, and made anew when it cannot be read.
    """

    def __init__(self, database_url: str, path: Path) -> None:
        self._path = path
        self._database_url = database_url
        self._store = self._writer()
        self._reader = Database(database_url, attached={_SCHEMA: path})

    def _writer(self) -> Database:
        # What a power cut takes is indexed again: no commit waits for the disk.
        return Database(f"sqlite+aiosqlite:///{self._path}", durable=False)

    async def open(self) -> None:
        """Makes the index when it is missing, unreadable or of another version."""
        try:
            await self._make()
        except (DatabaseError, sqlite3.DatabaseError) as error:
            get_logger("search").warning("index made anew", error=repr(error))
            await self._store.close()
            await asyncio.to_thread(self._remove)
            self._store = self._writer()
            await self._make()
        if os.geteuid() == 0:
            await asyncio.to_thread(self._give_to_server)

    def _files(self) -> list[Path]:
        return [Path(f"{self._path}{ending}") for ending in ("", "-wal", "-shm")]

    def _remove(self) -> None:
        for path in self._files():
            path.unlink(missing_ok=True)

    def _give_to_server(self) -> None:
        """Gives what the operator's command made as root to the account that the server runs under."""
        owner = self._path.parent.stat()
        for path in self._files():
            if path.exists():
                os.chown(path, owner.st_uid, owner.st_gid)

    async def _make(self) -> None:
        async with self._store.transaction() as connection:
            version = (await connection.exec_driver_sql("PRAGMA user_version")).scalar()
            if version == EXTRACTION:
                return
            await connection.exec_driver_sql("DROP TABLE IF EXISTS words")
            await connection.run_sync(_metadata.drop_all)
            await connection.run_sync(_metadata.create_all)
            await connection.exec_driver_sql(_MAKE_WORDS)
            await connection.exec_driver_sql(f"PRAGMA user_version = {EXTRACTION}")

    async def close(self) -> None:
        """Closes it."""
        await self._reader.close()
        await self._store.close()

    # -- filling ------------------------------------------------------------------------------------------------------

    async def stale(self, changed_since: str | None, limit: int) -> list[Stale]:
        """Returns files whose entries are missing or old, the longest unchanged ones first."""
        query = (
            select(
                files.c.id,
                files.c.kind,
                files.c.name,
                files.c.media_type,
                files.c.head_revision_id,
                revisions.c.sha256,
                func.coalesce(revisions.c.size, 0),
                and_(
                    _read_documents.c.file_id.is_not(None),
                    _read_documents.c.revision_id.is_not_distinct_from(files.c.head_revision_id),
                ),
            )
            .join(_read_documents, _read_documents.c.file_id == files.c.id, isouter=True)
            .join(revisions, revisions.c.id == files.c.head_revision_id, isouter=True)
            .where(*_is_stale())
            .order_by(files.c.modified_at)
            .limit(limit)
        )
        if changed_since is not None:
            changed = union(
                select(files.c.id).where(files.c.modified_at >= changed_since),
                select(revisions.c.file_id).where(revisions.c.created_at >= changed_since),
            )
            query = query.where(files.c.id.in_(changed))
        async with self._reader.read() as connection:
            return [Stale(*tuple(row)) for row in await connection.execute(query)]

    async def put(self, entries: Sequence[Entry]) -> None:
        """Writes entries in one short transaction, in place of older ones."""
        async with self._store.transaction() as connection:
            for entry in entries:
                await _put(connection, entry)

    async def drop_gone(self) -> int:
        """Forgets files that do not exist any more; returns how many."""
        query = select(_read_documents.c.number).where(~exists().where(files.c.id == _read_documents.c.file_id))
        async with self._reader.read() as connection:
            gone = [int(number) for number in (await connection.execute(query)).scalars()]
        for start in range(0, len(gone), 100):
            async with self._store.transaction() as connection:
                await _forget(connection, gone[start : start + 100])
        return len(gone)

    async def clear(self) -> None:
        """Forgets everything."""
        async with self._store.transaction() as connection:
            for part in (_words, _texts, _documents):
                await connection.execute(delete(part))

    async def state(self) -> IndexState:
        """Returns how far the index is."""
        waiting = (
            select(func.count())
            .select_from(files)
            .join(_read_documents, _read_documents.c.file_id == files.c.id, isouter=True)
            .where(*_is_stale())
        )
        async with self._reader.read() as connection:
            indexed = await connection.scalar(select(func.count()).select_from(_read_documents))
            return IndexState(int(indexed or 0), int(await connection.scalar(waiting) or 0))

    # -- finding ------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Opens a reading transaction over the drive and the index."""
        async with self._reader.read() as connection:
            yield connection

    def contains(self, terms: Sequence[Term], where: Sequence[Where]) -> ColumnElement[bool]:
        """Returns the condition on ``files`` that a file has all terms in these places."""
        question = fts_question(terms, where)
        if question is None:
            return false()
        found = select(_read_documents.c.file_id).join(_read_words, _read_words.c.rowid == _read_documents.c.number)
        return files.c.id.in_(found.where(_match(question)))

    def hits(
        self, terms: Sequence[Term], where: Sequence[Where], *, beside_name: bool
    ) -> tuple[FromClause, ColumnElement[int], ColumnElement[bool]]:
        """Returns the files that have all terms: what to select from, the key of their order, and a condition."""
        question = fts_question(terms, where)
        joined = _read_words.join(_read_documents, _read_documents.c.number == _read_words.c.rowid).join(
            files, files.c.id == _read_documents.c.file_id
        )
        if question is None:
            return joined, _read_words.c.rowid, false()
        condition = _match(question)
        named = fts_question(terms, ["name"]) if beside_name else None
        if named is not None:
            in_name = select(_read_words.c.rowid).where(_match(named))
            condition = and_(condition, _read_words.c.rowid.not_in(in_name))
        return joined, _read_words.c.rowid, condition

    async def pieces(self, connection: AsyncConnection, file_ids: Sequence[str]) -> dict[str, list[Piece]]:
        """Returns the texts of files, for snippets."""
        query = (
            select(_read_documents.c.file_id, _read_texts.c.pieces)
            .join(_read_texts, _read_texts.c.number == _read_documents.c.number)
            .where(_read_documents.c.file_id.in_(file_ids))
        )
        packed = {row.file_id: row.pieces for row in await connection.execute(query)}
        return await asyncio.to_thread(lambda: {file_id: _unpacked(data) for file_id, data in packed.items()})


def _is_stale() -> list[ColumnElement[bool]]:
    return [
        # My Drive itself has no name of its own.
        files.c.parent_id.is_not(None),
        or_(
            _read_documents.c.file_id.is_(None),
            _read_documents.c.revision_id.is_distinct_from(files.c.head_revision_id),
            _read_documents.c.name != files.c.name,
        ),
    ]


async def _put(connection: AsyncConnection, entry: Entry) -> None:
    """Writes one entry under a new number."""
    tokens: dict[str, str] = {
        where: entry.content.tokens.get(where, "") if entry.content else "" for where in EVERYWHERE
    }
    pieces = _packed(entry.content.pieces if entry.content else ())
    known = await connection.scalar(select(_documents.c.number).where(_documents.c.file_id == entry.file_id))
    if known is not None:
        if entry.content is None:
            kept = (await connection.execute(select(_words).where(_words.c.rowid == known))).one()
            tokens = {where: getattr(kept, where) for where in EVERYWHERE}
            pieces = await connection.scalar(select(_texts.c.pieces).where(_texts.c.number == known)) or pieces
        await _forget(connection, [known])
    tokens["name"] = entry.name_tokens
    about = {"file_id": entry.file_id, "revision_id": entry.revision_id, "name": entry.name}
    number = (await connection.execute(insert(_documents).values(**about).returning(_documents.c.number))).scalar_one()
    await connection.execute(insert(_words).values(rowid=number, **tokens))
    await connection.execute(insert(_texts).values(number=number, pieces=pieces))


async def _forget(connection: AsyncConnection, numbers: Sequence[int]) -> None:
    await connection.execute(delete(_words).where(_words.c.rowid.in_(numbers)))
    await connection.execute(delete(_texts).where(_texts.c.number.in_(numbers)))
    await connection.execute(delete(_documents).where(_documents.c.number.in_(numbers)))


def fts_question(terms: Iterable[Term], where: Sequence[Where]) -> str | None:
    """Returns FTS5's own question for terms, or None where there is nothing to look for.

    Every word stands in quotes, and holds letters, digits, marks and ``_`` only: no operator can be smuggled in.
    """
    wanted: list[str] = []
    unwanted: list[str] = []
    for term in terms:
        tokens, prefix = tokens_of(term)
        quoted = '"' + " ".join(tokens).replace('"', '""') + '"' + (" *" if prefix else "")
        (unwanted if term.excluded else wanted).append(quoted)
    if not wanted:
        return None
    question = " AND ".join(wanted)
    if unwanted:
        question = f"({question}) NOT ({' OR '.join(unwanted)})"
    return question if set(where) == set(EVERYWHERE) else f"{{{' '.join(where)}}} : ({question})"


def _match(question: str) -> ColumnElement[bool]:
    return literal_column("words").op("MATCH")(question)


def _packed(pieces: Iterable[Piece]) -> bytes:
    rows = [[piece.cell_id, piece.where, piece.text] for piece in pieces]
    return zlib.compress(json.dumps(rows, ensure_ascii=False).encode("utf-8", "replace"), 1)


def _unpacked(data: bytes) -> list[Piece]:
    return [Piece(*row) for row in json.loads(zlib.decompress(data))]

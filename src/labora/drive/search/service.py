"""The verb of searching: what the asker may read and what holds the words, in one query; then the lines around hits."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Principal, access_rows, visible
from labora.base.clock import parse_timestamp, timestamp
from labora.base.errors import ConflictError, InvalidError
from labora.db.schema import files
from labora.drive.base import DriveContext
from labora.drive.filters import is_starred, present
from labora.drive.listing import Order, page_of, rows_of, with_recents
from labora.drive.model import FileView
from labora.drive.search.indexer import Indexer
from labora.drive.search.model import Found, Piece, SearchPage, SearchQuery, Where
from labora.drive.search.ports import SearchIndex
from labora.drive.search.snippets import snippets_of
from labora.drive.search.tokens import Term, read_question
from labora.drive.store import below, prefix_of

MAX_PAGE = 50
_TOKEN = re.compile(r"([01])\.(\d{1,18})")


class Search:
    """Finds files by name and content, among those that the asker may read.

    Args:
        context: of the drive.
        index: the full text.
        indexer: fills it.
    """

    def __init__(self, context: DriveContext, index: SearchIndex, indexer: Indexer) -> None:
        self._context, self._index, self.indexer = context, index, indexer

    async def start(self) -> None:
        """Opens the index and begins to fill it. The drive's schema must be up to date."""
        await self._index.open()
        await self.indexer.start()

    async def close(self) -> None:
        """Ends the filling and closes the index."""
        await self.indexer.close()
        await self._index.close()

    async def rebuild(self) -> int:
        """Makes the index anew, for the operator's command; returns how many files it holds then."""
        await self._index.open()
        try:
            await self._index.clear()
            await self.indexer.catch_up()
            return (await self._index.state()).indexed
        finally:
            await self.close()

    async def find(self, principal: Principal, query: SearchQuery) -> SearchPage:
        """Returns one page of results: names that have all words first, then the ones changed last.

        What may be read by link only, and what lies in the trash, is not found. No count is told: it would have to be
        of what the asker may read, which costs as much as reading it all.

        Raises:
            InvalidError: ``bad_time``, ``bad_page_token``.
            NotFoundError: the folder to look in.
            ConflictError: that is no folder.
        """
        terms = read_question(query.text)
        async with self._context.reading(principal, full_text=True) as connection:
            now = self._context.clock.now()
            conditions = [present, files.c.parent_id.is_not(None), visible(principal, now)]
            conditions += self._filters(principal, query)
            if query.folder_id is not None:
                folder = await self._context.access(connection, principal, query.folder_id)
                if folder.file["kind"] != "folder":
                    raise ConflictError("One can only search inside a folder.", code="not_a_folder")
                conditions.append(below(prefix_of(folder.file)))
            if query.text.strip():
                rows, token = await self._matching(connection, principal, query, terms, conditions)
            else:
                newest = [Order("modified_at", True, files.c.modified_at)]
                listed, token = await page_of(
                    connection, principal, files, conditions, newest, _size(query), query.page_token
                )
                rows = list(listed)
            # The rules again, over the rows: whatever the query let through, nobody sees what they may not read.
            accesses = await access_rows(connection, principal, rows, now=now)
            views = await self._context.views(connection, principal, accesses)
            pieces = await self._index.pieces(connection, [view.id for view in views]) if terms else {}
        results = await asyncio.to_thread(_results, views, pieces, terms, query)
        return SearchPage(results, token, self.indexer.catching_up)

    async def _matching(
        self,
        connection: AsyncConnection,
        principal: Principal,
        query: SearchQuery,
        terms: list[Term],
        conditions: Sequence[ColumnElement[bool]],
    ) -> tuple[list[Any], str | None]:
        """Returns a page of files with the words: those with all of them in the name, then the others.

        Each of the two is walked from the last change backwards and only as far as the page needs, whatever the number
        of matches. A page token is where the walk stopped: (0 or 1, key).
        """
        walks: list[tuple[Sequence[Where], bool]] = [(query.where, "name" in query.where)]
        if "name" in query.where:
            walks.insert(0, (["name"], False))
        stage, before = read_token(query.page_token) if query.page_token else (0, None)
        size, found = _size(query), list[tuple[int, int, str]]()
        for place, (where, beside_name) in list(enumerate(walks))[stage:]:
            source, key, matches = self._index.hits(terms, where, beside_name=beside_name)
            walk = (
                select(key.label("key"), files.c.id)
                .select_from(with_recents(source, principal))
                .where(matches, *conditions)
                .order_by(key.desc())
                .limit(size + 1 - len(found))
            )
            if before is not None and place == stage:
                walk = walk.where(key < before)
            found += [(place, row.key, row.id) for row in await connection.execute(walk)]
            if len(found) > size:
                break
        rows = await rows_of(connection, [file_id for _, _, file_id in found[:size]])
        if len(found) <= size:
            return rows, None
        return rows, write_token(*found[size - 1][:2])

    def _filters(self, principal: Principal, query: SearchQuery) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        mine = files.c.owner_id == principal.account_id
        if query.owner in ("me", "others"):
            conditions.append(mine if query.owner == "me" else ~mine)
        elif query.owner:
            conditions.append(files.c.owner_id == query.owner)
        if query.kinds:
            conditions.append(files.c.kind.in_(query.kinds))
        if query.modified_from:
            conditions.append(files.c.modified_at >= _moment(query.modified_from))
        if query.modified_to:
            conditions.append(files.c.modified_at < _moment(query.modified_to))
        if query.starred:
            conditions.append(is_starred.is_(true()))
        return conditions


def _size(query: SearchQuery) -> int:
    return max(1, min(query.page_size, MAX_PAGE))


def write_token(stage: int, key: int) -> str:
    """Returns where a walk stopped, as text for an address."""
    return f"{stage}.{key}"


def read_token(token: str) -> tuple[int, int]:
    """Returns what :func:`write_token` was given. Raises InvalidError, ``bad_page_token``."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise InvalidError("This pageToken is not of this search. Start again without one.", code="bad_page_token")
    return int(match[1]), int(match[2])


def _moment(text: str) -> str:
    try:
        return timestamp(parse_timestamp(text))
    except (ValueError, OverflowError) as error:
        raise InvalidError(f"{text} is no time like 2026-01-31T12:00:00Z.", code="bad_time") from error


def _results(
    views: list[FileView], pieces: dict[str, list[Piece]], terms: list[Term], query: SearchQuery
) -> list[Found]:
    def found(view: FileView) -> Any:
        return snippets_of(view.name, pieces.get(view.id, []), terms, query.where)

    return [Found(view, found(view)) for view in views]

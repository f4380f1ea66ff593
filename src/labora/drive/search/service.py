"""The verb of searching: what the asker may read and what holds the words, in one query; then the lines around hits."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import ColumnElement, literal, or_, true

from labora.access import Principal, access_rows, visible
from labora.base.clock import parse_timestamp, timestamp
from labora.base.errors import ConflictError, InvalidError
from labora.db.schema import files
from labora.drive.base import DriveContext
from labora.drive.filters import is_starred, present
from labora.drive.listing import Order, page_of
from labora.drive.model import FileView
from labora.drive.search.indexer import Indexer
from labora.drive.search.model import Found, Piece, SearchPage, SearchQuery
from labora.drive.search.ports import SearchIndex
from labora.drive.search.snippets import snippets_of
from labora.drive.search.tokens import Term, read_question
from labora.drive.store import below, prefix_of

MAX_PAGE = 50


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
        source, rank = self._index.hits(terms, query.where)
        orders = [Order("rank", True, rank), Order("modified_at", True, files.c.modified_at)]
        async with self._context.reading(principal, full_text=True) as connection:
            now = self._context.clock.now()
            conditions = [present, files.c.parent_id.is_not(None), visible(principal, now), *self._filters(query)]
            if query.text.strip() and not any(not term.excluded for term in terms):
                conditions.append(literal(value=False))
            conditions.append(self._owner(principal, query.owner))
            if query.folder_id is not None:
                folder = await self._context.access(connection, principal, query.folder_id)
                if folder.file["kind"] != "folder":
                    raise ConflictError("One can only search inside a folder.", code="not_a_folder")
                conditions.append(below(prefix_of(folder.file)))
            size = max(1, min(query.page_size, MAX_PAGE))
            rows, token = await page_of(connection, principal, source, conditions, orders, size, query.page_token)
            # The rules again, over the rows: whatever the query let through, nobody sees what they may not read.
            accesses = await access_rows(connection, principal, rows, now=now)
            views = await self._context.views(connection, principal, accesses)
            pieces = await self._index.pieces(connection, [view.id for view in views]) if terms else {}
        results = await asyncio.to_thread(_results, views, pieces, terms, query)
        return SearchPage(results, token, self.indexer.catching_up)

    def _filters(self, query: SearchQuery) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        if query.kinds:
            conditions.append(files.c.kind.in_(query.kinds))
        if query.modified_from:
            conditions.append(files.c.modified_at >= _moment(query.modified_from))
        if query.modified_to:
            conditions.append(files.c.modified_at < _moment(query.modified_to))
        if query.starred:
            conditions.append(is_starred.is_(true()))
        return conditions

    def _owner(self, principal: Principal, owner: str) -> ColumnElement[bool]:
        if not owner:
            return literal(value=True)
        mine = files.c.owner_id == principal.account_id
        if owner == "others":
            return ~mine
        return mine if owner == "me" else or_(files.c.owner_id == owner)


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

"""The index behind which a database's own full-text search stands."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from sqlalchemy import ColumnElement, FromClause
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.drive.search.model import Entry, IndexState, Piece, Stale, Where
from labora.drive.search.tokens import Term


class SearchIndex(Protocol):
    """Full text of files. It can be lost and made again from the drive; it never decides who may read what."""

    async def open(self) -> None:
        """Makes the index when it is missing, unreadable or of another version."""
        ...

    async def close(self) -> None:
        """Closes it."""
        ...

    async def stale(self, changed_since: str | None, limit: int) -> list[Stale]:
        """Returns files whose entries are missing or old, the longest unchanged ones first.

        Args:
            changed_since: look only at files that changed since then; at all files when None.
            limit: so many at most.
        """
        ...

    async def put(self, entries: Sequence[Entry]) -> None:
        """Writes entries in one short transaction, in place of older ones."""
        ...

    async def drop_gone(self) -> int:
        """Forgets files that do not exist any more; returns how many."""
        ...

    async def clear(self) -> None:
        """Forgets everything."""
        ...

    async def state(self) -> IndexState:
        """Returns how far the index is."""
        ...

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Opens a reading transaction in which :meth:`contains`, :meth:`hits` and the drive's tables can be used."""
        ...

    def contains(self, terms: Sequence[Term], where: Sequence[Where]) -> ColumnElement[bool]:
        """Returns the condition on ``files`` that a file has all terms in these places."""
        ...

    def hits(
        self, terms: Sequence[Term], where: Sequence[Where], *, beside_name: bool
    ) -> tuple[FromClause, ColumnElement[int], ColumnElement[bool]]:
        """Returns the files that have all terms in these places.

        Args:
            beside_name: leave out those that have them all in their names.

        Returns:
            What to select from, ``files`` in it; a key that rises with every change of a file, along which a walk in
            falling order costs only as much as it goes; and the condition.
        """
        ...

    async def pieces(self, connection: AsyncConnection, file_ids: Sequence[str]) -> dict[str, list[Piece]]:
        """Returns the texts of files, for snippets. The caller has checked access."""
        ...

"""The trash that empties itself: what lies in it for long enough is deleted for ever, as if its owner had done it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy import select

from labora.access import Principal
from labora.base.clock import timestamp
from labora.base.errors import LaboraError
from labora.base.logging import get_logger
from labora.base.settings import DriveSettings
from labora.db.schema import files
from labora.drive import store
from labora.drive.base import DriveContext
from labora.drive.tree import Tree

_BATCH = 100
_PAUSE_S = 0.005


class Trash:
    """Ends what has been in the trash for longer than the setting says."""

    def __init__(self, context: DriveContext, tree: Tree, rules: DriveSettings) -> None:
        self._context, self._tree, self._rules = context, tree, rules

    async def purge(self) -> int:
        """Ends what is due; returns how many items. Each with what is below it goes in a transaction of its own, and
        others come in between. The bytes go with the next sweep."""
        if not self._rules.trash_days:
            return 0
        before = timestamp(self._context.clock.now() - timedelta(days=self._rules.trash_days))
        purged, last = 0, ("", "")
        while batch := await self._due(before, last):
            for file_id, trashed_at in batch:
                last = (trashed_at, file_id)
                try:
                    purged += await self._end(file_id, before)
                except LaboraError as error:
                    # The others must not wait for it; it is tried again with the next round.
                    get_logger("drive").warning("not_purged", file_id=file_id, error=error.error_code)
                await asyncio.sleep(_PAUSE_S)
        if purged:
            get_logger("drive").info("trash_purged", count=purged)
        return purged

    async def _due(self, before: str, last: tuple[str, str]) -> list[tuple[str, str]]:
        """Returns the next items that are due, the oldest first."""
        key = (files.c.trashed_at, files.c.id)
        behind = (files.c.trashed_at > last[0]) | ((files.c.trashed_at == last[0]) & (files.c.id > last[1]))
        query = select(files.c.id, files.c.trashed_at).where(files.c.trashed_at <= before, behind)
        async with self._context.database.read() as connection:
            rows = (await connection.execute(query.order_by(*key).limit(_BATCH))).all()
        return [(row.id, row.trashed_at) for row in rows]

    async def _end(self, file_id: str, before: str) -> int:
        async with self._context.database.transaction() as connection:
            row = await store.row_of(connection, file_id)
            if row is None or row["trashed_at"] is None or row["trashed_at"] > before:
                return 0  # ended with a folder above, or taken back meanwhile
            nobody = Principal(None, "server")
            ended = await self._tree.end(connection, nobody, row, "file.purged")
        await self._context.live.ended(ended)
        return len(ended)

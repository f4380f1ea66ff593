"""Takes the outputs out of the revisions that a notebook already has: the one thing that changes revisions.

For a notebook whose outputs were saved and shall not have been. Named and pinned revisions are no exception; the newest
one is what the notebook is, and stays as it is unless the notebook omits outputs. It goes on in steps, each told by the
number of the last revision that it looked at, so that it can be followed and taken up again.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from sqlalchemy import func, select

from labora.access import Ability, Principal
from labora.base.errors import LaboraError, UnsupportedError
from labora.base.settings import LimitSettings
from labora.blobs import Blobs
from labora.db.schema import revisions
from labora.drive import store
from labora.drive.base import DriveContext
from labora.drive.model import NOTEBOOK_TYPE, Revision
from labora.notebook.codec import read_notebook
from labora.notebook.privacy import clean_bytes, settings_of

STEP_S = 1.0
BATCH = 50


@dataclass(frozen=True, slots=True)
class Stripped:
    """How far it got.

    Attributes:
        last: number of the last revision that was looked at; None when none is left.
        looked_at: how many were looked at in this step.
        changed: how many of them held outputs.
        unreadable: how many could not be read and were left as they are.
        total: how many revisions the notebook has.
    """

    last: int | None
    looked_at: int
    changed: int
    unreadable: int
    total: int


class Stripping:
    """Strips old revisions."""

    def __init__(self, context: DriveContext, blobs: Blobs, limits: LimitSettings) -> None:
        self._context, self._blobs, self._limits = context, blobs, limits

    async def step(self, principal: Principal, file_id: str, after: int = 0) -> Stripped:
        """Strips revisions above number ``after``, for about a second. Needs ``delete``: it cannot be undone.

        Raises UnsupportedError for what is no notebook. The bytes themselves leave the disk with the next sweep.
        """
        async with self._context.writing(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.DELETE)
            if access.file["kind"] != "notebook":
                raise UnsupportedError("Only revisions of notebooks hold outputs.", code="not_a_notebook")
            if after == 0:
                await self._context.audit(connection, principal, "revisions.stripped", access.file_id)
        file_id = access.file_id
        until = time.monotonic() + STEP_S
        looked_at = changed = unreadable = 0
        while True:
            batch, total = await self._batch(file_id, after)
            for revision in batch:
                done = await self._strip(revision)
                changed, unreadable = changed + (done is True), unreadable + (done is None)
                looked_at, after = looked_at + 1, revision.number
                if time.monotonic() >= until:
                    return Stripped(after, looked_at, changed, unreadable, total)
            if len(batch) < BATCH:
                return Stripped(None, looked_at, changed, unreadable, total)

    async def _batch(self, file_id: str, after: int) -> tuple[list[Revision], int]:
        query = (
            select(revisions.c.id)
            .where(revisions.c.file_id == file_id, revisions.c.number > after)
            .order_by(revisions.c.number)
            .limit(BATCH)
        )
        async with self._context.database.read() as connection:
            ids = list((await connection.execute(query)).scalars())
            found = [found for key in ids for found in await store.revisions_of(connection, file_id, only=key)]
            total = await connection.scalar(select(func.count()).where(revisions.c.file_id == file_id))
        return found, int(total or 0)

    async def _strip(self, revision: Revision) -> bool | None:
        """Returns whether there was something to strip; None for what cannot be read."""
        async with self._context.database.read() as connection:
            row = await store.row_of(connection, revision.file_id)
        is_head = row is not None and row["head_revision_id"] == revision.id
        try:
            if revision.size > self._limits.notebook_bytes:
                return None
            data = await self._blobs.get(revision.sha256)
            if is_head and not await self._omits(revision.file_id, data):
                return False
            clean = await asyncio.to_thread(clean_bytes, data, self._limits, outputs=False, personal=True)
        except LaboraError:
            return None
        if clean == data:
            return False
        ref = await self._blobs.put(clean, NOTEBOOK_TYPE)
        async with self._context.database.transaction() as connection:
            await store.change_revision(connection, revision.id, {"sha256": ref.sha256, "size": ref.size})
            if is_head:
                row = await store.row_of(connection, revision.file_id)
                if row is not None and row["head_revision_id"] == revision.id:
                    await store.update_file(connection, revision.file_id, {"size": ref.size})
        return True

    async def _omits(self, file_id: str, head: bytes) -> bool:
        """Returns whether a notebook, as it is now, asks to omit outputs."""
        exported = await self._context.live.export(file_id)
        data = head if exported is None else exported
        return await asyncio.to_thread(
            lambda: settings_of(read_notebook(data, self._limits).notebook.metadata).omit_outputs
        )

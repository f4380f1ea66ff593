"""Compares two notebooks, or two states of one, for somebody who may read both."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from labora.access import Ability, Principal
from labora.base.errors import NotFoundError, TooLargeError, UnsupportedError
from labora.base.settings import LimitSettings
from labora.blobs import Blobs
from labora.drive import store
from labora.drive.base import DriveContext
from labora.drive.model import FileView, Revision
from labora.drive.revisions import Revisions, too_large_notebook
from labora.notebook.celldiff import NotebookDiff, diff_notebooks
from labora.notebook.codec import read_notebook
from labora.notebook.model import BlobSink, Notebook

HEAD = "head"
"""Stands for the present state of a file, which a live notebook may not have stored as a revision yet."""
PREVIOUS = "previous"
"""Stands for the revision before the other one; for the newest one where the other is the present state."""

_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two. ``revision`` is None for the present state."""

    view: FileView
    revision: Revision | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """How ``before`` became ``after``. ``before`` is None for a first revision, which is compared with nothing.

    Attributes:
        old, new: both notebooks.
        sink: holds the large values of their outputs.
    """

    before: Side | None
    after: Side
    old: Notebook
    new: Notebook
    diff: NotebookDiff
    sink: BlobSink


class Compare:
    """Makes comparisons beside the event loop, a few at a time."""

    def __init__(self, context: DriveContext, blobs: Blobs, revisions: Revisions, limits: LimitSettings) -> None:
        self._context = context
        self._blobs = blobs
        self._revisions = revisions
        self._limits = limits
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def revisions(
        self, principal: Principal, file_id: str, revision_id: str, against: str = PREVIOUS
    ) -> Comparison:
        """Returns how a notebook came from the state ``against`` to a revision. Needs ``read_history``.

        Either may be :data:`HEAD`; ``against`` may be :data:`PREVIOUS`.

        Raises:
            NotFoundError: for a revision of another file.
            UnsupportedError: for what is no notebook.
            InvalidError, TooLargeError: a side cannot be read as a notebook.
        """
        await self._view(principal, file_id, Ability.READ_HISTORY)
        after = await self._side(principal, file_id, revision_id)
        if against != PREVIOUS:
            return await self._compare(await self._side(principal, file_id, against), after)
        below = after.revision.number if after.revision else None
        async with self._context.reading(principal) as connection:
            found = await store.revisions_of(connection, after.view.id, before=below, limit=1)
        return await self._compare(Side(after.view, found[0]) if found else None, after)

    async def files(
        self, principal: Principal, file_id: str, revision_id: str, other_id: str, other_revision_id: str
    ) -> Comparison:
        """Returns how the notebook ``other_id`` differs from ``file_id``, the one that is new.

        Present states (:data:`HEAD`) need ``read``, revisions ``read_history``. Raises as :meth:`revisions`.
        """
        after = await self._side(principal, file_id, revision_id)
        return await self._compare(await self._side(principal, other_id, other_revision_id), after)

    async def _view(self, principal: Principal, file_id: str, ability: Ability) -> FileView:
        async with self._context.reading(principal) as connection:
            access = await self._context.access(connection, principal, file_id, ability)
            return await self._context.view(connection, access)

    async def _side(self, principal: Principal, file_id: str, revision_id: str) -> Side:
        if revision_id == HEAD:
            side = Side(await self._view(principal, file_id, Ability.READ), None)
        else:
            side = Side(*await self._revisions.get(principal, file_id, revision_id))
        if side.view.kind != "notebook":
            raise UnsupportedError("Only notebooks can be compared by cell.", code="not_a_notebook")
        return side

    async def _compare(self, before: Side | None, after: Side) -> Comparison:
        async with self._turns:
            new = await self._content(after)
            old = None if before is None else await self._content(before)
            return await asyncio.to_thread(self._difference, before, after, old, new)

    async def _content(self, side: Side) -> bytes:
        stored = side.revision
        if stored is None:
            exported = await self._context.live.export(side.view.id)
            if exported is not None:
                return exported
            stored = await self._revisions.head(side.view.id)
        if stored is None:
            raise NotFoundError("This notebook has no content yet.", code="no_such_revision")
        if stored.size > self._limits.notebook_bytes:
            limits = {"limit": self._limits.notebook_bytes, "actual": stored.size}
            raise TooLargeError(f"{too_large_notebook(self._limits)} Download it instead.", details=limits)
        return await self._blobs.get(stored.sha256)

    def _difference(self, before: Side | None, after: Side, old: bytes | None, new: bytes) -> Comparison:
        sink = BlobSink()
        after_notebook = read_notebook(new, self._limits, store=sink).notebook
        if old is None:
            # A first revision is all new, but not its format.
            before_notebook = replace(after_notebook, cells=())
        else:
            before_notebook = read_notebook(old, self._limits, store=sink).notebook
        diff = diff_notebooks(before_notebook, after_notebook)
        return Comparison(before, after, before_notebook, after_notebook, diff, sink)

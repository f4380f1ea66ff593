"""What the drive asks of rooms that stand above it or beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Principal
from labora.drive.model import Revision, Upload


class LiveNotebooks(Protocol):
    """The live side of notebooks. Wired once at start; before that :class:`NoLiveNotebooks` stands in."""

    async def export(self, file_id: str) -> bytes | None:
        """Returns the notebook as it is now, as ``.ipynb``; None when the stored head is the present state."""
        ...

    async def put(
        self, principal: Principal, file_id: str, upload: Upload, keep: Callable[[], Awaitable[Revision]]
    ) -> Revision:
        """Merges a file into a live notebook and returns the newest revision then.

        ``keep`` adds the upload as a revision; it is called where no live state exists. Access was checked.
        """
        ...

    async def restore(
        self, principal: Principal, file_id: str, content: bytes, keep: Callable[[], Awaitable[Revision]]
    ) -> Revision:
        """Turns a notebook into ``content`` by ordinary operations, so that open pages follow.

        Returns the revision that this added; ``keep`` adds it where no live state exists. Access was checked.
        """
        ...

    async def save(self, principal: Principal, file_id: str) -> Revision | None:
        """Stores the notebook as it is now as a revision that somebody asked for, and returns it.

        Returns None when the stored head is the present state. Access was checked.
        """
        ...

    async def comments_changed(self, file_id: str, comment_id: str) -> None:
        """Says that a comment was made, changed or deleted, durably: open pages are to show it as it is now."""
        ...

    async def rights_changed(self, file_ids: Sequence[str]) -> None:
        """Says that rights on these items and everything below them may have changed: check open sockets again."""
        ...

    async def ended(self, file_ids: Sequence[str]) -> None:
        """Says that these files do not exist any more."""
        ...


class NoLiveNotebooks:
    """A drive of which nothing is open (tools, tests of the drive alone)."""

    async def export(self, file_id: str) -> bytes | None:
        """Returns None: the head is the present state."""
        return None

    async def put(
        self, principal: Principal, file_id: str, upload: Upload, keep: Callable[[], Awaitable[Revision]]
    ) -> Revision:
        """Keeps the upload."""
        return await keep()

    async def restore(
        self, principal: Principal, file_id: str, content: bytes, keep: Callable[[], Awaitable[Revision]]
    ) -> Revision:
        """Keeps the content."""
        return await keep()

    async def save(self, principal: Principal, file_id: str) -> Revision | None:
        """Returns None: the head is the present state."""
        return None

    async def comments_changed(self, file_id: str, comment_id: str) -> None:
        """Nothing is open."""

    async def rights_changed(self, file_ids: Sequence[str]) -> None:
        """Nothing is open."""

    async def ended(self, file_ids: Sequence[str]) -> None:
        """Nothing is open."""


class Inviting(Protocol):
    """Invites somebody without an account; accounts implement it."""

    async def __call__(self, connection: AsyncConnection, principal: Principal, address: str) -> str | None:
        """Returns the path of a one-time page that makes an account for an address; None where that is not allowed."""
        ...


class NotebookInspector(Protocol):
    """Reads a notebook far enough to say whether it can be edited."""

    def __call__(self, data: bytes) -> str | None:
        """Returns why the notebook is read-only, in a sentence for its reader, or None when it can be edited."""
        ...

"""Revisions: what a file held, when, by whom. They are added, never changed."""

from __future__ import annotations

from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Ability, Principal
from labora.base.errors import NotFoundError
from labora.base.ids import new_id
from labora.blobs import BlobRef, Blobs
from labora.drive import store
from labora.drive.base import DriveContext
from labora.drive.model import NOTEBOOK_TYPE, FileView, Revision


class Revisions:
    """Adds, lists and restores revisions."""

    def __init__(self, context: DriveContext, blobs: Blobs) -> None:
        self._context = context
        self._blobs = blobs

    async def add(
        self,
        file_id: str,
        content: bytes | BlobRef,
        *,
        kind: str,
        author_id: str | None,
        epoch: str | None = None,
        seq: int | None = None,
        name: str | None = None,
    ) -> Revision:
        """Stores ``content`` as the new head of a file. The caller has checked access.

        Args:
            content: the bytes, or what :class:`labora.blobs.Blobs` returned for them.
            kind: upload, autosave, named, restore, before-merge or import.
            epoch: with ``seq``, where the live notebook stood.
        """
        ref = content if isinstance(content, BlobRef) else await self._blobs.put(content, NOTEBOOK_TYPE)
        async with self._context.database.transaction() as connection:
            return await self.add_in(
                connection, file_id, ref, kind=kind, author_id=author_id, epoch=epoch, seq=seq, name=name
            )

    async def add_in(
        self,
        connection: AsyncConnection,
        file_id: str,
        ref: BlobRef,
        *,
        kind: str,
        author_id: str | None,
        epoch: str | None = None,
        seq: int | None = None,
        name: str | None = None,
    ) -> Revision:
        """Does what :meth:`add` does within the caller's transaction. Raises NotFoundError when the file is gone."""
        if await store.row_of(connection, file_id) is None:
            raise NotFoundError("The file was deleted meanwhile.", code="no_such_file")
        now, revision_id = self._context.now(), new_id()
        row = {
            "id": revision_id,
            "file_id": file_id,
            "sha256": ref.sha256,
            "size": ref.size,
            "kind": kind,
            "name": name,
            "author_id": author_id,
            "created_at": now,
            "epoch": epoch,
            "seq": seq,
        }
        await store.add_revision(connection, row)
        head = {"head_revision_id": revision_id, "size": ref.size, "modified_at": now, "modified_by": author_id}
        await store.update_file(connection, file_id, head)
        return (await store.revisions_of(connection, file_id, only=revision_id))[0]

    async def history(self, principal: Principal, file_id: str) -> list[Revision]:
        """Returns the revisions of a file, newest first. Needs ``read_history``."""
        async with self._context.reading(principal) as connection:
            await self._context.access(connection, principal, file_id, Ability.READ_HISTORY)
            return await store.revisions_of(connection, file_id)

    async def get(
        self, principal: Principal, file_id: str, revision_id: str, ability: Ability = Ability.READ_HISTORY
    ) -> tuple[FileView, Revision]:
        """Returns a revision and its file. Raises NotFoundError for the revision of another file."""
        async with self._context.reading(principal) as connection:
            access = await self._context.access(connection, principal, file_id, ability)
            found = await store.revisions_of(connection, file_id, only=revision_id)
            if not found:
                raise NotFoundError("There is no such revision of this file.", code="no_such_revision")
            return await self._context.view(connection, access), found[0]

    async def open(self, revision: Revision) -> AsyncIterator[bytes]:
        """Returns a revision's bytes in pieces."""
        return await self._blobs.open(revision.sha256)

    async def head(self, file_id: str) -> Revision | None:
        """Returns the newest revision; for rooms, which have checked access."""
        async with self._context.database.read() as connection:
            row = await store.row_of(connection, file_id)
            if row is None or row["head_revision_id"] is None:
                return None
            found = await store.revisions_of(connection, file_id, only=row["head_revision_id"])
        return found[0] if found else None

    async def restore(self, principal: Principal, file_id: str, revision_id: str) -> Revision:
        """Makes a revision the present state by adding one; a live notebook follows in every open page."""
        view, revision = await self.get(principal, file_id, revision_id, Ability.EDIT)
        if view.kind == "notebook" and view.row["read_only_reason"] is None:
            content = await self._blobs.get(revision.sha256)
            restored = await self._context.live.restore(principal, file_id, content, revision)
            if restored is not None:
                return restored
        ref = BlobRef(revision.sha256, revision.size)
        async with self._context.database.transaction() as connection:
            await self._context.access(connection, principal, file_id, Ability.EDIT)
            await self._context.audit(connection, principal, "revision.restored", file_id, {"number": revision.number})
            return await self.add_in(connection, file_id, ref, kind="restore", author_id=principal.account_id)

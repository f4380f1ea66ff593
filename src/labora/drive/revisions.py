"""Revisions: what a file held, when, by whom. They are added, never changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Ability, Principal
from labora.base.errors import NotFoundError, TooLargeError, UnsupportedError
from labora.base.ids import new_id
from labora.base.settings import LimitSettings
from labora.blobs import BlobRef, Blobs
from labora.drive import store
from labora.drive.base import DriveContext
from labora.drive.model import NOTEBOOK_TYPE, FileView, Revision, Upload
from labora.drive.ports import NotebookInspector


def too_large_notebook(limits: LimitSettings) -> str:
    """Returns why a notebook above the limit is not read."""
    return f"The notebook is larger than {limits.notebook_bytes:,} bytes, the limit of this server."


class Revisions:
    """Adds, lists and restores revisions."""

    def __init__(self, context: DriveContext, blobs: Blobs, limits: LimitSettings, inspect: NotebookInspector) -> None:
        self._context = context
        self._blobs = blobs
        self._limits = limits
        self._inspect = inspect

    # -- bytes --------------------------------------------------------------------------------------------------------

    async def receive(self, chunks: AsyncIterator[bytes], media_type: str, declared_size: int | None) -> BlobRef:
        """Stores a stream. Raises TooLargeError, before anything is read when the declared size is over the limit."""
        limit = self._limits.upload_bytes
        if declared_size is not None and declared_size > limit:
            raise TooLargeError(
                f"The file is larger than the limit of {limit:,} bytes.",
                details={"limit": limit, "actual": declared_size},
            )
        return await self._blobs.put_stream(chunks, media_type, limit=limit)

    async def reason(self, ref: BlobRef) -> str | None:
        """Returns why these bytes are no notebook that can be edited, or None."""
        if ref.size > self._limits.notebook_bytes:
            return too_large_notebook(self._limits)
        data = await self._blobs.get(ref.sha256)
        return await asyncio.to_thread(self._inspect, data)

    # -- revisions ----------------------------------------------------------------------------------------------------

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
        contributors: Sequence[str] = (),
    ) -> Revision:
        """Stores ``content`` as the new head of a file. The caller has checked access.

        Args:
            content: the bytes, or what :class:`labora.blobs.Blobs` returned for them.
            kind: upload, autosave, mount, named, restore, before-merge or import.
            epoch: with ``seq``, where the live notebook stood.
            contributors: accounts that changed the file since the revision before, beside the author.
        """
        ref = content if isinstance(content, BlobRef) else await self._blobs.put(content, NOTEBOOK_TYPE)
        async with self._context.database.transaction() as connection:
            return await self.add_in(
                connection,
                file_id,
                ref,
                kind=kind,
                author_id=author_id,
                epoch=epoch,
                seq=seq,
                name=name,
                contributors=contributors,
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
        pinned: bool = False,
        contributors: Sequence[str] = (),
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
            "pinned": pinned,
            "author_id": author_id,
            "contributors": list(dict.fromkeys([*([author_id] if author_id else []), *contributors])),
            "created_at": now,
            "epoch": epoch,
            "seq": seq,
        }
        await store.add_revision(connection, row)
        head = {"head_revision_id": revision_id, "size": ref.size, "modified_at": now, "modified_by": author_id}
        await store.update_file(connection, file_id, head)
        return (await store.revisions_of(connection, file_id, only=revision_id))[0]

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

    async def put(
        self,
        principal: Principal,
        file_id: str,
        chunks: AsyncIterator[bytes],
        *,
        declared_size: int | None = None,
        base: str | None = None,
    ) -> FileView:
        """Replaces a file's content by adding a revision; a live notebook merges it, and open pages follow.

        Args:
            base: the revision that the new content was made from; the newest one when None. What the notebook got
                since is kept.

        Raises:
            UnsupportedError: ``folder_content`` for a folder.
            TooLargeError: as :meth:`receive`.
            InvalidError: a live notebook would be replaced by what is no notebook.
        """
        file_id, media_type, known = await self.require_place(principal, file_id, declared_size or 0, base=base)
        ref = await self.receive(chunks, media_type, declared_size)
        return await self.take(principal, file_id, ref, base=known)

    async def require_place(
        self, principal: Principal, file_id: str, size: int, *, base: str | None = None, arriving: bool = False
    ) -> tuple[str, str, Revision | None]:
        """Looks before many bytes come: raises what new content of this size would.

        Returns id and media type of the file, and the revision ``base``. ``arriving`` as in :meth:`Quotas.require`.
        """
        async with self._context.reading(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.EDIT)
            known = await store.revisions_of(connection, access.file_id, only=base) if base else []
            if access.file["kind"] not in ("notebook", "file"):
                raise UnsupportedError("Only files and notebooks have content.", code="folder_content")
            if base and not known:
                raise NotFoundError("There is no such revision of this file.", code="no_such_revision")
            await self._context.quotas.require(connection, access.file["owner_id"], size, arriving=arriving)
        return access.file_id, str(access.file["media_type"]), known[0] if known else None

    async def take(self, principal: Principal, file_id: str, ref: BlobRef, *, base: Revision | None = None) -> FileView:
        """Does what :meth:`put` does, with bytes that are stored already."""
        reason = None
        async with self._context.reading(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.EDIT)
        file_id, kind = access.file_id, access.file["kind"]
        if kind == "notebook":
            reason = await self.reason(ref)
        # The bytes may have taken long to come: whoever lost the right meanwhile changes nothing.
        async with self._context.reading(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.EDIT)
            await self._context.quotas.require(connection, access.file["owner_id"], ref.size, sha256=ref.sha256)
        if kind == "notebook":
            upload = Upload(ref, base, reason)
            await self._context.live.put(
                principal, file_id, upload, lambda: self._keep(principal, file_id, ref, "upload", reason)
            )
        else:
            await self._keep(principal, file_id, ref, "upload", None)
        async with self._context.reading(principal) as connection:
            return await self._context.view(connection, await self._context.access(connection, principal, file_id))

    async def restore(self, principal: Principal, file_id: str, revision_id: str) -> Revision:
        """Makes a revision the present state by adding one; a live notebook follows in every open page."""
        view, revision = await self.get(principal, file_id, revision_id, Ability.EDIT)
        ref = BlobRef(revision.sha256, revision.size)
        if view.kind == "notebook":
            if revision.size > self._limits.notebook_bytes:
                # It would have to be read whole, and a file may be far larger than the memory of the server.
                limits = {"limit": self._limits.notebook_bytes, "actual": revision.size}
                raise TooLargeError(f"{too_large_notebook(self._limits)} Download it instead.", details=limits)
            reason = await self.reason(ref)
            content = await self._blobs.get(revision.sha256)
            restored = await self._context.live.restore(
                principal, view.id, content, lambda: self._keep(principal, view.id, ref, "restore", reason)
            )
        else:
            restored = await self._keep(principal, view.id, ref, "restore", None)
        async with self._context.database.transaction() as connection:
            await self._context.audit(connection, principal, "revision.restored", view.id, {"number": revision.number})
        return restored

    async def _keep(self, principal: Principal, file_id: str, ref: BlobRef, kind: str, reason: str | None) -> Revision:
        """Adds a revision of a file of which nothing is live."""
        async with self._context.database.transaction() as connection:
            access = await self._context.access(connection, principal, file_id, Ability.EDIT)
            await self._context.quotas.require(connection, access.file["owner_id"], ref.size, sha256=ref.sha256)
            await store.update_file(connection, file_id, {"read_only_reason": reason})
            return await self.add_in(connection, file_id, ref, kind=kind, author_id=principal.account_id)

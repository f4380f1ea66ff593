"""Playgrounds: private copies on which somebody tries a notebook without changing it.

A playground is a notebook of its own that lies in no folder, so that no list, search or mount ever comes across it.
Only its account reaches it, and only as long as it may read the notebook that it was made from. It is made from that
notebook's present state with the same cell ids; what the notebook gets later is merged in when it is opened again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Ability, Principal
from labora.base.clock import timestamp
from labora.base.errors import ConflictError, NotFoundError, UnsupportedError
from labora.base.ids import new_id
from labora.blobs import BlobRef, Blobs
from labora.db.schema import files, playgrounds, recents
from labora.drive import store
from labora.drive.base import DriveContext, account_of
from labora.drive.model import NOTEBOOK_TYPE, FileView, Upload
from labora.drive.revisions import Revisions

_TIDY = 200


@dataclass(frozen=True, slots=True)
class _Content:
    """What a notebook holds now; ``revision_id`` is None where no revision is that."""

    ref: BlobRef
    revision_id: str | None


class Playgrounds:
    """Makes, refreshes and ends playgrounds.

    Args:
        keep_days: one that nobody opened or changed for so long is deleted.
    """

    def __init__(self, context: DriveContext, blobs: Blobs, revisions: Revisions, keep_days: float) -> None:
        self._context, self._blobs, self._revisions = context, blobs, revisions
        self.keep_days = keep_days

    async def find(self, principal: Principal, base_id: str) -> FileView | None:
        """Returns the asker's playground of a notebook that they may read, if they have one."""
        async with self._context.reading(principal) as connection:
            base = await self._context.access(connection, principal, base_id)
            row = await _row(connection, base_id=base.file_id, account_id=principal.account_id)
            if row is None:
                return None
            access = await self._context.access(connection, principal, row["file_id"])
            return await self._context.view(connection, access)

    async def open(self, principal: Principal, base_id: str) -> FileView:
        """Returns the asker's playground of a notebook, made now or brought up to date. Needs ``copy``.

        Raises UnsupportedError for what is no notebook that can be edited.
        """
        account_id = account_of(principal)
        async with self._context.reading(principal) as connection:
            base = await self._context.access(connection, principal, base_id, Ability.COPY)
            known = await _row(connection, base_id=base.file_id, account_id=account_id)
        if base.file["kind"] != "notebook" or base.base is not None:
            raise UnsupportedError("Only a notebook has a playground.", code="no_playground")
        if known is not None:
            await self.refresh(principal, known["file_id"])
            return await self._view(principal, known["file_id"])
        content = await self._content(base.file)
        reason = await self._revisions.reason(content.ref)
        if reason is not None:
            raise UnsupportedError(reason, code="no_playground")
        file_id, now = new_id(), self._context.now()
        async with self._context.writing(principal) as connection:
            base = await self._context.access(connection, principal, base.file_id, Ability.COPY)
            known = await _row(connection, base_id=base.file_id, account_id=account_id)
            if known is None:
                await self._context.quotas.require(connection, account_id, content.ref.size, sha256=content.ref.sha256)
                await store.add_file(
                    connection,
                    {
                        "id": file_id,
                        "kind": "notebook",
                        "name": base.file["name"],
                        "media_type": NOTEBOOK_TYPE,
                        "owner_id": account_id,
                        "parent_id": None,
                        "path": "/",
                        "created_at": now,
                        "modified_at": now,
                        "modified_by": account_id,
                        "settings": {},
                    },
                )
                first = await self._revisions.add_in(
                    connection, file_id, content.ref, kind="import", author_id=account_id
                )
                about = {"merged_id": first.id, "base_revision_id": content.revision_id, "created_at": now}
                row = {"file_id": file_id, "base_id": base.file_id, "account_id": account_id, **about}
                await connection.execute(insert(playgrounds).values(row))
                await self._context.audit(connection, principal, "playground.made", base.file_id)
        return await self._view(principal, file_id if known is None else known["file_id"])

    async def refresh(self, principal: Principal, file_id: str) -> bool:
        """Merges what the notebook got since into its playground; returns whether that was anything. Needs ``edit``.

        Where both changed the same, what the asker wrote stays.
        """
        async with self._context.reading(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.EDIT)
            row = await _row(connection, file_id=access.file_id)
            if row is None or access.base is None:
                raise NotFoundError("This is no playground.", code="no_playground")
            merged = await store.revisions_of(connection, access.file_id, only=row["merged_id"])
        content = await self._content(access.base)
        if merged and merged[0].sha256 == content.ref.sha256:
            return False
        reason = await self._revisions.reason(content.ref)
        if reason is not None:
            raise ConflictError(f"The original cannot be read now: {reason}", code="no_playground")
        async with self._context.reading(principal) as connection:
            account_id = account_of(principal)
            await self._context.quotas.require(connection, account_id, content.ref.size, sha256=content.ref.sha256)
        upload = Upload(content.ref, merged[0] if merged else None, None)

        async def keep() -> Any:
            return await self._revisions.add(access.file_id, content.ref, kind="upload", author_id=principal.account_id)

        await self._context.live.put(principal, access.file_id, upload, keep)
        async with self._context.writing(principal) as connection:
            await self._note_merged(connection, access.file_id, content)
        return True

    async def _note_merged(self, connection: AsyncConnection, file_id: str, content: _Content) -> None:
        """Keeps what was merged, beside the playground's own revisions: the next merge begins from it.

        What was merged before ends, unless somebody named or pinned it: thinning would never drop it.
        """
        file, row = await store.row_of(connection, file_id), await _row(connection, file_id=file_id)
        if file is None or row is None:
            raise NotFoundError("The playground was deleted meanwhile.", code="no_such_file")
        revision_id = new_id()
        about = {"id": revision_id, "file_id": file_id, "sha256": content.ref.sha256, "size": content.ref.size}
        when: dict[str, Any] = {
            "kind": "import",
            "author_id": None,
            "contributors": [],
            "created_at": self._context.now(),
        }
        await store.add_revision(connection, {**about, **when})
        values = {"merged_id": revision_id, "base_revision_id": content.revision_id}
        await connection.execute(update(playgrounds).where(playgrounds.c.file_id == file_id).values(values))
        former = await store.revisions_of(connection, file_id, only=row["merged_id"]) if row["merged_id"] else []
        unneeded = [one.id for one in former if one.id != file["head_revision_id"] and not (one.pinned or one.name)]
        await store.delete_revisions(connection, unneeded)

    async def _content(self, base: Mapping[str, Any]) -> _Content:
        exported = await self._context.live.export(base["id"])
        if exported is not None:
            return _Content(await self._blobs.put(exported, NOTEBOOK_TYPE), None)
        head = await self._revisions.head(base["id"])
        if head is None:
            raise NotFoundError("This notebook has no content.", code="no_such_revision")
        return _Content(BlobRef(head.sha256, head.size), head.id)

    async def _view(self, principal: Principal, file_id: str) -> FileView:
        async with self._context.reading(principal) as connection:
            return await self._context.view(connection, await self._context.access(connection, principal, file_id))

    async def tidy(self) -> int:
        """Deletes playgrounds that nobody used for long, and those whose notebooks are gone; returns how many."""
        before = timestamp(self._context.clock.now() - timedelta(days=self.keep_days))
        opened = (
            select(func.max(recents.c.opened_at))
            .where(recents.c.file_id == files.c.id)
            .correlate(files)
            .scalar_subquery()
        )
        unused = (files.c.modified_at < before) & (func.coalesce(opened, "") < before)
        query = (
            select(files.c.id)
            .join(playgrounds, playgrounds.c.file_id == files.c.id)
            .where(or_(playgrounds.c.base_id.is_(None), unused))
            .limit(_TIDY)
        )
        async with self._context.database.transaction() as connection:
            ids = list((await connection.execute(query)).scalars())
            await store.delete_files(connection, ids)
        if ids:
            await self._context.live.ended(ids)
        return len(ids)


async def _row(connection: AsyncConnection, **keys: Any) -> Mapping[str, Any] | None:
    query = select(playgrounds).where(*(playgrounds.c[key] == value for key, value in keys.items()))
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else dict(row)


async def playgrounds_of(connection: AsyncConnection, base_ids: list[str]) -> list[str]:
    """Returns the ids of the playgrounds of notebooks."""
    found: list[str] = []
    for start in range(0, len(base_ids), 500):
        query = select(playgrounds.c.file_id).where(playgrounds.c.base_id.in_(base_ids[start : start + 500]))
        found += (await connection.execute(query)).scalars()
    return found

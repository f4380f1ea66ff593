"""The tree: moves, the trash, the end. Paths of descendants are kept right in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Ability, FileAccess, Principal
from labora.base.errors import ConflictError, ForbiddenError, LaboraError
from labora.drive import store
from labora.drive.base import DriveContext
from labora.drive.playgrounds import playgrounds_of

MAX_DEPTH = 100
"""Deepest nesting of folders: bounds paths and every query over ancestors."""


class VersionConflictError(LaboraError):
    """The item changed since the version that the request names."""

    code, status = "version_conflict", 412


def require_version(access: FileAccess, expected_version: int | None) -> None:
    """Raises VersionConflictError unless the item is at this version; None stands for any."""
    if expected_version is not None and access.file["version"] != expected_version:
        raise VersionConflictError(
            "Somebody changed this item meanwhile. Look at it again, then repeat your change.",
            details={"version": access.file["version"]},
        )


class Tree:
    """Verbs that change where items are. Each takes the caller's transaction, except :meth:`delete`."""

    def __init__(self, context: DriveContext) -> None:
        self._context = context

    async def move(self, connection: AsyncConnection, principal: Principal, access: FileAccess, parent_id: str) -> bool:
        """Puts an item into another folder; returns whether it moved.

        Editors may move within one drive; only the owner takes an item out of the drive that it is in.

        Raises:
            ConflictError: ``cycle`` for a folder into itself, ``not_a_folder``, ``too_deep``.
            ForbiddenError: no right to take it out or to put it in.
        """
        target = await self._context.access(connection, principal, parent_id)
        if target.file_id == access.file["parent_id"]:
            return False
        access.require(Ability.MOVE)
        target.require(Ability.EDIT)
        if target.file["kind"] != "folder":
            raise ConflictError("Items can only be moved into a folder.", code="not_a_folder")
        inside = store.prefix_of(access.file)
        if target.file_id == access.file_id or store.prefix_of(target.file).startswith(inside):
            raise ConflictError("A folder cannot be moved into itself.", code="cycle")
        if access.file["owner_id"] != principal.account_id:
            if target.allows(Ability.SHARE) and not access.allows(Ability.SHARE):
                raise ForbiddenError(
                    "Its owner keeps sharing to themselves here. Ask them to move it.", code="owner_shares_only"
                )
            await self._require_same_drive(connection, principal, access, target)
        await self._require_depth(connection, access, target)
        await store.move_subtree(connection, access.file, target.file)
        details = {"from": access.file["parent_id"], "to": target.file_id}
        await self._context.audit(connection, principal, "file.moved", access.file_id, details)
        return True

    async def _require_same_drive(
        self, connection: AsyncConnection, principal: Principal, access: FileAccess, target: FileAccess
    ) -> None:
        source = await self._context.access(connection, principal, str(access.file["parent_id"]))
        source.require(Ability.EDIT)
        if _top(store.prefix_of(target.file)) != _top(str(access.file["path"])):
            raise ForbiddenError(
                "Only the owner can take this item out of the drive that it is in. Make a copy instead.",
                code="not_owner",
            )

    async def _require_depth(self, connection: AsyncConnection, access: FileAccess, target: FileAccess) -> None:
        deepest = 0
        if access.file["kind"] == "folder":
            own = str(access.file["path"]).count("/")
            below = await store.subtree(connection, access.file)
            deepest = max((row["path"].count("/") - own for row in below), default=0)
        if store.prefix_of(target.file).count("/") + deepest > MAX_DEPTH:
            raise ConflictError(f"Folders can be nested {MAX_DEPTH} deep at most.", code="too_deep")

    async def trash(self, connection: AsyncConnection, principal: Principal, access: FileAccess) -> None:
        """Puts an item, with everything below it, into the trash."""
        access.require(Ability.TRASH)
        now = self._context.now()
        await store.bump(connection, access.file_id, {"trashed_at": now})
        await store.mark_below(connection, access.file, now)
        await self._context.audit(connection, principal, "file.trashed", access.file_id)

    async def untrash(self, connection: AsyncConnection, principal: Principal, access: FileAccess) -> None:
        """Takes an item out of the trash, to where it was, or to My Drive when that is in the trash itself."""
        access.require(Ability.TRASH)
        row = dict(access.file)
        await store.bump(connection, row["id"], {"trashed_at": None, "ancestor_trashed_at": None})
        await store.mark_below(connection, row, None)
        root = await store.root_of(connection, row["owner_id"])
        if row["ancestor_trashed_at"] and root is not None:
            await store.move_subtree(connection, row, root)
        await self._context.audit(connection, principal, "file.untrashed", row["id"])

    async def delete(self, principal: Principal, file_id: str, expected_version: int | None = None) -> list[str]:
        """Deletes an item with everything below it; returns the ids that ended."""
        async with self._context.writing(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.DELETE)
            require_version(access, expected_version)
            return await self.end(connection, principal, access.file, "file.deleted")

    async def end(
        self, connection: AsyncConnection, principal: Principal, row: Mapping[str, Any], action: str
    ) -> list[str]:
        """Ends an item with everything below it in the caller's transaction; returns the ids that ended.

        ``action`` is what the audit row says. The caller has checked access.
        """
        await self._evacuate(connection, row)
        ended = [found["id"] for found in reversed(await store.subtree(connection, row))]
        ended.append(str(row["id"]))
        # Playgrounds end with their notebooks.
        ended = [*await playgrounds_of(connection, ended), *ended]
        await store.delete_files(connection, ended)
        details = {"name": row["name"], "items": len(ended)}
        await self._context.audit(connection, principal, action, str(row["id"]), details)
        return ended

    async def _evacuate(self, connection: AsyncConnection, top: Mapping[str, Any]) -> None:
        """Moves what others own below a folder into their own My Drive, out of the trash."""
        owner = top["owner_id"]
        while True:
            foreign = [row for row in await store.subtree(connection, top) if row["owner_id"] != owner]
            if not foreign:
                return
            row = foreign[0]
            root = await store.root_of(connection, row["owner_id"])
            if root is None:
                # Nobody has signed in to that account yet.
                await store.add_root(connection, row["owner_id"], self._context.now())
                continue
            await store.move_subtree(connection, row, root)
            await store.bump(connection, row["id"], {"ancestor_trashed_at": None})
            moved = await store.row_of(connection, row["id"])
            if moved is not None:
                await store.mark_below(connection, moved, moved["trashed_at"])


def _top(prefix: str) -> str:
    return prefix.split("/")[1]

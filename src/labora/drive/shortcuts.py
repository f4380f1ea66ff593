"""Shortcuts: items of one's own that lead to another item, wherever it lies and whoever owns it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import FileAccess, Principal, access_rows
from labora.base.clock import Clock
from labora.base.errors import ConflictError
from labora.drive.listing import rows_of
from labora.drive.model import Target


async def target_for(connection: AsyncConnection, access: FileAccess) -> str:
    """Returns what a shortcut to an item leads to: the item, or what it leads to itself.

    Raises ConflictError: ``broken_shortcut`` for a shortcut that leads nowhere, ``root_shortcut`` for My Drive.
    """
    row = access.file
    if row["kind"] == "shortcut":
        if row["shortcut_target_id"] is None:
            raise ConflictError("This shortcut leads nowhere (any more).", code="broken_shortcut")
        return str(row["shortcut_target_id"])
    if row["parent_id"] is None:
        raise ConflictError("My Drive itself needs no shortcut.", code="root_shortcut")
    return access.file_id


async def targets_of(
    connection: AsyncConnection, principal: Principal, accesses: Sequence[FileAccess], clock: Clock
) -> dict[str, Target]:
    """Returns what the shortcuts among some items lead to, by their own id, as far as the principal may read it."""
    wanted = {
        access.file_id: str(access.file["shortcut_target_id"])
        for access in accesses
        if access.file["kind"] == "shortcut" and access.file["shortcut_target_id"]
    }
    if not wanted:
        return {}
    rows = await rows_of(connection, sorted(set(wanted.values())))
    readable = {found.file_id: found for found in await access_rows(connection, principal, rows, now=clock.now())}
    found = {}
    for shortcut_id, target_id in wanted.items():
        target = readable.get(target_id)
        if target is not None:
            row = target.file
            trashed = bool(row["trashed_at"] or row["ancestor_trashed_at"])
            found[shortcut_id] = Target(target_id, str(row["kind"]), str(row["media_type"]), trashed)
    return found

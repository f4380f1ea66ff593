"""Reads the permissions of an item, those of the folders above it too."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import FileAccess, Role, access_rows
from labora.access.rules import ancestors_of
from labora.base.errors import NotFoundError
from labora.db.schema import accounts, files, group_members, groups, permissions
from labora.drive.base import DriveContext
from labora.drive.model import GroupName, Permission, Person

OWNER_ID = "owner"
"""Id of the owner's entry in a list of permissions; it is changed by a transfer, never removed."""


async def all_permissions(context: DriveContext, connection: AsyncConnection, access: FileAccess) -> list[Permission]:
    """Returns the owner and every permission in the order in which they were given."""
    row = access.file
    query = select(accounts.c.id, accounts.c.name, accounts.c.login, accounts.c.color)
    owner = (await connection.execute(query.where(accounts.c.id == row["owner_id"]))).one()
    person = Person(owner.id, owner.name, owner.color)
    found = [Permission(OWNER_ID, "person", Role.OWNER, person, owner.login, None, None)]
    above = ancestors_of(row["path"])
    names = await _folder_names(context, connection, access, above)
    members = select(func.count()).where(group_members.c.group_id == groups.c.id).scalar_subquery()
    given = (
        select(
            permissions,
            accounts.c.name,
            accounts.c.login,
            accounts.c.color,
            groups.c.name.label("group_name"),
            members.label("members"),
        )
        .join(accounts, accounts.c.id == permissions.c.account_id, isouter=True)
        .join(groups, groups.c.id == permissions.c.group_id, isouter=True)
        .where(permissions.c.file_id.in_([row["id"], *above]))
        .order_by(permissions.c.created_at, permissions.c.id)
    )
    for one in await connection.execute(given):
        inherited = None if one.file_id == row["id"] else one.file_id
        # What was given to an address tells nobody whether an account reads it.
        named = one.account_id is not None and one.email is None
        found.append(
            Permission(
                one.id,
                one.kind,
                Role(one.role),
                Person(one.account_id, one.name, one.color) if named else None,
                one.login if named else None,
                one.expires_at,
                inherited,
                names.get(inherited or ""),
                GroupName(one.group_id, one.group_name, one.members) if one.group_name is not None else None,
                one.email,
            )
        )
    return found


async def own_permission(
    context: DriveContext, connection: AsyncConnection, access: FileAccess, permission_id: str
) -> Permission:
    """Returns one entry of the list. Raises NotFoundError."""
    for permission in await all_permissions(context, connection, access):
        if permission.id == permission_id:
            return permission
    raise NotFoundError("There is no such permission on this item.", code="no_such_permission")


async def _folder_names(
    context: DriveContext, connection: AsyncConnection, access: FileAccess, ids: list[str]
) -> dict[str, str]:
    query = select(files).where(files.c.id.in_(ids), files.c.parent_id.is_not(None))
    rows = [dict(row) for row in (await connection.execute(query)).mappings()]
    readable = await access_rows(connection, access.principal, rows, now=context.clock.now())
    return {one.file_id: str(one.file["name"]) for one in readable}

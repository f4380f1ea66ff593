"""SQL of the grants: which notebooks may have an account's drive without asking again."""

from __future__ import annotations

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.db.schema import audit_log, files, mount_grants


async def granted(connection: AsyncConnection, account_id: str, file_id: str) -> bool:
    """Returns whether a notebook may have the account's drive."""
    query = select(mount_grants.c.file_id).where(
        mount_grants.c.account_id == account_id, mount_grants.c.file_id == file_id
    )
    return (await connection.scalar(query)) is not None


async def grant(connection: AsyncConnection, account_id: str, file_id: str, now: str) -> None:
    """Lets a notebook have the account's drive from now on."""
    if not await granted(connection, account_id, file_id):
        row = {"account_id": account_id, "file_id": file_id, "created_at": now}
        await connection.execute(insert(mount_grants).values(**row))


async def grants(connection: AsyncConnection, account_id: str) -> list[tuple[str, str, str]]:
    """Returns id and name of each notebook that may have the account's drive, and since when; the newest first."""
    query = select(files.c.id, files.c.name, mount_grants.c.created_at).join_from(mount_grants, files)
    query = query.where(mount_grants.c.account_id == account_id).order_by(mount_grants.c.created_at.desc())
    return [(row.id, row.name, row.created_at) for row in await connection.execute(query)]


async def revoke(connection: AsyncConnection, account_id: str, file_id: str) -> bool:
    """Takes it back. Returns whether there was anything to take."""
    done = await connection.execute(
        delete(mount_grants).where(mount_grants.c.account_id == account_id, mount_grants.c.file_id == file_id)
    )
    return bool(done.rowcount)


async def audit(
    connection: AsyncConnection, account_id: str, action: str, file_id: str | None, details: dict[str, str], now: str
) -> None:
    """Writes an audit row."""
    row = {"at": now, "actor_id": account_id, "action": action, "object_id": file_id, "details": details}
    await connection.execute(insert(audit_log).values(**row))

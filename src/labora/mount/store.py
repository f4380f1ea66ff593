"""SQL of the grants: which notebooks may have an account's drive without asking again."""

from __future__ import annotations

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.db.schema import audit_log, mount_grants


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


async def grants(connection: AsyncConnection, account_id: str) -> list[tuple[str, str]]:
    """Returns the notebooks that may have the account's drive, each with the moment since when; the newest first."""
    query = select(mount_grants.c.file_id, mount_grants.c.created_at).where(mount_grants.c.account_id == account_id)
    return [tuple(row) for row in await connection.execute(query.order_by(mount_grants.c.created_at.desc()))]


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

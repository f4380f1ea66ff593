"""SQL of secrets and of what may read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.db.schema import audit_log, files, secret_grants, secrets

Row = Mapping[str, Any]


async def all_of(connection: AsyncConnection, account_id: str) -> list[Row]:
    """Returns the secrets of an account by name."""
    query = select(secrets).where(secrets.c.account_id == account_id).order_by(secrets.c.name)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def find(connection: AsyncConnection, account_id: str, name: str) -> Row | None:
    """Returns one secret."""
    query = select(secrets).where(secrets.c.account_id == account_id, secrets.c.name == name)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else dict(row)


async def count(connection: AsyncConnection, account_id: str) -> int:
    """Returns how many secrets an account has."""
    query = select(func.count()).select_from(secrets).where(secrets.c.account_id == account_id)
    return int(await connection.scalar(query) or 0)


async def add(connection: AsyncConnection, row: Row) -> None:
    """Adds a secret."""
    await connection.execute(insert(secrets).values(**row))


async def change(connection: AsyncConnection, secret_id: str, **values: str) -> None:
    """Changes a secret's name or value."""
    await connection.execute(update(secrets).where(secrets.c.id == secret_id).values(**values))


async def remove(connection: AsyncConnection, secret_id: str) -> None:
    """Deletes a secret with its grants."""
    await connection.execute(delete(secrets).where(secrets.c.id == secret_id))


async def grants(connection: AsyncConnection, account_id: str) -> list[tuple[str, str, str]]:
    """Returns (secret id, file id, since) of all grants of an account, the oldest first."""
    query = (
        select(secret_grants.c.secret_id, secret_grants.c.file_id, secret_grants.c.created_at)
        .join(secrets, secrets.c.id == secret_grants.c.secret_id)
        .where(secrets.c.account_id == account_id)
        .order_by(secret_grants.c.created_at, secret_grants.c.file_id)
    )
    return [tuple(row) for row in await connection.execute(query)]


async def granted(connection: AsyncConnection, secret_id: str, file_id: str) -> bool:
    """Returns whether a notebook may read a secret."""
    query = select(secret_grants.c.file_id).where(
        secret_grants.c.secret_id == secret_id, secret_grants.c.file_id == file_id
    )
    return await connection.scalar(query) is not None


async def grant(connection: AsyncConnection, secret_id: str, file_id: str, now: str) -> None:
    """Lets a notebook read a secret."""
    if not await granted(connection, secret_id, file_id):
        await connection.execute(insert(secret_grants).values(secret_id=secret_id, file_id=file_id, created_at=now))


async def revoke(connection: AsyncConnection, secret_id: str, file_id: str) -> bool:
    """Takes it back. Returns whether there was anything to take."""
    done = await connection.execute(
        delete(secret_grants).where(secret_grants.c.secret_id == secret_id, secret_grants.c.file_id == file_id)
    )
    return bool(done.rowcount)


async def file_rows(connection: AsyncConnection, file_ids: set[str]) -> list[Row]:
    """Returns files by their ids, as the rules of access read them."""
    query = select(files).where(files.c.id.in_(file_ids))
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def audit(
    connection: AsyncConnection, account_id: str, action: str, file_id: str | None, name: str, now: str
) -> None:
    """Writes an audit row: the name, never the value."""
    row = {"at": now, "actor_id": account_id, "action": action, "object_id": file_id, "details": {"name": name}}
    await connection.execute(insert(audit_log).values(**row))

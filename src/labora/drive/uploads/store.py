"""SQL of unfinished uploads: the table ``uploads``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.db.schema import uploads


async def find(connection: AsyncConnection, upload_id: str, account_id: str) -> dict[str, Any] | None:
    """Returns an upload of an account."""
    query = select(uploads).where(uploads.c.id == upload_id, uploads.c.account_id == account_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    return dict(row) if row else None


async def open_ones(connection: AsyncConnection, account_id: str) -> list[dict[str, Any]]:
    """Returns the unfinished uploads of an account, the newest first."""
    query = select(uploads).where(uploads.c.account_id == account_id, uploads.c.completed_at.is_(None))
    return [dict(row) for row in (await connection.execute(query.order_by(uploads.c.created_at.desc()))).mappings()]


async def count_open(connection: AsyncConnection, account_id: str) -> int:
    """Returns how many unfinished uploads an account has."""
    mine = (uploads.c.account_id == account_id, uploads.c.completed_at.is_(None))
    return int(await connection.scalar(select(func.count()).where(*mine)) or 0)


async def add(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    """Inserts an upload."""
    await connection.execute(insert(uploads).values(**values))


def advance(connection: Connection, upload_id: str, before: int, after: int, expires_at: str) -> bool:
    """Moves an upload on from where it stood; returns False when it stands elsewhere or is gone."""
    where = (uploads.c.id == upload_id, uploads.c.received == before, uploads.c.completed_at.is_(None))
    done = connection.execute(update(uploads).where(*where).values(received=after, expires_at=expires_at))
    return bool(done.rowcount)


async def complete(connection: AsyncConnection, upload_id: str, file_id: str, now: str) -> None:
    """Notes what an upload became."""
    values = {"completed_at": now, "result_id": file_id}
    await connection.execute(update(uploads).where(uploads.c.id == upload_id).values(**values))


async def remove(connection: AsyncConnection, upload_id: str) -> None:
    """Deletes an upload."""
    await connection.execute(delete(uploads).where(uploads.c.id == upload_id))


async def expired(connection: AsyncConnection, now: str) -> list[str]:
    """Returns the uploads that are over."""
    return list((await connection.execute(select(uploads.c.id).where(uploads.c.expires_at <= now))).scalars())


async def known(connection: AsyncConnection, ids: list[str]) -> set[str]:
    """Returns those of the ids that are unfinished uploads."""
    found: set[str] = set()
    for start in range(0, len(ids), 500):
        some = (uploads.c.id.in_(ids[start : start + 500]), uploads.c.completed_at.is_(None))
        found |= set((await connection.execute(select(uploads.c.id).where(*some))).scalars())
    return found

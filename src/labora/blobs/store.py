"""SQL of the blobs room: which bytes exist and which are still referred to."""

from __future__ import annotations

from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.blobs.model import BlobRef
from labora.db.schema import blobs, file_blobs, instance, private_blobs, revisions


async def register(connection: AsyncConnection, ref: BlobRef, now: str) -> None:
    """Notes that a blob exists, or that it was put again: its grace period starts anew."""
    touched = await connection.execute(update(blobs).where(blobs.c.sha256 == ref.sha256).values(created_at=now))
    if not touched.rowcount:
        row = {"sha256": ref.sha256, "size": ref.size, "media_type": ref.media_type, "created_at": now}
        await connection.execute(insert(blobs).values(**row))


async def register_many(connection: AsyncConnection, refs: list[BlobRef], now: str) -> None:
    """Does what :func:`register` does for many blobs, each given once."""
    keys = [ref.sha256 for ref in refs]
    known = set((await connection.execute(select(blobs.c.sha256).where(blobs.c.sha256.in_(keys)))).scalars())
    if known:
        await connection.execute(update(blobs).where(blobs.c.sha256.in_(known)).values(created_at=now))
    rows = [
        {"sha256": ref.sha256, "size": ref.size, "media_type": ref.media_type, "created_at": now}
        for ref in refs
        if ref.sha256 not in known
    ]
    if rows:
        await connection.execute(insert(blobs), rows)


async def find(connection: AsyncConnection, sha256: str) -> BlobRef | None:
    """Returns what is known of a blob."""
    row = (await connection.execute(select(blobs).where(blobs.c.sha256 == sha256))).one_or_none()
    return BlobRef(row.sha256, row.size, row.media_type) if row else None


async def unreferenced(connection: AsyncConnection, before: str, limit: int) -> list[str]:
    """Returns blobs put before a moment that no revision and no live or private output refers to."""
    query = (
        select(blobs.c.sha256)
        .where(
            blobs.c.created_at < before,
            ~exists().where(revisions.c.sha256 == blobs.c.sha256),
            ~exists().where(file_blobs.c.sha256 == blobs.c.sha256),
            ~exists().where(private_blobs.c.sha256 == blobs.c.sha256),
        )
        .limit(limit)
    )
    return list((await connection.execute(query)).scalars())


async def is_held(connection: AsyncConnection, now: str) -> bool:
    """Returns whether a backup is being made that needs every blob which is there (``labora.backup.model.HOLD``)."""
    query = select(instance.c.key).where(instance.c.key.like("hold.backup.%"), instance.c.value > now).limit(1)
    return (await connection.scalar(query)) is not None


async def forget(connection: AsyncConnection, hashes: list[str]) -> None:
    """Deletes rows of blobs."""
    await connection.execute(delete(blobs).where(blobs.c.sha256.in_(hashes)))

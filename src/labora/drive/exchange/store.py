"""Where a notebook came from, kept in the settings of its file."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.db.schema import files

_KEY = "source"


async def source_of(connection: AsyncConnection, file_id: str) -> dict[str, Any] | None:
    """Returns what :func:`keep_source` kept."""
    settings = await connection.scalar(select(files.c.settings).where(files.c.id == file_id))
    found = (settings or {}).get(_KEY)
    return found if isinstance(found, dict) else None


async def keep_source(connection: AsyncConnection, file_id: str, source: dict[str, Any]) -> None:
    """Notes where a file came from or was saved to: ``kind`` github, gist or url, and what belongs to it."""
    settings = await connection.scalar(select(files.c.settings).where(files.c.id == file_id))
    await connection.execute(
        update(files).where(files.c.id == file_id).values(settings={**(settings or {}), _KEY: source})
    )

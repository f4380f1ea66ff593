"""Databases for tests: a migrated one is made once in a process, and copied."""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from labora.db import Database, migrate


async def fresh(database: Database) -> None:
    """Brings a database of a test to this version's schema, as ``migrate`` does but without its seconds.

    Where there is no file yet, a copy of a migrated one takes its place; whatever is there is migrated.
    """
    if database.is_sqlite:
        await asyncio.to_thread(_place, Path(database.url.partition("///")[2]))
    await migrate(database)


def _place(path: Path) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_migrated(), path)


@cache
def _migrated() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="labora-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "labora.db"

    async def make() -> None:
        database = Database(f"sqlite+aiosqlite:///{path}")
        await migrate(database)
        await database.close()

    asyncio.run(make())
    return path

"""What a unit of work promises, whatever its caller does."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import warnings
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.db import engine
from labora.db.engine import Database
from tests.conftest import SYNCED_CONFIGURATION


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/labora.db")
    async with database.transaction() as connection:
        await connection.execute(text("create table notes (body text)"))
    yield database
    await database.close()


async def notes(database: Database) -> list[str]:
    async with database.read() as connection:
        return list((await connection.execute(text("select body from notes"))).scalars())


def note(body: str) -> Callable[[Connection], None]:
    """Returns work that writes one row."""

    def work(connection: Connection) -> None:
        connection.execute(text("insert into notes values (:body)"), {"body": body})

    return work


async def test_a_short_write_is_one_transaction(database: Database) -> None:
    def fails(connection: Connection) -> None:
        note("half")(connection)
        raise ValueError("no")

    await database.write(note("whole"))
    with pytest.raises(ValueError, match="no"):
        await database.write(fails)
    assert await notes(database) == ["whole"]


async def test_a_look_sees_one_moment_and_waits_for_nothing_else(database: Database) -> None:
    async def twice(connection: AsyncConnection) -> tuple[int, int]:
        counted = text("select count(*) from notes")
        first = await connection.scalar(counted)
        with sqlite3.connect(database.url.partition("///")[2]) as other:
            other.execute("insert into notes values ('meanwhile')")
        return first, (await connection.execute(counted)).scalar_one()

    async def waits(connection: AsyncConnection) -> None:
        await asyncio.sleep(0)

    assert await database.look(twice) == (0, 0)
    assert await notes(database) == ["meanwhile"]
    with pytest.raises(RuntimeError, match="its connection only"):
        await database.look(waits)


async def test_a_cancelled_write_is_done_whole_before_the_next(database: Database) -> None:
    for at in range(30):
        writing = asyncio.create_task(database.write(note(f"{at}")))
        for _ in range(at % 4):
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        async with database.transaction() as connection:
            await connection.execute(text("insert into notes values ('after')"))
    found = await notes(database)
    assert found.count("after") == 30
    written = [int(body) for body in found if body != "after"]
    assert written == sorted(set(written))


async def test_a_connection_whose_opening_is_cancelled_is_closed(database: Database) -> None:
    async def look() -> None:
        await notes(database)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for at in range(40):
            looking = [asyncio.create_task(look()) for _ in range(3)]
            for _ in range(at % 5):
                await asyncio.sleep(0)
            for task in looking:
                task.cancel()
            await asyncio.gather(*looking, return_exceptions=True)
        gc.collect()
    assert await notes(database) == []


@pytest.mark.parametrize(("durable", "level"), [(True, 2), (False, 1)])
async def test_a_commit_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool, level: int
) -> None:
    monkeypatch.setattr(engine, "_sqlite_configuration", SYNCED_CONFIGURATION)
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/labora.db", durable=durable)
    synchronous = text("PRAGMA synchronous")
    assert await database.write(lambda connection: connection.execute(synchronous).scalar_one()) == level
    async with database.transaction() as connection:
        assert (await connection.execute(synchronous)).scalar_one() == level
    await database.close()

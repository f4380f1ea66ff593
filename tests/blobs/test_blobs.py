"""Blobs: what is put comes back, survives, and goes when nothing refers to it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from labora.base.errors import NotFoundError, TooLargeError, UnavailableError
from labora.blobs import Blobs
from labora.db import Database
from labora.db.schema import metadata
from labora.testing.database import fresh


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/t.db")
    await fresh(database)
    yield database
    await database.close()


@pytest.fixture
def blobs(database: Database, tmp_path: Path) -> Blobs:
    return Blobs(database, tmp_path / "blobs")


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def stored(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]


async def test_the_same_bytes_are_stored_once(blobs: Blobs, tmp_path: Path) -> None:
    first = await blobs.put(b"hello", "text/plain")
    second = await blobs.put_stream(stream(b"he", b"llo"), "text/plain")
    assert first == second
    assert first.sha256 == hashlib.sha256(b"hello").hexdigest()
    assert await blobs.get(first.sha256) == b"hello"
    assert len(stored(tmp_path)) == 1


async def test_many_at_once_are_stored_once_each(blobs: Blobs, tmp_path: Path) -> None:
    values = [(f"value {number % 20}".encode(), "text/plain") for number in range(30)]
    await blobs.put_many(values)
    await blobs.put_many(values[:5])
    assert len(stored(tmp_path)) == 20
    for data, media_type in values:
        digest = hashlib.sha256(data).hexdigest()
        assert await blobs.get(digest) == data
        assert (await blobs.stat(digest)).media_type == media_type


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024 - 1, 1024 * 1024, 11 * 1024 * 1024 + 3])
async def test_sizes_around_the_pieces(blobs: Blobs, size: int) -> None:
    data = os.urandom(size)
    halves = stream(data[: size // 2], data[size // 2 :])
    ref = await blobs.put_stream(halves)
    assert ref.size == size
    assert b"".join([piece async for piece in await blobs.open(ref.sha256)]) == data


async def test_ranges(blobs: Blobs) -> None:
    data = os.urandom(3_000_000)
    ref = await blobs.put(data)
    assert b"".join([piece async for piece in await blobs.open(ref.sha256, 10, 2_500_000)]) == data[10:2_500_000]
    assert b"".join([piece async for piece in await blobs.open(ref.sha256, 2_999_990, 9_999_999)]) == data[-10:]


async def test_a_stream_above_the_limit_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    with pytest.raises(TooLargeError) as caught:
        await blobs.put_stream(stream(b"x" * 600, b"x" * 600), limit=1000)
    assert caught.value.details["limit"] == 1000
    assert stored(tmp_path) == []


async def test_a_stream_that_breaks_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 10_000_000
        raise ConnectionResetError("client went away")

    with pytest.raises(ConnectionResetError):
        await blobs.put_stream(broken())
    assert stored(tmp_path) == []


async def test_too_little_space_is_a_clear_error(database: Database, tmp_path: Path) -> None:
    blobs = Blobs(database, tmp_path / "blobs", min_free_bytes=1 << 60)
    for attempt in (blobs.put(b"x"), blobs.put_stream(stream(b"x"))):
        with pytest.raises(UnavailableError) as caught:
            await attempt
        assert caught.value.error_code == "storage_full"


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64])
async def test_unknown_names(blobs: Blobs, name: str) -> None:
    with pytest.raises(NotFoundError):
        await blobs.get(name)
    with pytest.raises(NotFoundError):
        await blobs.open(name)


async def test_the_sweep_takes_only_what_is_old_and_unreferenced(
    blobs: Blobs, database: Database, tmp_path: Path
) -> None:
    kept, fresh = await blobs.put(b"kept"), await blobs.put(b"loose")
    tables = metadata.tables
    async with database.transaction() as connection:
        account = {"id": "a", "name": "A", "login": "a", "created_at": "x"}
        await connection.execute(tables["accounts"].insert().values(**account))
        file = {"id": "f", "kind": "notebook", "name": "n", "media_type": "x", "owner_id": "a", "path": "/"}
        file |= {"created_at": "x", "modified_at": "x", "settings": {}}
        await connection.execute(tables["files"].insert().values(**file))
        await connection.execute(tables["file_blobs"].insert().values(file_id="f", sha256=kept.sha256))
    assert await blobs.sweep(timedelta(hours=1)) == 0
    assert await blobs.sweep(timedelta(hours=-1)) == 1
    assert await blobs.get(kept.sha256) == b"kept"
    with pytest.raises(NotFoundError):
        await blobs.get(fresh.sha256)
    assert len(stored(tmp_path)) == 1
    again = await blobs.put(b"loose")
    assert await blobs.get(again.sha256) == b"loose"

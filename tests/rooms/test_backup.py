"""Restore drill (F28): a backup that is made while people work, restored on a clean folder."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from labora.backup import BackupError, Progress, back_up, restore
from labora.base.settings import Settings, load_settings
from labora.db import migrate
from labora.db.schema import instance, login_sessions, mail, permissions, private_blobs, private_outputs, rooms
from labora.drive import Drive
from tests.rooms.conftest import ADA, BOB, House

NOW = "2026-01-01T00:00:00.000Z"


def settings_of(folder: Path) -> Settings:
    return load_settings(storage={"data_dir": folder, "min_free_bytes": 0})


async def open_house(folder: Path, *, fresh: bool = False) -> House:
    """Starts rooms and drive on the state of a data folder."""
    (folder / "state").mkdir(parents=True, exist_ok=True)
    house = House(folder / "state")
    await migrate(house.database)
    if fresh:
        for principal in (ADA, BOB):
            await house.add_account(principal)
        async with house.database.transaction() as connection:
            await connection.execute(insert(instance).values(key="id", value="one"))
    await house.start()
    return house


@pytest.fixture
async def working(tmp_path: Path) -> AsyncIterator[House]:
    """A server with people at work."""
    house = await open_house(tmp_path / "data", fresh=True)
    yield house
    await house.close()


async def content(drive: Drive, file_id: str) -> bytes:
    _, _, pieces = await drive.open_content(ADA, file_id)
    return b"".join([piece async for piece in pieces])


def blobs_of(folder: Path) -> dict[str, str]:
    found = (path for path in (folder / "blobs").rglob("*") if path.is_file() and "incoming" not in path.parts)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


async def test_sec_f28_restore_drill(working: House, tmp_path: Path) -> None:
    drive, loop = working.drive, asyncio.get_running_loop()
    notebook = await working.notebook("one", "two")
    plain = await working.upload(b"plain" * 5000, name="plain.bin")
    gone = await working.upload(b"deleted while the backup is made", name="gone.bin")
    await drive.sharing.add(ADA, notebook, role="viewer", account_id="bob")  # type: ignore[arg-type]
    private = await working.blobs.put(b"said to one account alone")
    async with working.database.transaction() as connection:
        session = {"id": "s", "account_id": "ada", "secret_sha256": "x", "created_at": NOW, "last_seen_at": NOW}
        await connection.execute(insert(login_sessions).values(**session, expires_at="2999"))
        row = {"id": "m", "recipient": "a@b", "subject": "s", "body": "b", "created_at": NOW, "next_try_at": NOW}
        await connection.execute(insert(mail).values(**row))
        place = {"file_id": notebook, "account_id": "ada", "cell_id": "c0"}
        about = {"runtime_id": "r", "execution": {}, "outputs": [], "changed_at": NOW}
        await connection.execute(insert(private_outputs).values(**place, **about))
        await connection.execute(insert(private_blobs).values(**place, sha256=private.sha256))

    async with working.page(notebook) as page:
        page.type("c0", "acknowledged before ")
        await page.settle()
        before = page.source("c0")
        epoch, typed, reports = page.welcome["epoch"], 0, list[Progress]()

        async def delete_and_sweep() -> None:
            await drive.delete(ADA, gone)
            assert await working.blobs.sweep(timedelta(seconds=-1)) == 0, "a backup holds them"

        def report(progress: Progress) -> None:
            if not reports:
                asyncio.run_coroutine_threadsafe(delete_and_sweep(), loop).result(30)
            reports.append(progress)

        place = tmp_path / "backup"
        backing = asyncio.create_task(asyncio.to_thread(back_up, settings_of(tmp_path / "data"), place, report))
        while not backing.done():
            page.type("c1", "y")
            await page.settle()
            typed += 1
        manifest = await backing
        assert typed > 0
        assert page.unsaved == {}, "nobody waited for the backup"
        page.disconnect()
        page.type("c1", "unsent ")
        kept = page.source("c1")
    assert await working.blobs.sweep(timedelta(seconds=-1)) >= 1, "and lets go of them"
    assert manifest.damaged == []
    checking = await asyncio.create_subprocess_exec("sha256sum", "-c", "--quiet", manifest.sums, cwd=place)
    assert await checking.wait() == 0

    again = list[Progress]()
    await asyncio.to_thread(back_up, settings_of(tmp_path / "data"), tmp_path / "backup2.tar")
    newer = await asyncio.to_thread(back_up, settings_of(tmp_path / "data"), place, again.append)
    assert again[-1].skipped == again[-1].blobs, "a folder takes only what is new"
    assert not (place / manifest.database).exists() or newer.database == manifest.database
    held = b"".join(path.read_bytes() for path in (place / "blobs").rglob("*") if path.is_file())
    assert b"deleted while" not in held
    assert b"said to one" not in held

    for source, clean in ((place, tmp_path / "clean"), (tmp_path / "backup2.tar", tmp_path / "clean2")):
        found, aside = await asyncio.to_thread(restore, settings_of(clean), source)
        assert (found.instance_id, aside) == ("one", None)
        restored = await open_house(clean)
        try:
            stored = blobs_of(clean / "state")
            assert stored, "bytes are there"
            assert all(name == sha256 for name, sha256 in stored.items())
            assert await content(restored.drive, plain) == b"plain" * 5000
            async with restored.page(notebook) as page:
                assert page.source("c0") == before
                assert page.source("c1").count("y") == typed, "what was acknowledged before the second backup"
                assert page.welcome["epoch"] != epoch
                # A page of the old epoch keeps its unsent cell and puts it in again, as the protocol says.
                page.type("c1", kept.removesuffix(page.source("c1")))
                await page.settle()
                assert page.source("c1") == kept
            async with restored.database.read() as connection:
                assert (await connection.execute(select(login_sessions))).all() == []
                assert (await connection.execute(select(mail))).all() == []
                shares = (await connection.execute(select(permissions.c.account_id, permissions.c.role))).all()
                assert [tuple(row) for row in shares] == [("bob", "viewer")]
                assert len((await connection.execute(select(rooms.c.epoch))).all()) == 1
        finally:
            await restored.close()


async def test_sec_f28_the_point_holds_what_was_acknowledged_and_what_goes_later(
    working: House, tmp_path: Path
) -> None:
    drive, loop = working.drive, asyncio.get_running_loop()
    gone = await working.upload(b"deleted while the backup is made", name="gone.bin")
    await working.upload(b"another", name="b.bin")
    once = list[int]()

    def report(progress: Progress) -> None:
        if not once:
            once.append(1)
            asyncio.run_coroutine_threadsafe(drive.delete(ADA, gone), loop).result(30)

    await asyncio.to_thread(back_up, settings_of(tmp_path / "data"), tmp_path / "b.tar", report)
    await asyncio.to_thread(restore, settings_of(tmp_path / "clean"), tmp_path / "b.tar")
    restored = await open_house(tmp_path / "clean")
    assert await content(restored.drive, gone) == b"deleted while the backup is made"
    await restored.close()


async def test_a_damaged_or_foreign_backup_is_refused_and_nothing_is_changed(working: House, tmp_path: Path) -> None:
    await working.upload(b"bytes", name="a.bin")
    data, place = settings_of(tmp_path / "data"), tmp_path / "backup"
    await asyncio.to_thread(back_up, data, place)
    await asyncio.to_thread(back_up, data, tmp_path / "whole.tar")

    def refused(source: Path, why: str) -> None:
        target = tmp_path / "target"
        with pytest.raises(BackupError, match=why):
            restore(settings_of(target), source)
        assert not list(target.glob("*"))

    def changed(name: str, change: Any) -> Path:
        copy = tmp_path / name
        shutil.copytree(place, copy)
        change(copy)
        return copy

    def flip(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(bytes(data))

    blob = next(path for path in (place / "blobs").rglob("*") if path.is_file()).relative_to(place)
    cases = {
        "flipped": (lambda copy: flip(copy / blob), "missing or changed"),
        "missing": (lambda copy: (copy / blob).unlink(), "missing or changed"),
        "database": (lambda copy: flip(next(copy.glob("labora-*.db"))), "missing or changed"),
        "sums": (lambda copy: flip(next(copy.glob("SHA256SUMS-*"))), "list of checksums"),
        "unfinished": (lambda copy: (copy / "manifest.json").unlink(), "no whole backup"),
        "other": (lambda copy: (copy / "manifest.json").write_text("{}"), "no backup of Labora"),
        "newer": (
            lambda copy: (copy / "manifest.json").write_text(json.dumps({"format": "labora-backup", "version": 9})),
            "newer Labora",
        ),
    }
    for name, (change, why) in cases.items():
        await asyncio.to_thread(refused, changed(name, change), why)
    cut = tmp_path / "cut.tar"
    cut.write_bytes((tmp_path / "whole.tar").read_bytes()[:-20_000])
    await asyncio.to_thread(refused, cut, "no whole backup|damaged")

    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine")
    for target, why in ((foreign, "not empty"), (tmp_path / "whole.tar", "exists"), (foreign / "thesis.txt", "file")):
        with pytest.raises(BackupError, match=why):
            await asyncio.to_thread(back_up, data, target)
    with closing(sqlite3.connect(tmp_path / "data" / "state" / "labora.db")) as connection, connection:
        connection.execute("UPDATE instance SET value = 'another' WHERE key = 'id'")
    with pytest.raises(BackupError, match="another installation"):
        await asyncio.to_thread(back_up, data, place)
    assert (foreign / "thesis.txt").read_text() == "mine"
    # A blob that is damaged here is told, and everything else is kept.
    path = next(path for path in (tmp_path / "data" / "state" / "blobs").rglob("*") if path.is_file())
    flip(path)
    manifest = await asyncio.to_thread(back_up, data, tmp_path / "with-damage.tar")
    assert manifest.damaged == [path.name]

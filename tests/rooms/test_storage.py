"""A full or failing disk: acknowledgements stop, reading works, and it recovers without a restart (F4, F5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from labora.db.schema import journal
from labora.rooms.journal import Entry
from labora.rooms.store import JournalWriter


class FailingDisk:
    """A writer that says what SQLite says of a full disk, until it is told not to."""

    def __init__(self, write: JournalWriter) -> None:
        self.write = write
        self.full = False

    async def __call__(self, entries: Sequence[Entry]) -> None:
        if self.full:
            raise OperationalError("INSERT", {}, Exception("database or disk is full"))
        await self.write(entries)


async def test_disk_full_stops_acknowledgements_only_and_recovers(house: Any) -> None:
    file_id = await house.notebook("x")
    disk = FailingDisk(JournalWriter(house.database, house.rooms.clock))
    await house.rooms.close()
    await house.start(write=disk)
    async with house.page(file_id) as page:
        disk.full = True
        page.type("c0", "a")
        page.type("c0", "b")
        await page.until(lambda: any(m["type"] == "storage" and not m["ok"] for m in page.control))
        assert len(page.unsaved) == 2
        async with house.page(file_id) as reader:
            # Reading works, and shows what is durable; nothing else.
            assert reader.source("c0") == "x"
            assert any(m["type"] == "storage" and not m["ok"] for m in reader.control)
            disk.full = False
            await page.until(lambda: page.unsaved == {})
            assert [m["ok"] for m in page.control if m["type"] == "storage"] == [False, True]
            await reader.until(lambda: reader.source("c0") == "bax")
    await house.crash()
    await house.start()
    async with house.page(file_id) as page:
        assert page.source("c0") == "bax"


async def test_a_deleted_file_does_not_stop_the_journal_of_others(house: Any) -> None:
    gone, kept = await house.notebook("x"), await house.notebook("y")
    async with house.page(gone) as one, house.page(kept) as other:
        subscriber = one.subscriber
        await house.drive.change(one.principal, gone, trashed=True)
        await house.drive.delete(one.principal, gone)
        assert subscriber.close_code == 4410
        one.type("c0", "late")
        other.type("c0", "fine ")
        await other.until(lambda: other.unsaved == {})
        assert other.room.document.source("c0") == "fine y"


async def test_a_damaged_record_keeps_only_its_own_notebook_away(house: Any) -> None:
    bad, good = await house.notebook("x"), await house.notebook("y")
    for file_id in (bad, good):
        async with house.page(file_id) as page:
            page.type("c0", "edit ")
            await page.settle()
    await house.crash()
    async with house.database.transaction() as connection:
        await connection.execute(update(journal).where(journal.c.file_id == bad).values(payload=b"\xff\xff\xff"))
    await house.start()
    async with house.page(good) as page:
        assert page.source("c0") == "edit y"
    room = await house.rooms.open(bad)
    assert room.document is None
    assert "damaged" in room.read_only_reason

"""A full or failing disk: acknowledgements stop, reading works, and it recovers without a restart (F4, F5)."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from labora.base.errors import LaboraError, UnavailableError
from labora.db.schema import journal
from labora.rooms import service, store
from labora.rooms.journal import Entry
from labora.rooms.store import JournalWriter
from labora.testing.recorder import eventually


class FailingDisk:
    """A writer to a database that says what SQLite says of a full disk, until it is told not to."""

    def __init__(self, house: Any) -> None:
        self.database = house.database
        self.write = JournalWriter(house.database, house.rooms.clock)
        self.full = False
        self.fails: Exception | None = None
        self.tries = 0

    async def __call__(self, entries: Sequence[Entry]) -> None:
        self.tries += 1
        if self.fails is not None:
            async with self.database.transaction():
                raise self.fails
        if self.full:
            async with self.database.transaction():
                raise OperationalError("INSERT", {}, Exception("database or disk is full"))
        await self.write(entries)


SYNC_FAILED = [
    OperationalError("COMMIT", {}, Exception("disk I/O error")),
    OSError(errno.EIO, "Input/output error"),
]


async def test_disk_full_stops_acknowledgements_only_and_recovers(house: Any) -> None:
    file_id = await house.notebook("x")
    disk = FailingDisk(house)
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


@pytest.mark.parametrize("error", SYNC_FAILED, ids=["sqlite", "os"])
async def test_after_a_failed_sync_nothing_is_ever_acknowledged_again(house: Any, error: Exception) -> None:
    file_id, other_id = await house.notebook("x", "y"), await house.notebook("never open")
    disk = FailingDisk(house)
    await house.rooms.close()
    await house.start(write=disk)
    async with house.page(file_id) as page:
        page.type("c0", "saved ")
        await page.settle()
        disk.fails = error
        page.type("c0", "lost? ")
        await page.until(lambda: any(m["type"] == "storage" and not m["ok"] for m in page.control))
        rights = next(m for m in page.control if m["type"] == "rights")
        assert "edit" not in rights["abilities"]
        assert "read" in rights["abilities"]
        # The disk seems well again; a second try would succeed and prove nothing.
        disk.fails, tries = None, disk.tries
        page.type("c0", "more ")
        refused = await page.command("execute", cells=["c1"])
        assert refused["type"] == "refused"
        async with house.page(file_id) as reader:
            assert reader.source("c0") == "saved x"
            assert "operator" in reader.welcome["read_only_reason"]
            assert [m["ok"] for m in reader.control if m["type"] == "storage"] == [False]
        async with house.page(other_id) as reader:
            assert reader.source("c0") == "never open"
            assert reader.welcome["read_only_reason"]
        with pytest.raises(LaboraError) as caught:
            await house.rooms.headless.run(house.ada, file_id)
        assert caught.value.error_code == "read_only"
        assert disk.tries == tries
        assert len(page.unsaved) == 2
        assert not any(m["type"] == "update_refused" for m in page.control)
        page.disconnect()
        await house.rooms.close()
        await house.start()
        # What the page kept is saved by the server that was started again.
        await page.connect()
        await page.until(lambda: page.unsaved == {})
        assert page.room.document.source("c0") == "more lost? saved x"


async def test_whoever_waits_for_a_failed_disk_is_told(house: Any) -> None:
    file_id = await house.notebook("x")
    disk = FailingDisk(house)
    await house.rooms.close()
    await house.start(write=disk)
    disk.fails = SYNC_FAILED[0]
    with pytest.raises(LaboraError) as caught:
        async with asyncio.timeout(60):
            await house.rooms.headless.run(house.ada, file_id)
    assert caught.value.error_code == "storage_failed"


async def test_a_writer_that_fails_in_an_unknown_way_is_told_and_not_silent(house: Any) -> None:
    file_id = await house.notebook("x")
    disk = FailingDisk(house)
    await house.rooms.close()
    await house.start(write=disk)
    async with house.page(file_id) as page:
        disk.fails = RuntimeError("surprise")
        page.type("c0", "a")
        await page.until(lambda: any(m["type"] == "rights" and "edit" not in m["abilities"] for m in page.control))
        assert [m["ok"] for m in page.control if m["type"] == "storage"] == [False]


async def test_edits_wait_while_every_connection_of_the_database_is_taken(house: Any) -> None:
    file_id = await house.notebook("x")
    disk = FailingDisk(house)
    await house.rooms.close()
    await house.start(write=disk)
    async with house.page(file_id) as page:
        disk.fails = PoolTimeoutError("QueuePool limit reached")
        page.type("c0", "a")
        await page.until(lambda: any(m["type"] == "storage" and not m["ok"] for m in page.control))
        told = next(m for m in page.control if m["type"] == "storage")
        assert "busy" in told["message"]
        disk.fails = None
        await page.until(lambda: page.unsaved == {})
        assert page.room.document.source("c0") == "ax"


async def test_a_notebook_that_cannot_be_made_live_is_shown_and_becomes_editable_later(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = await house.notebook("x")
    made = store.insert_room

    async def full(*_: Any) -> bool:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    monkeypatch.setattr(store, "insert_room", full)
    async with house.page(file_id) as page:
        assert page.source("c0") == "x"
        assert "full" in page.welcome["read_only_reason"]
        monkeypatch.setattr(store, "insert_room", made)
        monkeypatch.setattr(service, "AGAIN_S", 0.0)
        await eventually(lambda: page.subscriber is not None and page.subscriber.close_code == 1012)
    async with house.page(file_id) as page:
        assert page.welcome["read_only_reason"] is None
        page.type("c0", "y")
        await page.until(lambda: page.unsaved == {})


async def test_output_waits_for_a_full_disk_and_none_is_lost(house: Any) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        made = (await page.command("execute", cells=["c0"]))["result"]["executions"]
        await page.until(lambda: page.state["executions"][made[0]["id"]]["status"] == "running")
        await eventually(lambda: "ada" in house.compute.runtimes and bool(house.compute.kernel_of("ada").executed))
        put, full = house.blobs.put_many, True
        tried = asyncio.Event()

        async def failing(items: Any) -> Any:
            if full:
                tried.set()
                raise UnavailableError("The server's disk is full.", code="storage_full")
            return await put(items)

        house.blobs.put_many = failing
        kernel = house.compute.kernel_of("ada")
        large = "x" * 100_000
        kernel.say("display_data", {"data": {"text/plain": large}, "metadata": {}}, made[0]["id"])
        kernel.print(made[0]["id"], "after\n")
        kernel.done(made[0]["id"])
        await tried.wait()
        assert page.state["cells"]["c0"]["outputs"] == []
        full = False
        assert (await page.finished(made[0]["id"]))["status"] == "ok"
        outputs = page.state["cells"]["c0"]["outputs"]
        assert [output["output_type"] for output in outputs] == ["display_data", "stream"]
        ref = outputs[0]["data"]["text/plain"]["$blob"]
        assert await house.blobs.get(ref["sha256"]) == large.encode()
        await page.settle()
        assert kernel.acked == kernel.n


async def test_output_that_cannot_be_stored_ends_its_cell_with_the_reason(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = await house.notebook("hang", "fine")
    async with house.page(file_id) as page:
        made = (await page.command("execute", cells=["c0"]))["result"]["executions"]
        await eventually(lambda: "ada" in house.compute.runtimes and bool(house.compute.kernel_of("ada").executed))

        async def failing(_items: Any) -> None:
            raise UnavailableError("The server's storage failed.", code="storage_failed")

        with monkeypatch.context() as patched:
            patched.setattr(house.blobs, "put_many", failing)
            content = {"data": {"text/plain": "x" * 100_000}, "metadata": {}}
            house.compute.kernel_of("ada").say("display_data", content, made[0]["id"])
            ended = await page.finished(made[0]["id"])
        assert ended["status"] == "lost"
        assert "storage failed" in ended["reason"]
        made = (await page.command("execute", cells=["c1"]))["result"]["executions"]
        assert (await page.finished(made[0]["id"]))["status"] == "ok"
        assert page.text("c1") == "fine\n"


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


async def test_a_busy_database_does_not_make_a_record_look_damaged(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = await house.notebook("x")
    async with house.page(file_id) as page:
        page.type("c0", "edit ")
        await page.settle()
    await house.crash()

    def busy(*_: Any) -> Any:
        raise OperationalError("SELECT", {}, Exception("database is locked"))

    with monkeypatch.context() as patched:
        patched.setattr(store, "read_journal", busy)
        await house.start()
        with pytest.raises(UnavailableError, match="busy"):
            await house.rooms.open(file_id)
    async with house.page(file_id) as page:
        assert page.source("c0") == "edit x"


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

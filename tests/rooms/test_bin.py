"""Deleted cells: a bin for some weeks, then nothing, and never while somebody is connected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from labora.base.clock import SystemClock
from labora.blobs import BlobRef

DAY = timedelta(days=1)


class Calendar(SystemClock):
    """A clock whose days a test turns."""

    def __init__(self) -> None:
        self.today = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.today


async def start(house: Any) -> Calendar:
    calendar = Calendar()
    await house.rooms.close()
    await house.start(clock=calendar)
    return calendar


def delete(page: Any, cell_id: str) -> None:
    page.doc["cells"][cell_id]["deleted"] = True
    page.flush()


async def bin_of(house: Any, file_id: str) -> set[str]:
    room = await house.rooms.open(file_id)
    return {cell.id for cell in room.document.cells() if cell.deleted}


async def revisions(house: Any, file_id: str) -> int:
    return len((await house.drive.history.page(house.ada, file_id)).revisions)


async def test_deleted_cells_are_kept_for_their_time_and_purged_after_it(house: Any) -> None:
    calendar = await start(house)
    file_id = await house.notebook("old", "kept", "young", "back")
    async with house.page(file_id) as page:
        delete(page, "c0")
        delete(page, "c3")
        await page.settle()
    assert await house.rooms.evict(file_id)
    calendar.today += 20 * DAY
    async with house.page(file_id) as page:
        delete(page, "c2")
        del page.doc["cells"]["c3"]["deleted"]
        page.flush()
        await page.settle()
    assert await house.rooms.evict(file_id)
    calendar.today += 11 * DAY
    before = await revisions(house, file_id)
    # The page shows what is in the bin still; whoever is connected keeps it.
    async with house.page(file_id) as page:
        assert set(page.sources()) == {"c0", "c1", "c2", "c3"}
        assert not await house.rooms.evict(file_id)
    assert await house.rooms.evict(file_id)
    assert await bin_of(house, file_id) == {"c2"}
    async with house.page(file_id) as page:
        assert set(page.sources()) == {"c1", "c2", "c3"}
    # Nothing that is exported has changed.
    assert await revisions(house, file_id) == before
    calendar.today += 20 * DAY
    assert await house.rooms.evict(file_id)
    assert await bin_of(house, file_id) == set()


async def test_a_purge_outlives_a_crash_and_lets_go_of_outputs(house: Any) -> None:
    calendar = await start(house)
    file_id = await house.notebook("x" * 20_000, "kept")
    async with house.page(file_id) as page:
        done = (await page.command("execute", cells=["c0"]))["result"]["executions"][0]
        await page.finished(done["id"])
        house.compute.kernel_of("ada").say(
            "display_data", {"data": {"text/plain": "y" * 20_000}, "metadata": {}}, done["id"]
        )
        await page.until(lambda: len(page.state["cells"]["c0"]["outputs"]) == 2)
        sha256 = page.state["cells"]["c0"]["outputs"][1]["data"]["text/plain"]["$blob"]["sha256"]
        delete(page, "c0")
        await page.command("disconnect")
        await page.settle()
    assert await house.rooms.evict(file_id)
    assert isinstance(await house.drive.blob(house.ada, file_id, sha256), BlobRef)
    calendar.today += 31 * DAY
    await house.rooms.open(file_id)
    assert await house.rooms.evict(file_id)
    await house.crash()
    await house.start(clock=calendar)
    async with house.page(file_id) as page:
        assert set(page.sources()) == {"c1"}
        assert "c0" not in page.state["cells"]
    async with house.database.read() as connection:
        from labora.drive import store

        assert not await store.has_blob(connection, file_id, sha256)


async def test_a_page_that_was_away_over_a_purge_converges(house: Any) -> None:
    calendar = await start(house)
    file_id = await house.notebook("gone", "kept")
    page = house.new_page(file_id)
    await page.connect()
    delete(page, "c0")
    await page.settle()
    page.disconnect()
    assert await house.rooms.evict(file_id)
    page.type("c1", "typed offline ")
    calendar.today += 31 * DAY
    await house.rooms.open(file_id)
    assert await house.rooms.evict(file_id)
    await page.connect()
    await page.until(lambda: page.unsaved == {})
    room = await house.rooms.open(file_id)
    assert page.sources() == {"c1": "typed offline kept"}
    assert room.document.source("c1") == "typed offline kept"
    page.disconnect()

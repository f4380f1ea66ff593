"""N pages with cut and delayed connections, eviction and kills: all agree, nothing is lost, no cell doubles."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from labora.rooms import store


@pytest.mark.parametrize("seed", range(6))
async def test_pages_converge_whatever_happens_to_connections_and_rooms(house: Any, seed: int) -> None:
    chance = random.Random(seed)
    file_id = await house.notebook("one", "two")
    pages = [house.new_page(file_id) for _ in range(4)]
    for page in pages:
        await page.connect()
    tokens: list[str] = []
    for step in range(60):
        page = chance.choice(pages)
        what = chance.random()
        if what < 0.55:
            token = f"<{step}>"
            cell = chance.choice(["c0", "c1"])
            page.type(cell, token, chance.randint(0, len(page.source(cell))))
            tokens.append(token)
        elif what < 0.63:
            page.add_cell(f"new{step}", f"<{step}>", position=f"z{chance.choice('123456789')}V")
            tokens.append(f"<{step}>")
        elif what < 0.70:
            page.reading.clear() if page.reading.is_set() else page.reading.set()
        elif what < 0.80 and page.subscriber is not None:
            page.disconnect()
        elif what < 0.92 and page.subscriber is None:
            page.reading.set()
            await page.connect()
        elif what < 0.96:
            for other in pages:
                other.disconnect()
                other.reading.set()
            assert await house.rooms.evict(file_id)
        else:
            for other in pages:
                other.disconnect()
                other.reading.set()
            await house.crash()
            await house.start()
    await converge(house, pages)
    documents = [page.sources() for page in pages]
    assert all(document == documents[0] for document in documents)
    everything = "".join(documents[0].values())
    for token in tokens:
        assert everything.count(token) <= 1, f"{token} doubled"
    assert len([key for key in documents[0] if key in ("c0", "c1")]) == 2
    survived = "".join(sorted(character for character in everything if character not in "<>0123456789"))
    assert survived == "".join(sorted("one" + "two"))
    assert sum(character.isdigit() for character in everything) == sum(len(token) - 2 for token in tokens)


async def converge(house: Any, pages: list[Any]) -> None:
    """Lets every page connect and read everything."""
    for page in pages:
        page.reading.set()
        if page.subscriber is None:
            await page.connect()
    for _ in range(2):
        for page in pages:
            await page.settle()
    for page in pages:
        assert page.unsaved == {}


async def test_a_page_that_was_away_while_its_room_was_evicted_doubles_nothing(house: Any) -> None:
    file_id = await house.notebook("one", "two")
    page = house.new_page(file_id)
    await page.connect()
    page.disconnect()
    page.type("c0", "offline ")
    async with house.page(file_id) as other:
        other.type("c1", "meanwhile ")
        await other.settle()
    assert await house.rooms.evict(file_id)
    await page.connect()
    await page.settle()
    assert page.sources() == {"c0": "offline one", "c1": "meanwhile two"}
    async with house.page(file_id) as other:
        assert other.sources() == page.sources()
    page.disconnect()


async def test_an_edit_in_a_cell_that_a_colleague_deleted_is_kept(house: Any) -> None:
    file_id = await house.notebook("one", "two")
    async with house.page(file_id) as one, house.page(file_id) as other:
        one.doc["cells"]["c0"]["deleted"] = True
        other.type("c0", "typed ")
        one.flush()
        await one.settle()
        await other.settle()
        await one.settle()
        assert one.sources() == other.sources()
        assert one.source("c0") == "typed one"


async def test_a_restored_revision_arrives_as_edits_in_open_pages(house: Any) -> None:
    file_id = await house.notebook("one", "two", "three")
    async with house.page(file_id) as page:
        epoch = page.welcome["epoch"]
        first = (await house.drive.history.page(page.principal, file_id)).revisions
        page.type("c0", "changed ")
        page.doc["cells"]["c1"]["deleted"] = True
        page.flush()
        await page.settle()
        await house.drive.revisions.restore(page.principal, file_id, first[-1].id)
        await page.settle()
        assert page.source("c0") == "one"
        assert "deleted" not in page.doc["cells"]["c1"]
        assert page.sources() == {"c0": "one", "c1": "two", "c2": "three"}
        kinds = [revision.kind for revision in (await house.drive.history.page(page.principal, file_id)).revisions]
        assert kinds[0] == "restore"
        assert page.room.epoch == epoch
        page.type("c0", "go on ")
        await page.settle()
        assert page.unsaved == {}


async def test_a_broken_file_opens_read_only_with_the_reason_and_keeps_its_bytes(house: Any) -> None:
    file_id = await house.upload(b'{"cells": [', name="bad.ipynb")
    room, _, _ = await house.rooms.subscriber(house.ada, file_id, 1)
    assert room.document is None
    assert room.read_only_reason
    _, _, chunks = await house.drive.open_content(house.ada, file_id)
    assert b"".join([chunk async for chunk in chunks]) == b'{"cells": ['


async def test_who_comes_while_a_room_leaves_memory_keeps_it_and_loses_nothing(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = await house.notebook("x")
    await house.rooms.open(file_id)
    write, writing, written = store.write_checkpoint, asyncio.Event(), asyncio.Event()

    async def slow(*given: Any, **options: Any) -> None:
        await write(*given, **options)
        writing.set()
        await written.wait()

    with monkeypatch.context() as patched:
        patched.setattr(store, "write_checkpoint", slow)
        leaving = asyncio.create_task(house.rooms.evict(file_id))
        await writing.wait()
        page = house.new_page(file_id)
        # Without the recent list, which waits for the one writing transaction as well.
        patched.setattr(house.drive, "mark_opened", nothing)
        await page.connect()
        page.type("c0", "edit ")
        written.set()
        assert not await leaving
    await page.until(lambda: page.unsaved == {})
    assert page.subscriber is not None
    assert page.subscriber.close_code is None
    page.disconnect()
    await house.crash()
    await house.start()
    async with house.page(file_id) as again:
        assert again.source("c0") == "edit x"


async def nothing(*_: Any) -> None:
    """Does nothing."""

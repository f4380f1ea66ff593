"""Comments as open pages see them: events within the room's order, late joiners, restarts, rights."""

from __future__ import annotations

from typing import Any

from labora.access import ANONYMOUS, Principal, Role, Scope

ADA = Principal("ada", "Ada", scopes=frozenset(Scope))
BOB = Principal("bob", "Bob", scopes=frozenset(Scope))


def texts(page: Any) -> list[str]:
    return [comment["content"] for comment in page.state["comments"].values()]


async def test_pages_see_a_comment_and_whoever_comes_later_has_it(house: Any) -> None:
    file_id = await house.notebook("a = 1")
    await house.drive.sharing.add(ADA, file_id, account_id="bob", role=Role.COMMENTER)
    await house.drive.comments.add(BOB, file_id, "Before anybody looks")
    async with house.page(file_id) as ada, house.page(file_id, BOB) as bob:
        assert texts(ada) == ["Before anybody looks"]
        made = await house.drive.comments.add(BOB, file_id, "Why?", cell_id="c0")
        await ada.until(lambda: made.id in ada.state["comments"])
        await house.drive.comments.reply(ADA, file_id, made.id, "Because.", "resolve")
        await bob.until(lambda: bool(bob.state["comments"][made.id]["resolved_at"]))
        assert ada.state == bob.state
        assert [reply["content"] for reply in bob.state["comments"][made.id]["replies"]] == ["Because."]
        ada.type("c0", "# ")
        await ada.settle()
        assert bob.state["saved"] == ada.state["saved"]
        async with house.page(file_id) as late:
            assert late.welcome["state"]["comments"] == ada.state["comments"]
        await house.drive.comments.delete(ADA, file_id, made.id)
        await bob.until(lambda: made.id not in bob.state["comments"])


async def test_comments_outlive_crash_and_eviction_and_do_not_make_a_revision(house: Any) -> None:
    file_id = await house.notebook("a = 1")
    async with house.page(file_id) as page:
        made = await house.drive.comments.add(ADA, file_id, "Kept")
        await page.until(lambda: made.id in page.state["comments"])
        assert page.room.dirty_since is None
    await house.crash()
    # While nothing is loaded, the record alone changes: the journal knows an older comment.
    await house.drive.comments.change(ADA, file_id, made.id, "Kept and changed")
    await house.start()
    async with house.page(file_id) as page:
        assert texts(page) == ["Kept and changed"]
    assert await house.rooms.evict(file_id)
    await house.drive.comments.delete(ADA, file_id, made.id)
    async with house.page(file_id) as page:
        assert texts(page) == []


async def test_a_notebook_that_cannot_be_edited_has_comments(house: Any) -> None:
    file_id = await house.upload(b'{"cells": "broken"}')
    async with house.page(file_id) as page:
        assert page.welcome["read_only_reason"]
        await house.drive.comments.add(ADA, file_id, "One")
        await page.until(lambda: texts(page) == ["One"])
        await house.drive.comments.add(ADA, file_id, "Two")
        await page.until(lambda: texts(page) == ["One", "Two"])
    assert await house.rooms.evict(file_id)
    async with house.page(file_id) as page:
        assert texts(page) == ["One", "Two"]


async def test_two_changes_at_once_end_as_they_are_stored(house: Any) -> None:
    import asyncio

    file_id = await house.notebook("a = 1")
    async with house.page(file_id) as page:
        made = await house.drive.comments.add(ADA, file_id, "Start")
        await asyncio.gather(*(house.drive.comments.reply(ADA, file_id, made.id, f"{n}") for n in range(8)))
        await page.until(lambda: len(page.state["comments"][made.id]["replies"]) == 8)
        stored = await house.drive.comments.stored(file_id)
        await page.until(lambda: page.state["comments"][made.id]["changed_at"] == stored[made.id]["changed_at"])


async def test_a_link_without_an_account_shows_the_content_and_not_what_is_said(house: Any) -> None:
    file_id = await house.notebook("a = 1")
    await house.drive.sharing.add(ADA, file_id, role=Role.VIEWER, kind="anyone")
    made = await house.drive.comments.add(ADA, file_id, "Among us")
    async with house.page(file_id, ANONYMOUS) as guest, house.page(file_id) as ada:
        assert guest.welcome["state"]["comments"] == {}
        await house.drive.comments.reply(ADA, file_id, made.id, "Still among us")
        await ada.until(lambda: len(ada.state["comments"][made.id]["replies"]) == 1)
        ada.type("c0", "# ")
        await ada.settle()
        await guest.until(lambda: guest.source("c0") == "# a = 1")
        assert guest.events == []
        assert guest.state["comments"] == {}

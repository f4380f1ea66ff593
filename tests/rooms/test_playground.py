"""Playgrounds: what a viewer tries stays theirs, follows the original, and can be saved as a copy."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from labora.access import Ability, Principal, Role, Scope
from labora.base.clock import timestamp
from labora.base.errors import ForbiddenError, NotFoundError, UnsupportedError
from labora.db.schema import files, recents, revisions
from labora.drive import ListQuery
from labora.rooms import Close

ADA = Principal("ada", "Ada", scopes=frozenset(Scope))
BOB = Principal("bob", "Bob", scopes=frozenset(Scope))
VIEWS = ("recent", "starred", "shared", "search", "trash")


async def shared(house: Any, *sources: str, role: Role = Role.VIEWER) -> tuple[str, Any]:
    """Makes Ada's notebook, which Bob may see; returns its id and the permission."""
    file_id = await house.notebook(*sources)
    return file_id, await house.drive.sharing.add(ADA, file_id, role=role, login="bob")


async def run(page: Any, cell_id: str) -> None:
    answer = await page.command("execute", cells=[cell_id])
    await page.finished(answer["result"]["executions"][0]["id"])


async def test_a_viewer_edits_and_runs_alone_and_saves_a_copy(house: Any) -> None:
    base_id, _ = await shared(house, "one", "two", role=Role.COMMENTER)
    playground = await house.drive.playgrounds.open(BOB, base_id)
    assert (await house.drive.playgrounds.open(BOB, base_id)).id == playground.id
    assert (await house.drive.playgrounds.find(BOB, base_id)).id == playground.id
    assert playground.access.base["id"] == base_id
    async with house.page(base_id) as ada, house.page(playground.id, BOB) as bob:
        assert bob.sources() == ada.sources()
        bob.type("c0", "my ")
        await run(bob, "c0")
        assert bob.text("c0") == "my one\n"
        await ada.settle()
        assert ada.source("c0") == "one"
        assert ada.text("c0") == ""
        assert not ada.state["executions"]
    copy = await house.drive.copy(BOB, playground.id)
    assert copy.parent_id == (await house.drive.get(BOB, "root")).id
    content = json.loads(await house.blobs.get((await house.drive.revisions.head(copy.id)).sha256))
    assert [cell["source"] for cell in content["cells"]] == ["my one", "two"]
    assert content["cells"][0]["outputs"][0]["text"] == ["my one\n"]


async def test_only_its_account_reaches_it_and_no_list_names_it(house: Any) -> None:
    base_id, permission = await shared(house, "one")
    playground = await house.drive.playgrounds.open(BOB, base_id)
    await house.drive.change(BOB, playground.id, starred=True)
    await house.drive.mark_opened(BOB, playground.id)
    with pytest.raises(NotFoundError):
        await house.drive.get(ADA, playground.id)
    for view in VIEWS:
        found = await house.drive.list_files(BOB, ListQuery(view=view))
        assert playground.id not in [file.id for file in found.files]
    root = await house.drive.list_files(BOB, ListQuery(folder_id="root"))
    assert playground.id not in [file.id for file in root.files]
    # It can be changed, copied and ended; it is never shared, moved, renamed or put into the trash.
    assert playground.abilities == {
        Ability.READ,
        Ability.DOWNLOAD,
        Ability.COPY,
        Ability.READ_HISTORY,
        Ability.EDIT,
        Ability.DELETE,
    }
    with pytest.raises(ForbiddenError):
        await house.drive.sharing.add(BOB, playground.id, role=Role.VIEWER, login="ada")
    with pytest.raises(UnsupportedError):
        await house.drive.playgrounds.open(BOB, playground.id)
    # Who may no longer read the notebook has no playground of it either, open or not.
    async with house.page(playground.id, BOB) as bob:
        await house.drive.sharing.remove(ADA, base_id, permission.id)
        await bob.until(lambda: bob.subscriber.close_code is not None)
        assert bob.subscriber.close_code == Close.FORBIDDEN
    with pytest.raises(NotFoundError):
        await house.drive.get(BOB, playground.id)
    with pytest.raises(NotFoundError):
        await house.drive.playgrounds.open(BOB, base_id)


async def test_what_the_original_gets_is_merged_in_where_it_was_not_touched(house: Any) -> None:
    base_id, _ = await shared(house, "one", "two", "three")
    playground = await house.drive.playgrounds.open(BOB, base_id)
    async with house.page(base_id) as ada, house.page(playground.id, BOB) as bob:
        bob.type("c0", "mine ")
        ada.type("c1", "new ")
        await ada.settle()
        await bob.settle()
        assert await house.drive.playgrounds.refresh(BOB, playground.id)
        await bob.settle()
        assert (bob.source("c0"), bob.source("c1")) == ("mine one", "new two")
        assert not await house.drive.playgrounds.refresh(BOB, playground.id)
        ada.type("c1", "newer ")
        ada.add_cell("added", "four")
        await ada.settle()
        await house.drive.playgrounds.open(BOB, base_id)
        await bob.settle()
        assert (bob.source("c0"), bob.source("c1"), bob.source("added")) == ("mine one", "newer new two", "four")
        assert ada.source("c0") == "one"
    # One that nobody opened follows as well.
    await house.drive.delete(BOB, playground.id)
    fresh = await house.drive.playgrounds.open(BOB, base_id)
    async with house.page(base_id) as ada:
        ada.type("c2", "last ")
        await ada.settle()
    await house.drive.playgrounds.open(BOB, base_id)
    async with house.page(fresh.id, BOB) as bob:
        assert bob.source("c2") == "last three"


async def test_what_was_merged_before_does_not_pile_up(house: Any) -> None:
    base_id, _ = await shared(house, "one", "two")
    playground = await house.drive.playgrounds.open(BOB, base_id)
    async with house.page(base_id) as ada, house.page(playground.id, BOB) as bob:
        bob.type("c0", "mine ")
        await bob.command("checkpoint", name="before")
        for at in range(4):
            ada.type("c1", f"{at} ")
            await ada.settle()
            assert await house.drive.playgrounds.refresh(BOB, playground.id)
            await bob.settle()
        assert (bob.source("c0"), bob.source("c1")) == ("mine one", "3 2 1 0 two")
        await bob.command("checkpoint", name="after")
    async with house.database.read() as connection:
        query = select(revisions.c.kind, revisions.c.name).where(revisions.c.file_id == playground.id)
        kept = (await connection.execute(query)).all()
    assert [kind for kind, _ in kept].count("import") == 1
    assert {name for _, name in kept} >= {"before", "after"}
    # One that was never opened keeps its head, whatever is merged into it.
    await house.drive.delete(BOB, playground.id)
    fresh = await house.drive.playgrounds.open(BOB, base_id)
    async with house.page(base_id) as ada:
        ada.type("c1", "last ")
        await ada.settle()
    assert await house.drive.playgrounds.refresh(BOB, fresh.id)
    assert await house.drive.revisions.head(fresh.id) is not None
    async with house.page(fresh.id, BOB) as bob:
        assert bob.source("c1") == "last 3 2 1 0 two"


async def test_it_ends_with_the_original_or_when_nobody_uses_it(house: Any) -> None:
    base_id, _ = await shared(house, "one")
    playground = await house.drive.playgrounds.open(BOB, base_id)
    await house.drive.mark_opened(BOB, playground.id)
    assert await house.drive.playgrounds.tidy() == 0
    long_ago = timestamp(house.rooms.clock.now() - timedelta(days=house.drive.playgrounds.keep_days + 1))
    async with house.database.transaction() as connection:
        await connection.execute(update(files).values(modified_at=long_ago))
    assert await house.drive.playgrounds.tidy() == 0
    async with house.database.transaction() as connection:
        await connection.execute(update(recents).values(opened_at=long_ago))
    assert await house.drive.playgrounds.tidy() == 1
    assert await house.drive.playgrounds.find(BOB, base_id) is None
    again = await house.drive.playgrounds.open(BOB, base_id)
    async with house.page(again.id, BOB) as bob:
        await house.drive.delete(ADA, base_id)
        await bob.until(lambda: bob.subscriber.close_code is not None)
        assert bob.subscriber.close_code == Close.GONE
    async with house.database.read() as connection:
        assert (await connection.scalar(select(files.c.id).where(files.c.id == again.id))) is None

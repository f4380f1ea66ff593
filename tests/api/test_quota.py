"""What accounts keep and may keep."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import insert, select

from labora.api.app import create_app
from labora.base.settings import Settings
from labora.db import kept
from labora.db.schema import group_members, groups, kept_blobs, kept_bytes
from labora.testing.server import ServerInProcess, server_in_process


async def upload(who: httpx.AsyncClient, name: str, data: bytes) -> httpx.Response:
    return await who.post("/files/upload", params={"name": name}, content=data)


async def usage(who: httpx.AsyncClient) -> tuple[int, int]:
    found = (await who.get("/drive/about")).json()["usage"]
    return found["total_bytes"], found["trash_bytes"]


async def counted(server: ServerInProcess) -> tuple[list[object], list[object]]:
    """Returns what the database has counted."""
    async with server.app.services.database.read() as connection:
        rows = [tuple(row) for row in await connection.execute(select(kept_blobs).order_by(*kept_blobs.c))]
        sums = [tuple(row) for row in await connection.execute(select(kept_bytes).where(kept_bytes.c.bytes > 0))]
    return list(rows), sorted(sums)


@pytest.fixture
async def small(settings: Settings, static: Path) -> AsyncIterator[ServerInProcess]:
    """A server with room for 5,000 bytes an account, beside what a new account finds."""
    rules = settings.drive.model_copy(update={"quota_bytes": 5000})
    app = create_app(settings.model_copy(update={"drive": rules}), static=static, compute=False)
    async with server_in_process(app) as server:
        yield server


async def test_heads_revisions_and_trash_count_and_the_same_bytes_once(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    begin, _ = await usage(ann)
    first = (await upload(ann, "a", b"a" * 100)).json()
    assert await usage(ann) == (begin + 100, 0)
    await upload(ann, "same", b"a" * 100)
    copy = (await ann.post(f"/files/{first['id']}/copy", json={})).json()
    assert await usage(ann) == (begin + 100, 0)
    await ann.put(f"/files/{first['id']}/content", content=b"b" * 50)
    assert await usage(ann) == (begin + 150, 0)
    folder = (await ann.post("/files", json={"kind": "folder", "name": "f"})).json()
    await ann.patch(f"/files/{first['id']}", json={"parent_id": folder["id"]})
    await ann.patch(f"/files/{folder['id']}", json={"trashed": True})
    assert await usage(ann) == (begin + 150, 50), "the old bytes are in the copies, too"
    await ann.delete("/trash")
    assert await usage(ann) == (begin + 100, 0)
    bobs, _ = await usage(bob)
    given = await ann.post(f"/files/{copy['id']}/permissions", json={"login": "bob", "role": "editor"})
    await ann.patch(f"/files/{copy['id']}/permissions/{given.json()['id']}", json={"role": "owner"})
    assert await usage(bob) == (bobs + 100, 0)
    assert await usage(ann) == (begin + 100, 0)
    before = await counted(server)
    async with server.app.services.database.transaction() as connection:
        await connection.run_sync(kept.recount)
    assert await counted(server) == before


async def test_a_full_account_is_refused_at_every_door_and_can_free_room(small: ServerInProcess) -> None:
    owner = await small.owner()
    begin, _ = await usage(owner)
    left = 5000 - begin
    file = (await upload(owner, "a", b"a" * (left - 100))).json()
    about = (await owner.get("/drive/about")).json()
    assert (about["limit_bytes"], about["usage"]["total_bytes"]) == (5000, 4900)
    started = await owner.post("/uploads", json={"name": "big", "size": 90})
    await owner.patch(f"/uploads/{started.json()['id']}", content=b"p" * 80, headers={"Upload-Offset": "0"})
    refusals = [
        await upload(owner, "b", b"b" * 101),
        await owner.put(f"/files/{file['id']}/content", content=b"c" * 101),
        await owner.post("/uploads", json={"name": "d", "size": 101}),
        await owner.post("/uploads", json={"name": "d", "size": 21}),
    ]
    for refused in refusals:
        assert (refused.status_code, refused.json()["code"]) == (507, "quota_exceeded")
        assert refused.json()["details"]["limit"] == 5000
    # What is kept already costs nothing.
    assert (await owner.post(f"/files/{file['id']}/copy", json={})).status_code == 201
    # Somebody else's room is somebody else's.
    ann = await small.person("ann", owner)
    assert (await upload(ann, "b", b"b" * 101)).status_code == 201
    for name in ("a", "Copy of a"):
        for found in (await owner.get("/files", params={"q": f"name = '{name}'"})).json()["files"]:
            await owner.patch(f"/files/{found['id']}", json={"trashed": True})
    assert (await usage(owner))[1] == left - 100
    assert (await upload(owner, "b", b"b" * 101)).status_code == 507
    await owner.delete("/trash")
    assert (await upload(owner, "b", b"b" * 101)).status_code == 201


async def test_a_live_notebook_never_loses_an_edit_for_want_of_room(small: ServerInProcess) -> None:
    owner = await small.owner()
    made = (await owner.post("/files", json={"kind": "notebook", "name": "n"})).json()
    begin, _ = await usage(owner)
    assert (await upload(owner, "full", b"x" * (5000 - begin))).status_code == 201
    # The door that rooms save through.
    drive = small.app.services.drive
    await drive.add_revision(made["id"], b"{}" + b" " * 500, kind="autosave", author_id=None)
    assert (await usage(owner))[0] == 5502
    assert (await upload(owner, "more", b"y")).status_code == 507


async def test_an_accounts_own_limit_goes_before_its_groups(small: ServerInProcess) -> None:
    owner = await small.owner()
    me = small.ids["owner"]
    quotas = small.app.services.drive.context.quotas

    async def limit() -> int | None:
        found: int | None = (await owner.get("/drive/about")).json()["limit_bytes"]
        return found

    async with small.app.services.database.transaction() as connection:
        for name in ("one", "two"):
            row = {"id": name, "name": name, "folded_name": name, "created_by": me, "created_at": "2026"}
            await connection.execute(insert(groups).values(**row))
            await connection.execute(insert(group_members).values(group_id=name, account_id=me, added_at="2026"))
    await quotas.set("group", "one", 100)
    assert await limit() == 100
    await quotas.set("group", "two", 9000)
    assert await limit() == 9000, "the most generous one"
    await quotas.set("account", me, 1)
    assert await limit() == 1
    await quotas.set("account", me, None)
    assert await limit() is None
    await quotas.inherit("account", me)
    await quotas.inherit("group", "two")
    await quotas.inherit("group", "one")
    assert await limit() == 5000

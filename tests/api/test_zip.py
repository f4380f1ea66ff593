"""Folders and selections as zip files."""

from __future__ import annotations

import io
import json
import zipfile

import httpx
import pytest
from sqlalchemy import update

from labora.access import Principal, Scope
from labora.base.errors import GoneError
from labora.db.schema import files
from labora.drive.archive import Names
from labora.testing.server import ServerInProcess


async def folder(who: httpx.AsyncClient, name: str, parent: str = "root") -> str:
    return str((await who.post("/files", json={"kind": "folder", "name": name, "parent_id": parent})).json()["id"])


async def upload(who: httpx.AsyncClient, name: str, data: bytes, parent: str = "root") -> str:
    answer = await who.post("/files/upload", params={"name": name, "parent": parent}, content=data)
    return str(answer.json()["id"])


async def unzipped(answer: httpx.Response) -> dict[str, bytes]:
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


async def shortcut(server: ServerInProcess, file_id: str, target: str | None) -> None:
    """Makes a file a shortcut."""
    async with server.app.services.database.transaction() as connection:
        changes = {"kind": "shortcut", "shortcut_target_id": target}
        await connection.execute(update(files).where(files.c.id == file_id).values(**changes))


async def test_a_folder_comes_whole_with_names_that_are_safe_and_unique(ann: httpx.AsyncClient) -> None:
    top = await folder(ann, "Reports: 2026")
    inner = await folder(ann, "inner", top)
    await folder(ann, "empty", top)
    large = bytes(range(256)) * 8192
    await upload(ann, "a.txt", b"first", top)
    await upload(ann, "A.txt", b"second", top)
    await upload(ann, "größe.png", large, inner)
    gone = await upload(ann, "gone.txt", b"x", top)
    await ann.patch(f"/files/{gone}", json={"trashed": True})
    answer = await ann.get(f"/files/{top}/zip")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "content-length" not in answer.headers, "it is made while it is sent"
    found = await unzipped(answer)
    assert set(found) == {
        "Reports_ 2026/", "Reports_ 2026/empty/", "Reports_ 2026/inner/",
        "Reports_ 2026/a.txt", "Reports_ 2026/A (2).txt", "Reports_ 2026/inner/größe.png",
    }  # fmt: skip
    assert found["Reports_ 2026/inner/größe.png"] == large
    assert {found["Reports_ 2026/a.txt"], found["Reports_ 2026/A (2).txt"]} == {b"first", b"second"}


async def test_a_selection_holds_live_notebooks_and_follows_shortcuts_once(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    live = await upload(ann, "live.ipynb", json.dumps(notebook).encode())
    rooms = server.app.services.rooms
    assert rooms is not None
    changed = {**notebook, "metadata": {"mine": 1.0}}
    await rooms.open(live)
    await ann.put(f"/files/{live}/content", content=json.dumps(changed).encode())
    top = await folder(ann, "top")
    await upload(ann, "x.txt", b"x", top)
    to_folder, to_file, to_nothing = [await upload(ann, name, b"") for name in ("f", "t.txt", "n.txt")]
    inside = await upload(ann, "second", b"", top)
    hidden = await upload(bob, "secret.txt", b"secret")
    to_hidden = await upload(ann, "h.txt", b"")
    for made, target in ((to_folder, top), (to_file, live), (to_nothing, None), (inside, live), (to_hidden, hidden)):
        await shortcut(server, made, target)
    ids = ",".join([live, to_folder, to_file, to_nothing, to_hidden])
    found = await unzipped(await ann.get("/zip", params={"ids": ids}))
    assert json.loads(found["live.ipynb"])["metadata"] == {"mine": 1.0}
    assert found["t.txt"] == found["live.ipynb"]
    assert found["f/x.txt"] == b"x"
    assert set(found) == {"live.ipynb", "t.txt", "f/", "f/x.txt", "MANIFEST.txt"}
    left_out = found["MANIFEST.txt"].decode()
    assert [line.split("\t")[0] for line in left_out.splitlines()[1:]] == ["f/second", "n.txt", "h.txt"]
    assert b"secret" not in b"".join(found.values())


async def test_only_what_the_asker_may_read(ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    mine = await folder(ann, "mine")
    assert (await bob.get(f"/files/{mine}/zip")).status_code == 404
    assert (await bob.get("/zip", params={"ids": mine})).status_code == 404
    assert (await ann.get("/zip", params={"ids": ","})).json()["code"] == "bad_selection"
    many = await ann.get("/zip", params={"ids": ",".join(f"x{at}" for at in range(501))})
    assert many.json()["code"] == "bad_selection"


@pytest.mark.parametrize(
    ("name", "safe"), [("con.txt", "_con.txt"), ("a/b", "a_b"), ("..", "_"), ("a.", "a"), ("x" * 300, "x" * 200)]
)
def test_names(name: str, safe: str) -> None:
    assert Names().of(name) == safe


def test_many_items_of_one_name_are_numbered_without_asking_again_from_the_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Counting(set[str]):
        asked = 0

        def __contains__(self, name: object) -> bool:
            Counting.asked += 1
            return super().__contains__(name)

    names = Names()
    monkeypatch.setattr(names, "_taken", Counting())
    assert [names.of(name) for name in ("a.txt", "a (2).txt", "A.txt")] == ["a.txt", "a (2).txt", "A (3).txt"]
    found = [names.of("a.txt") for _ in range(2000)]
    assert (found[0], found[-1], len(set(found))) == ("a (4).txt", "a (2003).txt", 2000)
    assert Counting.asked < 5000


async def test_an_account_downloads_two_archives_at_a_time(server: ServerInProcess, ann: httpx.AsyncClient) -> None:
    top = await folder(ann, "top")
    await upload(ann, "x.txt", b"x", top)
    archives = server.app.services.archives
    principal = Principal(server.ids["ann"], "Ann", scopes=frozenset(Scope))
    _, first = await archives.open(principal, [top])
    _, second = await archives.open(principal, [top])
    # Open counts, even before a byte was asked for.
    assert (await ann.get(f"/files/{top}/zip")).json()["code"] == "too_many_archives"
    assert b"".join([piece async for piece in first])
    await unzipped(await ann.get(f"/files/{top}/zip"))
    _, third = await archives.open(principal, [top])
    assert (await ann.get(f"/files/{top}/zip")).json()["code"] == "too_many_archives"
    # Given up before and after the first byte.
    await anext(second)
    await second.aclose()
    del third
    _, again = await archives.open(principal, [top])
    await unzipped(await ann.get(f"/files/{top}/zip"))
    await again.aclose()


async def test_a_notebook_that_closes_meanwhile_is_named_and_the_archive_goes_on(
    server: ServerInProcess, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = await folder(ann, "top")
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    await upload(ann, "a.ipynb", json.dumps(notebook).encode(), top)
    await upload(ann, "b.txt", b"b", top)

    async def closed(_file_id: str) -> bytes | None:
        raise GoneError("This notebook was closed. Connect again.", code="room_closed")

    monkeypatch.setattr(server.app.services.drive.context.live, "export", closed)
    found = await unzipped(await ann.get(f"/files/{top}/zip"))
    assert found["top/b.txt"] == b"b"
    assert found["MANIFEST.txt"].decode().splitlines()[1:] == ["top/a.ipynb\tthe server could not read it"]

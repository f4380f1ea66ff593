"""New contents of files that exist, Recent, and what the API says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from labora.api.app import create_app
from labora.api.openapi import document
from labora.base.settings import Settings, load_settings
from labora.rooms import Room
from labora.testing.server import ServerInProcess, server_in_process

WEB = Path(__file__).resolve().parents[2] / "web"


def nb(*sources: str, **cell: Any) -> bytes:
    cells = [
        {
            "id": f"c{n}",
            "cell_type": "code",
            "source": source,
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            **cell,
        }
        for n, source in enumerate(sources)
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


async def upload(client: httpx.AsyncClient, data: bytes, name: str = "n.ipynb") -> str:
    answer = await client.post("/files/upload", params={"name": name}, content=data)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def kinds(client: httpx.AsyncClient, file_id: str) -> list[str]:
    found = (await client.get(f"/files/{file_id}/revisions")).json()["revisions"]
    return [revision["kind"] for revision in reversed(found)]


async def newest(client: httpx.AsyncClient, file_id: str) -> str:
    return str((await client.get(f"/files/{file_id}/revisions")).json()["revisions"][0]["id"])


async def content(client: httpx.AsyncClient, file_id: str, revision_id: str = "") -> bytes:
    path = f"/files/{file_id}/revisions/{revision_id}/download" if revision_id else f"/files/{file_id}/download"
    return (await client.get(path)).content


async def sources(client: httpx.AsyncClient, file_id: str) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(await content(client, file_id))["cells"]]


async def live(server: ServerInProcess, file_id: str) -> Room:
    rooms = server.app.services.rooms
    assert rooms is not None
    return await rooms.open(file_id)


async def type_into(room: Room, cell_id: str, source: str, author: str) -> None:
    room.add_update(room.require_document().set_source(cell_id, source), author=author)
    await room.settled()


async def test_a_new_content_of_a_file_is_a_new_revision(ann: httpx.AsyncClient) -> None:
    file_id = await upload(ann, b"a,b\n1,2\n", "table.csv")
    answer = await ann.put(f"/files/{file_id}/content", content=b"a,b\n3,4\n")
    assert (answer.status_code, answer.json()["name"], answer.json()["size"]) == (200, "table.csv", 8)
    assert await content(ann, file_id) == b"a,b\n3,4\n"
    assert await kinds(ann, file_id) == ["upload", "upload"]


async def test_a_notebook_that_was_never_open_takes_any_bytes(ann: httpx.AsyncClient) -> None:
    file_id = await upload(ann, nb("a"))
    broken = b"<<<<<<< HEAD"
    assert (await ann.put(f"/files/{file_id}/content", content=broken)).json()["read_only_reason"]
    assert await content(ann, file_id) == broken
    mended = await ann.put(f"/files/{file_id}/content", content=nb("b"))
    assert mended.json()["read_only_reason"] is None
    assert await sources(ann, file_id) == ["b"]


async def test_a_notebook_shown_read_only_is_shown_anew_once_it_is_mended(
    server: ServerInProcess, ann: httpx.AsyncClient
) -> None:
    file_id = await upload(ann, b"{")
    shown = await live(server, file_id)
    assert shown.read_only_reason
    await ann.put(f"/files/{file_id}/content", content=nb("good"))
    assert shown.closed
    assert (await live(server, file_id)).require_document().source("c0") == "good"


async def test_an_upload_over_a_live_notebook_merges_and_loses_nothing(
    server: ServerInProcess, ann: httpx.AsyncClient
) -> None:
    file_id = await upload(ann, nb("one", "two", "three"))
    base = await newest(ann, file_id)
    room = await live(server, file_id)
    await type_into(room, "c0", "one, typed here", server.ids["ann"])
    changed = nb("one", "two, changed there", "three", "new there")
    answer = await ann.put(f"/files/{file_id}/content", params={"base": base}, content=changed)
    assert answer.status_code == 200, answer.text
    assert await sources(ann, file_id) == ["one, typed here", "two, changed there", "three", "new there"]
    assert not room.closed
    assert room.require_document().source("c0") == "one, typed here"
    # Each side alone can be had back.
    assert await kinds(ann, file_id) == ["upload", "before-merge", "upload", "autosave"]
    listed = (await ann.get(f"/files/{file_id}/revisions")).json()["revisions"]
    mine = json.loads(await content(ann, file_id, listed[2]["id"]))
    assert "".join(mine["cells"][0]["source"]) == "one, typed here"
    assert await content(ann, file_id, listed[1]["id"]) == changed


async def test_an_upload_over_an_unchanged_live_notebook_is_simply_its_new_state(
    server: ServerInProcess, ann: httpx.AsyncClient
) -> None:
    file_id = await upload(ann, nb("one", "two"))
    await live(server, file_id)
    output = {"output_type": "stream", "name": "stdout", "text": ["printed there\n"]}
    await ann.put(f"/files/{file_id}/content", content=nb("one", "2", outputs=[output], execution_count=4))
    assert await sources(ann, file_id) == ["one", "2"]
    cell = json.loads(await content(ann, file_id))["cells"][1]
    assert (cell["outputs"][0]["text"], cell["execution_count"]) == (["printed there\n"], 4)
    assert await kinds(ann, file_id) == ["upload", "upload"]


async def test_text_that_both_sides_changed_is_kept_in_both_versions(
    server: ServerInProcess, ann: httpx.AsyncClient
) -> None:
    file_id = await upload(ann, nb("x = 1"))
    base = await newest(ann, file_id)
    await type_into(await live(server, file_id), "c0", "x = 2", server.ids["ann"])
    await ann.put(f"/files/{file_id}/content", params={"base": base}, content=nb("x = 3"))
    merged = (await sources(ann, file_id))[0]
    assert "2" in merged
    assert "3" in merged


async def test_a_live_notebook_is_not_replaced_by_what_is_none(server: ServerInProcess, ann: httpx.AsyncClient) -> None:
    file_id = await upload(ann, nb("kept"))
    await live(server, file_id)
    answer = await ann.put(f"/files/{file_id}/content", content=b"PK\x03\x04")
    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable_notebook")
    assert await sources(ann, file_id) == ["kept"]
    assert (await ann.get(f"/files/{file_id}")).json()["read_only_reason"] is None


async def test_a_new_content_needs_a_known_base_and_a_file(ann: httpx.AsyncClient) -> None:
    file_id, other = await upload(ann, nb("a")), await upload(ann, nb("b"))
    foreign = {"base": await newest(ann, other)}
    assert (await ann.put(f"/files/{file_id}/content", params=foreign, content=nb("c"))).status_code == 404
    assert (await ann.put("/files/root/content", content=nb("c"))).status_code == 415


async def test_a_new_content_may_be_as_large_as_an_upload(tmp_path: Path, static: Path) -> None:
    limits = {"upload_bytes": 3 * 1024 * 1024}
    settings = load_settings(storage={"data_dir": tmp_path / "data", "min_free_bytes": 0}, limits=limits)
    async with server_in_process(create_app(settings, static=static, compute=False)) as server:
        owner = await server.owner()
        file_id = await upload(owner, b"x", "data.bin")
        # More than an ordinary request may carry.
        assert (await owner.put(f"/files/{file_id}/content", content=bytes(2 * 1024 * 1024))).status_code == 200
        late = await owner.put(f"/files/{file_id}/content", content=bytes(4 * 1024 * 1024))
        assert (late.status_code, late.json()["code"]) == (413, "too_large")
        assert (await owner.get(f"/files/{file_id}")).json()["size"] == 2 * 1024 * 1024


async def test_a_restored_revision_keeps_what_was_typed_meanwhile(
    server: ServerInProcess, ann: httpx.AsyncClient
) -> None:
    file_id = await upload(ann, nb("first"))
    first = await newest(ann, file_id)
    await type_into(await live(server, file_id), "c0", "typed and not saved yet", server.ids["ann"])
    assert (await ann.post(f"/files/{file_id}/revisions/{first}/restore")).json()["kind"] == "restore"
    assert await sources(ann, file_id) == ["first"]
    listed = (await ann.get(f"/files/{file_id}/revisions")).json()["revisions"]
    assert [revision["kind"] for revision in listed] == ["restore", "before-merge", "upload"]
    assert b"typed and not saved yet" in await content(ann, file_id, listed[1]["id"])


async def test_restoring_a_good_revision_makes_a_broken_notebook_editable(ann: httpx.AsyncClient) -> None:
    file_id = await upload(ann, nb("good"))
    good = await newest(ann, file_id)
    await ann.put(f"/files/{file_id}/content", content=b"{")
    await ann.post(f"/files/{file_id}/revisions/{good}/restore")
    assert (await ann.get(f"/files/{file_id}")).json()["read_only_reason"] is None


async def test_headless_runs_ask_for_an_editable_notebook_and_known_cells(ann: httpx.AsyncClient) -> None:
    broken, good = await upload(ann, b"{"), await upload(ann, nb("a", ""))
    refused = await ann.post(f"/files/{broken}/executions", json={})
    assert (refused.status_code, refused.json()["code"]) == (403, "read_only")
    missing = await ann.post(f"/files/{good}/executions", json={"cells": ["c0", "nope"], "parameters": {"x": 1}})
    assert (missing.status_code, missing.json()["code"]) == (404, "no_such_cell")
    assert await sources(ann, good) == ["a", ""]
    bad = await ann.post(f"/files/{good}/executions", json={"parameters": {"a b": 1}})
    assert (bad.status_code, bad.json()["code"]) == (400, "bad_parameter")
    made = (await ann.post(f"/files/{good}/executions", json={"parameters": {"x": 1}})).json()["executions"]
    assert len(made) == 2
    assert await sources(ann, good) == ["# Parameters\nx = 1", "a", ""]
    one = (await ann.get(f"/files/{good}/executions/{made[0]['id']}")).json()
    assert (one["id"], one["account"]["name"]) == (made[0]["id"], "Ann")


async def test_the_instance_tells_what_pages_have_to_know(tmp_path: Path, static: Path) -> None:
    settings = load_settings(
        storage={"data_dir": tmp_path / "data"},
        accounts={"password_min_length": 14},
        server={"external_images": False, "external_outputs": False},
    )
    async with server_in_process(create_app(settings, static=static, compute=False)) as server:
        told = (await (await server.client()).get("/instance")).json()
    assert (told["password_min_length"], told["external_images"], told["external_outputs"]) == (14, False, False)


async def test_people_carry_their_color(
    server: ServerInProcess, owner: httpx.AsyncClient, ann: httpx.AsyncClient
) -> None:
    color = (await ann.get("/me")).json()["color"]
    file_id = await upload(ann, nb("a"))
    await ann.post(f"/files/{file_id}/permissions", json={"login": "owner", "role": "viewer"})
    file = (await owner.get(f"/files/{file_id}")).json()
    shared = (await ann.get(f"/files/{file_id}/permissions")).json()["permissions"]
    revision = (await ann.get(f"/files/{file_id}/revisions")).json()["revisions"][0]
    found = (await owner.get("/people", params={"q": "ann"})).json()["people"][0]
    people = [file["owner"], file["modified_by"], shared[0]["account"], revision["author"], found]
    assert [person["color"] for person in people] == [color] * 5
    assert shared[1]["account"]["color"] == (await owner.get("/me")).json()["color"]


def test_the_client_is_generated_from_this_api() -> None:
    path = WEB / "packages" / "api" / "openapi.json"
    if not path.is_file():
        pytest.skip("the front end is not part of this checkout")
    committed = json.loads(path.read_text())
    assert committed == document(), "write openapi.json anew and run `npm run api-types` in web/"


async def test_a_notebook_above_the_limit_is_never_read_into_memory(
    settings: Settings, static: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = settings.model_copy(update={"limits": settings.limits.model_copy(update={"notebook_bytes": 10_000})})
    async with server_in_process(create_app(small, static=static, compute=False)) as server:
        owner, blobs = await server.owner(), server.app.services.blobs
        made = await owner.post("/files/upload", params={"name": "big.ipynb"}, content=b" " * 20_000 + b"{}")
        file = made.json()
        assert "10,000 bytes" in file["read_only_reason"]
        sizes, get = [], blobs.get

        async def measured(sha256: str) -> bytes:
            data = await get(sha256)
            sizes.append(len(data))
            return data

        monkeypatch.setattr(blobs, "get", measured)
        room = await server.app.services.rooms.open(file["id"])
        assert "10,000 bytes" in room.read_only_reason
        revisions = (await owner.get(f"/files/{file['id']}/revisions")).json()["revisions"]
        refused = await owner.post(f"/files/{file['id']}/revisions/{revisions[0]['id']}/restore")
        assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
        assert all(size <= 10_000 for size in sizes)
        assert len((await owner.get(f"/files/{file['id']}/download")).content) == 20_002

"""Notebook settings, clean copies and playgrounds over REST."""

from __future__ import annotations

import json
from typing import Any

import httpx

from labora.base.settings import Settings
from labora.db import kept
from labora.notebook.privacy import strip_document
from labora.testing.recorder import eventually
from labora.testing.server import ServerInProcess

from .test_contents import live, sources, type_into, upload

USER = {"displayName": "Ada Lovelace", "photoUrl": "https://example.org/ada.png", "userId": "0815"}
INFO = {"status": "ok", "elapsed": 12, "timestamp": 1, "user_tz": -60, "user": USER}
COLAB = {"name": "n", "provenance": [{"file_id": "abc", "timestamp": 1}], "authorship_tag": "tag", "toc_visible": True}
OUTPUT = {"output_type": "stream", "name": "stdout", "text": ["said\n"]}


def foreign(**colab: Any) -> bytes:
    """A notebook as Colaboratory leaves it."""
    cell = {
        "cell_type": "code",
        "id": "c0",
        "source": ["a = 1"],
        "metadata": {"id": "c0", "executionInfo": INFO, "unknown": 1.0},
        "outputs": [OUTPUT],
        "execution_count": 3,
    }
    content = {"cells": [cell], "metadata": {"colab": {**COLAB, **colab}, "x": {"y": 2}}, "nbformat": 4}
    return json.dumps({**content, "nbformat_minor": 5}).encode()


async def fetched(client: httpx.AsyncClient, path: str) -> Any:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return json.loads(answer.content)


async def test_a_clean_copy_tells_nothing_of_people_and_keeps_the_rest(ann: httpx.AsyncClient) -> None:
    file_id = await upload(ann, foreign())
    clean = await fetched(ann, f"/files/{file_id}/clean")
    wanted = json.loads(foreign())
    wanted["cells"][0]["metadata"]["executionInfo"] = {"status": "ok", "elapsed": 12, "timestamp": 1}
    wanted["metadata"]["colab"] = {"name": "n", "toc_visible": True}
    assert clean == wanted
    wanted["cells"][0]["outputs"] = []
    assert await fetched(ann, f"/files/{file_id}/clean?outputs=false") == wanted
    # Without being asked nothing is taken out.
    assert (await ann.get(f"/files/{file_id}/download")).content == foreign()


async def test_what_is_personal_goes_with_the_next_save_where_the_notebook_says_so(
    server: ServerInProcess, ann: httpx.AsyncClient
) -> None:
    file_id = await upload(ann, foreign())
    room = await live(server, file_id)
    assert (await ann.get(f"/files/{file_id}/notebook-settings")).json() == {
        "omit_outputs": False,
        "strip_personal": False,
    }
    answer = await ann.patch(f"/files/{file_id}/notebook-settings", json={"strip_personal": True})
    assert answer.json() == {"omit_outputs": False, "strip_personal": True}
    kept = await ann.post(f"/files/{file_id}/revisions", json={"pinned": True})
    saved = await fetched(ann, f"/files/{file_id}/revisions/{kept.json()['id']}/download")
    assert saved["cells"][0]["metadata"]["executionInfo"] == {"status": "ok", "elapsed": 12, "timestamp": 1}
    assert saved["metadata"]["colab"] == {"name": "n", "toc_visible": True}
    assert saved["metadata"]["labora"] == {"strip_personal": True}
    assert saved["cells"][0]["outputs"] == [OUTPUT]
    # It left the live document too, for whoever reads that.
    assert strip_document(room.require_document()) == []
    await ann.patch(f"/files/{file_id}/notebook-settings", json={"strip_personal": False})
    assert "labora" not in (await fetched(ann, f"/files/{file_id}/download"))["metadata"]


async def test_omitting_outputs_takes_them_out_of_all_that_is_given_away(
    server: ServerInProcess, ann: httpx.AsyncClient
) -> None:
    file_id = await upload(ann, foreign())
    await ann.patch(f"/files/{file_id}/notebook-settings", json={"omit_outputs": True})
    copy = (await ann.post(f"/files/{file_id}/copy", json={})).json()["id"]
    for path in (f"/files/{file_id}/download", f"/files/{copy}/download"):
        given = await fetched(ann, path)
        assert given["cells"][0]["outputs"] == []
        assert given["metadata"]["colab"]["private_outputs"] is True
        assert given["cells"][0]["metadata"]["executionInfo"] == INFO
    # An earlier revision still holds them, until its owner strips it.
    first = (await ann.get(f"/files/{file_id}/revisions")).json()["revisions"][-1]["id"]
    assert (await fetched(ann, f"/files/{file_id}/revisions/{first}/download"))["cells"][0]["outputs"] == [OUTPUT]
    stripped = (await ann.post(f"/files/{file_id}/revisions/strip-outputs")).json()
    assert (stripped["last"], stripped["changed"], stripped["unreadable"]) == (None, 1, 0)
    # What is gone does not count against a quota any more.
    used = (await ann.get("/drive/about")).json()["usage"]
    async with server.app.services.database.transaction() as connection:
        await connection.run_sync(kept.recount)
    assert (await ann.get("/drive/about")).json()["usage"] == used
    assert (await fetched(ann, f"/files/{file_id}/revisions/{first}/download"))["cells"][0]["outputs"] == []


async def test_omitted_outputs_leave_the_search(
    settings: Settings, server: ServerInProcess, ann: httpx.AsyncClient
) -> None:
    word = "zanzibar"
    file_id = await upload(ann, foreign().replace(b"said", word.encode()))
    search = server.app.services.search

    async def found() -> list[str]:
        await search.indexer.catch_up()
        answer = await ann.get("/search", params={"text": word})
        return [result["file"]["id"] for result in answer.json()["results"]]

    assert await found() == [file_id]
    await ann.patch(f"/files/{file_id}/notebook-settings", json={"omit_outputs": True})
    await ann.post(f"/files/{file_id}/revisions", json={"pinned": True})
    assert await found() == []
    # The keeper empties the log of the database as soon as nobody reads.
    database = list(settings.state_dir.glob("labora.db*"))
    await eventually(lambda: not any(word.encode() in path.read_bytes() for path in database))


async def test_a_playground_over_rest(server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    file_id = await upload(ann, foreign())
    await ann.post(f"/files/{file_id}/permissions", json={"login": "bob", "role": "viewer"})
    assert (await bob.get(f"/files/{file_id}/playground")).json()["file"] is None
    made = (await bob.post(f"/files/{file_id}/playground")).json()
    assert made["playground_of"] == {"id": file_id, "name": "n.ipynb"}
    assert (await bob.get(f"/files/{file_id}/playground")).json()["file"]["id"] == made["id"]
    assert (await ann.get(f"/files/{made['id']}")).status_code == 404
    await type_into(await live(server, made["id"]), "c0", "a = 2", server.ids["bob"])
    assert await sources(ann, file_id) == ["a = 1"]
    url = f"/files/{made['id']}/playground/refresh"
    assert (await bob.post(url)).json() == {"changed": False}
    await ann.put(f"/files/{file_id}/content", content=foreign().replace(b'"x": {"y": 2}', b'"x": {"y": 3}'))
    assert (await bob.post(url)).json() == {"changed": True}
    merged = await fetched(bob, f"/files/{made['id']}/download")
    assert (merged["metadata"]["x"], merged["cells"][0]["source"]) == ({"y": 3}, ["a = 2"])
    assert (await bob.post(f"/files/{file_id}/playground/refresh")).status_code == 403
    assert (await ann.post(f"/files/{file_id}/playground/refresh")).status_code == 404
    copy = (await bob.post(f"/files/{made['id']}/copy", json={"name": "Mine.ipynb"})).json()
    assert copy["playground_of"] is None
    assert await sources(bob, copy["id"]) == ["a = 2"]
    assert (await bob.delete(f"/files/{made['id']}")).status_code == 200
    # The right to read the original is all that the playground stands on.
    again = (await bob.post(f"/files/{file_id}/playground")).json()["id"]
    await ann.patch(f"/files/{file_id}", json={"trashed": True})
    assert (await bob.get(f"/files/{again}")).status_code == 404

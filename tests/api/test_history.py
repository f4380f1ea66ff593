"""The history of a file: names, pins, pages, differences, thinning, and restoring while somebody types."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from labora.base.clock import timestamp
from labora.db.schema import revisions
from labora.testing.server import ServerInProcess

from .test_contents import content, live, nb, sources, type_into, upload


async def history(client: httpx.AsyncClient, file_id: str, **query: Any) -> list[dict[str, Any]]:
    answer = await client.get(f"/files/{file_id}/revisions", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["revisions"])


async def diff(client: httpx.AsyncClient, file_id: str, revision: str, **query: str) -> dict[str, Any]:
    answer = await client.get(f"/files/{file_id}/revisions/{revision}/diff", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def statuses(found: dict[str, Any]) -> list[str]:
    return [cell["status"] for cell in found["cells"]]


async def keep_now(client: httpx.AsyncClient, file_id: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(f"/files/{file_id}/revisions", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


# -- names and pins ---------------------------------------------------------------------------------------------------


async def test_the_present_state_of_a_live_notebook_is_kept_under_a_name(
    server: ServerInProcess, ann: httpx.AsyncClient
) -> None:
    file_id = await upload(ann, nb("a = 1"))
    await type_into(await live(server, file_id), "c0", "a = 2", server.ids["ann"])
    kept = await keep_now(ann, file_id, name="  Before the  talk ", pinned=True)
    assert (kept["name"], kept["pinned"], kept["kind"], kept["number"]) == ("Before the talk", True, "named", 2)
    assert b"a = 2" in await content(ann, file_id, kept["id"])
    # Nothing changed since: the same state under a second name is a revision of its own, under the same one it is not.
    assert (await keep_now(ann, file_id, name="Before the talk"))["id"] == kept["id"]
    again = await keep_now(ann, file_id, name="Handed in")
    assert (again["number"], again["name"], again["pinned"]) == (3, "Handed in", False)
    assert await content(ann, file_id, again["id"]) == await content(ann, file_id, kept["id"])


async def test_a_state_that_is_stored_already_gets_the_pin(ann: httpx.AsyncClient) -> None:
    file_id = await upload(ann, b"1,2\n", "table.csv")
    kept = await keep_now(ann, file_id, pinned=True)
    assert [(one["id"], one["pinned"], one["kind"]) for one in await history(ann, file_id)] == [
        (kept["id"], True, "upload")
    ]
    folder = (await ann.post("/files", json={"kind": "folder", "name": "F"})).json()["id"]
    assert (await ann.post(f"/files/{folder}/revisions", json={"pinned": True})).json()["code"] == "folder_content"


async def test_a_revision_is_renamed_and_unpinned(ann: httpx.AsyncClient) -> None:
    file_id = await upload(ann, nb("a"))
    revision = (await keep_now(ann, file_id, name="One", pinned=True))["id"]
    path = f"/files/{file_id}/revisions/{revision}"
    renamed = (await ann.patch(path, json={"name": "Two"})).json()
    assert (renamed["name"], renamed["pinned"]) == ("Two", True)
    bare = (await ann.patch(path, json={"name": None, "pinned": False})).json()
    assert (bare["name"], bare["pinned"]) == (None, False)
    for body in ({"name": "  "}, {"name": "x" * 256}, {"kind": "named"}, {"pinned": "yes"}):
        assert (await ann.patch(path, json=body)).status_code == 400, body
    other = await upload(ann, nb("b"))
    assert (await ann.patch(f"/files/{other}/revisions/{revision}", json={"name": "x"})).status_code == 404
    assert (await history(ann, file_id))[0]["name"] is None


# -- pages and people -------------------------------------------------------------------------------------------------


async def test_the_list_comes_in_pages(ann: httpx.AsyncClient) -> None:
    file_id = await upload(ann, b"0", "f.txt")
    for number in range(1, 7):
        await ann.put(f"/files/{file_id}/content", content=str(number).encode())
    numbers, token, pages = [], None, 0
    while True:
        query = {"pageSize": 3} | ({"pageToken": token} if token else {})
        page = (await ann.get(f"/files/{file_id}/revisions", params=query)).json()
        numbers += [one["number"] for one in page["revisions"]]
        pages, token = pages + 1, page["nextPageToken"]
        if token is None:
            break
    assert (numbers, pages) == ([7, 6, 5, 4, 3, 2, 1], 3)
    bad = await ann.get(f"/files/{file_id}/revisions", params={"pageToken": "x"})
    assert (bad.status_code, bad.json()["code"]) == (400, "bad_page_token")


async def test_everybody_who_contributed_is_named_also_after_a_restart_of_the_room(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    file_id = await upload(ann, nb("a", "b"))
    await ann.post(f"/files/{file_id}/permissions", json={"login": "bob", "role": "editor"})
    room = await live(server, file_id)
    await type_into(room, "c0", "a by ann", server.ids["ann"])
    await type_into(room, "c1", "b by bob", server.ids["bob"])
    first = await keep_now(ann, file_id, name="Both")
    assert first["author"]["name"] == "Ann"
    assert {person["name"] for person in first["contributors"]} == {"Ann", "Bob"}
    await type_into(room, "c1", "bob alone", server.ids["bob"])
    # What is in memory is lost; the journal knows.
    rooms = server.app.services.rooms
    assert rooms is not None
    rooms._rooms.pop(file_id)
    assert await sources(ann, file_id) == ["a by ann", "bob alone"]
    second = await keep_now(bob, file_id, name="Bob")
    assert [person["name"] for person in second["contributors"]] == ["Bob"]


# -- differences ------------------------------------------------------------------------------------------------------


async def test_a_revision_is_compared_with_the_one_before_and_with_any_other(
    server: ServerInProcess, ann: httpx.AsyncClient
) -> None:
    file_id = await upload(ann, nb("x = 1\ny = 2\n", "same"))
    first = (await history(ann, file_id))[0]["id"]
    room = await live(server, file_id)
    await type_into(room, "c0", "x = 1\ny = 3\n", server.ids["ann"])
    second = (await keep_now(ann, file_id, name="second"))["id"]
    await type_into(room, "c0", "z = 0\nx = 1\ny = 3\n", server.ids["ann"])

    found = await diff(ann, file_id, second)
    assert statuses(found) == ["changed", "same"]
    assert found["before"]["revision"]["id"] == first
    assert found["after"]["revision"]["name"] == "second"
    (cell, same) = found["cells"]
    assert cell["parts"] == ["source"]
    assert [(line["kind"], "".join(piece["text"] for piece in line["pieces"])) for line in cell["lines"]] == [
        ("same", "x = 1"),
        ("removed", "y = 2"),
        ("added", "y = 3"),
        ("same", ""),
    ]
    assert [piece["text"] for piece in cell["lines"][1]["pieces"] if piece["changed"]] == ["2"]
    assert (same["before"]["outputs"], same["lines"]) == (None, [])

    # What nobody has saved yet is the present state.
    unsaved = await diff(ann, file_id, "head")
    assert unsaved["after"]["revision"] is None
    assert [line["kind"] for line in unsaved["cells"][0]["lines"]] == ["added", "same", "same", "same"]
    back = await diff(ann, file_id, first, against="head")
    assert [line["kind"] for line in back["cells"][0]["lines"]] == ["removed", "same", "removed", "added", "same"]
    assert statuses(await diff(ann, file_id, second, against=second)) == ["same", "same"]

    born = await diff(ann, file_id, first)
    assert (born["before"], statuses(born)) == (None, ["added", "added"])
    for revision, against in (("no-such", "previous"), (second, "no-such")):
        missing = await ann.get(f"/files/{file_id}/revisions/{revision}/diff", params={"against": against})
        assert (missing.status_code, missing.json()["code"]) == (404, "no_such_revision")


async def test_outputs_are_given_where_they_differ_with_their_values_inline(ann: httpx.AsyncClient) -> None:
    def output(byte: str) -> dict[str, Any]:
        return {"output_type": "display_data", "data": {"image/png": byte * 60_000}, "metadata": {}}

    file_id = await upload(ann, nb("draw()", outputs=[output("A")]))
    await ann.put(f"/files/{file_id}/content", content=nb("draw()", outputs=[output("B")]))
    (cell,) = (await diff(ann, file_id, (await history(ann, file_id))[0]["id"]))["cells"]
    assert cell["parts"] == ["outputs"]
    assert [cell[side]["outputs"][0]["data"]["image/png"] for side in ("before", "after")] == [
        "A" * 60_000,
        "B" * 60_000,
    ]


async def test_outputs_too_large_to_be_compared_say_so(ann: httpx.AsyncClient) -> None:
    def stream(sign: str) -> dict[str, Any]:
        return {"output_type": "stream", "name": "stdout", "text": (sign * 99 + "\n") * 60_000}

    file_id = await upload(ann, nb("print()", outputs=[stream("a")]))
    await ann.put(f"/files/{file_id}/content", content=nb("print()", outputs=[stream("b")]))
    found = await diff(ann, file_id, (await history(ann, file_id))[0]["id"])
    assert found["outputs_left_out"] is True
    notice = found["cells"][0]["after"]["outputs"][0]
    assert notice["output_type"] == "labora_notice"
    assert "Download" in notice["message"]


async def test_metadata_is_told_as_json_with_types(ann: httpx.AsyncClient) -> None:
    file_id = await upload(ann, nb("a", metadata={"tags": ["x"], "deep": {"n": 1}}))
    await ann.put(f"/files/{file_id}/content", content=nb("a", metadata={"deep": {"n": 1.0}}))
    (cell,) = (await diff(ann, file_id, (await history(ann, file_id))[0]["id"]))["cells"]
    assert cell["metadata"] == [
        {"path": ["deep", "n"], "before": "1", "after": "1.0"},
        {"path": ["tags"], "before": '["x"]', "after": None},
    ]


async def test_what_is_no_notebook_cannot_be_compared(ann: httpx.AsyncClient) -> None:
    table = await upload(ann, b"a,b\n", "table.csv")
    revision = (await history(ann, table))[0]["id"]
    answer = await ann.get(f"/files/{table}/revisions/{revision}/diff")
    assert (answer.status_code, answer.json()["code"]) == (415, "not_a_notebook")
    broken = await upload(ann, b"<<<<<<< HEAD")
    answer = await ann.get(f"/files/{broken}/diff", params={"against": await upload(ann, nb("a"))})
    assert (answer.status_code, answer.json()["code"]) == (400, "conflict_markers")


async def test_any_two_notebooks_that_one_may_read_are_compared(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    anns, bobs = (
        await upload(ann, nb("a = 1", "b = 2"), "anns.ipynb"),
        await upload(bob, nb("a = 1", "c = 3"), "bobs.ipynb"),
    )
    ask = {"against": anns}
    assert (await bob.get(f"/files/{bobs}/diff", params=ask)).status_code == 404
    assert (await bob.get(f"/files/{anns}/diff", params={"against": bobs})).status_code == 404
    await ann.post(f"/files/{anns}/permissions", json={"login": "bob", "role": "viewer"})
    found = (await bob.get(f"/files/{bobs}/diff", params=ask)).json()
    assert (found["before"]["name"], found["after"]["name"]) == ("anns.ipynb", "bobs.ipynb")
    assert statuses(found) == ["same", "changed"]
    # A viewer sees what is, not what was.
    old = (await history(ann, anns))[0]["id"]
    refused = await bob.get(f"/files/{bobs}/diff", params={**ask, "againstRevision": old})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert (await ann.get(f"/files/{anns}/diff", params={"against": anns, "revision": old})).status_code == 200
    # And the revision of one file cannot be named through another.
    foreign = await ann.get(
        f"/files/{anns}/diff", params={"against": anns, "revision": (await history(bob, bobs))[0]["id"]}
    )
    assert (foreign.status_code, foreign.json()["code"]) == (404, "no_such_revision")


@pytest.mark.parametrize("role", ["viewer", "commenter"])
async def test_those_who_do_not_edit_see_no_history(ann: httpx.AsyncClient, bob: httpx.AsyncClient, role: str) -> None:
    file_id = await upload(ann, nb("a"))
    revision = (await history(ann, file_id))[0]["id"]
    await ann.post(f"/files/{file_id}/permissions", json={"login": "bob", "role": role})
    path = f"/files/{file_id}/revisions"
    for answer in (
        await bob.get(path),
        await bob.post(path, json={"name": "mine"}),
        await bob.patch(f"{path}/{revision}", json={"pinned": True}),
        await bob.get(f"{path}/{revision}/diff"),
        await bob.get(f"{path}/head/diff"),
        await bob.post(f"{path}/{revision}/restore"),
    ):
        assert answer.status_code == 403, answer.request.url
    assert [(one["name"], one["pinned"]) for one in await history(ann, file_id)] == [(None, False)]


# -- restoring --------------------------------------------------------------------------------------------------------


async def test_restoring_while_somebody_types_can_be_undone(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    file_id = await upload(ann, nb("old"))
    first = (await history(ann, file_id))[0]["id"]
    room = await live(server, file_id)
    await type_into(room, "c0", "new by bob", server.ids["bob"])
    restored = (await ann.post(f"/files/{file_id}/revisions/{first}/restore")).json()
    assert restored["kind"] == "restore"
    # The open notebook followed, in the same room and epoch.
    assert room.require_document().cell("c0").source == "old"
    assert not room.closed
    await type_into(room, "c0", "old and on", server.ids["bob"])
    assert await sources(ann, file_id) == ["old and on"]
    kinds = [(one["kind"], one["number"]) for one in await history(ann, file_id)]
    assert kinds == [("restore", 3), ("before-merge", 2), ("upload", 1)]
    before = (await history(ann, file_id))[1]["id"]
    assert statuses(await diff(ann, file_id, restored["id"])) == ["changed"]
    await ann.post(f"/files/{file_id}/revisions/{before}/restore")
    assert await sources(ann, file_id) == ["new by bob"]


# -- thinning ---------------------------------------------------------------------------------------------------------


async def make_old(server: ServerInProcess, file_id: str, hours: dict[int, float]) -> None:
    """Makes revisions, by number, this many hours old."""
    now = datetime.fromisoformat("2026-07-01T12:30:00+00:00")
    server.app.services.drive.context.clock = FixedClock(now)
    async with server.app.services.database.transaction() as connection:
        for number, age in hours.items():
            query = update(revisions).where(revisions.c.file_id == file_id, revisions.c.number == number)
            await connection.execute(query.values(created_at=timestamp(now - timedelta(hours=age))))


class FixedClock:
    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return 0.0


async def test_old_automatic_revisions_go_and_their_bytes_with_them(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    file_id = await upload(ann, nb("0"))
    drive, ids = server.app.services.drive, server.ids
    for number, author in enumerate(["ann", "bob", "ann", "ann", "ann", "ann"], start=1):
        await drive.add_revision(file_id, nb(str(number)), kind="autosave", author_id=ids[author])
    found = {one["number"]: one for one in await history(ann, file_id)}
    await ann.patch(f"/files/{file_id}/revisions/{found[4]['id']}", json={"name": "Kept"})
    await ann.patch(f"/files/{file_id}/revisions/{found[5]['id']}", json={"pinned": True})
    # All within one hour, two days ago; the head too.
    await make_old(server, file_id, {number: 48.4 - number / 60 for number in range(1, 8)})
    gone = [found[number] for number in (2, 3)]
    assert await drive.history.thin() == 2
    left = await history(ann, file_id)
    # The upload, the named, the pinned, the last one of its hour and the head.
    assert [one["number"] for one in left] == [7, 6, 5, 4, 1]
    # Bob's work is told with the revision that holds it now.
    assert {person["name"] for person in left[3]["contributors"]} == {"Ann", "Bob"}
    assert await drive.history.thin() == 0
    for one in gone:
        assert (await ann.get(f"/files/{file_id}/revisions/{one['id']}/download")).status_code == 404
    await server.app.services.blobs.sweep(timedelta(0))
    for one in left:
        assert (await ann.get(f"/files/{file_id}/revisions/{one['id']}/download")).status_code == 200
    assert json.loads(await content(ann, file_id))["cells"][0]["source"] == "6"

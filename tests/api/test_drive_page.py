"""What the drive's page asks for: shortcuts, counts, jumps into long lists, changes of many items at once."""

from __future__ import annotations

from typing import Any

import httpx
import pytest


async def make(client: httpx.AsyncClient, kind: str, name: str, parent: str = "root") -> dict[str, Any]:
    answer = await client.post("/files", json={"kind": kind, "name": name, "parent_id": parent})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def shortcut(client: httpx.AsyncClient, target: str, **more: Any) -> httpx.Response:
    return await client.post("/files", json={"kind": "shortcut", "target_id": target, **more})


async def test_a_shortcut_leads_to_what_its_owner_may_read(ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    target = await make(bob, "notebook", "shared.ipynb")
    assert (await shortcut(ann, target["id"])).status_code == 404
    given = await bob.post(f"/files/{target['id']}/permissions", json={"login": "ann", "role": "viewer"})
    made = (await shortcut(ann, target["id"])).json()
    leads = {"id": target["id"], "kind": "notebook", "media_type": "application/x-ipynb+json", "trashed": False}
    assert (made["kind"], made["name"], made["target"]) == ("shortcut", "shared.ipynb", leads)
    # A shortcut to a shortcut leads to where that leads; a name of its own may be given.
    second = (await shortcut(ann, made["id"], name="again")).json()
    assert (second["name"], second["target"]["id"]) == ("again", target["id"])
    # It shows in lists as well. It goes on to exist when its target cannot be read any more, and then leads nowhere.
    listed = {found["name"]: found["target"] for found in (await ann.get("/files")).json()["files"]}
    assert listed["shared.ipynb"] == leads
    await bob.patch(f"/files/{target['id']}", json={"trashed": True})
    assert (await ann.get(f"/files/{made['id']}")).json()["target"] is None
    await bob.patch(f"/files/{target['id']}", json={"trashed": False})
    await bob.delete(f"/files/{target['id']}/permissions/{given.json()['id']}")
    assert (await ann.get(f"/files/{made['id']}")).json()["target"] is None
    assert (await bob.get(f"/files/{made['id']}")).status_code == 404
    await bob.delete(f"/files/{target['id']}")
    assert (await shortcut(ann, made["id"])).json()["code"] == "broken_shortcut"


async def test_a_shortcut_to_what_is_in_ones_own_trash_says_so(ann: httpx.AsyncClient) -> None:
    folder = await make(ann, "folder", "F")
    made = (await shortcut(ann, folder["id"])).json()
    await ann.patch(f"/files/{folder['id']}", json={"trashed": True})
    assert (await ann.get(f"/files/{made['id']}")).json()["target"]["trashed"] is True


async def test_a_shortcut_has_no_content_and_no_copy(ann: httpx.AsyncClient) -> None:
    made = (await shortcut(ann, (await make(ann, "notebook", "n.ipynb"))["id"])).json()
    for answer in (
        await ann.get(f"/files/{made['id']}/download"),
        await ann.post(f"/files/{made['id']}/copy", json={}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (415, "shortcut_content")
    assert (await ann.put(f"/files/{made['id']}/content", content=b"{}")).status_code == 415


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"kind": "shortcut", "name": "s"}, "bad_target"),
        ({"kind": "folder", "name": "f", "target_id": "root"}, "bad_target"),
        ({"kind": "folder"}, "bad_name"),
        ({"kind": "shortcut", "target_id": "root"}, "root_shortcut"),
    ],
)
async def test_what_cannot_be_made_says_why(ann: httpx.AsyncClient, body: dict[str, Any], code: str) -> None:
    assert (await ann.post("/files", json=body)).json()["code"] == code


async def test_a_long_list_is_counted_and_jumped_into(ann: httpx.AsyncClient) -> None:
    folder = (await make(ann, "folder", "many"))["id"]
    inner = (await make(ann, "folder", "a folder", folder))["id"]
    for number in range(8):
        await make(ann, "folder" if number % 2 else "notebook", f"item {number}.ipynb", inner if number > 5 else folder)
    count = await ann.get("/files/count", params={"folder": folder})
    assert count.json() == {"count": 7}
    only = {"folder": folder, "q": "mimeType = 'application/vnd.labora.folder'"}
    assert (await ann.get("/files/count", params=only)).json() == {"count": 4}
    assert (await ann.get("/files/count", params={"folder": folder, "name": "ITEM 1"})).json() == {"count": 1}
    whole = (await ann.get("/files", params={"folder": folder, "orderBy": "name"})).json()["files"]
    page = {"folder": folder, "orderBy": "name", "pageSize": 2, "skip": 3}
    middle = (await ann.get("/files", params=page)).json()
    assert [found["id"] for found in middle["files"]] == [found["id"] for found in whole[3:5]]
    rest = {"folder": folder, "orderBy": "name", "pageToken": middle["nextPageToken"]}
    assert (await ann.get("/files", params=rest)).json()["files"] == whole[5:]
    contents = (await ann.get(f"/files/{folder}/contents")).json()
    assert (contents["items"], contents["folders"]) == (9, 5)
    assert contents["total_bytes"] > 0
    await ann.patch(f"/files/{inner}", json={"trashed": True})
    assert (await ann.get(f"/files/{folder}/contents")).json()["items"] == 6
    for view in ("trash", "starred", "recent", "shared"):
        listed = (await ann.get("/files", params={"view": view})).json()["files"]
        assert (await ann.get("/files/count", params={"view": view})).json() == {"count": len(listed)}


async def test_a_count_is_for_readers_only(ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    folder = (await make(ann, "folder", "mine"))["id"]
    assert (await bob.get("/files/count", params={"folder": folder})).status_code == 404
    assert (await bob.get(f"/files/{folder}/contents")).status_code == 404


async def batch(client: httpx.AsyncClient, ids: list[str], **change: Any) -> list[str | None]:
    answer = await client.post("/files/batch", json={"ids": ids, **change})
    assert answer.status_code == 200, answer.text
    assert [found["id"] for found in answer.json()["results"]] == ids
    return [found["error"] and found["error"]["code"] for found in answer.json()["results"]]


async def test_many_items_change_each_by_itself(ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    folder = (await make(ann, "folder", "to"))["id"]
    first, second = [(await make(ann, "notebook", name))["id"] for name in ("1", "2")]
    foreign, unknown = (await make(bob, "notebook", "b"))["id"], "x" * 20
    await bob.post(f"/files/{foreign}/permissions", json={"login": "ann", "role": "viewer"})
    ids = [first, foreign, unknown, folder, second]
    assert await batch(ann, ids, parent_id=folder) == [None, "forbidden", "no_such_file", "cycle", None]
    assert [found["name"] for found in (await ann.get("/files", params={"folder": folder})).json()["files"]] == [
        "1.ipynb",
        "2.ipynb",
    ]
    assert await batch(ann, [first, foreign], starred=True) == [None, None]
    assert len((await ann.get("/files", params={"view": "starred"})).json()["files"]) == 2
    assert await batch(ann, [folder, foreign], trashed=True) == [None, "forbidden"]
    assert await batch(ann, [folder], trashed=False) == [None]
    # What ended with its folder is no failure.
    assert await batch(ann, [folder, first, foreign], delete=True) == [None, None, "forbidden"]
    assert (await ann.get(f"/files/{first}")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"ids": ["a"]},
        {"ids": ["a"], "trashed": True, "starred": True},
        {"ids": [], "trashed": True},
        {"ids": ["a"] * 201, "trashed": True},
    ],
)
async def test_a_batch_is_bounded_and_says_one_thing(ann: httpx.AsyncClient, body: dict[str, Any]) -> None:
    assert (await ann.post("/files/batch", json=body)).status_code in {400, 422}

"""What follows Google Drive's API: ``q``, ETags, and keys that make a request safe to repeat."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from labora.accounts.repeats import Repeats
from labora.api.app import LaboraApp
from labora.base.clock import SystemClock


async def make(client: httpx.AsyncClient, kind: str, name: str, parent: str = "root") -> str:
    answer = await client.post("/files", json={"kind": kind, "name": name, "parent_id": parent})
    return str(answer.json()["id"])


async def listed(client: httpx.AsyncClient, q: str, **more: Any) -> list[str]:
    answer = await client.get("/files", params={"q": q, "orderBy": "name", **more})
    assert answer.status_code == 200, answer.text
    return [found["name"] for found in answer.json()["files"]]


@pytest.fixture
async def drive(ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> dict[str, str]:
    """Ann's: folder F with a.ipynb (starred) and b.txt; c.ipynb in the trash. Bob's: shared.ipynb, shared with Ann."""
    for client in (ann, bob):
        for found in (await client.get("/files")).json()["files"]:
            await client.delete(f"/files/{found['id']}")
    ids = {"F": await make(ann, "folder", "F")}
    ids["a"] = await make(ann, "notebook", "a.ipynb", ids["F"])
    await ann.patch(f"/files/{ids['a']}", json={"starred": True})
    upload = await ann.post("/files/upload", params={"name": "b.txt", "parent": ids["F"]}, content=b"needle and thread")
    ids["b"] = upload.json()["id"]
    ids["c"] = await make(ann, "notebook", "c.ipynb")
    await ann.patch(f"/files/{ids['c']}", json={"trashed": True})
    ids["G"] = await make(bob, "folder", "G")
    ids["s"] = await make(bob, "notebook", "shared.ipynb", ids["G"])
    await bob.post(f"/files/{ids['s']}/permissions", json={"login": "ann", "role": "viewer"})
    return ids


QUERIES: list[tuple[str, list[str]]] = [
    ("name contains 'A'", ["a.ipynb", "shared.ipynb"]),
    ("name = 'B.TXT'", ["b.txt"]),
    ("name != 'f'", ["a.ipynb", "b.txt", "shared.ipynb"]),
    ("mimeType = 'application/vnd.labora.folder'", ["F"]),
    ("mimeType contains 'text/'", ["b.txt"]),
    ("not mimeType contains 'ipynb'", ["b.txt", "F"]),
    ("'{F}' in parents", ["a.ipynb", "b.txt"]),
    ("'root' in parents", ["F"]),
    ("'root' in parents and trashed = true", ["c.ipynb"]),
    ("trashed = true", ["c.ipynb"]),
    ("trashed = true or trashed = false", ["a.ipynb", "b.txt", "c.ipynb", "F", "shared.ipynb"]),
    ("starred = true", ["a.ipynb"]),
    ("not starred = true and '{F}' in parents", ["b.txt"]),
    ("starred != true and '{F}' in parents", ["b.txt"]),
    ("sharedWithMe", ["shared.ipynb"]),
    ("not sharedWithMe and mimeType contains 'ipynb'", ["a.ipynb"]),
    ("'bob' in owners", ["shared.ipynb"]),
    ("'me' in owners and name contains 'b'", ["a.ipynb", "b.txt"]),
    ("not 'me' in owners", ["shared.ipynb"]),
    ("modifiedTime > '2001-01-01' and name = 'F'", ["F"]),
    ("modifiedTime < '2001-01-01'", []),
    ("fullText contains 'needle'", ["b.txt"]),
    ("fullText contains '\"needle and\" thr*' and starred = false", ["b.txt"]),
    ("fullText contains 'nothing' or name = 'F'", ["F"]),
    # Where a file lies is not told to those who may not read the folder.
    ("'{G}' in parents", []),
    ("not '{G}' in parents and name = 'shared.ipynb'", ["shared.ipynb"]),
    ("name = 'x\\' OR 1=1 --'", []),
]


async def test_queries(app: LaboraApp, ann: httpx.AsyncClient, drive: dict[str, str]) -> None:
    await app.services.search.indexer.catch_up()
    for q, expected in QUERIES:
        asked = q
        for name, file_id in drive.items():
            asked = asked.replace(f"{{{name}}}", file_id)
        assert await listed(ann, asked) == expected, q


async def test_a_query_goes_with_folder_view_and_name(ann: httpx.AsyncClient, drive: dict[str, str]) -> None:
    assert await listed(ann, "starred = false", folder=drive["F"]) == ["b.txt"]
    assert await listed(ann, "name contains 'c'", view="trash") == ["c.ipynb"]
    assert await listed(ann, "mimeType contains 'ipynb'", name="shar") == ["shared.ipynb"]


async def test_a_bad_query_says_where(ann: httpx.AsyncClient) -> None:
    answer = await ann.get("/files", params={"q": "name contains churn"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_query")
    assert answer.json()["message"] == "q, character 15: expected a text in single quotes, found churn."


async def test_a_query_pages_while_things_change(ann: httpx.AsyncClient) -> None:
    folder = await make(ann, "folder", "many")
    made = [await make(ann, "folder", f"item {number}", folder) for number in range(6)]
    query = {"q": "name contains 'item'", "orderBy": "name", "pageSize": 2}
    first = (await ann.get("/files", params=query)).json()
    await ann.patch(f"/files/{made[0]}", json={"trashed": True})
    await make(ann, "folder", "item 00", folder)
    rest = (await ann.get("/files", params={**query, "pageSize": 9, "pageToken": first["nextPageToken"]})).json()
    names = [found["name"] for found in first["files"] + rest["files"]]
    assert names == [f"item {number}" for number in range(6)]


async def test_etags(ann: httpx.AsyncClient) -> None:
    made = await ann.post("/files", json={"kind": "notebook", "name": "n"})
    path, etag = f"/files/{made.json()['id']}", made.headers["etag"]
    same = await ann.get(path, headers={"If-None-Match": etag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    assert (await ann.get(path, headers={"If-None-Match": f'"other", W/{etag}'})).status_code == 304
    assert (await ann.get(path, headers={"If-None-Match": '"other"'})).status_code == 200
    # Whatever the answer says changes the tag: a star, new content; and If-Match looks at name, place and trash only.
    starred = await ann.patch(path, json={"starred": True}, headers={"If-Match": etag})
    assert starred.status_code == 200
    assert (await ann.get(path, headers={"If-None-Match": etag})).status_code == 200
    await ann.put(f"{path}/content", content=b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    assert (await ann.get(path, headers={"If-None-Match": starred.headers["etag"]})).status_code == 200
    renamed = await ann.patch(path, json={"name": "m"}, headers={"If-Match": starred.headers["etag"]})
    assert renamed.status_code == 200
    late = await ann.delete(path, headers={"If-Match": etag})
    assert (late.status_code, late.json()["code"]) == (412, "version_conflict")
    assert (await ann.delete(path, headers={"If-Match": renamed.headers["etag"]})).status_code == 200
    assert (await ann.get(path, headers={"If-None-Match": "*"})).status_code == 404


@pytest.mark.parametrize("how", ["folder", "upload", "copy", "share"])
async def test_a_request_with_a_key_is_done_once(ann: httpx.AsyncClient, bob: httpx.AsyncClient, how: str) -> None:
    source = await make(ann, "notebook", "source")

    async def send(key: str, name: str = "made", who: httpx.AsyncClient = ann) -> httpx.Response:
        headers = {"Idempotency-Key": key}
        if how == "folder":
            return await who.post("/files", json={"kind": "folder", "name": name}, headers=headers)
        if how == "upload":
            return await who.post("/files/upload", params={"name": "u.txt"}, content=name.encode(), headers=headers)
        if how == "copy":
            return await who.post(f"/files/{source}/copy", json={"name": name}, headers=headers)
        body = {"login": "bob", "role": "viewer" if name == "made" else "editor"}
        return await who.post(f"/files/{source}/permissions", json=body, headers=headers)

    first, again = await send("k1"), await send("k1")
    assert first.status_code == 201, first.text
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert (again.headers.get("etag"), again.headers["idempotency-replayed"]) == (first.headers.get("etag"), "true")
    other = await send("k1", "other")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    if how != "share":
        assert (await send("k2")).json()["id"] != first.json()["id"]
    # The key of one account says nothing to another.
    assert (await send("k1", who=bob)).headers.get("idempotency-replayed") is None


async def test_two_requests_with_one_key_at_once_make_one_file(ann: httpx.AsyncClient) -> None:
    async def send() -> httpx.Response:
        body = {"kind": "folder", "name": "once"}
        return await ann.post("/files", json=body, headers={"Idempotency-Key": "same"})

    answers = await asyncio.gather(*(send() for _ in range(5)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"request_unfinished"}
    assert len((await ann.get("/files", params={"name": "once"})).json()["files"]) == 1


async def test_a_refused_request_leaves_its_key_free(ann: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k"}
    bad = await ann.post("/files", json={"kind": "folder", "name": "a/b"}, headers=headers)
    assert bad.status_code == 400
    good = await ann.post("/files", json={"kind": "folder", "name": "ab"}, headers=headers)
    assert good.status_code == 201
    for key in ("x" * 256, "spaced key"):
        odd = await ann.post("/files", json={"kind": "folder", "name": "c"}, headers={"Idempotency-Key": key})
        assert (odd.status_code, odd.json()["code"]) == (400, "bad_idempotency_key")


async def test_a_token_that_may_not_write_is_told_nothing_that_was_answered(
    ann: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    body, key = {"kind": "folder", "name": "made"}, {"Idempotency-Key": "k"}
    await ann.post("/files", json=body, headers=key)
    token = (await ann.post("/me/tokens", json={"label": "t", "scopes": ["read"]})).json()["secret"]
    answer = await stranger.post("/files", json=body, headers={**key, "Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


async def test_secrets_are_not_kept_under_a_key(ann: httpx.AsyncClient, app: LaboraApp) -> None:
    body = {"label": "t", "scopes": ["read"]}
    secrets = [
        (await ann.post("/me/tokens", json=body, headers={"Idempotency-Key": "k"})).json()["secret"] for _ in range(2)
    ]
    assert len(set(secrets)) == 2


async def test_a_key_is_free_again_after_a_day(ann: httpx.AsyncClient, app: LaboraApp) -> None:
    class Tomorrow(SystemClock):
        def now(self) -> Any:
            return super().now() + timedelta(hours=25)

    body = {"kind": "folder", "name": "made"}
    first = await ann.post("/files", json=body, headers={"Idempotency-Key": "k"})
    account = (await ann.get("/me")).json()["id"]
    later = Repeats(app.services.database, Tomorrow())
    assert await later.claim(account, "k") is None
    # What was claimed and never answered, for the server stopped over it, is not done again blindly.
    unfinished = await ann.post("/files", json=body, headers={"Idempotency-Key": "k"})
    assert (unfinished.status_code, unfinished.json()["code"]) == (409, "request_unfinished")
    assert json.dumps(first.json())

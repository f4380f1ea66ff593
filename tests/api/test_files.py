"""Files as a client uses them; cases 13, 14, 17, 20, 46 and 51."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from labora.api.app import create_app
from labora.base.settings import Settings, load_settings
from labora.drive import home
from labora.drive.tree import MAX_DEPTH
from labora.testing.server import ORIGIN, ServerInProcess, server_in_process
from tests.conftest import EXAMPLES_DIR


async def make(client: httpx.AsyncClient, kind: str, name: str, parent: str = "root") -> str:
    answer = await client.post("/files", json={"kind": kind, "name": name, "parent_id": parent})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def names(client: httpx.AsyncClient, **query: object) -> list[str]:
    answer = await client.get("/files", params=query)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return [found["name"] for found in answer.json()["files"]]


async def share(client: httpx.AsyncClient, file_id: str, login: str, role: str = "viewer") -> str:
    answer = await client.post(f"/files/{file_id}/permissions", json={"login": login, "role": role})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.fixture
def examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "examples_dir", EXAMPLES_DIR)


@pytest.mark.usefixtures("examples")
async def test_a_new_account_finds_examples(ann: httpx.AsyncClient) -> None:
    found = (await ann.get("/files")).json()["files"]
    assert [(file["kind"], file["name"]) for file in found] == [("folder", "Examples")]
    inside = (await ann.get("/files", params={"folder": found[0]["id"]})).json()["files"]
    assert inside
    assert all(file["kind"] == "notebook" and file["read_only_reason"] is None for file in inside)


async def test_a_new_notebook_downloads_as_valid_nbformat(ann: httpx.AsyncClient) -> None:
    file_id = await make(ann, "notebook", "Untitled")
    answer = await ann.get(f"/files/{file_id}/download")
    notebook = json.loads(answer.content)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert 'filename="Untitled.ipynb"' in answer.headers["content-disposition"]


async def test_a_broken_notebook_is_kept_byte_for_byte_with_the_reason(ann: httpx.AsyncClient) -> None:
    data = b'{"cells": [<<<<<<< HEAD'
    answer = await ann.post("/files/upload", params={"name": "broken.ipynb"}, content=data)
    file = answer.json()
    assert (answer.status_code, file["kind"]) == (201, "notebook")
    assert file["read_only_reason"]
    assert (await ann.get(f"/files/{file['id']}/download")).content == data


async def test_rename_with_versions(ann: httpx.AsyncClient) -> None:
    file_id = await make(ann, "folder", "A")
    etag = (await ann.get(f"/files/{file_id}")).headers["etag"]
    assert (await ann.patch(f"/files/{file_id}", json={"name": "B"}, headers={"If-Match": etag})).status_code == 200
    late = await ann.patch(f"/files/{file_id}", json={"name": "C"}, headers={"If-Match": etag})
    assert (late.status_code, late.json()["code"]) == (412, "version_conflict")
    assert (await ann.get(f"/files/{file_id}")).json()["name"] == "B"
    odd = await ann.patch(f"/files/{file_id}", json={"name": "C"}, headers={"If-Match": "three"})
    assert odd.status_code == 400


async def test_pages_of_a_list_cover_it_once_in_every_order(ann: httpx.AsyncClient) -> None:
    folder = await make(ann, "folder", "many")
    for number in range(7):
        await make(ann, "folder" if number % 3 == 0 else "notebook", f"n{number % 2}", folder)
    for order in ("folder,name", "name desc", "modified_at desc", "folder desc,name,created_at", "size,name desc"):
        seen: list[str] = []
        token: str | None = None
        while True:
            query = {"folder": folder, "pageSize": 2, "orderBy": order} | ({"pageToken": token} if token else {})
            page = (await ann.get("/files", params=query)).json()
            assert len(page["files"]) <= 2
            seen += [file["id"] for file in page["files"]]
            token = page["nextPageToken"]
            if token is None:
                break
        whole = (await ann.get("/files", params={"folder": folder, "orderBy": order})).json()
        assert seen == [file["id"] for file in whole["files"]]
        assert len(seen) == 7


def forged(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps([["folder", "name"], values]).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "query",
    [
        {"orderBy": "evil"},
        {"pageToken": "e30"},
        {"pageToken": "ÿ"},
        {"pageToken": forged(2**70, "n", "i")},
        {"pageToken": forged(0, "\ud800", "i")},
        {"pageToken": forged(0, True, "i")},
        {"pageToken": base64.urlsafe_b64encode(b"[" * 3000).decode()},
        {"view": "all"},
    ],
)
async def test_odd_list_queries_are_refused(ann: httpx.AsyncClient, query: dict[str, str]) -> None:
    assert (await ann.get("/files", params=query)).status_code == 400


async def test_search_finds_by_part_of_the_name_what_may_be_read(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    folder = await make(ann, "folder", "Shared")
    await make(ann, "notebook", "Quarterly 100%_report", folder)
    await make(ann, "notebook", "Quarterly private")
    await share(ann, folder, "bob")
    assert sorted(await names(ann, name="quarterly")) == ["Quarterly 100%_report.ipynb", "Quarterly private.ipynb"]
    assert await names(bob, name="QUARTERLY") == ["Quarterly 100%_report.ipynb"]
    assert await names(ann, name="100%_") == ["Quarterly 100%_report.ipynb"]
    assert await names(ann, name="1%0") == []


async def test_search_folds_the_case_of_every_script(
    server: ServerInProcess, owner: httpx.AsyncClient, ann: httpx.AsyncClient
) -> None:
    for name in ("Übung", "STRASSE", "Ελλάδα ΟΔΟΣ", "Отчёт"):
        await make(ann, "folder", name)
    found = {
        q: await names(ann, name=q)
        for q in ("übung", "ÜBUNG", "u\u0308bung", "straße", "οδός".upper(), "οδος", "ОТЧЁТ")
    }
    assert found == {
        "übung": ["Übung"],
        "ÜBUNG": ["Übung"],
        "u\u0308bung": ["Übung"],
        "straße": ["STRASSE"],
        "ΟΔΌΣ": [],
        "οδος": ["Ελλάδα ΟΔΟΣ"],
        "ОТЧЁТ": ["Отчёт"],
    }
    old = (await ann.get("/files", params={"name": "übung"})).json()["files"][0]["id"]
    await ann.patch(f"/files/{old}", json={"name": "Ärger"})
    assert (await names(ann, name="ärGER"), await names(ann, name="übung")) == (["Ärger"], [])
    # Sorted as they are searched: not all capitals before all small letters.
    folder = await make(ann, "folder", "sorted")
    for name in ("ökonomie", "Zebra", "apfel", "Öl"):
        await make(ann, "folder", name, folder)
    assert await names(ann, folder=folder) == ["apfel", "Zebra", "ökonomie", "Öl"]
    await ann.patch("/me", json={"name": "Åsa Ünal"})
    people = (await owner.get("/people", params={"q": "åSA ü"})).json()["people"]
    assert [person["name"] for person in people] == ["Åsa Ünal"]


async def test_star_and_shared_with_me(ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    file_id = await make(ann, "notebook", "n")
    await share(ann, file_id, "bob", "editor")
    assert await names(bob, view="shared") == ["n.ipynb"]
    assert (await bob.patch(f"/files/{file_id}", json={"starred": True})).json()["starred"] is True
    assert (await ann.get(f"/files/{file_id}")).json()["starred"] is False
    assert await names(bob, view="starred") == ["n.ipynb"]
    seen = (await bob.get(f"/files/{file_id}")).json()
    assert (seen["shared"], seen["parent_id"], seen["owner"]["name"]) == (True, None, "Ann")


async def test_copy_belongs_to_the_one_who_copies(ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    file_id = await make(ann, "notebook", "n")
    await share(ann, file_id, "bob")
    copy = (await bob.post(f"/files/{file_id}/copy", json={})).json()
    assert (copy["name"], copy["owner"]["name"], copy["role"]) == ("Copy of n.ipynb", "Bob", "owner")
    assert copy["parent_id"] == (await bob.get("/files/root")).json()["id"]


async def test_revisions_are_listed_downloaded_and_restored(server: ServerInProcess, ann: httpx.AsyncClient) -> None:
    first = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
    file_id = (await ann.post("/files/upload", params={"name": "n.ipynb"}, content=first)).json()["id"]
    drive = server.app.services.drive
    await drive.add_revision(file_id, first + b"\n", kind="named", author_id=server.ids["ann"], name="second")
    listed = (await ann.get(f"/files/{file_id}/revisions")).json()["revisions"]
    assert [(revision["number"], revision["kind"], revision["name"]) for revision in listed] == [
        (2, "named", "second"),
        (1, "upload", None),
    ]
    assert (await ann.get(f"/files/{file_id}/revisions/{listed[1]['id']}/download")).content == first
    restored = (await ann.post(f"/files/{file_id}/revisions/{listed[1]['id']}/restore")).json()
    assert (restored["number"], restored["kind"]) == (3, "restore")
    assert (await ann.get(f"/files/{file_id}/download")).content == first
    other = await make(ann, "notebook", "other")
    assert (await ann.get(f"/files/{other}/revisions/{listed[0]['id']}/download")).status_code == 404


async def test_sec_13_rights_on_one_file_open_nothing_of_another(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    shared, private = await make(ann, "notebook", "shared"), await make(ann, "notebook", "private")
    await share(ann, shared, "bob", "editor")
    revision = (await ann.get(f"/files/{private}/revisions")).json()["revisions"][0]["id"]
    permission = await share(ann, private, "owner")
    for path in (
        f"/files/{private}",
        f"/files/{private}/download",
        f"/files/{private}/revisions",
        f"/files/{private}/revisions/{revision}/download",
        f"/files/{shared}/revisions/{revision}/download",
        f"/files/{private}/permissions",
    ):
        assert (await bob.get(path)).status_code == 404, path
    assert (await bob.delete(f"/files/{shared}/permissions/{permission}")).status_code == 404
    assert await names(bob, name="private") == []


@pytest.mark.parametrize(
    "extra", ["owner_id", "acl", "size", "epoch", "role", "path", "version", "read_only_reason", "id", "kind"]
)
async def test_sec_14_unknown_keys_are_refused(ann: httpx.AsyncClient, extra: str) -> None:
    file_id = await make(ann, "notebook", "n")
    before = (await ann.get(f"/files/{file_id}")).json()
    answer = await ann.patch(f"/files/{file_id}", json={"name": "m.ipynb", extra: "x"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert (await ann.get(f"/files/{file_id}")).json() == before
    assert (await ann.patch("/me", json={"name": "A", "is_owner": True})).status_code == 400


async def test_sec_17_a_move_changes_rights_at_once(ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    wide, narrow = await make(ann, "folder", "wide"), await make(ann, "folder", "narrow")
    inner = await make(ann, "folder", "inner", narrow)
    file_id = await make(ann, "notebook", "deep", inner)
    await share(ann, wide, "bob", "editor")
    assert (await bob.get(f"/files/{file_id}")).status_code == 404
    await ann.patch(f"/files/{inner}", json={"parent_id": wide})
    assert (await bob.get(f"/files/{file_id}")).json()["role"] == "editor"
    assert await names(bob, name="deep") == ["deep.ipynb"]
    assert await names(bob, folder=inner) == ["deep.ipynb"]
    await ann.patch(f"/files/{inner}", json={"parent_id": narrow})
    assert (await bob.get(f"/files/{file_id}")).status_code == 404
    assert (await bob.get("/files", params={"folder": inner})).status_code == 404
    assert await names(bob, name="deep") == []


async def test_sec_17_a_cycle_is_a_conflict(ann: httpx.AsyncClient) -> None:
    outer = await make(ann, "folder", "outer")
    inner = await make(ann, "folder", "inner", outer)
    for target in (outer, inner):
        answer = await ann.patch(f"/files/{outer}", json={"parent_id": target})
        assert (answer.status_code, answer.json()["code"]) == (409, "cycle")
    assert (await ann.patch("/files/root", json={"parent_id": inner})).status_code in {403, 409}
    assert (await ann.patch("/files/root", json={"trashed": True})).status_code == 403
    assert (await ann.delete("/files/root")).status_code == 403


async def test_folders_are_nested_only_so_deep(ann: httpx.AsyncClient) -> None:
    parent, made = "root", 0
    while (answer := await ann.post("/files", json={"kind": "folder", "name": "f", "parent_id": parent})).is_success:
        parent, made = answer.json()["id"], made + 1
    assert (answer.status_code, answer.json()["code"], made) == (409, "too_deep", MAX_DEPTH - 1)
    answer = await ann.post("/files/upload", params={"name": "a", "parent": parent}, content=b"a")
    assert answer.json()["code"] == "too_deep"


async def test_an_editor_cannot_take_a_file_into_their_own_drive(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    file_id = await make(ann, "notebook", "n")
    await share(ann, file_id, "bob", "editor")
    assert (await bob.patch(f"/files/{file_id}", json={"parent_id": "root"})).status_code in {403, 404}
    assert (await ann.get(f"/files/{file_id}")).json()["parent_id"] is not None


async def test_sec_20_the_trash_takes_rights_away_at_once(ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    folder = await make(ann, "folder", "F")
    file_id = await make(ann, "notebook", "n", folder)
    await share(ann, folder, "bob", "editor")
    assert (await bob.get(f"/files/{file_id}")).status_code == 200
    await ann.patch(f"/files/{folder}", json={"trashed": True})
    for path in (f"/files/{file_id}", f"/files/{folder}", f"/files/{file_id}/download", f"/files/{file_id}/revisions"):
        assert (await bob.get(path)).status_code == 404
    assert await names(bob, name="n.ipynb") == []
    assert await names(bob, view="shared") == []
    assert await names(ann, view="trash") == ["F"]
    renamed = await ann.patch(f"/files/{file_id}", json={"name": "m"})
    assert (renamed.status_code, renamed.json()["code"]) == (403, "trashed")
    await ann.patch(f"/files/{folder}", json={"trashed": False})
    assert (await bob.get(f"/files/{file_id}")).status_code == 200


async def test_what_is_restored_from_a_trashed_folder_goes_to_my_drive(ann: httpx.AsyncClient) -> None:
    folder = await make(ann, "folder", "F")
    file_id = await make(ann, "notebook", "n", folder)
    await ann.patch(f"/files/{file_id}", json={"trashed": True})
    await ann.patch(f"/files/{folder}", json={"trashed": True})
    restored = (await ann.patch(f"/files/{file_id}", json={"trashed": False})).json()
    assert restored["trashed_at"] is None
    assert restored["parent_id"] == (await ann.get("/files/root")).json()["id"]


async def test_deleting_a_folder_spares_what_others_own(ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    folder = await make(ann, "folder", "F")
    await share(ann, folder, "bob", "editor")
    bobs = await make(bob, "notebook", "bobs", folder)
    anns = await make(ann, "notebook", "anns", folder)
    assert (await bob.get(f"/files/{bobs}")).json()["role"] == "owner"
    assert (await bob.delete(f"/files/{anns}")).status_code == 403
    assert (await ann.delete(f"/files/{folder}")).status_code == 200
    assert (await ann.get(f"/files/{anns}")).status_code == 404
    kept = (await bob.get(f"/files/{bobs}")).json()
    assert kept["parent_id"] == (await bob.get("/files/root")).json()["id"]


async def test_emptying_the_trash(ann: httpx.AsyncClient) -> None:
    kept = await make(ann, "notebook", "kept")
    ended = await make(ann, "notebook", "ended")
    await ann.patch(f"/files/{ended}", json={"trashed": True})
    assert (await ann.delete("/trash")).status_code == 200
    assert (await ann.get(f"/files/{ended}")).status_code == 404
    assert (await ann.get(f"/files/{kept}")).status_code == 200


async def test_there_is_always_one_owner(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    file_id = await make(ann, "notebook", "n")
    url = f"/files/{file_id}/permissions"
    permission = await share(ann, file_id, "bob", "editor")
    assert (await ann.delete(f"{url}/owner")).json()["code"] == "owner_invariant"
    assert (await ann.patch(f"{url}/owner", json={"role": "viewer"})).json()["code"] == "owner_invariant"
    assert (await ann.post(url, json={"login": "bob", "role": "owner"})).status_code == 400
    assert (await ann.post(url, json={"login": "ann", "role": "viewer"})).json()["code"] == "is_owner"
    assert (await bob.patch(f"{url}/{permission}", json={"role": "owner"})).status_code == 403
    assert (await ann.patch(f"{url}/{permission}", json={"role": "owner"})).json()["role"] == "owner"
    assert (await bob.get(f"/files/{file_id}")).json()["role"] == "owner"
    assert (await ann.get(f"/files/{file_id}")).json()["role"] == "editor"
    owners = [p for p in (await bob.get(url)).json()["permissions"] if p["role"] == "owner"]
    assert [p["account"]["id"] for p in owners] == [server.ids["bob"]]


async def test_sharing_with_somebody_unknown_says_what_to_do(ann: httpx.AsyncClient) -> None:
    file_id = await make(ann, "notebook", "n")
    answer = await ann.post(f"/files/{file_id}/permissions", json={"login": "eve", "role": "viewer"})
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_account")
    assert "invite" in answer.json()["message"]


async def test_inherited_permissions_are_shown_and_changed_at_their_folder(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    folder = await make(ann, "folder", "F")
    file_id = await make(ann, "notebook", "n", folder)
    permission = await share(ann, folder, "bob", "editor")
    shown = next(
        p for p in (await ann.get(f"/files/{file_id}/permissions")).json()["permissions"] if p["id"] == permission
    )
    assert shown["inherited_from"] == folder
    answer = await ann.patch(f"/files/{file_id}/permissions/{permission}", json={"role": "viewer"})
    assert (answer.status_code, answer.json()["code"]) == (409, "inherited")
    await share(ann, file_id, "bob", "viewer")
    assert (await bob.get(f"/files/{file_id}")).json()["role"] == "editor"


@pytest.mark.parametrize(
    "name",
    ["", "  ", ".", "..", "../x", "..\\x", "/etc/passwd", "a\x00b", "a\nb", "x" * 256, "x" * 4096, "a\u202egpj.exe"],
)
async def test_sec_46_names_that_are_refused(ann: httpx.AsyncClient, name: str) -> None:
    upload = await ann.post("/files/upload", params={"name": name}, content=b"x")
    assert upload.status_code == 400
    assert (await ann.post("/files", json={"kind": "folder", "name": name})).status_code == 400


async def test_sec_46_names_are_stored_apart_from_bytes(ann: httpx.AsyncClient, tmp_path: Path) -> None:
    composed, decomposed = "caf\u00e9.txt", "cafe\u0301.txt"
    first = (await ann.post("/files/upload", params={"name": composed}, content=b"1")).json()
    second = (await ann.post("/files/upload", params={"name": decomposed}, content=b"2")).json()
    assert first["name"] == second["name"] == composed
    assert (await ann.get(f"/files/{first['id']}/download")).content == b"1"
    assert (await ann.get(f"/files/{second['id']}/download")).content == b"2"
    assert not [path for path in (tmp_path / "data").rglob("*") if "caf" in path.name]


async def test_sec_46_a_name_cannot_break_out_of_its_header(ann: httpx.AsyncClient) -> None:
    name = 'a"; filename=evil.exe; x="\u2603'
    file = (await ann.post("/files/upload", params={"name": name}, content=b"<script>")).json()
    answer = await ann.get(f"/files/{file['id']}/download")
    header = answer.headers["content-disposition"]
    assert header.startswith("attachment; ")
    assert header.count('"') == 2
    assert header.isascii()
    assert answer.headers["content-type"] == "application/octet-stream"


async def test_sec_51_an_upload_over_the_limit_keeps_nothing(tmp_path: Path, static: Path) -> None:
    settings = load_settings(
        storage={"data_dir": tmp_path / "data", "min_free_bytes": 0}, limits={"upload_bytes": 1000}
    )
    reads = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal reads
        for _ in range(10):
            reads += 1
            yield b"x" * 300

    async with server_in_process(create_app(settings, static=static, compute=False)) as server:
        owner = await server.owner()
        blobs = tmp_path / "data" / "state" / "blobs"
        before = {path for path in blobs.rglob("*") if path.is_file()}
        declared = await owner.post("/files/upload", params={"name": "big"}, content=b"x" * 1001)
        assert (declared.status_code, declared.json()["code"]) == (413, "too_large")
        assert declared.json()["details"]["limit"] == 1000
        streamed = await owner.post("/files/upload", params={"name": "big"}, content=body())
        assert streamed.status_code == 413
        assert reads <= 10
        assert {path for path in blobs.rglob("*") if path.is_file()} == before
        assert (await owner.get("/files", params={"name": "big"})).json()["files"] == []
        fits = await owner.post("/files/upload", params={"name": "fits"}, content=b"x" * 1000)
        assert fits.status_code == 201


async def test_a_full_disk_refuses_uploads_and_still_reads(tmp_path: Path, static: Path) -> None:
    data = tmp_path / "data"
    async with server_in_process(
        create_app(load_settings(storage={"data_dir": data, "min_free_bytes": 0}), static=static, compute=False)
    ) as server:
        owner = await server.owner()
        file_id = (await owner.post("/files/upload", params={"name": "a"}, content=b"1")).json()["id"]
        cookies = owner.cookies
    full = load_settings(storage={"data_dir": data, "min_free_bytes": 1 << 60})
    async with server_in_process(create_app(full, static=static, compute=False)) as server:
        owner = await server.client()
        owner.cookies = cookies
        refused = await owner.post("/files/upload", params={"name": "b"}, content=b"2")
        assert (refused.status_code, refused.json()["code"]) == (503, "storage_full")
        assert (await owner.get(f"/files/{file_id}/download")).content == b"1"
        assert (await owner.delete(f"/files/{file_id}")).status_code == 200


async def test_a_full_or_busy_database_says_so_and_when_to_try_again(
    server: ServerInProcess, ann: httpx.AsyncClient, settings: Settings
) -> None:
    pragmas: list[str] = []

    def checkout(connection: Any, *_: Any) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    event.listen(server.app.services.database.engine.sync_engine, "checkout", checkout)
    pragmas[:] = ["PRAGMA max_page_count = 1"]  # SQLite takes that for "no larger than now"
    answers = [await ann.post("/files", json={"kind": "folder", "name": "n" * 250}) for _ in range(40)]
    refused = next(answer for answer in answers if answer.status_code != 201)
    assert (refused.status_code, refused.json()["code"]) == (503, "storage_full")
    assert int(refused.headers["Retry-After"]) >= 1
    assert (await ann.get("/files")).status_code == 200
    pragmas[:] = ["PRAGMA max_page_count = 1000000", "PRAGMA busy_timeout = 0"]
    with closing(sqlite3.connect(settings.state_dir / "labora.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = await ann.post("/files", json={"kind": "folder", "name": "n"})
        assert (refused.status_code, refused.json()["code"]) == (503, "storage_busy")
        assert (await ann.get("/files")).status_code == 200
    assert (await ann.post("/files", json={"kind": "folder", "name": "n"})).status_code == 201


async def test_a_large_body_is_refused_elsewhere(ann: httpx.AsyncClient) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * 600_000

    for content in (b" " * 1_100_000, body()):
        answer = await ann.post("/files", content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_the_openapi_document_names_every_route_and_type(stranger: httpx.AsyncClient) -> None:
    document = (await stranger.get("/openapi.json")).json()
    file = document["components"]["schemas"]["FileAnswer"]
    assert "abilities" in file["required"]
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    assert (await stranger.get(f"{ORIGIN}/docs")).status_code == 404

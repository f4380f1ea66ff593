"""Files that arrive in pieces."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import ClientDisconnect

from labora.api.app import LaboraApp, create_app
from labora.base.settings import Settings
from labora.drive.uploads.service import BATCH
from labora.testing.server import ServerInProcess, server_in_process

NOTEBOOK = {
    "cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "one"}],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}


async def start(who: httpx.AsyncClient, size: int, **more: Any) -> dict[str, Any]:
    answer = await who.post("/uploads", json={"name": "big.bin", "size": size, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def send(who: httpx.AsyncClient, upload_id: str, offset: int, data: Any) -> httpx.Response:
    return await who.patch(f"/uploads/{upload_id}", content=data, headers={"Upload-Offset": str(offset)})


async def complete(who: httpx.AsyncClient, upload_id: str) -> httpx.Response:
    return await who.post(f"/uploads/{upload_id}/complete")


def pieces_of(app: LaboraApp) -> list[Path]:
    folder = app.services.settings.state_dir / "uploads"
    return list(folder.iterdir()) if folder.exists() else []


async def test_pieces_become_a_file_across_a_restart(settings: Settings, static: Path) -> None:
    data = os.urandom(BATCH + 1_000_003)
    sha256 = hashlib.sha256(data).hexdigest()
    app = create_app(settings, static=static, compute=False)
    async with server_in_process(app) as server:
        owner = await server.owner()
        cookies = owner.cookies
        upload = await start(owner, len(data), sha256=sha256)
        answer = await send(owner, upload["id"], 0, data[: BATCH + 7])
        assert answer.json()["received"] == BATCH + 7
        early = await complete(owner, upload["id"])
        assert (early.status_code, early.json()["code"]) == (409, "upload_incomplete")
    app = create_app(settings, static=static, compute=False)
    async with server_in_process(app) as server:
        owner = await server.client()
        owner.cookies = cookies
        head = await owner.head(f"/uploads/{upload['id']}")
        assert (head.headers["Upload-Offset"], head.headers["Upload-Length"]) == (str(BATCH + 7), str(len(data)))
        assert [one["id"] for one in (await owner.get("/uploads")).json()["uploads"]] == [upload["id"]]
        assert "big.bin" not in [one["name"] for one in (await owner.get("/files")).json()["files"]]
        wrong = await send(owner, upload["id"], 5, b"x")
        assert (wrong.status_code, wrong.json()["code"]) == (409, "offset_mismatch")
        assert wrong.json()["details"] == {"received": BATCH + 7}
        await send(owner, upload["id"], BATCH + 7, data[BATCH + 7 :])
        file = (await complete(owner, upload["id"])).json()
        assert (file["name"], file["size"]) == ("big.bin", len(data))
        assert (await owner.get(f"/files/{file['id']}/download")).content == data
        again = (await complete(owner, upload["id"])).json()
        assert again["id"] == file["id"]
        assert len((await owner.get("/files", params={"q": "name = 'big.bin'"})).json()["files"]) == 1
        assert (await owner.get(f"/uploads/{upload['id']}")).json()["file_id"] == file["id"]
        assert pieces_of(app) == []


async def test_what_arrived_of_a_piece_that_breaks_off_is_kept(server: ServerInProcess, ann: httpx.AsyncClient) -> None:
    data = os.urandom(300_000)
    upload = await start(ann, len(data))

    async def breaking() -> AsyncIterator[bytes]:
        yield data[:100_000]
        raise ClientDisconnect  # what the server makes of a connection that is gone

    assert (await send(ann, upload["id"], 0, breaking())).is_error
    received = (await ann.get(f"/uploads/{upload['id']}")).json()["received"]
    assert received == 100_000
    await send(ann, upload["id"], received, data[received:])
    file = (await complete(ann, upload["id"])).json()
    assert (await ann.get(f"/files/{file['id']}/download")).content == data


async def test_bounds_and_checksums(server: ServerInProcess, ann: httpx.AsyncClient, settings: Settings) -> None:
    limit = settings.limits.upload_bytes
    over = await ann.post("/uploads", json={"name": "x", "size": limit + 1})
    assert (over.status_code, over.json()["details"]) == (413, {"limit": limit, "actual": limit + 1})
    upload = await start(ann, 4)
    more = await send(ann, upload["id"], 0, b"12345")
    assert (more.status_code, more.json()["code"]) == (413, "too_large")
    assert (await ann.get(f"/uploads/{upload['id']}")).json()["received"] == 0
    bad = await start(ann, 3, sha256="0" * 64)
    await send(ann, bad["id"], 0, b"abc")
    refused = await complete(ann, bad["id"])
    assert (refused.status_code, refused.json()["code"]) == (400, "checksum_mismatch")
    assert (await ann.get(f"/uploads/{bad['id']}")).status_code == 404
    assert (await ann.delete(f"/uploads/{upload['id']}")).status_code == 200
    assert (await send(ann, upload["id"], 0, b"1234")).json()["code"] == "no_such_upload"
    assert pieces_of(server.app) == []
    empty = await start(ann, 0, name="empty.txt")
    assert (await complete(ann, empty["id"])).json()["size"] == 0


async def test_an_upload_is_its_accounts_alone(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    upload = await start(ann, 3)
    for call in (
        bob.get(f"/uploads/{upload['id']}"),
        send(bob, upload["id"], 0, b"abc"),
        complete(bob, upload["id"]),
        bob.delete(f"/uploads/{upload['id']}"),
    ):
        assert (await call).status_code == 404
    assert (await stranger.get(f"/uploads/{upload['id']}")).status_code == 401
    assert (await bob.get("/uploads")).json()["uploads"] == []
    folder = (await ann.post("/files", json={"kind": "folder", "name": "Mine"})).json()
    for body in ({"parent_id": folder["id"]}, {"file_id": folder["id"]}):
        assert (await bob.post("/uploads", json={"name": "x", "size": 1, **body})).status_code == 404


async def test_a_right_that_was_lost_meanwhile_ends_the_upload(ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    folder = (await ann.post("/files", json={"kind": "folder", "name": "Shared"})).json()
    given = await ann.post(f"/files/{folder['id']}/permissions", json={"login": "bob", "role": "editor"})
    upload = await start(bob, 3, parent_id=folder["id"])
    await send(bob, upload["id"], 0, b"abc")
    await ann.delete(f"/files/{folder['id']}/permissions/{given.json()['id']}")
    assert (await complete(bob, upload["id"])).status_code == 404


async def test_new_content_merges_into_a_notebook_that_is_open(server: ServerInProcess, ann: httpx.AsyncClient) -> None:
    data = json.dumps(NOTEBOOK).encode()
    file = (await ann.post("/files/upload", params={"name": "n.ipynb"}, content=data)).json()
    base = (await ann.get(f"/files/{file['id']}/revisions")).json()["revisions"][0]["id"]
    rooms = server.app.services.rooms
    assert rooms is not None
    room = await rooms.open(file["id"])
    changed = {**NOTEBOOK, "cells": [*NOTEBOOK["cells"], {**NOTEBOOK["cells"][0], "id": "b", "source": "two"}]}  # type: ignore[misc, dict-item]
    new = json.dumps(changed).encode()
    upload = await start(ann, len(new), file_id=file["id"], base=base)
    await send(ann, upload["id"], 0, new)
    done = await complete(ann, upload["id"])
    assert (done.status_code, done.json()["id"]) == (200, file["id"])
    assert await rooms.open(file["id"]) is room, "pages that have it open stay"
    assert [cell["id"] for cell in (await ann.get(f"/files/{file['id']}/download")).json()["cells"]] == ["a", "b"]


async def test_a_full_disk_is_told_and_the_upload_goes_on_when_there_is_room(
    server: ServerInProcess, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = server.app.services.blobs
    upload = await start(ann, 6)
    await send(ann, upload["id"], 0, b"abc")
    with monkeypatch.context() as patch:
        patch.setattr(blobs, "_min_free", 1 << 60)
        refused = await send(ann, upload["id"], 3, b"def")
        assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
        assert int(refused.headers["Retry-After"]) > 0
        assert (await ann.post("/uploads", json={"name": "y", "size": 1})).status_code == 507
        assert (await ann.get(f"/uploads/{upload['id']}")).json()["received"] == 3
    await send(ann, upload["id"], 3, b"def")
    file = (await complete(ann, upload["id"])).json()
    assert (await ann.get(f"/files/{file['id']}/download")).content == b"abcdef"


async def test_what_nobody_goes_on_with_is_dropped(settings: Settings, static: Path) -> None:
    rules = settings.drive.model_copy(update={"upload_days": 1e-9, "uploads_open": 2})
    app = create_app(settings.model_copy(update={"drive": rules}), static=static, compute=False)
    async with server_in_process(app) as server:
        owner = await server.owner()
        upload = await start(owner, 3)
        (settings.state_dir / "uploads" / "abcdefghijklmnopqrst").write_bytes(b"of no upload")
        await start(owner, 3)
        many = await owner.post("/uploads", json={"name": "z", "size": 1})
        assert (many.status_code, many.json()["code"]) == (429, "too_many_uploads")
        assert await app.services.uploads.tidy() == 2
        assert (await owner.get(f"/uploads/{upload['id']}")).status_code == 404
        assert pieces_of(app) == []

"""Real notebooks go in and out unchanged through every door: as bytes, and as typed JSON once they are edited."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx

from labora.access import Principal, Scope
from labora.api.app import create_app
from labora.backup import back_up, restore
from labora.base.ids import new_id
from labora.base.settings import Settings, load_settings
from labora.cli.drive_client import DriveClient
from labora.mount.staged import StagedFiles
from labora.mount.verbs import Place, Verbs
from labora.testing.notebooks import real_notebook_folder, sample_notebooks, typed_difference
from labora.testing.server import ORIGIN, ServerInProcess, server_in_process
from tests.rooms.conftest import Page

ROOT = Path(__file__).parents[2]
FOLDER = real_notebook_folder(ROOT)
SAMPLES = sample_notebooks(ROOT)
REAL = sorted(FOLDER.glob("*.ipynb")) if FOLDER else []


def corpus_of(paths: list[Path]) -> dict[str, bytes]:
    """Returns contents under names that no system has to change."""
    return {re.sub(r"[^A-Za-z0-9._-]", "-", f"{path.parent.name}-{path.name}"): path.read_bytes() for path in paths}


CORPUS = corpus_of([*REAL, *SAMPLES])
# For doors that take several requests a file: two or three of each kind. tests/real takes all of REAL through rooms.
SOME = corpus_of([*REAL[::16], *SAMPLES[::4]])


def test_the_corpus_is_there() -> None:
    assert len(SAMPLES) == 43, "run scripts/setup --dev"


async def download(who: httpx.AsyncClient, file_id: str) -> bytes:
    return (await who.get(f"/files/{file_id}/download")).content


async def by_rest(who: httpx.AsyncClient, parent: str, name: str, data: bytes) -> str:
    answer = await who.post("/files/upload", params={"name": name, "parent": parent}, content=data)
    return str(answer.json()["id"])


async def in_pieces(who: httpx.AsyncClient, parent: str, name: str, data: bytes) -> str:
    made = await who.post("/uploads", json={"name": name, "parent_id": parent, "size": len(data)})
    upload, half = made.json()["id"], len(data) // 2
    for offset, piece in ((0, data[:half]), (half, data[half:])):
        await who.patch(f"/uploads/{upload}", content=piece, headers={"Upload-Offset": str(offset)})
    return str((await who.post(f"/uploads/{upload}/complete")).json()["id"])


class Mounted:
    """The door of ``drive.mount``, less the kernel's part of it."""

    def __init__(self, server: ServerInProcess, account_id: str, folder: Path) -> None:
        services = server.app.services
        principal = Principal(account_id, "owner", scopes=frozenset({Scope.READ, Scope.WRITE}))

        async def who() -> Principal:
            return principal

        self._principal, self._staged = principal, StagedFiles(folder / "daemon")
        place = Place(services.drive, services.blobs, services.settings.limits, folder, 0)
        self._verbs = Verbs(place, who, self._staged)

    async def put(self, parent: str, corpus: dict[str, bytes]) -> list[str]:
        """Writes files and closes them; returns their ids."""
        items = []
        for (stage, descriptor), (name, data) in zip(self._staged.make(len(corpus)), corpus.items(), strict=True):
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            items.append({"stage": stage, "file": new_id(), "new": True, "parent": parent, "name": name})
        return [str(answer["row"][0]) for answer in await self._verbs.commit(self._principal, items)]

    async def get(self, file_id: str) -> bytes:
        async for (_, (descriptor,)), _more in self._verbs.answer("open", {"id": file_id}):
            with os.fdopen(descriptor, "rb") as file:
                return file.read()
        raise AssertionError("no answer")


async def test_every_door_gives_back_what_it_was_given(settings: Settings, static: Path, tmp_path: Path) -> None:
    kept: dict[str, bytes] = {}
    async with server_in_process(create_app(settings, static=static, compute=False)) as server:
        owner = await server.owner()
        account_id = server.ids["owner"]
        folder = (await owner.post("/files", json={"kind": "folder", "name": "all"})).json()["id"]
        mount = Mounted(server, server.ids["owner"], settings.state_dir / "mounts")
        for file_id, data in zip(await mount.put(folder, CORPUS), CORPUS.values(), strict=True):
            assert await mount.get(file_id) == data
            kept[file_id] = data
        archive = zipfile.ZipFile(io.BytesIO((await owner.get(f"/files/{folder}/zip")).content))
        found = {name: archive.read(name) for name in archive.namelist() if name.endswith(".ipynb")}
        assert found == {f"all/{name}": data for name, data in CORPUS.items()}
        for name, data in SOME.items():
            # In by pieces, copied, and out by plain download.
            file_id = await in_pieces(owner, "root", name, data)
            copied = (await owner.post(f"/files/{file_id}/copy", json={"parent_id": "root"})).json()["id"]
            assert await download(owner, copied) == data, name
            kept[file_id] = data
        await by_command(server, owner, tmp_path)
        await by_rooms(server, owner)
        await asyncio.to_thread(back_up, settings, tmp_path / "backup")
    clean = load_settings(storage={"data_dir": tmp_path / "clean", "min_free_bytes": 0})
    await asyncio.to_thread(restore, clean, tmp_path / "backup")
    async with server_in_process(create_app(clean, static=static, compute=False)) as server:
        principal = Principal(account_id, "owner")
        for file_id, data in kept.items():
            _, _, pieces = await server.app.services.drive.open_content(principal, file_id)
            assert b"".join([piece async for piece in pieces]) == data


async def by_command(server: ServerInProcess, owner: httpx.AsyncClient, folder: Path) -> None:
    """What ``labora drive put`` and ``get`` do with a folder."""
    token = (await owner.post("/me/tokens", json={"label": "x", "scopes": ["read", "write"], "expires_days": 1})).json()
    given, back = folder / "given", folder / "back"
    for name, data in SOME.items():
        given.mkdir(exist_ok=True)
        (given / name).write_bytes(data)
    client = DriveClient(ORIGIN, token["secret"])
    headers = {"Authorization": f"Bearer {token['secret']}"}
    transport = httpx.ASGITransport(server.app)
    client._http = httpx.AsyncClient(transport=transport, base_url=f"{ORIGIN}/api/v1", headers=headers)
    async with client:
        await client.put(given, "by command", replace=False, report=lambda line: None)
        await client.get("by command/given", back, force=False, report=lambda line: None)
    for name, data in SOME.items():
        assert (back / name).read_bytes() == data, name


async def by_rooms(server: ServerInProcess, owner: httpx.AsyncClient) -> None:
    """Opened, edited back and forth, and written anew. Those of the folder beside the checkout: tests/real."""
    rooms: Any = server.app.services.rooms
    principal = Principal(server.ids["owner"], "owner", scopes=frozenset({Scope.READ, Scope.WRITE, Scope.RUN}))
    edited = 0
    for path in SAMPLES:
        data = path.read_bytes()
        file_id = await by_rest(owner, "root", path.name, data)
        page = Page(SimpleNamespace(rooms=rooms), file_id, principal)  # type: ignore[arg-type]
        await page.connect()
        cells = sorted(page.doc["cells"].keys())
        if page.welcome["read_only_reason"] is not None or not cells:
            page.disconnect()
            assert await download(owner, file_id) == data
            continue
        page.type(cells[0], "x")
        del page.doc["cells"][cells[0]]["source"][0:1]
        page.flush()
        await page.settle()
        page.disconnect()
        after, before = json.loads(await download(owner, file_id)), json.loads(data)
        if before["nbformat"] == 4:
            assert typed_difference(before, after) is None, path.name
        else:
            assert after["nbformat"] == 4, path.name
        edited += 1
    assert edited > 30

"""What ``labora drive`` does, over REST."""
# ruff: noqa: ASYNC240 - a command line has nothing else to do meanwhile

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from labora.base.errors import ConflictError, InvalidError, NotFoundError
from labora.cli.remote import call, checked
from labora.convert.model import FORMATS

Report = Callable[[str], None]
File = dict[str, Any]
Export = dict[str, str]
"""Query of an export: ``format``, ``code``, ``outputs``."""
_CHUNK = 1024 * 1024
_CONVERTING_S = 600
"""A notebook is converted, and may wait for its turn, before its first byte comes."""


class DriveClient:
    """One account's drive on a server, for the length of an ``async with`` block.

    Args:
        server: its address.
        token: API token of the account.

    Every verb raises LaboraError with what the server answered.
    """

    def __init__(self, server: str, token: str) -> None:
        if not token.isascii() or not token.isprintable():
            raise InvalidError("This is no API token: it holds characters that none has.", code="bad_token")
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.AsyncClient(base_url=server.rstrip("/") + "/api/v1", headers=headers, timeout=60)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    # -- finding ------------------------------------------------------------------------------------------------------

    async def find(self, place: str) -> File:
        """Returns the item at a path from My Drive, or of ``id:…``. Raises NotFoundError, or ConflictError for two."""
        if place.startswith("id:"):
            return dict((await call(self._http, "GET", f"/files/{place[3:]}")).json())
        file: File = (await call(self._http, "GET", "/files/root")).json()
        for name in _names(place):
            file = await self._child(file["id"], name) or _missing(place)
        return file

    async def _child(self, folder_id: str, name: str) -> File | None:
        quoted = name.replace("\\", "\\\\").replace("'", "\\'")
        # The server folds case; here a name is itself.
        found = [file async for file in self._pages(folder=folder_id, q=f"name = '{quoted}'") if file["name"] == name]
        if len(found) > 1:
            raise ConflictError(f"{len(found)} items are called {name} there. Name one of them as id:ID (ls -l).")
        return found[0] if found else None

    async def listed(self, place: str, query: str = "") -> AsyncIterator[File]:
        """Yields what lies in a folder, folders first; or the file itself."""
        file = await self.find(place)
        if file["kind"] != "folder":
            yield file
            return
        async for found in self._pages(folder=file["id"], q=query):
            yield found

    async def found(self, query: str) -> AsyncIterator[File]:
        """Yields everything readable that fits a condition."""
        async for file in self._pages(q=query):
            yield file

    async def _pages(self, **query: str) -> AsyncIterator[File]:
        token = None
        while True:
            params = {**query, "orderBy": "folder,name", "pageSize": "1000"} | ({"pageToken": token} if token else {})
            page = (await call(self._http, "GET", "/files", params=params)).json()
            for file in page["files"]:
                yield file
            token = page["nextPageToken"]
            if token is None:
                return

    # -- moving bytes -------------------------------------------------------------------------------------------------

    async def get(self, place: str, target: Path, *, force: bool, report: Report, export: Export | None = None) -> None:
        """Downloads an item to ``target``, or into it where that is a folder; notebooks as ``export`` says."""
        file = await self.find(place)
        into = target / _local_name(file, export) if target.is_dir() else target
        await self._get(file, into, force=force, report=report, export=export)

    async def _get(self, file: File, target: Path, *, force: bool, report: Report, export: Export | None) -> None:
        if file["kind"] == "folder":
            target.mkdir(exist_ok=True)
            async for inner in self._pages(folder=file["id"]):
                into = target / _local_name(inner, export)
                await self._get(inner, into, force=force, report=report, export=export)
            return
        if file["kind"] == "shortcut":
            return
        if target.exists() and not force:
            raise ConflictError(f"{target} exists. Choose another place, or --force.", code="file_exists")
        # Whole or not at all: a broken connection leaves no half file under the name.
        part = target.with_name(f".{target.name}.part")
        try:
            converts = export is not None and file["kind"] == "notebook"
            address = f"/files/{file['id']}/{'export' if converts else 'download'}"
            timeout = httpx.Timeout(60, read=_CONVERTING_S if converts else 60)
            async with self._http.stream(
                "GET", address, params=export if converts else None, timeout=timeout
            ) as answer:
                if answer.is_error:
                    await answer.aread()
                    checked(answer)
                with part.open("wb") as out:
                    async for chunk in answer.aiter_bytes(_CHUNK):
                        await asyncio.to_thread(out.write, chunk)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        report(str(target))

    async def put(self, source: Path, to: str, *, replace: bool, report: Report) -> None:
        """Uploads a file, or a folder with everything below it, into a folder that is made when missing."""
        folder = await self._made(to)
        await self._put(source, folder, replace=replace, report=report)

    async def _made(self, place: str) -> File:
        if place.startswith("id:"):
            return await self.find(place)
        folder: File = (await call(self._http, "GET", "/files/root")).json()
        for name in _names(place):
            folder = await self._folder(folder["id"], name)
        return folder

    async def _folder(self, parent_id: str, name: str) -> File:
        known = await self._child(parent_id, name)
        if known is not None:
            return known
        body = {"kind": "folder", "name": name, "parent_id": parent_id}
        return dict((await self._post("/files", json=body)).json())

    async def _put(self, source: Path, folder: File, *, replace: bool, report: Report) -> None:
        name = source.resolve().name
        if source.is_dir():
            inner = await self._folder(folder["id"], name)
            for path in sorted(source.iterdir()):
                if path.is_dir() or path.is_file():
                    await self._put(path, inner, replace=replace, report=report)
            return
        known = await self._child(folder["id"], name) if replace else None
        size = {"Content-Length": str(source.stat().st_size)}
        if known is not None:
            content = f"/files/{known['id']}/content"
            file = (await call(self._http, "PUT", content, content=_pieces(source), headers=size)).json()
        else:
            params = {"name": name, "parent": folder["id"]}
            file = (await self._post("/files/upload", params=params, content=_pieces(source), headers=size)).json()
        report(f"{file['id']}  {source}")

    async def share(self, place: str, login: str, role: str) -> None:
        """Gives a person a role."""
        file = await self.find(place)
        await self._post(f"/files/{file['id']}/permissions", json={"login": login, "role": role})

    async def _post(self, path: str, **options: Any) -> httpx.Response:
        headers = {**options.pop("headers", {}), "Idempotency-Key": str(uuid.uuid4())}
        return await call(self._http, "POST", path, headers=headers, **options)


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk


def _names(place: str) -> list[str]:
    return [name for name in place.split("/") if name]


def _local_name(file: File, export: Export | None = None) -> str:
    """Returns the name under which an item is written here; names hold no slash, and these two mean something."""
    name = str(file["name"])
    if export is not None and file["kind"] == "notebook":
        name = name.removesuffix(".ipynb") + FORMATS[export["format"]].ending
    if name in {".", ".."} or "/" in name or "\0" in name:
        raise InvalidError(f"{name!r} cannot be the name of a file here.", code="bad_name")
    return name


def _missing(place: str) -> File:
    raise NotFoundError(f"There is no {place} in My Drive.", code="no_such_file")

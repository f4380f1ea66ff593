"""Files inside the caller's runtimes, below /content, /root and /tmp: read, written and listed by the guest."""

from __future__ import annotations

import posixpath
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from labora.access import Principal, Scope
from labora.api.bytes import attachment, byte_range
from labora.api.headers import BLOB_POLICY
from labora.api.models import Answer
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.routers.files import RAW_BODY
from labora.api.routers.runtimes import own_runtime
from labora.api.runtime_guest import living
from labora.api.services import Services
from labora.base.clock import timestamp
from labora.base.errors import ConflictError, TooLargeError
from labora.kernels.streams import GuestStream

router = APIRouter(prefix=PREFIX, tags=["runtimes"])
Container = Annotated[Services, Depends(services_of)]
Runner = Annotated[Principal, Depends(Needs(Scope.RUN))]
Path = Annotated[str, Query(min_length=1, max_length=4096)]


class EntryAnswer(Answer):
    """A file or folder of a runtime; ``size`` is 0 of what is no ordinary file."""

    name: str
    kind: str
    size: int
    modified_at: str

    @classmethod
    def of(cls, row: Any) -> EntryAnswer:
        """Reads what a guest said."""
        row = row if isinstance(row, dict) else {}
        kind = row.get("kind")
        return cls(
            name=str(row.get("name", ""))[:1024],
            kind=kind if kind in ("file", "folder", "link") else "other",
            size=_whole(row.get("size")),
            modified_at=_moment(row.get("modified")),
        )


class FolderAnswer(Answer):
    """What a folder holds, folders first; ``more`` where it holds too much to be told."""

    path: str
    entries: list[EntryAnswer]
    more: bool


class WrittenAnswer(Answer):
    """A file that was written."""

    path: str
    size: int
    modified_at: str


@router.get("/runtimes/{runtime_id}/files")
async def list_runtime_files(
    runtime_id: str, caller: Runner, services: Container, path: Path = "/content"
) -> FolderAnswer:
    """Lists a folder of a runtime."""
    connection = living(services, await own_runtime(runtime_id, caller, services))
    found = await connection.request("file.list", {"path": path})
    found = found if isinstance(found, dict) else {}
    rows = found.get("entries")
    entries = [EntryAnswer.of(row) for row in rows] if isinstance(rows, list) else []
    return FolderAnswer(path=path, entries=entries, more=bool(found.get("more")))


@router.get(
    "/runtimes/{runtime_id}/content",
    responses={200: {"content": {"application/octet-stream": {}}, "description": "The bytes, as an attachment."}},
    response_class=Response,
)
async def read_runtime_file(
    runtime_id: str, request: Request, caller: Runner, services: Container, path: Path
) -> Response:
    """Sends a file of a runtime, or the part that a Range header names, as an attachment."""
    connection = living(services, await own_runtime(runtime_id, caller, services))
    wanted = request.headers.get("range")
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": attachment(posixpath.basename(path.rstrip("/")) or "file"),
        "Content-Security-Policy": BLOB_POLICY,
    }
    part: dict[str, int] = {}
    known: EntryAnswer | None = None
    if wanted is not None:
        known = EntryAnswer.of(await connection.request("file.describe", {"path": path}))
        if request.headers.get("if-range") in (None, _etag(known.size, known.modified_at)):
            try:
                cut = byte_range(wanted, known.size)
            except ValueError:
                return Response(status_code=416, headers={"Content-Range": f"bytes */{known.size}"})
            if cut is not None:
                part = {"offset": cut[0], "length": cut[1] - cut[0]}
                headers["Content-Range"] = f"bytes {cut[0]}-{cut[1] - 1}/{known.size}"
    stream: GuestStream = await connection.open_stream("read", {"path": path, **part})
    size = _whole(stream.facts.get("size"))
    headers["ETag"] = _etag(size, _moment(stream.facts.get("modified")))
    if known is not None and headers["ETag"] != _etag(known.size, known.modified_at):
        await stream.close()
        raise ConflictError("The file changed meanwhile. Ask for it again.", code="changed")
    headers["Content-Length"] = str(part.get("length", size))
    return _Streamed(stream, 206 if part else 200, headers)


class _Streamed(StreamingResponse):
    """The bytes of a stream, which is closed in any case, also when nobody takes them."""

    def __init__(self, stream: GuestStream, status: int, headers: dict[str, str]) -> None:
        super().__init__(_pieces(stream), status, headers, "application/octet-stream")
        self._stream = stream

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._stream.close()


async def _pieces(stream: GuestStream) -> AsyncIterator[bytes]:
    while data := await stream.read():
        yield data


@router.put("/runtimes/{runtime_id}/content", openapi_extra=RAW_BODY, response_model=WrittenAnswer)
async def write_runtime_file(
    runtime_id: str, request: Request, caller: Runner, services: Container, path: Path
) -> WrittenAnswer | Response:
    """Writes the raw body into a file of a runtime; folders on the way are made.

    The file takes its place once all of it has arrived. 507 ``disk_full`` where the runtime's disk has no room.
    """
    runtime = await own_runtime(runtime_id, caller, services)
    limit = services.settings.limits.runtime_file_bytes
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit, int(declared))
    size = {"size": int(declared)} if declared.isdigit() else {}
    stream: GuestStream = await living(services, runtime).open_stream("write", {"path": path, **size})
    try:
        written = 0
        async for data in request.stream():
            written += len(data)
            if written > limit:
                raise _too_large(limit, written)
            await stream.write(data)
        done = EntryAnswer.of(await stream.finish())
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    finally:
        await stream.close()
    return WrittenAnswer(path=path, size=done.size, modified_at=done.modified_at)


def _too_large(limit: int, actual: int) -> TooLargeError:
    return TooLargeError(
        f"A file for a runtime has {limit:,} bytes at most.", details={"limit": limit, "actual": actual}
    )


def _etag(size: int, modified_at: str) -> str:
    return f'"{size:x}-{modified_at}"'


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53 else 0


def _moment(value: Any) -> str:
    seconds = value if isinstance(value, int | float) and 0 <= value < 1 << 35 else 0
    return timestamp(datetime.fromtimestamp(seconds, UTC))

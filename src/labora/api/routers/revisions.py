"""Revisions of a file, and the bytes of its outputs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from fastapi.responses import StreamingResponse

from labora.access import Ability, Principal, Scope
from labora.api.bytes import attachment, byte_range, safe_media_type
from labora.api.headers import BLOB_POLICY
from labora.api.models import RevisionAnswer, RevisionList
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services

router = APIRouter(prefix=f"{PREFIX}/files/{{file_id}}", tags=["revisions"])
Container = Annotated[Services, Depends(services_of)]
Historian = Annotated[Principal, Depends(Needs(Scope.READ, Ability.READ_HISTORY))]
Hash = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


@router.get("/revisions")
async def revisions(file_id: str, caller: Historian, services: Container) -> RevisionList:
    """Lists the revisions of a file, newest first."""
    found = await services.drive.revisions.history(caller, file_id)
    return RevisionList(revisions=[RevisionAnswer.of(revision) for revision in found])


@router.get("/revisions/{revision_id}/download", response_class=Response)
async def download_revision(file_id: str, revision_id: str, caller: Historian, services: Container) -> Response:
    """Returns a revision's bytes as an attachment."""
    view, revision = await services.drive.revisions.get(caller, file_id, revision_id)
    pieces = await services.drive.revisions.open(revision)
    headers = {"Content-Disposition": attachment(view.name), "Content-Length": str(revision.size)}
    return StreamingResponse(pieces, media_type="application/octet-stream", headers=headers)


@router.post("/revisions/{revision_id}/restore")
async def restore_revision(
    file_id: str,
    revision_id: str,
    caller: Annotated[Principal, Depends(Needs(Scope.WRITE, Ability.EDIT))],
    services: Container,
) -> RevisionAnswer:
    """Makes a revision the present state, by adding one; open pages follow."""
    return RevisionAnswer.of(await services.drive.revisions.restore(caller, file_id, revision_id))


@router.get("/blobs/{sha256}", response_class=Response)
async def blob(
    file_id: str,
    sha256: Hash,
    caller: Annotated[Principal, Depends(Needs(Scope.READ, Ability.READ))],
    services: Container,
    wanted: Annotated[str, Query(alias="type", max_length=255)] = "",
    ranges: Annotated[str | None, Header(alias="range", max_length=255)] = None,
) -> Response:
    """Returns a large value of the file's outputs; never as something that a browser would run."""
    ref = await services.drive.blob(caller, file_id, sha256)
    headers = {
        "Content-Security-Policy": BLOB_POLICY,
        "Cache-Control": "private, max-age=31536000, immutable",
        "Accept-Ranges": "bytes",
    }
    try:
        wanted_range = byte_range(ranges, ref.size)
    except ValueError:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{ref.size}"})
    start, stop = wanted_range or (0, ref.size)
    headers["Content-Length"] = str(stop - start)
    if wanted_range:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{ref.size}"
    pieces = await services.blobs.open(sha256, start, stop)
    status = 206 if wanted_range else 200
    return StreamingResponse(pieces, status, headers, safe_media_type(wanted or ref.media_type))

"""Revisions of a file, and the bytes of its outputs."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from fastapi.responses import StreamingResponse

from labora.access import Ability, Principal, Scope
from labora.api.bytes import attachment, byte_range, safe_media_type
from labora.api.diff_models import DiffAnswer
from labora.api.headers import BLOB_POLICY
from labora.api.models import NewRevisionBody, RevisionAnswer, RevisionBody, RevisionList
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services
from labora.drive import Comparison
from labora.drive.compare import HEAD, PREVIOUS

router = APIRouter(prefix=f"{PREFIX}/files/{{file_id}}", tags=["revisions"])
Container = Annotated[Services, Depends(services_of)]
Historian = Annotated[Principal, Depends(Needs(Scope.READ, Ability.READ_HISTORY))]
Editor = Annotated[Principal, Depends(Needs(Scope.WRITE, Ability.EDIT))]
Hash = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


@router.get("/revisions")
async def revisions(
    file_id: str,
    caller: Historian,
    services: Container,
    page_token: Annotated[str | None, Query(alias="pageToken", max_length=64)] = None,
    page_size: Annotated[int, Query(alias="pageSize", ge=1, le=1000)] = 100,
) -> RevisionList:
    """Lists one page of the revisions of a file, newest first."""
    page = await services.drive.history.page(caller, file_id, page_size=page_size, page_token=page_token)
    found = [RevisionAnswer.of(revision) for revision in page.revisions]
    return RevisionList(revisions=found, next_page_token=page.next_page_token)


@router.post("/revisions", status_code=201)
async def save_revision(file_id: str, body: NewRevisionBody, caller: Editor, services: Container) -> RevisionAnswer:
    """Keeps the present state as a revision with a name, a pin or both; of a live notebook what everybody sees."""
    saved = await services.drive.history.save(caller, file_id, name=body.name, pinned=body.pinned)
    return RevisionAnswer.of(saved)


@router.patch("/revisions/{revision_id}")
async def change_revision(
    file_id: str, revision_id: str, body: RevisionBody, caller: Editor, services: Container
) -> RevisionAnswer:
    """Names, renames, pins or unpins a revision; one with a name or a pin is kept whatever its age."""
    changes = body.model_dump(exclude_unset=True)
    return RevisionAnswer.of(await services.drive.history.change(caller, file_id, revision_id, changes))


@router.get("/revisions/{revision_id}/diff", response_model=DiffAnswer)
async def diff_revision(
    file_id: str,
    revision_id: str,
    caller: Historian,
    services: Container,
    against: Annotated[str, Query(max_length=64)] = PREVIOUS,
) -> Response:
    """Tells how a notebook came from ``against`` to a revision, cell by cell.

    Both are ids of revisions or ``head``, the present state; ``against`` may be ``previous``, the revision before.
    """
    return await _told(await services.drive.compare.revisions(caller, file_id, revision_id, against))


@router.get("/diff", response_model=DiffAnswer)
async def diff_file(
    file_id: str,
    caller: Annotated[Principal, Depends(Needs(Scope.READ, Ability.READ))],
    services: Container,
    against: Annotated[str, Query(max_length=64)],
    revision: Annotated[str, Query(max_length=64)] = HEAD,
    against_revision: Annotated[str, Query(alias="againstRevision", max_length=64)] = HEAD,
) -> Response:
    """Tells how a notebook differs from the notebook ``against``, cell by cell.

    Present states need the right to read, named revisions of either the right to read its history.
    """
    found = await services.drive.compare.files(caller, file_id, revision, against, against_revision)
    return await _told(found)


async def _told(comparison: Comparison) -> Response:
    # Written beside the event loop: it may be long.
    text = await asyncio.to_thread(lambda: DiffAnswer.of(comparison).model_dump_json())
    return Response(text, media_type="application/json")


@router.get("/revisions/{revision_id}/download", response_class=Response)
async def download_revision(file_id: str, revision_id: str, caller: Historian, services: Container) -> Response:
    """Returns a revision's bytes as an attachment."""
    view, revision = await services.drive.revisions.get(caller, file_id, revision_id)
    pieces = await services.drive.revisions.open(revision)
    headers = {"Content-Disposition": attachment(view.name), "Content-Length": str(revision.size)}
    return StreamingResponse(pieces, media_type="application/octet-stream", headers=headers)


@router.post("/revisions/{revision_id}/restore")
async def restore_revision(file_id: str, revision_id: str, caller: Editor, services: Container) -> RevisionAnswer:
    """Makes a revision the present state, by adding one; open pages follow."""
    return RevisionAnswer.of(await services.drive.revisions.restore(caller, file_id, revision_id))


@router.get("/blobs/{sha256}", response_class=Response)
async def blob(
    file_id: str,
    sha256: Hash,
    caller: Annotated[Principal, Depends(Needs(Scope.READ, Ability.READ, link=True))],
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

"""Uploads in pieces: begin, send pieces, ask where it stands, go on, complete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response
from starlette.requests import ClientDisconnect

from labora.access import Principal, Scope
from labora.api.models import Done, FileAnswer
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.routers.files import RAW_BODY, file_answer
from labora.api.services import Services
from labora.api.storage_models import NewUploadBody, UploadAnswer, UploadList
from labora.drive.uploads import NewUpload, UploadState

router = APIRouter(prefix=PREFIX, tags=["uploads"])
Container = Annotated[Services, Depends(services_of)]
# Uploads are their account's alone; where they go is asked for by the verbs.
Writer = Annotated[Principal, Depends(Needs(Scope.WRITE))]


@router.post("/uploads", status_code=201)
async def start_upload(body: NewUploadBody, caller: Writer, response: Response, services: Container) -> UploadAnswer:
    """Begins an upload. Refused here already where there is no room for it or it cannot go there."""
    wanted = NewUpload(body.size, body.name, body.parent_id, body.file_id, body.sha256, body.base)
    return _answer(await services.uploads.start(caller, wanted), response)


@router.get("/uploads")
async def list_uploads(caller: Writer, services: Container) -> UploadList:
    """Lists the caller's unfinished uploads, the newest first."""
    return UploadList(uploads=[UploadAnswer.of(state) for state in await services.uploads.unfinished(caller)])


@router.get("/uploads/{upload_id}")
async def get_upload(upload_id: str, caller: Writer, response: Response, services: Container) -> UploadAnswer:
    """Tells where an upload stands, in ``received`` and in the header ``Upload-Offset``."""
    return _answer(await services.uploads.get(caller, upload_id), response)


@router.head("/uploads/{upload_id}", include_in_schema=False)
async def head_upload(upload_id: str, caller: Writer, services: Container) -> Response:
    """Tells where an upload stands by its header alone."""
    state = await services.uploads.get(caller, upload_id)
    return Response(headers={"Upload-Offset": str(state.received), "Upload-Length": str(state.size)})


@router.patch("/uploads/{upload_id}", response_model=UploadAnswer, openapi_extra=RAW_BODY)
async def send_piece(
    upload_id: str,
    request: Request,
    caller: Writer,
    response: Response,
    services: Container,
    upload_offset: Annotated[int, Header(ge=0)],
) -> UploadAnswer | Response:
    """Takes the raw body as the bytes from ``Upload-Offset`` on, which is where the upload stands.

    Answered once they are durable. 409 ``offset_mismatch`` tells in its details where to go on. Of a piece that breaks
    off, what arrived is kept.
    """
    try:
        state = await services.uploads.send(caller, upload_id, upload_offset, request.stream())
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    return _answer(state, response)


@router.post("/uploads/{upload_id}/complete")
async def complete_upload(upload_id: str, caller: Writer, response: Response, services: Container) -> FileAnswer:
    """Makes the file, or its new content, once all bytes are here; asked again it answers the same file."""
    return file_answer(await services.uploads.finish(caller, upload_id), response)


@router.delete("/uploads/{upload_id}")
async def cancel_upload(upload_id: str, caller: Writer, services: Container) -> Done:
    """Drops an unfinished upload."""
    await services.uploads.cancel(caller, upload_id)
    return Done()


def _answer(state: UploadState, response: Response) -> UploadAnswer:
    response.headers["Upload-Offset"] = str(state.received)
    response.headers["Upload-Length"] = str(state.size)
    return UploadAnswer.of(state)

"""Files and folders."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from labora.access import Ability, Principal, Scope
from labora.api.bytes import attachment
from labora.api.models import (
    Ancestors,
    BatchAnswer,
    BatchBody,
    BatchResult,
    ContentsAnswer,
    CopyBody,
    Done,
    ErrorAnswer,
    FileAnswer,
    FileBody,
    FileCount,
    FileList,
    NewFileBody,
)
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services
from labora.base.errors import InvalidError
from labora.drive import FileView, ListQuery
from labora.drive.batch import change_each, delete_each
from labora.drive.language import MAX_LENGTH as MAX_QUERY

router = APIRouter(prefix=PREFIX, tags=["files"])
Container = Annotated[Services, Depends(services_of)]
Reader = Annotated[Principal, Depends(Needs(Scope.READ, Ability.READ, link=True))]
Downloader = Annotated[Principal, Depends(Needs(Scope.READ, Ability.DOWNLOAD, link=True))]
# What a change needs depends on what is changed; the verb asks for it.
Writer = Annotated[Principal, Depends(Needs(Scope.WRITE, Ability.READ))]
RAW_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_ETAG = re.compile(r'(?:W/)?"(\d{1,18})(?:-[0-9a-f]{1,64})?"')


FolderId = Annotated[str | None, Query(max_length=64)]
View = Annotated[Literal["drive", "shared", "recent", "trash", "starred"], Query()]
NamePart = Annotated[str, Query(max_length=255)]
Condition = Annotated[str, Query(max_length=MAX_QUERY)]


@router.get("/files")
async def list_files(
    caller: Annotated[Principal, Depends(Needs(Scope.READ))],
    services: Container,
    folder: FolderId = None,
    view: View = "drive",
    name: NamePart = "",
    q: Condition = "",
    page_token: Annotated[str | None, Query(alias="pageToken", max_length=4096)] = None,
    page_size: Annotated[int, Query(alias="pageSize", ge=1, le=1000)] = 100,
    order_by: Annotated[str, Query(alias="orderBy", max_length=200)] = "",
    skip: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> FileList:
    """Lists one page of a folder, of a view, or, with ``name`` or ``q`` and no folder, of everything readable.

    ``name`` is a part of names; ``q`` is a condition in the language of Google Drive's ``q``. What is in the trash is
    left out unless ``q`` speaks of ``trashed``. ``skip`` jumps into the middle of a long list; ``pageToken`` goes on
    from a page whatever changed before it.
    """
    query = ListQuery(view, folder, name, order_by, page_size, page_token, q, skip)
    page = await services.drive.list_files(caller, query)
    return FileList(files=[FileAnswer.of(found) for found in page.files], next_page_token=page.next_page_token)


@router.get("/files/count")
async def count_files(
    caller: Annotated[Principal, Depends(Needs(Scope.READ))],
    services: Container,
    folder: FolderId = None,
    view: View = "drive",
    name: NamePart = "",
    q: Condition = "",
) -> FileCount:
    """Returns how many items the same list has in all its pages."""
    return FileCount(count=await services.drive.count_files(caller, ListQuery(view, folder, name, q=q)))


@router.post("/files/batch")
async def change_files(
    body: BatchBody, caller: Annotated[Principal, Depends(Needs(Scope.WRITE))], services: Container
) -> BatchAnswer:
    """Moves, trashes or restores, stars or deletes many items, each by itself: some may fail while others go well."""
    given = [body.parent_id, body.trashed, body.starred, body.delete]
    if sum(one is not None for one in given) != 1:
        raise InvalidError("Give one of parent_id, trashed, starred and delete.", code="bad_batch")
    if body.delete:
        outcomes = await delete_each(services.drive, caller, body.ids)
    else:
        outcomes = await change_each(
            services.drive, caller, body.ids, parent_id=body.parent_id, trashed=body.trashed, starred=body.starred
        )
    return BatchAnswer(
        results=[
            BatchResult(id=found.file_id, error=ErrorAnswer(**found.error.as_json()) if found.error else None)
            for found in outcomes
        ]
    )


@router.post("/files", status_code=201)
async def create_file(
    body: NewFileBody,
    caller: Annotated[Principal, Depends(Needs(Scope.WRITE))],
    response: Response,
    services: Container,
) -> FileAnswer:
    """Makes an empty folder or notebook, or a shortcut to an item that the caller may read."""
    if (body.kind == "shortcut") != (body.target_id is not None):
        raise InvalidError("A shortcut, and nothing else, has a target_id.", code="bad_target")
    if body.target_id is not None:
        made = await services.drive.create_shortcut(caller, body.target_id, body.name, body.parent_id)
        return file_answer(made, response)
    if body.name is None:
        raise InvalidError("Give the new item a name.", code="bad_name")
    make = services.drive.create_folder if body.kind == "folder" else services.drive.create_notebook
    return file_answer(await make(caller, body.name, body.parent_id), response)


@router.post("/files/upload", status_code=201, openapi_extra=RAW_BODY)
async def upload_file(
    request: Request,
    caller: Annotated[Principal, Depends(Needs(Scope.WRITE))],
    response: Response,
    services: Container,
    name: Annotated[str, Query(max_length=4096)],
    parent: Annotated[str, Query(max_length=64)] = "root",
) -> FileAnswer:
    """Stores the raw body as a new file; a name ending in ``.ipynb`` makes a notebook."""
    view = await services.drive.upload(caller, name, parent, request.stream(), declared_size=_declared_size(request))
    return file_answer(view, response)


@router.put("/files/{file_id}/content", openapi_extra=RAW_BODY)
async def put_content(
    file_id: str,
    request: Request,
    caller: Annotated[Principal, Depends(Needs(Scope.WRITE, Ability.EDIT))],
    response: Response,
    services: Container,
    base: Annotated[str | None, Query(max_length=64)] = None,
) -> FileAnswer:
    """Replaces a file's content with the raw body, as a new revision.

    A notebook that is or was open merges it by its difference from the revision ``base`` (the newest one if absent),
    so that open pages follow and edits that the body does not know of stay. Where there are such edits, the state
    before and the body are kept as revisions of their own.
    """
    view = await services.drive.revisions.put(
        caller, file_id, request.stream(), declared_size=_declared_size(request), base=base
    )
    return file_answer(view, response)


@router.delete("/trash")
async def empty_trash(caller: Annotated[Principal, Depends(Needs(Scope.WRITE))], services: Container) -> Done:
    """Ends everything in the account's trash."""
    await services.drive.empty_trash(caller)
    return Done()


@router.get("/files/{file_id}", response_model=FileAnswer, responses={304: {"description": "As If-None-Match says."}})
async def get_file(
    file_id: str,
    caller: Reader,
    response: Response,
    services: Container,
    if_none_match: Annotated[str | None, Header(max_length=4096)] = None,
) -> FileAnswer | Response:
    """Returns a file or folder; ``root`` is the account's My Drive. With If-None-Match only when it looks different."""
    answer = file_answer(await services.drive.get(caller, file_id), response)
    etag = response.headers["ETag"]
    wanted = {tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")}
    return Response(status_code=304, headers={"ETag": etag}) if wanted & {etag, "*"} else answer


@router.get("/files/{file_id}/ancestors")
async def ancestors(file_id: str, caller: Reader, services: Container) -> Ancestors:
    """Returns the folders above an item, the highest first, for breadcrumbs."""
    return Ancestors(files=[FileAnswer.of(view) for view in await services.drive.ancestors(caller, file_id)])


@router.get("/files/{file_id}/contents")
async def contents(
    file_id: str, caller: Annotated[Principal, Depends(Needs(Scope.READ, Ability.READ))], services: Container
) -> ContentsAnswer:
    """Returns how much lies below a folder, at any depth."""
    return ContentsAnswer.model_validate(await services.drive.contents(caller, file_id))


@router.patch("/files/{file_id}")
async def change_file(
    file_id: str,
    body: FileBody,
    caller: Writer,
    response: Response,
    services: Container,
    if_match: Annotated[str | None, Header(max_length=128)] = None,
) -> FileAnswer:
    """Renames, moves, trashes, restores or stars; with If-Match only at that version."""
    view = await services.drive.change(
        caller,
        file_id,
        name=body.name,
        parent_id=body.parent_id,
        trashed=body.trashed,
        starred=body.starred,
        expected_version=_version(if_match),
    )
    return file_answer(view, response)


@router.delete("/files/{file_id}")
async def delete_file(
    file_id: str,
    caller: Annotated[Principal, Depends(Needs(Scope.WRITE, Ability.DELETE))],
    services: Container,
    if_match: Annotated[str | None, Header(max_length=128)] = None,
) -> Done:
    """Ends an item for ever, with everything below it; with If-Match only at that version."""
    await services.drive.delete(caller, file_id, expected_version=_version(if_match))
    return Done()


@router.post("/files/{file_id}/copy", status_code=201)
async def copy_file(
    file_id: str,
    body: CopyBody,
    caller: Annotated[Principal, Depends(Needs(Scope.WRITE, Ability.COPY))],
    response: Response,
    services: Container,
) -> FileAnswer:
    """Makes a copy that belongs to the caller."""
    return file_answer(await services.drive.copy(caller, file_id, name=body.name, parent_id=body.parent_id), response)


@router.get("/files/{file_id}/download", response_class=Response)
async def download_file(file_id: str, caller: Downloader, services: Container) -> Response:
    """Returns the bytes as an attachment; of a notebook the live state."""
    view, size, pieces = await services.drive.open_content(caller, file_id)
    return StreamingResponse(
        pieces,
        media_type="application/octet-stream",
        headers={"Content-Disposition": attachment(view.name), "Content-Length": str(size)},
    )


def file_answer(view: FileView, response: Response) -> FileAnswer:
    """Returns a file with its ETag: the version, which If-Match compares, and a digest of all that the answer says."""
    answer = FileAnswer.of(view)
    digest = hashlib.sha256(answer.model_dump_json().encode()).hexdigest()[:16]
    response.headers["ETag"] = f'"{view.version}-{digest}"'
    return answer


def _declared_size(request: Request) -> int | None:
    declared = request.headers.get("content-length")
    return int(declared) if declared and declared.isdigit() else None


def _version(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise InvalidError('If-Match is an ETag that this server gave, like "3-0a1b".', code="bad_etag")
    return int(match[1])

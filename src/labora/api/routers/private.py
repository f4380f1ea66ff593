"""What stays private: notebook settings, clean copies, old revisions without outputs, and playgrounds."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from labora.access import Ability, Principal, Scope
from labora.api.bytes import attachment
from labora.api.models import Answer, Body, FileAnswer
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services
from labora.base.errors import TooLargeError, UnavailableError, UnsupportedError
from labora.drive import too_large_notebook
from labora.notebook.privacy import clean_bytes
from labora.rooms import Room
from labora.rooms.notebook_settings import change_settings, read_settings

router = APIRouter(prefix=f"{PREFIX}/files/{{file_id}}", tags=["private"])
Container = Annotated[Services, Depends(services_of)]


class NotebookSettings(Answer):
    """How a notebook is saved."""

    omit_outputs: bool
    strip_personal: bool


class NotebookSettingsBody(Body):
    omit_outputs: bool | None = None
    strip_personal: bool | None = None


class StrippedAnswer(Answer):
    """How far stripping got; ``last`` is given as ``after`` to go on, and null when nothing is left."""

    last: int | None
    looked_at: int
    changed: int
    unreadable: int
    total: int


class PlaygroundAnswer(Answer):
    """The caller's playground of a notebook, if there is one; it is deleted when unused for ``keep_days``."""

    file: FileAnswer | None
    keep_days: float


class RefreshedAnswer(Answer):
    changed: bool


@router.get("/notebook-settings")
async def notebook_settings(
    file_id: str, caller: Annotated[Principal, Depends(Needs(Scope.READ, Ability.READ))], services: Container
) -> NotebookSettings:
    """Returns how a notebook is saved."""
    room = await _room(services, caller, file_id, Ability.READ)
    return NotebookSettings.model_validate(read_settings(room))


@router.patch("/notebook-settings")
async def change_notebook_settings(
    file_id: str,
    body: NotebookSettingsBody,
    caller: Annotated[Principal, Depends(Needs(Scope.WRITE, Ability.EDIT))],
    services: Container,
) -> NotebookSettings:
    """Changes how a notebook is saved; open pages follow. Omitting outputs takes those that are stored out at once."""
    room = await _room(services, caller, file_id, Ability.EDIT)
    changed = await change_settings(
        room, omit_outputs=body.omit_outputs, strip_personal=body.strip_personal, author=caller.account_id
    )
    return NotebookSettings.model_validate(changed)


async def _room(services: Services, caller: Principal, file_id: str, ability: Ability) -> Room:
    access = await services.drive.access(caller, file_id, ability)
    if access.file["kind"] != "notebook":
        raise UnsupportedError("Only notebooks have these settings.", code="not_a_notebook")
    if services.rooms is None:
        raise UnavailableError("This server keeps no live notebooks.", code="no_rooms")
    return await services.rooms.open(access.file_id)


@router.get("/clean", response_class=Response)
async def clean_copy(
    file_id: str,
    caller: Annotated[Principal, Depends(Needs(Scope.READ, Ability.DOWNLOAD))],
    services: Container,
    outputs: Annotated[bool, Query()] = True,
) -> Response:
    """Returns a notebook without what its metadata tells about people, as an attachment; on wish without outputs."""
    view, size, pieces = await services.drive.open_content(caller, file_id)
    limits = services.settings.limits
    if view.kind != "notebook":
        raise UnsupportedError("Only notebooks can be cleaned.", code="not_a_notebook")
    if size > limits.notebook_bytes:
        raise TooLargeError(too_large_notebook(limits), details={"limit": limits.notebook_bytes, "actual": size})
    data = b"".join([piece async for piece in pieces])
    clean = await asyncio.to_thread(clean_bytes, data, limits, outputs=outputs, personal=False)
    headers = {"Content-Disposition": attachment(view.name)}
    return Response(clean, media_type="application/octet-stream", headers=headers)


@router.post("/revisions/strip-outputs")
async def strip_outputs(
    file_id: str,
    caller: Annotated[Principal, Depends(Needs(Scope.WRITE, Ability.DELETE))],
    services: Container,
    after: Annotated[int, Query(ge=0, lt=2**53)] = 0,
) -> StrippedAnswer:
    """Takes the outputs out of revisions above number ``after``, pinned and named ones too. It cannot be undone.

    Works for about a second; ask again with ``after`` set to ``last`` until that is null.
    """
    return StrippedAnswer.model_validate(await services.drive.stripping.step(caller, file_id, after))


@router.post("/playground")
async def open_playground(
    file_id: str,
    caller: Annotated[Principal, Depends(Needs(Scope.WRITE, Ability.COPY))],
    services: Container,
) -> FileAnswer:
    """Returns the caller's playground of a notebook: made now, or with what the notebook got since merged in."""
    return FileAnswer.of(await services.drive.playgrounds.open(caller, file_id))


@router.get("/playground")
async def playground(
    file_id: str, caller: Annotated[Principal, Depends(Needs(Scope.READ, Ability.READ))], services: Container
) -> PlaygroundAnswer:
    """Returns the caller's playground of a notebook, if there is one."""
    found = await services.drive.playgrounds.find(caller, file_id)
    keep_days = services.drive.playgrounds.keep_days
    return PlaygroundAnswer(file=None if found is None else FileAnswer.of(found), keep_days=keep_days)


@router.post("/playground/refresh")
async def refresh_playground(
    file_id: str,
    caller: Annotated[Principal, Depends(Needs(Scope.WRITE, Ability.EDIT))],
    services: Container,
) -> RefreshedAnswer:
    """Merges what the original got since into this playground; ``changed`` says whether that was anything."""
    return RefreshedAnswer(changed=await services.drive.playgrounds.refresh(caller, file_id))

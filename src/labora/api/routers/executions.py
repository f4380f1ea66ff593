"""Headless runs: cells of a live notebook, run in the caller's own runtime without a page."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from labora.access import Ability, Principal, Scope
from labora.api.models import Answer, Body
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services
from labora.base.errors import GoneError, NotFoundError, UnavailableError
from labora.base.ids import new_id
from labora.notebook.parameters import with_parameters
from labora.rooms import Room
from labora.rooms.commands import codes
from labora.rooms.external import put_notebook
from labora.rooms.operations import Execute

router = APIRouter(prefix=f"{PREFIX}/files/{{file_id}}/executions", tags=["executions"])
Container = Annotated[Services, Depends(services_of)]
Reader = Annotated[Principal, Depends(Needs(Scope.READ, Ability.READ))]


class ExecutionsBody(Body):
    cells: list[str] | None = Field(default=None, max_length=10_000, description="Cell ids; every code cell if absent.")
    parameters: dict[str, Any] = Field(default_factory=dict, description="Values by name, set in a cell of their own.")
    stop_on_error: bool = True


class ExecutionPerson(Answer):
    id: str
    name: str


class ExecutionAnswer(Answer):
    id: str
    cell_id: str
    account: ExecutionPerson
    runtime_id: str | None
    source_sha256: str
    status: Literal["queued", "running", "ok", "error", "aborted", "lost"]
    queued_at: str
    started_at: str | None
    finished_at: str | None
    reason: str | None
    execution_count: int | None


class ExecutionList(Answer):
    executions: list[ExecutionAnswer]


@router.post("", status_code=202)
async def execute(
    file_id: str,
    body: ExecutionsBody,
    caller: Annotated[Principal, Depends(Needs(Scope.RUN, Ability.EDIT))],
    services: Container,
) -> ExecutionList:
    """Queues cells in the caller's own runtime; answers once that is durable. Follow them with GET."""
    room = await _room(services, caller, file_id, Ability.EDIT)
    document = room.require_document()
    if body.parameters:
        await room.settled()
        notebook = with_parameters(document.to_notebook(room.state["cells"]), body.parameters)
        await put_notebook(room, notebook, author=caller.account_id)
    present = {cell.id: cell for cell in document.cells() if not cell.deleted}
    missing = [cell_id for cell_id in body.cells or () if cell_id not in present]
    if missing:
        raise NotFoundError("A cell was deleted.", code="no_such_cell", details={"cell_id": missing[0]})
    wanted = list(present.values()) if body.cells is None else [present[cell_id] for cell_id in body.cells]
    account: Any = {"id": caller.account_id, "name": caller.name}
    durable = asyncio.Event()
    operation = Execute(account, codes(wanted), new_id(), body.stop_on_error)
    result = room.perform(operation, author=caller.account_id, then=lambda _result: durable.set())
    await durable.wait()
    return ExecutionList.model_validate({"executions": result.get("executions", [])})


@router.get("")
async def executions(file_id: str, caller: Reader, services: Container) -> ExecutionList:
    """Lists the executions that the notebook still shows, and those under way."""
    room = await _room(services, caller, file_id, Ability.READ)
    return ExecutionList.model_validate({"executions": list(room.state["executions"].values())})


@router.get("/{execution_id}")
async def execution(file_id: str, execution_id: str, caller: Reader, services: Container) -> ExecutionAnswer:
    """Returns one execution."""
    room = await _room(services, caller, file_id, Ability.READ)
    found = room.state["executions"].get(execution_id)
    if found is None:
        raise GoneError("This execution is no longer kept.", code="no_such_execution")
    return ExecutionAnswer.model_validate(found)


async def _room(services: Services, caller: Principal, file_id: str, ability: Ability) -> Room:
    view = await services.drive.get(caller, file_id, ability)
    if services.rooms is None:
        raise UnavailableError("This server keeps no live notebooks.", code="no_rooms")
    if view.kind != "notebook":
        raise NotFoundError("This is not a notebook.", code="not_a_notebook")
    return await services.rooms.open(view.id)

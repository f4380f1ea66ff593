"""Headless runs: cells of a live notebook, run in the caller's own runtime without a page."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from labora.access import Ability, Principal, Scope
from labora.api.models import Answer, Body
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services
from labora.base.errors import GoneError, UnavailableError
from labora.rooms import Rooms

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
    made = await _rooms(services).headless.run(
        caller, file_id, cells=body.cells, parameters=body.parameters, stop_on_error=body.stop_on_error
    )
    return ExecutionList.model_validate({"executions": made})


@router.get("")
async def executions(file_id: str, caller: Reader, services: Container) -> ExecutionList:
    """Lists the executions that the notebook still shows, and those under way."""
    found = await _rooms(services).headless.executions(caller, file_id)
    return ExecutionList.model_validate({"executions": found})


@router.get("/{execution_id}")
async def execution(file_id: str, execution_id: str, caller: Reader, services: Container) -> ExecutionAnswer:
    """Returns one execution."""
    for found in await _rooms(services).headless.executions(caller, file_id):
        if found["id"] == execution_id:
            return ExecutionAnswer.model_validate(found)
    raise GoneError("This execution is no longer kept.", code="no_such_execution")


def _rooms(services: Services) -> Rooms:
    if services.rooms is None:
        raise UnavailableError("This server keeps no live notebooks.", code="no_rooms")
    return services.rooms

"""The caller's runtimes, and the images that runtimes start from."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends

from labora.access import Principal, Scope
from labora.api.compute import LocalImages
from labora.api.models import Answer, Done
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services
from labora.base.clock import timestamp
from labora.base.errors import LaboraError, NotFoundError, UnavailableError
from labora.runtimes.model import Runtime
from labora.runtimes.ports import Stats
from labora.runtimes.service import Runtimes

router = APIRouter(prefix=PREFIX, tags=["runtimes"])
Container = Annotated[Services, Depends(services_of)]
Runner = Annotated[Principal, Depends(Needs(Scope.RUN))]


class Meter(Answer):
    """What a runtime uses; None where it cannot be measured."""

    memory_bytes: int | None
    memory_limit: int | None
    cpu_seconds: float | None
    processes: int | None
    disk_bytes: int | None


class RuntimeAnswer(Answer):
    id: str
    image: str
    status: str
    isolation: str | None
    created_at: str
    started_at: str | None
    deadline_at: str | None
    ends_at: str | None
    meter: Meter | None


class RuntimeList(Answer):
    runtimes: list[RuntimeAnswer]


class ImageProgressAnswer(Answer):
    label: str
    fraction: float | None


class ImageAnswer(Answer):
    name: str
    status: Literal["missing", "preparing", "ready", "failed"]
    progress: ImageProgressAnswer | None
    message: str | None


class ImageList(Answer):
    images: list[ImageAnswer]


@router.get("/runtimes")
async def list_runtimes(caller: Runner, services: Container) -> RuntimeList:
    """Lists the caller's runtimes that have not ended, with what they use."""
    runtimes = _runtimes(services)
    found = await runtimes.list(str(caller.account_id))
    return RuntimeList(runtimes=[_answer(runtime, await _stats(runtimes, runtime)) for runtime in found])


@router.delete("/runtimes/{runtime_id}")
async def delete_runtime(runtime_id: str, caller: Runner, services: Container) -> Done:
    """Ends a runtime of the caller with everything in it."""
    runtimes = _runtimes(services)
    runtime = await runtimes.get(runtime_id)
    if runtime.account_id != caller.account_id:
        raise NotFoundError("There is no such runtime.")
    await runtimes.stop(runtime_id)
    return Done()


@router.post("/runtimes/reset")
async def reset_runtimes(caller: Runner, services: Container) -> Done:
    """Ends every runtime of the caller; the next run starts a fresh one."""
    await _runtimes(services).reset_all(str(caller.account_id))
    return Done()


@router.get("/images")
async def images(caller: Annotated[Principal, Depends(Needs(Scope.READ))], services: Container) -> ImageList:
    """Tells how far the preparation of images is."""
    status = await LocalImages(services.settings).status()
    return ImageList(images=[ImageAnswer.model_validate(status.as_json())])


def _runtimes(services: Services) -> Runtimes:
    if services.runtimes is None:
        raise UnavailableError("This server runs no code.", code="no_compute")
    return services.runtimes


async def _stats(runtimes: Runtimes, runtime: Runtime) -> Stats | None:
    if runtime.status != "ready":
        return None
    try:
        return await runtimes.stats(runtime.id)
    except LaboraError:
        # A runtime that is just ending cannot be measured; the list is still worth having.
        return None


def _answer(runtime: Runtime, stats: Stats | None) -> RuntimeAnswer:
    return RuntimeAnswer(
        id=runtime.id,
        image=runtime.image,
        status=runtime.status,
        isolation=runtime.isolation,
        created_at=timestamp(runtime.created_at),
        started_at=timestamp(runtime.started_at) if runtime.started_at else None,
        deadline_at=timestamp(runtime.deadline_at) if runtime.deadline_at else None,
        ends_at=timestamp(runtime.ends_at) if runtime.ends_at else None,
        meter=Meter.model_validate(stats) if stats else None,
    )

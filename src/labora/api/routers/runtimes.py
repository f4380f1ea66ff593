"""The caller's runtimes, their history and limits, and the images that runtimes start from."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from labora.access import Principal, Scope
from labora.api.compute import LocalImages
from labora.api.models import Answer, Done
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.runtime_models import (
    EndedRuntime,
    History,
    ImageAnswer,
    ImageList,
    PolicyAnswer,
    RuntimeAnswer,
    RuntimeList,
)
from labora.api.runtime_views import RuntimeViews, runtimes_of
from labora.api.services import Services
from labora.base.clock import parse_timestamp
from labora.base.errors import InvalidError, NotFoundError
from labora.runtimes.model import Runtime

router = APIRouter(prefix=PREFIX, tags=["runtimes"])
Container = Annotated[Services, Depends(services_of)]
Runner = Annotated[Principal, Depends(Needs(Scope.RUN))]
PAGE = 50


@router.get("/runtimes")
async def list_runtimes(caller: Runner, services: Container) -> RuntimeList:
    """Lists the caller's runtimes that have not ended: clocks, what they use, and the notebooks that run there."""
    found = await runtimes_of(services).list(str(caller.account_id))
    return RuntimeList(runtimes=await RuntimeViews(services, caller).of(found))


@router.delete("/runtimes/{runtime_id}")
async def delete_runtime(runtime_id: str, caller: Runner, services: Container) -> Done:
    """Ends a runtime of the caller with everything in it."""
    await runtimes_of(services).stop((await own_runtime(runtime_id, caller, services)).id)
    return Done()


@router.post("/runtimes/{runtime_id}/keep")
async def keep_runtime(runtime_id: str, caller: Runner, services: Container) -> RuntimeAnswer:
    """Puts the end of an idle runtime off. Refused with ``lifetime_fixed`` where its longest lifetime ends it."""
    kept = await runtimes_of(services).keep((await own_runtime(runtime_id, caller, services)).id)
    return (await RuntimeViews(services, caller).of([kept]))[0]


@router.post("/runtimes/{runtime_id}/kernels/{kernel_id}/interrupt")
async def interrupt_kernel(runtime_id: str, kernel_id: str, caller: Runner, services: Container) -> Done:
    """Interrupts what one of the caller's kernels runs."""
    await own_runtime(runtime_id, caller, services)
    if services.rooms is not None:
        services.rooms.overview.interrupt(str(caller.account_id), kernel_id)
    return Done()


@router.post("/runtimes/{runtime_id}/kernels/{kernel_id}/restart")
async def restart_kernel(runtime_id: str, kernel_id: str, caller: Runner, services: Container) -> Done:
    """Gives a notebook of the caller a fresh kernel: its variables are lost, files and packages stay."""
    await own_runtime(runtime_id, caller, services)
    if services.rooms is not None:
        services.rooms.overview.restart(str(caller.account_id), kernel_id)
    return Done()


@router.post("/runtimes/reset")
async def reset_runtimes(caller: Runner, services: Container) -> Done:
    """Ends every runtime of the caller; the next run starts a fresh one. Limited per account (429, ``Retry-After``)."""
    await runtimes_of(services).reset_all(str(caller.account_id))
    return Done()


@router.get("/runtimes/history")
async def history(
    caller: Runner,
    services: Container,
    page_token: Annotated[str | None, Query(alias="pageToken", max_length=64)] = None,
) -> History:
    """Lists the caller's runtimes that have ended, the last one first: when, how long, why, and what they used."""
    try:
        before = None if page_token is None else parse_timestamp(page_token)
    except ValueError as error:
        raise InvalidError("This page token is not of this server.", code="bad_page_token") from error
    found = await runtimes_of(services).history(str(caller.account_id), before, PAGE)
    ended = [EndedRuntime.of(runtime) for runtime in found]
    return History(
        runtimes=ended,
        next_page_token=ended[-1].ended_at if len(ended) == PAGE else None,
        history_days=services.settings.runtimes.history_days,
    )


class OwnPolicy(Answer):
    """What holds for the caller, and how often all runtimes may be reset."""

    policy: PolicyAnswer
    resets: int
    reset_window_s: float


@router.get("/policy")
async def own_policy(caller: Runner, services: Container) -> OwnPolicy:
    """Returns what the caller's runtimes may use, and for how long."""
    allowance = await runtimes_of(services).policies.of(str(caller.account_id))
    settings = services.settings.runtimes
    return OwnPolicy(policy=PolicyAnswer.of(allowance), resets=settings.resets, reset_window_s=settings.reset_window_s)


@router.get("/images")
async def images(caller: Annotated[Principal, Depends(Needs(Scope.READ))], services: Container) -> ImageList:
    """Tells how far the preparation of images is."""
    status = await LocalImages(services.settings).status()
    return ImageList(images=[ImageAnswer.model_validate(status.as_json())])


async def own_runtime(runtime_id: str, caller: Principal, services: Services) -> Runtime:
    """Returns a runtime of the caller. Raises NotFoundError for one of somebody else."""
    runtime = await runtimes_of(services).get(runtime_id)
    if runtime.account_id != caller.account_id:
        raise NotFoundError("There is no such runtime.")
    return runtime

"""Notebooks that get the caller's drive without asking again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from labora.access import Principal, Scope
from labora.api.models import Answer, Done
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services
from labora.base.errors import NotFoundError

router = APIRouter(prefix=PREFIX, tags=["runtimes"])
Holder = Annotated[Principal, Depends(Needs(Scope.ACCOUNT))]
Container = Annotated[Services, Depends(services_of)]


class MountGrant(Answer):
    """One notebook that may mount the drive."""

    file_id: str
    name: str
    created_at: str


class MountGrants(Answer):
    """All of them."""

    grants: list[MountGrant]


@router.get("/mount-grants")
async def mount_grants(caller: Holder, services: Container) -> MountGrants:
    """Lists the notebooks that get the caller's drive without asking again, the newest first."""
    if services.mounts is None:
        return MountGrants(grants=[])
    found = await services.mounts.grants(caller)
    return MountGrants(grants=[MountGrant(file_id=one, name=name, created_at=at) for one, name, at in found])


@router.delete("/mount-grants/{notebook_id}")
async def revoke_mount_grant(notebook_id: str, caller: Holder, services: Container) -> Done:
    """Takes it back: the notebook asks again before its next mount. What is mounted stays until its runtime ends."""
    if services.mounts is None or not await services.mounts.revoke(str(caller.account_id), notebook_id):
        raise NotFoundError("This notebook has to ask already.", code="no_such_grant")
    return Done()

"""Who may do what with an item."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from labora.access import Ability, Principal, Role, Scope
from labora.api.models import Done
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services
from labora.api.sharing_models import (
    AccessRequestAnswer,
    AccessRequestBody,
    AccessRequestList,
    DecisionBody,
    PermissionAnswer,
    PermissionBody,
    PermissionChangeBody,
    PermissionList,
    SharingBody,
)

router = APIRouter(prefix=f"{PREFIX}/files/{{file_id}}", tags=["sharing"])
Container = Annotated[Services, Depends(services_of)]
Sharer = Annotated[Principal, Depends(Needs(Scope.WRITE, Ability.SHARE))]
SharingReader = Annotated[Principal, Depends(Needs(Scope.READ, Ability.SHARE))]


@router.get("/permissions")
async def permissions(file_id: str, caller: SharingReader, services: Container) -> PermissionList:
    """Lists the owner and every permission, with those that come from folders above."""
    return PermissionList.of(await services.drive.sharing.state(caller, file_id))


@router.post("/permissions", status_code=201)
async def share(file_id: str, body: PermissionBody, caller: Sharer, services: Container) -> PermissionAnswer:
    """Gives a role to a person, an address, a group or a link; whoever has one gets the new one instead.

    With an address the answer is the same whether or not somebody with an account reads it: they are written to.
    """
    permission = await services.drive.sharing.add(
        caller,
        file_id,
        role=Role(body.role),
        account_id=body.account_id,
        login=body.login,
        email=body.email,
        group_id=body.group_id,
        kind=body.kind,
        expires_at=body.expires_at,
        notify=body.notify,
        message=body.message,
    )
    return PermissionAnswer.of(permission)


@router.patch("/permissions/{permission_id}")
async def change_permission(
    file_id: str, permission_id: str, body: PermissionChangeBody, caller: Sharer, services: Container
) -> PermissionAnswer:
    """Changes role or expiry; role ``owner`` passes the item on and leaves the former owner as editor."""
    role = Role(body.role) if body.role else None
    change = services.drive.sharing.change
    if "expires_at" in body.model_fields_set:
        permission = await change(caller, file_id, permission_id, role, body.expires_at)
    else:
        permission = await change(caller, file_id, permission_id, role)
    return PermissionAnswer.of(permission)


@router.delete("/permissions/{permission_id}")
async def remove_permission(
    file_id: str,
    permission_id: str,
    caller: Annotated[Principal, Depends(Needs(Scope.WRITE, Ability.READ))],
    services: Container,
) -> Done:
    """Takes a role away; everybody may give up their own."""
    await services.drive.sharing.remove(caller, file_id, permission_id)
    return Done()


@router.patch("/sharing")
async def change_sharing(
    file_id: str,
    body: SharingBody,
    caller: Annotated[Principal, Depends(Needs(Scope.WRITE, Ability.TRANSFER))],
    services: Container,
) -> PermissionList:
    """Sets the general access (nobody, everybody signed in, anyone with the link) and whether editors may share."""
    sharing = services.drive.sharing
    if body.general is not None:
        role = Role(body.general.role) if body.general.role else None
        await sharing.set_general(caller, file_id, body.general.reach, role)
    if body.editors_share is not None:
        await sharing.set_editors_share(caller, file_id, allowed=body.editors_share)
    return PermissionList.of(await sharing.state(caller, file_id))


@router.post("/access-requests", status_code=202)
async def request_access(
    file_id: str,
    body: AccessRequestBody,
    # Enforced by nobody: whoever cannot read an item asks here, and gets the same answer where there is none.
    caller: Annotated[Principal, Depends(Needs(Scope.WRITE, Ability.READ))],
    services: Container,
) -> Done:
    """Asks those who may share an item for a role on it."""
    await services.drive.requests.ask(caller, file_id, Role(body.role), body.message)
    return Done()


@router.get("/access-requests")
async def access_requests(file_id: str, caller: SharingReader, services: Container) -> AccessRequestList:
    """Lists requests that nobody has answered."""
    found = await services.drive.requests.waiting(caller, file_id)
    return AccessRequestList(requests=[AccessRequestAnswer.of(request) for request in found])


@router.patch("/access-requests/{request_id}")
async def decide_access_request(
    file_id: str, request_id: str, body: DecisionBody, caller: Sharer, services: Container
) -> AccessRequestAnswer:
    """Gives a role to who asked, or refuses; they are told."""
    role = Role(body.role) if body.role else None
    return AccessRequestAnswer.of(await services.drive.requests.decide(caller, file_id, request_id, role))

"""Who may do what with an item."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from labora.access import Ability, Principal, Role, Scope
from labora.api.models import Done, PermissionAnswer, PermissionBody, PermissionChangeBody, PermissionList
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services

router = APIRouter(prefix=f"{PREFIX}/files/{{file_id}}/permissions", tags=["sharing"])
Container = Annotated[Services, Depends(services_of)]
Sharer = Annotated[Principal, Depends(Needs(Scope.WRITE, Ability.SHARE))]


@router.get("")
async def permissions(
    file_id: str, caller: Annotated[Principal, Depends(Needs(Scope.READ, Ability.SHARE))], services: Container
) -> PermissionList:
    """Lists the owner and every permission, with those that come from folders above."""
    found = await services.drive.sharing.permissions(caller, file_id)
    return PermissionList(permissions=[PermissionAnswer.of(permission) for permission in found])


@router.post("", status_code=201)
async def share(file_id: str, body: PermissionBody, caller: Sharer, services: Container) -> PermissionAnswer:
    """Gives a person a role; whoever has one gets the new one instead."""
    permission = await services.drive.sharing.add(
        caller, file_id, role=Role(body.role), account_id=body.account_id, login=body.login
    )
    return PermissionAnswer.of(permission)


@router.patch("/{permission_id}")
async def change_permission(
    file_id: str, permission_id: str, body: PermissionChangeBody, caller: Sharer, services: Container
) -> PermissionAnswer:
    """Changes a role; role ``owner`` passes the item on and leaves the former owner as editor."""
    permission = await services.drive.sharing.change(caller, file_id, permission_id, Role(body.role))
    return PermissionAnswer.of(permission)


@router.delete("/{permission_id}")
async def remove_permission(
    file_id: str,
    permission_id: str,
    caller: Annotated[Principal, Depends(Needs(Scope.WRITE, Ability.READ))],
    services: Container,
) -> Done:
    """Takes a role away; everybody may give up their own."""
    await services.drive.sharing.remove(caller, file_id, permission_id)
    return Done()

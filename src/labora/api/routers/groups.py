"""Groups: accounts that things are shared with together."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from labora.access import Principal, Scope
from labora.api.models import Done
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services
from labora.api.sharing_models import GroupAnswer, GroupBody, GroupList, GroupWithMembers, MemberBody

router = APIRouter(prefix=f"{PREFIX}/groups", tags=["groups"])
Container = Annotated[Services, Depends(services_of)]
Reader = Annotated[Principal, Depends(Needs(Scope.READ))]
# Who may manage a group is asked for by the verb.
Manager = Annotated[Principal, Depends(Needs(Scope.ACCOUNT))]
Owner = Annotated[Principal, Depends(Needs(Scope.ACCOUNT, owner=True))]


@router.get("")
async def groups(caller: Reader, services: Container, q: Annotated[str, Query(max_length=120)] = "") -> GroupList:
    """Finds groups to share with, by part of their name."""
    return GroupList(groups=[GroupAnswer.of(group) for group in await services.accounts.groups(caller, q)])


@router.post("", status_code=201)
async def make_group(body: GroupBody, caller: Owner, services: Container) -> GroupAnswer:
    """Makes an empty group."""
    return GroupAnswer.of(await services.accounts.make_group(caller, body.name))


@router.get("/{group_id}")
async def group(group_id: str, caller: Reader, services: Container) -> GroupWithMembers:
    """Returns a group with its members, for them and the owner of the server."""
    found, members = await services.accounts.group(caller, group_id)
    return GroupWithMembers.with_members(found, members)


@router.patch("/{group_id}")
async def rename_group(group_id: str, body: GroupBody, caller: Manager, services: Container) -> GroupAnswer:
    """Renames a group."""
    return GroupAnswer.of(await services.accounts.rename_group(caller, group_id, body.name))


@router.delete("/{group_id}")
async def delete_group(group_id: str, caller: Owner, services: Container) -> Done:
    """Ends a group, with everything that was given to it."""
    await services.accounts.delete_group(caller, group_id)
    return Done()


@router.put("/{group_id}/members/{account_id}")
async def put_member(
    group_id: str, account_id: str, body: MemberBody, caller: Manager, services: Container
) -> GroupWithMembers:
    """Puts an account into a group, or says whether it manages it."""
    await services.accounts.put_member(caller, group_id, account_id, is_manager=body.is_manager)
    found, members = await services.accounts.group(caller, group_id)
    return GroupWithMembers.with_members(found, members)


@router.delete("/{group_id}/members/{account_id}")
async def remove_member(group_id: str, account_id: str, caller: Manager, services: Container) -> Done:
    """Takes an account out of a group; everybody may leave."""
    await services.accounts.remove_member(caller, group_id, account_id)
    return Done()

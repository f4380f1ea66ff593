"""Secrets of the caller, and which notebooks may read them. For login sessions only: no token gets near."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from labora.access import Ability, Principal, Scope
from labora.api.models import Answer, Body, Done
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services

router = APIRouter(prefix=PREFIX, tags=["secrets"])
Holder = Annotated[Principal, Depends(Needs(Scope.ACCOUNT))]
Container = Annotated[Services, Depends(services_of)]


class SecretNotebook(Answer):
    """A notebook that may read a secret; its name is empty where the caller may not read it any more."""

    file_id: str
    name: str
    created_at: str


class SecretAnswer(Answer):
    """A secret without its value."""

    name: str
    created_at: str
    updated_at: str
    readable: bool = Field(description="False where the server no longer has the key: give it its value anew.")
    notebooks: list[SecretNotebook]


class SecretList(Answer):
    secrets: list[SecretAnswer]


class SecretValueBody(Body):
    value: str


class SecretNameBody(Body):
    name: str


class SecretValue(Answer):
    value: str


class SecretGrant(Answer):
    """One of the caller's secrets, and whether this notebook may read it."""

    name: str
    granted: bool


class SecretGrants(Answer):
    secrets: list[SecretGrant]


@router.get("/me/secrets")
async def secrets(caller: Holder, services: Container) -> SecretList:
    """Lists the caller's secrets by name, without values."""
    found = await services.secrets.all_of(caller)
    return SecretList(secrets=[SecretAnswer.model_validate(one) for one in found])


@router.put("/me/secrets/{name}")
async def put_secret(name: str, body: SecretValueBody, caller: Holder, services: Container) -> SecretAnswer:
    """Adds a secret or gives it another value."""
    return SecretAnswer.model_validate(await services.secrets.put(caller, name, body.value))


@router.patch("/me/secrets/{name}")
async def rename_secret(name: str, body: SecretNameBody, caller: Holder, services: Container) -> SecretAnswer:
    """Gives a secret another name; its value and grants stay."""
    return SecretAnswer.model_validate(await services.secrets.rename(caller, name, body.name))


@router.delete("/me/secrets/{name}")
async def delete_secret(name: str, caller: Holder, services: Container) -> Done:
    """Deletes a secret with its grants."""
    await services.secrets.remove(caller, name)
    return Done()


@router.post("/me/secrets/{name}/reveal")
async def reveal_secret(name: str, caller: Holder, services: Container) -> SecretValue:
    """Returns the value of a secret; the audit log remembers it."""
    return SecretValue(value=await services.secrets.reveal(caller, name))


@router.delete("/me/secrets/{name}/notebooks/{notebook_id}")
async def take_secret(name: str, notebook_id: str, caller: Holder, services: Container) -> Done:
    """Takes a secret from a notebook, also from one that the caller may not read any more."""
    await services.secrets.revoke(caller, notebook_id, name)
    return Done()


@router.get("/files/{file_id}/secrets")
async def notebook_secrets(
    file_id: str, caller: Annotated[Principal, Depends(Needs(Scope.ACCOUNT, Ability.READ))], services: Container
) -> SecretGrants:
    """Lists the caller's secrets, and whether code that the caller runs in this notebook may read them."""
    found = await services.secrets.of_notebook(caller, file_id)
    return SecretGrants(secrets=[SecretGrant(name=name, granted=granted) for name, granted in found.items()])


@router.put("/files/{file_id}/secrets/{name}")
async def grant_secret(
    file_id: str,
    name: str,
    caller: Annotated[Principal, Depends(Needs(Scope.ACCOUNT, Ability.EDIT))],
    services: Container,
) -> Done:
    """Lets code that the caller runs in this notebook read one of the caller's secrets."""
    await services.secrets.grant(caller, file_id, name)
    return Done()


@router.delete("/files/{file_id}/secrets/{name}")
async def revoke_secret(
    file_id: str,
    name: str,
    caller: Annotated[Principal, Depends(Needs(Scope.ACCOUNT, Ability.READ))],
    services: Container,
) -> Done:
    """Takes a secret from this notebook; what its code has read already it has."""
    await services.secrets.revoke_here(caller, file_id, name)
    return Done()

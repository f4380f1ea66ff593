"""Accounts: one's own, tokens, and what the owner does with others."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from labora.access import Principal, Scope
from labora.api.hosts import Host
from labora.api.models import (
    AccountAnswer,
    AccountBody,
    AccountForOwner,
    AccountList,
    Done,
    InvitationAnswer,
    InvitationBody,
    InvitationList,
    Link,
    MeBody,
    NewInvitation,
    NewToken,
    PasswordBody,
    PeopleList,
    PersonWithLogin,
    TokenAnswer,
    TokenBody,
    TokenList,
)
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services

router = APIRouter(prefix=PREFIX, tags=["accounts"])
Container = Annotated[Services, Depends(services_of)]
Reader = Annotated[Principal, Depends(Needs(Scope.READ))]
Holder = Annotated[Principal, Depends(Needs(Scope.ACCOUNT))]
Owner = Annotated[Principal, Depends(Needs(Scope.ACCOUNT, owner=True))]


@router.get("/me")
async def me(caller: Reader, services: Container) -> AccountAnswer:
    """Returns the account that asks."""
    return AccountAnswer.of(await services.accounts.account(str(caller.account_id)))


@router.patch("/me")
async def change_me(body: MeBody, caller: Holder, services: Container) -> AccountAnswer:
    """Changes how the account is shown."""
    return AccountAnswer.of(await services.accounts.rename(caller, body.name))


@router.post("/me/password")
async def change_password(body: PasswordBody, caller: Holder, request: Request, services: Container) -> Done:
    """Sets a new password; every other login session of the account ends."""
    address = request.client.host if request.client else ""
    await services.accounts.change_password(caller, body.old, body.new, address=address)
    return Done()


@router.get("/me/tokens")
async def tokens(caller: Holder, services: Container) -> TokenList:
    """Lists the account's API tokens, without their secrets."""
    return TokenList(tokens=[TokenAnswer.of(token) for token in await services.accounts.tokens(caller)])


@router.post("/me/tokens", status_code=201)
async def make_token(body: TokenBody, caller: Holder, services: Container) -> NewToken:
    """Makes an API token. Its secret is in this answer and never again."""
    token, secret = await services.accounts.make_token(
        caller, label=body.label, scopes=list(body.scopes), expires_days=body.expires_days
    )
    return NewToken(**TokenAnswer.of(token).model_dump(), secret=secret)


@router.delete("/me/tokens/{token_id}")
async def revoke_token(token_id: str, caller: Holder, services: Container) -> Done:
    """Ends an API token."""
    await services.accounts.revoke_token(caller, token_id)
    return Done()


@router.get("/people")
async def people(caller: Reader, services: Container, q: Annotated[str, Query(max_length=254)] = "") -> PeopleList:
    """Finds accounts to share with, by part of their name or sign-in name."""
    found = await services.accounts.people(q)
    others = [account for account in found if account.id != caller.account_id]
    return PeopleList(people=[PersonWithLogin.model_validate(account) for account in others])


@router.get("/accounts")
async def all_accounts(caller: Owner, services: Container) -> AccountList:
    """Lists every account."""
    found = await services.accounts.all_accounts(caller)
    return AccountList(accounts=[AccountForOwner.model_validate(account) for account in found])


@router.patch("/accounts/{account_id}")
async def change_account(account_id: str, body: AccountBody, caller: Owner, services: Container) -> AccountForOwner:
    """Disables or enables an account."""
    account = await services.accounts.disable(caller, account_id, disabled=body.disabled)
    return AccountForOwner.model_validate(account)


@router.post("/accounts/{account_id}/reset-link", status_code=201)
async def reset_link(account_id: str, caller: Owner, request: Request, services: Container) -> Link:
    """Makes a one-time link with which the account's person sets a new password."""
    secret = await services.accounts.reset_link(caller, account_id)
    return Link(url=f"{_origin(request)}/reset#{secret}")


@router.get("/invitations")
async def invitations(caller: Owner, services: Container) -> InvitationList:
    """Lists invitations, without their secrets."""
    found = await services.accounts.invitations(caller)
    return InvitationList(invitations=[InvitationAnswer.of(invitation) for invitation in found])


@router.post("/invitations", status_code=201)
async def invite(body: InvitationBody, caller: Owner, request: Request, services: Container) -> NewInvitation:
    """Makes a link with which one person makes an account."""
    invitation, secret = await services.accounts.invite(caller, body.label)
    url = f"{_origin(request)}/invite#{secret}"
    return NewInvitation(**InvitationAnswer.of(invitation).model_dump(), url=url)


@router.delete("/invitations/{invitation_id}")
async def withdraw_invitation(invitation_id: str, caller: Owner, services: Container) -> Done:
    """Ends an unused invitation."""
    await services.accounts.withdraw_invitation(caller, invitation_id)
    return Done()


def _origin(request: Request) -> str:
    host = request.scope["labora.host"]
    if not isinstance(host, Host):
        raise TypeError("labora.host is not a host")
    return host.origin

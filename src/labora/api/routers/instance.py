"""The server itself: what it is, its setup, signing in and out."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response

from labora.access import Principal, Scope
from labora.accounts import SignedIn
from labora.api.cookies import drop_cookie, set_cookie
from labora.api.hosts import Host
from labora.api.models import (
    AccountAnswer,
    Done,
    Health,
    Instance,
    InvitationPage,
    LoginBody,
    NewAccountBody,
    ResetBody,
    SetupBody,
)
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services

router = APIRouter(prefix=PREFIX, tags=["sign-in"])
Container = Annotated[Services, Depends(services_of)]
LinkSecret = Annotated[str, Header(alias="X-Labora-Link", max_length=1024)]


@router.get("/health")
async def health() -> Health:
    """Says that the server answers."""
    return Health(status="ok")


@router.get("/instance")
async def instance(services: Container) -> Instance:
    """Tells what the sign-in page has to know."""
    return Instance(
        name="Labora",
        version=version("labora"),
        setup_needed=await services.accounts.setup_needed(),
        instance_id=services.instance_id,
        password_min_length=services.settings.accounts.password_min_length,
        external_images=services.settings.server.external_images,
        external_outputs=services.settings.server.external_outputs,
    )


@router.post("/setup")
async def set_up(body: SetupBody, request: Request, response: Response, services: Container) -> AccountAnswer:
    """Makes the owner with the one-time link that the server printed, and signs them in."""
    signed_in = await services.accounts.set_up(
        body.token,
        name=body.name,
        login=body.login,
        password=body.password,
        address=_address(request),
        user_agent=request.headers.get("user-agent", ""),
    )
    return _start(signed_in, request, response, services)


@router.post("/login")
async def log_in(body: LoginBody, request: Request, response: Response, services: Container) -> AccountAnswer:
    """Signs in; always a new login session."""
    signed_in = await services.accounts.log_in(
        body.login,
        body.password,
        address=_address(request),
        user_agent=request.headers.get("user-agent", ""),
    )
    former = request.scope.get("labora.principal")
    if isinstance(former, Principal) and former.login_session_id:
        await services.accounts.log_out(former)
    return _start(signed_in, request, response, services)


@router.get("/invitation")
async def invitation(secret: LinkSecret, services: Container) -> InvitationPage:
    """Tells whether an invitation can still be used."""
    found = await services.accounts.invitation(secret)
    return InvitationPage(label=found.label, expires_at=found.expires_at)


@router.post("/invitation/accept")
async def accept_invitation(
    body: NewAccountBody, secret: LinkSecret, request: Request, response: Response, services: Container
) -> AccountAnswer:
    """Makes an account with an invitation and signs it in."""
    signed_in = await services.accounts.accept_invitation(
        secret,
        name=body.name,
        login=body.login,
        password=body.password,
        address=_address(request),
        user_agent=request.headers.get("user-agent", ""),
    )
    return _start(signed_in, request, response, services)


@router.post("/reset")
async def reset_password(body: ResetBody, secret: LinkSecret, services: Container) -> Done:
    """Sets a new password with a reset link; every login session and token of the account ends."""
    await services.accounts.reset_password(secret, body.password)
    return Done()


@router.post("/logout")
async def log_out(
    caller: Annotated[Principal, Depends(Needs(Scope.ACCOUNT))],
    request: Request,
    response: Response,
    services: Container,
) -> Done:
    """Ends this login session."""
    await services.accounts.log_out(caller)
    drop_cookie(response, services.instance_id, _host(request))
    return Done()


@router.post("/logout-everywhere")
async def log_out_everywhere(
    caller: Annotated[Principal, Depends(Needs(Scope.ACCOUNT))],
    request: Request,
    response: Response,
    services: Container,
) -> Done:
    """Ends every login session and API token of the account."""
    await services.accounts.log_out_everywhere(caller)
    drop_cookie(response, services.instance_id, _host(request))
    return Done()


def _start(signed_in: SignedIn, request: Request, response: Response, services: Services) -> AccountAnswer:
    life = services.settings.accounts.login_session_days * 24 * 3600
    set_cookie(response, services.instance_id, _host(request), signed_in.secret, life)
    return AccountAnswer.of(signed_in.account)


def _host(request: Request) -> Host:
    host = request.scope["labora.host"]
    if not isinstance(host, Host):
        raise TypeError("labora.host is not a host")
    return host


def _address(request: Request) -> str:
    return request.client.host if request.client else ""

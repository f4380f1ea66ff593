"""What a route needs, declared on the route itself and enforced before its function runs."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from labora.access import ANONYMOUS, Ability, Principal, Scope
from labora.api.services import Services
from labora.base.errors import ForbiddenError, UnauthenticatedError


@dataclass(frozen=True)
class Needs:
    """A dependency that returns the Principal, or refuses.

    Args:
        scope: what the credential must be good for; ``account`` means a login session, never a token.
        ability: what the caller must be able to do with the file of the path. Enforced by the verb that the route
            calls, through ``access_file`` in its transaction; declared here so that tests are generated from it.
        owner: only for the owner of the instance.
        link: also for somebody who is not signed in and holds a link that opens the file.
    """

    scope: Scope
    ability: Ability | None = None
    owner: bool = False
    link: bool = False

    def __call__(self, request: Request) -> Principal:
        """Returns who asks. Raises UnauthenticatedError or ForbiddenError."""
        principal = principal_of(request)
        if not principal.signed_in:
            if self.link:
                return principal
            raise UnauthenticatedError("Sign in first.")
        if self.scope not in principal.scopes:
            if self.scope == Scope.ACCOUNT:
                raise ForbiddenError("A token cannot do this. Sign in with a password.", code="token_forbidden")
            raise ForbiddenError(
                f"This token lacks the scope '{self.scope}'. Make one that has it.",
                code="scope_missing",
                details={"scope": self.scope.value},
            )
        if self.owner and not principal.is_owner:
            raise ForbiddenError("Only the owner of this server may do this.", code="owner_only")
        return principal


def principal_of(request: Request) -> Principal:
    """Returns who the gate found behind a request or a WebSocket."""
    principal = request.scope.get("labora.principal", ANONYMOUS)
    return principal if isinstance(principal, Principal) else ANONYMOUS


def services_of(request: Request) -> Services:
    """Returns the container, as a dependency of routes."""
    services = request.scope["labora.services"]
    if not isinstance(services, Services):
        raise TypeError("labora.services is not a container")
    return services

"""Who may pass a port's door: its runtime's account, by a ticket at first and then by a cookie of that host.

The cookie is a signature over the door and the login session (or token) that the ticket was given to, so it outlives a
restart of the server, and dies with its login session within a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from labora.access import Principal
from labora.accounts import Revocation
from labora.api.ports.labels import Door, PortLabels
from labora.api.services import Services
from labora.api.sockets import Sockets
from labora.base.errors import NotFoundError, UnauthenticatedError
from labora.base.ids import new_secret
from labora.runtimes.model import Runtime

T = TypeVar("T")
TICKET_S = 30.0
MAX_TICKETS = 10_000
TICKETS_PER_ACCOUNT = 50
"""Unused tickets of an account; the oldest make room."""
FRESH_S = 1.0
"""For how long what the database said of a credential or a runtime is believed; what ends here is known at once."""
_VALUE = re.compile(r"([st])\.([a-z2-7]{20})\.([ft])\.([a-z2-7]{26})")


@dataclass(frozen=True, slots=True)
class Grant:
    """What lets a browser pass: whose credential, and whether it was given to a frame."""

    login_session_id: str | None
    token_id: str | None
    framed: bool = False


@dataclass(frozen=True, slots=True)
class _Ticket:
    label: str
    account_id: str
    grant: Grant
    until: float


class PortAccess:
    """Tickets, cookies and the life of what they stand for.

    Args:
        services: accounts and runtimes.
        labels: signs.
    """

    def __init__(self, services: Services, labels: PortLabels) -> None:
        self._services = services
        self._labels = labels
        self._tickets: dict[str, _Ticket] = {}
        self._tickets_of: dict[str, dict[str, None]] = {}
        self._known: dict[object, tuple[object, float]] = {}
        self._changes = 0
        self._live = Sockets(0)
        services.accounts.on_revoked(self._revoked)
        if services.runtimes is not None:
            services.runtimes.watch(lambda _runtime: self._forget())

    # -- giving -------------------------------------------------------------------------------------------------------

    def ticket(self, caller: Principal, door: Door) -> str:
        """Returns a secret that lets its bearer pass once, within half a minute. Who may have it was checked before."""
        now = time.monotonic()
        # All live equally long, so the first are the oldest.
        while self._tickets:
            first = next(iter(self._tickets))
            if self._tickets[first].until >= now and len(self._tickets) < MAX_TICKETS:
                break
            self._take(first)
        account = caller.account_id or ""
        own = self._tickets_of.get(account, {})
        if len(own) >= TICKETS_PER_ACCOUNT:
            self._take(next(iter(own)))
        secret = new_secret()
        self._tickets[secret] = _Ticket(door.label, account, self._grant(caller), now + TICKET_S)
        self._tickets_of.setdefault(account, {})[secret] = None
        return secret

    def _take(self, secret: str) -> _Ticket | None:
        ticket = self._tickets.pop(secret, None)
        if ticket is not None:
            own = self._tickets_of[ticket.account_id]
            del own[secret]
            if not own:
                del self._tickets_of[ticket.account_id]
        return ticket

    def redeem(self, secret: str, door: Door) -> Grant | None:
        """Takes a ticket; None for one that is used, too old or of another door."""
        ticket = self._take(secret)
        if ticket is None or ticket.label != door.label or ticket.until < time.monotonic():
            return None
        return ticket.grant

    async def pass_for(self, caller: Principal, door: Door) -> str:
        """Returns what :meth:`cookie` does, for one who asks by the API."""
        return await self.cookie(door, self._grant(caller))

    async def cookie(self, door: Door, grant: Grant) -> str:
        """Returns the value of the cookie of a grant."""
        kind, holder = ("s", grant.login_session_id) if grant.login_session_id else ("t", grant.token_id)
        framed = "f" if grant.framed else "t"
        return f"{kind}.{holder}.{framed}.{await self._labels.sign(door.label, kind, str(holder), framed)}"

    @staticmethod
    def _grant(caller: Principal) -> Grant:
        return Grant(caller.login_session_id, caller.token_id)

    # -- asking -------------------------------------------------------------------------------------------------------

    async def admit(self, door: Door, value: str) -> Grant | None:
        """Returns the grant that a cookie stands for; None where it was not made for this door."""
        found = _VALUE.fullmatch(value)
        if found is None:
            return None
        kind, holder, framed, signature = found.groups()
        if not hmac.compare_digest(signature, await self._labels.sign(door.label, kind, holder, framed)):
            return None
        return Grant(holder if kind == "s" else None, holder if kind == "t" else None, framed == "f")

    async def runtime(self, door: Door) -> Runtime | None:
        """Returns the runtime behind a door; None once it has ended."""

        async def look() -> Runtime | None:
            if self._services.runtimes is None:
                return None
            with contextlib.suppress(NotFoundError):
                runtime = await self._services.runtimes.get(door.runtime_id)
                return runtime if runtime.desired == "running" else None
            return None

        return await self._fresh(("runtime", door.runtime_id), look)

    async def _holds(self, runtime: Runtime, grant: Grant) -> bool:
        who = self._principal(runtime, grant)
        return await self._fresh((runtime.account_id, grant), lambda: self._services.accounts.holds(who))

    async def _fresh(self, key: object, look: Callable[[], Awaitable[T]]) -> T:
        now = time.monotonic()
        found = self._known.get(key)
        if found is not None and found[1] >= now:
            return cast("T", found[0])
        if len(self._known) > MAX_TICKETS:
            self._known.clear()
        changes = self._changes
        value = await look()
        if changes == self._changes:
            self._known[key] = (value, now + FRESH_S)
        return value

    def _forget(self) -> None:
        self._changes += 1
        self._known.clear()

    @staticmethod
    def _principal(runtime: Runtime, grant: Grant) -> Principal:
        return Principal(runtime.account_id, login_session_id=grant.login_session_id, token_id=grant.token_id)

    # -- holding ------------------------------------------------------------------------------------------------------

    async def serve(self, runtime: Runtime, grant: Grant, work: Callable[[], Awaitable[None]]) -> bool:
        """Does ``work`` as long as the grant holds; returns False where it was cut off.

        Raises:
            UnauthenticatedError: it no longer holds.
        """
        while True:
            ends = self._live.revocations
            if not await self._holds(runtime, grant):
                raise UnauthenticatedError("Sign in first.")
            if ends == self._live.revocations:
                break
            # Some credential died while this one was looked up: from here to ``holding`` nothing waits.
        serving = asyncio.ensure_future(work())
        with self._live.holding(self._principal(runtime, grant), serving) as held:
            try:
                await serving
            except asyncio.CancelledError:
                if not serving.done():
                    serving.cancel()
                    await asyncio.wait([serving])
                if not held.revoked:
                    raise
                return False
        return True

    def _revoked(self, revocation: Revocation) -> None:
        self._forget()
        # A ticket need not be told apart: what its grant stands for is asked for again before anything is served.
        self._live.revoke(revocation)

"""Open WebSockets by credential, so that they end when it does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from labora.access import Principal
from labora.accounts import Revocation
from labora.base.errors import RateLimitedError


@dataclass(eq=False)
class OpenSocket:
    """One accepted WebSocket and the task that serves it."""

    principal: Principal
    task: asyncio.Task[None]
    revoked: bool = False


class Sockets:
    """Counts sockets per account and ends those whose credential died.

    Attributes:
        revocations: counts deaths of credentials, for those who look one up meanwhile.
    """

    def __init__(self, per_account: int) -> None:
        self._per_account = per_account
        self._open: set[OpenSocket] = set()
        self.revocations = 0

    @contextlib.contextmanager
    def holding(self, principal: Principal, task: asyncio.Task[None]) -> Iterator[OpenSocket]:
        """Registers a socket for the time of the block."""
        socket = OpenSocket(principal, task)
        self._open.add(socket)
        try:
            yield socket
        finally:
            self._open.discard(socket)

    def check_room(self, principal: Principal) -> None:
        """Raises RateLimitedError when the account holds as many sockets as it may."""
        held = sum(1 for socket in self._open if socket.principal.account_id == principal.account_id)
        if held >= self._per_account:
            raise RateLimitedError("Too many open pages. Close some of them.", retry_after=10)

    def revoke(self, revocation: Revocation) -> None:
        """Ends the sockets that were opened with a credential that died."""
        self.revocations += 1
        for socket in self._open:
            who = socket.principal
            if revocation.hits(who.account_id, who.login_session_id, who.token_id):
                socket.revoked = True
                socket.task.cancel()

"""What every verb of accounts stands on: hooks, one-time links, audit rows, and how texts are read."""

from __future__ import annotations

import unicodedata
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Principal
from labora.accounts import store
from labora.accounts.guessing import GuessLimit
from labora.accounts.model import Revocation
from labora.accounts.passwords import Passwords
from labora.base.clock import Clock, SystemClock, timestamp
from labora.base.errors import ForbiddenError, InvalidError, NotFoundError, UnauthenticatedError
from labora.base.ids import new_id, new_secret, secret_digest
from labora.base.settings import AccountSettings
from labora.db import Database

OnAccountMade = Callable[[str], Awaitable[None]]
OnGroupChanged = Callable[[Sequence[str]], Awaitable[None]]
OnRevoked = Callable[[Revocation], Awaitable[None] | None]


class AccountsBase:
    """Shared by the parts of :class:`labora.accounts.Accounts`.

    Args:
        database: where accounts are kept.
        settings: lengths, durations and limits.
        clock: for tests.
    """

    def __init__(self, database: Database, settings: AccountSettings, clock: Clock | None = None) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock or SystemClock()
        self._passwords = Passwords(settings.password_min_length)
        self._limit = GuessLimit(settings, self._clock)
        self._revoked: list[OnRevoked] = []
        self._made: list[OnAccountMade] = []
        self._group_changed: list[OnGroupChanged] = []

    def on_revoked(self, callback: OnRevoked) -> None:
        """Calls ``callback`` after credentials died, so that their sockets are closed."""
        self._revoked.append(callback)

    def on_account_made(self, callback: OnAccountMade) -> None:
        """Calls ``callback`` with the id of every new account, after it was committed (its drive is made then)."""
        self._made.append(callback)

    async def _tell(self, revocation: Revocation) -> None:
        for callback in self._revoked:
            answer = callback(revocation)
            if answer is not None:
                await answer

    async def _tell_made(self, account_id: str) -> None:
        for callback in self._made:
            await callback(account_id)

    async def _new_link(self, connection: AsyncConnection, kind: str, life: timedelta, **values: Any) -> str:
        secret, now = new_secret(), self._clock.now()
        row = {
            "id": new_id(),
            "kind": kind,
            "secret_sha256": secret_digest(secret),
            "created_at": timestamp(now),
            "expires_at": timestamp(now + life),
        }
        await store.add_link(connection, row | values)
        return secret

    async def _live_link(self, connection: AsyncConnection, kind: str, secret: str) -> Any:
        link = await store.live_link(connection, kind, secret_digest(secret), self._now())
        if link is None:
            raise NotFoundError(
                "This link was used already, has expired or never existed. Ask for a new one.", code="dead_link"
            )
        return link

    def _now(self) -> str:
        return timestamp(self._clock.now())

    async def _audit(
        self,
        connection: AsyncConnection,
        actor: str | None,
        action: str,
        object_id: str | None,
        details: dict[str, Any] | None = None,
    ) -> None:
        row = {"at": self._now(), "actor_id": actor, "action": action, "object_id": object_id}
        await store.add_audit(connection, row | {"details": details or {}})

    @staticmethod
    def _require_owner(principal: Principal) -> None:
        if not principal.is_owner:
            raise ForbiddenError("Only the owner of this server may do this.", code="owner_only")


def account_of(principal: Principal) -> str:
    if principal.account_id is None:
        raise UnauthenticatedError("Sign in first.")
    return principal.account_id


def clean_login(login: str) -> str:
    """Returns a sign-in name in the form that is compared and stored. Raises InvalidError."""
    return clean_text(login, "login", 254).lower()


def clean_text(text: str, field: str, limit: int, *, empty: bool = False) -> str:
    text = unicodedata.normalize("NFC", text).strip()
    if not text and not empty:
        raise InvalidError(f"'{field}' must not be empty.", details={"field": field})
    if len(text) > limit:
        raise InvalidError(f"'{field}' is longer than {limit} characters.", details={"field": field, "limit": limit})
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in text):
        raise InvalidError(f"'{field}' holds control characters.", details={"field": field})
    return text


def printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())

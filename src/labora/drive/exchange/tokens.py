"""GitHub tokens of accounts, sealed with a key that the database does not hold."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from labora.access import Principal
from labora.base.errors import InvalidError
from labora.db.schema import github_tokens
from labora.db.sealing import Seal
from labora.drive.base import DriveContext, account_of


@dataclass(frozen=True, slots=True)
class Connected:
    """What is told of a stored token; the token itself never leaves the server but for GitHub."""

    login: str
    scopes: str
    created_at: str


class GitHubTokens:
    """Keeps one token an account.

    Args:
        context: the drive's.
        seal: seals tokens. Without its key (a database alone was restored) they are as good as gone and are asked for
            again.
        api_url: what tokens are for: those of another GitHub are not used.
    """

    def __init__(self, context: DriveContext, seal: Seal, api_url: str) -> None:
        self._context, self._seal, self._api_url = context, seal, api_url

    async def keep(self, principal: Principal, token: str, login: str, scopes: str) -> Connected:
        """Stores a token in place of the one before."""
        account_id = account_of(principal)
        sealed = self._seal.close_up(account_id, self._api_url, token)
        now = self._context.now()
        async with self._context.writing(principal) as connection:
            await connection.execute(delete(github_tokens).where(github_tokens.c.account_id == account_id))
            row = {"sealed": sealed, "login": login[:254], "scopes": scopes[:254], "created_at": now}
            await connection.execute(insert(github_tokens).values(account_id=account_id, **row))
            await self._context.audit(connection, principal, "github.connected", account_id, {"login": login})
        return Connected(login, scopes, now)

    async def forget(self, principal: Principal) -> None:
        """Ends the stored token here; at GitHub it lives on until it is revoked there."""
        account_id = account_of(principal)
        async with self._context.writing(principal) as connection:
            await connection.execute(delete(github_tokens).where(github_tokens.c.account_id == account_id))
            await self._context.audit(connection, principal, "github.disconnected", account_id)

    async def connected(self, principal: Principal) -> Connected | None:
        """Returns what is stored, or None."""
        found = await self._found(principal)
        return None if found is None else found[0]

    async def token(self, principal: Principal) -> str | None:
        """Returns the account's token, or None."""
        found = await self._found(principal)
        return None if found is None else found[1]

    async def need(self, principal: Principal) -> str:
        """Returns the account's token. Raises InvalidError ``github_not_connected``."""
        token = await self.token(principal)
        if token is None:
            raise InvalidError("Connect a GitHub token first.", code="github_not_connected")
        return token

    async def _found(self, principal: Principal) -> tuple[Connected, str] | None:
        account_id = account_of(principal)
        async with self._context.reading(principal) as connection:
            query = select(github_tokens).where(github_tokens.c.account_id == account_id)
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            return None
        parts = self._seal.open(row["sealed"])
        if parts is None or len(parts) != 3 or parts[:2] != (account_id, self._api_url):
            return None
        return Connected(row["login"], row["scopes"], row["created_at"]), parts[2]

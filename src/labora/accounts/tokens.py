"""API tokens: for programs that act as an account, limited by scopes."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Principal, Scope, groups_of
from labora.accounts import store
from labora.accounts.base import AccountsBase, account_of, clean_text
from labora.accounts.model import Account, ApiToken, Revocation
from labora.base.clock import parse_timestamp, timestamp
from labora.base.errors import ForbiddenError, InvalidError, NotFoundError
from labora.base.ids import new_id, new_secret, secret_digest

TOKEN_PREFIX = "labora_"  # noqa: S105 - marks tokens for secret scanners, is none itself
TOUCH_EVERY = timedelta(minutes=5)


class ApiTokens(AccountsBase):
    """Makes, reads and revokes API tokens."""

    async def make_token(
        self, principal: Principal, *, label: str, scopes: list[str], expires_days: int | None
    ) -> tuple[ApiToken, str]:
        """Returns a new token and its secret, shown once. A token cannot make tokens."""
        account_id = account_of(principal)
        if principal.token_id is not None:
            raise ForbiddenError("A token cannot make tokens. Sign in with a password.", code="token_forbidden")
        allowed = (Scope.READ, Scope.WRITE, Scope.RUN)
        wanted = [scope.value for scope in allowed if scope.value in scopes]
        if not wanted or set(scopes) - {scope.value for scope in allowed}:
            raise InvalidError("Choose scopes among read, write and run.", code="bad_scope")
        secret, now = TOKEN_PREFIX + new_secret(), self._clock.now()
        expires = timestamp(now + timedelta(days=expires_days)) if expires_days else None
        token = ApiToken(new_id(), clean_text(label, "label", 120), tuple(wanted), timestamp(now), None, expires)
        async with self._database.transaction() as connection:
            row = {
                "id": token.id,
                "account_id": account_id,
                "label": token.label,
                "secret_sha256": secret_digest(secret),
                "scopes": " ".join(wanted),
                "created_at": token.created_at,
                "expires_at": expires,
            }
            await store.add_token(connection, row)
            await self._audit(connection, account_id, "token.made", token.id, {"scopes": wanted})
        return token, secret

    async def tokens(self, principal: Principal) -> list[ApiToken]:
        """Returns the account's tokens without their secrets."""
        async with self._database.read() as connection:
            return await store.tokens_of(connection, account_of(principal))

    async def revoke_token(self, principal: Principal, token_id: str) -> None:
        """Ends a token of the account. Raises NotFoundError."""
        account_id = account_of(principal)
        async with self._database.transaction() as connection:
            if not await store.drop_tokens(connection, account_id, only=token_id):
                raise NotFoundError("There is no such token.")
            await self._audit(connection, account_id, "token.revoked", token_id)
        await self._tell(Revocation(account_id, token_id=token_id))

    async def principal_of_token(self, secret: str) -> Principal | None:
        """Returns who holds this API token, limited to its scopes, or None when it is dead."""
        now = self._clock.now()

        async def look(connection: AsyncConnection) -> tuple[ApiToken, Account, frozenset[str]] | None:
            found = await store.token(connection, secret_digest(secret), timestamp(now))
            return None if found is None else (*found, await groups_of(connection, found[1].id))

        found = await self._database.look(look)
        if found is None:
            return None
        token, account, groups = found
        if token.last_used_at is None or now - parse_timestamp(token.last_used_at) > TOUCH_EVERY:
            async with self._database.transaction() as connection:
                await store.touch_token(connection, token.id, timestamp(now))
        scopes = frozenset(Scope(scope) for scope in token.scopes) - {Scope.ACCOUNT}
        return Principal(
            account.id,
            account.name,
            account.is_owner,
            scopes,
            token_id=token.id,
            group_ids=groups,
            color=account.color,
        )

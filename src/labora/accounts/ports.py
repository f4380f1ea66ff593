"""What accounts ask of other rooms."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection


class OnAccountMade(Protocol):
    """Prepares what a new account needs, in the transaction that makes it."""

    async def __call__(self, connection: AsyncConnection, account_id: str) -> None:
        """Called once, before the account is visible."""
        ...

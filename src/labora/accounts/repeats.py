"""Requests that name themselves by a key, so that sending them again does nothing again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update

from labora.base.clock import Clock, SystemClock, timestamp
from labora.base.errors import ConflictError
from labora.db import Database
from labora.db.schema import idempotency_keys as keys

KEPT = timedelta(hours=24)
"""So long a key stands for its request."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a request was answered, and the SHA-256 of the request."""

    request_sha256: str
    status: int
    body: Any


class Repeats:
    """Remembers what was answered under which key of which account.

    Args:
        database: keeps the answers.
        clock: for tests.
    """

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database, self._clock = database, clock or SystemClock()

    async def claim(self, account_id: str, key: str) -> Answered | None:
        """Takes a key for a request that begins now, and returns None; or returns what it was answered before.

        Raises ConflictError, ``request_unfinished``, while a request with this key is being done, and for good when
        the server stopped over it: what it did is not known.
        """
        now = self._clock.now()
        async with self._database.transaction() as connection:
            await connection.execute(delete(keys).where(keys.c.created_at < timestamp(now - KEPT)))
            query = select(keys).where(keys.c.account_id == account_id, keys.c.key == key)
            known = (await connection.execute(query)).one_or_none()
            if known is None:
                row = {"account_id": account_id, "key": key, "request_sha256": "", "created_at": timestamp(now)}
                await connection.execute(insert(keys).values(**row))
                return None
        if known.status is None:
            raise ConflictError(
                "A request with this Idempotency-Key is being done, or was when the server stopped. Look whether it is "
                "done before you send it with another key.",
                code="request_unfinished",
            )
        return Answered(known.request_sha256, known.status, known.body)

    async def settle(self, account_id: str, key: str, answered: Answered) -> None:
        """Keeps the answer of the request that claimed the key."""
        values = {"request_sha256": answered.request_sha256, "status": answered.status, "body": answered.body}
        async with self._database.transaction() as connection:
            await connection.execute(
                update(keys).where(keys.c.account_id == account_id, keys.c.key == key).values(**values)
            )

    async def release(self, account_id: str, key: str) -> None:
        """Gives a key back whose request did nothing."""
        async with self._database.transaction() as connection:
            await connection.execute(
                delete(keys).where(keys.c.account_id == account_id, keys.c.key == key, keys.c.status.is_(None))
            )

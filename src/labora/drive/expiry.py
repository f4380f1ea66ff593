"""Ends what hangs on permissions when they expire: the rules of access ignore them, open sockets have to be told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select

from labora.base.clock import parse_timestamp
from labora.base.logging import get_logger
from labora.db.schema import permissions
from labora.drive.base import DriveContext

EXPIRES = "permission.expires"
"""Topic under which the end of a permission is noted."""
LONGEST_S = 600.0
"""A clock that is set, or another process that writes, is noticed after this time at the latest."""

_log = get_logger("drive")


class Expiry:
    """Sleeps until the next permission ends and then says whose rights changed."""

    def __init__(self, context: DriveContext) -> None:
        self._context = context
        self._changed = asyncio.Event()
        self._seen = context.now()
        context.database.on_committed(EXPIRES, self._wake)

    def _wake(self, _moments: Sequence[Any]) -> None:
        self._changed.set()

    async def run(self) -> None:
        """Runs until it is cancelled."""
        while True:
            self._changed.clear()
            try:
                wait = await self.pass_on()
            except Exception:  # noqa: BLE001 - it tries again
                _log.exception("expiry_failed")
                wait = 5.0
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def pass_on(self) -> float:
        """Tells the live side what expired since the last call; returns the seconds to the next end."""
        context = self._context
        now = context.now()
        over = permissions.c.expires_at > self._seen, permissions.c.expires_at <= now
        async with context.database.read() as connection:
            ended = list((await connection.execute(select(permissions.c.file_id).where(*over))).scalars())
            coming = await connection.scalar(
                select(func.min(permissions.c.expires_at)).where(permissions.c.expires_at > now)
            )
        if ended:
            await context.live.rights_changed(ended)
        # Only now: where that failed, it is told again.
        self._seen = now
        if coming is None:
            return LONGEST_S
        return min(LONGEST_S, max(0.0, (parse_timestamp(coming) - context.clock.now()).total_seconds()) + 0.02)

"""The reading side of notices: lists, what is unread, and whoever wants to know at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Principal, access_rows
from labora.base.clock import timestamp
from labora.base.errors import InvalidError
from labora.db.schema import access_requests, accounts, files, notifications
from labora.drive.base import DriveContext, account_of
from labora.drive.model import Person
from labora.drive.notices import TOLD

MAX_PAGE = 100
KEEP_DAYS = 180


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that an account was told.

    Attributes:
        file_name: None where the account may not read the item (any more). kind of the file likewise.
        answered: of a request for access, whether somebody answered it.
    """

    id: str
    kind: str
    actor: Person | None
    file_id: str | None
    file_name: str | None
    file_kind: str | None
    details: Mapping[str, Any]
    created_at: str
    read: bool
    answered: bool | None = None


@dataclass(frozen=True, slots=True)
class NoticePage:
    """One page of notices, newest first, the token of the next, and how many are unread in all."""

    notices: list[Notice]
    next_page_token: str | None
    unread: int


class Notifications:
    """What accounts are told."""

    def __init__(self, context: DriveContext) -> None:
        self._context = context
        self._watchers: dict[str, set[asyncio.Event]] = {}
        context.database.on_committed(TOLD, self._told)

    def _told(self, told: Sequence[Sequence[str]]) -> None:
        for account_ids in told:
            for account_id in account_ids:
                self.poke(account_id)

    def poke(self, account_id: str) -> None:
        """Wakes those who watch an account's notices."""
        for event in self._watchers.get(account_id, ()):
            event.set()

    @contextlib.contextmanager
    def watching(self, account_id: str) -> Iterator[asyncio.Event]:
        """Gives an event that is set whenever something about the account's notices changes."""
        event = asyncio.Event()
        watchers = self._watchers.setdefault(account_id, set())
        watchers.add(event)
        try:
            yield event
        finally:
            watchers.discard(event)
            if not watchers:
                self._watchers.pop(account_id, None)

    async def unread(self, account_id: str) -> int:
        """Returns how many notices an account has not read."""
        async with self._context.database.read() as connection:
            return await _unread(connection, account_id)

    async def page(
        self, principal: Principal, *, page_token: str | None = None, page_size: int = 30, unread_only: bool = False
    ) -> NoticePage:
        """Returns one page. Raises InvalidError for a token that this did not give."""
        account_id, size = account_of(principal), max(1, min(page_size, MAX_PAGE))
        conditions = [notifications.c.account_id == account_id]
        if unread_only:
            conditions.append(notifications.c.read_at.is_(None))
        if page_token:
            at, _, last = page_token.partition("_")
            if not at or not last:
                raise InvalidError(
                    "This pageToken is not of this list. Start again without one.", code="bad_page_token"
                )
            before = and_(notifications.c.created_at == at, notifications.c.id > last)
            conditions.append(or_(notifications.c.created_at < at, before))
        query = (
            select(notifications, accounts.c.name, accounts.c.color, access_requests.c.decided_at)
            .join(accounts, accounts.c.id == notifications.c.actor_id, isouter=True)
            .join(access_requests, access_requests.c.id == _request_id, isouter=True)
            .where(*conditions)
            .order_by(notifications.c.created_at.desc(), notifications.c.id)
            .limit(size + 1)
        )
        async with self._context.database.read() as connection:
            rows = (await connection.execute(query)).all()
            shown = await self._readable(connection, principal, {row.file_id for row in rows if row.file_id})
            unread = await _unread(connection, account_id)
        notices = [_notice(row, shown.get(row.file_id or "")) for row in rows[:size]]
        more = f"{notices[-1].created_at}_{notices[-1].id}" if len(rows) > size else None
        return NoticePage(notices, more, unread)

    async def mark_read(self, principal: Principal, ids: Sequence[str] | None) -> int:
        """Marks notices of the account as read, all with None; returns how many are unread then."""
        account_id = account_of(principal)
        mine = [notifications.c.account_id == account_id, notifications.c.read_at.is_(None)]
        if ids is not None:
            mine.append(notifications.c.id.in_(list(ids)))
        async with self._context.database.transaction() as connection:
            await connection.execute(update(notifications).where(*mine).values(read_at=self._context.now()))
            unread = await _unread(connection, account_id)
        self.poke(account_id)
        return unread

    async def tidy(self) -> None:
        """Deletes what accounts were told half a year ago."""
        before = timestamp(self._context.clock.now() - timedelta(days=KEEP_DAYS))
        async with self._context.database.transaction() as connection:
            await connection.execute(delete(notifications).where(notifications.c.created_at < before))

    async def _readable(
        self, connection: AsyncConnection, principal: Principal, ids: set[str]
    ) -> dict[str, Mapping[str, Any]]:
        query = select(files).where(files.c.id.in_(sorted(ids)))
        rows = [dict(row) for row in (await connection.execute(query)).mappings()]
        found = await access_rows(connection, principal, rows, now=self._context.clock.now())
        return {one.file_id: one.file for one in found}


_request_id = notifications.c.details["request_id"].as_string()


async def _unread(connection: AsyncConnection, account_id: str) -> int:
    query = select(func.count()).where(notifications.c.account_id == account_id, notifications.c.read_at.is_(None))
    return int(await connection.scalar(query) or 0)


def _notice(row: Any, file: Mapping[str, Any] | None) -> Notice:
    return Notice(
        id=row.id,
        kind=row.kind,
        actor=Person(row.actor_id, row.name, row.color) if row.actor_id and row.name else None,
        file_id=row.file_id,
        file_name=str(file["name"]) if file else None,
        file_kind=str(file["kind"]) if file else None,
        # The beginning of a comment is content: only for who may still read it.
        details=row.details if file else {key: value for key, value in row.details.items() if key != "text"},
        created_at=row.created_at,
        read=row.read_at is not None,
        answered=row.decided_at is not None if row.kind == "access_requested" else None,
    )

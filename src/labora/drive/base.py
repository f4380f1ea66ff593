"""What every verb of the drive stands on."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Ability, FileAccess, Principal, access_file, access_rows, no_such_file
from labora.base.clock import Clock, SystemClock, timestamp
from labora.base.errors import NotFoundError, UnauthenticatedError
from labora.base.settings import DriveSettings
from labora.db import Database
from labora.db.schema import audit_log
from labora.drive import store
from labora.drive.model import ROOT, FileView
from labora.drive.ports import Inviting, LiveNotebooks, NoLiveNotebooks
from labora.drive.quota import Quotas
from labora.drive.search.ports import SearchIndex
from labora.drive.shortcuts import targets_of

T = TypeVar("T")


class DriveContext:
    """Database, clock and the live side, shared by the parts of the drive.

    Attributes:
        live: the live side of notebooks; rooms put themselves here once at start.
        index: the full-text index, where there is one.
        quotas: what accounts keep and may keep.
        after_root: called with the account id after its My Drive was made.
        inviting: invites people without an account; None where that is left to the owner of the server.
    """

    def __init__(self, database: Database, clock: Clock | None = None, rules: DriveSettings | None = None) -> None:
        self.database = database
        self.clock = clock or SystemClock()
        self.quotas = Quotas(database, rules or DriveSettings(), self.clock)
        self.live: LiveNotebooks = NoLiveNotebooks()
        self.index: SearchIndex | None = None
        # Accounts whose My Drive was seen: it never goes away.
        self._rooted: set[str] = set()
        self.after_root: Callable[[str], Awaitable[None]] | None = None
        self.inviting: Inviting | None = None

    def now(self) -> str:
        """Returns the current time as it is stored."""
        return timestamp(self.clock.now())

    async def access(
        self, connection: AsyncConnection, principal: Principal, file_id: str, ability: Ability = Ability.READ
    ) -> FileAccess:
        """Returns the file through the one door; ``root`` stands for the asker's own My Drive."""
        if file_id == ROOT:
            root = await store.root_of(connection, account_of(principal))
            if root is None:
                raise no_such_file()
            file_id = root["id"]
        return await access_file(connection, principal, file_id, ability, now=self.clock.now())

    async def readable(self, connection: AsyncConnection, principal: Principal, named: Iterable[str]) -> dict[str, str]:
        """Returns the ids of those of the named items that may be read, by the name that was given."""
        found = {}
        for name in named:
            with contextlib.suppress(NotFoundError):
                found[name] = (await self.access(connection, principal, name)).file_id
        return found

    async def view(self, connection: AsyncConnection, access: FileAccess) -> FileView:
        """Returns one file as its principal sees it."""
        return (await self.views(connection, access.principal, [access]))[0]

    async def views(
        self, connection: AsyncConnection, principal: Principal, accesses: Sequence[FileAccess]
    ) -> list[FileView]:
        """Returns files as a principal sees them: people by name, parents only where they may be read."""
        ids = {str(access.file[key]) for access in accesses for key in ("owner_id", "modified_by") if access.file[key]}
        people = await store.people(connection, ids)
        parents = await self._readable_parents(connection, principal, accesses)
        recents = await store.recents_of(connection, principal.account_id, [access.file_id for access in accesses])
        targets = await targets_of(connection, principal, accesses, self.clock)
        found = []
        for access in accesses:
            row, recent = access.file, recents.get(access.file_id)
            found.append(
                FileView(
                    access,
                    owner=people[row["owner_id"]],
                    modified_by=people.get(row["modified_by"] or ""),
                    parent_id=row["parent_id"] if row["parent_id"] in parents else None,
                    starred=bool(recent and recent.starred),
                    opened_at=(recent.opened_at or None) if recent else None,
                    target=targets.get(access.file_id),
                )
            )
        return found

    async def _readable_parents(
        self, connection: AsyncConnection, principal: Principal, accesses: Sequence[FileAccess]
    ) -> set[str]:
        rows = await store.rows_of(connection, {str(access.file["parent_id"]) for access in accesses})
        return {found.file_id for found in await access_rows(connection, principal, rows, now=self.clock.now())}

    async def look(self, principal: Principal, work: Callable[[AsyncConnection], Coroutine[Any, Any, T]]) -> T:
        """Runs a few queries in one trip, for a principal whose My Drive exists; see :meth:`Database.look`."""
        await self.ensure_root(principal)
        return await self.database.look(work)

    @asynccontextmanager
    async def reading(self, principal: Principal, *, full_text: bool = False) -> AsyncIterator[AsyncConnection]:
        """Opens a reading transaction for a principal whose My Drive exists; with ``full_text`` over the index too."""
        await self.ensure_root(principal)
        reading = self.index.reading() if full_text and self.index is not None else self.database.read()
        async with reading as connection:
            yield connection

    @asynccontextmanager
    async def writing(self, principal: Principal) -> AsyncIterator[AsyncConnection]:
        """Opens a writing transaction for a principal whose My Drive exists."""
        await self.ensure_root(principal)
        async with self.database.transaction() as connection:
            yield connection

    async def ensure_root(self, principal: Principal) -> None:
        """Makes the principal's My Drive when it is missing (a new account, or a crash right after making one)."""
        if principal.account_id is None:
            return
        if principal.account_id in self._rooted:
            return
        async with self.database.read() as connection:
            if await store.root_of(connection, principal.account_id):
                self._rooted.add(principal.account_id)
                return
        async with self.database.transaction() as connection:
            if await store.root_of(connection, principal.account_id):
                return
            await store.add_root(connection, principal.account_id, self.now())
        if self.after_root is not None:
            await self.after_root(principal.account_id)

    async def audit(
        self,
        connection: AsyncConnection,
        principal: Principal,
        action: str,
        file_id: str,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes an audit row."""
        row = {"at": self.now(), "actor_id": principal.account_id, "action": action, "object_id": file_id}
        await connection.execute(insert(audit_log).values(details=dict(details or {}), **row))


def account_of(principal: Principal) -> str:
    """Returns the account id. Raises UnauthenticatedError for somebody who is not signed in."""
    if principal.account_id is None:
        raise UnauthenticatedError("Sign in first.")
    return principal.account_id

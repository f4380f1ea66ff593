"""Requests for access: of somebody who has a link to an item and may not do with it what they want."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Ability, Principal, Role, access_rows
from labora.base.errors import ConflictError, InvalidError, NotFoundError
from labora.base.ids import new_id
from labora.db.schema import access_requests, accounts
from labora.drive import store
from labora.drive.base import DriveContext, account_of
from labora.drive.model import Person
from labora.drive.notices import NoticeKind, tell
from labora.drive.pace import Pace
from labora.drive.permissions import all_permissions
from labora.drive.sharing import Sharing

MESSAGE_LENGTH = 1000
PER_HOUR = 20


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """Somebody's wish for a role on an item; ``decided_at`` and ``granted_role`` once it was answered."""

    id: str
    account: Person
    login: str
    role: Role
    message: str
    created_at: str
    decided_at: str | None
    granted_role: Role | None


class Requests:
    """Asks for access and answers such wishes.

    Args:
        sharing: gives the roles.
    """

    def __init__(self, context: DriveContext, sharing: Sharing) -> None:
        self._context = context
        self._sharing = sharing
        self._pace = Pace(
            context.clock, PER_HOUR, 3600.0, "You asked for access very often. Wait a while, then try again."
        )

    async def ask(self, principal: Principal, file_id: str, role: Role, message: str = "") -> None:
        """Asks for a role on an item. Does the same, as far as the asker can tell, where there is no such item.

        A second wish replaces the first while nobody has answered it. Raises RateLimitedError.
        """
        account_id = account_of(principal)
        if role == Role.OWNER:
            raise InvalidError("Ask to view, comment or edit.", code="bad_role")
        if len(message) > MESSAGE_LENGTH:
            raise InvalidError(f"The message is longer than {MESSAGE_LENGTH} characters.", code="message_too_long")
        self._pace.take(account_id)
        async with self._context.writing(principal) as connection:
            row = await store.row_of(connection, file_id)
            if row is None or row["parent_id"] is None or row["trashed_at"] or row["ancestor_trashed_at"]:
                return
            now = self._context.clock.now()
            held = await access_rows(connection, principal, [row], now=now)
            if held and held[0].role.rank >= role.rank:
                return
            await self._keep(connection, account_id, row, role, message)

    async def _keep(
        self, connection: AsyncConnection, account_id: str, row: dict[str, object], role: Role, message: str
    ) -> None:
        now, file_id = self._context.now(), str(row["id"])
        values = {"role": role, "message": message, "created_at": now}
        waiting = await connection.scalar(
            select(access_requests.c.id).where(
                access_requests.c.file_id == file_id,
                access_requests.c.account_id == account_id,
                access_requests.c.decided_at.is_(None),
            )
        )
        if waiting:
            await connection.execute(update(access_requests).where(access_requests.c.id == waiting).values(**values))
            return
        request_id = new_id()
        await connection.execute(
            insert(access_requests).values(id=request_id, file_id=file_id, account_id=account_id, **values)
        )
        await tell(
            connection,
            await self._deciders(connection, row),
            NoticeKind.ACCESS_REQUESTED,
            actor_id=account_id,
            file_id=file_id,
            details={"request_id": request_id, "role": role, "message": message},
            now=now,
        )

    async def _deciders(self, connection: AsyncConnection, row: dict[str, object]) -> set[str]:
        """Returns the owner and the editors by name, where those may share."""
        owner = Principal(str(row["owner_id"]))
        (access,) = await access_rows(connection, owner, [row], now=self._context.clock.now())
        named = await all_permissions(self._context, connection, access)
        editors = [Principal(one.account.id) for one in named if one.account and one.role == Role.EDITOR]
        found = {str(row["owner_id"])}
        for editor in editors:
            held = await access_rows(connection, editor, [row], now=self._context.clock.now())
            found |= {str(editor.account_id)} if held and held[0].allows(Ability.SHARE) else set()
        return found

    async def waiting(self, principal: Principal, file_id: str) -> list[AccessRequest]:
        """Returns the wishes that nobody has answered, oldest first. Needs ``share``."""
        async with self._context.reading(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.SHARE)
            return [request for request in await _requests(connection, access.file_id) if request.decided_at is None]

    async def decide(self, principal: Principal, file_id: str, request_id: str, role: Role | None) -> AccessRequest:
        """Gives a role, or refuses with None, and tells who asked. Needs ``share``.

        Raises NotFoundError, ConflictError when somebody else answered meanwhile.
        """
        if role == Role.OWNER:
            raise InvalidError("Ownership is passed on by a transfer.", code="bad_role")
        async with self._context.writing(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.SHARE)
            found = {one.id: one for one in await _requests(connection, access.file_id)}.get(request_id)
            if found is None:
                raise NotFoundError("There is no such request.", code="no_such_request")
            if found.decided_at is not None:
                raise ConflictError("Somebody answered this request already.", code="already_decided")
            now = self._context.now()
            if role is not None:
                await self._sharing.give(connection, principal, access, found.account.id, role)
            decided = {"decided_at": now, "decided_by": principal.account_id, "granted_role": role}
            await connection.execute(
                update(access_requests).where(access_requests.c.id == request_id).values(**decided)
            )
            await tell(
                connection,
                [found.account.id],
                NoticeKind.ACCESS_REFUSED if role is None else NoticeKind.ACCESS_GRANTED,
                # Who is refused learns nothing about who may decide there.
                actor_id=None if role is None else principal.account_id,
                file_id=access.file_id,
                details={"role": role or found.role},
                now=now,
            )
        await self._context.live.rights_changed([access.file_id])
        return AccessRequest(
            found.id, found.account, found.login, found.role, found.message, found.created_at, now, role
        )


async def _requests(connection: AsyncConnection, file_id: str) -> list[AccessRequest]:
    query = (
        select(access_requests, accounts.c.name, accounts.c.login, accounts.c.color)
        .join(accounts, accounts.c.id == access_requests.c.account_id)
        .where(access_requests.c.file_id == file_id)
        .order_by(access_requests.c.created_at, access_requests.c.id)
    )
    return [
        AccessRequest(
            row.id,
            Person(row.account_id, row.name, row.color),
            row.login,
            Role(row.role),
            row.message,
            row.created_at,
            row.decided_at,
            Role(row.granted_role) if row.granted_role else None,
        )
        for row in await connection.execute(query)
    ]

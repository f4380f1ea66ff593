"""Sharing: permissions on items. One owner always: the file's own column, never a row that can be missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Ability, FileAccess, Principal, Role
from labora.base.clock import timestamp
from labora.base.errors import ConflictError, InvalidError
from labora.base.ids import new_id
from labora.db import note
from labora.db.schema import accounts, group_members, permissions, revisions
from labora.drive import store
from labora.drive.base import DriveContext, account_of
from labora.drive.expiry import EXPIRES
from labora.drive.letters import write_invitation
from labora.drive.model import Permission, SharingState
from labora.drive.notices import NoticeKind, tell
from labora.drive.pace import Pace
from labora.drive.permissions import OWNER_ID, all_permissions, own_permission
from labora.drive.recipients import Recipient, find_recipient

MESSAGE_LENGTH = 2000
LETTERS_PER_DAY = 100
"""To addresses, by one account: a server is no way to write to everybody."""
NOTICES_PER_DAY = 500
"""To accounts and groups, by one account."""
KEEP: Final = "keep"
"""Stands for an expiry that is not changed."""
Reach = Literal["restricted", "domain", "anyone"]


class Sharing:
    """Lists and changes who may do what with an item."""

    def __init__(self, context: DriveContext) -> None:
        self._context = context
        self._pace = Pace(
            context.clock, LETTERS_PER_DAY, 86_400.0, "You wrote to many e-mail addresses today. Go on tomorrow."
        )
        self._telling = Pace(
            context.clock, NOTICES_PER_DAY, 86_400.0, "You told many people today. Go on tomorrow, or without telling."
        )

    async def permissions(self, principal: Principal, file_id: str) -> list[Permission]:
        """Returns the owner and every permission, inherited ones too. Needs ``share``."""
        return (await self.state(principal, file_id)).permissions

    async def state(self, principal: Principal, file_id: str) -> SharingState:
        """Likewise, with what the owner says about sharing."""
        async with self._context.reading(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.SHARE)
            found = await all_permissions(self._context, connection, access)
            return SharingState(found, access.file["editors_share"], access.allows(Ability.TRANSFER))

    async def add(
        self,
        principal: Principal,
        file_id: str,
        *,
        role: Role,
        account_id: str | None = None,
        login: str | None = None,
        email: str | None = None,
        group_id: str | None = None,
        kind: str | None = None,
        expires_at: datetime | None = None,
        notify: bool = True,
        message: str = "",
    ) -> Permission:
        """Gives a role to a person, an address, a group, everybody signed in or anyone with the link.

        Needs ``share``; link sharing (``kind`` domain or anyone) needs ownership. Giving somebody another role changes
        the one they have. What is given to an address looks the same whether or not somebody with an account reads it.

        Args:
            notify: tells those it is given to, with ``message``.

        Raises NotFoundError with code ``no_such_account`` or ``no_such_group``.
        """
        if role == Role.OWNER:
            raise InvalidError("Ownership is passed on by a transfer, not added.", code="bad_role")
        if notify and kind not in {"domain", "anyone"}:
            (self._telling if email is None else self._pace).take(account_of(principal))
        if len(message) > MESSAGE_LENGTH:
            raise InvalidError(f"The message is longer than {MESSAGE_LENGTH} characters.", code="message_too_long")
        self._require_future(expires_at)
        async with self._context.writing(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.SHARE)
            to = await find_recipient(
                connection, account_id=account_id, login=login, email=email, group_id=group_id, kind=kind
            )
            if to.kind in {"domain", "anyone"}:
                access.require(Ability.TRANSFER)
            if to.account_id == access.file["owner_id"] and to.email is None:
                raise ConflictError("The owner has every right already.", code="is_owner")
            before = await self._present(connection, access, to)
            permission_id = await self._put(connection, principal, access, to, role, expires_at)
            # Who has it already is not told again.
            if notify and (before is None or before.role != role):
                await self._notify(connection, principal, access, to, role, message)
            permission = await own_permission(self._context, connection, access, permission_id)
        await self._context.live.rights_changed([access.file_id])
        return permission

    async def give(
        self, connection: AsyncConnection, principal: Principal, access: FileAccess, account_id: str, role: Role
    ) -> None:
        """Gives a person a role in the caller's transaction, who tells the live side afterwards; never takes one."""
        to = Recipient("person", account_id)
        before = await self._present(connection, access, to)
        if before is None or Role(before.role).rank < role.rank or before.expires_at is not None:
            best = role if before is None else max(role, Role(before.role), key=lambda one: one.rank)
            await self._put(connection, principal, access, to, best, None)

    async def _present(self, connection: AsyncConnection, access: FileAccess, to: Recipient) -> Row[Any] | None:
        query = select(permissions).where(permissions.c.file_id == access.file_id, *_same(to))
        return (await connection.execute(query)).first()

    async def _put(
        self,
        connection: AsyncConnection,
        principal: Principal,
        access: FileAccess,
        to: Recipient,
        role: Role,
        expires_at: datetime | None,
    ) -> str:
        expires = timestamp(expires_at) if expires_at else None
        before = await self._present(connection, access, to)
        present = None if before is None else before.id
        permission_id = present or new_id()
        if present:
            changed = update(permissions).where(permissions.c.id == present).values(role=role, expires_at=expires)
            await connection.execute(changed)
        else:
            row = {
                "id": permission_id,
                "file_id": access.file_id,
                "kind": to.kind,
                "account_id": to.account_id,
                "group_id": to.group_id,
                "email": to.email,
                "role": role,
                "created_by": account_of(principal),
                "created_at": self._context.now(),
                "expires_at": expires,
            }
            await connection.execute(insert(permissions).values(**row))
        if expires:
            note(connection, EXPIRES, expires)
        details = {"kind": to.kind, "account": to.account_id, "group": to.group_id, "email": to.email, "role": role}
        await self._context.audit(connection, principal, "permission.given", access.file_id, details)
        return permission_id

    async def _notify(
        self,
        connection: AsyncConnection,
        principal: Principal,
        access: FileAccess,
        to: Recipient,
        role: Role,
        message: str,
    ) -> None:
        people: Sequence[str] = [to.account_id] if to.account_id else []
        if to.group_id:
            members = select(group_members.c.account_id).where(group_members.c.group_id == to.group_id)
            people = (await connection.execute(members)).scalars().all()
        people = [one for one in people if one != access.file["owner_id"]]
        now, details = self._context.now(), {"role": role, "message": message}
        await tell(
            connection,
            people,
            NoticeKind.SHARED,
            actor_id=principal.account_id,
            file_id=access.file_id,
            details=details,
            now=now,
        )
        if to.email and not to.account_id:
            inviting = self._context.inviting
            invitation = await inviting(connection, principal, to.email) if inviting else None
            await write_invitation(
                connection,
                to.email,
                actor_id=principal.account_id,
                file_id=access.file_id,
                message=message,
                invitation=invitation,
                now=now,
            )

    async def change(
        self,
        principal: Principal,
        file_id: str,
        permission_id: str,
        role: Role | None = None,
        expires_at: datetime | Literal["keep"] | None = KEEP,
    ) -> Permission:
        """Changes role or expiry of a permission given on this item. Role ``owner`` transfers it to that person."""
        async with self._context.writing(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.SHARE)
            current = await own_permission(self._context, connection, access, permission_id)
            _require_own(current)
            if current.kind in {"domain", "anyone"}:
                access.require(Ability.TRANSFER)
            if role == Role.OWNER:
                await self._transfer(connection, principal, access, current)
                permission_id = OWNER_ID
            else:
                values: dict[str, Any] = {} if role is None else {"role": role}
                if expires_at != KEEP:
                    self._require_future(expires_at)
                    values["expires_at"] = timestamp(expires_at) if expires_at else None
                    note(connection, EXPIRES, values["expires_at"])
                if values:
                    changed = update(permissions).where(permissions.c.id == permission_id).values(**values)
                    await connection.execute(changed)
                details = {"permission": permission_id, **values}
                await self._context.audit(connection, principal, "permission.changed", access.file_id, details)
            row = await store.row_of(connection, access.file_id)
            access = FileAccess(row or access.file, principal, access.role, access.abilities)
            permission = await own_permission(self._context, connection, access, permission_id)
        await self._context.live.rights_changed([access.file_id])
        return permission

    async def _transfer(
        self, connection: AsyncConnection, principal: Principal, access: FileAccess, to: Permission
    ) -> None:
        """Makes a person the owner; the former owner stays as editor."""
        access.require(Ability.TRANSFER)
        if to.kind != "person" or to.account is None:
            raise InvalidError("Only a person with an account here can own an item.", code="bad_role")
        former = access.file["owner_id"]
        open_ = select(accounts.c.id).where(accounts.c.id == to.account.id, accounts.c.disabled_at.is_(None))
        if await connection.scalar(open_) is None:
            raise ConflictError("This account is closed and can own nothing new.", code="account_disabled")
        kept = select(revisions.c.sha256, func.max(revisions.c.size).label("size"))
        kept = kept.where(revisions.c.file_id == access.file_id).group_by(revisions.c.sha256)
        size = await connection.scalar(select(func.coalesce(func.sum(kept.subquery().c.size), 0)))
        await self._context.quotas.require(connection, to.account.id, int(size or 0))
        await connection.execute(delete(permissions).where(permissions.c.id == to.id))
        await store.bump(connection, access.file_id, {"owner_id": to.account.id})
        await self._put(connection, principal, access, Recipient("person", former), Role.EDITOR, None)
        details = {"from": former, "to": to.account.id}
        await self._context.audit(connection, principal, "file.transferred", access.file_id, details)
        await tell(
            connection,
            [to.account.id],
            NoticeKind.OWNER_CHANGED,
            actor_id=principal.account_id,
            file_id=access.file_id,
            details={},
            now=self._context.now(),
        )

    async def remove(self, principal: Principal, file_id: str, permission_id: str) -> None:
        """Takes a permission away. Everybody may give up their own; other removals need ``share``."""
        async with self._context.writing(principal) as connection:
            access = await self._context.access(connection, principal, file_id)
            current = await own_permission(self._context, connection, access, permission_id)
            row = (await connection.execute(select(permissions).where(permissions.c.id == permission_id))).first()
            if row is None or row.account_id is None or row.account_id != principal.account_id:
                access.require(Ability.SHARE)
            _require_own(current)
            if current.kind in {"domain", "anyone"}:
                access.require(Ability.TRANSFER)
            await connection.execute(delete(permissions).where(permissions.c.id == permission_id))
            details = {"permission": permission_id, "account": row.account_id if row else None}
            await self._context.audit(connection, principal, "permission.removed", access.file_id, details)
        await self._context.live.rights_changed([access.file_id])

    async def set_general(self, principal: Principal, file_id: str, reach: Reach, role: Role | None) -> SharingState:
        """Says who beside the named people may do what: nobody, everybody signed in, or anyone with the link.

        Needs ownership. What a folder above gives stays.
        """
        if (role is None) != (reach == "restricted") or role == Role.OWNER:
            raise InvalidError("Reach domain and anyone need a role; restricted takes none.", code="bad_role")
        async with self._context.writing(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.TRANSFER)
            other = permissions.c.file_id == access.file_id, permissions.c.kind.in_(["domain", "anyone"])
            await connection.execute(delete(permissions).where(*other, permissions.c.kind != reach))
            if role is not None:
                await self._put(connection, principal, access, Recipient(reach), role, None)
            else:
                await self._context.audit(connection, principal, "permission.restricted", access.file_id)
        await self._context.live.rights_changed([access.file_id])
        return await self.state(principal, file_id)

    async def set_editors_share(self, principal: Principal, file_id: str, *, allowed: bool) -> SharingState:
        """Says whether editors may share the item and, of a folder, what is in it. Needs ownership."""
        async with self._context.writing(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.TRANSFER)
            await store.bump(connection, access.file_id, {"editors_share": allowed})
            details = {"allowed": allowed}
            await self._context.audit(connection, principal, "sharing.editors", access.file_id, details)
        await self._context.live.rights_changed([access.file_id])
        return await self.state(principal, file_id)

    def _require_future(self, moment: datetime | None) -> None:
        if moment is not None and (moment.tzinfo is None or moment <= self._context.clock.now()):
            raise InvalidError("The end of a permission must lie ahead, with a time zone.", code="bad_expiry")


def _same(to: Recipient) -> list[ColumnElement[bool]]:
    """Returns the condition for the permission that a recipient already has."""
    if to.email is not None:
        # Also where the account behind it has one under its name: the answer must not tell that it is the same.
        return [permissions.c.kind == "person", permissions.c.email == to.email]
    columns = ((permissions.c.account_id, to.account_id), (permissions.c.group_id, to.group_id))
    return [
        permissions.c.kind == to.kind,
        *(column.is_(None) if value is None else column == value for column, value in columns),
    ]


def _require_own(permission: Permission) -> None:
    if permission.id == OWNER_ID:
        raise ConflictError(
            "An item always has one owner. Make somebody else the owner instead.", code="owner_invariant"
        )
    if permission.inherited_from is not None:
        raise ConflictError(
            "This permission comes from a folder above. Change it there.",
            code="inherited",
            details={"folder_id": permission.inherited_from},
        )

"""Sharing: permissions on items. One owner always: the file's own column, never a row that can be missing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Ability, FileAccess, Principal, Role
from labora.access.rules import ancestors_of
from labora.base.clock import timestamp
from labora.base.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from labora.base.ids import new_id
from labora.db.schema import accounts, permissions
from labora.drive import store
from labora.drive.base import DriveContext, account_of
from labora.drive.model import Permission, Person

OWNER_ID = "owner"
"""Id of the owner's entry in a list of permissions; it is changed by a transfer, never removed."""

_KINDS = ("person", "domain", "anyone")


class Sharing:
    """Lists and changes who may do what with an item."""

    def __init__(self, context: DriveContext) -> None:
        self._context = context

    async def permissions(self, principal: Principal, file_id: str) -> list[Permission]:
        """Returns the owner and every permission, inherited ones too. Needs ``share``."""
        async with self._context.reading(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.SHARE)
            return await self._all(connection, access)

    async def _all(self, connection: AsyncConnection, access: FileAccess) -> list[Permission]:
        row = access.file
        owner = (await connection.execute(_PERSON.where(accounts.c.id == row["owner_id"]))).one()
        person = Person(owner.id, owner.name, owner.color)
        found = [Permission(OWNER_ID, "person", Role.OWNER, person, owner.login, None, None)]
        query = (
            select(permissions, accounts.c.name, accounts.c.login, accounts.c.color)
            .join(accounts, accounts.c.id == permissions.c.account_id, isouter=True)
            .where(permissions.c.file_id.in_([row["id"], *ancestors_of(row["path"])]))
            .order_by(permissions.c.created_at, permissions.c.id)
        )
        return found + [
            Permission(
                given.id,
                given.kind,
                Role(given.role),
                Person(given.account_id, given.name, given.color) if given.account_id else None,
                given.login,
                given.expires_at,
                None if given.file_id == row["id"] else given.file_id,
            )
            for given in await connection.execute(query)
        ]

    async def add(
        self,
        principal: Principal,
        file_id: str,
        *,
        role: Role,
        account_id: str | None = None,
        login: str | None = None,
        kind: str = "person",
        expires_at: datetime | None = None,
    ) -> Permission:
        """Gives a role to a person, to everybody signed in (``domain``) or to anyone with the link (``anyone``).

        Needs ``share``; link sharing needs ownership. Giving a person another role changes the one they have.

        Raises NotFoundError with code ``no_such_account``.
        """
        if role == Role.OWNER:
            raise InvalidError("Ownership is passed on by a transfer, not added.", code="bad_role")
        if kind not in _KINDS:
            raise InvalidError(f"kind is one of {', '.join(_KINDS)}.", code="bad_kind")
        async with self._context.writing(principal) as connection:
            access = await self._shareable(connection, principal, file_id)
            person = None
            if kind == "person":
                person = await _find_account(connection, account_id, login)
                if person == access.file["owner_id"]:
                    raise ConflictError("The owner has every right already.", code="is_owner")
            else:
                access.require(Ability.TRANSFER)
            permission_id = await self._put(connection, principal, access, kind, person, role, expires_at)
            permission = await self._one(connection, access, permission_id)
        await self._context.live.rights_changed([access.file_id])
        return permission

    async def _put(
        self,
        connection: AsyncConnection,
        principal: Principal,
        access: FileAccess,
        kind: str,
        person: str | None,
        role: Role,
        expires_at: datetime | None,
    ) -> str:
        expires = timestamp(expires_at) if expires_at else None
        present = await connection.scalar(
            select(permissions.c.id).where(
                permissions.c.file_id == access.file_id,
                permissions.c.kind == kind,
                permissions.c.account_id.is_(person) if person is None else permissions.c.account_id == person,
            )
        )
        permission_id = present or new_id()
        if present:
            changed = update(permissions).where(permissions.c.id == present).values(role=role, expires_at=expires)
            await connection.execute(changed)
        else:
            row = {
                "id": permission_id,
                "file_id": access.file_id,
                "kind": kind,
                "account_id": person,
                "role": role,
                "created_by": account_of(principal),
                "created_at": self._context.now(),
                "expires_at": expires,
            }
            await connection.execute(insert(permissions).values(**row))
        details = {"kind": kind, "account": person, "role": role}
        await self._context.audit(connection, principal, "permission.given", access.file_id, details)
        return permission_id

    async def change(self, principal: Principal, file_id: str, permission_id: str, role: Role) -> Permission:
        """Changes the role of a permission given on this item. Role ``owner`` transfers the item to that person."""
        async with self._context.writing(principal) as connection:
            access = await self._shareable(connection, principal, file_id)
            current = await self._one(connection, access, permission_id)
            self._require_own(current)
            if current.kind != "person":
                access.require(Ability.TRANSFER)
            if role == Role.OWNER:
                await self._transfer(connection, principal, access, current)
                permission_id = OWNER_ID
            else:
                changed = update(permissions).where(permissions.c.id == permission_id).values(role=role)
                await connection.execute(changed)
                details = {"permission": permission_id, "role": role}
                await self._context.audit(connection, principal, "permission.changed", access.file_id, details)
            row = await store.row_of(connection, access.file_id)
            access = FileAccess(row or access.file, principal, access.role, access.abilities)
            permission = await self._one(connection, access, permission_id)
        await self._context.live.rights_changed([access.file_id])
        return permission

    async def _transfer(
        self, connection: AsyncConnection, principal: Principal, access: FileAccess, to: Permission
    ) -> None:
        """Makes a person the owner; the former owner stays as editor."""
        access.require(Ability.TRANSFER)
        if to.kind != "person" or to.account is None:
            raise InvalidError("Only a person can own an item.", code="bad_role")
        former = access.file["owner_id"]
        await connection.execute(delete(permissions).where(permissions.c.id == to.id))
        await store.bump(connection, access.file_id, {"owner_id": to.account.id})
        await self._put(connection, principal, access, "person", former, Role.EDITOR, None)
        details = {"from": former, "to": to.account.id}
        await self._context.audit(connection, principal, "file.transferred", access.file_id, details)

    async def remove(self, principal: Principal, file_id: str, permission_id: str) -> None:
        """Takes a permission away. Everybody may give up their own; other removals need ``share``."""
        async with self._context.writing(principal) as connection:
            access = await self._context.access(connection, principal, file_id)
            current = await self._one(connection, access, permission_id)
            own = current.account is not None and current.account.id == principal.account_id
            if not own:
                access.require(Ability.SHARE)
            self._require_own(current)
            if current.kind != "person":
                access.require(Ability.TRANSFER)
            await connection.execute(delete(permissions).where(permissions.c.id == permission_id))
            details = {"permission": permission_id, "account": current.account.id if current.account else None}
            await self._context.audit(connection, principal, "permission.removed", access.file_id, details)
        await self._context.live.rights_changed([access.file_id])

    async def _shareable(self, connection: AsyncConnection, principal: Principal, file_id: str) -> FileAccess:
        access = await self._context.access(connection, principal, file_id, Ability.SHARE)
        if access.file["settings"].get("owner_shares_only") and access.role != Role.OWNER:
            raise ForbiddenError("The owner keeps sharing of this item to themselves.", code="owner_shares_only")
        return access

    async def _one(self, connection: AsyncConnection, access: FileAccess, permission_id: str) -> Permission:
        for permission in await self._all(connection, access):
            if permission.id == permission_id:
                return permission
        raise NotFoundError("There is no such permission on this item.", code="no_such_permission")

    @staticmethod
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


_PERSON = select(accounts.c.id, accounts.c.name, accounts.c.login, accounts.c.color)


async def _find_account(connection: AsyncConnection, account_id: str | None, login: str | None) -> str:
    if (account_id is None) == (login is None):
        raise InvalidError("Name the person by account_id or by login.", code="bad_person")
    query = select(accounts.c.id).where(accounts.c.disabled_at.is_(None))
    if account_id is not None:
        query = query.where(accounts.c.id == account_id)
    else:
        query = query.where(accounts.c.login == (login or "").strip().lower())
    found = await connection.scalar(query)
    if found is None:
        raise NotFoundError(
            "Nobody with an account here goes by this name. The owner of this server can invite them.",
            code="no_such_account",
        )
    return str(found)

"""Groups: accounts that things are shared with together. The owner of the server makes them, managers fill them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Principal
from labora.accounts.base import AccountsBase, OnGroupChanged, clean_text
from labora.base.errors import ConflictError, ForbiddenError, NotFoundError
from labora.base.ids import new_id
from labora.base.text import folded
from labora.db.schema import accounts, group_members, groups, permissions, runtime_policies

NAME_LENGTH = 120


@dataclass(frozen=True, slots=True)
class Group:
    """A group as somebody sees it; ``manages`` says whether they may change it."""

    id: str
    name: str
    members: int
    member: bool
    manages: bool


@dataclass(frozen=True, slots=True)
class Member:
    """An account in a group."""

    id: str
    name: str
    login: str
    color: int
    is_manager: bool


class Groups(AccountsBase):
    """Verbs of groups."""

    def on_group_changed(self, callback: OnGroupChanged) -> None:
        """Calls ``callback`` with the ids of files shared with a group after who belongs to it has changed."""
        self._group_changed.append(callback)

    async def groups(self, principal: Principal, text: str = "", limit: int = 200) -> list[Group]:
        """Returns groups whose name contains ``text``: everybody signed in may share with any of them."""
        condition = groups.c.folded_name.contains(folded(text.strip()), autoescape=True)
        async with self._database.read() as connection:
            return await _found(connection, principal, condition, limit)

    async def group(self, principal: Principal, group_id: str) -> tuple[Group, list[Member]]:
        """Returns a group with its members, for them and the owner of the server. Raises NotFoundError."""
        async with self._database.read() as connection:
            group = await self._group(connection, principal, group_id)
            if not (group.member or group.manages):
                raise NotFoundError("There is no such group, or you do not belong to it.", code="no_such_group")
            query = (
                select(accounts, group_members.c.is_manager)
                .join(group_members, group_members.c.account_id == accounts.c.id)
                .where(group_members.c.group_id == group_id)
                .order_by(accounts.c.folded_name, accounts.c.id)
            )
            rows = (await connection.execute(query)).all()
        return group, [Member(row.id, row.name, row.login, row.color, row.is_manager) for row in rows]

    async def make_group(self, principal: Principal, name: str) -> Group:
        """Makes an empty group. Only for the owner of the server. Raises ConflictError for a name that is taken."""
        self._require_owner(principal)
        name, group_id = clean_text(name, "name", NAME_LENGTH), new_id()
        async with self._database.transaction() as connection:
            await _require_free(connection, name)
            values = {"id": group_id, "name": name, "created_by": principal.account_id, "created_at": self._now()}
            await connection.execute(insert(groups).values(folded_name=folded(name), **values))
            await self._audit(connection, principal.account_id, "group.made", group_id, {"name": name})
            return await self._group(connection, principal, group_id)

    async def rename_group(self, principal: Principal, group_id: str, name: str) -> Group:
        """Renames a group. For its managers. Raises ConflictError for a name that is taken."""
        name = clean_text(name, "name", NAME_LENGTH)
        async with self._database.transaction() as connection:
            await self._managed(connection, principal, group_id)
            await _require_free(connection, name, group_id)
            changed = update(groups).where(groups.c.id == group_id)
            await connection.execute(changed.values(name=name, folded_name=folded(name)))
            await self._audit(connection, principal.account_id, "group.renamed", group_id, {"name": name})
            return await self._group(connection, principal, group_id)

    async def delete_group(self, principal: Principal, group_id: str) -> None:
        """Ends a group with everything that was given to it. Only for the owner of the server."""
        self._require_owner(principal)
        async with self._database.transaction() as connection:
            group = await self._group(connection, principal, group_id)
            shared = await _shared_with(connection, group_id)
            await connection.execute(delete(permissions).where(permissions.c.group_id == group_id))
            policies = delete(runtime_policies).where(runtime_policies.c.subject_kind == "group")
            await connection.execute(policies.where(runtime_policies.c.subject_id == group_id))
            await connection.execute(delete(groups).where(groups.c.id == group_id))
            await self._audit(connection, principal.account_id, "group.deleted", group_id, {"name": group.name})
        await self._tell_group_changed(shared)

    async def put_member(
        self, principal: Principal, group_id: str, account_id: str, *, is_manager: bool = False
    ) -> None:
        """Puts an account into a group, or changes whether it manages it. For managers. Raises NotFoundError."""
        async with self._database.transaction() as connection:
            await self._managed(connection, principal, group_id)
            known = await connection.scalar(select(accounts.c.id).where(accounts.c.id == account_id))
            if known is None:
                raise NotFoundError("There is no such account.", code="no_such_account")
            own = group_members.c.group_id == group_id, group_members.c.account_id == account_id
            if await connection.scalar(select(group_members.c.account_id).where(*own)):
                await connection.execute(update(group_members).where(*own).values(is_manager=is_manager))
            else:
                row = {"group_id": group_id, "account_id": account_id, "is_manager": is_manager}
                await connection.execute(insert(group_members).values(added_at=self._now(), **row))
            details = {"account": account_id, "manager": is_manager}
            await self._audit(connection, principal.account_id, "group.member_put", group_id, details)
            shared = await _shared_with(connection, group_id)
        await self._tell_group_changed(shared)

    async def remove_member(self, principal: Principal, group_id: str, account_id: str) -> None:
        """Takes an account out of a group. For managers; everybody may leave. Raises NotFoundError."""
        async with self._database.transaction() as connection:
            if account_id != principal.account_id:
                await self._managed(connection, principal, group_id)
            own = group_members.c.group_id == group_id, group_members.c.account_id == account_id
            if not (await connection.execute(delete(group_members).where(*own))).rowcount:
                raise NotFoundError("This account is not in the group.", code="no_such_member")
            await self._audit(
                connection, principal.account_id, "group.member_removed", group_id, {"account": account_id}
            )
            shared = await _shared_with(connection, group_id)
        await self._tell_group_changed(shared)

    async def _managed(self, connection: AsyncConnection, principal: Principal, group_id: str) -> Group:
        group = await self._group(connection, principal, group_id)
        if not group.manages:
            raise ForbiddenError("Only a manager of this group may change it.", code="not_manager")
        return group

    async def _group(self, connection: AsyncConnection, principal: Principal, group_id: str) -> Group:
        found = await _found(connection, principal, groups.c.id == group_id, 1)
        if not found:
            raise NotFoundError("There is no such group, or you do not belong to it.", code="no_such_group")
        return found[0]

    async def _tell_group_changed(self, file_ids: Sequence[str]) -> None:
        for callback in self._group_changed if file_ids else ():
            await callback(file_ids)


async def _found(
    connection: AsyncConnection, principal: Principal, condition: ColumnElement[bool], limit: int
) -> list[Group]:
    count = select(func.count()).where(group_members.c.group_id == groups.c.id).scalar_subquery()
    own = exists().where(group_members.c.group_id == groups.c.id, group_members.c.account_id == principal.account_id)
    manages = own.where(group_members.c.is_manager.is_(True))
    query = (
        select(groups.c.id, groups.c.name, count.label("members"), own.label("member"), manages.label("manages"))
        .where(condition)
        .order_by(groups.c.folded_name)
        .limit(limit)
    )
    return [
        Group(row.id, row.name, row.members, bool(row.member), bool(row.manages) or principal.is_owner)
        for row in await connection.execute(query)
    ]


async def _require_free(connection: AsyncConnection, name: str, own_id: str = "") -> None:
    taken = select(groups.c.id).where(groups.c.folded_name == folded(name), groups.c.id != own_id)
    if await connection.scalar(taken):
        raise ConflictError("There is a group of this name already. Choose another name.", code="name_taken")


async def _shared_with(connection: AsyncConnection, group_id: str) -> list[str]:
    query = select(permissions.c.file_id).where(permissions.c.group_id == group_id)
    return list((await connection.execute(query)).scalars())

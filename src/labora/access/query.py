"""The only door to a File: every query that decides who may see what.

Whoever may not read a file gets NotFoundError, exactly as for a file that does not exist, after the same queries.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access.model import Ability, FileAccess, Grant, Principal, Reach, Role
from labora.access.rules import abilities_of, ancestors_of, applies, effective_role
from labora.base.clock import parse_timestamp, timestamp
from labora.base.errors import NotFoundError
from labora.db.schema import files, group_members, permissions, playgrounds

_CHUNK = 500


def no_such_file() -> NotFoundError:
    """Returns the one error for a file that is not there and for one the asker may not know of."""
    return NotFoundError("There is no such item, or it was not shared with you.", code="no_such_file")


async def access_file(
    connection: AsyncConnection,
    principal: Principal,
    file_id: str,
    ability: Ability = Ability.READ,
    *,
    now: datetime | None = None,
) -> FileAccess:
    """Returns the file with what ``principal`` may do with it.

    Raises:
        NotFoundError: there is no such file, or ``principal`` may not read it.
        ForbiddenError: it may be read, but ``ability`` is not included.
    """
    row = (await connection.execute(select(files).where(files.c.id == file_id))).mappings().one_or_none()
    rows = [] if row is None else [dict(row)]
    accesses = await access_rows(connection, principal, rows, now=now)
    if not accesses:
        raise no_such_file()
    accesses[0].require(ability)
    return accesses[0]


async def access_rows(
    connection: AsyncConnection,
    principal: Principal,
    rows: Sequence[Mapping[str, Any]],
    *,
    now: datetime | None = None,
) -> list[FileAccess]:
    """Returns the rows of ``files`` that ``principal`` may read, in the given order, each with its abilities."""
    moment = now or datetime.now(UTC)
    ids = {row["id"] for row in rows}
    ancestors = {ancestor for row in rows for ancestor in ancestors_of(row["path"])}
    owners = await _owners(connection, ancestors)
    grants = await _grants(connection, ids | ancestors)
    kept = {row["id"] for row in rows if not row["editors_share"]} | {key for key, one in owners.items() if not one[1]}
    if any(grant.reach == Reach.GROUP for given in grants.values() for grant in given):
        # As they are now: a socket or a mount may hold a principal of long ago.
        principal = replace(principal, group_ids=await groups_of(connection, principal.account_id))
    bases = await _bases(connection, principal, [row["id"] for row in rows if is_playground(row)], moment)
    found = []
    for row in rows:
        playground = is_playground(row)
        if playground and row["id"] not in bases:
            continue
        above = ancestors_of(row["path"])
        given = [grant for file_id in (row["id"], *above) for grant in grants.get(file_id, ())]
        trashed = bool(row["trashed_at"] or row["ancestor_trashed_at"])
        role = effective_role(
            principal,
            owner_id=row["owner_id"],
            ancestor_owner_ids=[owners[ancestor][0] for ancestor in above if ancestor in owners],
            grants=given,
            now=moment,
            trashed=trashed,
        )
        if role is None:
            continue
        is_root = row["parent_id"] is None and not playground
        abilities = abilities_of(role, principal, trashed=trashed, is_root=is_root, is_playground=playground)
        owns_above = any(owners[ancestor][0] == principal.account_id for ancestor in above if ancestor in owners)
        if role != Role.OWNER and not (
            kept.isdisjoint((row["id"], *above)) and (owns_above or _lasts(given, principal, moment))
        ):
            abilities -= {Ability.SHARE}
        shared = any(grant.expires_at is None or grant.expires_at > moment for grant in given)
        found.append(FileAccess(dict(row), principal, role, abilities, shared, bases.get(row["id"])))
    return found


def _lasts(given: Sequence[Grant], principal: Principal, now: datetime) -> bool:
    """Returns whether somebody edits without an end: else they could take the end away from themselves."""
    return any(
        grant.role.rank >= Role.EDITOR.rank and grant.expires_at is None and applies(grant, principal, now)
        for grant in given
    )


def is_playground(row: Mapping[str, Any]) -> bool:
    """Returns whether a row of ``files`` is somebody's playground: a notebook that lies in no folder."""
    return row["parent_id"] is None and row["kind"] == "notebook"


async def _bases(
    connection: AsyncConnection, principal: Principal, ids: Sequence[str], now: datetime
) -> dict[str, Mapping[str, Any]]:
    """Returns, by playground, the notebook it was made from, as far as ``principal`` may still read that."""
    found: dict[str, Mapping[str, Any]] = {}
    for chunk in _chunks(ids):
        query = (
            select(files, playgrounds.c.file_id.label("playground"))
            .join(playgrounds, playgrounds.c.base_id == files.c.id)
            .where(playgrounds.c.file_id.in_(chunk))
        )
        rows = {row["playground"]: dict(row) for row in (await connection.execute(query)).mappings()}
        readable = await access_rows(connection, principal, list(rows.values()), now=now)
        open_ = {access.file_id: access.file for access in readable}
        found.update({key: open_[row["id"]] for key, row in rows.items() if row["id"] in open_})
    return found


async def groups_of(connection: AsyncConnection, account_id: str | None) -> frozenset[str]:
    """Returns the ids of the groups that an account belongs to."""
    if account_id is None:
        return frozenset()
    query = select(group_members.c.group_id).where(group_members.c.account_id == account_id)
    return frozenset((await connection.execute(query)).scalars())


async def _owners(connection: AsyncConnection, ids: Iterable[str]) -> dict[str, tuple[str, bool]]:
    """Returns the owner of each folder, and whether its editors may share what is in it."""
    owners: dict[str, tuple[str, bool]] = {}
    for chunk in _chunks(ids):
        query = select(files.c.id, files.c.owner_id, files.c.editors_share).where(files.c.id.in_(chunk))
        owners.update({row.id: (row.owner_id, row.editors_share) for row in await connection.execute(query)})
    return owners


async def _grants(
    connection: AsyncConnection, ids: Iterable[str], *, by_address: bool = True
) -> dict[str, list[Grant]]:
    grants: dict[str, list[Grant]] = defaultdict(list)
    for chunk in _chunks(ids):
        query = select(permissions).where(permissions.c.file_id.in_(chunk))
        if not by_address:
            query = query.where(permissions.c.email.is_(None))
        for row in await connection.execute(query):
            expires = parse_timestamp(row.expires_at) if row.expires_at else None
            grants[row.file_id].append(
                Grant(row.file_id, Reach(row.kind), Role(row.role), row.account_id, row.group_id, expires)
            )
    return grants


def _chunks(ids: Iterable[str]) -> Iterable[list[str]]:
    every = sorted(ids)
    return (every[start : start + _CHUNK] for start in range(0, len(every), _CHUNK))


def visible(principal: Principal, now: datetime, *, with_links: bool = False) -> ColumnElement[bool]:
    """Returns the condition on ``files`` that keeps what ``principal`` may read, for lists and search.

    It says the same as :func:`access_file`, but leaves out what is open to everybody by link unless ``with_links``:
    a link must be held, it is not listed.
    """
    if principal.account_id is None:
        return literal(value=False)
    # Every folder and file that opens a subtree: permissions to the principal, and own folders in other drives.
    # Few rows, asked of every file: made once, not looked up again and again.
    open_ = _open_subtrees(principal, now, with_links=with_links).cte("open_subtrees").prefix_with("MATERIALIZED")
    own_root = (
        select(files.c.path.concat(files.c.id).concat("/").label("prefix"))
        .where(files.c.owner_id == principal.account_id, files.c.parent_id.is_(None))
        .cte("own_root")
        .prefix_with("MATERIALIZED")
    )
    prefix_matches = func.substr(files.c.path, 1, func.length(open_.c.prefix)) == open_.c.prefix
    untrashed = and_(files.c.trashed_at.is_(None), files.c.ancestor_trashed_at.is_(None))
    foreign = _own_folders_elsewhere(principal).cte("own_folders_elsewhere").prefix_with("MATERIALIZED")
    return or_(
        files.c.owner_id == principal.account_id,
        exists().where(func.substr(files.c.path, 1, func.length(own_root.c.prefix)) == own_root.c.prefix),
        exists().where(func.substr(files.c.path, 1, func.length(foreign.c.prefix)) == foreign.c.prefix),
        and_(untrashed, exists().where(or_(open_.c.file_id == files.c.id, prefix_matches))),
    )


def _open_subtrees(principal: Principal, now: datetime, *, with_links: bool) -> Select[Any]:
    folder = files.alias("opened")
    own_groups = select(group_members.c.group_id).where(group_members.c.account_id == principal.account_id)
    reach = [
        and_(permissions.c.kind == Reach.PERSON, permissions.c.account_id == principal.account_id),
        and_(permissions.c.kind == Reach.GROUP, permissions.c.group_id.in_(own_groups)),
    ]
    if with_links:
        reach.append(permissions.c.kind.in_([Reach.DOMAIN, Reach.ANYONE]))
    return (
        select(permissions.c.file_id, folder.c.path.concat(folder.c.id).concat("/").label("prefix"))
        .join(folder, folder.c.id == permissions.c.file_id)
        .where(or_(*reach), or_(permissions.c.expires_at.is_(None), permissions.c.expires_at > timestamp(now)))
    )


def _own_folders_elsewhere(principal: Principal) -> Select[Any]:
    folder, top = files.alias("elsewhere"), files.alias("top")
    prefix = literal("/").concat(top.c.id).concat("/")
    inside_own_drive = exists().where(
        top.c.owner_id == principal.account_id,
        top.c.parent_id.is_(None),
        func.substr(folder.c.path, 1, func.length(prefix)) == prefix,
    )
    return select(folder.c.path.concat(folder.c.id).concat("/").label("prefix")).where(
        folder.c.owner_id == principal.account_id,
        folder.c.kind == "folder",
        folder.c.parent_id.is_not(None),
        not_(inside_own_drive),
    )

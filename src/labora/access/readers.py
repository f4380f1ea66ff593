"""Who of many may read one file: for lists of people, where :mod:`labora.access.query` asks for one at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access.model import Grant, Principal, Reach, Role
from labora.access.query import _grants, _owners
from labora.access.rules import ancestors_of, effective_role
from labora.db.schema import accounts, group_members

_CHUNK = 500


async def roles_on(
    connection: AsyncConnection,
    row: Mapping[str, Any],
    account_ids: Iterable[str],
    *,
    now: datetime | None = None,
    by_address: bool = True,
) -> dict[str, Role]:
    """Returns the roles that enabled accounts hold on the file of ``row``; who holds none is left out.

    Without ``by_address`` what was given to e-mail addresses does not count: whom they belong to is nobody's to know.
    """
    above = ancestors_of(row["path"])
    grants = await _grants(connection, {row["id"], *above}, by_address=by_address)
    given = [grant for found in grants.values() for grant in found]
    owners = [owner for owner, _ in (await _owners(connection, above)).values()]
    enabled, groups = await _enabled(connection, sorted(set(account_ids)))
    roles = {}
    for account_id in enabled:
        role = effective_role(
            Principal(account_id, group_ids=frozenset(groups[account_id])),
            owner_id=row["owner_id"],
            ancestor_owner_ids=owners,
            grants=given,
            now=now or datetime.now(UTC),
            trashed=bool(row["trashed_at"] or row["ancestor_trashed_at"]),
        )
        if role is not None:
            roles[account_id] = role
    return roles


async def named_on(connection: AsyncConnection, row: Mapping[str, Any], *, now: datetime) -> tuple[set[str], bool]:
    """Returns the accounts that the sharing of a file names, and whether everybody signed in may read it by a link.

    Addresses are not among them; see :func:`roles_on`.
    """
    above = ancestors_of(row["path"])
    found = await _grants(connection, {row["id"], *above}, by_address=False)
    given: list[Grant] = [grant for some in found.values() for grant in some]
    given = [grant for grant in given if grant.expires_at is None or grant.expires_at > now]
    people = {row["owner_id"], *(owner for owner, _ in (await _owners(connection, above)).values())}
    people |= {grant.account_id for grant in given if grant.account_id}
    groups = [grant.group_id for grant in given if grant.group_id]
    if groups:
        members = select(group_members.c.account_id).where(group_members.c.group_id.in_(groups)).limit(_CHUNK)
        people |= set((await connection.execute(members)).scalars())
    return people, any(grant.reach in (Reach.DOMAIN, Reach.ANYONE) for grant in given)


async def _enabled(connection: AsyncConnection, ids: list[str]) -> tuple[list[str], Mapping[str, list[str]]]:
    enabled: list[str] = []
    groups: dict[str, list[str]] = defaultdict(list)
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        query = select(accounts.c.id).where(accounts.c.id.in_(chunk), accounts.c.disabled_at.is_(None))
        enabled += (await connection.execute(query)).scalars()
        for row in await connection.execute(select(group_members).where(group_members.c.account_id.in_(chunk))):
            groups[row.account_id].append(row.group_id)
    return enabled, groups

"""What an account keeps and may keep.

What counts are the revisions of the files that the account owns, heads and old ones, in the trash too; the same bytes
count once. What a live notebook holds that no revision has yet does not count, and is never refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.base.clock import Clock, timestamp
from labora.base.errors import InvalidError, LaboraError
from labora.base.settings import DriveSettings
from labora.db import Database
from labora.db.schema import audit_log, files, group_members, kept_blobs, kept_bytes, quotas, revisions, uploads

SubjectKind = Literal["group", "account"]


class QuotaExceededError(LaboraError):
    """The owner of a file has no room for it; ``details`` tells ``limit``, ``used`` and ``wanted`` in bytes."""

    code, status = "quota_exceeded", 507


@dataclass(frozen=True, slots=True)
class Usage:
    """What an account keeps, in bytes; ``trash`` is what emptying its trash would free. ``limit`` None: no limit."""

    total: int
    trash: int
    limit: int | None


class Quotas:
    """Says what accounts keep, and refuses what they have no room for.

    Args:
        database: of the drive.
        rules: the limit where nothing else is set.
        clock: time.
    """

    def __init__(self, database: Database, rules: DriveSettings, clock: Clock) -> None:
        self._database, self._rules, self._clock = database, rules, clock

    async def usage(self, account_id: str) -> Usage:
        """Returns what an account keeps and may keep."""
        async with self._database.read() as connection:
            total = await _kept(connection, account_id)
            return Usage(total, await _in_trash(connection, account_id), await self.limit(connection, account_id))

    async def room(self, account_id: str) -> tuple[int, int] | None:
        """Returns the limit of an account and what of it is left, or None without a limit."""
        async with self._database.read() as connection:
            limit = await self.limit(connection, account_id)
            return None if limit is None else (limit, max(0, limit - await _kept(connection, account_id)))

    async def limit(self, connection: AsyncConnection, account_id: str) -> int | None:
        """Returns the limit of an account, None where there is none.

        Its own goes before those of its groups, of which the most generous counts, and these before the setting's.
        """
        mine = select(group_members.c.group_id).where(group_members.c.account_id == account_id)
        query = select(quotas.c.subject_kind, quotas.c.quota_bytes).where(
            or_(
                (quotas.c.subject_kind == "account") & (quotas.c.subject_id == account_id),
                (quotas.c.subject_kind == "group") & quotas.c.subject_id.in_(mine),
            )
        )
        rows = (await connection.execute(query)).all()
        for kind in ("account", "group"):
            found = [row.quota_bytes for row in rows if row.subject_kind == kind]
            if found:
                return None if None in found else max(found)
        return self._rules.quota_bytes

    async def require(
        self,
        connection: AsyncConnection,
        account_id: str,
        wanted: int,
        *,
        sha256: str | None = None,
        arriving: bool = False,
    ) -> None:
        """Raises QuotaExceededError where an account has no room for ``wanted`` more bytes.

        Args:
            sha256: of the bytes, where it is known: what the account keeps already costs nothing.
            arriving: what lies here of its unfinished uploads takes room too.
        """
        limit = await self.limit(connection, account_id)
        if limit is None or wanted <= 0:
            return
        used = await _kept(connection, account_id) + (await _arriving(connection, account_id) if arriving else 0)
        if used + wanted <= limit:
            return
        if sha256 is not None:
            mine = (kept_blobs.c.account_id == account_id) & (kept_blobs.c.sha256 == sha256)
            if await connection.scalar(select(kept_blobs.c.uses).where(mine)):
                return
        raise QuotaExceededError(
            "There is no room for this: the owner's storage is full. Delete files for ever, empty the trash, or ask "
            "the operator of this server for more.",
            details={"limit": limit, "used": used, "wanted": wanted},
        )

    # -- exceptions ---------------------------------------------------------------------------------------------------

    async def exceptions(self) -> Mapping[tuple[str, str], int | None]:
        """Returns the limits that are set for accounts and groups, by (kind, id); None is no limit."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(quotas))
            return {(row.subject_kind, row.subject_id): row.quota_bytes for row in rows}

    async def set(self, kind: SubjectKind, subject_id: str, limit: int | None, actor_id: str | None = None) -> None:
        """Sets the limit of an account or group, None for no limit. Raises InvalidError for one below zero."""
        if limit is not None and limit < 0:
            raise InvalidError("A quota is zero bytes or more.", code="bad_quota")
        await self._replace(kind, subject_id, {"quota_bytes": limit}, actor_id)

    async def inherit(self, kind: SubjectKind, subject_id: str, actor_id: str | None = None) -> None:
        """Takes the limit of an account or group back, so that the next one counts."""
        await self._replace(kind, subject_id, None, actor_id)

    async def _replace(
        self, kind: SubjectKind, subject_id: str, values: dict[str, int | None] | None, actor_id: str | None
    ) -> None:
        mine = (quotas.c.subject_kind == kind) & (quotas.c.subject_id == subject_id)
        now = timestamp(self._clock.now())
        async with self._database.transaction() as connection:
            await connection.execute(delete(quotas).where(mine))
            if values is not None:
                row = {"subject_kind": kind, "subject_id": subject_id, "changed_at": now}
                await connection.execute(insert(quotas).values(**row, **values))
            details: dict[str, Any] = {"kind": kind, **(values or {"inherit": True})}
            audit = {"at": now, "actor_id": actor_id, "action": "quota.changed", "object_id": subject_id}
            await connection.execute(insert(audit_log).values(details=details, **audit))


async def _kept(connection: AsyncConnection, account_id: str) -> int:
    found = await connection.scalar(select(kept_bytes.c.bytes).where(kept_bytes.c.account_id == account_id))
    return int(found or 0)


async def _arriving(connection: AsyncConnection, account_id: str) -> int:
    query = select(func.coalesce(func.sum(uploads.c.received), 0))
    mine = (uploads.c.account_id == account_id, uploads.c.completed_at.is_(None))
    return int(await connection.scalar(query.where(*mine)) or 0)


async def _in_trash(connection: AsyncConnection, account_id: str) -> int:
    """Returns the bytes that only files in the trash hold."""
    trashed = or_(files.c.trashed_at.is_not(None), files.c.ancestor_trashed_at.is_not(None))
    inside = (
        select(revisions.c.sha256, func.count().label("uses"))
        .join(files, files.c.id == revisions.c.file_id)
        .where(files.c.owner_id == account_id, trashed)
        .group_by(revisions.c.sha256)
        .subquery()
    )
    query = (
        select(func.coalesce(func.sum(kept_blobs.c.size), 0))
        .join(inside, inside.c.sha256 == kept_blobs.c.sha256)
        .where(kept_blobs.c.account_id == account_id, kept_blobs.c.uses == inside.c.uses)
    )
    return int(await connection.scalar(query) or 0)

"""Reads and writes policies, and says what holds for an account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from labora.base.clock import Clock
from labora.base.settings import RuntimeSettings
from labora.db.engine import Database
from labora.runtimes import store
from labora.runtimes.policy import EVERYONE, Allowance, PolicyRow, SubjectKind, checked, defaults, effective


class Policies:
    """What the runtimes of each account may use.

    Args:
        database: holds the table ``runtime_policies``.
        settings: what holds where nothing is set.
        clock: time.

    Attributes:
        base: what the settings say.
    """

    def __init__(self, database: Database, settings: RuntimeSettings, clock: Clock) -> None:
        self._db = database
        self._clock = clock
        self.base = defaults(settings)

    async def of(self, account_id: str) -> Allowance:
        """Returns what holds for one account."""
        async with self._db.read() as connection:
            return await self.within(connection, account_id)

    async def within(self, connection: AsyncConnection, account_id: str) -> Allowance:
        """Likewise, in the caller's transaction."""
        return effective(self.base, await store.policies_of(connection, account_id))

    async def of_all(self, account_ids: Iterable[str]) -> Mapping[str, Allowance]:
        """Returns what holds for each of these accounts, with one look at the database."""
        async with self._db.read() as connection:
            rows = await store.policies(connection)
            groups = await store.groups_of(connection)
        return {
            account_id: effective(
                self.base, [row for row in rows if _concerns(row, account_id, groups.get(account_id, frozenset()))]
            )
            for account_id in account_ids
        }

    async def all(self) -> Sequence[PolicyRow]:
        """Returns every policy that is set."""
        async with self._db.read() as connection:
            return await store.policies(connection)

    async def get(self, kind: SubjectKind, subject_id: str = EVERYONE) -> PolicyRow:
        """Returns what is set for a subject; an empty row where nothing is."""
        for row in await self.all():
            if (row.subject_kind, row.subject_id) == (kind, subject_id):
                return row
        return PolicyRow(kind, subject_id)

    async def set(self, row: PolicyRow, actor_id: str | None) -> None:
        """Replaces the policy of a subject, and leaves an audit row; an empty one is removed.

        Idle time and lifetime hold at once; limits of memory, processors, processes and disk from the next runtime on.

        Raises:
            InvalidError: a limit makes no sense.
        """
        checked(row)
        now = self._clock.now()
        async with self._db.transaction() as connection:
            await store.set_policy(connection, row, now)
            details = {"subject_kind": row.subject_kind, **row.limits()}
            await store.add_audit(connection, now, actor_id, "policy.changed", row.subject_id or None, details)


def _concerns(row: PolicyRow, account_id: str, group_ids: frozenset[str]) -> bool:
    if row.subject_kind == "group":
        return row.subject_id in group_ids
    return row.subject_kind == "everyone" or (row.subject_kind == "account" and row.subject_id == account_id)

"""Rows of the tables ``runtimes``, ``runtime_policies`` and ``runtime_resets``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.base.clock import parse_timestamp, timestamp
from labora.db.schema import audit_log, group_members, runtime_policies, runtime_resets, runtimes
from labora.runtimes.model import ExitReason, Runtime, Shape
from labora.runtimes.policy import LIMITS, PolicyRow


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_timestamp(text)


def _runtime(row: Row[Any]) -> Runtime:
    handle: Mapping[str, Any] = row.handle
    return Runtime(
        id=row.id,
        account_id=row.account_id,
        provider=row.provider,
        image=row.image,
        shape=Shape.from_json(row.shape),
        desired=row.desired,
        status=row.status,
        generation=row.generation,
        created_at=parse_timestamp(row.created_at),
        key=handle.get("key", ""),
        socket=Path(handle.get("socket", "")),
        isolation=handle.get("isolation"),
        started_at=_moment(row.started_at),
        last_execution_at=_moment(row.last_execution_at),
        last_input_at=_moment(row.last_input_at),
        deadline_at=_moment(row.deadline_at),
        ended_at=_moment(row.ended_at),
        exit_reason=None if row.exit_reason is None else ExitReason(row.exit_reason),
        exit_details=row.exit_details or {},
        cpu_seconds=row.cpu_seconds,
        peak_memory_bytes=row.peak_memory_bytes,
    )


def _handle(runtime: Runtime, record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "key": runtime.key,
        "socket": str(runtime.socket),
        "isolation": runtime.isolation,
        "record": dict(record),
    }


async def add(connection: AsyncConnection, runtime: Runtime, record: Mapping[str, Any] | None = None) -> None:
    """Inserts a new runtime; with the provider's ``record`` one that has started already."""
    values = {
        "id": runtime.id,
        "account_id": runtime.account_id,
        "provider": runtime.provider,
        "image": runtime.image,
        "shape": runtime.shape.as_json(),
        "desired": runtime.desired,
        "status": runtime.status,
        "generation": runtime.generation,
        "handle": {"key": runtime.key} if record is None else _handle(runtime, record),
        "created_at": timestamp(runtime.created_at),
        "started_at": None if runtime.started_at is None else timestamp(runtime.started_at),
        "deadline_at": None if runtime.deadline_at is None else timestamp(runtime.deadline_at),
    }
    await connection.execute(insert(runtimes).values(values))


async def get(connection: AsyncConnection, runtime_id: str) -> Runtime | None:
    """Returns one runtime, ended ones too."""
    row = (await connection.execute(select(runtimes).where(runtimes.c.id == runtime_id))).first()
    return None if row is None else _runtime(row)


async def active(connection: AsyncConnection, account_id: str | None = None) -> Sequence[Runtime]:
    """Returns the runtimes that have not ended, of one account or of all, oldest first."""
    query = select(runtimes).where(runtimes.c.status != "ended").order_by(runtimes.c.created_at, runtimes.c.id)
    if account_id is not None:
        query = query.where(runtimes.c.account_id == account_id)
    return [_runtime(row) for row in await connection.execute(query)]


async def created_since(connection: AsyncConnection, account_id: str, moment: datetime) -> int:
    """Counts the runtimes that an account has made since ``moment``."""
    query = select(func.count()).where(runtimes.c.account_id == account_id, runtimes.c.created_at >= timestamp(moment))
    return int((await connection.execute(query)).scalar_one())


async def set_ready(connection: AsyncConnection, runtime: Runtime, record: Mapping[str, Any]) -> None:
    """Records where a started runtime is found."""
    moments = {
        "started_at": None if runtime.started_at is None else timestamp(runtime.started_at),
        "deadline_at": None if runtime.deadline_at is None else timestamp(runtime.deadline_at),
    }
    change = update(runtimes).where(runtimes.c.id == runtime.id, runtimes.c.status == "starting")
    await connection.execute(change.values(status="ready", handle=_handle(runtime, record), **moments))


async def want_ended(
    connection: AsyncConnection, runtime_id: str, reason: ExitReason, details: Mapping[str, Any]
) -> None:
    """Makes the end desired; the first reason stays."""
    change = update(runtimes).where(runtimes.c.id == runtime_id, runtimes.c.desired == "running")
    await connection.execute(change.values(desired="ended", exit_reason=reason.value, exit_details=dict(details)))


async def set_ended(connection: AsyncConnection, runtime_id: str, moment: datetime) -> None:
    """Records that nothing of the runtime is left."""
    change = update(runtimes).where(runtimes.c.id == runtime_id, runtimes.c.status != "ended")
    await connection.execute(change.values(status="ended", desired="ended", ended_at=timestamp(moment)))


async def set_used(connection: AsyncConnection, runtime: Runtime) -> None:
    """Records what a runtime that has not ended has used so far."""
    change = update(runtimes).where(runtimes.c.id == runtime.id, runtimes.c.status != "ended")
    values = {"cpu_seconds": runtime.cpu_seconds, "peak_memory_bytes": runtime.peak_memory_bytes}
    await connection.execute(change.values(values))


async def set_deadline(connection: AsyncConnection, runtime_id: str, moment: datetime) -> None:
    """Moves the end of a runtime's lifetime."""
    change = update(runtimes).where(runtimes.c.id == runtime_id)
    await connection.execute(change.values(deadline_at=timestamp(moment)))


async def ended(
    connection: AsyncConnection, account_id: str, *, before: datetime | None, limit: int
) -> Sequence[Runtime]:
    """Returns an account's runtimes that have ended, the last one first, those that ended before a moment."""
    query = select(runtimes).where(runtimes.c.account_id == account_id, runtimes.c.status == "ended")
    if before is not None:
        query = query.where(runtimes.c.ended_at < timestamp(before))
    query = query.order_by(runtimes.c.ended_at.desc(), runtimes.c.id).limit(limit)
    return [_runtime(row) for row in await connection.execute(query)]


async def drop_ended(connection: AsyncConnection, before: datetime) -> None:
    """Deletes the history before a moment."""
    old = delete(runtimes).where(runtimes.c.status == "ended", runtimes.c.ended_at < timestamp(before))
    await connection.execute(old)


# -- resets -----------------------------------------------------------------------------------------------------------


async def resets_since(connection: AsyncConnection, account_id: str, moment: datetime) -> Sequence[datetime]:
    """Returns when an account reset its runtimes, oldest first, from ``moment`` on."""
    query = (
        select(runtime_resets.c.at)
        .where(runtime_resets.c.account_id == account_id, runtime_resets.c.at > timestamp(moment))
        .order_by(runtime_resets.c.at)
    )
    return [parse_timestamp(at) for at in (await connection.execute(query)).scalars()]


async def add_reset(connection: AsyncConnection, account_id: str, moment: datetime, forget_before: datetime) -> None:
    """Notes a reset, and forgets those that no longer count."""
    old = delete(runtime_resets).where(
        runtime_resets.c.account_id == account_id, runtime_resets.c.at < timestamp(forget_before)
    )
    await connection.execute(old)
    await connection.execute(insert(runtime_resets).values(account_id=account_id, at=timestamp(moment)))


# -- policies ---------------------------------------------------------------------------------------------------------


async def policies(connection: AsyncConnection) -> Sequence[PolicyRow]:
    """Returns every policy that is set."""
    found = await connection.execute(
        select(runtime_policies).order_by(runtime_policies.c.subject_kind, runtime_policies.c.subject_id)
    )
    return [_policy(row) for row in found]


async def policies_of(connection: AsyncConnection, account_id: str) -> Sequence[PolicyRow]:
    """Returns the policies that concern an account, those of its groups among them."""
    kind, subject = runtime_policies.c.subject_kind, runtime_policies.c.subject_id
    groups = select(group_members.c.group_id).where(group_members.c.account_id == account_id)
    mine = or_(
        kind == "everyone",
        (kind == "account") & (subject == account_id),
        (kind == "group") & subject.in_(groups),
    )
    return [_policy(row) for row in await connection.execute(select(runtime_policies).where(mine))]


async def groups_of(connection: AsyncConnection) -> Mapping[str, frozenset[str]]:
    """Returns the ids of the groups of every account that belongs to any."""
    groups: dict[str, set[str]] = {}
    for row in await connection.execute(select(group_members.c.account_id, group_members.c.group_id)):
        groups.setdefault(row.account_id, set()).add(row.group_id)
    return {account_id: frozenset(ids) for account_id, ids in groups.items()}


async def set_policy(connection: AsyncConnection, policy: PolicyRow, moment: datetime) -> None:
    """Replaces the policy of one subject; an empty one is removed."""
    kind, subject = runtime_policies.c.subject_kind, runtime_policies.c.subject_id
    mine = (kind == policy.subject_kind) & (subject == policy.subject_id)
    await connection.execute(delete(runtime_policies).where(mine))
    if not policy.empty:
        row = {"subject_kind": policy.subject_kind, "subject_id": policy.subject_id, "changed_at": timestamp(moment)}
        await connection.execute(insert(runtime_policies).values(row | policy.limits()))


def _policy(row: Row[Any]) -> PolicyRow:
    return PolicyRow(row.subject_kind, row.subject_id, **{name: getattr(row, name) for name in LIMITS})


async def add_audit(
    connection: AsyncConnection,
    moment: datetime,
    actor_id: str | None,
    action: str,
    object_id: str | None,
    details: Mapping[str, Any],
) -> None:
    """Writes an audit row."""
    row = {"at": timestamp(moment), "actor_id": actor_id, "action": action, "object_id": object_id}
    await connection.execute(insert(audit_log).values(details=dict(details), **row))


async def touch(connection: AsyncConnection, runtime_id: str, column: str, moment: datetime) -> None:
    """Moves ``last_execution_at`` or ``last_input_at``."""
    change = update(runtimes).where(runtimes.c.id == runtime_id)
    await connection.execute(change.values({column: timestamp(moment)}))

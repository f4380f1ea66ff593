"""Rows of the table ``warm_runtimes``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.base.clock import parse_timestamp, timestamp
from labora.db.schema import warm_runtimes
from labora.runtimes.model import Shape, WarmRuntime


def _member(row: Row[Any]) -> WarmRuntime:
    handle = row.handle
    return WarmRuntime(
        id=row.id,
        provider=row.provider,
        image=row.image,
        shape=Shape.from_json(row.shape),
        status=row.status,
        generation=row.generation,
        key=handle.get("key", ""),
        kernel_id=row.kernel_id,
        made_of=handle.get("made_of", ""),
        version=row.version,
        created_at=parse_timestamp(row.created_at),
        deadline_at=parse_timestamp(row.deadline_at),
        socket=Path(handle.get("socket", "")),
        isolation=handle.get("isolation"),
        record=handle.get("record", {}),
        ready_at=None if row.ready_at is None else parse_timestamp(row.ready_at),
    )


def _handle(member: WarmRuntime) -> dict[str, Any]:
    return {
        "key": member.key,
        "socket": str(member.socket),
        "isolation": member.isolation,
        "record": dict(member.record),
        "made_of": member.made_of,
    }


async def all_members(connection: AsyncConnection) -> Sequence[WarmRuntime]:
    """Returns every member, the oldest first."""
    query = select(warm_runtimes).order_by(warm_runtimes.c.created_at, warm_runtimes.c.id)
    return [_member(row) for row in await connection.execute(query)]


async def add(connection: AsyncConnection, member: WarmRuntime) -> None:
    """Inserts a member that is about to be started."""
    values = {
        "id": member.id,
        "provider": member.provider,
        "image": member.image,
        "shape": member.shape.as_json(),
        "status": member.status,
        "generation": member.generation,
        "handle": _handle(member),
        "kernel_id": member.kernel_id,
        "version": member.version,
        "created_at": timestamp(member.created_at),
        "deadline_at": timestamp(member.deadline_at),
    }
    await connection.execute(insert(warm_runtimes).values(values))


async def set_ready(connection: AsyncConnection, member: WarmRuntime, moment: datetime) -> bool:
    """Records that a member stands ready; returns False when it is no longer one."""
    change = update(warm_runtimes).where(warm_runtimes.c.id == member.id)
    values = {"status": "ready", "handle": _handle(member), "ready_at": timestamp(moment)}
    return (await connection.execute(change.values(values))).rowcount == 1


async def set_deadline(connection: AsyncConnection, member_id: str, moment: datetime) -> bool:
    """Records when the provider ends a member unless that is put off again; returns False when it is no longer one."""
    change = update(warm_runtimes).where(warm_runtimes.c.id == member_id)
    return (await connection.execute(change.values(deadline_at=timestamp(moment)))).rowcount == 1


async def remove(connection: AsyncConnection, member_id: str) -> bool:
    """Takes a member out of the pool; returns False when somebody else has. This is what decides who gets it."""
    gone = await connection.execute(delete(warm_runtimes).where(warm_runtimes.c.id == member_id))
    return gone.rowcount == 1

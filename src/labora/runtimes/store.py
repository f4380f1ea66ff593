"""Rows of the table ``runtimes``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.base.clock import parse_timestamp, timestamp
from labora.db.schema import runtimes
from labora.runtimes.model import ExitReason, Runtime, Shape


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
    )


async def add(connection: AsyncConnection, runtime: Runtime) -> None:
    """Inserts a new runtime."""
    values = {
        "id": runtime.id,
        "account_id": runtime.account_id,
        "provider": runtime.provider,
        "image": runtime.image,
        "shape": runtime.shape.as_json(),
        "desired": runtime.desired,
        "status": runtime.status,
        "generation": runtime.generation,
        "handle": {"key": runtime.key},
        "created_at": timestamp(runtime.created_at),
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
    handle = {
        "key": runtime.key,
        "socket": str(runtime.socket),
        "isolation": runtime.isolation,
        "record": dict(record),
    }
    started = None if runtime.started_at is None else timestamp(runtime.started_at)
    change = update(runtimes).where(runtimes.c.id == runtime.id, runtimes.c.status == "starting")
    await connection.execute(change.values(status="ready", handle=handle, started_at=started))


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


async def touch(connection: AsyncConnection, runtime_id: str, column: str, moment: datetime) -> None:
    """Moves ``last_execution_at`` or ``last_input_at``."""
    change = update(runtimes).where(runtimes.c.id == runtime_id)
    await connection.execute(change.values({column: timestamp(moment)}))

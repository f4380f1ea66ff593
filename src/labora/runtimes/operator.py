"""What the operator does with runtimes of anybody, also beside a server that runs."""

from __future__ import annotations

from collections.abc import Sequence

from labora.base.clock import Clock
from labora.base.errors import NotFoundError
from labora.db.engine import Database
from labora.runtimes import pool_store, store
from labora.runtimes.model import ExitReason, Runtime


async def active_runtimes(database: Database) -> Sequence[Runtime]:
    """Returns every runtime that has not ended, as its row tells."""
    async with database.read() as connection:
        return await store.active(connection)


async def warm_runtimes(database: Database) -> Sequence[str]:
    """Returns the ids of the machines that stand ready and belong to nobody yet, as their rows tell."""
    async with database.read() as connection:
        return [member.id for member in await pool_store.all_members(connection) if member.status == "ready"]


async def give_up_warm(database: Database) -> Sequence[str]:
    """Takes every machine out of the warm pool and returns their ids; a running server ends them within seconds."""
    async with database.transaction() as connection:
        members = await pool_store.all_members(connection)
        return [member.id for member in members if await pool_store.remove(connection, member.id)]


async def want_end(database: Database, clock: Clock, runtime_id: str, actor_id: str | None) -> Runtime:
    """Makes the end of a runtime desired, with an audit row; a running server makes it true within seconds.

    Raises:
        NotFoundError: there is no such runtime, or it has ended.
    """
    async with database.transaction() as connection:
        runtime = await store.get(connection, runtime_id)
        if runtime is None or runtime.status == "ended":
            raise NotFoundError(f"There is no runtime {runtime_id} that lives.")
        await store.want_ended(connection, runtime_id, ExitReason.OWNER, {})
        details = {"account_id": runtime.account_id}
        await store.add_audit(connection, clock.now(), actor_id, "runtime.ended", runtime_id, details)
    return runtime

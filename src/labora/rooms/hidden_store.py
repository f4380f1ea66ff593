"""SQL of the side stores: outputs that are private to the account that ran the cell (table ``private_outputs``)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.db.schema import private_blobs, private_outputs
from labora.rooms.hidden import HiddenRow
from labora.rooms.model import Hidden, HiddenCell


def put_hidden(connection: Connection, file_id: str, row: HiddenRow, at: str) -> None:
    """Stores one slot as it is now, with what it refers to; one that ended leaves nothing."""
    here = _is(private_outputs.c, file_id, row)
    if row.cell is None:
        connection.execute(delete(private_outputs).where(here))
        return
    state = row.cell["state"]
    about = {key: state[key] for key in ("execution_id", "execution_count")}
    values: dict[str, Any] = {
        "runtime_id": row.cell["runtime_id"],
        "execution": {**about, "reducer": row.cell["reducer"], "input": row.cell["input"]},
        "outputs": state["outputs"],
        "changed_at": at,
    }
    keys = {"file_id": file_id, "account_id": row.account_id, "cell_id": row.cell_id}
    statement = upsert(private_outputs).values(**keys, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=values))
    wanted = row.blobs
    found = select(private_blobs.c.sha256).where(_is(private_blobs.c, file_id, row))
    known = set(connection.execute(found).scalars())
    for sha256 in known - wanted:
        connection.execute(
            delete(private_blobs).where(_is(private_blobs.c, file_id, row), private_blobs.c.sha256 == sha256)
        )
    if fresh := sorted(wanted - known):
        connection.execute(insert(private_blobs), [{**keys, "sha256": sha256} for sha256 in fresh])


def _is(columns: Any, file_id: str, row: HiddenRow) -> ColumnElement[bool]:
    return and_(columns.file_id == file_id, columns.account_id == row.account_id, columns.cell_id == row.cell_id)


async def read_hidden(connection: AsyncConnection, file_id: str) -> Hidden:
    """Returns the side stores of one notebook."""
    found: dict[str, dict[str, HiddenCell]] = {}
    query = select(private_outputs).where(private_outputs.c.file_id == file_id)
    for row in await connection.execute(query):
        about = row.execution
        found.setdefault(row.account_id, {})[row.cell_id] = {
            "state": {
                "execution_id": about["execution_id"],
                "execution_count": about["execution_count"],
                "outputs": row.outputs,
            },
            "runtime_id": row.runtime_id,
            "reducer": about["reducer"],
            "input": about["input"],
        }
    return found

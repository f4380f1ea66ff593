"""Brings a database to this version's schema; forward only, re-runnable."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from labora.base.errors import LaboraError
from labora.db import kept
from labora.db.engine import Database


class SchemaTooNewError(LaboraError):
    """The database was written by a newer Labora; this one must not touch it."""

    code, status = "schema_too_new", 500


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@cache
def _revisions() -> tuple[str, ...]:
    """Returns the revisions of this version, newest first. Reading them takes a while."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def _upgrade(connection: Connection) -> None:
    known = _revisions()
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise SchemaTooNewError(
            "This database was written by a newer Labora. Install that version, or restore a backup."
        )
    if current != known[0]:
        command.upgrade(_config(connection), "head")
    kept.ensure(connection)


async def migrate(database: Database) -> None:
    """Upgrades the schema in one transaction. Raises SchemaTooNewError for a database of a newer version."""
    async with database.transaction() as connection:
        await connection.run_sync(_upgrade)

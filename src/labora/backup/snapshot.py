"""A consistent copy of the database while others write to it, and a hold on the bytes that it names."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import make_url

from labora.backup.model import HOLD, BackupError
from labora.base.clock import timestamp
from labora.base.ids import new_id

HELD = timedelta(minutes=15)

# What a backup does not keep: who is signed in now, and what is private to a machine that will be gone.
_LEFT_OUT = (
    *("login_sessions", "login_attempts", "idempotency_keys", "mail"),
    *("uploads", "private_outputs", "private_blobs"),
)


def database_path(url: str) -> Path:
    """Returns the file of an SQLite database. Raises BackupError for another database."""
    parsed = make_url(url)
    if not parsed.drivername.startswith("sqlite") or not parsed.database:
        raise BackupError("`labora backup` copies SQLite. Back another database up with its own tools, then the blobs.")
    return Path(parsed.database)


class Hold:
    """Keeps the sweep from deleting bytes, for as long as it is renewed."""

    def __init__(self, database: Path) -> None:
        self._database, self._key, self._renewed = database, HOLD + new_id(), datetime.min.replace(tzinfo=UTC)

    def renew(self) -> None:
        """Holds on; cheap to call often."""
        now = datetime.now(UTC)
        if now - self._renewed < HELD / 5:
            return
        self._renewed = now
        self._write("INSERT OR REPLACE INTO instance (key, value) VALUES (?, ?)", self._key, timestamp(now + HELD))

    def release(self) -> None:
        """Lets go."""
        self._write("DELETE FROM instance WHERE key = ?", self._key)

    def _write(self, statement: str, *values: str) -> None:
        with closing(sqlite3.connect(self._database, timeout=60)) as connection, connection:
            connection.execute(statement, values)


@contextmanager
def holding(database: Path) -> Iterator[Hold]:
    """Holds the bytes of a data folder for the length of the block."""
    hold = Hold(database)
    hold.renew()
    try:
        yield hold
    finally:
        hold.release()


def copy_database(source: Path, target: Path) -> None:
    """Copies the database as it is at one moment, without what a backup does not keep. Others write on meanwhile.

    Raises BackupError where the database is damaged.
    """
    target.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(source, timeout=60)) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
        target.chmod(0o600)
        with closing(sqlite3.connect(target)) as copy:
            copy.execute("PRAGMA journal_mode = DELETE")
            # What goes leaves no trace in free pages.
            copy.execute("PRAGMA secure_delete = ON")
            with copy:
                # An older server's database, which this one has not opened yet, lacks some.
                present = {row[0] for row in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
                for table in present.intersection(_LEFT_OUT):
                    copy.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
                # Bytes that nothing else refers to: private outputs, and what the next sweep takes.
                copy.execute(
                    "DELETE FROM blobs WHERE sha256 NOT IN (SELECT sha256 FROM revisions) "
                    "AND sha256 NOT IN (SELECT sha256 FROM file_blobs)"
                )
                copy.execute("DELETE FROM instance WHERE key LIKE ?", (f"{HOLD}%",))
            check(copy)
    except sqlite3.DatabaseError as error:
        target.unlink(missing_ok=True)
        raise BackupError(
            f"The database cannot be copied: {error}. Restore an earlier backup if it is damaged."
        ) from error


def check(connection: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError where the file is damaged."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(str(found))

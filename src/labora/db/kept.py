"""What each account keeps, counted by the database itself: tables ``kept_blobs`` and ``kept_bytes``.

Whatever adds or ends a revision, ends a file or gives it to somebody else, counts, in the same transaction; nobody has
to think of it. A blob counts once for an account, however many revisions of its files hold it.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

_DROP = """
            UPDATE kept_blobs SET uses = uses - (
                SELECT count(*) FROM revisions r WHERE r.file_id = OLD.id AND r.sha256 = kept_blobs.sha256
            ) WHERE account_id = OLD.owner_id AND sha256 IN (SELECT sha256 FROM revisions WHERE file_id = OLD.id);
            DELETE FROM kept_blobs WHERE account_id = OLD.owner_id AND uses <= 0
                AND sha256 IN (SELECT sha256 FROM revisions WHERE file_id = OLD.id);
"""

_KEEP = """
            INSERT INTO kept_blobs (account_id, sha256, size, uses)
            SELECT NEW.owner_id, r.sha256, max(r.size), count(*) FROM revisions r
            WHERE r.file_id = NEW.id GROUP BY r.sha256
            ON CONFLICT (account_id, sha256) DO UPDATE SET uses = uses + excluded.uses;
"""

_TRIGGERS = {
    # A blob that an account did not keep yet, or keeps no more, changes its sum.
    "kept_blobs_added": """
        AFTER INSERT ON kept_blobs BEGIN
            INSERT INTO kept_bytes (account_id, bytes) VALUES (NEW.account_id, NEW.size)
            ON CONFLICT (account_id) DO UPDATE SET bytes = bytes + excluded.bytes;
        END""",
    "kept_blobs_dropped": """
        AFTER DELETE ON kept_blobs BEGIN
            UPDATE kept_bytes SET bytes = bytes - OLD.size WHERE account_id = OLD.account_id;
        END""",
    "kept_revision_added": """
        AFTER INSERT ON revisions BEGIN
            INSERT INTO kept_blobs (account_id, sha256, size, uses)
            SELECT f.owner_id, NEW.sha256, NEW.size, 1 FROM files f WHERE f.id = NEW.file_id
            ON CONFLICT (account_id, sha256) DO UPDATE SET uses = uses + 1;
        END""",
    # Revisions of a file that ends go after its row and find no owner here: kept_file_dropped has counted them.
    "kept_revision_dropped": """
        AFTER DELETE ON revisions BEGIN
            UPDATE kept_blobs SET uses = uses - 1 WHERE sha256 = OLD.sha256
                AND account_id = (SELECT owner_id FROM files WHERE id = OLD.file_id);
            DELETE FROM kept_blobs WHERE sha256 = OLD.sha256 AND uses <= 0
                AND account_id = (SELECT owner_id FROM files WHERE id = OLD.file_id);
        END""",
    # Outputs were taken out of it for good.
    "kept_revision_changed": """
        AFTER UPDATE OF sha256 ON revisions WHEN OLD.sha256 <> NEW.sha256 BEGIN
            UPDATE kept_blobs SET uses = uses - 1 WHERE sha256 = OLD.sha256
                AND account_id = (SELECT owner_id FROM files WHERE id = OLD.file_id);
            DELETE FROM kept_blobs WHERE sha256 = OLD.sha256 AND uses <= 0
                AND account_id = (SELECT owner_id FROM files WHERE id = OLD.file_id);
            INSERT INTO kept_blobs (account_id, sha256, size, uses)
            SELECT f.owner_id, NEW.sha256, NEW.size, 1 FROM files f WHERE f.id = NEW.file_id
            ON CONFLICT (account_id, sha256) DO UPDATE SET uses = uses + 1;
        END""",
    "kept_file_dropped": "BEFORE DELETE ON files BEGIN" + _DROP + "END",
    "kept_file_transferred": "AFTER UPDATE OF owner_id ON files WHEN OLD.owner_id <> NEW.owner_id BEGIN"
    + _DROP
    + _KEEP
    + "END",
}


def ensure(connection: Connection) -> None:
    """Makes the triggers where they are missing, and then counts anew: a migration that makes ``files`` or
    ``revisions`` anew takes their triggers along."""
    if connection.dialect.name != "sqlite":
        raise NotImplementedError("kept_blobs has triggers for SQLite only")
    present = set(connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars())
    missing = [name for name in _TRIGGERS if name not in present]
    for name in missing:
        connection.exec_driver_sql(f"CREATE TRIGGER {name} {_TRIGGERS[name]}")
    if missing:
        recount(connection)


def recount(connection: Connection) -> None:
    """Counts everything anew; the triggers make the sums."""
    connection.exec_driver_sql("DELETE FROM kept_blobs")
    connection.exec_driver_sql("DELETE FROM kept_bytes")
    connection.exec_driver_sql(
        "INSERT INTO kept_blobs (account_id, sha256, size, uses) "
        "SELECT f.owner_id, r.sha256, max(r.size), count(*) "
        "FROM revisions r JOIN files f ON f.id = r.file_id GROUP BY f.owner_id, r.sha256"
    )

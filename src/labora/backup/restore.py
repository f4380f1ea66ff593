"""Makes a data folder of a backup: everything is checked beside its place and gets there last."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from labora.backup.model import (
    HOLD,
    KEY,
    MANIFEST,
    BackupError,
    Manifest,
    Progress,
    Report,
    blob_path,
    load_sums,
)
from labora.backup.places import copied, read_backup
from labora.backup.snapshot import check
from labora.base.clock import timestamp
from labora.base.ids import new_id
from labora.base.settings import Settings
from labora.db import Database, migrate

# Nobody is signed in, nothing runs and nothing is under way after a restoration; mail that was waiting may have gone
# out since, and links that set a password may have been used.
_FORGOTTEN = (
    "DELETE FROM login_sessions",
    "DELETE FROM login_attempts",
    "DELETE FROM idempotency_keys",
    "DELETE FROM uploads",
    "DELETE FROM private_outputs",
    "DELETE FROM private_blobs",
    "DELETE FROM warm_runtimes",
    "DELETE FROM runtimes WHERE status <> 'ended'",
    "DELETE FROM mail WHERE sent_at IS NULL",
    "DELETE FROM one_time_links WHERE kind IN ('setup', 'reset')",
    "UPDATE rooms SET lease_owner = NULL",
)


def restore(settings: Settings, place: Path, report: Report = lambda progress: None) -> tuple[Manifest, Path | None]:
    """Restores a backup into the data folder of ``settings``, on which no server may run.

    Returns its manifest, and where the state of before lies, if there was any: it is moved aside, never deleted.

    Raises BackupError, with the data folder as it was, where anything of the backup is missing or not as it was.
    """
    state = settings.state_dir
    fresh = state.with_name("state.restoring")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True, mode=0o700)
    try:
        manifest = _unpack(place, fresh, report)
        asyncio.run(_prepare(fresh / "labora.db"))
        _renew(fresh / "labora.db", manifest)
        _keep_key(settings, fresh / KEY)
        os.sync()
        aside = None
        if state.exists():
            aside = state.with_name(f"state.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
            state.rename(aside)
        fresh.rename(state)
        os.sync()
    except tarfile.TarError as error:
        raise BackupError(f"{place} is no whole backup: {error}.") from error
    except OSError as error:
        raise BackupError(f"The backup could not be restored: {error}.") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return manifest, aside


def _keep_key(settings: Settings, fresh: Path) -> None:
    """Secrets of the backup open with its own key where it has one, else with the one that is here."""
    here = settings.secret_key_file
    if fresh.exists():
        fresh.chmod(0o600)
        if settings.secrets.key_file is not None:
            if here.exists() and here.read_bytes() != fresh.read_bytes():
                raise BackupError(f"The backup brings another key than {here}. Move that away first.")
            here.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.move(fresh, here)
    elif here == settings.state_dir / KEY and here.exists():
        shutil.copyfile(here, fresh)
        fresh.chmod(0o600)


def _unpack(place: Path, fresh: Path, report: Report) -> Manifest:
    """Copies a backup's files, and checks each against its checksum and all against the list."""
    found: dict[str, str] = {}
    small: dict[str, bytes] = {}
    size = 0
    for name, content in read_backup(place):
        if name == MANIFEST or name.startswith("SHA256SUMS"):
            small[name] = content.read()
            continue
        target = fresh / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as writing:
            found[name] = copied(content, writing)
            size += writing.tell()
        report(Progress(len(found), 0, size))
    if MANIFEST not in small:
        raise BackupError(f"{place} is no whole backup: {MANIFEST} is missing.")
    manifest = Manifest.load(small[MANIFEST])
    listed = small.get(manifest.sums, b"")
    if hashlib.sha256(listed).hexdigest() != manifest.sums_sha256:
        raise BackupError("The backup is damaged: its list of checksums is not the one that was written.")
    sums = load_sums(listed)
    wrong = sorted(path for path, sha256 in sums.items() if found.get(path) != sha256)
    if wrong or manifest.database not in sums:
        example = (wrong or [manifest.database])[0]
        raise BackupError(f"The backup is damaged: {len(wrong)} files are missing or changed, such as {example}.")
    for name in found.keys() - sums.keys():
        (fresh / name).unlink()  # of a backup before, which this one does not name
    (fresh / manifest.database).rename(fresh / "labora.db")
    return manifest


async def _prepare(path: Path) -> None:
    """Brings the schema up to date. Raises SchemaTooNewError for a backup of a newer Labora."""
    database = Database(f"sqlite+aiosqlite:///{path}")
    try:
        await migrate(database)
    finally:
        await database.close()


def _renew(path: Path, manifest: Manifest) -> None:
    """Forgets what does not outlive a restoration, and gives every notebook a new epoch.

    A page that is still open has seen what the backup does not know: by the epoch it learns that, keeps the cells that
    were not saved, takes the notebook as it is now and puts them in again.
    """
    try:
        with closing(sqlite3.connect(path)) as connection:
            with connection:
                for statement in _FORGOTTEN:
                    connection.execute(statement)
                connection.execute("DELETE FROM instance WHERE key LIKE ?", (f"{HOLD}%",))
                for (file_id,) in connection.execute("SELECT file_id FROM rooms").fetchall():
                    epoch = new_id()
                    connection.execute("UPDATE rooms SET epoch = ? WHERE file_id = ?", (epoch, file_id))
                    connection.execute("UPDATE journal SET epoch = ? WHERE file_id = ?", (epoch, file_id))
                details = json.dumps({"created_at": manifest.created_at})
                connection.execute(
                    "INSERT INTO audit_log (at, action, details) VALUES (?, 'instance.restored', ?)",
                    (timestamp(datetime.now(UTC)), details),
                )
            check(connection)
            names = connection.execute("SELECT sha256 FROM blobs").fetchall()
    except sqlite3.DatabaseError as error:
        raise BackupError(f"The backup's database is damaged: {error}.") from error
    lost = [sha256 for (sha256,) in names if not (path.parent / blob_path(sha256)).is_file()]
    if set(lost) - set(manifest.damaged):
        raise BackupError(f"The backup is damaged: it lacks {len(lost)} blobs that its database names.")

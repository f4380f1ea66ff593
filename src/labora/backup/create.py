"""Makes a backup of a data folder while a server works on it.

First the database at one moment, then the bytes that it names: they are never changed, and a hold keeps the sweep away
from them, so what the copy names is there. An edit that was acknowledged before that moment is in it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from labora.backup.model import KEY, BackupError, Manifest, Progress, Report, blob_path, dump_sums
from labora.backup.places import FolderTarget, Target, TarTarget
from labora.backup.snapshot import Hold, copy_database, database_path, holding
from labora.base.clock import timestamp
from labora.base.settings import Settings


def back_up(
    settings: Settings, place: Path, report: Report = lambda progress: None, *, with_key: bool = False
) -> Manifest:
    """Backs a data folder up, into a new file where ``place`` ends in .tar, else into a folder.

    A folder holds one backup, the latest; bytes that lie there already are not copied again.

    Args:
        with_key: also the key that opens secrets; without it a backup gives none of them away.

    Raises BackupError; what was backed up there before is untouched then.
    """
    database = database_path(settings.database_url)
    if not database.is_file():
        raise BackupError(f"There is no Labora in {settings.storage.data_dir}. Name its folder with --data-dir.")
    instance_id = _instance_of(database)
    target: Target = TarTarget(place) if place.suffix == ".tar" else FolderTarget(place, instance_id)
    try:
        with holding(database) as hold:
            key = settings.secret_key_file if with_key and settings.secret_key_file.exists() else None
            return _back_up(database, settings.state_dir, target, instance_id, hold, report, key)
    except (OSError, sqlite3.Error) as error:
        target.abandon()
        raise BackupError(f"The backup could not be made: {error}.") from error
    except BaseException:
        target.abandon()
        raise


def _instance_of(database: Path) -> str:
    try:
        with closing(sqlite3.connect(database, timeout=60)) as connection:
            row = connection.execute("SELECT value FROM instance WHERE key = 'id'").fetchone()
    except sqlite3.Error as error:
        raise BackupError(
            f"{database} cannot be read: {error}. Run this as the user of the server, or as root; if the database is "
            "damaged, restore an earlier backup."
        ) from error
    return str(row[0]) if row else ""


def _back_up(
    database: Path, state: Path, target: Target, instance_id: str, hold: Hold, report: Report, key: Path | None
) -> Manifest:
    now = datetime.now(UTC)
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    name = f"labora-{stamp}.db"
    copy = target.scratch() / name
    copy_database(database, copy)
    with closing(sqlite3.connect(copy)) as connection:
        blobs = list(connection.execute("SELECT sha256, size FROM blobs ORDER BY sha256"))
        schema = str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    sums = {name: target.add(name, copy)}
    damaged, done, skipped = [], 0, 0
    for number, (sha256, size) in enumerate(blobs, 1):
        hold.renew()
        path = blob_path(sha256)
        if target.has(path, size):
            skipped += 1
        elif not _added(target, path, state / path, sha256):
            damaged.append(sha256)
            continue
        sums[path] = sha256
        done += size
        report(Progress(number, len(blobs), done, skipped))
    listed = dump_sums(sums | ({} if key is None else {KEY: target.add(KEY, key)}))
    manifest = Manifest(
        instance_id=instance_id,
        created_at=timestamp(now),
        labora=version("labora"),
        schema=schema,
        database=name,
        sums=f"SHA256SUMS-{stamp}",
        sums_sha256=hashlib.sha256(listed).hexdigest(),
        blobs=len(sums) - 1,
        blob_bytes=done,
        damaged=damaged,
    )
    target.finish(manifest, listed, set(sums) | ({KEY} if key else set()))
    return manifest


def _added(target: Target, path: str, source: Path, sha256: str) -> bool:
    """Copies a blob; returns False where its bytes are missing or not what its name says."""
    try:
        return target.add(path, source, sha256) == sha256
    except FileNotFoundError:
        return False

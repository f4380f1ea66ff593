"""What a backup consists of.

``manifest.json``, written last, names the database's copy and the list of checksums (``SHA256SUMS-…``, which
``sha256sum -c`` reads), and holds the checksum of that list. Bytes lie under their own SHA-256, as in a data folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from labora.base.errors import LaboraError

FORMAT, VERSION = "labora-backup", 1
MANIFEST = "manifest.json"
BLOBS = "blobs"
KEY = "secret.key"
"""The key that opens secrets: only in a backup of which that was asked."""
HOLD = "hold.backup."
"""Keys of the table ``instance`` that begin so hold the moment until which no bytes are swept."""

_DATABASE = re.compile(r"labora-[0-9TZ]{16}\.db")
_SUMS = re.compile(r"SHA256SUMS-[0-9TZ]{16}")
_BLOB = re.compile(rf"{BLOBS}/([0-9a-f]{{2}})/([0-9a-f]{{2}})/([0-9a-f]{{64}})")


class BackupError(LaboraError):
    """A backup cannot be made, read or restored; the message says why."""

    code, status = "backup_failed", 500


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backup or a restoration is, in blobs and bytes."""

    done: int
    blobs: int
    bytes: int
    skipped: int = 0


Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in a backup.

    Attributes:
        instance_id: of the installation that it was made of.
        created_at: the moment that it shows.
        schema: revision of the database's schema.
        database, sums: names of the database's copy and of the list of checksums.
        sums_sha256: checksum of that list.
        blobs, blob_bytes: how many bytes lie beside the database.
        damaged: blobs whose bytes were missing or not what their name says.
    """

    instance_id: str
    created_at: str
    labora: str
    schema: str
    database: str
    sums: str
    sums_sha256: str
    blobs: int
    blob_bytes: int
    damaged: list[str] = field(default_factory=list)

    def dump(self) -> bytes:
        """Returns the manifest as it is written."""
        return json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, indent=2).encode() + b"\n"

    @classmethod
    def load(cls, data: bytes) -> Manifest:
        """Reads a manifest. Raises BackupError for what is none, or one of a newer version."""
        try:
            found: dict[str, Any] = json.loads(data)
            if found.pop("format") != FORMAT:
                raise ValueError("another format")
            version = found.pop("version")
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise BackupError("This is no backup of Labora: its manifest cannot be read.") from error
        if version != VERSION:
            raise BackupError("This backup was made by a newer Labora. Restore it with that version.")
        try:
            manifest = cls(**found)
        except TypeError as error:
            raise BackupError("This is no backup of Labora: its manifest lacks something.") from error
        if not _DATABASE.fullmatch(manifest.database) or not _SUMS.fullmatch(manifest.sums):
            raise BackupError("This is no backup of Labora: its manifest names files that none has.")
        return manifest


def blob_path(sha256: str) -> str:
    """Returns where a blob lies in a backup, and below ``state`` in a data folder."""
    return f"{BLOBS}/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def belongs(path: str) -> bool:
    """Returns whether a backup has files of this name: nothing else is read or written."""
    match = _BLOB.fullmatch(path)
    if match is not None:
        return match[3].startswith(match[1] + match[2])
    return path in (MANIFEST, KEY) or bool(_DATABASE.fullmatch(path) or _SUMS.fullmatch(path))


def dump_sums(sums: dict[str, str]) -> bytes:
    """Returns the list of checksums, by path, as ``sha256sum`` writes it."""
    return "".join(f"{sha256}  {path}\n" for path, sha256 in sorted(sums.items())).encode()


def load_sums(data: bytes) -> dict[str, str]:
    """Reads a list of checksums. Raises BackupError."""
    try:
        lines = [line.split("  ", 1) for line in data.decode().splitlines()]
        sums = {path: sha256 for sha256, path in lines}
    except ValueError as error:
        raise BackupError("The backup's list of checksums cannot be read.") from error
    if not all(belongs(path) for path in sums):
        raise BackupError("The backup's list of checksums names files that no backup has.")
    return sums

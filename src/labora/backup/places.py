"""Where backups lie: a folder, of which a later backup takes over what is there, or one tar file."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

from labora.backup.model import BLOBS, MANIFEST, BackupError, Manifest, belongs

CHUNK = 1024 * 1024


class Target(Protocol):
    """Takes what a backup consists of; :meth:`finish` makes it one."""

    def scratch(self) -> Path:
        """Returns a folder on the target's disk for the copy of the database."""
        ...

    def has(self, path: str, size: int) -> bool:
        """Returns whether a file is there already, whole."""
        ...

    def add(self, path: str, source: Path, expected: str | None = None) -> str:
        """Copies a file in and returns its SHA-256; what differs from ``expected`` is not kept. Raises OSError."""
        ...

    def finish(self, manifest: Manifest, sums: bytes, keep: set[str]) -> None:
        """Writes list and manifest, durably, and drops what a backup before left and ``keep`` does not name."""
        ...

    def abandon(self) -> None:
        """Leaves no half backup."""
        ...


class FolderTarget:
    """A folder that holds the latest backup.

    Raises BackupError for one that holds something else, or the backup of another installation.
    """

    def __init__(self, folder: Path, instance_id: str) -> None:
        self._folder = folder
        if folder.exists() and not folder.is_dir():
            raise BackupError(f"{folder} is a file. Name a folder, or a new file that ends in .tar.")
        manifest = folder / MANIFEST
        if manifest.exists():
            of = Manifest.load(manifest.read_bytes()).instance_id
            if of != instance_id:
                raise BackupError(f"{folder} holds the backup of another installation. Choose another folder.")
        elif folder.exists() and any(not _may_be_left(path) for path in folder.iterdir()):
            raise BackupError(f"{folder} is not empty and holds no backup. Choose another folder.")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def scratch(self) -> Path:
        """The folder itself: the copy stays where it is made."""
        return self._folder

    def has(self, path: str, size: int) -> bool:
        """A file under its name is whole: it got the name when it was."""
        with suppress(OSError):
            return (self._folder / path).stat().st_size == size
        return False

    def add(self, path: str, source: Path, expected: str | None = None) -> str:
        """Copies a file, or takes it over when it lies here."""
        target = self._folder / path
        if source == target:
            return _digest(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        try:
            with source.open("rb") as reading, part.open("wb") as writing:
                sha256 = _copied(reading, writing)
            if expected in (None, sha256):
                part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return sha256

    def finish(self, manifest: Manifest, sums: bytes, keep: set[str]) -> None:
        """The manifest's new name is the moment from which the folder holds the new backup."""
        (self._folder / manifest.sums).write_bytes(sums)
        os.sync()
        fresh = self._folder / f".{MANIFEST}.part"
        with fresh.open("wb") as writing:
            writing.write(manifest.dump())
            writing.flush()
            os.fsync(writing.fileno())
        fresh.replace(self._folder / MANIFEST)
        os.sync()
        for path in _files(self._folder):
            name = path.relative_to(self._folder).as_posix()
            if name not in keep and name not in (MANIFEST, manifest.sums) and (belongs(name) or _may_be_left(path)):
                path.unlink()

    def abandon(self) -> None:
        """What was copied stays for the next try; the backup of before is untouched."""


class TarTarget:
    """One new tar file. Raises BackupError where it exists already."""

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise BackupError(f"{path} exists. Choose another name, or remove it first.")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._part = path, path.with_name(f".{path.name}.part")
        self._scratch = path.with_name(f".{path.name}.scratch")
        self._scratch.mkdir(mode=0o700, exist_ok=True)
        self._file = os.fdopen(os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        self._tar = tarfile.open(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115

    def scratch(self) -> Path:
        """A folder beside the file."""
        return self._scratch

    def has(self, path: str, size: int) -> bool:
        """Nothing is there."""
        return False

    def add(self, path: str, source: Path, expected: str | None = None) -> str:
        """Appends a file; one that differs stays in, unlisted."""
        with source.open("rb") as reading:
            info = tarfile.TarInfo(path)
            info.size, info.mode = os.fstat(reading.fileno()).st_size, 0o600
            watched = _Watched(reading)
            self._tar.addfile(info, watched)
        return watched.digest.hexdigest()

    def finish(self, manifest: Manifest, sums: bytes, keep: set[str]) -> None:
        """The file gets its name last."""
        for name, data in ((manifest.sums, sums), (MANIFEST, manifest.dump())):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o600
            self._tar.addfile(info, io.BytesIO(data))
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self._path)
        shutil.rmtree(self._scratch, ignore_errors=True)

    def abandon(self) -> None:
        """Removes what was written."""
        with suppress(OSError):
            self._file.close()
        self._part.unlink(missing_ok=True)
        shutil.rmtree(self._scratch, ignore_errors=True)


def read_backup(place: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yields the files of a backup, each with its path in it. Raises BackupError for what is none."""
    if place.is_dir():
        if not (place / MANIFEST).is_file():
            raise BackupError(f"{place} holds no whole backup: {MANIFEST} is missing.")
        for path in _files(place):
            name = path.relative_to(place).as_posix()
            if belongs(name):
                with path.open("rb") as reading:
                    yield name, reading
        return
    try:
        with tarfile.open(place, "r|") as tar:
            for member in tar:
                if not member.isreg() or not belongs(member.name):
                    raise BackupError(f"{place} is no backup of Labora: it holds {member.name!r}.")
                content = tar.extractfile(member)
                if content is not None:
                    yield member.name, content
    except FileNotFoundError as error:
        raise BackupError(f"There is no {place}.") from error
    except tarfile.TarError as error:
        raise BackupError(f"{place} is no whole backup: {error}.") from error


class _Watched:
    """Hashes what is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Reads."""
        data = self._file.read(size)
        self.digest.update(data)
        return data


def _copied(reading: IO[bytes], writing: IO[bytes]) -> str:
    """Copies a file and returns the SHA-256 of what went through."""
    digest = hashlib.sha256()
    while piece := reading.read(CHUNK):
        digest.update(piece)
        writing.write(piece)
    return digest.hexdigest()


copied = _copied


def _digest(path: Path) -> str:
    with path.open("rb") as reading:
        return hashlib.file_digest(reading, "sha256").hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """Yields all files; those at the top come first."""
    yield from sorted(path for path in folder.iterdir() if path.is_file() and not path.is_symlink())
    if (folder / BLOBS).is_dir():
        yield from sorted(path for path in (folder / BLOBS).rglob("*") if path.is_file() and not path.is_symlink())


def _may_be_left(path: Path) -> bool:
    """Returns whether a file or folder may be what an interrupted backup left."""
    return path.name == BLOBS or belongs(path.name) or (path.name.startswith(".") and path.name.endswith(".part"))

"""Files of the runtime that its account may reach from outside: those below /content, /root and /tmp.

A path is walked folder by folder without following a link, after the links in it were resolved once: what lies outside
the three folders, the agent's own process among it, is never opened, also when somebody swaps a folder for a link.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import sys
import tempfile
from typing import Any

from labora_guest.spec import KernelError

MAX_ENTRIES = 5_000
"""Entries of a folder that are told at a time."""
_MAX_PATH = 4096
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CODES = {
    errno.ENOENT: ("no_such_file", "There is no such file."),
    errno.ENOTDIR: ("no_such_file", "There is no such file."),
    errno.ELOOP: ("no_such_file", "There is no such file."),
    errno.EISDIR: ("not_a_file", "This is a folder."),
    errno.ENXIO: ("not_a_file", "This is not an ordinary file."),
    errno.EACCES: ("denied", "The file may not be opened."),
    errno.EPERM: ("denied", "The file may not be changed."),
    errno.EROFS: ("denied", "The file cannot be written: its folder is read-only."),
    errno.ENAMETOOLONG: ("bad_path", "The name is too long."),
    errno.ENOSPC: ("disk_full", "The runtime's disk is full. Delete something there, then try again."),
    errno.EDQUOT: ("disk_full", "The runtime's disk is full. Delete something there, then try again."),
}


def failure(error: OSError) -> KernelError:
    """Returns what is told of a call to the system that failed."""
    code, message = _CODES.get(error.errno or 0, ("io_error", error.strerror or "The file could not be used."))
    return KernelError(code, message)


def roots() -> dict[str, str]:
    """Returns the reachable folders by the name that they have outside; tests put others in their place."""
    content, home = os.environ.get("LABORA_CONTENT", "/content"), os.environ.get("HOME", "/root")
    return {"/content": content, "/root": home, "/tmp": tempfile.gettempdir()}  # noqa: S108 - it is the runtime's own


class Place:
    """A name in a folder that is open; use it in a ``with`` block."""

    def __init__(self, folder: int, name: str) -> None:
        self.folder = folder
        self.name = name

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the folder. Safe to repeat."""
        if self.folder >= 0:
            os.close(self.folder)
            self.folder = -1


def find(path: Any, *, make: bool = False) -> Place:
    """Opens the folder that ``path`` lies in; ``.`` is the name of a folder that can be reached itself.

    Args:
        path: absolute, or relative to /content.
        make: for writing: makes the folders that are missing.

    Raises:
        KernelError: ``bad_path``, ``outside``, ``no_such_file`` and what else the system refuses.
    """
    root, parts = _resolve(path, roots() if make else {**roots(), **{name: name for name in read_only()}})
    try:
        folder = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parts[:-1]:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, dir_fd=folder)
                below = os.open(part, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = below
        except BaseException:
            os.close(folder)
            raise
    except OSError as error:
        raise failure(error) from error
    return Place(folder, parts[-1] if parts else ".")


def read_only() -> list[str]:
    """Returns the folders that may be read beside the three: the parts of widgets that run in the page."""
    prefixes = dict.fromkeys(("/opt/python", "/usr/local", "/usr", sys.prefix))
    return [f"{prefix}/share/jupyter/{kind}" for prefix in prefixes for kind in ("nbextensions", "labextensions")]


def _resolve(path: Any, known: dict[str, str]) -> tuple[str, list[str]]:
    """Returns the folder that the path is below, and the names from there, none of which was a link just now."""
    if not isinstance(path, str) or not path or "\0" in path or len(path.encode("utf-8", "replace")) > _MAX_PATH:
        raise KernelError("bad_path", "A path has 1 to 4096 bytes.")
    names = [
        name for name in (path if path.startswith("/") else f"/content/{path}").split("/") if name not in ("", ".")
    ]
    plain = "/" + "/".join(names)
    named = next((name for name in known if plain == name or plain.startswith(f"{name}/")), None)
    if ".." in names or named is None:
        raise KernelError("outside", "Only what lies below /content, /root and /tmp can be reached.")
    try:
        wanted = os.path.realpath(known[named] + plain[len(named) :])
        for root in map(os.path.realpath, known.values()):
            if wanted == root or wanted.startswith(root.rstrip("/") + "/"):
                return root, [name for name in wanted[len(root) :].split("/") if name]
    except (OSError, ValueError) as error:
        raise KernelError("bad_path", "The path cannot be read.") from error
    raise KernelError("outside", "The path is a link that leads out of /content, /root and /tmp.")


def describe(args: dict[str, Any]) -> dict[str, Any]:
    """Returns name, kind, size in bytes and time of change of one file or folder."""
    with find(args.get("path")) as place:
        try:
            found = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
        except OSError as error:
            raise failure(error) from error
        return _entry(place.name, found)


def _entry(name: str, found: os.stat_result) -> dict[str, Any]:
    kinds = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "folder"), (stat.S_ISLNK, "link"))
    kind = next((kind for is_kind, kind in kinds if is_kind(found.st_mode)), "other")
    size = found.st_size if kind == "file" else 0
    # A name need not be UTF-8; what is told is text, and such a file is reached from inside only.
    shown = os.fsencode(name).decode("utf-8", "replace")
    return {"name": shown, "kind": kind, "size": size, "modified": found.st_mtime}


def listing(args: dict[str, Any]) -> dict[str, Any]:
    """Returns what a folder holds, folders first, and whether there is more than is told."""
    with find(args.get("path")) as place:
        entries: list[dict[str, Any]] = []
        try:
            folder = os.open(
                place.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.folder
            )
            try:
                with os.scandir(folder) as found:
                    names = sorted(entry.name for entry in found)
                for name in names[:MAX_ENTRIES]:
                    with contextlib.suppress(FileNotFoundError):
                        entries.append(_entry(name, os.stat(name, dir_fd=folder, follow_symlinks=False)))
            finally:
                os.close(folder)
        except OSError as error:
            raise failure(error) from error
    entries.sort(key=lambda entry: entry["kind"] != "folder")
    return {"entries": entries, "more": len(names) > MAX_ENTRIES}


class Reading:
    """An ordinary file, open for reading a part of it.

    Raises:
        KernelError: it is none, or the system refuses.
    """

    def __init__(self, path: Any, offset: int = 0, length: int | None = None) -> None:
        with find(path) as place:
            # Opening a pipe or a device must not wait.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            try:
                self._file = os.open(place.name, flags, dir_fd=place.folder)
            except OSError as error:
                raise failure(error) from error
        found = os.fstat(self._file)
        if not stat.S_ISREG(found.st_mode):
            self.close()
            raise KernelError("not_a_file", "This is not an ordinary file.")
        self.size, self.modified = found.st_size, found.st_mtime
        self._at = max(0, offset)
        self.left = max(0, self.size - self._at)
        if length is not None:
            self.left = min(self.left, max(0, length))

    def read(self, most: int) -> bytes:
        """Returns the next bytes; none at the end. Raises KernelError when the file got shorter meanwhile."""
        if self.left == 0:
            return b""
        try:
            data = os.pread(self._file, min(most, self.left), self._at)
        except OSError as error:
            raise failure(error) from error
        if not data:
            raise KernelError("changed", "The file became shorter while it was read.")
        self._at += len(data)
        self.left -= len(data)
        return data

    def close(self) -> None:
        """Closes the file. Safe to repeat."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Writing:
    """A file that is written beside its place and takes it when all is there; folders on the way are made.

    Args:
        path: where it goes; an ordinary file that is there is replaced.
        size: how many bytes will come, so that a disk that is too full refuses at once; None when it is not known.

    Raises:
        KernelError: something else is in its place, or the system refuses.
    """

    def __init__(self, path: Any, size: int | None) -> None:
        self._place = find(path, make=True)
        self._file = -1
        try:
            self._open(size)
        except OSError as error:
            self.close()
            raise failure(error) from error
        except BaseException:
            self.close()
            raise

    def _open(self, size: int | None) -> None:
        folder, name = self._place.folder, self._place.name
        mode = 0o644
        with contextlib.suppress(FileNotFoundError):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISREG(found.st_mode):
                raise KernelError("not_a_file", "Something else than a file has this name.")
            mode = stat.S_IMODE(found.st_mode)
        self._temporary = f".labora-{secrets.token_hex(8)}.part"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(self._temporary, flags, 0o600, dir_fd=folder)
        os.fchmod(self._file, mode)
        space = os.fstatvfs(self._file)
        if size is not None and size > space.f_bavail * space.f_frsize:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write(self, data: bytes) -> None:
        """Appends. Raises KernelError, ``disk_full`` among them."""
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            raise failure(error) from error

    def finish(self) -> dict[str, Any]:
        """Puts the file in its place and describes it."""
        try:
            found = os.fstat(self._file)
            folder = self._place.folder
            os.rename(self._temporary, self._place.name, src_dir_fd=folder, dst_dir_fd=folder)
            os.close(self._file)
            self._file = -1
            return _entry(self._place.name, found)
        except OSError as error:
            raise failure(error) from error
        finally:
            self.close()

    def close(self) -> None:
        """Forgets what was not finished. Safe to repeat."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            with contextlib.suppress(OSError):
                os.unlink(self._temporary, dir_fd=self._place.folder)
        self._place.close()

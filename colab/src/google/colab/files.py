"""Files between the runtime and the computer in front of you."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator

from google.colab import _ask

__all__ = ["download", "upload", "upload_file", "view"]

_REACHED = ("/content", "/root", "/tmp")  # noqa: S108 - where the page can put and fetch files
_CANCELLED = ("cancelled", "denied")


def upload(target_dir: str = "") -> dict[str, bytes]:
    """Lets you choose files and puts them into ``target_dir``, the working folder by default.

    Returns their content by the names they have there; a name that is taken gets a number. Big files are better taken
    by :func:`upload_file`, which does not read them into memory.

    Raises:
        RuntimeError: no page is open, or a file could not be sent.
    """
    found = {}
    for name in _upload(target_dir, multiple=True):
        with open(name, "rb") as file:
            found[name] = file.read()
    return found


def upload_file(filename: str) -> str:
    """Lets you choose one file, keeps it as ``filename``, replacing what was there, and returns that name.

    Raises:
        FileNotFoundError: nothing was chosen.
        RuntimeError: no page is open, or the file could not be sent.
    """
    folder = os.path.dirname(filename)
    with _staging(folder) as staging:
        names = _asked(staging, multiple=False)
        if not names:
            raise FileNotFoundError("No file was chosen.")
        print(f"Saving {names[0]} to {filename}")
        shutil.move(os.path.join(staging, names[0]), filename)
    return filename


def download(filename: str) -> None:
    """Sends a file to your browser, which saves it.

    Raises:
        FileNotFoundError: there is no such file.
        IsADirectoryError: it is a folder.
        RuntimeError: the page could not take it.
    """
    path = _existing(filename)
    if os.path.isdir(path):
        raise IsADirectoryError(f"{filename} is a folder. Pack it first: shutil.make_archive(name, 'zip', folder).")
    if not _reached(path):
        # Kept until the kernel ends: the browser fetches it in its own time.
        copied = os.path.join(tempfile.mkdtemp(prefix="download-", dir="/tmp"), os.path.basename(path))
        shutil.copyfile(path, copied)
        path = copied
    _tell_page("download", path, f"{filename} was not downloaded")


def view(filepath: str) -> None:
    """Opens a file or folder in the page. Raises FileNotFoundError where there is none."""
    _tell_page("view", _existing(filepath), f"{filepath} was not opened")


def _existing(name: str) -> str:
    path = os.path.realpath(os.path.expanduser(name))
    if not os.path.exists(path):
        raise FileNotFoundError(f"Cannot find file: {name}")
    return path


def _reached(path: str) -> bool:
    return any(path == place or path.startswith(place + "/") for place in map(os.path.realpath, _REACHED))


def _tell_page(kind: str, path: str, what: str) -> None:
    try:
        _ask.ask(kind, path=path)
    except _ask.RefusedError as error:
        if error.code != "nobody_asked":
            raise
        # A run in the background must not end here.
        print(f"{what}: no page of yours is open. It stays in the runtime.", file=sys.stderr)


@contextlib.contextmanager
def _staging(folder: str) -> Iterator[str]:
    """An empty folder for what arrives, on the file system of the folder where it shall lie, and gone afterwards."""
    target = os.path.realpath(folder or os.getcwd())
    os.makedirs(target, exist_ok=True)
    place = target if _reached(target) else os.path.realpath(os.path.expanduser("~"))
    staging = tempfile.mkdtemp(prefix=".uploading-", dir=place)
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _asked(staging: str, *, multiple: bool) -> list[str]:
    """Returns the names of what was chosen and lies in ``staging``."""
    try:
        answer = _ask.ask("upload", multiple=multiple, folder=staging, accept="")
    except _ask.RefusedError as error:
        if error.code in _CANCELLED:
            return []
        raise
    names = [os.path.basename(str(entry.get("name", ""))) for entry in answer or [] if isinstance(entry, dict)]
    return [name for name in names if name and os.path.isfile(os.path.join(staging, name))]


def _upload(folder: str, *, multiple: bool) -> Iterator[str]:
    with _staging(folder) as staging:
        for name in _asked(staging, multiple=multiple):
            path = _free(os.path.join(folder, name))
            print(f"Saving {name} to {os.path.basename(path)}")
            shutil.move(os.path.join(staging, name), path)
            yield path


def _free(path: str) -> str:
    """Returns ``path``, or its like with a number where something has that name."""
    base, extension = os.path.splitext(path)
    number = 0
    while os.path.lexists(path):
        number += 1
        path = f"{base} ({number}){extension}"
    return path

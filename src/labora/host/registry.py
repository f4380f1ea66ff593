"""Handles on disk: one JSON file a runtime, written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

from labora.base.logging import get_logger
from labora.host.model import Handle

_log = get_logger("host")


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Replaces ``path`` with ``text``: after a crash it holds either the old or the new text, on disk."""
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Registry:
    """The handles of one host.

    Args:
        folder: ``run/runtimes`` of the data folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self) -> dict[str, Handle]:
        """Returns every readable handle by runtime id; an unreadable file is set aside and logged."""
        handles = {}
        for path in sorted(self._folder.glob("*.json")):
            try:
                handle = Handle.from_json(json.loads(path.read_text()))
            except (OSError, ValueError, KeyError, TypeError) as error:
                _log.warning("handle_unreadable", path=str(path), error=str(error))
                path.rename(path.with_suffix(".bad"))
                continue
            if handle.runtime_id == path.stem:
                handles[handle.runtime_id] = handle
        return handles

    def save(self, handle: Handle) -> None:
        """Stores the handle durably."""
        write_atomically(self._folder / f"{handle.runtime_id}.json", json.dumps(handle.as_json()))

    def forget(self, runtime_id: str) -> None:
        """Removes the handle."""
        (self._folder / f"{runtime_id}.json").unlink(missing_ok=True)

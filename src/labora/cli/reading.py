"""Files that a command is given."""

from __future__ import annotations

from pathlib import Path

from labora.base.errors import LaboraError, NotFoundError


def read_file(path: Path) -> bytes:
    """Returns what is in a file.

    Raises:
        NotFoundError: there is no such file.
        LaboraError: ``unreadable``: it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no file {path}.") from error
    except OSError as error:
        raise LaboraError(f"{path} cannot be read: {error.strerror}.", code="unreadable") from error

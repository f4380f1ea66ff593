"""Reads ``dataset.json``, which says of a held set what lies there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from labora.base.errors import UnavailableError
from labora.datasets.manifests import ABOUT


def read_about(folder: Path) -> dict[str, Any]:
    """Returns what ``dataset.json`` in a set's folder says.

    ``files`` has ``bytes`` and ``sha256`` of each file, ``made`` what each form for a library was written from.

    Raises:
        UnavailableError: it is damaged (``dataset_damaged``).
        OSError: it cannot be read.
    """
    try:
        about = json.loads((folder / ABOUT).read_text())
    except (ValueError, RecursionError):
        about = None
    if not isinstance(about, dict) or not _is_whole(about.get("files"), about.setdefault("made", {})):
        raise UnavailableError(
            f"{folder.name}/{ABOUT} is damaged. `labora dataset remove {folder.name}` and then `labora dataset fetch "
            f"{folder.name}` get the set anew.",
            code="dataset_damaged",
        )
    return about


def _is_whole(files: Any, made: Any) -> bool:
    return (
        isinstance(files, dict)
        and all(isinstance(one, dict) and one.keys() == {"bytes", "sha256"} for one in files.values())
        and isinstance(made, dict)
        and all(isinstance(one, dict) for one in made.values())
    )

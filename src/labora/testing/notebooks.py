"""Real notebooks and the comparison that round trips are held to."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any


def typed_difference(one: Any, other: Any, path: str = "$") -> str | None:
    """Returns where two JSON values differ, types included, or None: 1, 1.0 and true are three values."""
    if type(one) is not type(other):
        return f"{path}: {type(one).__name__} and {type(other).__name__}"
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return f"{path}: only one side has {sorted(one.keys() ^ other.keys())}"
        pairs = ((f"{path}.{key}", value, other[key]) for key, value in one.items())
    elif isinstance(one, list):
        if len(one) != len(other):
            return f"{path}: {len(one)} and {len(other)} items"
        pairs = ((f"{path}[{at}]", *values) for at, values in enumerate(zip(one, other, strict=True)))
    elif isinstance(one, float):
        same = one == other and math.copysign(1, one) == math.copysign(1, other)
        return None if same else f"{path}: {one!r} and {other!r}"
    else:
        return None if one == other else f"{path}: {one!r} and {other!r}"
    return next((found for place, left, right in pairs if (found := typed_difference(left, right, place))), None)


def sample_notebooks(checkout: Path) -> list[Path]:
    """Returns the notebooks of nbformat's and nbclient's own tests, which ``scripts/setup --dev`` unpacked."""
    return sorted((checkout / ".cache" / "notebooks").rglob("*.ipynb"))


def real_notebook_folder(checkout: Path) -> Path | None:
    """Returns the folder of real notebooks for tests: ``LABORA_TEST_NOTEBOOKS``, or ``../shared/notebooks``."""
    named = os.environ.get("LABORA_TEST_NOTEBOOKS")
    folder = Path(named) if named else checkout.parent / "shared" / "notebooks"
    return folder if folder.is_dir() else None

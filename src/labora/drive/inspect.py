"""Whether a notebook can be edited, decided when its bytes arrive."""

from __future__ import annotations

import json

from labora.base.settings import LimitSettings
from labora.drive.ports import NotebookInspector


def notebook_inspector(limits: LimitSettings) -> NotebookInspector:
    """Returns a reader that applies the limits of this server."""

    def inspect(data: bytes) -> str | None:
        try:
            content = json.loads(data)
        except (ValueError, RecursionError) as error:
            return f"This is not valid JSON: {str(error)[:200]}."
        if not isinstance(content, dict) or "nbformat" not in content:
            return "This is JSON, but not a notebook."
        return None

    return inspect

"""Whether a notebook can be edited, decided when its bytes arrive."""

from __future__ import annotations

from labora.base.errors import LaboraError
from labora.base.settings import LimitSettings
from labora.drive.ports import NotebookInspector
from labora.notebook.codec import read_notebook


def notebook_inspector(limits: LimitSettings) -> NotebookInspector:
    """Returns a reader that applies the limits of this server."""

    def inspect(data: bytes) -> str | None:
        try:
            return read_notebook(data, limits).read_only_reason
        except LaboraError as error:
            return error.message

    return inspect

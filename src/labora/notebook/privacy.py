"""What is left out of a notebook: its outputs, and what other editors wrote into it about people.

What counts as personal is listed here and in docs/guides/private-notebooks.md, and nothing else is touched: names that
somebody typed into text, code or the list of authors are content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from labora.base.settings import LimitSettings
from labora.notebook.codec import read_notebook, write_notebook
from labora.notebook.document import NotebookDocument
from labora.notebook.model import BlobSink, Notebook

PERSONAL_IN_CELL = ("user", "user_tz")
"""Members of a cell's ``executionInfo``: name, picture and id of who ran it, and the time zone of their browser."""

PERSONAL_IN_COLAB = ("authorship_tag", "mount_file_id", "provenance")
"""Members of the notebook's ``colab``: a mark of its author, and ids of files in people's drives."""

SETTING = "labora"
"""Key of the notebook's metadata that holds what is set here: ``{"strip_personal": true}``."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a notebook says about how it is saved.

    Attributes:
        omit_outputs: outputs are not saved; ``colab.private_outputs``, as Colaboratory writes it.
        strip_personal: what is personal is taken out with every save.
    """

    omit_outputs: bool
    strip_personal: bool


def settings_of(metadata: Mapping[str, Any]) -> Settings:
    """Returns the settings in a notebook's metadata."""
    colab, own = metadata.get("colab"), metadata.get(SETTING)
    return Settings(
        isinstance(colab, dict) and colab.get("private_outputs") is True,
        isinstance(own, dict) and own.get("strip_personal") is True,
    )


def with_setting(metadata: Mapping[str, Any], section: str, key: str, *, on: bool) -> dict[str, Any]:
    """Returns the section of the metadata that says so, the rest of it unchanged; empty where nothing is left."""
    found = metadata.get(section)
    members = dict(found) if isinstance(found, dict) else {}
    members.pop(key, None)
    return {**members, key: True} if on else members


def without_outputs(notebook: Notebook) -> Notebook:
    """Returns a notebook without outputs; counts stay."""
    return replace(
        notebook, cells=tuple(replace(cell, outputs=()) if cell.outputs else cell for cell in notebook.cells)
    )


def impersonal_cell(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the value of ``executionInfo`` without what is personal, or None where there is nothing of the kind."""
    info = metadata.get("executionInfo")
    if not isinstance(info, dict) or not any(key in info for key in PERSONAL_IN_CELL):
        return None
    return {key: value for key, value in info.items() if key not in PERSONAL_IN_CELL}


def impersonal_notebook(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the value of ``colab`` without what is personal, or None where there is nothing of the kind."""
    colab = metadata.get("colab")
    if not isinstance(colab, dict) or not any(key in colab for key in PERSONAL_IN_COLAB):
        return None
    return {key: value for key, value in colab.items() if key not in PERSONAL_IN_COLAB}


def without_personal(notebook: Notebook) -> Notebook:
    """Returns a notebook without what is personal in its metadata."""
    cells = []
    for cell in notebook.cells:
        info = impersonal_cell(cell.metadata)
        cells.append(cell if info is None else replace(cell, metadata={**cell.metadata, "executionInfo": info}))
    colab = impersonal_notebook(notebook.metadata)
    metadata = notebook.metadata if colab is None else {**notebook.metadata, "colab": colab}
    return replace(notebook, cells=tuple(cells), metadata=metadata)


def strip_document(document: NotebookDocument) -> list[bytes]:
    """Takes out of a live notebook what is personal; returns the updates, none where there is nothing."""
    updates = [
        document.set_metadata({"executionInfo": info}, cell_id=view.id)
        for view in document.cells()
        if (info := impersonal_cell(view.metadata)) is not None
    ]
    if (colab := impersonal_notebook(document.metadata())) is not None:
        updates.append(document.set_metadata({"colab": colab}))
    return updates


def clean_bytes(data: bytes, limits: LimitSettings, *, outputs: bool, personal: bool) -> bytes:
    """Returns a file without outputs, without what is personal, or both; the rest as it was.

    Args:
        outputs: whether outputs stay.
        personal: whether what is personal stays.

    Raises InvalidError, TooLargeError or UnsupportedError for what is no notebook.
    """
    sink = BlobSink()
    notebook = read_notebook(data, limits, store=sink).notebook
    kept = {ref["sha256"]: content for ref, content in sink.take()}
    if not outputs:
        notebook = without_outputs(notebook)
    if not personal:
        notebook = without_personal(notebook)
    return write_notebook(notebook, resolve=lambda ref: kept[ref["sha256"]])

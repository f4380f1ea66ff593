"""Notes that a client forges in the document never keep a notebook from being written (threat model, case 69)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labora.notebook.codec import write_notebook
from labora.notebook.document import NotebookDocument
from labora.notebook.model import Cell, Notebook, new_notebook

ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["raw", "source", "x"]), inner),
    max_leaves=4,
)
CELL_KEYS = st.sampled_from(["kind", "order", "keys", "type", "source", "metadata", "count", "outputs", "id"])
NOTEBOOK_KEYS = st.sampled_from(
    ["indent", "tight", "crlf", "ascii", "cells", "ids", "metadata", "keys", "order", "nbformat", "nbformat_minor"]
)


def written(notebook: Notebook) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(write_notebook(notebook, resolve=lambda ref: b""))
    return read


@given(ODD | st.dictionaries(CELL_KEYS, ODD), ODD | st.dictionaries(NOTEBOOK_KEYS, ODD), st.sampled_from("cmr"))
def test_sec_69_any_note_of_form_can_be_written(cell_note: Any, note: Any, letter: str) -> None:
    kind: Any = {"c": "code", "m": "markdown", "r": "raw"}[letter]
    cell = Cell(id="c0", kind=kind, source="a\nb", extra={"$form": cell_note})
    document = NotebookDocument.from_notebook(Notebook((cell,), {}, 4, 5, {"$form": note}))
    (found,) = written(document.to_notebook())["cells"]
    source = found["source"]
    assert (source if isinstance(source, str) else "".join(source)) == "a\nb"


@pytest.mark.parametrize("version", ["x", None, [], {}, True, 4.5])
def test_sec_69_any_version_can_be_written(version: Any) -> None:
    document = NotebookDocument.from_notebook(new_notebook([Cell(id="c0", kind="code", source="a")]))
    document.set_extra({"nbformat": version, "nbformat_minor": version})
    assert written(document.to_notebook())["nbformat"] == 4


def test_sec_69_extras_do_not_hide_what_the_page_shows() -> None:
    """The exported code is the code that people read, whatever a client wrote beside it."""
    cell = Cell(id="c0", kind="code", source="shown", extra={"source": "hidden", "outputs": [1], "id": "x", "other": 1})
    document = NotebookDocument.from_notebook(new_notebook([cell]))
    document.set_extra({"cells": [], "metadata": {"evil": 1}, "nbformat": 4, "mine": 2})
    read = written(document.to_notebook())
    assert [found["source"] for found in read["cells"]] == [["shown"]]
    assert (read["cells"][0]["id"], read["cells"][0]["outputs"], read["cells"][0]["other"]) == ("c0", [], 1)
    assert "evil" not in read["metadata"]
    assert read["mine"] == 2

"""The text of a notebook, for search."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from labora.base.errors import LaboraError
from labora.base.settings import LimitSettings
from labora.notebook.codec import read_notebook
from labora.notebook.texts import MAX_OUTPUTS, MAX_OUTPUTS_OF_CELL, MAX_SOURCES, Text, notebook_texts

LIMITS = LimitSettings()


def book(*cells: dict[str, Any], minor: int = 5) -> bytes:
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": minor}).encode()


def code(source: Any, *outputs: Any) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "execution_count": None, "source": source, "outputs": outputs}


def test_sources_and_what_outputs_say() -> None:
    data = book(
        {"cell_type": "markdown", "id": "m", "metadata": {}, "source": ["# Title\n", "text"]},
        {
            **code(
                "x = 1",
                {"output_type": "stream", "name": "stdout", "text": ["\x1b[31mred\x1b[0m\n", "10%\r20%\n"]},
                {"output_type": "execute_result", "data": {"text/plain": "42", "text/html": "<b>42</b>"}},
                {
                    "output_type": "error",
                    "ename": "ValueError",
                    "evalue": "bad",
                    "traceback": ["\x1b[0;31mline 1\x1b[0m"],
                },
                {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo"}},
            ),
            "id": "c",
        },
    )
    assert notebook_texts(data, LIMITS) == [
        Text("m", "text", "# Title\ntext"),
        Text("c", "code", "x = 1"),
        Text("c", "outputs", "red\n20%\n\n42\nValueError: bad\nline 1\n"),
    ]


def test_cells_have_the_ids_under_which_they_are_opened() -> None:
    data = book(code("a"), code("b"), code("a"), minor=2)
    opened = [cell.id for cell in read_notebook(data, LIMITS).notebook.cells]
    assert [text.cell_id for text in notebook_texts(data, LIMITS)] == opened


def test_it_is_bounded_and_leaves_data_out() -> None:
    image = "![](data:image/png;base64," + "iVBORw0KGgo" * 1000 + ")"
    (text,) = notebook_texts(book({"cell_type": "markdown", "id": "m", "metadata": {}, "source": image}), LIMITS)
    assert len(text.text) < 60
    long = code("word " * 250_000, *[{"output_type": "stream", "name": "stdout", "text": "word " * 8_000}] * 2)
    texts = notebook_texts(book(*[long] * 3, *[code("", *long["outputs"])] * 40), LIMITS)
    assert sum(len(text.text) for text in texts if text.kind == "code") <= MAX_SOURCES
    assert sum(len(text.text) for text in texts if text.kind == "outputs") <= MAX_OUTPUTS
    assert max(len(text.text) for text in texts if text.kind == "outputs") <= MAX_OUTPUTS_OF_CELL


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["data", "text", "source"]), inner),
    max_leaves=6,
)
cells = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "raw", "x"]) | values,
        "source": values,
        "outputs": values,
        "id": values,
        "metadata": values,
    },
)


@given(st.lists(cells | values, max_size=4))
def test_whatever_a_notebook_holds_is_read_or_refused(found: list[Any]) -> None:
    data = json.dumps({"cells": found, "nbformat": 4, "nbformat_minor": 5}).encode()
    refused = False
    try:
        notebook_texts(data, LIMITS)
    except LaboraError:
        refused = True
    assert isinstance(refused, bool)

"""Reading and writing .ipynb files."""

from __future__ import annotations

import base64
import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labora.base.errors import InvalidError, LaboraError, TooLargeError, UnsupportedError
from labora.base.settings import LimitSettings
from labora.notebook.codec import read_notebook, write_notebook
from labora.notebook.document import NotebookDocument
from labora.notebook.model import BlobSink, Cell, blob_refs, new_notebook
from labora.testing.notebooks import typed_difference

LIMITS = LimitSettings()


def as_bytes(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode()


def notebook(*cells: dict[str, Any], **top: Any) -> dict[str, Any]:
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **top}


def code(source: Any = "1", **keys: Any) -> dict[str, Any]:
    usual = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "id": "a"}
    return {**usual, "source": source, **keys}


def round_trip(data: bytes, *, through_document: bool = True) -> Any:
    sink = BlobSink()
    read = read_notebook(data, LIMITS, store=sink).notebook
    if through_document:
        document = NotebookDocument.from_notebook(read)
        read = document.to_notebook(json.loads(json.dumps(read.cell_states())))
    return json.loads(write_notebook(read, resolve=sink.resolve, output_export_bytes=LIMITS.output_export_bytes))


def assert_same(value: Any) -> None:
    assert typed_difference(value, round_trip(as_bytes(value))) is None


# -- what must survive ----------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
numbers = (
    st.integers() | st.integers(min_value=2**53, max_value=2**80) | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(texts, values, max_size=4)
multiline = texts | st.lists(texts, max_size=4) | st.lists(st.sampled_from(["a\n", "b\r\n", "c", "\x0c\n"]), max_size=5)
bundles = st.dictionaries(
    st.sampled_from(["text/plain", "text/html", "image/png", "application/json", "application/x+json", "x"]),
    multiline | values,
    max_size=3,
)
outputs = st.one_of(
    st.fixed_dictionaries(
        {"output_type": st.just("stream"), "text": multiline}, optional={"name": st.sampled_from(["stdout", "stderr"])}
    ),
    st.fixed_dictionaries(
        {"output_type": st.just("display_data"), "data": bundles},
        optional={"metadata": objects, "id": values, "other": values, "parts": values},
    ),
    st.fixed_dictionaries(
        {"output_type": st.just("execute_result"), "data": bundles, "metadata": objects, "execution_count": values}
    ),
    st.fixed_dictionaries(
        {"output_type": st.just("error")},
        optional={"ename": texts, "evalue": texts, "traceback": st.lists(texts, max_size=3) | values},
    ),
    values,
)
ids = st.sampled_from(["a", "b", "c", "not valid!", ""]) | texts
cells = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "code", "markdown", "raw", "heading"]),
        "source": multiline | values,
        "metadata": objects | values | st.fixed_dictionaries({"id": ids}),
        "outputs": st.lists(outputs, max_size=3) | values,
        "execution_count": st.integers(0, 9) | values,
        "id": ids,
        "attachments": values,
        "$form": values,
        "form": values,
    },
)
notebooks = st.fixed_dictionaries(
    {"cells": st.lists(cells, max_size=4), "nbformat": st.just(4)},
    optional={
        "nbformat_minor": st.integers(0, 5),
        "metadata": objects | values,
        "form": values,
        "$form": values,
        "other": values,
    },
)


@given(notebooks)
@settings(max_examples=300, deadline=None)
def test_any_untouched_notebook_comes_back_as_equal_typed_json(value: Any) -> None:
    assert_same(value)


@pytest.mark.parametrize("indent", [None, 0, 1, 2, 4, "\t"])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("end", ["", "\n"])
def test_layout_is_kept(indent: Any, ascii_only: bool, end: str) -> None:
    text = json.dumps(notebook(code("é = 1\n")), indent=indent, ensure_ascii=ascii_only) + end
    read = read_notebook(text.encode(), LIMITS).notebook
    assert write_notebook(read, resolve=BlobSink().resolve).decode() == text


def test_windows_line_ends_of_the_file_are_kept() -> None:
    data = as_bytes(notebook(code())).replace(b"\n", b"\r\n")
    assert write_notebook(read_notebook(data, LIMITS).notebook, resolve=BlobSink().resolve) == data


def test_old_minor_versions_gain_no_ids() -> None:
    for minor in range(5):
        cell = code()
        del cell["id"]
        value = notebook(cell, {**cell, "metadata": {"id": "x1"}}, nbformat_minor=minor)
        assert_same(value)


def test_a_new_cell_takes_on_the_habits_of_the_file() -> None:
    colab = {"cell_type": "code", "metadata": {"id": "one"}, "source": "1\n2", "execution_count": None, "outputs": []}
    value = notebook(colab, nbformat_minor=0)
    read = read_notebook(as_bytes(value), LIMITS).notebook
    document = NotebookDocument.from_notebook(read)
    document.insert_cell(Cell(id="two", kind="code", source="3\n4"), after="one")
    first, second = json.loads(write_notebook(document.to_notebook(), resolve=BlobSink().resolve))["cells"]
    assert first == colab
    assert second == {**colab, "metadata": {"id": "two"}, "source": "3\n4"}
    assert list(second) == list(colab)


def test_an_edited_cell_with_a_broken_id_gets_a_sound_one() -> None:
    value = notebook(code("x", id="same"), code("y", id="same"), code("z", id="no good"))
    read = read_notebook(as_bytes(value), LIMITS).notebook
    assert read.cells[0].id == "same"
    assert len({cell.id for cell in read.cells}) == 3
    document = NotebookDocument.from_notebook(read)
    document.set_source(read.cells[1].id, "edited")
    written = json.loads(write_notebook(document.to_notebook(), resolve=BlobSink().resolve))["cells"]
    assert [cell["id"] for cell in written] == ["same", read.cells[1].id, "no good"]


def test_the_same_bytes_get_the_same_ids() -> None:
    cell = code()
    del cell["id"]
    data = as_bytes(notebook(cell, cell, nbformat_minor=2))
    once, again = (read_notebook(data, LIMITS).notebook for _ in range(2))
    assert [one.id for one in once.cells] == [one.id for one in again.cells]
    assert len({one.id for one in once.cells}) == 2


def test_sources_hold_plain_newlines_and_come_back_with_their_own() -> None:
    value = notebook(code(["a\r\n", "b\r", "c"]))
    assert read_notebook(as_bytes(value), LIMITS).notebook.cells[0].source == "a\nb\nc"
    assert_same(value)


def test_a_cell_that_changed_its_kind_is_valid() -> None:
    value = notebook(code("x", id="a"), {"cell_type": "markdown", "metadata": {}, "source": [], "id": "b"})
    document = NotebookDocument.from_notebook(read_notebook(as_bytes(value), LIMITS).notebook)
    document.set_kind("a", "markdown")
    document.set_kind("b", "code")
    first, second = json.loads(write_notebook(document.to_notebook(), resolve=BlobSink().resolve))["cells"]
    assert set(first) == {"cell_type", "id", "metadata", "source"}
    assert set(second) == {"cell_type", "id", "metadata", "source", "outputs", "execution_count"}


def test_a_new_notebook_is_valid_nbformat() -> None:
    import nbformat

    written = write_notebook(new_notebook(), resolve=BlobSink().resolve)
    nbformat.validate(nbformat.from_dict(json.loads(written)))


# -- outputs by reference -------------------------------------------------------------------------------------


def display(data: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "data": data, "metadata": {}}


@pytest.mark.parametrize("width", [0, 76, 77])
@pytest.mark.parametrize("end", ["", "\n"])
@pytest.mark.parametrize("as_list", [False, True])
def test_large_images_are_stored_decoded_and_written_as_they_came(width: int, end: str, as_list: bool) -> None:
    image = bytes(range(256)) * 100
    text = base64.b64encode(image).decode()
    if width:
        text = "\n".join(text[at : at + width] for at in range(0, len(text), width))
    text += end
    value = notebook(code(outputs=[display({"image/png": text.splitlines(keepends=True) if as_list else text})]))
    sink = BlobSink()
    read = read_notebook(as_bytes(value), LIMITS, store=sink).notebook
    shown = read.cells[0].outputs[0]["data"]["image/png"]["$blob"]
    assert sink.resolve(shown) == image
    assert shown["media_type"] == "image/png"
    assert_same(value)


@pytest.mark.parametrize(
    "output",
    [
        display({"image/png": "not base64! " * 2000}),
        display({"text/html": ["<b>\n"] * 5000}),
        display({"text/plain": "x" * 20000, "application/json": {"a": [1, 1.0, 2**70] * 2000}}),
        display({"application/json": "a string" * 2000}),
        display({"x": {"a": "y" * 20000}}),
        {"output_type": "stream", "name": "stdout", "text": [f"line {n}\n" for n in range(60000)]},
        {"output_type": "stream", "name": "stdout", "text": "\r10%\r20%\x08\x08" * 3000},
        {"output_type": "error", "ename": "E", "evalue": "x" * 300_000, "traceback": ["y"] * 500},
        {"output_type": "strange", "payload": "z" * 20000},
    ],
)
def test_large_values_come_back_as_they_were(output: dict[str, Any]) -> None:
    value = notebook(code(outputs=[output]))
    sink = BlobSink()
    read = read_notebook(as_bytes(value), LIMITS, store=sink).notebook
    assert len(json.dumps(read.cells[0].outputs[0])) < 300_000
    assert list(blob_refs(read.cells[0].outputs))
    assert_same(value)


def test_saved_progress_bars_are_shown_as_a_terminal_would() -> None:
    value = notebook(code(outputs=[{"output_type": "stream", "name": "stderr", "text": ["\r 10%", "\r100%\n"]}]))
    assert read_notebook(as_bytes(value), LIMITS).notebook.cells[0].outputs[0]["text"] == "100%\n"
    assert_same(value)


@pytest.mark.parametrize(
    "output",
    [
        display({"application/json": {"$blob": {"sha256": "0" * 64, "size": 1, "media_type": "text/plain"}}}),
        display({"text/plain": {"$blob": {"sha256": "0" * 64, "size": 1, "media_type": "text/plain"}}}),
        {"output_type": "stream", "name": "stdout", "text": "", "parts": [{"sha256": "0" * 64, "size": 1, "lines": 1}]},
        {**display({}), "parts": [{"sha256": "0" * 64, "size": 1, "lines": 1}]},
        {**display({}), "$raw": {"$blob": {"sha256": "0" * 64, "size": 1, "media_type": "text/plain"}}},
        {**display({}), "$form": {"raw": {"$blob": {"sha256": "0" * 64, "size": 1, "media_type": "text/plain"}}}},
    ],
)
def test_a_file_cannot_name_bytes_it_does_not_hold(output: dict[str, Any]) -> None:
    value = notebook(code(outputs=[output]))
    sink = BlobSink()
    read = read_notebook(as_bytes(value), LIMITS, store=sink).notebook
    assert all(ref["sha256"] != "0" * 64 for ref in blob_refs(read.cells[0].outputs))
    assert_same(value)


def test_export_cuts_output_beyond_its_limit_and_says_so() -> None:
    sink = BlobSink()
    big: dict[str, Any] = {"id": "o", "output_type": "stream", "name": "stdout", "text": "tail\n", "parts": []}
    for number in range(10):
        ref = sink(f"{number}".encode() * 1000, "text/plain")
        big["parts"].append({"sha256": ref["sha256"], "size": ref["size"], "lines": 0})
    error = {"id": "e", "output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t"]}
    nb = new_notebook([Cell(id="a", kind="code", source="", outputs=(big, error))])
    written = json.loads(write_notebook(nb, resolve=sink.resolve, output_export_bytes=5000, link="https://x/y"))
    head, failed, marker = written["cells"][0]["outputs"]
    assert "".join(head["text"]).startswith("0000")
    assert len("".join(head["text"])) <= 5000
    assert failed == {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t"]}
    assert "https://x/y" in marker["data"]["text/plain"][0]


def test_what_a_file_already_held_is_not_cut() -> None:
    value = notebook(code(outputs=[{"output_type": "stream", "name": "stdout", "text": ["x" * 99 + "\n"] * 200_000}]))
    assert_same(value)


# -- files that are not in order ------------------------------------------------------------------------------

GOOD = as_bytes(notebook(code("x = 1\n")))


@pytest.mark.parametrize(
    ("data", "code_"),
    [
        (b"", "empty_file"),
        (b" \n", "empty_file"),
        (b"\xef\xbb\xbf", "empty_file"),
        (b"\xff\xfe\xfa", "not_utf8"),
        (GOOD[:-20], "truncated"),
        (GOOD[:40], "truncated"),
        (b"<html>not found</html>", "not_json"),
        (GOOD.replace(b'   "metadata"', b'<<<<<<< HEAD\n   "metadata"', 1), "conflict_markers"),
        (b"[]", "not_a_notebook"),
        (b"3", "not_a_notebook"),
        (b'{"a": 1}', "not_a_notebook"),
        (as_bytes(notebook(cells=3)), "not_a_notebook"),
        (as_bytes(notebook(cells=[3])), "not_a_notebook"),
        (b"[" * 100_000, "too_deep"),
        (b'{"cells":' * 100_000, "too_deep"),
        (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
        (as_bytes(notebook(metadata={"n": 1})).replace(b"1", b"9" * 5000, 1), "not_json"),
        (b'{"nbformat": 7, "nbformat_minor": 0}', "unsupported_nbformat"),
        (b'{"nbformat": 3, "worksheets": [{"cells": 3}]}', "upgrade_failed"),
    ],
)
def test_what_cannot_be_opened_says_why(data: bytes, code_: str) -> None:
    with pytest.raises((InvalidError, TooLargeError, UnsupportedError)) as caught:
        read_notebook(data, LIMITS)
    assert caught.value.error_code == code_
    assert caught.value.message.endswith((".", "again."))


def test_limits_are_told() -> None:
    small = LimitSettings(notebook_bytes=1000, cells=3)
    with pytest.raises(TooLargeError) as caught:
        read_notebook(b" " * 1001, small)
    assert caught.value.error_code == "file_too_large"
    with pytest.raises(TooLargeError) as caught:
        read_notebook(json.dumps(notebook(*[{}] * 4)).encode(), small)
    assert caught.value.error_code == "too_many_cells"
    crowd = b'{"nbformat":4,"cells":[],"metadata":{"a":[' + b"[]," * 1000 + b"[]]}}"
    with pytest.raises(TooLargeError) as caught:
        read_notebook(crowd, LimitSettings(notebook_bytes=len(crowd)))
    assert caught.value.error_code == "too_many_values"


def test_a_huge_cell_is_shown_but_not_edited() -> None:
    result = read_notebook(as_bytes(notebook(code("x" * 3_000_000))), LIMITS)
    assert result.read_only_reason is not None
    assert len(result.notebook.cells[0].source) == 3_000_000


@pytest.mark.parametrize(("major", "minor"), [(4, 6), (4, 9), (4, 99), (5, 0), (9, 1)])
def test_newer_formats_open_read_only(major: int, minor: int) -> None:
    value = notebook(code(), nbformat=major, nbformat_minor=minor)
    result = read_notebook(as_bytes(value), LIMITS)
    assert result.read_only_reason is not None
    assert f"{major}.{minor}" in result.read_only_reason
    assert_same(value)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"\xef\xbb\xbf" + GOOD, None),
        (GOOD.decode().encode("utf-16"), "UTF-16"),
        (as_bytes(notebook(metadata={"a": float("nan"), "b": float("-inf")})), "null"),
        (as_bytes(notebook(metadata={"a": 1})).replace(b"1\n", b"1e999\n", 1), "null"),
        (as_bytes(notebook(code("\ud83d"), metadata={"\udc00": "x\ud83d"})), "U+FFFD"),
        (b'{"cells": [], "cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "twice"),
        (b'{"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}}', "nbformat 3"),
    ],
)
def test_what_can_be_repaired_is_opened_and_told(data: bytes, word: str | None) -> None:
    result = read_notebook(data, LIMITS)
    assert (word is None) == (not result.repairs)
    assert any(word in repair for repair in result.repairs) if word else True
    NotebookDocument.from_notebook(result.notebook).encode_state()
    json.loads(write_notebook(result.notebook, resolve=BlobSink().resolve), parse_constant=pytest.fail)


def test_emoji_written_as_escapes_are_no_half_pairs() -> None:
    value = notebook(code("print('😀')"), metadata={"😀": "😀"})
    result = read_notebook(json.dumps(value).encode(), LIMITS)
    assert not result.repairs
    assert result.notebook.cells[0].source == "print('😀')"


@given(st.binary(max_size=200) | st.binary(max_size=40).map(lambda tail: GOOD[: len(tail) * 5] + tail))
@settings(max_examples=300, deadline=None)
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    with contextlib.suppress(InvalidError, TooLargeError, UnsupportedError):
        read_notebook(data, LIMITS)


def test_bombs_end_quickly() -> None:
    started = time.process_time()
    for data in (b"[" * 10**6, b'"' + b"\\" * 10**6, b'{"a":' * 10**5, b'["' * 10**6, b"[]," * 10**6):
        with pytest.raises(LaboraError):
            read_notebook(data, LIMITS)
    assert time.process_time() - started < 30

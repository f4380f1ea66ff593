"""The difference of two notebooks by cell: exact both ways, quiet where nothing changed, and the same as nbdime's."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labora.base.settings import LimitSettings
from labora.notebook.align import align, longest_rise
from labora.notebook.celldiff import MISSING, CellDiff, NotebookDiff, apply_diff, diff_notebooks, invert
from labora.notebook.codec import read_notebook, write_notebook
from labora.notebook.jsontext import typed_equal
from labora.notebook.linediff import diff_lines, invert_lines, new_text, old_text
from labora.notebook.model import FORM, BlobSink, Cell, Notebook
from labora.testing.notebooks import real_notebook_folder, typed_difference

LIMITS = LimitSettings()
FOLDER = real_notebook_folder(Path(__file__).parents[2])
FILES = sorted(FOLDER.glob("*.ipynb")) if FOLDER else []


def nb(*cells: tuple[str, str], **about: Any) -> Notebook:
    return Notebook(tuple(Cell(id=name, kind="code", source=source) for name, source in cells), **about)


def told(diff: NotebookDiff) -> list[str]:
    """Returns the difference as short words: status, id, and what changed."""
    return [" ".join([*(["moved"] if cell.moved else []), _words(cell)]) for cell in diff.cells]


def _words(cell: CellDiff) -> str:
    return f"{cell.status} {cell.cell.id}" + (f" ({', '.join(cell.parts)})" if cell.parts else "")


BASE = nb(("a", "one = 1\n"), ("b", "two = 2\n"), ("c", "three = 3\n"), ("d", "four = 4\n"))


# -- what a reader sees -----------------------------------------------------------------------------------------------


def test_added_removed_changed_and_moved_cells_are_told_in_reading_order() -> None:
    new = nb(("d", "four = 4\n"), ("a", "one = 1\n"), ("x", "new\n"), ("c", "three = 33\n"))
    assert told(diff_notebooks(BASE, new)) == [
        "moved same d",
        "same a",
        "removed b",
        "added x",
        "changed c (source)",
    ]


def test_the_words_that_changed_are_marked() -> None:
    lines = diff_lines("import numpy as np\nx = np.zeros(3)\n", "import numpy as np\nx = np.ones(3)\n")
    assert [(line.kind, line.text) for line in lines] == [
        ("same", "import numpy as np"),
        ("removed", "x = np.zeros(3)"),
        ("added", "x = np.ones(3)"),
        ("same", ""),
    ]
    assert lines[1].pieces == (("x = np.", False), ("zeros", True), ("(3)", False))
    assert lines[2].pieces == (("x = np.", False), ("ones", True), ("(3)", False))


def test_a_line_below_leaves_the_last_line_alone() -> None:
    lines = diff_lines("x = 1", "x = 1\ny = 2")
    assert [(line.kind, line.text) for line in lines] == [("same", "x = 1"), ("added", "y = 2")]
    assert [line.kind for line in diff_lines("", "x")] == ["added"]


def test_a_cell_without_an_id_that_was_edited_is_the_same_cell() -> None:
    def read(*sources: str) -> Notebook:
        cells = [{"cell_type": "markdown", "metadata": {}, "source": [source]} for source in sources]
        data = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).encode()
        return read_notebook(data, LIMITS).notebook

    old = read("# Title", "", "Some text about the data that we load here", "")
    new = read("", "# Title", "", "Some text about all the data that we load", "")
    assert [(cell.status, cell.moved, cell.parts) for cell in diff_notebooks(old, new).cells] == [
        ("added", False, ()),
        ("same", False, ()),
        ("same", False, ()),
        ("changed", False, ("source",)),
        ("same", False, ()),
    ]


def test_a_run_that_prints_the_same_changes_only_the_count() -> None:
    output = {"id": "o1", "output_type": "execute_result", "data": {"text/plain": "3"}, "execution_count": 1}
    cell = Cell("a", "code", "1 + 2", outputs=(output,), execution_count=1)
    again = replace(cell, outputs=({**output, "id": "o2", "execution_count": 7},), execution_count=7)
    other = replace(again, outputs=({**output, "data": {"text/plain": "3.0"}},))
    assert diff_notebooks(Notebook((cell,)), Notebook((again,))).cells[0].parts == ("execution_count",)
    assert diff_notebooks(Notebook((cell,)), Notebook((other,))).cells[0].parts == ("outputs", "execution_count")


def test_metadata_is_compared_with_its_types_and_by_path() -> None:
    old = nb(("a", ""), metadata={"x": {"y": 1, "z": True}, "gone": None})
    new = nb(("a", ""), metadata={"x": {"y": 1.0, "z": True}, "come": []})
    changes = diff_notebooks(old, new).metadata
    assert [(change.path, repr(change.old), repr(change.new)) for change in changes] == [
        (("come",), "MISSING", "[]"),
        (("gone",), "None", "MISSING"),
        (("x", "y"), "1", "1.0"),
    ]


def test_large_values_are_compared_by_their_hash() -> None:
    def read(byte: str) -> Notebook:
        image = byte * 40_000
        output = {"output_type": "display_data", "data": {"image/png": image}, "metadata": {}}
        cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": "", "outputs": [output], "execution_count": 1}
        data = json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
        return read_notebook(data, LIMITS, store=BlobSink()).notebook

    assert diff_notebooks(read("A"), read("A")).empty
    assert diff_notebooks(read("A"), read("B")).cells[0].parts == ("outputs",)


# -- properties -------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, -0.0]) | st.sampled_from(["", "x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("kl"), inner, max_size=2),
    max_leaves=5,
)
METADATA = st.dictionaries(st.sampled_from(["k", "l", "m"]), JSON, max_size=3)
TEXTS = st.lists(st.sampled_from(["", "a = 1", "a = 2", "b = a + 1", "print(b)", "\u00e9\U0001f600"]), max_size=5).map(
    "\n".join
)
OUTPUTS = st.lists(
    st.sampled_from(["1\n", "2\n"]).map(lambda text: {"output_type": "stream", "name": "stdout", "text": text}),
    max_size=2,
).map(tuple)
CELLS = st.lists(
    st.builds(
        Cell,
        id=st.sampled_from("abcdefgh"),
        kind=st.sampled_from(["code", "markdown", "raw"]),
        source=TEXTS,
        metadata=METADATA,
        outputs=OUTPUTS,
        execution_count=st.none() | st.integers(1, 3),
        extra=st.just({}) | st.just({"attachments": {"a.png": {}}}),
    ),
    max_size=7,
    unique_by=lambda cell: cell.id,
)
FORMS = st.sampled_from([{}, {FORM: {"ids": "none"}}])
NOTEBOOKS = st.builds(
    lambda cells, metadata, minor, form: Notebook(tuple(cells), metadata, 4, minor, form),
    CELLS,
    METADATA,
    st.sampled_from([4, 5]),
    FORMS,
)


def plain(notebook: Notebook) -> Any:
    """Returns everything that a difference is about."""
    return [
        [
            [cell.id, cell.kind, cell.source, cell.metadata, list(cell.outputs), cell.execution_count, cell.extra]
            for cell in notebook.cells
        ],
        [notebook.metadata, notebook.nbformat, notebook.nbformat_minor],
    ]


@given(NOTEBOOKS, NOTEBOOKS)
@settings(deadline=None, max_examples=150)
def test_a_difference_goes_both_ways(old: Notebook, new: Notebook) -> None:
    diff = diff_notebooks(old, new)
    assert typed_difference(plain(apply_diff(old, diff)), plain(new)) is None
    assert typed_difference(plain(apply_diff(new, invert(diff))), plain(old)) is None
    twice = invert(invert(diff))
    assert typed_difference(plain(apply_diff(old, twice)), plain(new)) is None
    assert sorted(cell.old for cell in diff.cells if cell.old is not None) == list(range(len(old.cells)))
    assert [cell.new for cell in diff.cells if cell.new is not None] == list(range(len(new.cells)))


@given(NOTEBOOKS, NOTEBOOKS)
@settings(deadline=None, max_examples=100)
def test_only_notebooks_that_say_the_same_have_an_empty_difference(old: Notebook, new: Notebook) -> None:
    assert diff_notebooks(old, deepcopy(old)).empty

    def without_ids(notebook: Notebook) -> Any:
        return plain(replace(notebook, cells=tuple(replace(cell, id="") for cell in notebook.cells)))

    if diff_notebooks(old, new).empty:
        assert typed_equal(without_ids(old), without_ids(new))


@given(TEXTS, TEXTS)
def test_lines_hold_both_texts(old: str, new: str) -> None:
    lines = diff_lines(old, new)
    assert (old_text(lines), new_text(lines)) == (old, new)
    back = invert_lines(lines)
    assert (old_text(back), new_text(back)) == (new, old)
    assert all(line.kind == "same" for line in diff_lines(old, old))


@given(st.lists(st.integers(0, 6), max_size=40), st.lists(st.integers(0, 6), max_size=40))
def test_alignment_pairs_equal_items_in_order(old: list[int], new: list[int]) -> None:
    pairs = align(old, new)
    assert all(old[index] == new[other] for index, other in pairs)
    assert all(one < two and other < next_one for (one, other), (two, next_one) in pairwise(pairs))
    assert len(align(old, old)) == len(old)


@given(st.lists(st.integers(), unique=True, max_size=30))
def test_longest_rise_rises_and_is_not_beaten_by_any_start(numbers: list[int]) -> None:
    rise = [numbers[index] for index in longest_rise(numbers)]
    assert rise == sorted(rise)
    best: list[int] = []
    for at, number in enumerate(numbers):
        best.append(1 + max((best[before] for before in range(at) if numbers[before] < number), default=0))
    assert len(rise) == max(best, default=0)


def test_hostile_repetition_is_compared_too() -> None:
    """Thousands of equal lines, where a quadratic comparison would not end."""
    old, new = "x\n" * 60_000, "x\ny\n" * 40_000
    lines = diff_lines(old, new)
    assert (old_text(lines), new_text(lines)) == (old, new)


# -- beside nbdime ----------------------------------------------------------------------------------------------------


def edited(raw: dict[str, Any], seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns a changed copy of a notebook and what was done to it, each to another cell."""
    chance, new = random.Random(seed), deepcopy(raw)
    cells = new["cells"]
    source, gone, tagged, behind = chance.sample(long_cells(raw), 4)
    text = "".join(cells[source]["source"])
    cells[source]["source"] = (text + "\nand_one_more_line = True").splitlines(keepends=True)
    cells[tagged]["metadata"] = {**cells[tagged]["metadata"], "tags": ["changed-here"]}
    done = {"source": source, "gone": gone, "tagged": tagged, "at": behind + 1}
    new_cell = {"cell_type": "raw", "metadata": {"odd": 1}, "source": ["quite different from all the others 12345"]}
    if "id" in cells[0]:
        new_cell["id"] = "added-by-test"
    cells.insert(behind + 1, new_cell)
    del cells[gone if gone <= behind else gone + 1]
    return new, done


def long_cells(raw: dict[str, Any]) -> list[int]:
    return [index for index, cell in enumerate(raw["cells"]) if len("".join(cell["source"])) > 80]


def suits_nbdime(path: Path) -> bool:
    """Tells whether nbdime is quick with a notebook, and whether it can be changed in four places."""
    if path.stat().st_size > 60_000:
        return False
    raw = json.loads(path.read_bytes())
    return raw.get("nbformat") == 4 and len(long_cells(raw)) >= 4


@pytest.mark.skipif(not FILES, reason="no folder of real notebooks; name it in LABORA_TEST_NOTEBOOKS")
@pytest.mark.parametrize("path", [path for path in FILES if suits_nbdime(path)], ids=lambda path: path.name)
def test_agrees_with_nbdime(path: Path) -> None:
    import nbformat
    from nbdime import diff_notebooks as nbdime_diff

    raw = json.loads(path.read_bytes())
    new, done = edited(raw, seed=len(path.name))
    theirs = nbdime_diff(*(nbformat.reads(json.dumps(one), as_version=nbformat.NO_CONVERT) for one in (raw, new)))
    (cells,) = [entry for entry in theirs if entry.key == "cells"]
    ops = {"addrange": [], "removerange": [], "patch": []}  # type: ignore[var-annotated]
    for entry in cells.diff:
        ops[entry.op].append(entry)
    assert [entry.key for entry in ops["addrange"]] == [done["at"]]

    read = [read_notebook(json.dumps(one).encode(), LIMITS, store=BlobSink()).notebook for one in (raw, new)]
    ours = diff_notebooks(*read)
    by_old = {cell.old: cell for cell in ours.cells if cell.old is not None}
    removed = {place for entry in ops["removerange"] for place in range(entry.key, entry.key + entry.length)}
    assert {place for place, cell in by_old.items() if cell.status == "removed"} == removed == {done["gone"]}
    patched = {entry.key: {change.key for change in entry.diff} - {"id"} for entry in ops["patch"]}
    mine = {place: set(cell.parts) for place, cell in by_old.items() if cell.status == "changed"}
    assert mine == {place: keys for place, keys in patched.items() if keys}
    assert ours.count("added") == 1
    assert not ours.metadata


@pytest.mark.skipif(not FILES, reason="no folder of real notebooks; name it in LABORA_TEST_NOTEBOOKS")
@pytest.mark.parametrize("pair", list(pairwise(FILES)), ids=lambda pair: pair[0].name)
def test_any_two_real_notebooks_are_compared_and_come_out_exact(pair: tuple[Path, Path]) -> None:
    sink = BlobSink()
    old, new = (read_notebook(path.read_bytes(), LIMITS, store=sink).notebook for path in pair)
    assert diff_notebooks(old, read_notebook(pair[0].read_bytes(), LIMITS, store=sink).notebook).empty
    diff = diff_notebooks(old, new)
    made = [write_notebook(notebook, resolve=sink.resolve) for notebook in (apply_diff(old, diff), new)]
    bare = [json.loads(data) for data in made]
    for notebook in bare:
        for cell in notebook["cells"]:
            cell.pop("id", None)
            cell["source"] = "".join(cell["source"])
    assert [cell["source"] for cell in bare[0]["cells"]] == [cell["source"] for cell in bare[1]["cells"]]
    back = apply_diff(new, invert(diff))
    assert [(c.kind, c.source, c.metadata) for c in back.cells] == [(c.kind, c.source, c.metadata) for c in old.cells]
    assert MISSING not in back.metadata.values()

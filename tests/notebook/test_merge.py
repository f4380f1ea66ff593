"""A changed file over a live notebook."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from labora.base.settings import LimitSettings
from labora.notebook.document import NotebookDocument
from labora.notebook.merge import MergePlan, apply_merge, plan_merge
from labora.notebook.model import Cell, Notebook, new_notebook
from labora.notebook.textmerge import merge_text

LIMITS = LimitSettings()


def nb(*cells: tuple[str, str]) -> Notebook:
    return Notebook(tuple(Cell(id=name, kind="code", source=source) for name, source in cells))


def merged(base: Notebook, mine: Notebook, theirs: Notebook) -> tuple[list[tuple[str, str]], MergePlan]:
    """Merges into a document that came from ``base`` by edits."""
    document = NotebookDocument.from_notebook(base)
    apply_merge(document, plan_merge(base, base, mine))
    assert [(c.id, c.source) for c in document.to_notebook().cells] == [(c.id, c.source) for c in mine.cells]
    plan = plan_merge(base, document.to_notebook(), theirs)
    update = apply_merge(document, plan)
    assert update == b"\x00\x00" or document.stage(update, LIMITS, can_edit=True).empty
    return [(cell.id, cell.source) for cell in document.to_notebook().cells], plan


BASE = nb(("a", "one\n"), ("b", "two\n"), ("c", "three\n"))


def test_each_side_changes_its_own_cells() -> None:
    mine = nb(("a", "one!\n"), ("b", "two\n"), ("m", "mine\n"), ("c", "three\n"))
    theirs = nb(("t", "theirs\n"), ("a", "one\n"), ("b", "two\n"), ("c", "THREE\n"))
    cells, plan = merged(BASE, mine, theirs)
    assert cells == [("t", "theirs\n"), ("a", "one!\n"), ("b", "two\n"), ("m", "mine\n"), ("c", "THREE\n")]
    assert not plan.conflicts


def test_deletions_and_moves_come_over() -> None:
    assert merged(BASE, BASE, nb(("c", "three\n"), ("a", "one\n")))[0] == [("c", "three\n"), ("a", "one\n")]


def test_an_edited_cell_survives_the_other_sides_deletion() -> None:
    without_b = nb(("a", "one\n"), ("c", "three\n"))
    edited = nb(("a", "one\n"), ("b", "two, edited\n"), ("c", "three\n"))
    assert merged(BASE, edited, without_b)[0] == [(c.id, c.source) for c in edited.cells]
    assert merged(BASE, without_b, edited)[0] == [(c.id, c.source) for c in edited.cells]
    assert merged(BASE, without_b, BASE)[0] == [(c.id, c.source) for c in without_b.cells]


def test_text_of_one_cell_is_merged_and_conflicts_keep_both() -> None:
    base = nb(("a", "x = 1\ny = 2\nz = 3\n"))
    cells, plan = merged(base, nb(("a", "x = 10\ny = 2\nz = 3\n")), nb(("a", "x = 1\ny = 2\nz = 30\n")))
    assert cells == [("a", "x = 10\ny = 2\nz = 30\n")]
    assert not plan.conflicts
    cells, plan = merged(base, nb(("a", "x = 10\ny = 2\nz = 3\n")), nb(("a", "x = 99\ny = 2\nz = 3\n")))
    assert cells == [("a", "x = 10\nx = 99\ny = 2\nz = 3\n")]
    assert plan.conflicts == ["a"]


def test_cells_without_ids_are_matched_by_content_and_place() -> None:
    theirs = nb(("p", "one\n"), ("q", "def two(): return 22\n"), ("r", "three\n"), ("s", "four\n"))
    base = nb(("a", "one\n"), ("b", "def two(): return 2\n"), ("c", "three\n"))
    cells, _ = merged(base, base, theirs)
    assert cells == [("a", "one\n"), ("b", "def two(): return 22\n"), ("c", "three\n"), ("s", "four\n")]


def test_the_same_cell_added_on_both_sides_is_not_doubled() -> None:
    mine = nb(*[(c.id, c.source) for c in BASE.cells], ("n", "new\n"))
    assert merged(BASE, mine, mine)[0] == [(c.id, c.source) for c in mine.cells]
    cells, plan = merged(BASE, mine, nb(*[(c.id, c.source) for c in BASE.cells], ("n", "other\n")))
    assert [source for _, source in cells][-2:] == ["new\n", "other\n"]
    assert plan.conflicts == ["n"]


def test_metadata_and_outputs_come_over_unless_changed_here() -> None:
    cell = Cell(id="a", kind="code", source="", metadata={"k": 1, "gone": 1, "both": 1})
    out = {"id": "1", "output_type": "stream", "name": "stdout", "parts": [], "text": "x"}
    base = replace(new_notebook([cell]), metadata={"n": 1})
    theirs_cell = replace(cell, metadata={"k": 1.0, "both": 2}, outputs=(out,), execution_count=3)
    theirs = replace(new_notebook([theirs_cell]), metadata={"n": 2, "new": None})
    mine = replace(new_notebook([replace(cell, metadata={**cell.metadata, "both": 3})]), metadata={"n": 1, "own": 1})
    plan = plan_merge(base, mine, theirs)
    [change] = plan.changes
    assert (repr(change.metadata), change.metadata_removed) == ("{'k': 1.0}", ["gone"])
    assert plan.metadata == {"n": 2, "new": None}
    assert plan.outputs["a"]["outputs"] == [out]
    assert (
        plan_merge(base, replace(mine, cells=(replace(cell, outputs=({**out, "text": "y"},)),)), theirs).outputs == {}
    )


lines = st.lists(st.sampled_from(["a\n", "b\n", "c = 1\n", "d😀\n", "e"]), max_size=6).map("".join)


@given(lines, lines, lines)
@settings(max_examples=500, deadline=None)
def test_merged_text_has_what_each_side_wrote(base: str, mine: str, theirs: str) -> None:
    text, conflict = merge_text(base, mine, theirs)
    if mine == base:
        assert text == theirs
    if theirs in (base, mine):
        assert text == mine
    if not conflict:
        for side in (mine, theirs):
            for line in set(side.split("\n")) - set(base.split("\n")):
                # What the text had before, the other side may have taken out of the line.
                assert set(line) - set(base) <= set(text)


notebooks = st.lists(st.tuples(st.sampled_from("abcdef"), lines), max_size=5, unique_by=lambda cell: cell[0])


@given(notebooks, notebooks)
@settings(max_examples=300, deadline=None)
def test_a_file_over_an_unchanged_notebook_becomes_the_notebook(
    base: list[tuple[str, str]], theirs: list[tuple[str, str]]
) -> None:
    document = NotebookDocument.from_notebook(nb(*base))
    apply_merge(document, plan_merge(nb(*base), nb(*base), nb(*theirs)))
    assert [cell.source for cell in document.to_notebook().cells] == [source for _, source in theirs]


@given(notebooks, notebooks, notebooks)
@settings(max_examples=300, deadline=None)
def test_merging_never_doubles_ids_or_fails(
    base: list[tuple[str, str]], mine: list[tuple[str, str]], theirs: list[tuple[str, str]]
) -> None:
    document = NotebookDocument.from_notebook(nb(*base))
    apply_merge(document, plan_merge(nb(*base), nb(*base), nb(*mine)))
    apply_merge(document, plan_merge(nb(*base), document.to_notebook(), nb(*theirs)))
    ids = [view.id for view in document.cells()]
    assert len(ids) == len(set(ids))

"""The difference of two notebooks, cell by cell: sources by line and word, outputs by value, metadata as typed JSON.

:func:`diff_notebooks` is for people to read and exact enough to go both ways: :func:`apply_diff` makes the new notebook
of the old one, :func:`invert` turns the difference round. How a file spells its values (``$form``) and the ids of
outputs are no part of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from labora.notebook.align import longest_rise
from labora.notebook.cellmatch import match
from labora.notebook.jsontext import typed_equal
from labora.notebook.linediff import Line, diff_lines, invert_lines, new_text
from labora.notebook.model import FORM, Cell, CellKind, Notebook, Output

Status = Literal["same", "added", "removed", "changed"]
Part = Literal["kind", "source", "outputs", "metadata", "execution_count"]


class _Missing:
    """Stands where a key is not there at all; null is a value."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()


@dataclass(frozen=True, slots=True)
class KeyChange:
    """One value of a JSON object that differs: its path of keys, what it was and what it is, or :data:`MISSING`."""

    path: tuple[str, ...]
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class CellDiff:
    """What became of one cell.

    Attributes:
        status: whether the cell is only in the old notebook, only in the new one, or in both, alike or changed.
        old, new: where it stands in either notebook.
        cell: the old cell; the new one where it was added.
        moved: it stands in another order among the cells of both notebooks.
        id, kind, execution_count, outputs: (old, new) where they differ. An id alone makes no change.
        parts: what a reader would call changed. A count of runs within an output counts as ``execution_count``.
        lines: of the source, where it differs.
        metadata, extra: of the cell; ``extra`` are the file's other keys, attachments among them.
    """

    status: Status
    old: int | None
    new: int | None
    cell: Cell
    moved: bool = False
    parts: tuple[Part, ...] = ()
    id: tuple[str, str] | None = None
    kind: tuple[CellKind, CellKind] | None = None
    execution_count: tuple[int | None, int | None] | None = None
    outputs: tuple[tuple[Output, ...], tuple[Output, ...]] | None = None
    lines: tuple[Line, ...] = ()
    metadata: tuple[KeyChange, ...] = ()
    extra: tuple[KeyChange, ...] = ()

    @property
    def new_cell(self) -> Cell:
        """The cell as it is in the new notebook. Raises ValueError for a cell that was removed."""
        if self.status == "removed":
            raise ValueError(self.cell.id)
        return replace(
            self.cell,
            id=self.id[1] if self.id else self.cell.id,
            kind=self.kind[1] if self.kind else self.cell.kind,
            source=new_text(self.lines) if self.lines else self.cell.source,
            execution_count=self.execution_count[1] if self.execution_count else self.cell.execution_count,
            outputs=self.outputs[1] if self.outputs else self.cell.outputs,
            metadata=apply_changes(self.cell.metadata, self.metadata),
            extra=apply_changes(self.cell.extra, self.extra),
        )


@dataclass(frozen=True, slots=True)
class NotebookDiff:
    """What became of a notebook; ``cells`` are those of both, in reading order, removed ones where they stood."""

    cells: tuple[CellDiff, ...]
    metadata: tuple[KeyChange, ...] = ()
    extra: tuple[KeyChange, ...] = ()
    version: tuple[tuple[int, int], tuple[int, int]] | None = None

    @property
    def empty(self) -> bool:
        """Whether both notebooks say the same."""
        alike = all(cell.status == "same" and not cell.moved for cell in self.cells)
        return alike and not self.metadata and not self.extra and self.version is None

    def count(self, status: Status) -> int:
        """Returns how many cells have a status."""
        return sum(cell.status == status for cell in self.cells)


def diff_notebooks(old: Notebook, new: Notebook) -> NotebookDiff:
    """Returns how ``old`` became ``new``."""
    matched = match(old, new)
    order = sorted(matched)
    staying = {order[index] for index in longest_rise([matched[index] for index in order])}
    kept = set(matched.values())
    removed = [index for index in range(len(old.cells)) if index not in kept]
    stays = sorted(matched[index] for index in staying)
    cells: list[CellDiff] = []
    at = 0

    def removed_before(limit: int) -> None:
        nonlocal at
        while at < len(removed) and removed[at] < limit:
            cells.append(CellDiff("removed", removed[at], None, old.cells[removed[at]]))
            at += 1

    following = iter([*stays, len(old.cells)])
    removed_before(next(following))
    for index, cell in enumerate(new.cells):
        place = matched.get(index)
        if place is None:
            cells.append(CellDiff("added", None, index, cell))
            continue
        cells.append(_diff_cell(old.cells[place], cell, place, index, moved=index not in staying))
        if index in staying:
            removed_before(next(following))
    versions = (old.nbformat, old.nbformat_minor), (new.nbformat, new.nbformat_minor)
    return NotebookDiff(
        tuple(cells),
        diff_json(old.metadata, new.metadata),
        diff_json(_known(old.extra), _known(new.extra)),
        versions if versions[0] != versions[1] else None,
    )


def _diff_cell(old: Cell, new: Cell, place: int, index: int, *, moved: bool) -> CellDiff:
    lines = diff_lines(old.source, new.source) if old.source != new.source else ()
    metadata, extra = diff_json(old.metadata, new.metadata), diff_json(_known(old.extra), _known(new.extra))
    counts = (old.execution_count, new.execution_count) if old.execution_count != new.execution_count else None
    outputs_same = same_outputs(old.outputs, new.outputs)
    shown_same = outputs_same or same_outputs(old.outputs, new.outputs, with_counts=False)
    parts: dict[Part, bool] = {
        "kind": old.kind != new.kind,
        "source": bool(lines),
        "outputs": not shown_same,
        "metadata": bool(metadata or extra),
        "execution_count": counts is not None or (shown_same and not outputs_same),
    }
    found = tuple(part for part, changed in parts.items() if changed)
    return CellDiff(
        "changed" if found else "same",
        place,
        index,
        old,
        moved,
        found,
        id=(old.id, new.id) if old.id != new.id else None,
        kind=(old.kind, new.kind) if old.kind != new.kind else None,
        execution_count=counts,
        outputs=None if outputs_same else (old.outputs, new.outputs),
        lines=lines,
        metadata=metadata,
        extra=extra,
    )


def _known(extra: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in extra.items() if key != FORM}


# -- outputs ----------------------------------------------------------------------------------------------------------


def same_outputs(old: Sequence[Output], new: Sequence[Output], *, with_counts: bool = True) -> bool:
    """Tells whether two lists of outputs show the same: values as typed JSON, large ones by their hash.

    Without counts, which run printed them does not matter.
    """
    return len(old) == len(new) and all(
        typed_equal(_value(one, with_counts=with_counts), _value(other, with_counts=with_counts))
        for one, other in zip(old, new, strict=True)
    )


def _value(output: Output, *, with_counts: bool) -> dict[str, Any]:
    value = {key: item for key, item in output.items() if key not in ("id", FORM)}
    if not with_counts:
        value.pop("execution_count", None)
    return value


# -- JSON -------------------------------------------------------------------------------------------------------------


def diff_json(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[KeyChange, ...]:
    """Returns what differs between two JSON objects, by key and within objects; lists are compared whole."""
    return tuple(_json_changes(old, new, ()))


def _json_changes(old: Mapping[str, Any], new: Mapping[str, Any], above: tuple[str, ...]) -> list[KeyChange]:
    changes: list[KeyChange] = []
    for key in sorted(old.keys() | new.keys()):
        before, after, path = old.get(key, MISSING), new.get(key, MISSING), (*above, key)
        if isinstance(before, dict) and isinstance(after, dict):
            changes += _json_changes(before, after, path)
        elif before is MISSING or after is MISSING or not typed_equal(before, after):
            changes.append(KeyChange(path, before, after))
    return changes


def apply_changes(value: Mapping[str, Any], changes: Sequence[KeyChange]) -> dict[str, Any]:
    """Returns a JSON object with the changes made; ``value`` stays as it is."""
    result = dict(value)
    below: dict[str, list[KeyChange]] = {}
    for change in changes:
        key = change.path[0]
        if len(change.path) > 1:
            below.setdefault(key, []).append(replace(change, path=change.path[1:]))
        elif change.new is MISSING:
            result.pop(key, None)
        else:
            result[key] = change.new
    for key, inner in below.items():
        result[key] = apply_changes(result[key], inner)
    return result


# -- both ways --------------------------------------------------------------------------------------------------------


def apply_diff(old: Notebook, diff: NotebookDiff) -> Notebook:
    """Returns the notebook that ``old``, which the difference was made from, became."""
    cells = []
    for cell in diff.cells:
        if cell.status == "added":
            cells.append(cell.cell)
        elif cell.status != "removed" and cell.old is not None:
            cells.append(replace(cell, cell=old.cells[cell.old]).new_cell)
    nbformat, minor = diff.version[1] if diff.version else (old.nbformat, old.nbformat_minor)
    return Notebook(
        tuple(cells),
        apply_changes(old.metadata, diff.metadata),
        nbformat,
        minor,
        apply_changes(old.extra, diff.extra),
    )


def invert(diff: NotebookDiff) -> NotebookDiff:
    """Returns the difference from new to old."""
    inverted = [_invert_cell(cell) for cell in diff.cells]
    # In reading order of what is new now; what was added, and is removed now, stays behind its neighbour above.
    ordered: list[CellDiff] = sorted(
        (cell for cell in inverted if cell.new is not None), key=lambda cell: cell.new or 0
    )
    places = {cell.new: number for number, cell in enumerate(ordered)}
    behind: dict[int, list[CellDiff]] = {}
    above = -1
    for cell in inverted:
        if cell.new is None:
            behind.setdefault(above, []).append(cell)
        else:
            above = places[cell.new]
    cells = list(behind.get(-1, []))
    for number, cell in enumerate(ordered):
        cells += [cell, *behind.get(number, [])]
    return NotebookDiff(
        tuple(cells),
        _invert_changes(diff.metadata),
        _invert_changes(diff.extra),
        (diff.version[1], diff.version[0]) if diff.version else None,
    )


def _invert_cell(cell: CellDiff) -> CellDiff:
    flipped: dict[Status, Status] = {"added": "removed", "removed": "added"}
    return replace(
        cell,
        status=flipped.get(cell.status, cell.status),
        old=cell.new,
        new=cell.old,
        cell=cell.cell if cell.status in flipped else cell.new_cell,
        id=cell.id and (cell.id[1], cell.id[0]),
        kind=cell.kind and (cell.kind[1], cell.kind[0]),
        execution_count=cell.execution_count and (cell.execution_count[1], cell.execution_count[0]),
        outputs=cell.outputs and (cell.outputs[1], cell.outputs[0]),
        lines=invert_lines(cell.lines),
        metadata=_invert_changes(cell.metadata),
        extra=_invert_changes(cell.extra),
    )


def _invert_changes(changes: Sequence[KeyChange]) -> tuple[KeyChange, ...]:
    return tuple(KeyChange(change.path, change.new, change.old) for change in changes)

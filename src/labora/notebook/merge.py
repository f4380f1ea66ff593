"""External content over a live notebook: a three-way difference that becomes operations, never a rebuild.

``base`` is what the other side started from (the revision that was downloaded or mounted), ``mine`` the live document,
``theirs`` the new file. Nothing is lost: a cell that one side deleted and the other edited stays, and text that both
changed at one place is kept in both versions.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import Any

from labora.base.ids import new_id
from labora.notebook.align import longest_rise
from labora.notebook.document import NotebookDocument
from labora.notebook.jsontext import typed_equal
from labora.notebook.model import FORM, Cell, CellKind, Notebook, Output
from labora.notebook.textmerge import merge_text

_COMPARED = 4000
_ALIKE = 0.6
_MAX_PAIRS = 2000


@dataclass(slots=True)
class CellChange:
    """What becomes of one cell of the live notebook; ``None`` and empty fields change nothing."""

    cell_id: str
    source: str | None = None
    kind: CellKind | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    metadata_removed: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    extra_removed: list[str] = field(default_factory=list)
    deleted: bool | None = None


@dataclass(slots=True)
class MergePlan:
    """Operations that bring ``theirs`` into the live notebook.

    Attributes:
        changes: of cells that exist.
        placements: in order, new cells, and ids of cells that theirs moved, each with the id of the cell that it
            follows (None: at the top).
        metadata, metadata_removed: of the notebook.
        outputs: by cell id, CellState values that theirs brings.
        conflicts: cells in which both versions were kept.
    """

    changes: list[CellChange] = field(default_factory=list)
    placements: list[tuple[Cell | str, str | None]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    metadata_removed: list[str] = field(default_factory=list)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)


def match_cells(old: Sequence[Cell], new: Sequence[Cell]) -> dict[int, int]:
    """Returns which cell of ``new`` (index) is which of ``old``: by id, else by content, else by likeness in place."""
    places = {cell.id: index for index, cell in enumerate(old)}
    matched = {index: places[cell.id] for index, cell in enumerate(new) if cell.id in places}
    taken = set(matched.values())
    same: defaultdict[tuple[str, str], deque[int]] = defaultdict(deque)
    for index, cell in enumerate(old):
        if index not in taken:
            same[cell.kind, cell.source].append(index)
    for index, cell in enumerate(new):
        if index not in matched and (found := same.get((cell.kind, cell.source))):
            matched[index] = found.popleft()
    _match_alike(old, new, matched)
    return matched


def _match_alike(old: Sequence[Cell], new: Sequence[Cell], matched: dict[int, int]) -> None:
    """Matches edited cells that stand between the same neighbours."""
    taken = set(matched.values())
    pairs = 0
    low = -1
    for index, cell in enumerate(new):
        if index in matched:
            low = matched[index]
            continue
        candidate = low + 1
        while candidate < len(old) and candidate not in taken and pairs < _MAX_PAIRS:
            pairs += 1
            if old[candidate].kind == cell.kind and _alike(old[candidate].source, cell.source):
                matched[index] = low = candidate
                taken.add(candidate)
                break
            candidate += 1


def _alike(one: str, other: str) -> bool:
    one, other = one[:_COMPARED], other[:_COMPARED]
    if not one or not other:
        return False
    matcher = SequenceMatcher(None, one.splitlines(), other.splitlines(), autojunk=False)
    if matcher.ratio() >= _ALIKE:
        return True
    if len(one) + len(other) > _COMPARED // 4:
        return False
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= _ALIKE


def plan_merge(base: Notebook, mine: Notebook, theirs: Notebook) -> MergePlan:
    """Returns the operations that bring into ``mine`` what ``theirs`` changed since ``base``."""
    return _Planner(base, mine, theirs).plan()


class _Planner:
    def __init__(self, base: Notebook, mine: Notebook, theirs: Notebook) -> None:
        self._base, self._mine, self._theirs = base, mine, theirs
        self._plan = MergePlan()
        self._live = {cell.id: cell for cell in mine.cells}
        mine_of_base = {old: new for new, old in match_cells(base.cells, mine.cells).items()}
        self._mine_of_base = {old: mine.cells[new] for old, new in mine_of_base.items()}
        self._base_of_theirs = match_cells(base.cells, theirs.cells)

    def plan(self) -> MergePlan:
        found: list[tuple[Cell | str, int | None]] = []
        for index, cell in enumerate(self._theirs.cells):
            old = self._base_of_theirs.get(index)
            if old is None:
                found += self._new(cell)
            elif (known := self._known(self._base.cells[old], self._mine_of_base.get(old), cell)) is not None:
                found.append((known, old))
        self._place(found)
        self._deletions()
        self._plan.metadata, self._plan.metadata_removed = _merge_keys(
            self._base.metadata, self._mine.metadata, self._theirs.metadata
        )
        return self._plan

    def _place(self, found: list[tuple[Cell | str, int | None]]) -> None:
        """Inserts what is new and moves the fewest cells that explain theirs' order."""
        places = [old for _, old in found if old is not None]
        staying = {places[number] for number in longest_rise(places)}
        after: str | None = None
        for item, old in found:
            if isinstance(item, Cell) or (old is not None and old not in staying):
                self._plan.placements.append((item, after))
            after = item.id if isinstance(item, Cell) else item

    def _known(self, old: Cell, live: Cell | None, cell: Cell) -> str | None:
        """Plans what becomes of a cell that base and theirs have; returns its live id, or None when it is gone."""
        if live is None:
            if cell.source == old.source:
                return None
            # Deleted here, edited there: it comes back from the bin with their text.
            self._plan.changes.append(CellChange(old.id, source=cell.source, deleted=False))
            return old.id
        change = CellChange(live.id)
        source, conflict = merge_text(old.source, live.source, cell.source)
        if conflict:
            self._plan.conflicts.append(live.id)
        if source != live.source:
            change.source = source
        if cell.kind not in (old.kind, live.kind):
            change.kind = cell.kind
        change.metadata, change.metadata_removed = _merge_keys(old.metadata, live.metadata, cell.metadata)
        change.extra, change.extra_removed = _merge_keys(_known_extra(old), _known_extra(live), _known_extra(cell))
        if change != CellChange(live.id):
            self._plan.changes.append(change)
        self._outputs(old, live, cell)
        return live.id

    def _outputs(self, old: Cell, live: Cell, cell: Cell) -> None:
        theirs_changed = not _same_outputs(old, cell)
        if theirs_changed and _same_outputs(old, live):
            self._plan.outputs[live.id] = {
                "execution_id": None,
                "execution_count": cell.execution_count,
                "outputs": list(cell.outputs),
            }

    def _new(self, cell: Cell) -> list[tuple[Cell | str, int | None]]:
        """Returns what stands for a cell that base lacks: itself, or the live cell that has its id too."""
        live = self._live.get(cell.id)
        if live is None:
            return [(cell, None)]
        if live.source == cell.source and live.kind == cell.kind:
            return [(live.id, None)]
        self._plan.conflicts.append(live.id)
        return [(live.id, None), (replace(cell, id=new_id()), None)]

    def _deletions(self) -> None:
        kept = set(self._base_of_theirs.values())
        for index, old in enumerate(self._base.cells):
            live = self._mine_of_base.get(index)
            if index not in kept and live is not None and live.source == old.source:
                self._plan.changes.append(CellChange(live.id, deleted=True))


def _merge_keys(
    old: Mapping[str, Any], live: Mapping[str, Any], new: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Returns what theirs set and removed where mine still has what base had; elsewhere mine stays."""
    missing = object()

    def same(one: Any, other: Any) -> bool:
        return one is other or (one is not missing and other is not missing and typed_equal(one, other))

    changes: dict[str, Any] = {}
    removed: list[str] = []
    for key in old.keys() | new.keys():
        before, now, then = (side.get(key, missing) for side in (old, live, new))
        if same(before, then) or not same(before, now):
            continue
        if then is missing:
            removed.append(key)
        else:
            changes[key] = then
    return changes, sorted(removed)


def _known_extra(cell: Cell) -> dict[str, Any]:
    return {key: value for key, value in cell.extra.items() if key != FORM}


def _same_outputs(one: Cell, other: Cell) -> bool:
    if len(one.outputs) != len(other.outputs):
        return False
    return all(_content(left) == _content(right) for left, right in zip(one.outputs, other.outputs, strict=True))


def _content(output: Output) -> str:
    return json.dumps({key: value for key, value in output.items() if key != "id"}, sort_keys=True)


def apply_merge(document: NotebookDocument, plan: MergePlan, *, origin: str = "merge") -> bytes:
    """Makes the plan's edits in one transaction and returns the update; ``plan.outputs`` are the room's to take over.

    The document must be the one that ``mine`` was taken from, unchanged since.
    """
    present = {view.id for view in document.cells()}

    def edits() -> None:
        for change in plan.changes:
            if change.cell_id in present:
                _apply_change(document, change)
        renamed: dict[str, str] = {}
        for item, follows in plan.placements:
            after = renamed.get(follows, follows) if follows else None
            if isinstance(item, str):
                document.move_cell(item, after=after)
                continue
            if item.id in present:  # in the bin
                renamed[item.id] = new_id()
            document.insert_cell(replace(item, id=renamed.get(item.id, item.id)), after=after)
        document.set_metadata(plan.metadata, removed=plan.metadata_removed)

    return document.edit_together(edits, origin=origin)


def _apply_change(document: NotebookDocument, change: CellChange) -> None:
    if change.source is not None:
        document.set_source(change.cell_id, change.source)
    if change.kind is not None:
        document.set_kind(change.cell_id, change.kind)
    if change.metadata or change.metadata_removed:
        document.set_metadata(change.metadata, cell_id=change.cell_id, removed=change.metadata_removed)
    if change.extra or change.extra_removed:
        document.set_extra(change.extra, cell_id=change.cell_id, removed=change.extra_removed)
    if change.deleted is not None:
        document.delete_cell(change.cell_id, deleted=change.deleted)

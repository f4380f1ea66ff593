"""The live document: one Y.Doc per notebook (docs/protocols.md, section 2). The only importer of pycrdt.

pycrdt counts text offsets in UTF-8 bytes and panics (a BaseException) on some hostile input; both end here. Updates of
clients are staged on a twin of the document first, so that a refused one leaves the live document untouched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from pycrdt import Doc, Map, Text, TransactionEvent

from labora.base.errors import ForbiddenError, InvalidError, LaboraError, NotFoundError
from labora.base.settings import LimitSettings
from labora.notebook.jsontext import dump_compact, mend, without_lone_surrogates
from labora.notebook.model import Cell, CellKind, Notebook
from labora.notebook.positions import position_between, spread
from labora.notebook.textdiff import diff_text
from labora.notebook.twin import StagedUpdate, Twin, advance, new_doc
from labora.notebook.updates import (
    EMPTY_UPDATE,
    Halves,
    check_update,
    read_state_vector,
    read_update,
    write_state_vector,
)

_MAX_STRUCTS = 100_000
_READ_ONLY = "You may read this notebook but not edit it."


@dataclass(frozen=True, slots=True)
class CellView:
    """One cell as the document has it."""

    id: str
    kind: CellKind
    source: str
    metadata: dict[str, Any]
    deleted: bool
    position: str
    extra: dict[str, Any]


class NotebookDocument:
    """A notebook's cells, sources and metadata with their history. Use it from one thread only."""

    def __init__(self) -> None:
        self._doc: Doc[Any] = new_doc()
        self._vector: dict[int, int] = {}
        self._halves: Halves = {}
        self._captured: bytes = EMPTY_UPDATE
        self._capture = False
        self._together = False
        self._doc.observe(self._committed)
        self._twin: Twin | None = None

    # -- making and reading ----------------------------------------------------------------------------------------

    @classmethod
    def from_notebook(cls, notebook: Notebook) -> Self:
        """Makes a new document of ``notebook``, with a history of its own."""
        self = cls()
        with self._doc.transaction(origin="import"):
            for cell, position in zip(notebook.cells, spread(len(notebook.cells)), strict=True):
                self._cells[cell.id] = _prelim(cell, position)
            _put_all(self._doc["metadata"], notebook.metadata)
            top = {"nbformat": notebook.nbformat, "nbformat_minor": notebook.nbformat_minor}
            _put_all(self._doc["extra"], {**notebook.extra, **top})
        self._know(self.encode_state())
        return self

    @classmethod
    def from_update(cls, update: bytes) -> Self:
        """Makes the document that ``encode_state`` wrote.

        Raises:
            InvalidError: code ``bad_update``; it is damaged.
        """
        self = cls()
        read_update(update, max_structs=len(update))
        self.apply(update, "load")
        return self

    def encode_state(self) -> bytes:
        """Returns the whole document with its history as one update."""
        return self._doc.get_update()

    def state_vector(self) -> bytes:
        """Returns what the document knows, for the other side to answer with what it lacks."""
        return write_state_vector(self._vector)

    def diff(self, state_vector: bytes) -> bytes:
        """Returns the update with what somebody at ``state_vector`` lacks.

        Raises:
            InvalidError: code ``bad_state_vector``.
        """
        read_state_vector(state_vector)
        return self._doc.get_update(state_vector)

    def cells(self) -> list[CellView]:
        """Returns all cells in order, deleted ones among them."""
        with self._doc.transaction():
            views = [_view(cell_id, cell) for cell_id, cell in self._cells.items()]
        return sorted(views, key=lambda view: (view.position, view.id))

    def cell(self, cell_id: str) -> CellView:
        """Returns one cell. Raises NotFoundError (code ``cell_not_found``)."""
        return _view(cell_id, self._cell(cell_id))

    def source(self, cell_id: str) -> str:
        """Returns a cell's source. Raises NotFoundError (code ``cell_not_found``)."""
        return str(self._cell(cell_id)["source"])

    def metadata(self) -> dict[str, Any]:
        """Returns the notebook's metadata."""
        return _values(self._doc["metadata"])

    def metadata_value(self, key: str) -> Any:
        """Returns one value of the notebook's metadata, without reading the others; None where it has none."""
        text = self._doc["metadata"].get(key)
        return _parsed(text) if isinstance(text, str) else None

    def to_notebook(self, states: Mapping[str, Mapping[str, Any]] | None = None) -> Notebook:
        """Returns the notebook without its deleted cells.

        Args:
            states: CellState (docs/protocols.md) by cell id: outputs and execution counts.
        """
        extra = _values(self._doc["extra"])
        cells = []
        for view in self.cells():
            if view.deleted:
                continue
            state = (states or {}).get(view.id, {})
            cells.append(
                Cell(
                    id=view.id,
                    kind=view.kind,
                    source=view.source,
                    metadata=view.metadata,
                    outputs=tuple(state.get("outputs", ())),
                    execution_count=state.get("execution_count"),
                    extra=view.extra,
                )
            )
        major, minor = extra.pop("nbformat", 4), extra.pop("nbformat_minor", 5)
        # Clients may write here too; a notebook of no version is written as one of the newest.
        major, minor = (major, minor) if type(major) is type(minor) is int else (4, 5)
        return Notebook(tuple(cells), self.metadata(), major, minor, extra)

    # -- updates ---------------------------------------------------------------------------------------------------

    def stage(
        self, update: bytes, limits: LimitSettings, can_edit: bool, *, foreign_clients: Collection[int] = ()
    ) -> StagedUpdate:
        """Inspects a client's update without touching the live document.

        Staged updates must be applied in the order in which they were staged; after a failure to keep one, call
        :meth:`discard_staged`.

        Args:
            update: Yjs update, version 1.
            limits: what a document may hold.
            can_edit: the client may edit; without it only an update that tells nothing new passes.
            foreign_clients: Yjs client ids of other connections, whose history this client may not continue.

        Raises:
            ForbiddenError: ``read_only``, ``foreign_client``.
            InvalidError: ``bad_update``, ``missing_updates``, ``bad_cell``, ``bad_metadata``, ``cell_removed``.
            TooLargeError: ``too_many_structs``, ``too_many_cells``, ``cell_too_large``.
        """
        summary = read_update(update, max_structs=_MAX_STRUCTS)
        if self._twin is None:
            self._twin = Twin(self.encode_state(), self._vector, self._halves)
        twin = self._twin
        check_update(summary, twin.vector, {self._doc.client_id, *foreign_clients}, twin.halves)
        if not can_edit and summary.adds_to(twin.vector):
            raise ForbiddenError(_READ_ONLY, code="read_only")
        try:
            staged = twin.stage(update, summary, limits)
            if not staged.empty and not can_edit:
                raise ForbiddenError(_READ_ONLY, code="read_only")
        except LaboraError:
            self._refused()
            raise
        except BaseException as error:
            # A panic of the CRDT library is a BaseException; the twin may be broken by it.
            self._refused()
            if not _is_panic(error):
                raise
            raise InvalidError(
                "The update cannot be applied. Reload the page to get the current document.", code="bad_update"
            ) from error
        return staged

    def _refused(self) -> None:
        pending = self._twin.pending if self._twin else []
        self._twin = Twin(self.encode_state(), self._vector, self._halves)
        for update in pending:
            self._twin.follow(update)
            self._twin.pending.append(update)

    def discard_staged(self) -> None:
        """Forgets updates that were staged but will not be applied."""
        self._twin = None

    def apply(self, update: bytes, origin: str) -> None:
        """Applies an update that was staged or comes from the journal."""
        with self._doc.transaction(origin=origin):
            self._doc.apply_update(update)
        self._know(update)
        if self._twin is None:
            return
        if self._twin.pending and self._twin.pending[0] == update:
            self._twin.pending.pop(0)
        else:
            self._twin.follow(update)

    # -- edits of the server ---------------------------------------------------------------------------------------

    def set_source(self, cell_id: str, source: str, *, origin: str = "server") -> bytes:
        """Changes a cell's source by the smallest edits, so that cursors and concurrent typing stay.

        Returns the update; so do all edits. Raises NotFoundError (code ``cell_not_found``).
        """
        text: Text = self._cell(cell_id)["source"]
        old = str(text)
        hunks = diff_text(old, without_lone_surrogates(source))

        def edit() -> None:
            for hunk in reversed(hunks):
                start = len(old[: hunk.start].encode())
                end = start + len(old[hunk.start : hunk.end].encode())
                if end > start:
                    del text[start:end]
                if hunk.text:
                    text.insert(start, hunk.text)

        return self._edit(edit, origin)

    def insert_cell(self, cell: Cell, *, after: str | None = None, origin: str = "server") -> bytes:
        """Adds ``cell`` behind the cell ``after``, or as the first one.

        Raises InvalidError (code ``cell_exists``) when its id is taken.
        """
        if cell.id in self._cells:
            raise InvalidError(f"There already is a cell {cell.id}.", code="cell_exists")
        position = self._position_after(after)
        return self._edit(lambda: self._cells.__setitem__(cell.id, _prelim(cell, position)), origin)

    def move_cell(self, cell_id: str, *, after: str | None, origin: str = "server") -> bytes:
        """Moves a cell behind the cell ``after``, or to the beginning. Raises NotFoundError."""
        cell = self._cell(cell_id)
        position = self._position_after(after, passing=cell_id)
        return self._edit(lambda: cell.__setitem__("position", position), origin)

    def delete_cell(self, cell_id: str, *, deleted: bool = True, origin: str = "server") -> bytes:
        """Marks a cell as deleted, or takes it back out of the bin. Raises NotFoundError."""
        cell = self._cell(cell_id)

        def edit() -> None:
            if deleted:
                cell["deleted"] = True
            elif "deleted" in cell:
                del cell["deleted"]

        return self._edit(edit, origin)

    def purge_cells(self, cell_ids: Iterable[str], *, origin: str = "server") -> bytes:
        """Removes deleted cells for good. Cells that are not marked as deleted stay."""

        def edit() -> None:
            for cell_id in cell_ids:
                if cell_id in self._cells and self._cells[cell_id].get("deleted") is True:
                    del self._cells[cell_id]

        return self._edit(edit, origin)

    def set_kind(self, cell_id: str, kind: CellKind, *, origin: str = "server") -> bytes:
        """Changes what a cell is. Raises NotFoundError."""
        cell = self._cell(cell_id)
        return self._edit(lambda: cell.__setitem__("kind", kind), origin)

    def set_metadata(
        self,
        changes: Mapping[str, Any],
        *,
        cell_id: str | None = None,
        removed: Iterable[str] = (),
        origin: str = "server",
    ) -> bytes:
        """Sets keys of a cell's metadata, or of the notebook's, and takes out the ``removed`` ones."""
        target = self._doc["metadata"] if cell_id is None else self._cell(cell_id)["metadata"]
        return self._edit(lambda: _put_all(target, changes, removed), origin)

    def set_extra(
        self,
        changes: Mapping[str, Any],
        *,
        cell_id: str | None = None,
        removed: Iterable[str] = (),
        origin: str = "server",
    ) -> bytes:
        """Sets keys beside the metadata (attachments, unknown keys) of a cell or of the notebook."""
        target = self._doc["extra"] if cell_id is None else self._cell(cell_id)["extra"]
        return self._edit(lambda: _put_all(target, changes, removed), origin)

    # -- inside ----------------------------------------------------------------------------------------------------

    @property
    def _cells(self) -> Any:
        return self._doc["cells"]

    def _cell(self, cell_id: str) -> Any:
        cell = self._cells.get(cell_id)
        if not isinstance(cell, Map):
            raise NotFoundError(f"There is no cell {cell_id}.", code="cell_not_found")
        return cell

    def _position_after(self, after: str | None, passing: str | None = None) -> str:
        with self._doc.transaction():
            places = ((cell["position"], cell_id) for cell_id, cell in self._cells.items() if cell_id != passing)
            order = sorted(places)
        index = 0
        if after is not None:
            found = next((number for number, (_, cell_id) in enumerate(order) if cell_id == after), None)
            if found is None:
                raise NotFoundError(f"There is no cell {after}.", code="cell_not_found")
            index = found + 1
        low = order[index - 1][0] if index else None
        # Two cells that were inserted at one place may share a position: the next different one is the bound.
        high = next((position for position, _ in order[index:] if position > (low or "")), None)
        return position_between(low, high)

    def edit_together(self, change: Callable[[], None], *, origin: str = "server") -> bytes:
        """Makes all edits that ``change`` calls for in one transaction, and returns its update."""

        def edits() -> None:
            self._together = True
            try:
                change()
            finally:
                self._together = False

        return self._edit(edits, origin)

    def _edit(self, change: Callable[[], None], origin: str) -> bytes:
        if self._together:
            change()
            return EMPTY_UPDATE
        self._capture, self._captured = True, EMPTY_UPDATE
        try:
            with self._doc.transaction(origin=origin):
                change()
        finally:
            self._capture = False
        self._know(self._captured)
        if self._twin is not None:
            self._twin.follow(self._captured)
        return self._captured

    def _committed(self, event: TransactionEvent) -> None:
        if self._capture:
            self._captured = event.update

    def _know(self, update: bytes) -> None:
        advance(self._vector, self._halves, read_update(update, max_structs=len(update)))


def _is_panic(error: BaseException) -> bool:
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def _prelim(cell: Cell, position: str) -> Map[Any]:
    return Map(
        {
            "source": Text(without_lone_surrogates(cell.source)),
            "kind": cell.kind,
            "position": position,
            "metadata": Map(_texts(cell.metadata)),
            "extra": Map(_texts(cell.extra)),
        }
    )


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: dump_compact(value) for key, value in values.items()}


def _put_all(target: Any, changes: Mapping[str, Any], removed: Iterable[str] = ()) -> None:
    for key, text in _texts(changes).items():
        if target.get(key) != text:
            target[key] = text
    for key in removed:
        if key in target:
            del target[key]


def _values(source: Any) -> dict[str, Any]:
    return {key: _parsed(text) for key, text in source.items()}


def _parsed(text: str) -> Any:
    value = json.loads(text)
    # Browsers write half of a surrogate pair as an escape, which could not be encoded again.
    return mend(value)[0] if "\\ud" in text.lower() else value


def _view(cell_id: str, cell: Any) -> CellView:
    return CellView(
        id=cell_id,
        kind=cell["kind"],
        source=str(cell["source"]),
        metadata=_values(cell["metadata"]),
        deleted=cell.get("deleted") is True,
        position=cell["position"],
        extra=_values(cell["extra"]) if "extra" in cell else {},
    )


__all__ = ["CellView", "NotebookDocument", "StagedUpdate"]

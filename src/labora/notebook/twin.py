"""The staging twin: a second document that takes every update before the live one does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pycrdt import Doc, Map, TransactionEvent

from labora.base.errors import InvalidError
from labora.base.settings import LimitSettings
from labora.notebook.inspection import Changes, check_cell, check_cells, check_values, watch
from labora.notebook.updates import (
    EMPTY_UPDATE,
    ROOTS,
    Halves,
    UpdateSummary,
    note_halves,
    read_state_vector,
    read_update,
)


@dataclass(frozen=True, slots=True)
class StagedUpdate:
    """A client's update that was inspected and may be journalled and applied.

    Attributes:
        update: the bytes.
        empty: it tells nothing new: nothing to journal, the client may be told that it is saved.
        cells: ids of the cells that it changes.
    """

    update: bytes
    empty: bool
    cells: frozenset[str]


class Twin:
    """A second document that receives every update first."""

    def __init__(self, state: bytes, vector: Mapping[int, int], halves: Halves) -> None:
        self.vector = dict(vector)
        self.halves = {client: set(clocks) for client, clocks in halves.items()}
        self.pending: list[bytes] = []
        self._doc = new_doc()
        self._doc.apply_update(state)
        self._changes = Changes()
        self._changed = False
        self._subscriptions = watch(self._doc, self._changes)
        self._doc.observe(self._committed)

    def _committed(self, event: TransactionEvent) -> None:
        self._changed = event.update != EMPTY_UPDATE

    def follow(self, update: bytes) -> None:
        """Takes over what the live document has."""
        self._doc.apply_update(update)
        self._changes.clear()
        advance(self.vector, self.halves, read_update(update, max_structs=len(update)))

    def stage(self, update: bytes, summary: UpdateSummary, limits: LimitSettings) -> StagedUpdate:
        """Takes a client's update and inspects what became of the document; raises as NotebookDocument.stage does."""
        self._changes.clear()
        self._changed = False
        needs_itself = summary.needs_itself(self.vector)
        try:
            self._doc.apply_update(update)
        except ValueError as error:
            raise InvalidError("The update cannot be read. Reload the page.", code="bad_update") from error
        advance(self.vector, self.halves, summary)
        if needs_itself and read_state_vector(self._doc.get_state()) != self.vector:
            raise InvalidError("The update's parts wait for each other. Reload the page.", code="missing_updates")
        changes = self._changes
        check_cells(self._doc["cells"], changes, limits)
        for cell_id in changes.cells:
            check_cell(self._doc["cells"], cell_id, changes, limits)
        for root, keys in changes.roots.items():
            check_values(self._doc[root], keys, limits)
        if self._changed:
            self.pending.append(update)
        return StagedUpdate(update, not self._changed, frozenset(changes.cells))


def advance(vector: dict[int, int], halves: Halves, summary: UpdateSummary) -> None:
    """Notes what a document knows once it has an update."""
    for client, (_, end) in summary.sections.items():
        vector[client] = max(end, vector.get(client, 0))
    note_halves(halves, summary)


def new_doc() -> Doc[Any]:
    """Returns an empty document with its roots."""
    doc: Doc[Any] = Doc()
    for root in ROOTS:
        doc[root] = Map()
    return doc

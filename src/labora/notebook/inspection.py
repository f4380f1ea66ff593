"""Rules that a document must still keep after a client's update (docs/protocols.md, section 2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from pycrdt import Map, Text

from labora.base.errors import InvalidError, TooLargeError
from labora.base.settings import LimitSettings
from labora.notebook.cellform import CELL_ID
from labora.notebook.jsontext import load_bounded
from labora.notebook.model import CELL_KINDS
from labora.notebook.positions import MAX_LENGTH, POSITION

_REQUIRED = {"source", "kind", "position", "metadata"}
_KEYS = _REQUIRED | {"deleted", "extra"}
_MAX_KEY = 1000


@dataclass(slots=True)
class Changes:
    """What one transaction changed.

    Attributes:
        cells: by cell id, the names of the changed parts; ``*`` when the cell is new or its own keys changed.
        roots: by root (``metadata``, ``extra``), the changed keys.
        gone: cells whose entry was removed or replaced.
    """

    cells: dict[str, set[str]] = field(default_factory=dict)
    roots: dict[str, set[str]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def clear(self) -> None:
        """Forgets everything."""
        self.cells.clear()
        self.roots.clear()
        self.gone.clear()

    def in_cells(self, events: Iterable[Any]) -> None:
        """Takes the events of the ``cells`` map."""
        for event in events:
            path = event.path
            if path:
                self.cells.setdefault(str(path[0]), set()).add(str(path[1]) if len(path) > 1 else "*")
                continue
            for cell_id, change in event.keys.items():
                if change["action"] != "add":
                    self.gone.add(cell_id)
                self.cells.setdefault(cell_id, set()).add("*")

    def in_root(self, root: str, event: Any) -> None:
        """Takes an event of another root."""
        self.roots.setdefault(root, set()).update(event.keys)


def watch(doc: Any, changes: Changes) -> list[Any]:
    """Fills ``changes`` from the transactions of ``doc``."""
    return [
        doc["cells"].observe_deep(changes.in_cells),
        doc["metadata"].observe(lambda event: changes.in_root("metadata", event)),
        doc["extra"].observe(lambda event: changes.in_root("extra", event)),
    ]


def _bad(message: str, code: str = "bad_cell") -> NoReturn:
    raise InvalidError(message, code=code)


def check_cells(cells: Any, changes: Changes, limits: LimitSettings) -> None:
    """Checks the map of cells as a whole.

    Raises:
        InvalidError: code ``cell_removed``; a cell was taken out of the map instead of marked as deleted.
        TooLargeError: code ``too_many_cells``.
    """
    if changes.gone:
        _bad("A cell was removed or replaced; mark it as deleted instead.", "cell_removed")
    count = len(cells)
    if count <= limits.cells or not any("*" in parts for parts in changes.cells.values()):
        return
    # Deleted cells stay until compaction and count half: what is pasted anew must not need an emptied bin.
    if count <= 2 * limits.cells:
        count = sum(1 for cell in cells.values() if not cell.get("deleted"))
    if count > limits.cells:
        raise TooLargeError(
            f"A notebook holds up to {limits.cells} cells; split it into several.",
            code="too_many_cells",
            details={"limit": limits.cells, "actual": count},
        )


def check_cell(cells: Any, cell_id: str, changes: Changes, limits: LimitSettings) -> None:
    """Checks one changed cell.

    Raises:
        InvalidError: codes ``bad_cell``, ``bad_metadata``.
        TooLargeError: code ``cell_too_large``.
    """
    parts = changes.cells[cell_id]
    if not CELL_ID.fullmatch(cell_id):
        _bad("A cell's id must be 1 to 64 letters, digits, - or _.")
    cell = cells.get(cell_id)
    if not isinstance(cell, Map):
        _bad("A cell must be a map.")
    whole = "*" in parts
    if whole:
        _check_fields(cell)
    for name in ("metadata", "extra"):
        if name in cell and (whole or name in parts):
            values = cell[name]
            if not isinstance(values, Map):
                _bad(f"A cell's {name} must be a map.")
            check_values(values, values.keys(), limits)
    if whole or "source" in parts:
        source = cell.get("source")
        if not isinstance(source, Text):
            _bad("A cell's source must be a text.")
        _check_source(source, limits)


def _check_fields(cell: Any) -> None:
    keys = set(cell.keys())
    if not _REQUIRED <= keys <= _KEYS:
        _bad(f"A cell must have {', '.join(sorted(_REQUIRED))} and no unknown keys.")
    if cell["kind"] not in CELL_KINDS:
        _bad("A cell's kind must be code, markdown or raw.")
    position = cell["position"]
    if not isinstance(position, str) or len(position) > MAX_LENGTH or not POSITION.fullmatch(position):
        _bad("A cell's position must be letters and digits that do not end in 0.")
    if "deleted" in keys and cell["deleted"] is not True:
        _bad("A cell's deleted flag must be true or absent.")


def _check_source(source: Any, limits: LimitSettings) -> None:
    chunks = source.diff()
    if any(not isinstance(chunk, str) or attributes for chunk, attributes in chunks):
        _bad("A cell's source must be plain text.")
    size = len(source)
    if size > limits.cell_source_bytes:
        raise TooLargeError(
            f"A cell holds up to {limits.cell_source_bytes} bytes of source; put large data into a file.",
            code="cell_too_large",
            details={"limit": limits.cell_source_bytes, "actual": size},
        )


def check_values(values: Any, keys: Iterable[str], limits: LimitSettings) -> None:
    """Checks that changed values of a map are JSON texts.

    Raises:
        InvalidError: code ``bad_metadata``.
    """
    for key in keys:
        if len(key) > _MAX_KEY:
            _bad("A metadata key is too long.", "bad_metadata")
        if key not in values:
            continue
        text = values[key]
        if not isinstance(text, str):
            _bad("A metadata value must be JSON text.", "bad_metadata")
        try:
            load_bounded(text, max_depth=limits.json_depth)
        except (InvalidError, TooLargeError) as error:
            raise InvalidError(f"Metadata {key!r}: {error.message}", code="bad_metadata") from error

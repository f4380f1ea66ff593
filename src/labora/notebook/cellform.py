"""How a file spells its cells: what a cell leaves out or does in its own way, so that it is written back as it was.

The notes live in ``extra["$form"]``. A notebook's own ``$form`` has the usual form per cell kind (``cells``); a cell
notes only what differs from it, and new cells follow the file's habit.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from labora.notebook.forms import cell_form
from labora.notebook.model import CELL_KINDS, FORM, Cell, CellKind
from labora.notebook.textform import join_text, spell, spelling_of

CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FIELDS = ("cell_type", "execution_count", "id", "metadata", "outputs", "source")
_REQUIRED = {"code": {"cell_type", "execution_count", "metadata", "outputs", "source"}}
_REQUIRED_OTHER = {"cell_type", "metadata", "source"}


def plain_lines(text: str) -> str:
    """Returns ``text`` with ``\\n`` as its only line end: editors count every line end as one character."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def source_digest(source: str) -> str:
    """Returns a short digest that tells whether a source is still the imported one."""
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def escape_key(key: str) -> str:
    """Returns the name under which an unknown key of a file is kept: ours begin with one ``$``."""
    return "$" + key if key.startswith("$") else key


def unescape_key(key: str) -> str | None:
    """Returns the file's name of a kept key, or None for one of ours."""
    if key.startswith("$"):
        return key[1:] if key.startswith("$$") else None
    return key


class IdGiver:
    """Chooses the cell ids of one notebook: the file's where they are sound and unique, else from the content.

    Made ids are the same each time the same bytes are read.
    """

    def __init__(self, reserved: Iterable[str]) -> None:
        self._reserved = set(reserved)
        self._used: set[str] = set()

    def claim(self, wanted: Any, source: str) -> tuple[str, bool]:
        """Returns the id of the next cell and whether it is the wanted one."""
        if isinstance(wanted, str) and CELL_ID.fullmatch(wanted) and wanted not in self._used:
            self._used.add(wanted)
            return wanted, True
        number = 0
        while True:
            digest = hashlib.sha256(f"{number}\0{source}".encode()).digest()
            made = base64.b32encode(digest)[:12].decode().lower()
            if made not in self._used and made not in self._reserved:
                self._used.add(made)
                return made, False
            number += 1


def cell_kind(raw: Mapping[str, Any]) -> CellKind:
    """Returns the kind under which a cell of any type is shown; unknown types are raw."""
    kind = raw.get("cell_type")
    for known in CELL_KINDS:
        if kind == known:
            return known
    return "raw"


def read_form(raw: Mapping[str, Any], cell: Cell, *, id_style: str, id_sound: bool) -> dict[str, Any]:
    """Returns the form of the raw cell that became ``cell``."""
    form: dict[str, Any] = {"kind": cell.kind, "order": list(raw)}
    if raw.get("cell_type") != cell.kind and "cell_type" in raw:
        form["type"] = {"raw": raw["cell_type"]}
    source = raw.get("source")
    text = join_text(source)
    if "source" in raw:
        if text != cell.source or source is None:
            form["source"] = {"raw": source}
        elif isinstance(source, (str, list)) and (spelling := spelling_of(source, text)) != "lines":
            form["source"] = spelling
    if "metadata" in raw and not isinstance(raw["metadata"], dict):
        form["metadata"] = {"raw": raw["metadata"]}
    elif len(cell.metadata) > 1 and list(cell.metadata) != sorted(cell.metadata):
        form["keys"] = list(cell.metadata)
    if cell.kind == "code":
        count = raw.get("execution_count")
        if type(count) is not int and count is not None:
            form["count"] = {"raw": count}
        if "outputs" in raw and not isinstance(raw["outputs"], list):
            form["outputs"] = {"raw": raw["outputs"]}
    if not id_sound:
        holder = raw if id_style == "cell" else cell.metadata
        form["id"] = {"source": source_digest(cell.source), **({"raw": holder["id"]} if "id" in holder else {})}
    return form


def usual_forms(forms: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Returns the form that new cells of each kind take: that of the first complete cell of the kind."""
    usual: dict[str, dict[str, Any]] = {}
    for form in forms:
        kind, order = form["kind"], form["order"]
        required = _REQUIRED.get(kind, _REQUIRED_OTHER)
        if (
            kind not in usual
            and required <= set(order) <= required | {"id"}
            and form.keys() <= {"kind", "order", "source"}
        ):
            spelling = form.get("source")
            usual[kind] = {"order": order, **({"source": "str"} if spelling == "str" else {})}
    return usual


def form_difference(form: dict[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a cell notes itself: ``form`` without what is usual; ``kind`` only where the order needs it."""
    noted = {key: value for key, value in form.items() if key not in ("kind", "order", "source")}
    if form["order"] != usual.get("order", list(_FIELDS)):
        noted["order"], noted["kind"] = form["order"], form["kind"]
    if form.get("source", "lines") != usual.get("source", "lines"):
        noted["source"] = form.get("source", "lines")
    return noted


def write_cell(
    cell: Cell, outputs: list[Any], *, usual: Mapping[str, Any], id_style: str, writes_ids: bool
) -> dict[str, Any]:
    """Returns the cell as the file spells it.

    Args:
        cell: the cell.
        outputs: its outputs in nbformat's form.
        usual: the notebook's usual form of this kind of cell.
        id_style: where the file keeps cell ids: ``cell``, ``metadata`` or ``none``.
        writes_ids: the minor version has ids (4.5 and later).
    """
    form = cell_form(cell.extra.get(FORM))
    is_new = FORM not in cell.extra
    if "kind" in form and form["kind"] != cell.kind:
        # The cell changed its kind: the noted order speaks of keys that the other kind has.
        form = {key: value for key, value in form.items() if key in ("id", "keys", "source")}
    order = form.get("order", usual.get("order", list(_FIELDS)))
    values = _values(cell, form, usual, outputs)
    flaw = form.get("id")
    if flaw is not None and flaw["source"] != source_digest(cell.source):
        flaw = None
    _write_id(values, cell, flaw, id_style, has_id=writes_ids or "id" in order, is_new=is_new)
    for key in _optional(values, form, cell):
        if key not in order:
            values.pop(key, None)
    written = {key: values.pop(key) for key in order if key in values}
    return written | values


def _values(cell: Cell, form: Mapping[str, Any], usual: Mapping[str, Any], outputs: list[Any]) -> dict[str, Any]:
    values: dict[str, Any] = {"cell_type": cell.kind}
    if cell.kind == "raw" and "type" in form:
        values["cell_type"] = form["type"]["raw"]
    values["metadata"] = ordered(cell.metadata, form.get("keys"))
    if not cell.metadata and "metadata" in form:
        values["metadata"] = form["metadata"]["raw"]
    if cell.kind == "code":
        values["execution_count"] = cell.execution_count
        if cell.execution_count is None and "count" in form:
            values["execution_count"] = form["count"]["raw"]
        values["outputs"] = form["outputs"]["raw"] if not outputs and "outputs" in form else outputs
    values["source"] = write_source(cell.source, form.get("source", usual.get("source", "lines")))
    for key, value in cell.extra.items():
        name = unescape_key(key)
        # A client may write any key into the document's extras; what the cell itself says stands.
        if name is not None and name not in values and name != "id":
            values[name] = value
    return values


def write_source(source: str, spelling: Any) -> Any:
    """Returns ``source`` as the file spells it; an odd spelling is used while the text is still the same."""
    if isinstance(spelling, dict):
        raw = spelling["raw"]
        return raw if plain_lines(join_text(raw) or "") == source else spell(source, "lines")
    return spell(source, spelling)


def _write_id(
    values: dict[str, Any], cell: Cell, flaw: Mapping[str, Any] | None, id_style: str, *, has_id: bool, is_new: bool
) -> None:
    holder = values
    if id_style == "metadata" and isinstance(values["metadata"], dict) and not has_id:
        if "id" not in values["metadata"] and not is_new:
            return
        holder = values["metadata"] = dict(values["metadata"])
    elif not has_id:
        return
    if flaw is None:
        holder["id"] = cell.id
    elif "raw" in flaw:
        holder["id"] = flaw["raw"]
    else:
        holder.pop("id", None)


def _optional(values: Mapping[str, Any], form: Mapping[str, Any], cell: Cell) -> set[str]:
    """Returns the fields that a cell which came without them goes without for as long as they are empty."""
    if "order" not in form:
        return set()
    empty = {key for key in ("source", "metadata", "outputs") if key in values and not values[key]}
    if cell.kind == "code" and values.get("execution_count") is None:
        empty.add("execution_count")
    if cell.kind == "raw":
        empty.add("cell_type")
    return empty


def ordered(mapping: Mapping[str, Any], keys: list[str] | None) -> dict[str, Any]:
    """Returns ``mapping`` in the noted order of keys, then the others sorted."""
    rank = {key: number for number, key in enumerate(keys or ())}
    return dict(sorted(mapping.items(), key=lambda item: (rank.get(item[0], len(rank)), item[0])))

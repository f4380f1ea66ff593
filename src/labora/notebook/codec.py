"""``.ipynb`` files: read tolerantly, written back as they were.

A notebook of nbformat 4 that nobody edited is written as the same JSON, value types, key order, indentation and minor
version included. nbformat 2 and 3 are brought to 4 by nbformat's own upgrade.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import Any

from labora.base.errors import InvalidError, TooLargeError, UnsupportedError
from labora.base.ids import new_id
from labora.base.settings import LimitSettings
from labora.notebook.cellform import (
    CELL_ID,
    IdGiver,
    cell_kind,
    escape_key,
    form_difference,
    ordered,
    plain_lines,
    read_form,
    unescape_key,
    usual_forms,
    write_cell,
)
from labora.notebook.forms import notebook_form
from labora.notebook.jsontext import load_file
from labora.notebook.model import FORM, Cell, CellKind, Notebook, Output, Resolve, Store
from labora.notebook.outputs import export_output, import_output, output_size
from labora.notebook.textform import join_text

_TOP = ("cells", "metadata", "nbformat", "nbformat_minor")
_CELL_FIELDS = {"cell_type", "id", "metadata", "source"}
_CODE_FIELDS = {"execution_count", "outputs"}
_NEWEST_MINOR = 5
BATCH = 4096
"""Pieces of a file that are put together at a time."""
_HEAD = re.compile(rb"\s*\{(\r?\n)([ \t]*)")


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What was read.

    Attributes:
        notebook: the notebook.
        read_only_reason: why it must not be edited, in one sentence, or None.
        repairs: what had to be changed to read it, as sentences; the file's own bytes are worth keeping.
    """

    notebook: Notebook
    read_only_reason: str | None = None
    repairs: tuple[str, ...] = ()


def read_notebook(
    data: bytes, limits: LimitSettings, *, store: Store | None = None, new_output_id: Callable[[], str] = new_id
) -> ReadResult:
    """Reads an ``.ipynb`` file.

    Args:
        data: the file's bytes.
        limits: what a document may hold.
        store: takes output values above ``limits.inline_bytes``; None keeps them inline.
        new_output_id: makes the outputs' identifiers.

    Raises:
        InvalidError: it cannot be understood (codes of :func:`labora.notebook.jsontext.load_file`, ``not_a_notebook``,
            ``upgrade_failed``).
        TooLargeError: as load_file, and ``too_many_cells``.
        UnsupportedError: ``unsupported_nbformat``.
    """
    parsed = load_file(data, max_bytes=limits.notebook_bytes, max_depth=limits.json_depth)
    repairs = list(parsed.repairs)
    raw, reason = as_version_4(parsed.value, repairs)
    cells = raw.get("cells", [])
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise InvalidError('The file is JSON but no notebook: "cells" is not a list of cells.', code="not_a_notebook")
    if len(cells) > limits.cells:
        raise TooLargeError(
            f"The notebook has {len(cells)} cells; up to {limits.cells} are opened.",
            code="too_many_cells",
            details={"limit": limits.cells, "actual": len(cells)},
        )
    notebook = _Reader(limits, store, new_output_id).read(raw, cells, file_style(data))
    largest = max((len(cell.source.encode()) for cell in notebook.cells), default=0)
    if largest > limits.cell_source_bytes and reason is None:
        reason = (
            f"A cell holds {largest} bytes of source; cells of up to {limits.cell_source_bytes} bytes can be edited."
        )
    return ReadResult(notebook, reason, tuple(repairs))


def as_version_4(raw: Any, repairs: list[str]) -> tuple[dict[str, Any], str | None]:
    """Returns a parsed file in the form of nbformat 4, and why it must not be edited; notes what was repaired.

    Raises:
        InvalidError: ``not_a_notebook``, ``upgrade_failed``.
        UnsupportedError: ``unsupported_nbformat``.
    """
    if not isinstance(raw, dict) or not raw.keys() & {"cells", "worksheets", "nbformat"}:
        raise InvalidError("The file is JSON but not a notebook.", code="not_a_notebook")
    major = _number(raw.get("nbformat"), 4 if "cells" in raw else 3)
    minor = _number(raw.get("nbformat_minor"), 0)
    if major in (1, 2, 3):
        repairs.append(f"The notebook was brought from nbformat {major} to 4.5; saving keeps the new format.")
        return _upgrade(raw, major), None
    if major < 1 or (major > 4 and not isinstance(raw.get("cells"), list)):
        raise UnsupportedError(
            f"The notebook is of nbformat {raw.get('nbformat')!r}; versions 1 to 4 can be opened. "
            "Save it in an older format with the program that wrote it.",
            code="unsupported_nbformat",
        )
    if major > 4 or minor > _NEWEST_MINOR:
        return raw, (
            f"The notebook is of nbformat {major}.{minor}, newer than 4.{_NEWEST_MINOR}; "
            "it is shown as far as it is understood and not changed."
        )
    return raw, None


def _number(value: Any, default: int) -> int:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else default


def _upgrade(raw: dict[str, Any], major: int) -> dict[str, Any]:
    import nbformat  # late: it loads JSON schemas, which few notebooks need
    from nbformat import reader

    try:
        old = reader.reads(json.dumps({"worksheets": [], "metadata": {}, **raw, "nbformat": major}))  # type: ignore[no-untyped-call]
        upgraded: dict[str, Any] = json.loads(json.dumps(nbformat.convert(old, 4)))  # type: ignore[no-untyped-call]
    except Exception as error:  # the upgrade fails in many ways on files that break their schema
        raise InvalidError(
            f"The notebook of nbformat {major} could not be brought to the current format: {error}.",
            code="upgrade_failed",
        ) from error
    for cell in upgraded.get("cells", []):
        cell.pop("id", None)  # random ones; ours are the same each time
    return upgraded


class _Reader:
    def __init__(self, limits: LimitSettings, store: Store | None, new_output_id: Callable[[], str]) -> None:
        self._limits, self._store, self._new_id = limits, store, new_output_id

    def read(self, raw: dict[str, Any], raw_cells: list[dict[str, Any]], style: dict[str, Any]) -> Notebook:
        minor = _number(raw.get("nbformat_minor"), 0)
        id_style, wanted = wanted_ids(raw_cells, minor)
        giver = IdGiver(name for name in wanted if isinstance(name, str))
        cells: list[Cell] = []
        forms: list[dict[str, Any]] = []
        for raw_cell, name in zip(raw_cells, wanted, strict=True):
            source = plain_lines(join_text(raw_cell.get("source")) or "")
            cell_id, sound = giver.claim(name, source)
            cell = self._cell(raw_cell, cell_id, source)
            cells.append(cell)
            forms.append(read_form(raw_cell, cell, id_style=id_style, id_sound=sound or id_style == "none"))
        usual = usual_forms(forms)
        for cell, form in zip(cells, forms, strict=True):
            cell.extra[FORM] = form_difference(form, usual.get(cell.kind, {}))
        metadata = raw.get("metadata", {})
        noted: dict[str, Any] = {**style, "cells": usual, "ids": id_style}
        if not isinstance(metadata, dict):
            noted["metadata"], metadata = {"raw": metadata}, {}
        elif list(metadata) != sorted(metadata):
            noted["keys"] = list(metadata)
        if list(raw) != list(_TOP):
            noted["order"] = list(raw)
        for key in ("nbformat", "nbformat_minor"):
            if type(raw.get(key)) is not int and key in raw:
                noted[key] = {"raw": raw[key]}
        extra = {escape_key(key): value for key, value in raw.items() if key not in _TOP}
        return Notebook(tuple(cells), metadata, _number(raw.get("nbformat"), 4), minor, {**extra, FORM: noted})

    def _cell(self, raw: dict[str, Any], cell_id: str, source: str) -> Cell:
        kind = cell_kind(raw)
        fields = _CELL_FIELDS | _CODE_FIELDS if kind == "code" else _CELL_FIELDS
        metadata, outputs = raw.get("metadata"), raw.get("outputs")
        count = raw.get("execution_count")
        return Cell(
            id=cell_id,
            kind=kind,
            source=source,
            metadata=metadata if isinstance(metadata, dict) else {},
            outputs=self._outputs(outputs) if kind == "code" and isinstance(outputs, list) else (),
            execution_count=count if kind == "code" and type(count) is int else None,
            extra={escape_key(key): value for key, value in raw.items() if key not in fields},
        )

    def _outputs(self, raw: list[Any]) -> tuple[Output, ...]:
        inline = self._limits.inline_bytes
        return tuple(
            import_output(item, output_id=self._new_id(), store=self._store, inline_bytes=inline) for item in raw
        )


def wanted_ids(cells: list[dict[str, Any]], minor: int) -> tuple[str, list[Any]]:
    """Returns where a notebook's cells keep their ids, and what each cell has there, of any type."""
    id_style = _id_style(cells, minor)
    return id_style, [_wanted_id(cell, id_style) for cell in cells]


def _id_style(cells: list[dict[str, Any]], minor: int) -> str:
    if minor >= _NEWEST_MINOR or any("id" in cell for cell in cells):
        return "cell"
    kept = any(isinstance(cell.get("metadata"), dict) and "id" in cell["metadata"] for cell in cells)
    return "metadata" if kept else "none"


def _wanted_id(cell: dict[str, Any], id_style: str) -> Any:
    if id_style == "cell":
        return cell.get("id")
    metadata = cell.get("metadata")
    return metadata.get("id") if id_style == "metadata" and isinstance(metadata, dict) else None


def file_style(data: bytes) -> dict[str, Any]:
    """Returns how a JSON file is laid out: what deviates from nbformat's own writer."""
    style: dict[str, Any] = {}
    head = _HEAD.match(data.removeprefix(b"\xef\xbb\xbf"))
    if head is None:
        style["indent"] = None
        style["tight"] = b'": ' not in data[:4096]
    elif head[2] != b" ":
        style["indent"] = "\t" * len(head[2]) if b"\t" in head[2] else len(head[2])
    if head is not None and head[1] == b"\r\n":
        style["crlf"] = True
    if not data.endswith(b"\n"):
        style["open_end"] = True
    if data.isascii() and re.search(rb"\\u(?!00[0-7])", data):
        style["ascii"] = True
    return style


def write_notebook(
    notebook: Notebook, *, resolve: Resolve, output_export_bytes: int | None = None, link: str | None = None
) -> bytes:
    """Returns the ``.ipynb`` file of ``notebook``.

    Args:
        notebook: the notebook.
        resolve: reads output values that lie outside; may block.
        output_export_bytes: outputs of one cell beyond this are replaced by a visible marker; errors are always
            written, and so is what came with the imported file. None writes everything.
        link: where the whole output can be read, for the marker.
    """
    noted = notebook_form(notebook.extra.get(FORM))
    usual, id_style = noted.get("cells", {}), noted.get("ids", "cell")
    cells = [
        write_cell(
            cell,
            _export_outputs(cell, resolve, output_export_bytes, link),
            usual=usual.get(cell.kind, {}),
            id_style=id_style,
            writes_ids=notebook.nbformat_minor >= _NEWEST_MINOR,
        )
        for cell in notebook.cells
    ]
    values: dict[str, Any] = {
        "cells": cells,
        "metadata": ordered(notebook.metadata, noted.get("keys")),
        "nbformat": notebook.nbformat,
        "nbformat_minor": notebook.nbformat_minor,
    }
    for key in ("metadata", "nbformat", "nbformat_minor"):
        if key in noted and (key != "metadata" or not notebook.metadata):
            values[key] = noted[key]["raw"]
    for key, value in notebook.extra.items():
        name = unescape_key(key)
        # Never over what the notebook itself says: a client may write any key into the document's extras.
        if name is not None and name not in _TOP:
            values[name] = value
    return _dump(_in_order(values, noted.get("order")), noted)


def _in_order(values: dict[str, Any], order: list[str] | None) -> dict[str, Any]:
    if order is None:
        return values
    for key in _TOP:
        # A file without this key stays without it; an empty list of cells says nothing.
        if key not in order and (key.startswith("nbformat") or not values[key]):
            values.pop(key)
    written = {key: values.pop(key) for key in order if key in values}
    return written | values


def _dump(value: Any, style: dict[str, Any]) -> bytes:
    tight = style.get("indent", 1) is None and style.get("tight")
    encoder = json.JSONEncoder(
        ensure_ascii=bool(style.get("ascii")),
        indent=style.get("indent", 1),
        separators=(",", ":") if tight else None,
        allow_nan=False,
    )
    crlf = bool(style.get("crlf"))
    written = BytesIO()
    # encode() would hold a string for each line of output until the end, and long streams are written line by line.
    for pieces in _batched(encoder.iterencode(value)):
        text = "".join(pieces)
        written.write((text.replace("\n", "\r\n") if crlf else text).encode())
    if not style.get("open_end"):
        written.write(b"\r\n" if crlf else b"\n")
    return written.getvalue()


def _batched(pieces: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(pieces, BATCH)):
        yield batch


def _export_outputs(cell: Cell, resolve: Resolve, limit: int | None, link: str | None) -> list[Any]:
    if cell.kind != "code":
        return []
    written: list[Any] = []
    used, left_out = 0, 0
    for output in cell.outputs:
        if output.get("output_type") == "labora_notice":
            written.append(_marker(str(output.get("message", "")), link))
            continue
        size = output_size(output)
        kept = output.get("output_type") == "error" or output.get(FORM, {}).get("keep")
        if limit is not None and not kept and (left_out or used + size > limit):
            if not left_out and output.get("output_type") == "stream":
                head, size = _stream_head(output, resolve, limit - used)
                written.extend(head)
            left_out += size
            continue
        used += size
        written.append(export_output(output, resolve))
    if left_out:
        written.append(_marker(f"{left_out} bytes of output are not in this file.", link))
    return written


def _stream_head(output: Output, resolve: Resolve, room: int) -> tuple[list[Any], int]:
    """Returns the parts of a stream that fit into ``room`` bytes, and how many bytes are left out."""
    parts: list[dict[str, Any]] = []
    for part in output["parts"]:
        if part["size"] > room:
            break
        room -= part["size"]
        parts.append(part)
    left_out = output_size(output) - sum(part["size"] for part in parts)
    head = {key: value for key, value in output.items() if key != FORM} | {"parts": parts, "text": ""}
    return ([export_output(head, resolve)] if parts else []), left_out


def _marker(message: str, link: str | None) -> dict[str, Any]:
    text = f"[Labora: {message}{f' See {link}' if link else ''}]"
    return {"data": {"text/plain": [text]}, "metadata": {"labora": {"output": "cut"}}, "output_type": "display_data"}


__all__ = ["CELL_ID", "CellKind", "ReadResult", "read_notebook", "write_notebook"]

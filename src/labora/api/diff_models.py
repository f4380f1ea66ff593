"""Differences of notebooks as the REST API tells them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from labora.api.models import Answer, RevisionAnswer
from labora.drive import Comparison, Side
from labora.notebook.celldiff import MISSING, CellDiff, KeyChange
from labora.notebook.linediff import Line
from labora.notebook.model import BlobSink, Cell, Notebook, Output, kernelspec_of
from labora.notebook.outputs import export_output, import_output, output_size

_ONE_LINE = 80
ONE_OUTPUT = 4 * 1024 * 1024
ALL_OUTPUTS = 24 * 1024 * 1024
"""Bytes of outputs that an answer holds; what is beyond is told, not shown."""


class SideAnswer(Answer):
    file_id: str
    name: str
    revision: RevisionAnswer | None = Field(description="Absent for the present state.")

    @classmethod
    def of_side(cls, side: Side) -> SideAnswer:
        """Returns the REST form of one side."""
        revision = None if side.revision is None else RevisionAnswer.of(side.revision)
        return cls(file_id=side.view.id, name=side.view.name, revision=revision)


class PieceAnswer(Answer):
    text: str
    changed: bool = Field(description="One of the words in which the line differs from its counterpart.")


class LineAnswer(Answer):
    kind: Literal["same", "removed", "added"]
    pieces: list[PieceAnswer]


class KeyChangeAnswer(Answer):
    path: list[str]
    before: str | None = Field(description="JSON text; absent where the key was not there.")
    after: str | None

    @classmethod
    def of_change(cls, change: KeyChange) -> KeyChangeAnswer:
        """Returns the REST form of a change of metadata."""
        return cls(path=list(change.path), before=_json(change.old), after=_json(change.new))


class CellSideAnswer(Answer):
    """A cell on one side. ``outputs`` are given where they differ, or where only this side has the cell."""

    index: int
    id: str
    kind: Literal["code", "markdown", "raw"]
    source: str
    execution_count: int | None
    outputs: list[dict[str, Any]] | None


class CellDiffAnswer(Answer):
    status: Literal["same", "added", "removed", "changed"]
    moved: bool
    parts: list[Literal["kind", "source", "outputs", "metadata", "execution_count"]]
    before: CellSideAnswer | None
    after: CellSideAnswer | None
    lines: list[LineAnswer] = Field(description="Of the source, where it differs: both texts in reading order.")
    metadata: list[KeyChangeAnswer]


class DiffAnswer(Answer):
    """How one notebook differs from another; ``before`` is absent for a first revision."""

    before: SideAnswer | None
    after: SideAnswer
    language: str
    cells: list[CellDiffAnswer]
    metadata: list[KeyChangeAnswer]
    outputs_left_out: bool = Field(description="Some outputs are too large to be shown here.")

    @classmethod
    def of(cls, found: Comparison) -> DiffAnswer:
        """Returns the REST form of a comparison."""
        shown = _Outputs(found.sink)
        cells = [_cell(cell, found, shown) for cell in found.diff.cells]
        metadata = [KeyChangeAnswer.of_change(change) for change in (*found.diff.metadata, *found.diff.extra)]
        if found.diff.version is not None:
            old, new = (f"{major}.{minor}" for major, minor in found.diff.version)
            metadata.append(KeyChangeAnswer(path=["nbformat"], before=old, after=new))
        return cls(
            before=None if found.before is None else SideAnswer.of_side(found.before),
            after=SideAnswer.of_side(found.after),
            language=_language(found.new),
            cells=cells,
            metadata=metadata,
            outputs_left_out=shown.left_out,
        )


class _Outputs:
    """Puts the values of outputs inline, as long as there is room."""

    def __init__(self, sink: BlobSink) -> None:
        self._sink = sink
        self._room = ALL_OUTPUTS
        self.left_out = False

    def show(self, outputs: Sequence[Output]) -> list[dict[str, Any]]:
        return [self._one(output) for output in outputs]

    def _one(self, output: Output) -> dict[str, Any]:
        size = output_size(output)
        if size > min(ONE_OUTPUT, self._room):
            self.left_out = True
            message = f"{size:,} bytes of output are too many to be compared here. Download both notebooks to see them."
            return {"id": output["id"], "output_type": "labora_notice", "code": "too_large", "message": message}
        self._room -= size
        whole = export_output(output, self._sink.resolve)
        inline = import_output(whole, output_id=output["id"], store=None, inline_bytes=ONE_OUTPUT)
        return {key: value for key, value in inline.items() if not key.startswith("$")}


def _cell(cell: CellDiff, found: Comparison, shown: _Outputs) -> CellDiffAnswer:
    with_outputs = cell.status in ("added", "removed") or "outputs" in cell.parts
    old = None if cell.old is None else _side(found.old.cells[cell.old], cell.old, shown, with_outputs)
    new = None if cell.new is None else _side(found.new.cells[cell.new], cell.new, shown, with_outputs)
    return CellDiffAnswer(
        status=cell.status,
        moved=cell.moved,
        parts=list(cell.parts),
        before=old,
        after=new,
        lines=[_line(line) for line in cell.lines],
        metadata=[KeyChangeAnswer.of_change(change) for change in (*cell.metadata, *cell.extra)],
    )


def _side(cell: Cell, index: int, shown: _Outputs, with_outputs: bool) -> CellSideAnswer:
    return CellSideAnswer(
        index=index,
        id=cell.id,
        kind=cell.kind,
        source=cell.source,
        execution_count=cell.execution_count,
        outputs=shown.show(cell.outputs) if with_outputs else None,
    )


def _line(line: Line) -> LineAnswer:
    pieces = [PieceAnswer(text=text, changed=changed) for text, changed in line.pieces]
    return LineAnswer(kind=line.kind, pieces=pieces)


def _json(value: Any) -> str | None:
    if value is MISSING:
        return None
    short = json.dumps(value, ensure_ascii=False)
    return short if len(short) <= _ONE_LINE else json.dumps(value, ensure_ascii=False, indent=1)


def _language(notebook: Notebook) -> str:
    info = notebook.metadata.get("language_info")
    name = info.get("name") if isinstance(info, dict) else None
    return str(name or kernelspec_of(notebook.metadata).get("language") or "python")

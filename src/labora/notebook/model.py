"""Types of a notebook: nbformat's nouns, with large output values by reference.

An :data:`Output` is a plain JSON object as docs/protocols.md, section 1 "Output", spells it: nbformat's output plus
``id``, stream text in ``parts`` and ``text``, values above the inline limit as ``{"$blob": BlobRef}``. Keys that begin
with ``$`` are the codec's own notes (``$form``: how the file spelled it, ``$raw``: the value kept whole, ``$display``:
the scoped display id); readers of outputs pass over them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

Output = dict[str, Any]
CellKind = Literal["code", "markdown", "raw"]
CELL_KINDS: tuple[CellKind, ...] = ("code", "markdown", "raw")
FORM = "$form"


class BlobRef(TypedDict):
    """Where bytes outside of the notebook lie: hexadecimal SHA-256, length in bytes, media type."""

    sha256: str
    size: int
    media_type: str


Store = Callable[[bytes, str], BlobRef]
"""Takes bytes and their media type, answers with the reference under which they can be read."""
Resolve = Callable[[BlobRef], bytes]
"""Answers with the bytes of a reference. The references of stream parts carry ``media_type`` too."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. ``extra`` holds the keys of the file that have no field here, and ``$form``."""

    id: str
    kind: CellKind
    source: str
    metadata: dict[str, Any] = field(default_factory=dict)
    outputs: tuple[Output, ...] = ()
    execution_count: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notebook:
    """A whole notebook. ``extra`` holds unknown top-level keys, and ``$form``."""

    cells: tuple[Cell, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    nbformat: int = 4
    nbformat_minor: int = 5
    extra: dict[str, Any] = field(default_factory=dict)

    def cell_states(self) -> dict[str, dict[str, Any]]:
        """Returns CellState by cell id (docs/protocols.md) of every code cell: what a room starts with."""
        return {
            cell.id: {"execution_id": None, "execution_count": cell.execution_count, "outputs": list(cell.outputs)}
            for cell in self.cells
            if cell.kind == "code"
        }


def new_notebook(cells: Iterable[Cell] = ()) -> Notebook:
    """Returns a Python notebook of nbformat 4.5 with ``cells``, or with one empty code cell."""
    return Notebook(
        cells=tuple(cells) or (Cell(id="start", kind="code", source=""),),
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    )


class BlobSink:
    """A :data:`Store` that keeps the bytes until somebody takes them: lets pure code run before the writes."""

    def __init__(self) -> None:
        self._blobs: dict[str, tuple[BlobRef, bytes]] = {}

    def __call__(self, data: bytes, media_type: str) -> BlobRef:
        """Keeps ``data`` and returns its reference."""
        digest = hashlib.sha256(data).hexdigest()
        ref: BlobRef = {"sha256": digest, "size": len(data), "media_type": media_type}
        self._blobs.setdefault(digest, (ref, data))
        return ref

    def take(self) -> list[tuple[BlobRef, bytes]]:
        """Returns what came since the last call, each content once, and forgets it."""
        taken = list(self._blobs.values())
        self._blobs.clear()
        return taken

    def resolve(self, ref: BlobRef) -> bytes:
        """Returns bytes that have not been taken yet. Raises KeyError for others."""
        return self._blobs[ref["sha256"]][1]


def blob_refs(outputs: Iterable[Mapping[str, Any]]) -> Iterator[BlobRef]:
    """Yields every reference that ``outputs`` hold: stream parts, data values and values kept whole."""
    for output in outputs:
        for part in output.get("parts") or ():
            yield part_ref(part)
        data = output.get("data")
        for value in data.values() if isinstance(data, dict) else ():
            if isinstance(value, dict) and "$blob" in value:
                yield value["$blob"]
        for kept in (output.get("$raw"), output.get(FORM, {}).get("raw")):
            if isinstance(kept, dict) and "$blob" in kept:
                yield kept["$blob"]


def part_ref(part: Mapping[str, Any]) -> BlobRef:
    """Returns the reference of one part of a stream output."""
    return {"sha256": part["sha256"], "size": part["size"], "media_type": "text/plain"}


def tags_of(metadata: Mapping[str, Any]) -> list[Any]:
    """Returns a cell's tags; none where a file or a client wrote something else than a list there."""
    tags = metadata.get("tags")
    return tags if isinstance(tags, list) else []


def kernelspec_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a notebook's kernelspec; an empty one where something else than an object stands there."""
    spec = metadata.get("kernelspec")
    return spec if isinstance(spec, dict) else {}

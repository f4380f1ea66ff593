"""What people read in a notebook, as text: for a search index. No images, no base64, bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from labora.base.settings import LimitSettings
from labora.notebook.cellform import IdGiver, cell_kind, plain_lines
from labora.notebook.codec import as_version_4, wanted_ids
from labora.notebook.jsontext import load_file
from labora.notebook.terminal import plain
from labora.notebook.textform import join_text

TextKind = Literal["code", "text", "outputs"]

MAX_SOURCES = 2_000_000
"""Characters of sources that are read of one notebook."""
MAX_OUTPUTS = 400_000
"""Characters of outputs that are read of one notebook."""
MAX_OUTPUTS_OF_CELL = 20_000
_SHOWN = ("text/markdown", "text/latex", "text/plain")
# Longer runs of these are data, not words: attachments, images in data URLs, keys.
_DATA = re.compile(r"[A-Za-z0-9+/=]{160,}")


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of a notebook's text: a cell's source (code, or text for Markdown and raw cells) or its outputs."""

    cell_id: str
    kind: TextKind
    text: str


def notebook_texts(data: bytes, limits: LimitSettings) -> list[Text]:
    """Returns the sources and text outputs of an ``.ipynb`` file, in the order of its cells.

    Cells have the ids under which a room shows them. What is over the bounds of this module is left out.

    Raises:
        InvalidError, TooLargeError, UnsupportedError: the file cannot be read, as
            :func:`labora.notebook.codec.read_notebook` says.
    """
    parsed = load_file(data, max_bytes=limits.notebook_bytes, max_depth=limits.json_depth)
    raw, _ = as_version_4(parsed.value, [])
    cells = [cell for cell in _list(raw.get("cells")) if isinstance(cell, dict)][: limits.cells]
    minor = raw.get("nbformat_minor")
    _, wanted = wanted_ids(cells, minor if type(minor) is int else 0)
    giver = IdGiver(name for name in wanted if isinstance(name, str))
    found: list[Text] = []
    sources, outputs = MAX_SOURCES, MAX_OUTPUTS
    for cell, name in zip(cells, wanted, strict=True):
        source = plain_lines(join_text(cell.get("source")) or "")
        cell_id, _ = giver.claim(name, source)
        kind = cell_kind(cell)
        source = without_data(source[:sources])
        sources -= len(source)
        if source.strip():
            found.append(Text(cell_id, "code" if kind == "code" else "text", source))
        if kind == "code" and outputs > 0:
            shown = "\n".join(_outputs(_list(cell.get("outputs"))))[: min(outputs, MAX_OUTPUTS_OF_CELL)]
            outputs -= len(shown)
            if shown.strip():
                found.append(Text(cell_id, "outputs", shown))
    return found


def without_data(text: str) -> str:
    """Returns text without long runs of base64."""
    return _DATA.sub("…", text)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _outputs(outputs: list[Any]) -> Iterator[str]:
    """Yields what the outputs of a cell say, until that is more than is kept."""
    room = MAX_OUTPUTS_OF_CELL
    for output in outputs:
        if room <= 0:
            return
        if isinstance(output, dict):
            # Escapes and base64 shrink it: four times as much is looked at.
            text = without_data(plain(_text_of(output)[: 4 * room]))
            room -= len(text)
            yield text


def _text_of(output: dict[str, Any]) -> str:
    if output.get("output_type") == "stream":
        return join_text(output.get("text")) or ""
    if output.get("output_type") == "error":
        named = f"{output.get('ename', '')}: {output.get('evalue', '')}"
        lines = [line for line in _list(output.get("traceback")) if isinstance(line, str)]
        return "\n".join([named, *lines])
    data = output.get("data")
    if isinstance(data, dict):
        for media_type in _SHOWN:
            if text := join_text(data.get(media_type)):
                return text
    return ""

"""From the bytes of a file to what the index holds of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

from labora.base.errors import LaboraError
from labora.base.settings import LimitSettings
from labora.drive.search.model import EVERYWHERE, Content, Piece, Where
from labora.drive.search.tokens import index_tokens
from labora.notebook.texts import notebook_texts, without_data

MAX_NOTEBOOK = 64 * 1024 * 1024
"""Bytes of the largest notebook that is read; of a larger one only the name is found."""
_CODE = frozenset(
    (
        ".py",
        ".pyi",
        ".r",
        ".jl",
        ".sql",
        ".sh",
        ".js",
        ".mjs",
        ".ts",
        ".tsx",
        ".jsx",
        ".java",
        ".c",
        ".h",
        ".cc",
        ".cpp",
        ".hpp",
        ".cs",
        ".go",
        ".rs",
        ".rb",
        ".lua",
        ".m",
        ".pl",
        ".scala",
        ".kt",
        ".html",
        ".css",
        ".xml",
        ".yaml",
        ".yml",
        ".toml",
        ".ini",
        ".cfg",
        ".conf",
        ".json",
        ".jsonl",
        ".split",
    )
)
_PROSE = frozenset((".md", ".txt", ".rst", ".tex", ".log", ".csv", ".tsv", ".bib", ".srt"))
_DATA = frozenset((".csv", ".tsv", ".log", ".json", ".jsonl", ".xml", ".srt"))
MAX_TEXT = 1024 * 1024
MAX_DATA = 128 * 1024
"""Bytes that are read of a table or a log: its beginning says what it is."""


def readable_bytes(kind: str, name: str, media_type: str, size: int) -> int:
    """Returns how many of a file's first bytes are read; 0 where only its name is found."""
    if kind == "notebook":
        return size if size <= MAX_NOTEBOOK else 0
    ending = PurePath(name.lower()).suffix
    if kind != "file" or not (ending in _CODE | _PROSE or media_type.startswith("text/")):
        return 0
    return min(size, MAX_DATA if ending in _DATA else MAX_TEXT)


def read_content(kind: str, name: str, data: bytes, limits: LimitSettings) -> Content:
    """Returns what people read in a notebook or text file; nothing where it cannot be read."""
    if kind == "notebook":
        try:
            texts = notebook_texts(data, limits)
        except (LaboraError, RecursionError):
            return Content()
        return _content([Piece(text.cell_id, text.kind, text.text) for text in texts])
    # A cut may have halved the last character.
    text = data.decode("utf-8", "ignore").removeprefix("\ufeff")
    if "\0" in text or not text.strip():
        return Content()
    where: Where = "code" if PurePath(name.lower()).suffix in _CODE else "text"
    return _content([Piece(None, where, without_data(re.sub(r"\r\n?", "\n", text)))])


def _content(pieces: Iterable[Piece]) -> Content:
    kept = tuple(pieces)
    tokens: dict[Where, str] = {}
    for where in EVERYWHERE[1:]:
        if text := "\n".join(piece.text for piece in kept if piece.where == where):
            tokens[where] = index_tokens(text)
    return Content(kept, tokens)

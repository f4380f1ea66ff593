"""How a file spells a multi-line text: one string or a list of lines (nbformat allows both)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Spelling = str | list[int] | None
"""``"str"``, ``"lines"`` (cut after each \\n), ``"splitlines"`` (as str.splitlines does), or the pieces' lengths."""


def join_text(value: Any) -> str | None:
    """Returns the text that ``value`` spells, or None when it is neither a string nor a list of strings."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return None


def lines_of(text: str) -> list[str]:
    """Returns ``text`` cut after each newline."""
    *whole, rest = text.split("\n")
    lines = [line + "\n" for line in whole]
    if rest:
        lines.append(rest)
    return lines


class Lines(list[str]):
    """The lines of a long text, cut one after the other while they are iterated and never all there.

    A million strings of a few characters take ten times the memory of their text. It is a list only so that a JSON
    encoder in Python writes it as an array; nothing but iteration and truth work.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def __iter__(self) -> Iterator[str]:
        start, text = 0, self._text
        while start < len(text):
            end = text.find("\n", start) + 1 or len(text)
            yield text[start:end]
            start = end

    def __bool__(self) -> bool:
        return bool(self._text)


def spelling_of(value: str | list[str], text: str) -> Spelling:
    """Returns the spelling of ``value``, whose joined text is ``text``."""
    if isinstance(value, str):
        return "str"
    if value == lines_of(text):
        return "lines"
    if value == text.splitlines(keepends=True):
        return "splitlines"
    return [len(piece) for piece in value]


def spell(text: str, spelling: Spelling) -> str | list[str]:
    """Returns ``text`` as ``spelling`` says; pieces whose lengths no longer fit give way to lines."""
    if spelling == "str":
        return text
    if spelling == "splitlines":
        return text.splitlines(keepends=True)
    if isinstance(spelling, list) and sum(spelling) == len(text):
        pieces, start = [], 0
        for length in spelling:
            pieces.append(text[start : start + length])
            start += length
        return pieces
    return lines_of(text)

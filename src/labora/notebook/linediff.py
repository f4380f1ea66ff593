"""The difference of two texts as lines a person reads: kept, removed and added ones, with the words that changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from labora.notebook.align import align

LineKind = Literal["same", "removed", "added"]
Piece = tuple[str, bool]
"""Part of a line, and whether it is one of the changed words."""

_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_BLANK = {" ", "\t"}
_MAX_WORDS = 400
_MAX_MARKED = 1000
"""Longer runs of new lines are shown whole: nobody reads them word by word."""
_ALIKE = 0.4
_FLIPPED: dict[LineKind, LineKind] = {"same": "same", "removed": "added", "added": "removed"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its line end; the lines of a text joined by line ends are the text.

    Attributes:
        kind: whether both texts have it, only the old one or only the new one.
        pieces: the line in order; a line that has no counterpart is one unmarked piece.
    """

    kind: LineKind
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The whole line."""
        return "".join(piece for piece, _ in self.pieces)

    def inverted(self) -> Line:
        """Returns the line of the opposite difference."""
        return Line(_FLIPPED[self.kind], self.pieces)


def diff_lines(old: str, new: str) -> tuple[Line, ...]:
    """Returns all lines of both texts in reading order; of what was replaced, the removed lines come first."""
    before, after = _split(old), _split(new)
    lines: list[Line] = []
    at, new_at = 0, 0
    for index, new_index in [*align(before, after), (len(before), len(after))]:
        lines += _replaced(before[at:index], after[new_at:new_index])
        if index < len(before):
            lines.append(Line("same", ((before[index], False),)))
        at, new_at = index + 1, new_index + 1
    return tuple(lines)


def old_text(lines: Iterable[Line]) -> str:
    """Returns the text before."""
    return "\n".join(line.text for line in lines if line.kind != "added")


def new_text(lines: Iterable[Line]) -> str:
    """Returns the text after."""
    return "\n".join(line.text for line in lines if line.kind != "removed")


def invert_lines(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Returns the way back."""
    flipped: list[Line] = []
    group: list[Line] = []
    for line in [*lines, None]:
        if line is not None and line.kind != "same":
            group.append(line.inverted())
            continue
        flipped += sorted(group, key=lambda one: one.kind == "added")
        group = []
        if line is not None:
            flipped.append(line)
    return tuple(flipped)


def _split(text: str) -> list[str]:
    # A last line without a line end is the same line with one: whoever adds a line below has not changed it.
    return text.split("\n") if text else []


def _replaced(old: list[str], new: list[str]) -> list[Line]:
    """Returns removed and added lines; those that are alike mark the words in which they differ."""
    removed: list[tuple[Piece, ...]] = [((line, False),) for line in old]
    added: list[tuple[Piece, ...]] = [((line, False),) for line in new]
    start = 0
    for number, line in enumerate(new if len(new) <= _MAX_MARKED else ()):
        for candidate in range(start, min(len(old), start + 4)):
            marked = _marked(old[candidate], line)
            if marked is not None:
                removed[candidate], added[number] = marked
                start = candidate + 1
                break
    return [*(Line("removed", pieces) for pieces in removed), *(Line("added", pieces) for pieces in added)]


def _marked(old: str, new: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]] | None:
    """Returns both lines with their changed words marked, or None where they have too little in common."""
    words, new_words = _WORD.findall(old), _WORD.findall(new)
    if not words or not new_words or max(len(words), len(new_words)) > _MAX_WORDS:
        return None
    if not any(word not in _BLANK for word in set(words) & set(new_words)):
        return None
    pairs = align(words, new_words)
    common = sum(len(words[index]) for index, _ in pairs if not words[index].isspace())
    longest = max(len("".join(old.split())), len("".join(new.split())))
    if not longest or common / longest < _ALIKE:
        return None
    return _pieces(words, {index for index, _ in pairs}), _pieces(new_words, {index for _, index in pairs})


def _pieces(words: list[str], kept: set[int]) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    for number, word in enumerate(words):
        changed = number not in kept
        if pieces and pieces[-1][1] == changed:
            pieces[-1] = (pieces[-1][0] + word, changed)
        else:
            pieces.append((word, changed))
    return tuple(pieces)

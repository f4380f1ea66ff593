"""The lines around hits. Pure. A snippet is text and marks, never markup: whoever shows it escapes nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labora.drive.search.model import EVERYWHERE, Piece, Snippet, Where
from labora.drive.search.tokens import Term, hits_in

WIDTH = 180
"""Characters of a snippet."""
_BEFORE = 40
_LOOKED_AT = 40_000
"""Characters of a file's texts that are looked at: further hits are found, but not shown."""


def snippets_of(
    name: str, pieces: Sequence[Piece], terms: Sequence[Term], where: Sequence[Where], limit: int = 2
) -> tuple[Snippet, ...]:
    """Returns the name with its hits, then the places that show most of the terms, one for each cell.

    Args:
        name: of the file.
        pieces: its texts.
        terms: what was asked for.
        where: places that were searched.
        limit: so many places beside the name at most.
    """
    best: list[tuple[int, int, Snippet]] = []
    looked_at = 0
    for place, piece in enumerate(pieces):
        if piece.where not in where:
            continue
        if looked_at > _LOOKED_AT:
            break
        text = piece.text[:_LOOKED_AT]
        looked_at += len(text)
        hits = hits_in(text, terms)
        if hits:
            shown = len({number for _, _, number in hits})
            best.append((-shown, place, Snippet(piece.where, piece.cell_id, _window(text, hits))))
    found = [snippet for _, _, snippet in sorted(best, key=lambda item: item[:2])[:limit]]
    named = hits_in(name, terms) if "name" in where else []
    return (Snippet("name", None, _marked(name, named, 0, len(name))), *found) if named else tuple(found)


def _window(text: str, hits: list[tuple[int, int, int]]) -> tuple[tuple[str, bool], ...]:
    """Returns the piece of the text that holds most of the terms, on one line."""
    start = max(0, hits[0][0] - _BEFORE)
    most = 0
    for first, _, _ in hits[:50]:
        inside = len({number for begin, end, number in hits if begin >= first and end <= first + WIDTH - _BEFORE})
        if inside > most:
            most, start = inside, max(0, first - _BEFORE)
    end = min(len(text), start + WIDTH)
    # Whole words at the edges, and nothing of the line before where the hit's own line begins in the window.
    if start > 0 and (gap := re.compile(r"\s").search(text, start, start + _BEFORE)):
        start = gap.end()
    if end < len(text) and (gap := re.compile(r"\s\S*$").search(text, end - 30, end)):
        end = gap.start()
    parts = _marked(text, hits, start, end)
    return (*((("…", False),) if start else ()), *parts, *((("…", False),) if end < len(text) else ()))


def _marked(text: str, hits: Sequence[tuple[int, int, int]], start: int, end: int) -> tuple[tuple[str, bool], ...]:
    parts: list[tuple[str, bool]] = []
    place = start
    for begin, stop, _ in hits:
        if begin < place or stop > end:
            continue
        parts += [(text[place:begin], False), (text[begin:stop], True)]
        place = stop
    parts.append((text[place:end], False))
    return tuple((re.sub(r"\s+", " ", part), marked) for part, marked in parts if part)


def places(named: Sequence[str]) -> tuple[Where, ...]:
    """Returns those places that are named, in their usual order; all of them when none is."""
    chosen = tuple(where for where in EVERYWHERE if where in named)
    return chosen or EVERYWHERE

"""Differences between two texts, as few small replacements, in bounded time."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

from labora.notebook.textform import lines_of

_MAX_LINES = 4000
_MAX_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Hunk:
    """Characters ``start`` to ``end`` of the old text become ``text``. Offsets count code points."""

    start: int
    end: int
    text: str


def common_prefix(one: str, other: str) -> int:
    """Returns how many code points both begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def diff_text(old: str, new: str) -> list[Hunk]:
    """Returns the replacements, in order and apart from each other, that turn ``old`` into ``new``."""
    start = common_prefix(old, new)
    tail = common_prefix(old[start:][::-1], new[start:][::-1])
    before, after = old[start : len(old) - tail], new[start : len(new) - tail]
    return [Hunk(hunk.start + start, hunk.end + start, hunk.text) for hunk in _diff_middle(before, after)]


def _diff_middle(old: str, new: str) -> list[Hunk]:
    if not old or not new:
        return [Hunk(0, len(old), new)] if old or new else []
    old_lines, new_lines = lines_of(old), lines_of(new)
    if max(len(old_lines), len(new_lines)) > _MAX_LINES:
        return [Hunk(0, len(old), new)]
    if len(old_lines) == len(new_lines) == 1:
        return _diff_line(old, new)
    starts = [0]
    for line in old_lines:
        starts.append(starts[-1] + len(line))
    hunks: list[Hunk] = []
    for tag, low, high, new_low, new_high in SequenceMatcher(None, old_lines, new_lines, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        if high - low == new_high - new_low:
            for offset in range(high - low):
                base = starts[low + offset]
                hunks += [
                    Hunk(hunk.start + base, hunk.end + base, hunk.text)
                    for hunk in _diff_line(old_lines[low + offset], new_lines[new_low + offset])
                ]
        else:
            hunks.append(Hunk(starts[low], starts[high], "".join(new_lines[new_low:new_high])))
    return hunks


def _diff_line(old: str, new: str) -> list[Hunk]:
    if old == new:
        return []
    start = common_prefix(old, new)
    tail = common_prefix(old[start:][::-1], new[start:][::-1])
    before, after = old[start : len(old) - tail], new[start : len(new) - tail]
    if max(len(before), len(after)) > _MAX_CHARACTERS or not before or not after:
        return [Hunk(start, len(old) - tail, after)]
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < 0.5:
        return [Hunk(start, len(old) - tail, after)]
    return [
        Hunk(start + low, start + high, after[new_low:new_high])
        for tag, low, high, new_low, new_high in matcher.get_opcodes()
        if tag != "equal"
    ]


def apply_hunks(text: str, hunks: list[Hunk]) -> str:
    """Returns ``text`` with the replacements made."""
    pieces, at = [], 0
    for hunk in hunks:
        pieces += [text[at : hunk.start], hunk.text]
        at = hunk.end
    return "".join([*pieces, text[at:]])

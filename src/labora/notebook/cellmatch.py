"""Which cell of one notebook is which cell of another: by id, by content, by likeness."""

from __future__ import annotations

import heapq
import re
from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Sequence

from labora.notebook.align import align
from labora.notebook.forms import notebook_form
from labora.notebook.model import FORM, Cell, Notebook

_WORD = re.compile(r"\w+|[^\w\s]")
_COMPARED = 4000
_ALIKE = 0.5
_COMMON_WORD = 40
"""A word in more cells than this says nothing of which cell one is."""
_TELLING_WORDS = 16
_NEIGHBOURS = 2


def match(old: Notebook, new: Notebook) -> dict[int, int]:
    """Returns which cell of ``old`` (index) each cell of ``new`` (index) is; new cells are left out.

    Ids count where both files have them. What has no counterpart by id is matched by equal content, in order where
    possible, and then by the words that two sources of one kind share.
    """
    matched = _by_id(old, new) if _has_ids(old) and _has_ids(new) else {}
    _by_content(old.cells, new.cells, matched)
    _by_likeness(old.cells, new.cells, matched)
    return matched


def _has_ids(notebook: Notebook) -> bool:
    # Ids of a file that has none are made from its content: an edit changes them, so they say nothing.
    return bool(notebook_form(notebook.extra.get(FORM)).get("ids") != "none")


def _by_id(old: Notebook, new: Notebook) -> dict[int, int]:
    places = {cell.id: index for index, cell in enumerate(old.cells)}
    return {index: places[cell.id] for index, cell in enumerate(new.cells) if cell.id in places}


def _rest(cells: Sequence[Cell], taken: set[int]) -> list[int]:
    return [index for index in range(len(cells)) if index not in taken]


def _by_content(old: Sequence[Cell], new: Sequence[Cell], matched: dict[int, int]) -> None:
    places, new_places = _rest(old, set(matched.values())), _rest(new, set(matched))
    keys: list[Hashable] = [(old[index].kind, old[index].source) for index in places]
    new_keys: list[Hashable] = [(new[index].kind, new[index].source) for index in new_places]
    pairs = align(keys, new_keys)
    for at, new_at in pairs:
        matched[new_places[new_at]] = places[at]
    # What moved stands elsewhere with the same content. Empty cells are all alike: they say nothing.
    kept, new_kept = {at for at, _ in pairs}, {new_at for _, new_at in pairs}
    same: defaultdict[Hashable, deque[int]] = defaultdict(deque)
    for at, index in enumerate(places):
        if at not in kept and old[index].source.strip():
            same[keys[at]].append(index)
    for new_at, index in enumerate(new_places):
        if new_at not in new_kept and (found := same.get(new_keys[new_at])):
            matched[index] = found.popleft()


def _by_likeness(old: Sequence[Cell], new: Sequence[Cell], matched: dict[int, int]) -> None:
    """Matches edited cells: those that share rare words, and those that stand between the same neighbours."""
    places, new_places = _rest(old, set(matched.values())), _rest(new, set(matched))
    words = {index: _words(old[index]) for index in places}
    holders: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for index in places:
        for word in words[index]:
            holders[old[index].kind, word].append(index)
    near = _near(new_places, matched)
    scored: list[tuple[float, int, int, int]] = []
    for number, index in enumerate(new_places):
        mine = _words(new[index])
        having = [found for word in mine if (found := holders.get((new[index].kind, word)))]
        rarest = heapq.nsmallest(_TELLING_WORDS, (found for found in having if len(found) <= _COMMON_WORD), key=len)
        shared = Counter(candidate for found in rarest for candidate in found)
        candidates = {candidate for candidate, _ in shared.most_common(5)} | set(near[number])
        for candidate in candidates:
            if candidate in words and old[candidate].kind == new[index].kind:
                score = _likeness(words[candidate], mine)
                if score >= _ALIKE:
                    scored.append((-score, abs(candidate - index), index, candidate))
    taken: set[int] = set()
    for _, _, index, candidate in sorted(scored):
        if index not in matched and candidate not in taken:
            matched[index] = candidate
            taken.add(candidate)


def _near(new_places: Sequence[int], matched: dict[int, int]) -> list[range]:
    """Returns for each new cell without a counterpart the old places where it would stand by its neighbours above."""
    near = []
    waiting = set(new_places)
    after, run = 0, 0
    at = 0
    for index in new_places:
        while at < index:
            if at not in waiting:
                after, run = matched[at] + 1, 0
            at += 1
        near.append(range(max(after, after + run - _NEIGHBOURS), after + run + _NEIGHBOURS + 1))
        run += 1
        at = index + 1
    return near


def _words(cell: Cell) -> Counter[str]:
    return Counter(_WORD.findall(cell.source[:_COMPARED]))


def _likeness(one: Counter[str], other: Counter[str]) -> float:
    total = one.total() + other.total()
    if not total:
        return 0.0
    return 2 * sum(min(count, other[word]) for word, count in one.items()) / total

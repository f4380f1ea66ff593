"""Which items of two sequences are the same ones, in order: patience alignment, in bounded time.

Items that occur once on both sides are trusted first; between them the rest is settled by a longest common
subsequence where that is cheap. The cost stays near linear however often one line is repeated.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Hashable, Sequence
from difflib import SequenceMatcher
from itertools import pairwise

Pair = tuple[int, int]

_SMALL = 2500
"""Products of lengths up to this are compared item by item."""


def longest_rise(numbers: Sequence[int]) -> list[int]:
    """Returns the indices of a longest strictly rising subsequence, by patience sorting."""
    tops: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for index, number in enumerate(numbers):
        pile = bisect_left(tops, number)
        before.append(ends[pile - 1] if pile else -1)
        tops[pile : pile + 1] = [number]
        ends[pile : pile + 1] = [index]
    chosen: list[int] = []
    at = ends[-1] if ends else -1
    while at >= 0:
        chosen.append(at)
        at = before[at]
    return chosen[::-1]


def align(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[Pair]:
    """Returns pairs (index in ``old``, index in ``new``) of equal items; both rise from pair to pair."""
    pairs: list[Pair] = []
    stack = [(0, len(old), 0, len(new))]
    while stack:
        low, high, new_low, new_high = stack.pop()
        while low < high and new_low < new_high and old[low] == new[new_low]:
            pairs.append((low, new_low))
            low, new_low = low + 1, new_low + 1
        while low < high and new_low < new_high and old[high - 1] == new[new_high - 1]:
            high, new_high = high - 1, new_high - 1
            pairs.append((high, new_high))
        if low == high or new_low == new_high:
            continue
        anchors = _anchors(old, new, low, high, new_low, new_high)
        if not anchors:
            pairs += _between(old, new, low, high, new_low, new_high)
            continue
        pairs += anchors
        edges = [(low - 1, new_low - 1), *anchors, (high, new_high)]
        for (one, other), (next_one, next_other) in pairwise(edges):
            stack.append((one + 1, next_one, other + 1, next_other))
    return sorted(pairs)


def _anchors(
    old: Sequence[Hashable], new: Sequence[Hashable], low: int, high: int, new_low: int, new_high: int
) -> list[Pair]:
    """Returns pairs of items that occur once on either side, as many as keep the order."""
    places: dict[Hashable, list[int]] = {}
    for side, (start, stop, items) in enumerate(((low, high, old), (new_low, new_high, new))):
        for index in range(start, stop):
            # Count on the old side, its index, count on the new side, its index.
            entry = places.setdefault(items[index], [0, 0, 0, 0])
            entry[2 * side] += 1
            entry[2 * side + 1] = index
    once = sorted((entry[1], entry[3]) for entry in places.values() if entry[0] == entry[2] == 1)
    return [once[index] for index in longest_rise([other for _, other in once])]


def _between(
    old: Sequence[Hashable], new: Sequence[Hashable], low: int, high: int, new_low: int, new_high: int
) -> list[Pair]:
    if not set(old[low:high]) & set(new[new_low:new_high]):
        return []
    if (high - low) * (new_high - new_low) <= _SMALL:
        matcher = SequenceMatcher(None, old[low:high], new[new_low:new_high], autojunk=False)
        blocks = matcher.get_matching_blocks()
        return [(low + block.a + n, new_low + block.b + n) for block in blocks for n in range(block.size)]
    # Long runs without anything that occurs once: the next equal item each time.
    places: defaultdict[Hashable, list[int]] = defaultdict(list)
    for index in range(low, high):
        places[old[index]].append(index)
    pairs: list[Pair] = []
    last = low - 1
    for index in range(new_low, new_high):
        found = places.get(new[index])
        at = bisect_right(found, last) if found else 0
        if found and at < len(found):
            last = found[at]
            pairs.append((last, index))
    return pairs

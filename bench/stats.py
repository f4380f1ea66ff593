"""Percentiles and ratios. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from bench.model import LABORA, AtMost, Exactly, Figure, Ratio, Result, Target


def percentile(values: Sequence[float], share: float) -> float:
    """Returns the smallest value that at least ``share`` (0 to 1) of all do not exceed. Raises ValueError if empty."""
    if not values:
        raise ValueError("There is no percentile of nothing.")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def statistic_of(values: Sequence[float], name: str) -> float:
    """Returns ``p50`` (the median), ``p95`` or ``max`` of values. Raises ValueError if there are none."""
    if name == "p50":
        if not values:
            raise ValueError("There is no median of nothing.")
        return statistics.median(values)
    return max(values) if name == "max" else percentile(values, 0.95)


def values_of(result: Result, figure: str, peer: str) -> list[float]:
    """Returns the values of all rounds together."""
    return [value for sample in result.samples if sample.peer == peer for value in sample.values.get(figure, [])]


def paired_ratio(result: Result, figure: str, peer: str) -> float | None:
    """Returns the median over rounds of Labora's median by ``peer``'s, None without a round that has both.

    Both of one round met the same machine, so that this holds where the load changes between rounds.
    """
    medians: dict[tuple[str, int], float] = {}
    for sample in result.samples:
        if sample.values.get(figure):
            medians[sample.peer, sample.round] = statistics.median(sample.values[figure])
    ratios = [
        value / medians[peer, turn]
        for (name, turn), value in medians.items()
        if name == LABORA and medians.get((peer, turn))
    ]
    return statistics.median(ratios) if ratios else None


def best_peer(result: Result, figure: str, peers: Sequence[str]) -> str | None:
    """Returns the peer with the lowest median, None when none was measured."""
    medians = {peer: statistics.median(values) for peer in peers if (values := values_of(result, figure, peer))}
    return min(medians, key=lambda peer: medians[peer]) if medians else None


def ratio_to_best(result: Result, figure: Figure) -> tuple[str, float] | None:
    """Returns the peer that Labora is compared with, and the ratio to it."""
    others = figure.target.peers if isinstance(figure.target, Ratio) else peers_in(result)
    best = best_peer(result, figure.key, others)
    ratio = paired_ratio(result, figure.key, best) if best else None
    return (best, ratio) if best and ratio is not None else None


def peers_in(result: Result) -> list[str]:
    """Returns the peers that were measured, in their first order, without Labora."""
    return list(dict.fromkeys(sample.peer for sample in result.samples if sample.peer != LABORA))


def verdict(result: Result, figure: Figure) -> bool | None:
    """Tells whether the target is met; None when there is none or it was not measured."""
    target: Target | None = figure.target
    if isinstance(target, Ratio):
        found = ratio_to_best(result, figure)
        return None if found is None else found[1] <= target.limit
    own = values_of(result, figure.key, LABORA)
    if target is None or not own:
        return None
    if isinstance(target, AtMost):
        return statistic_of(own, target.statistic) <= target.limit
    assert isinstance(target, Exactly)
    return all(value == target.value for value in own)

"""Results as a table for people and as JSON for programs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bench.model import LABORA, AtMost, Exactly, Figure, Ratio, Result
from bench.stats import peers_in, ratio_to_best, statistic_of, values_of, verdict

MARKS = {True: "✓ met", False: "✗ missed", None: "–"}
HEAD = ("peer", "p50", "p95", "n", "load")


def number(value: float) -> str:
    """Writes a number with three figures, or whole where it is large."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def target_text(figure: Figure) -> str:
    """Says in words what is asked of a figure."""
    match figure.target:
        case Ratio(limit, peers):
            return f"≤ {limit:g} of {' or '.join(peers)}"
        case AtMost(limit, statistic):
            return f"{statistic} ≤ {number(limit)} {figure.unit}".rstrip()
        case Exactly(value):
            return f"= {number(value)} {figure.unit}".rstrip()
        case _:
            return "none"


def verdict_text(result: Result, figure: Figure) -> str:
    """Says which ratio was found, what is asked and whether it is met."""
    found = ratio_to_best(result, figure)
    ratio = f"ratio to {found[0]} {found[1]:.2f}; " if found else ""
    return f"{ratio}target {target_text(figure)}: {MARKS[verdict(result, figure)]}"


def rows_of(result: Result, figure: Figure) -> list[tuple[str, ...]]:
    """Returns a row per peer that was measured, Labora last."""
    rows: list[tuple[str, ...]] = []
    for peer in [*peers_in(result), LABORA]:
        values = values_of(result, figure.key, peer)
        if not values:
            continue
        loads = [s.load for s in result.samples if s.peer == peer and s.values.get(figure.key)]
        middle, high = (number(statistic_of(values, name)) for name in ("p50", "p95"))
        rows.append((peer, middle, high, str(len(values)), f"{min(loads):.1f}–{max(loads):.1f}"))
    return rows


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligns columns: the first to the left, the others to the right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(widths[at]) if at == 0 else cell.rjust(widths[at]) for at, cell in enumerate(row)).rstrip()
        for row in rows
    ]


def render(result: Result) -> str:
    """Returns the report of one scenario."""
    lines = [f"== {result.scenario}"]
    for figure in result.figures:
        rows = rows_of(result, figure)
        if not rows:
            lines += ["", f"{figure.title}: not measured"]
            continue
        lines += ["", f"{figure.title}, {figure.unit}" if figure.unit else figure.title]
        lines += [f"  {line}" for line in table([HEAD, *rows])]
        lines.append(f"  {verdict_text(result, figure)}")
    lines += [f"  failed: {failure}" for failure in result.failures]
    return "\n".join(lines)


def summary(results: Iterable[Result]) -> str:
    """Returns one line per figure with a target: what was found, and whether it is enough."""
    rows = [("figure", "labora", "of peer", "target", "")]
    for result in results:
        for figure in result.figures:
            if figure.target is None:
                continue
            own, found = values_of(result, figure.key, LABORA), ratio_to_best(result, figure)
            statistic = figure.target.statistic if isinstance(figure.target, AtMost) else "p50"
            value = f"{number(statistic_of(own, statistic))} {figure.unit}".rstrip() if own else "not measured"
            ratio = f"{found[1]:.2f} {found[0]}" if found else ""
            rows.append((figure.title, value, ratio, target_text(figure), MARKS[verdict(result, figure)]))
    return "\n".join(table(rows))


def as_json(results: Iterable[Result]) -> dict[str, Any]:
    """Returns everything that was measured, by scenario and figure."""
    return {
        result.scenario: {
            "figures": {figure.key: _figure_json(result, figure) for figure in result.figures},
            "samples": [vars(sample) for sample in result.samples],
            "failures": result.failures,
        }
        for result in results
    }


def _figure_json(result: Result, figure: Figure) -> dict[str, Any]:
    found = ratio_to_best(result, figure)
    peers = {}
    for peer in [*peers_in(result), LABORA]:
        if values := values_of(result, figure.key, peer):
            peers[peer] = {name: round(statistic_of(values, name), 3) for name in ("p50", "p95", "max")}
            peers[peer]["n"] = len(values)
    return {
        "title": figure.title,
        "unit": figure.unit,
        "target": target_text(figure),
        "met": verdict(result, figure),
        "ratio": {"to": found[0], "value": round(found[1], 3)} if found else None,
        "peers": peers,
    }

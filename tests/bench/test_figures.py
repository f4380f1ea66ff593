"""What the benchmarks make of their samples: statistics, ratios, verdicts and the report. Nothing is timed here."""

from __future__ import annotations

import json

import pytest

from bench.__main__ import parse
from bench.model import AtMost, Exactly, Figure, Ratio, Result, Sample
from bench.report import as_json, number, render, summary
from bench.rounds import chosen, order
from bench.scenarios import SCENARIOS
from bench.stats import best_peer, paired_ratio, percentile, statistic_of, values_of, verdict
from bench.typist import clocks

WAIT = Figure("wait", "A wait", "ms", Ratio(0.5, ("one", "two")))


def result_of(*samples: tuple[str, int, list[float]], figure: Figure = WAIT) -> Result:
    """Returns a result of (peer, round, values)."""
    made = [Sample(peer, turn, {figure.key: values}, 1.5 + turn) for peer, turn, values in samples]
    return Result("scene", (figure,), made)


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(1, 101)]
    assert percentile(values, 0.95) == 95
    assert percentile([7.0], 0.95) == 7
    assert statistic_of([4.0, 1.0, 3.0], "p50") == 3
    assert statistic_of([4.0, 1.0, 3.0], "max") == 4
    with pytest.raises(ValueError, match="nothing"):
        statistic_of([], "p95")


def test_ratio_is_taken_within_rounds() -> None:
    """The second round met a machine ten times slower, and says the same."""
    result = result_of(("one", 0, [10.0]), ("labora", 0, [4.0]), ("labora", 1, [40.0]), ("one", 1, [100.0]))
    assert paired_ratio(result, "wait", "one") == pytest.approx(0.4)


def test_round_without_both_gives_no_ratio() -> None:
    result = result_of(("one", 0, [10.0]), ("labora", 1, [4.0]))
    assert paired_ratio(result, "wait", "one") is None
    assert verdict(result, WAIT) is None


def test_labora_is_compared_with_the_best_of_the_named_peers() -> None:
    result = result_of(("one", 0, [20.0]), ("two", 0, [10.0]), ("three", 0, [1.0]), ("labora", 0, [6.0]))
    assert best_peer(result, "wait", ("one", "two")) == "two"
    assert verdict(result, WAIT) is False
    assert "ratio to two 0.60; target ≤ 0.5 of one or two: ✗ missed" in render(result)


@pytest.mark.parametrize(
    ("target", "values", "met"),
    [
        (AtMost(5), [1.0, 5.0, 9.0], True),
        (AtMost(5, "max"), [1.0, 5.0, 9.0], False),
        (Exactly(3), [3.0, 3.0], True),
        (Exactly(3), [3.0, 2.0], False),
        (None, [3.0], None),
    ],
)
def test_absolute_targets_look_at_labora_alone(target: AtMost | Exactly | None, values: list[float], met: bool) -> None:
    figure = Figure("wait", "A wait", "ms", target)
    assert verdict(result_of(("labora", 0, values), ("one", 0, [1e9]), figure=figure), figure) is met


def test_report_shows_both_loads_and_what_failed() -> None:
    result = result_of(("one", 0, [10.0]), ("one", 1, [12.0]), ("labora", 0, [1.0, 2.0]), ("labora", 1, [3.0]))
    result.failures.append("two, round 0: gone")
    text = render(result)
    assert "1.5–2.5" in text
    assert "failed: two, round 0: gone" in text
    assert values_of(result, "wait", "labora") == [1, 2, 3]
    assert "✓ met" in summary([result])
    found = json.loads(json.dumps(as_json([result])))["scene"]
    assert found["figures"]["wait"]["peers"]["labora"] == {"p50": 2, "p95": 3, "max": 3, "n": 3}
    assert found["figures"]["wait"]["met"] is True


def test_what_was_not_measured_is_said_and_not_judged() -> None:
    result = Result("scene", (WAIT,))
    assert "A wait: not measured" in render(result)
    assert "not measured" in summary([result])


def test_numbers_are_short() -> None:
    assert [number(value) for value in (0.1234, 12.345, 1234.5, 1_000_000.0, 3.0)] == [
        "0.12", "12.3", "1,234", "1,000,000", "3",
    ]  # fmt: skip


def test_every_peer_goes_first_in_turn() -> None:
    assert [order(["a", "b", "c"], turn)[0] for turn in (-1, 0, 1, 2, 3)] == ["c", "a", "b", "c", "a"]


def test_labora_is_always_measured() -> None:
    assert chosen(SCENARIOS["run"], ["jupyverse"]) == ["jupyverse", "labora"]
    assert chosen(SCENARIOS["cold"], ["jupyterhub"]) == ["labora"]


def test_unknown_scenario_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["sign-in", "sign-out"])
    assert "no scenario sign-out" in capsys.readouterr().err


def test_clocks_of_a_state_vector() -> None:
    """Two clients, one with an id of several bytes."""
    assert clocks(bytes([2, 0x81, 0x01, 5, 7, 0x80, 0x01])) == {129: 5, 7: 128}

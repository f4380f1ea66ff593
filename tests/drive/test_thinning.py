"""Automatic revisions thin out with age; whatever somebody made, named or pinned stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from labora.base.settings import HistorySettings
from labora.drive.thinning import Dated, keep

NOW = datetime(2026, 7, 1, 12, 34, 56, tzinfo=UTC)
RULES = HistorySettings(all_hours=24, hourly_days=7, daily_days=60)

AGES = st.lists(st.tuples(st.integers(0, 200 * 24 * 60), st.booleans()), max_size=60)


def history(ages: list[tuple[int, bool]]) -> list[Dated]:
    """Returns revisions of these ages in minutes, oldest first."""
    ordered = sorted(ages, key=lambda age: -age[0])
    return [
        Dated(f"r{number}", number, NOW - timedelta(minutes=minutes), kept)
        for number, (minutes, kept) in enumerate(ordered)
    ]


def ages_in_hours(found: set[str], revisions: list[Dated]) -> list[float]:
    return sorted((NOW - one.at) / timedelta(hours=1) for one in revisions if one.id in found)


def test_the_last_day_stays_whole_then_hours_days_and_weeks() -> None:
    # One automatic revision every ten minutes for a hundred days.
    revisions = history([(minutes, False) for minutes in range(0, 100 * 24 * 60, 10)])
    ages = ages_in_hours(keep(revisions, NOW, RULES), revisions)

    def within(low_days: float, high_days: float) -> int:
        return sum(low_days * 24 <= age < high_days * 24 for age in ages)

    assert within(0, 1) == 24 * 6
    assert within(2, 6) == 4 * 24
    assert within(10, 50) == 40
    assert within(70, 98) == 4


@given(AGES)
def test_what_somebody_kept_and_the_last_day_stay(ages: list[tuple[int, bool]]) -> None:
    revisions = history(ages)
    staying = keep(revisions, NOW, RULES)
    assert staying <= {one.id for one in revisions}
    assert {one.id for one in revisions if one.kept or NOW - one.at < timedelta(days=1)} <= staying
    # Nothing is left without a later revision close by: a day from the week on, a week in the end.
    for one in revisions:
        if one.id not in staying:
            assert any(other.id in staying and one.at <= other.at < one.at + timedelta(weeks=1) for other in revisions)
            assert any(one.number < other.number for other in revisions if other.id in staying)


@given(AGES, st.integers(0, 100 * 24 * 60), st.integers(0, 100 * 24 * 60))
def test_thinning_often_ends_like_thinning_once(ages: list[tuple[int, bool]], first: int, second: int) -> None:
    revisions = history(ages)
    end = NOW + timedelta(minutes=first + second)
    early = keep(revisions, NOW + timedelta(minutes=first), RULES)
    again = keep([one for one in revisions if one.id in early], end, RULES)
    assert again == keep(revisions, end, RULES)
    assert keep([one for one in revisions if one.id in again], end, RULES) == again


def test_rules_of_nought_keep_one_a_week() -> None:
    rules = HistorySettings(all_hours=0, hourly_days=0, daily_days=0)
    revisions = history([(minutes, False) for minutes in range(10 * 24 * 60, 38 * 24 * 60, 60)])
    assert len(keep(revisions, NOW, rules)) in (4, 5)

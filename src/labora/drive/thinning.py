"""Which revisions stay: pure. What somebody made, named or pinned always does; automatic ones thin out with age."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from labora.base.settings import HistorySettings

AUTOMATIC = frozenset({"autosave", "mount"})
"""Kinds of revisions that nobody asked for."""

_EPOCH = datetime(1970, 1, 5, tzinfo=UTC)  # a Monday: weeks begin there
_HOUR, _DAY, _WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class Dated:
    """What thinning looks at. ``kept``: named, pinned, the head, or of a kind that always stays."""

    id: str
    number: int
    at: datetime
    kept: bool


def keep(revisions: Iterable[Dated], now: datetime, rules: HistorySettings) -> set[str]:
    """Returns the ids of the revisions that stay, given those of one file.

    Of the automatic ones the last of each hour, day or week (UTC) stays, by their age. A span is thinned only when all
    of it is old enough, so thinning often or seldom ends with the same revisions.
    """
    staying: set[str] = set()
    last: dict[tuple[timedelta, int], Dated] = {}
    for revision in sorted(revisions, key=lambda one: one.number):
        span = None if revision.kept else _span(revision.at, now, rules)
        if span is None:
            staying.add(revision.id)
        else:
            last[span] = revision
    return staying | {revision.id for revision in last.values()}


def _span(at: datetime, now: datetime, rules: HistorySettings) -> tuple[timedelta, int] | None:
    """Returns the span of which only the last revision stays, or None where all stay."""
    ages = ((_WEEK, timedelta(days=rules.daily_days)), (_DAY, timedelta(days=rules.hourly_days)))
    for length, age in (*ages, (_HOUR, timedelta(hours=rules.all_hours))):
        number = (at - _EPOCH) // length
        if _EPOCH + (number + 1) * length <= now - age:
            return length, number
    return None

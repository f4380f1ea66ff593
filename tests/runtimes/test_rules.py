"""When a runtime ends by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from labora.runtimes.model import MESSAGES, ExitReason, ProviderExit, time_in_words
from labora.runtimes.rules import Clocks, Policy, Verdict, exit_reason, verdict

START = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = Policy(idle_timeout_s=3600, max_lifetime_s=12 * 3600, warn_before_s=300)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("execution", "entered", "busy", "now", "action", "reason", "ends"),
    [
        (None, None, False, 0, "keep", ExitReason.IDLE, 3600),
        (None, None, False, 3300, "warn", ExitReason.IDLE, 3600),
        (None, None, False, 3600, "end", ExitReason.IDLE, 3600),
        (3000, None, False, 3600, "keep", ExitReason.IDLE, 6600),
        (3000, 5000, False, 6600, "keep", ExitReason.IDLE, 8600),
        (0, None, True, 7200, "keep", ExitReason.LIFETIME, 43200),
        (0, None, True, 43000, "warn", ExitReason.LIFETIME, 43200),
        (0, None, True, 43200, "end", ExitReason.LIFETIME, 43200),
        (42000, None, False, 43100, "warn", ExitReason.LIFETIME, 43200),
    ],
)
def test_verdicts(
    execution: float | None,
    entered: float | None,
    busy: bool,
    now: float,
    action: str,
    reason: ExitReason,
    ends: float,
) -> None:
    clocks = Clocks(START, None if execution is None else at(execution), None if entered is None else at(entered), busy)
    found = verdict(POLICY, clocks, at(now))
    assert (found.action, found.reason, found.ends_at) == (action, reason, at(ends))


times = st.integers(0, 100_000)


@given(execution=st.none() | times, entered=st.none() | times, busy=st.booleans(), now=times)
def test_a_busy_runtime_is_never_idle_and_none_outlives_its_lifetime(
    execution: int | None, entered: int | None, busy: bool, now: int
) -> None:
    clocks = Clocks(START, None if execution is None else at(execution), None if entered is None else at(entered), busy)
    found = verdict(POLICY, clocks, at(now))
    if busy:
        assert found.reason is ExitReason.LIFETIME
    if now >= POLICY.max_lifetime_s:
        assert found.action == "end"
    assert found.ends_at <= at(POLICY.max_lifetime_s)
    assert (found.action == "end") == (at(now) >= found.ends_at)


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (None, ExitReason.LOST),
        (ProviderExit(reason="reboot"), ExitReason.LOST),
        (ProviderExit(signal=9, oom=True), ExitReason.OOM),
        (ProviderExit(signal=9, oom=False), ExitReason.CRASH),
        (ProviderExit(code=1), ExitReason.CRASH),
        (ProviderExit(signal=9, reason="deadline"), ExitReason.LIFETIME),
    ],
)
def test_the_reason_is_what_the_evidence_proves(evidence: ProviderExit | None, reason: ExitReason) -> None:
    assert exit_reason(evidence) is reason


def test_every_reason_has_words() -> None:
    assert set(MESSAGES) == set(ExitReason)


@pytest.mark.parametrize(("now", "action"), [(0, "keep"), (9, "keep"), (10, "warn"), (19, "warn"), (20, "end")])
def test_a_short_limit_is_warned_of_in_its_second_half(now: float, action: str) -> None:
    policy = Policy(idle_timeout_s=20, max_lifetime_s=100, warn_before_s=300)
    assert verdict(policy, Clocks(START, None, None, busy=False), at(now)).action == action


class Extending(RuleBasedStateMachine):
    """A runtime whose person runs code, keeps it, or does nothing, while time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.last = 0
        self.used: int | None = None
        self.busy = False

    def found(self) -> Verdict:
        entered = None if self.used is None else at(self.used)
        return verdict(POLICY, Clocks(START, None, entered, busy=self.busy), at(self.now))

    @rule(seconds=st.integers(0, 3000))
    def pass_by(self, seconds: int) -> None:
        self.now += seconds
        if self.busy:
            self.used = self.last = self.now

    @rule()
    def keep(self) -> None:
        self.used = self.last = self.now
        found = self.found()
        if self.now < POLICY.max_lifetime_s - POLICY.idle_timeout_s:
            assert found.action == "keep"
            assert self.busy or found.ends_at == at(self.now + POLICY.idle_timeout_s)

    @rule(busy=st.booleans())
    def work(self, busy: bool) -> None:
        self.busy = busy
        self.used = self.last = self.now

    @invariant()
    def ends_when_it_must_and_never_before(self) -> None:
        found = self.found()
        must = self.now >= POLICY.max_lifetime_s
        idle = not self.busy and self.now - self.last >= POLICY.idle_timeout_s
        assert (found.action == "end") == (must or idle)
        assert found.ends_at <= at(POLICY.max_lifetime_s)
        if found.action == "warn":
            assert found.ends_at - at(self.now) <= timedelta(seconds=POLICY.warn_before_s)


TestExtending = Extending.TestCase


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"), (20, "20 seconds"), (90, "90 seconds"), (60, "1 minute"), (700, "12 minutes"),
        (5400, "90 minutes"), (43200, "12 hours"), (86400, "1 day"),
    ],
)  # fmt: skip
def test_times_are_told_as_a_person_says_them(seconds: float, words: str) -> None:
    assert time_in_words(seconds) == words

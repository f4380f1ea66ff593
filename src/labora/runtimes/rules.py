"""When a runtime ends by itself: a pure function of policy and clocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from labora.runtimes.model import ExitReason, ProviderExit


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a runtime may live, in seconds."""

    idle_timeout_s: float
    max_lifetime_s: float
    warn_before_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Clocks:
    """What counts as activity: executions and deliberate input, never traffic."""

    started: datetime
    last_execution: datetime | None
    last_input: datetime | None
    busy: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with a runtime now, and when it would end if nothing more happened.

    ``reason`` says which limit comes first. Idleness can be put off by use; a lifetime cannot.
    """

    action: Literal["keep", "warn", "end"]
    reason: ExitReason
    ends_at: datetime


def verdict(policy: Policy, clocks: Clocks, now: datetime) -> Verdict:
    """Decides what becomes of a runtime.

    A busy kernel is never idle; its lifetime ends all the same. Whichever limit comes first is the reason. A limit that
    is short is warned of in its second half only, so that a fresh runtime does not begin with a warning.
    """
    lifetime_end = clocks.started + timedelta(seconds=policy.max_lifetime_s)
    marks = [mark for mark in (clocks.started, clocks.last_execution, clocks.last_input) if mark is not None]
    last = now if clocks.busy else max(marks)
    idle_end = last + timedelta(seconds=policy.idle_timeout_s)
    if not clocks.busy and idle_end < lifetime_end:
        reason, ends_at, limit = ExitReason.IDLE, idle_end, policy.idle_timeout_s
    else:
        reason, ends_at, limit = ExitReason.LIFETIME, lifetime_end, policy.max_lifetime_s
    if now >= ends_at:
        return Verdict("end", reason, ends_at)
    if now >= ends_at - timedelta(seconds=min(policy.warn_before_s, limit / 2)):
        return Verdict("warn", reason, ends_at)
    return Verdict("keep", reason, ends_at)


def exit_reason(exit_: ProviderExit | None) -> ExitReason:
    """Returns the reason that the provider's evidence proves; None is a runtime that the provider no longer knows."""
    if exit_ is None or exit_.reason == "reboot":
        return ExitReason.LOST
    if exit_.reason == "deadline":
        return ExitReason.LIFETIME
    if exit_.oom:
        return ExitReason.OOM
    return ExitReason.CRASH

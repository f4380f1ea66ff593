"""What the runtimes of an account may use: settings, narrowed or widened for everyone, for groups and for accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from labora.base.errors import InvalidError
from labora.base.settings import RuntimeSettings
from labora.runtimes.model import Shape
from labora.runtimes.rules import Policy

SubjectKind = Literal["everyone", "group", "account"]
EVERYONE = ""
MIN_MEMORY = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one account's runtimes may use."""

    idle_timeout_s: float
    max_lifetime_s: float
    memory_bytes: int
    cpus: float
    processes: int
    disk_bytes: int
    max_runtimes: int
    inodes: int
    """The same for everybody: no policy changes it."""

    @property
    def shape(self) -> Shape:
        """Limits of a runtime that is started now."""
        return Shape(self.memory_bytes, self.cpus, self.processes, self.disk_bytes, self.inodes)

    def clocks(self, warn_before_s: float) -> Policy:
        """Returns what :func:`labora.runtimes.rules.verdict` goes by."""
        return Policy(self.idle_timeout_s, self.max_lifetime_s, warn_before_s)


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """What was set for everyone, one group or one account; None is inherited."""

    subject_kind: SubjectKind
    subject_id: str = EVERYONE
    idle_timeout_s: float | None = None
    max_lifetime_s: float | None = None
    memory_bytes: int | None = None
    cpus: float | None = None
    processes: int | None = None
    disk_bytes: int | None = None
    max_runtimes: int | None = None

    def limits(self) -> dict[str, Any]:
        """Returns the limits by name, inherited ones as None."""
        return {name: getattr(self, name) for name in LIMITS}

    @property
    def empty(self) -> bool:
        """Whether everything is inherited."""
        return all(value is None for value in self.limits().values())


LIMITS = tuple(field.name for field in fields(Allowance) if field.name != "inodes")

_LEAST: dict[str, tuple[Callable[[Any], bool], str]] = {
    "idle_timeout_s": (lambda value: value >= 1, "at least one second"),
    "max_lifetime_s": (lambda value: value >= 1, "at least one second"),
    "memory_bytes": (lambda value: value >= MIN_MEMORY, "at least 64 MiB"),
    "cpus": (lambda value: 0.05 <= value <= 4096, "from 0.05 to 4096"),
    "processes": (lambda value: value >= 16, "at least 16"),
    "disk_bytes": (lambda value: value >= MIN_MEMORY, "at least 64 MiB"),
    "max_runtimes": (lambda value: value >= 1, "at least 1"),
}


def checked(row: PolicyRow) -> PolicyRow:
    """Returns ``row``. Raises InvalidError for a limit that makes no sense; the message names it."""
    for name, value in row.limits().items():
        fits, says = _LEAST[name]
        if value is not None and not fits(value):
            raise InvalidError(f"{name} must be {says}.", code="bad_policy", details={"limit": name})
    return row


def defaults(settings: RuntimeSettings) -> Allowance:
    """Returns what holds where no policy says otherwise."""
    return Allowance(
        idle_timeout_s=settings.idle_timeout_s,
        max_lifetime_s=settings.max_lifetime_s,
        memory_bytes=settings.memory_bytes,
        cpus=settings.cpus,
        processes=settings.processes,
        disk_bytes=settings.disk_bytes,
        max_runtimes=settings.max_runtimes,
        inodes=settings.inodes,
    )


def effective(base: Allowance, rows: Iterable[PolicyRow]) -> Allowance:
    """Returns what holds for one account.

    An account's own row wins over its groups, of which each limit takes the most generous, and these over everyone's.

    Args:
        base: the settings'.
        rows: those that concern the account, in any order.
    """
    known = list(rows)
    everyone = [row for row in known if row.subject_kind == "everyone"]
    groups = [row for row in known if row.subject_kind == "group"]
    own = [row for row in known if row.subject_kind == "account"]
    found = base
    for layer in (everyone, groups, own):
        values = {name: [row.limits()[name] for row in layer if row.limits()[name] is not None] for name in LIMITS}
        found = replace(found, **{name: max(given) for name, given in values.items() if given})
    return found

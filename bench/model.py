"""What a scenario measures and against which target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from bench.peers.base import Peer

LABORA = "labora"
Statistic = Literal["p50", "p95", "max"]
Values = dict[str, list[float]]
"""Values by the key of their figure, in the figure's unit."""


@dataclass(frozen=True)
class Ratio:
    """Labora's median may be at most ``limit`` times that of the best of ``peers``."""

    limit: float
    peers: tuple[str, ...]


@dataclass(frozen=True)
class AtMost:
    """Labora's own ``statistic`` may be at most ``limit``, in the figure's unit."""

    limit: float
    statistic: Statistic = "p50"


@dataclass(frozen=True)
class Exactly:
    """Each of Labora's values is ``value``."""

    value: float


Target = Ratio | AtMost | Exactly


@dataclass(frozen=True)
class Figure:
    """One line of the report."""

    key: str
    title: str
    unit: str
    target: Target | None = None


@dataclass(frozen=True)
class Sample:
    """What one peer showed in one round, and how busy the machine was meanwhile (load average of one minute)."""

    peer: str
    round: int
    values: Values
    load: float


@dataclass
class Result:
    """All samples of one scenario, and what went wrong in it."""

    scenario: str
    figures: tuple[Figure, ...]
    samples: list[Sample] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


class Scenario(ABC):
    """One thing that people wait for, or that costs memory or bytes.

    Attributes:
        name: on the command line.
        title: what is measured, in half a line.
        peers: which peers can show it, Labora last.
        figures: the lines of the report.
        rounds: how often each peer is measured by default.
        warm_up: rounds before those, whose values are thrown away: the first ones read cold files.
        alone: whether a peer is started for its own turn only, so that no other shares pages with it.
        limit_s: a measurement that takes longer has failed.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    peers: ClassVar[tuple[str, ...]] = (LABORA,)
    figures: ClassVar[tuple[Figure, ...]]
    rounds: ClassVar[int] = 3
    warm_up: ClassVar[int] = 0
    alone: ClassVar[bool] = False
    limit_s: ClassVar[float] = 120.0

    @abstractmethod
    async def measure(self, peer: Peer, turn: str) -> Values:
        """Measures ``peer`` once; ``turn`` names this measurement and is never repeated for a peer that runs."""

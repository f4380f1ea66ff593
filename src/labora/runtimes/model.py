"""What the rest of the control plane knows of a runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from labora.base.settings import RuntimeSettings


class ExitReason(StrEnum):
    """Why a runtime ended. Stored, shown and part of the API."""

    USER = "user"
    IDLE = "idle"
    LIFETIME = "lifetime"
    OOM = "oom"
    CRASH = "crash"
    LOST = "lost"
    START_FAILED = "start_failed"
    RESET = "reset"
    OWNER = "owner"
    SHUTDOWN = "shutdown"


MESSAGES: Mapping[ExitReason, str] = {
    ExitReason.USER: "The runtime was disconnected and deleted.",
    ExitReason.IDLE: "The runtime was ended because nothing ran and nobody used it for a while.",
    ExitReason.LIFETIME: "The runtime reached its longest lifetime.",
    ExitReason.OOM: "The runtime ended after using all available memory.",
    ExitReason.CRASH: "The runtime ended unexpectedly.",
    ExitReason.LOST: "The runtime is gone; the machine or its supervisor was restarted.",
    ExitReason.START_FAILED: "The runtime could not be started.",
    ExitReason.RESET: "The runtime was reset.",
    ExitReason.OWNER: "The owner of this server ended the runtime.",
    ExitReason.SHUTDOWN: "The server was shut down with its runtimes.",
}
"""One sentence a person reads, for every reason."""

EXACT: Mapping[ExitReason, tuple[str, str]] = {
    ExitReason.IDLE: ("idle_timeout_s", "The runtime was ended because nothing ran and nobody used it for {time}."),
    ExitReason.LIFETIME: ("max_lifetime_s", "The runtime reached its longest lifetime of {time}."),
}
"""The same with the figure of the policy, where the details have it."""

REBOOTED = "The machine was restarted, and the runtime ended with it."
"""Of a runtime that is lost, where the provider proves why."""


def time_in_words(seconds: float) -> str:
    """Returns a length of time as a person says it: ``90 minutes``, ``12 hours``, ``20 seconds``."""
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        count = seconds / size
        if count >= 1 and abs(count - round(count)) < 0.01:
            return f"{round(count)} {unit}{'' if round(count) == 1 else 's'}"
    if seconds >= 600:
        return f"{round(seconds / 60)} minutes"
    return f"{round(seconds)} second{'' if round(seconds) == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Shape:
    """Limits of a runtime."""

    memory_bytes: int
    cpus: float
    processes: int
    disk_bytes: int = 0
    """0: no limit."""
    inodes: int = 0

    @classmethod
    def of(cls, settings: RuntimeSettings) -> Shape:
        """Returns the shape that the settings give every runtime."""
        return cls(settings.memory_bytes, settings.cpus, settings.processes, settings.disk_bytes, settings.inodes)

    def as_json(self) -> dict[str, Any]:
        """Returns what is stored."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Shape:
        """Reads what :meth:`as_json` wrote."""
        return cls(
            int(value["memory_bytes"]),
            float(value["cpus"]),
            int(value["processes"]),
            int(value.get("disk_bytes", 0)),
            int(value.get("inodes", 0)),
        )


@dataclass(frozen=True, slots=True)
class RuntimeSpec:
    """What a provider needs to start a runtime; (runtime_id, generation) makes starts idempotent."""

    runtime_id: str
    generation: int
    account_id: str
    """Empty for one that belongs to nobody yet."""
    image: str
    shape: Shape
    key: str
    deadline: float
    """Unix seconds at which the provider itself ends the runtime, should the control plane be gone."""
    env: Mapping[str, str] = field(default_factory=dict)
    background: bool = False
    """Whether everything else goes first, until :meth:`labora.runtimes.ports.Provider.foreground`."""


@dataclass(frozen=True, slots=True)
class ProviderExit:
    """How a runtime's first process ended."""

    code: int | None = None
    signal: int | None = None
    oom: bool | None = None
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Returns the evidence that is stored with the exit reason."""
        return {"code": self.code, "signal": self.signal, "oom": self.oom, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class ProviderHandle:
    """A runtime as its provider sees it."""

    runtime_id: str
    generation: int
    socket: Path
    isolation: str
    alive: bool = True
    exit: ProviderExit | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    """The provider's own record, JSON."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a start is: a label for a person and a fraction from 0 to 1, None when it cannot be told."""

    label: str
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class Runtime:
    """One runtime of one account. Ready ones satisfy ``labora.kernels.service.RuntimeAddress``."""

    id: str
    account_id: str
    provider: str
    image: str
    shape: Shape
    desired: str
    status: str
    generation: int
    created_at: datetime
    key: str = field(repr=False)
    socket: Path = Path()
    isolation: str | None = None
    started_at: datetime | None = None
    last_execution_at: datetime | None = None
    last_input_at: datetime | None = None
    deadline_at: datetime | None = None
    ended_at: datetime | None = None
    exit_reason: ExitReason | None = None
    exit_details: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress | None = None
    ends_at: datetime | None = None
    """When it will be ended and nobody prevents it; set while a warning is due."""
    ends_reason: ExitReason | None = None
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None

    @property
    def message(self) -> str | None:
        """Why the runtime ended, for a person; None while it has not."""
        if self.exit_reason is None:
            return None
        more = self.exit_details.get("message")
        text = MESSAGES[self.exit_reason]
        if self.exit_reason is ExitReason.LOST and self.exit_details.get("reason") == "reboot":
            text = REBOOTED
        key, exact = EXACT.get(self.exit_reason, ("", ""))
        if isinstance(self.exit_details.get(key), int | float):
            text = exact.format(time=time_in_words(self.exit_details[key]))
        return f"{text} {more}" if more else text


@dataclass(frozen=True, slots=True)
class WarmRuntime:
    """One machine of the warm pool: nobody's, with a started kernel in which nobody has run anything.

    Satisfies ``labora.kernels.service.RuntimeAddress`` once it is ready.
    """

    id: str
    provider: str
    image: str
    shape: Shape
    status: str
    generation: int
    key: str = field(repr=False)
    kernel_id: str
    made_of: str
    """Digest of what it was started from; another one than is asked for now, and it is replaced."""
    version: str
    created_at: datetime
    deadline_at: datetime
    """When the provider ends it, a minute later, unless that is put off."""
    socket: Path = Path()
    isolation: str | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    ready_at: datetime | None = None

    def given_to(self, runtime: Runtime) -> Runtime:
        """Returns ``runtime``, which was to be started, as this machine, ready.

        The deadline stays what the provider was told, so that the keeper sees that it has to be moved.
        """
        return replace(
            runtime,
            id=self.id,
            generation=self.generation,
            key=self.key,
            socket=self.socket,
            isolation=self.isolation,
            status="ready",
            started_at=runtime.created_at,
            deadline_at=self.deadline_at,
        )


@dataclass(frozen=True, slots=True)
class PoolState:
    """How the warm pool stands, for the operator."""

    ready: int
    wanted: int
    problem: str | None = None
    """Why the last start failed, while none has succeeded since."""

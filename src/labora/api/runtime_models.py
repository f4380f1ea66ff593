"""Bodies and answers about runtimes; the TypeScript client is generated from them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from labora.api.models import Answer, Body
from labora.base.clock import timestamp
from labora.rooms import NotebookKernel
from labora.runtimes.meters import KernelUse
from labora.runtimes.meters import Meter as RuntimeMeter
from labora.runtimes.model import Runtime
from labora.runtimes.policy import Allowance, PolicyRow


class KernelMeter(Answer):
    """What one kernel and its processes use, as its guest tells it."""

    memory_bytes: int
    peak_bytes: int = Field(description="The most that the kernel's own process held at a time.")
    cpu_seconds: float
    processes: int
    silent_s: float = Field(description="For how long it has not answered on its control channel although it lives.")


class Meter(Answer):
    """What a runtime uses; null where it cannot be measured."""

    at: str
    memory_bytes: int | None
    memory_limit: int | None
    cpu: float | None = Field(description="Processors in use, of `cpus`.")
    cpus: float
    cpu_seconds: float | None
    processes: int | None
    disk_bytes: int | None
    disk_limit: int | None

    @classmethod
    def of(cls, meter: RuntimeMeter) -> Meter:
        """Reads a measurement."""
        return cls(**{**{name: getattr(meter, name) for name in cls.model_fields}, "at": timestamp(meter.at)})


class KernelAnswer(Answer):
    """One kernel of a runtime: whose notebook it is, what it does, what it uses."""

    kernel_id: str
    file_id: str | None = Field(description="Null where the caller may not see the notebook.")
    name: str | None
    status: str
    cell_id: str | None = Field(description="The cell that runs, since `running_since`.")
    running_since: str | None
    queued: int
    meter: KernelMeter | None

    @classmethod
    def of(cls, kernel: NotebookKernel, name: str | None, use: KernelUse | None) -> KernelAnswer:
        """Joins what the room knows with what the guest tells."""
        return cls(
            kernel_id=kernel.kernel_id,
            file_id=None if name is None else kernel.file_id,
            name=name,
            status=kernel.kernel,
            cell_id=None if name is None else kernel.cell_id,
            running_since=kernel.running_since,
            queued=kernel.queued,
            meter=None if use is None else KernelMeter.model_validate(use),
        )


class Limits(Answer):
    """What a runtime may use at most."""

    memory_bytes: int
    cpus: float
    processes: int
    disk_bytes: int | None


class RuntimeAccount(Answer):
    """Whose runtime it is."""

    id: str
    name: str
    login: str


class RuntimeAnswer(Answer):
    """One runtime with its clocks."""

    id: str
    image: str
    status: str
    isolation: str | None
    created_at: str
    started_at: str | None
    last_execution_at: str | None
    last_input_at: str | None
    idle_since: str | None = Field(description="Null while a kernel is at work.")
    idle_ends_at: str | None = Field(description="When idleness ends it, if nothing is used until then.")
    deadline_at: str | None = Field(description="When its longest lifetime ends; nothing puts this off.")
    ends_at: str | None = Field(description="Set while its end is near.")
    ends_reason: str | None
    limits: Limits
    meter: Meter | None
    kernels: list[KernelAnswer]
    account: RuntimeAccount | None = Field(description="Whose it is; in the owner's list only.")


class RuntimeList(Answer):
    runtimes: list[RuntimeAnswer]


class WarmPoolAnswer(Answer):
    """Machines that stand ready and belong to nobody yet."""

    ready: int
    wanted: int
    problem: str | None = Field(description="Why the last one could not be started, while none has been since.")


class AllRuntimes(RuntimeList):
    warm: WarmPoolAnswer


class EndedRuntime(Answer):
    """One runtime that has ended."""

    id: str
    image: str
    created_at: str
    started_at: str | None
    ended_at: str
    seconds: float = Field(description="How long it lived.")
    reason: str
    message: str
    cpu_seconds: float | None
    peak_memory_bytes: int | None

    @classmethod
    def of(cls, runtime: Runtime) -> EndedRuntime:
        """Reads an ended runtime."""
        started = runtime.started_at or runtime.created_at
        ended = runtime.ended_at or started
        return cls(
            id=runtime.id,
            image=runtime.image,
            created_at=timestamp(runtime.created_at),
            started_at=None if runtime.started_at is None else timestamp(runtime.started_at),
            ended_at=timestamp(ended),
            seconds=max(0.0, round((ended - started).total_seconds(), 3)),
            reason=runtime.exit_reason.value if runtime.exit_reason else "lost",
            message=runtime.message or "The runtime has ended.",
            cpu_seconds=runtime.cpu_seconds,
            peak_memory_bytes=runtime.peak_memory_bytes,
        )


class History(Answer):
    runtimes: list[EndedRuntime]
    next_page_token: str | None = Field(serialization_alias="nextPageToken")
    history_days: float = Field(description="For how long ended runtimes stay in this list.")


class PolicyAnswer(Answer):
    """What holds for an account's runtimes. ``disk_bytes`` null leaves the disk to the machine."""

    idle_timeout_s: float
    max_lifetime_s: float
    memory_bytes: int
    cpus: float
    processes: int
    disk_bytes: int | None
    max_runtimes: int

    @classmethod
    def of(cls, allowance: Allowance) -> PolicyAnswer:
        """Reads what holds."""
        return cls.model_validate(allowance)


class PolicyBody(Body):
    """What is set for an account or for everyone; null is inherited."""

    idle_timeout_s: float | None = None
    max_lifetime_s: float | None = None
    memory_bytes: int | None = None
    cpus: float | None = None
    processes: int | None = None
    disk_bytes: int | None = None
    max_runtimes: int | None = None

    def row(self, kind: Literal["everyone", "account"], subject_id: str) -> PolicyRow:
        """Returns what is stored."""
        limits: dict[str, Any] = self.model_dump()
        return PolicyRow(kind, subject_id, **limits)


class PolicySet(Answer):
    """What was set (null is inherited) and what holds in effect."""

    own: PolicyLimits
    effective: PolicyAnswer

    @classmethod
    def of(cls, row: PolicyRow, allowance: Allowance) -> PolicySet:
        """Reads both."""
        return cls(own=PolicyLimits.model_validate(row), effective=PolicyAnswer.of(allowance))


class PolicyLimits(Answer):
    """Limits that were set; null is inherited."""

    idle_timeout_s: float | None
    max_lifetime_s: float | None
    memory_bytes: int | None
    cpus: float | None
    processes: int | None
    disk_bytes: int | None
    max_runtimes: int | None


class ImageProgressAnswer(Answer):
    label: str
    fraction: float | None


class ImageAnswer(Answer):
    name: str
    status: Literal["missing", "preparing", "ready", "failed"]
    progress: ImageProgressAnswer | None
    message: str | None


class ImageList(Answer):
    images: list[ImageAnswer]

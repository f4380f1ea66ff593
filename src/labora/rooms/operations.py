"""What may happen in a room (operations) and what the room asks of the outside (effects), as typed data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from labora.rooms.model import Event, InputRequest, KernelRecord, Language, Note, Person, Progress, Saved


@dataclass(frozen=True, slots=True)
class CellCode:
    """One cell to run: the code as it stands in the document, and the id its execution gets."""

    cell_id: str
    code: str
    sha256: str
    execution_id: str
    may_fail: bool = False


@dataclass(frozen=True, slots=True)
class Execute:
    """Queue cells. ``batch`` names the Run that they belong to."""

    account: Person
    cells: tuple[CellCode, ...]
    batch: str
    stop_on_error: bool = True


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take own executions out of the queue; interrupt a running one."""

    account_id: str
    executions: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Interrupt:
    """SIGINT to the account's kernel, past the queue."""

    account_id: str


@dataclass(frozen=True, slots=True)
class Restart:
    """A new kernel for the account; its queue is aborted."""

    account_id: str


@dataclass(frozen=True, slots=True)
class Connect:
    """Start the account's runtime and kernel without running anything."""

    account: Person


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Delete the account's runtime."""

    account_id: str


@dataclass(frozen=True, slots=True)
class RuntimeProgress:
    """The start goes on."""

    account_id: str
    progress: Progress


@dataclass(frozen=True, slots=True)
class KernelReady:
    """Runtime and kernel are there; whatever waits may run. ``record`` says which kernel and from which message."""

    account: Person
    record: KernelRecord
    language: Language | None
    isolation: str | None
    ends_at: str | None = None
    ends_reason: str | None = None


@dataclass(frozen=True, slots=True)
class ExecutionFinished:
    """The last output of an execution is recorded and the kernel has replied, or it will never reply."""

    execution_id: str
    status: Literal["ok", "error", "aborted", "lost"]
    execution_count: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class KernelDied:
    """The kernel ended by itself; ``message`` says why and what to do. ``reason``: ``oom`` or ``disk``, with proof.

    ``program``: its program ended it, and a new one is started.
    """

    account_id: str
    message: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RuntimeWarned:
    """The runtime's end is near, or (None) no longer."""

    account_id: str
    runtime_id: str
    ends_at: str | None
    ends_reason: str | None


@dataclass(frozen=True, slots=True)
class RuntimeEnded:
    """The runtime is gone or could not be started."""

    account_id: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class RequestInput:
    """The kernel waits for a line from its account; ``None`` when it no longer does."""

    execution_id: str
    request: InputRequest | None


@dataclass(frozen=True, slots=True)
class AnswerInput:
    """The account answers ``input()``."""

    account_id: str
    execution_id: str
    request_id: str
    value: str


@dataclass(frozen=True, slots=True)
class ClearOutputs:
    """Empty the output slots of cells, the account's own ones too; ``every``: of all cells.

    ``outputs``: take these outputs out and leave the rest; one that is gone already is no error.
    """

    cells: tuple[str, ...]
    account_id: str = ""
    every: bool = False
    outputs: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class CopyOutputs:
    """Give ``target`` what ``source`` shows, for paste, split and duplicate."""

    source: str
    target: str
    account_id: str = ""


@dataclass(frozen=True, slots=True)
class OmitOutputs:
    """The notebook omits outputs from now on: what it shows goes to the side stores of those whose runtimes live."""


@dataclass(frozen=True, slots=True)
class MarkSaved:
    """A checkpoint is in the drive."""

    saved: Saved


@dataclass(frozen=True, slots=True)
class Record:
    """Events and notes that were made elsewhere, from a kernel's messages.

    ``account_id``: whose kernel; its events then go where the slots of its cells are. ``reducers``: what reducers must
    know over a restart, by cell, of slots in its side store.
    """

    events: tuple[Event, ...] = ()
    notes: tuple[Note, ...] = ()
    account_id: str | None = None
    reducers: Mapping[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wake:
    """Look again what may start; after a restart of the process."""


Operation = (
    Execute
    | Cancel
    | Interrupt
    | Restart
    | Connect
    | Disconnect
    | RuntimeProgress
    | KernelReady
    | ExecutionFinished
    | KernelDied
    | RuntimeWarned
    | RuntimeEnded
    | RequestInput
    | AnswerInput
    | ClearOutputs
    | CopyOutputs
    | OmitOutputs
    | MarkSaved
    | Record
    | Wake
)


@dataclass(frozen=True, slots=True)
class EnsureKernel:
    """Start or find the account's runtime and kernel; answered by KernelReady or RuntimeEnded."""

    account: Person


@dataclass(frozen=True, slots=True)
class StartExecution:
    """Send code to the account's kernel."""

    account_id: str
    execution_id: str
    code: str


@dataclass(frozen=True, slots=True)
class InterruptKernel:
    """SIGINT to the account's kernel."""

    account_id: str


@dataclass(frozen=True, slots=True)
class RestartKernel:
    """Restart the account's kernel; answered by KernelReady or RuntimeEnded."""

    account: Person


@dataclass(frozen=True, slots=True)
class NoteInput:
    """Somebody asked for the account's runtime, which is there already: it is in use."""

    account_id: str


@dataclass(frozen=True, slots=True)
class EndRuntime:
    """Delete the account's runtime; answered by RuntimeEnded."""

    account_id: str


@dataclass(frozen=True, slots=True)
class SendInput:
    """Send a line to the kernel."""

    account_id: str
    execution_id: str
    request_id: str
    value: str


Effect = EnsureKernel | StartExecution | InterruptKernel | RestartKernel | EndRuntime | SendInput | NoteInput

"""Types of the live notebook as it crosses the socket and lies in the journal (docs/protocols.md, section 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NotRequired, TypedDict

ExecutionStatus = Literal["queued", "running", "ok", "error", "aborted", "lost"]
FINISHED: frozenset[str] = frozenset({"ok", "error", "aborted", "lost"})

KernelStatus = Literal["none", "starting", "idle", "busy", "restarting", "dead"]
RuntimeStatus = Literal["starting", "ready", "ended"]

Output = dict[str, Any]


class Person(TypedDict):
    """Who did it, as everyone may see it."""

    id: str
    name: str


class CellState(TypedDict):
    """What the server wrote about one cell: its output slot."""

    execution_id: str | None
    execution_count: int | None
    outputs: list[Output]


class Execution(TypedDict):
    """One run of one cell. ``life``: the life of the kernel that ran it; older journals know none."""

    id: str
    cell_id: str
    account: Person
    runtime_id: str | None
    source_sha256: str
    status: ExecutionStatus
    queued_at: str
    started_at: str | None
    finished_at: str | None
    reason: str | None
    execution_count: int | None
    life: NotRequired[int | None]


class Language(TypedDict):
    """What the kernel speaks."""

    name: str
    mimetype: str
    version: str


class Progress(TypedDict):
    """How far a start is; ``fraction`` 0 to 1."""

    label: str
    fraction: float | None


class RuntimeState(TypedDict):
    """One account's runtime and kernel as this notebook shows them.

    ``ends_at`` is set while its end is near, ``ends_reason`` says which limit it is (``idle`` or ``lifetime``).
    ``cell_id`` is the cell that ran when the kernel died; ``life`` counts the kernel's restarts. Older journals know
    none of the four.
    """

    runtime_id: str | None
    account: Person
    status: RuntimeStatus
    kernel: KernelStatus
    progress: Progress | None
    reason: str | None
    message: str | None
    language: Language | None
    started_at: str | None
    isolation: str | None
    ends_at: NotRequired[str | None]
    ends_reason: NotRequired[str | None]
    cell_id: NotRequired[str | None]
    life: NotRequired[int | None]


class Ask(TypedDict):
    """What code asks of the server itself, such as its account's drive (:mod:`labora.rooms.asks`)."""

    kind: str
    mountpoint: str
    readonly: bool
    timeout_s: float


class InputRequest(TypedDict):
    """A pending ``input()``. With ``ask`` it is a question for the server, which may need the account's consent."""

    request_id: str
    prompt: str
    password: bool
    account_id: str
    ask: NotRequired[Ask]


class Saved(TypedDict):
    """The latest checkpoint."""

    seq: int
    revision_id: str | None
    at: str | None


class CommentState(TypedDict):
    """A comment as :meth:`labora.drive.comments.Comment.as_json` tells it; the room looks at its replies alone."""

    id: str
    replies: list[dict[str, Any]]


class RoomState(TypedDict):
    """Everything that events tell: snapshot + events since = this."""

    cells: dict[str, CellState]
    executions: dict[str, Execution]
    queue: list[str]
    runtimes: dict[str, RuntimeState]
    inputs: dict[str, InputRequest]
    comments: dict[str, CommentState]
    saved: Saved


Event = dict[str, Any]
"""One event of the protocol; ``type`` names it."""


class Source(TypedDict):
    """Private to the server: the code that a queued or running execution sends to its kernel."""

    code: str
    batch: str
    stop_on_error: bool


class KernelRecord(TypedDict):
    """Private: the kernel of one account and how far its messages are durable.

    ``life`` counts its restarts, ``memory_kills`` and ``disk_kills`` the kills in its runtime that were explained.
    ``reducers`` holds, by execution, what its output reducer must know over a restart; it is replaced together with
    ``n`` in one journal entry.
    """

    kernel_id: str
    runtime_id: str
    n: int
    life: NotRequired[int]
    memory_kills: NotRequired[int]
    disk_kills: NotRequired[int]
    reducers: NotRequired[dict[str, dict[str, Any]]]


class Ledger(TypedDict):
    """What the server must not forget over a restart and does not show."""

    sources: dict[str, Source]
    kernels: dict[str, KernelRecord]
    commands: dict[str, dict[str, Any]]
    # Cell id → when a checkpoint first saw it deleted.
    deleted: dict[str, str]


Note = dict[str, Any]
"""A private event; ``type`` is ``source``, ``kernel``, ``command`` or ``deleted``."""


class HiddenCell(TypedDict):
    """The output slot of one cell as one account sees it, where the notebook omits outputs.

    ``runtime_id``: with this runtime it ends. ``reducer``: what an output reducer must know over a restart.
    ``input``: the question that waits for an answer, with its prompt.
    """

    state: CellState
    runtime_id: str
    reducer: dict[str, Any] | None
    input: InputRequest | None


Hidden = Mapping[str, Mapping[str, HiddenCell]]
"""The side stores: account id → cell id → slot (:mod:`labora.rooms.hidden`)."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Public state and ledger together: what a checkpoint holds beside the document. Never changed in place.

    ``hidden`` is in no checkpoint and no journal; it has a table of its own.
    """

    state: RoomState
    ledger: Ledger
    hidden: Hidden = field(default_factory=dict)


def empty_state() -> RoomState:
    """Returns the state of a room in which nothing has happened."""
    return {
        "cells": {},
        "executions": {},
        "queue": [],
        "runtimes": {},
        "inputs": {},
        "comments": {},
        "saved": {"seq": 0, "revision_id": None, "at": None},
    }


def empty_ledger() -> Ledger:
    """Returns a ledger without entries."""
    return {"sources": {}, "kernels": {}, "commands": {}, "deleted": {}}


def empty_cell() -> CellState:
    """Returns the state of a cell that never ran."""
    return {"execution_id": None, "execution_count": None, "outputs": []}

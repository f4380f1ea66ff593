"""From a batch of a kernel's messages to one journal entry: outputs, counts, questions, and how executions end.

The guest is hostile: only messages of executions that this room accepted from this account count, and outputs only
while the execution owns its cell's slot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from labora.base.settings import LimitSettings
from labora.blobs import Blobs
from labora.kernels.model import KernelMessage
from labora.notebook.model import BlobSink, Output
from labora.notebook.reducer import MESSAGE_TYPES, OutputReducer, display_update_ops
from labora.rooms import operations as op
from labora.rooms.deaths import PROGRAM, proved
from labora.rooms.hidden import with_reducers
from labora.rooms.model import Event, Execution, InputRequest, KernelRecord, RoomState
from labora.rooms.room import Room

MAX_PROMPT = 16 * 1024
MAX_COUNT = 2**53 - 1
HEAVY_BYTES = 64 * 1024
"""A batch of more bytes is reduced beside the event loop: a large JSON value takes seconds."""
ENDS = {"ok": "ok", "error": "error", "aborted": "aborted"}
ENDED = {
    "died": "The kernel died.",
    "ended": "The program ended its kernel.",
    "restart": "The kernel was restarted.",
}
MAX_PAGES = 16
LOST = "Part of this cell's output was lost in the runtime. Run the cell again."


@dataclass(slots=True)
class _Live:
    """The reducer of one execution and the slot as the reducer left it."""

    reducer: OutputReducer
    outputs: list[Output]
    saved: dict[str, Any] | None = None


@dataclass(slots=True)
class _Plan:
    """What a batch does, made against one state of the room as the kernel's account sees it."""

    account_id: str
    operations: list[op.Operation] = field(default_factory=list)
    # Cell id → its outputs when the plan was made: the plan holds as long as they are the same objects.
    seen: dict[str, list[Output] | None] = field(default_factory=dict)
    fed: dict[str, str] = field(default_factory=dict)

    def holds(self, state: RoomState) -> bool:
        """Returns whether nobody changed the cells meanwhile."""
        return all(_outputs(state, cell_id) is outputs for cell_id, outputs in self.seen.items())


class Recorder:
    """Reduces the messages of one kernel. One per account and room."""

    def __init__(self, blobs: Blobs, limits: LimitSettings) -> None:
        self._blobs = blobs
        self._limits = limits
        self._sink = BlobSink()
        self._live: dict[str, _Live] = {}
        self._lock = asyncio.Lock()

    async def record(
        self,
        room: Room,
        account_id: str,
        record: KernelRecord,
        messages: list[KernelMessage],
    ) -> None:
        """Journals what ``messages`` do, together with the number of the last one.

        Returns before it is durable. Raises UnavailableError when blobs cannot be stored; then nothing is recorded.
        """
        async with self._lock:
            try:
                await self._record(room, account_id, record, messages)
            except BaseException:
                # The reducers were fed what is not recorded; the next message makes them anew from what is.
                self._restore(room, account_id)
                raise

    async def _record(
        self,
        room: Room,
        account_id: str,
        record: KernelRecord,
        messages: list[KernelMessage],
    ) -> None:
        stored: set[str] = set()
        while True:
            plan = await self._planned(room, account_id, record, messages)
            taken = self._sink.take()
            fresh = {ref["sha256"]: (data, ref["media_type"]) for ref, data in taken if ref["sha256"] not in stored}
            if fresh:
                await self._blobs.put_many(list(fresh.values()))
                stored.update(fresh)
            if plan.holds(room.seen_by(account_id)):
                break
            # Somebody cleared or replaced the outputs while values were stored: once more, from what is recorded.
            self._restore(room, account_id)
        everybodys, own = self._snapshots(room, account_id, plan)
        known: KernelRecord = {**record, "n": messages[-1].n, "reducers": everybodys}
        note = {"type": "kernel", "account_id": account_id, "kernel": known}
        room.perform(
            *plan.operations,
            op.Record(notes=(note,), account_id=account_id, reducers=own),
            author=account_id,
            blobs=tuple(sorted(stored)),
        )
        self._after(room, account_id, plan)

    # -- planning -----------------------------------------------------------------------------------------------------

    async def _planned(self, room: Room, account_id: str, record: KernelRecord, messages: list[KernelMessage]) -> _Plan:
        """Makes a plan, beside the event loop where it takes long; a state of a room never changes in place."""
        if sum(message.size for message in messages) <= HEAVY_BYTES:
            return self._plan(room, account_id, record, messages)
        work = asyncio.ensure_future(asyncio.to_thread(self._plan, room, account_id, record, messages))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # A thread cannot be stopped, and nobody else may touch the reducers before it ends.
            await asyncio.wait([work])
            raise

    def _plan(self, room: Room, account_id: str, record: KernelRecord, messages: list[KernelMessage]) -> _Plan:
        plan, state = _Plan(account_id), room.seen_by(account_id)
        reducers = with_reducers(record.get("reducers", {}), room.staged.hidden, account_id)
        record = {**record, "reducers": reducers}
        finished: set[str] = set()
        scope = f"{record['kernel_id']}:{record.get('life', 0)}"
        for message in messages:
            if message.channel == "agent" and message.execution_id is None:
                if message.type == "started":
                    scope = f"{record['kernel_id']}:{_number(message.content.get('life'))}"
                self._of_kernel(plan, state, account_id, message)
                continue
            execution = state["executions"].get(message.execution_id or "")
            if execution is None or execution["account"]["id"] != account_id or execution["id"] in finished:
                continue
            if message.channel == "iopub" and message.type in MESSAGE_TYPES:
                self._feed(plan, state, record, execution, (message.type, message.content), scope)
            elif execution["status"] == "running":
                if message.channel == "agent" and message.type == "done":
                    for shown in _pages(message.content):
                        self._feed(plan, state, record, execution, ("display_data", shown), scope)
                    self._flush(plan, state, final=execution["id"])
                    plan.operations.append(_finished(execution, message.content))
                    finished.add(execution["id"])
                elif message.channel == "stdin" and message.type == "input_request":
                    self._flush(plan, state)
                    plan.operations.append(_asked(execution, message.content))
                elif message.channel == "agent" and message.type == "input_done":
                    plan.operations.append(op.RequestInput(execution["id"], None))
                elif message.channel == "iopub" and message.type == "execute_input":
                    _count(plan, execution, message.content)
        self._flush(plan, state)
        return plan

    def _of_kernel(self, plan: _Plan, state: RoomState, account_id: str, message: KernelMessage) -> None:
        if message.type == "died":
            self._flush(plan, state)
            reason = proved(message.content) or (PROGRAM if message.content.get("by") == PROGRAM else None)
            plan.operations.append(op.KernelDied(account_id, _obituary(message.content, reason), reason))
        elif message.type == "lost":
            self._flush(plan, state)
            for execution in state["executions"].values():
                if execution["account"]["id"] == account_id and execution["status"] == "running":
                    plan.operations.append(op.ExecutionFinished(execution["id"], "lost", None, LOST))

    def _feed(
        self,
        plan: _Plan,
        state: RoomState,
        record: KernelRecord,
        execution: Execution,
        message: tuple[str, Mapping[str, Any]],
        scope: str,
    ) -> None:
        key, cell_id = execution["id"], execution["cell_id"]
        cell = state["cells"].get(cell_id)
        if cell is None or cell["execution_id"] != key or execution["status"] not in ("running", "ok", "error"):
            # A later run owns the slot, or the outputs were cleared after the end.
            return
        live = self._live.get(key)
        if live is None or (live.outputs is not cell["outputs"] and key not in plan.fed):
            saved = live.saved if live is not None else record.get("reducers", {}).get(key)
            live = self._live[key] = _Live(self._reducer(saved, cell["outputs"], scope), cell["outputs"], saved)
        plan.fed[key] = cell_id
        plan.seen[cell_id] = cell["outputs"]
        live.reducer.feed(*message)

    def _reducer(self, saved: dict[str, Any] | None, outputs: list[Output], scope: str) -> OutputReducer:
        emptied = saved is not None and saved["stream"] is not None and not outputs
        if saved is None or saved["notice"] is not None or emptied:
            return OutputReducer(self._sink, self._limits, display_scope=scope, outputs=outputs)
        if not _continues(saved["stream"], outputs):
            saved = {**saved, "stream": None}
        return OutputReducer.restore(saved, outputs, self._sink, self._limits)

    def _flush(self, plan: _Plan, state: RoomState, *, final: str | None = None) -> None:
        for key, cell_id in plan.fed.items():
            reducer = self._live[key].reducer
            events: list[Event] = []
            ops = reducer.flush(final=key == final)
            if ops:
                events.append({"type": "outputs", "cell_id": cell_id, "ops": ops})
            updates = reducer.take_display_updates()
            for other, cell in state["cells"].items() if updates else ():
                if other == cell_id or not (ops := display_update_ops(cell["outputs"], updates)):
                    continue
                plan.seen[other] = cell["outputs"]
                events.append({"type": "outputs", "cell_id": other, "ops": ops})
            if events:
                plan.operations.append(op.Record(events=tuple(events), account_id=plan.account_id))

    # -- over batches and restarts ------------------------------------------------------------------------------------

    def _snapshots(
        self, room: Room, account_id: str, plan: _Plan
    ) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
        """Returns what a restart needs of the reducers whose executions still run after this batch.

        The first by execution, for the journal; the second by cell, for slots in the account's side store.
        """
        ended = {one.execution_id for one in plan.operations if isinstance(one, op.ExecutionFinished)}
        executions, hidden = room.staged.state["executions"], room.staged.hidden.get(account_id, {})
        everybodys, own = {}, {}
        for key, live in self._live.items():
            running = key in executions and executions[key]["status"] == "running" and key not in ended
            if running or key in plan.fed:
                # Of one that has ended too: what comes late goes on from here when a person has changed its outputs.
                live.saved = live.reducer.snapshot()
            if running and live.saved is not None:
                if executions[key]["cell_id"] in hidden:
                    own[executions[key]["cell_id"]] = live.saved
                else:
                    everybodys[key] = live.saved
        return everybodys, own

    def _after(self, room: Room, account_id: str, plan: _Plan) -> None:
        state = room.seen_by(account_id)
        for key, cell_id in plan.fed.items():
            outputs = _outputs(state, cell_id)
            if outputs is not None:
                self._live[key].outputs = outputs
        for key in list(self._live):
            execution = state["executions"].get(key)
            cell = state["cells"].get(execution["cell_id"]) if execution is not None else None
            if cell is None or cell["execution_id"] != key:
                del self._live[key]

    def _restore(self, room: Room, account_id: str) -> None:
        record = room.staged.ledger["kernels"].get(account_id)
        journalled = record.get("reducers", {}) if record is not None else {}
        saved = with_reducers(journalled, room.staged.hidden, account_id)
        for key in list(self._live):
            live = self._live[key]
            # No list is this one: the next message makes the reducer anew from the slot.
            self._live[key] = _Live(live.reducer, [], saved.get(key))


def _outputs(state: RoomState, cell_id: str) -> list[Output] | None:
    cell = state["cells"].get(cell_id)
    return cell["outputs"] if cell is not None else None


def _continues(stream: dict[str, Any] | None, outputs: list[Output]) -> bool:
    """Returns whether an open stream still is the last output; a person may have removed it."""
    if stream is None:
        return True
    last = outputs[-1] if outputs else {}
    return last.get("output_type") == "stream" and stream.get("id", last["id"]) == last["id"]


def _pages(content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields what ``name?`` and ``%pinfo`` show, as displays: a reply's payloads of the source ``page``.

    Source: Jupyter's messaging protocol, "Payloads (DEPRECATED)", which IPython still answers these with.
    """
    payloads = content.get("payload")
    for payload in payloads[:MAX_PAGES] if isinstance(payloads, list) else ():
        if isinstance(payload, dict) and payload.get("source") == "page":
            yield {"data": payload.get("data"), "metadata": {}}


def _finished(execution: Execution, content: dict[str, Any]) -> op.ExecutionFinished:
    status, count = ENDS.get(str(content.get("status")), "error"), content.get("execution_count")
    reason = ENDED.get(str(content.get("reason")))
    if status == "aborted" and reason is None:
        reason = "It was interrupted before it ran."
    return op.ExecutionFinished(execution["id"], status, _number(count), reason)  # type: ignore[arg-type]


def _asked(execution: Execution, content: dict[str, Any]) -> op.RequestInput:
    prompt = str(content.get("prompt", ""))[:MAX_PROMPT]
    request: InputRequest = {
        "request_id": str(content.get("request_id", ""))[:256],
        "prompt": prompt,
        "password": content.get("password") is True,
        "account_id": execution["account"]["id"],
    }
    return op.RequestInput(execution["id"], request)


def _count(plan: _Plan, execution: Execution, content: dict[str, Any]) -> None:
    count = _number(content.get("execution_count"))
    if count is not None:
        event: Event = {
            "type": "count",
            "cell_id": execution["cell_id"],
            "execution_id": execution["id"],
            "execution_count": count,
        }
        plan.operations.append(op.Record(events=(event,), account_id=plan.account_id))


def _number(value: Any) -> int | None:
    """Returns a count as every client can hold it, or None for what is none."""
    return value if type(value) is int and 0 <= value <= MAX_COUNT else None


def _obituary(content: dict[str, Any], reason: str | None) -> str:
    message = content.get("message")
    text = message if isinstance(message, str) and message else "The kernel died."
    return text[:1000] if reason == PROGRAM else f"{text[:1000]} Run a cell to start a new one."

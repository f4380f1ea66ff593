"""Pure: what follows from an operation. :func:`decide` adds its events and effects to a turn.

Events are journalled and applied by :mod:`labora.rooms.state`; effects are data that :mod:`labora.rooms.executions`
carries out, outside the room. Each account has one queue, for its own runtime: compute belongs to who pressed Run.
"""

from __future__ import annotations

from typing import Any, assert_never, cast

from labora.base.errors import ConflictError, ForbiddenError, NotFoundError
from labora.rooms.deaths import PROGRAM
from labora.rooms.model import (
    FINISHED,
    Execution,
    Person,
    RuntimeState,
    Source,
)
from labora.rooms.omission import ask, fresh_slot, omit_outputs
from labora.rooms.operations import (
    AnswerInput,
    Cancel,
    ClearOutputs,
    Connect,
    CopyOutputs,
    Disconnect,
    EndRuntime,
    EnsureKernel,
    Execute,
    ExecutionFinished,
    Interrupt,
    InterruptKernel,
    KernelDied,
    KernelReady,
    MarkSaved,
    NoteInput,
    OmitOutputs,
    Operation,
    Record,
    RequestInput,
    Restart,
    RestartKernel,
    RuntimeEnded,
    RuntimeProgress,
    RuntimeWarned,
    SendInput,
    StartExecution,
    Wake,
)
from labora.rooms.slots import clear_outputs, copy_outputs
from labora.rooms.turn import Decision

KEEP_FINISHED = 300
"""Finished executions that no cell shows any more are forgotten beyond this number."""


def decide(turn: Decision, operation: Operation) -> Decision:
    """Adds what ``operation`` does to ``turn`` and returns it. No snapshot is changed in place.

    Raises:
        ForbiddenError: the account may not do this to somebody else's execution or runtime.
        NotFoundError: an execution that is named does not exist.
        ConflictError: there is nothing to interrupt, restart or answer.
    """
    match operation:
        case Execute():
            _execute(turn, operation)
        case Cancel():
            _cancel(turn, operation)
        case Interrupt():
            _own_runtime(turn, operation.account_id)
            turn.effects.append(InterruptKernel(operation.account_id))
        case Restart():
            _restart(turn, operation.account_id)
        case Connect():
            _ensure(turn, operation.account)
            turn.effects.append(NoteInput(operation.account["id"]))
        case Disconnect():
            _disconnect(turn, operation.account_id)
        case RuntimeProgress():
            _progress(turn, operation)
        case KernelReady():
            _kernel_ready(turn, operation)
        case ExecutionFinished():
            _finish(turn, operation.execution_id, operation.status, operation.execution_count, operation.reason)
        case KernelDied():
            _kernel_died(turn, operation)
        case RuntimeWarned():
            _warned(turn, operation)
        case RuntimeEnded():
            _runtime_ended(turn, operation)
        case RequestInput():
            _request_input(turn, operation)
        case AnswerInput():
            _answer_input(turn, operation)
        case ClearOutputs():
            clear_outputs(turn, operation)
        case CopyOutputs():
            copy_outputs(turn, operation)
        case MarkSaved():
            turn.emit({"type": "saved", "saved": operation.saved})
        case OmitOutputs():
            omit_outputs(turn)
        case Record():
            _record(turn, operation)
        case Wake():
            pass
        case _ as never:
            assert_never(never)
    _schedule(turn)
    _forget(turn)
    return turn


# -- executions -------------------------------------------------------------------------------------------------------


def _execute(turn: Decision, op: Execute) -> None:
    queued = {e["cell_id"]: e for e in turn.executions_of(op.account["id"], "queued")}
    made: list[Execution] = []
    for cell in op.cells:
        waiting = queued.get(cell.cell_id)
        execution: Execution
        if waiting is not None:
            # The cell already waits: one run with the newest code, at its old place in the queue.
            execution = {**waiting, "source_sha256": cell.sha256}
        else:
            execution = {
                "id": cell.execution_id,
                "cell_id": cell.cell_id,
                "account": op.account,
                "runtime_id": None,
                "source_sha256": cell.sha256,
                "status": "queued",
                "queued_at": turn.now,
                "started_at": None,
                "finished_at": None,
                "reason": None,
                "execution_count": None,
            }
        source: Source = {"code": cell.code, "batch": op.batch, "stop_on_error": op.stop_on_error and not cell.may_fail}
        turn.emit({"type": "execution", "execution": execution})
        turn.note({"type": "source", "execution_id": execution["id"], "source": source})
        queued[cell.cell_id] = execution
        made.append(execution)
    turn.result = {"executions": made}


def _cancel(turn: Decision, op: Cancel) -> None:
    executions = turn.snapshot.state["executions"]
    wanted: list[Execution] = []
    for key in op.executions:
        execution = executions.get(key)
        if execution is None:
            raise NotFoundError("This run is no longer known. Reload the page.", code="no_such_execution")
        if execution["account"]["id"] != op.account_id:
            raise ForbiddenError("Only the account that pressed Run can stop this cell.", code="not_your_execution")
        wanted.append(execution)
    cells = set(op.cells)
    wanted += [e for e in turn.executions_of(op.account_id, "queued", "running") if e["cell_id"] in cells]
    interrupt = False
    for execution in wanted:
        if execution["status"] == "queued":
            _settle(turn, execution, "aborted", None, "Cancelled before it ran.")
        elif execution["status"] == "running":
            interrupt = True
    if interrupt:
        turn.effects.append(InterruptKernel(op.account_id))


def _record(turn: Decision, op: Record) -> None:
    for event in op.events:
        if op.account_id is None:
            turn.emit(event)
        else:
            turn.slot(op.account_id, event)
    for note in op.notes:
        turn.note(note)
    for cell_id, reducer in op.reducers.items():
        cell = turn.hidden(op.account_id or "", cell_id)
        if cell is not None and op.account_id is not None:
            turn.hide(op.account_id, cell_id, {**cell, "reducer": reducer})


def _settle(turn: Decision, execution: Execution, status: str, count: int | None, reason: str | None) -> None:
    key, account_id = execution["id"], execution["account"]["id"]
    if key in turn.snapshot.state["inputs"]:
        ask(turn, key, None)
    own = turn.hidden(account_id, execution["cell_id"])
    if own is not None and own["state"]["execution_id"] == key and own["reducer"] is not None:
        turn.hide(account_id, execution["cell_id"], {**own, "reducer": None})
    final = {
        **execution,
        "status": status,
        "finished_at": turn.now,
        "reason": reason,
        "execution_count": execution["execution_count"] if count is None else count,
    }
    turn.emit({"type": "execution", "execution": final})
    if count is not None and count != execution["execution_count"]:
        cell_id = execution["cell_id"]
        turn.slot(account_id, {"type": "count", "cell_id": cell_id, "execution_id": key, "execution_count": count})
    if key in turn.snapshot.ledger["sources"]:
        turn.note({"type": "source", "execution_id": key, "source": None})


def _finish(turn: Decision, key: str, status: str, count: int | None, reason: str | None) -> None:
    execution = turn.snapshot.state["executions"].get(key)
    if execution is None or execution["status"] in FINISHED:
        return
    source = turn.snapshot.ledger["sources"].get(key)
    _settle(turn, execution, status, count, reason)
    account_id = execution["account"]["id"]
    if status != "ok" and source is not None and source["stop_on_error"]:
        sources = turn.snapshot.ledger["sources"]
        for other in turn.executions_of(account_id, "queued"):
            theirs = sources.get(other["id"])
            if theirs is not None and theirs["batch"] == source["batch"]:
                _settle(turn, other, "aborted", None, "An earlier cell of this run stopped with an error.")
    runtime = turn.snapshot.state["runtimes"].get(account_id)
    if runtime is not None and runtime["kernel"] == "busy":
        _set_runtime(turn, account_id, kernel="idle")


def _stop_account(turn: Decision, account_id: str, status: str, reason: str) -> None:
    for execution in turn.executions_of(account_id, "running"):
        _settle(turn, execution, status, None, reason)
    for execution in turn.executions_of(account_id, "queued"):
        _settle(turn, execution, "aborted", None, reason)


def _schedule(turn: Decision) -> None:
    """Starts what may start: per account one running execution, and a kernel wherever something waits."""
    executions = turn.snapshot.state["executions"]
    first: dict[str, Execution] = {}
    for key in turn.snapshot.state["queue"]:
        first.setdefault(executions[key]["account"]["id"], executions[key])
    if not first:
        return
    at_work = {execution["account"]["id"] for execution in executions.values() if execution["status"] == "running"}
    for account_id, execution in first.items():
        if account_id in at_work:
            continue
        runtime = turn.snapshot.state["runtimes"].get(account_id)
        if runtime is None or runtime["status"] != "ready" or runtime["kernel"] not in ("idle", "busy"):
            _ensure(turn, execution["account"])
        else:
            _start(turn, execution, runtime)


def _start(turn: Decision, execution: Execution, runtime: RuntimeState) -> None:
    key, account_id = execution["id"], execution["account"]["id"]
    source = turn.snapshot.ledger["sources"][key]
    running: Execution = {
        **execution,
        "status": "running",
        "runtime_id": runtime["runtime_id"],
        "started_at": turn.now,
        "life": runtime.get("life"),
    }
    if turn.omits:
        turn.hide(account_id, execution["cell_id"], fresh_slot(key, runtime["runtime_id"] or ""))
    else:
        turn.reveal_all(execution["cell_id"])
    turn.emit({"type": "execution", "execution": running})
    if runtime["kernel"] != "busy":
        told = {"reason": None, "message": None, "cell_id": None} if runtime["reason"] == PROGRAM else {}
        _set_runtime(turn, account_id, kernel="busy", **told)
    turn.effects.append(StartExecution(account_id, key, source["code"]))


def _forget(turn: Decision) -> None:
    state = turn.snapshot.state
    if len(state["executions"]) <= KEEP_FINISHED:
        return
    shown = {cell["execution_id"] for cell in state["cells"].values()}
    shown |= {cell["state"]["execution_id"] for own in turn.snapshot.hidden.values() for cell in own.values()}
    old = [e for e in state["executions"].values() if e["status"] in FINISHED and e["id"] not in shown]
    old.sort(key=lambda e: e["queued_at"])
    # In steps, so that a long Run all does not send one such event a cell.
    if len(old) > KEEP_FINISHED:
        turn.emit({"type": "forget", "executions": [e["id"] for e in old[: len(old) - KEEP_FINISHED // 2]]})


# -- runtimes ---------------------------------------------------------------------------------------------------------


def _own_runtime(turn: Decision, account_id: str) -> RuntimeState:
    runtime = turn.snapshot.state["runtimes"].get(account_id)
    if runtime is None or runtime["status"] == "ended":
        raise ConflictError("You have no runtime here. Connect or run a cell first.", code="no_runtime")
    return runtime


def _set_runtime(turn: Decision, account_id: str, **changes: Any) -> None:
    runtime = turn.snapshot.state["runtimes"].get(account_id)
    if runtime is not None:
        changed = cast("RuntimeState", {**runtime, **changes})
        turn.emit({"type": "runtime", "account_id": account_id, "runtime": changed})


def _ensure(turn: Decision, account: Person) -> None:
    runtime = turn.snapshot.state["runtimes"].get(account["id"])
    if runtime is not None and runtime["status"] != "ended" and runtime["kernel"] != "dead":
        return
    keep = runtime if runtime is not None and runtime["status"] == "ready" else None
    starting: RuntimeState = {
        "runtime_id": keep["runtime_id"] if keep else None,
        "account": account,
        "status": "ready" if keep else "starting",
        "kernel": "starting" if keep else "none",
        "progress": None,
        "reason": None,
        "message": None,
        "language": None,
        "started_at": keep["started_at"] if keep else None,
        "isolation": keep["isolation"] if keep else None,
        "ends_at": keep.get("ends_at") if keep else None,
        "ends_reason": keep.get("ends_reason") if keep else None,
        "cell_id": None,
    }
    turn.emit({"type": "runtime", "account_id": account["id"], "runtime": starting})
    turn.effects.append(RestartKernel(account) if keep else EnsureKernel(account))


def _restart(turn: Decision, account_id: str) -> None:
    runtime = _own_runtime(turn, account_id)
    if runtime["status"] != "ready":
        raise ConflictError("The runtime is still starting. Wait until it is ready.", code="runtime_starting")
    _stop_account(turn, account_id, "aborted", "The kernel was restarted.")
    _set_runtime(turn, account_id, kernel="restarting", message=None, reason=None, cell_id=None)
    turn.effects.append(RestartKernel(runtime["account"]))


def _disconnect(turn: Decision, account_id: str) -> None:
    _own_runtime(turn, account_id)
    _stop_account(turn, account_id, "aborted", "The runtime was deleted.")
    turn.effects.append(EndRuntime(account_id))


def _progress(turn: Decision, op: RuntimeProgress) -> None:
    runtime = turn.snapshot.state["runtimes"].get(op.account_id)
    if runtime is not None and runtime["status"] == "starting" and runtime["progress"] != op.progress:
        _set_runtime(turn, op.account_id, progress=op.progress)


def _kernel_ready(turn: Decision, op: KernelReady) -> None:
    account_id = op.account["id"]
    before = turn.snapshot.state["runtimes"].get(account_id)
    same = before is not None and before["runtime_id"] == op.record["runtime_id"]
    running = turn.executions_of(account_id, "running")
    # Said until something runs: why this kernel is a new one.
    told = before if before is not None and same and before["reason"] == PROGRAM else None
    ready: RuntimeState = {
        "runtime_id": op.record["runtime_id"],
        "account": op.account,
        "status": "ready",
        "kernel": "busy" if running else "idle",
        "progress": None,
        "reason": told["reason"] if told else None,
        "message": told["message"] if told else None,
        "language": op.language,
        "started_at": before["started_at"] if before is not None and same and before["started_at"] else turn.now,
        "isolation": op.isolation,
        "ends_at": op.ends_at,
        "ends_reason": op.ends_reason,
        "cell_id": told.get("cell_id") if told else None,
        "life": op.record.get("life"),
    }
    if before != ready:
        turn.emit({"type": "runtime", "account_id": account_id, "runtime": ready})
    if turn.snapshot.ledger["kernels"].get(account_id) != op.record:
        turn.note({"type": "kernel", "account_id": account_id, "kernel": op.record})


def _kernel_died(turn: Decision, op: KernelDied) -> None:
    cell_id = next((execution["cell_id"] for execution in turn.executions_of(op.account_id, "running")), None)
    _stop_account(turn, op.account_id, "aborted", op.message)
    runtime = turn.snapshot.state["runtimes"].get(op.account_id)
    anew = op.reason == PROGRAM and runtime is not None and runtime["status"] == "ready"
    about = {"reason": op.reason, "message": op.message, "cell_id": cell_id}
    _set_runtime(turn, op.account_id, kernel="restarting" if anew else "dead", **about)
    if anew and runtime is not None:
        turn.effects.append(RestartKernel(runtime["account"]))


def _warned(turn: Decision, op: RuntimeWarned) -> None:
    runtime = turn.snapshot.state["runtimes"].get(op.account_id)
    if runtime is None or runtime["status"] == "ended" or runtime["runtime_id"] != op.runtime_id:
        return
    if (runtime.get("ends_at"), runtime.get("ends_reason")) != (op.ends_at, op.ends_reason):
        _set_runtime(turn, op.account_id, ends_at=op.ends_at, ends_reason=op.ends_reason)


def _runtime_ended(turn: Decision, op: RuntimeEnded) -> None:
    _stop_account(turn, op.account_id, "lost", op.message)
    for cell_id in turn.hidden_cells(op.account_id):
        # They end with the runtime.
        turn.reveal(op.account_id, cell_id)
    ended = {"status": "ended", "kernel": "none", "progress": None, "ends_at": None, "ends_reason": None}
    _set_runtime(turn, op.account_id, **ended, reason=op.reason, message=op.message)


# -- cells ------------------------------------------------------------------------------------------------------------


def _request_input(turn: Decision, op: RequestInput) -> None:
    execution = turn.snapshot.state["executions"].get(op.execution_id)
    running = execution is not None and execution["status"] == "running"
    if (running and op.request is not None) or op.execution_id in turn.snapshot.state["inputs"]:
        ask(turn, op.execution_id, op.request if running else None)


def _answer_input(turn: Decision, op: AnswerInput) -> None:
    request = turn.snapshot.state["inputs"].get(op.execution_id)
    if request is None or request["request_id"] != op.request_id:
        raise ConflictError("This question was answered already.", code="input_answered")
    if request["account_id"] != op.account_id:
        raise ForbiddenError("Only the account that runs this cell can answer it.", code="not_your_execution")
    # The question goes when the kernel says that it has the answer: an answer that gets lost can be given again.
    turn.effects.append(SendInput(op.account_id, op.execution_id, op.request_id, op.value))

"""Pure: what a notebook that omits its outputs does differently (:mod:`labora.rooms.hidden`)."""

from __future__ import annotations

from labora.rooms.hidden import is_hidden, public_ledger
from labora.rooms.model import FINISHED, CellState, HiddenCell, InputRequest, empty_cell
from labora.rooms.turn import Decision


def fresh_slot(execution_id: str, runtime_id: str) -> HiddenCell:
    """Returns the slot of an execution that begins."""
    return {
        "state": {**empty_cell(), "execution_id": execution_id},
        "runtime_id": runtime_id,
        "reducer": None,
        "input": None,
    }


def ask(turn: Decision, execution_id: str, request: InputRequest | None) -> None:
    """Tells of a question of an execution, or of its end. A prompt is output: where those are private, it is too."""
    execution = turn.snapshot.state["executions"].get(execution_id)
    account_id, cell_id = (execution["account"]["id"], execution["cell_id"]) if execution else ("", "")
    own = turn.hidden(account_id, cell_id)
    if own is None or own["state"]["execution_id"] != execution_id:
        turn.emit({"type": "input", "execution_id": execution_id, "request": request})
        return
    blank: InputRequest | None = None if request is None else {**request, "prompt": ""}
    turn.emit({"type": "input", "execution_id": execution_id, "request": blank})
    turn.hide(account_id, cell_id, {**own, "input": request})
    if request is not None:
        turn.only_for(account_id, {"type": "input", "execution_id": execution_id, "request": request})


def omit_outputs(turn: Decision) -> None:
    """Takes the outputs out of the common state.

    What an account ran in a runtime that still lives goes to its side store; the rest ends here.
    """
    state = turn.snapshot.state
    for cell_id, cell in list(state["cells"].items()):
        key = cell["execution_id"] or ""
        execution = state["executions"].get(key)
        runs = execution is not None and execution["status"] not in FINISHED
        moved = execution is not None and is_hidden(turn.snapshot.hidden, execution)
        if not cell["outputs"] and (moved or not runs):
            continue
        if execution is not None:
            account_id = execution["account"]["id"]
            if not moved:
                _move(turn, account_id, cell_id, cell)
            if (note := public_ledger(turn.snapshot.ledger, account_id, key)) is not None:
                turn.note(note)
        left: CellState = {"execution_id": cell["execution_id"], "execution_count": None, "outputs": []}
        turn.emit({"type": "cell_state", "cell_id": cell_id, "state": left})
        if key in state["inputs"] and not moved:
            ask(turn, key, state["inputs"][key])


def _move(turn: Decision, account_id: str, cell_id: str, cell: CellState) -> None:
    runtime = turn.snapshot.state["runtimes"].get(account_id)
    execution = turn.snapshot.state["executions"][cell["execution_id"] or ""]
    if runtime is None or runtime["status"] == "ended" or runtime["runtime_id"] != execution["runtime_id"]:
        return
    record = turn.snapshot.ledger["kernels"].get(account_id)
    reducers = record.get("reducers", {}) if record is not None else {}
    slot = fresh_slot(execution["id"], runtime["runtime_id"] or "")
    turn.hide(account_id, cell_id, {**slot, "state": cell, "reducer": reducers.get(execution["id"])})

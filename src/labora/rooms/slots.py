"""Pure: what people do to the output slots of cells: empty them, and give one what another shows."""

from __future__ import annotations

from labora.rooms.model import CellState, empty_cell
from labora.rooms.operations import ClearOutputs, CopyOutputs
from labora.rooms.turn import Decision


def copy_outputs(turn: Decision, op: CopyOutputs) -> None:
    """Gives a cell the outputs of another, the account's own ones where it has them."""
    if _runs(turn, op.target):
        # What it prints is newer than any copy.
        return
    own = turn.hidden(op.account_id, op.source)
    if own is not None:
        state: CellState = {**own["state"], "execution_id": None}
        turn.show(op.account_id, op.target, {**own, "state": state, "reducer": None, "input": None})
        return
    source = turn.snapshot.state["cells"].get(op.source)
    copy = None if source is None else {**source, "execution_id": None}
    turn.emit({"type": "cell_state", "cell_id": op.target, "state": copy})


def _runs(turn: Decision, cell_id: str) -> bool:
    """Returns whether the execution that owns a cell's slot is running."""
    cell = turn.snapshot.state["cells"].get(cell_id)
    owner = turn.snapshot.state["executions"].get(cell["execution_id"] or "") if cell is not None else None
    return owner is not None and owner["status"] == "running"


def clear_outputs(turn: Decision, op: ClearOutputs) -> None:
    """Empties slots; a running cell keeps its own and shows what it prints from now on."""
    if op.outputs is not None:
        _remove_outputs(turn, op.account_id, op.cells, frozenset(op.outputs))
        return
    own = turn.hidden_cells(op.account_id)
    cells = (*turn.snapshot.state["cells"], *own) if op.every else op.cells
    for cell_id in dict.fromkeys(cells):
        if cell_id in own:
            _clear_own(turn, op.account_id, cell_id)
        cell = turn.snapshot.state["cells"].get(cell_id)
        if cell is None or cell == empty_cell():
            continue
        # A running cell keeps its slot: what it prints from now on shows.
        state = {**empty_cell(), "execution_id": cell["execution_id"]} if _runs(turn, cell_id) else None
        turn.emit({"type": "cell_state", "cell_id": cell_id, "state": state})


def _remove_outputs(turn: Decision, account_id: str, cells: tuple[str, ...], gone: frozenset[str]) -> None:
    """Takes single outputs out of slots; the others stay as they are, and the cell keeps its execution and count."""
    for cell_id in dict.fromkeys(cells):
        own = turn.hidden(account_id, cell_id)
        cell = own["state"] if own is not None else turn.snapshot.state["cells"].get(cell_id)
        places = [
            at for at, output in enumerate(cell["outputs"] if cell is not None else ()) if output.get("id") in gone
        ]
        # From the end, so that no place moves before its turn.
        ops = [{"op": "splice", "at": at, "remove": 1, "insert": []} for at in reversed(places)]
        if ops:
            turn.slot(account_id, {"type": "outputs", "cell_id": cell_id, "ops": ops})


def _clear_own(turn: Decision, account_id: str, cell_id: str) -> None:
    own = turn.hidden(account_id, cell_id)
    if own is None:
        return
    owner = turn.snapshot.state["executions"].get(own["state"]["execution_id"] or "")
    if owner is not None and owner["status"] == "running":
        turn.show(account_id, cell_id, {**own, "state": {**empty_cell(), "execution_id": owner["id"]}})
    else:
        turn.reveal(account_id, cell_id)

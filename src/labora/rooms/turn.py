"""One step of a room while it is being decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from labora.rooms.hidden import FOR, HiddenRow
from labora.rooms.model import Event, Execution, HiddenCell, Note, Snapshot, empty_cell
from labora.rooms.operations import Effect
from labora.rooms.state import apply_output_op, change_ledger, change_state


@dataclass(slots=True)
class Decision:
    """What follows from one operation; ``snapshot`` is the room after it, a copy that grows with each event.

    ``omits``: the notebook omits outputs, so that no event for everybody carries any.
    """

    snapshot: Snapshot
    now: str
    omits: bool = False
    events: list[Event] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)
    _own: set[str] = field(default_factory=set)
    _hidden: dict[str, dict[str, HiddenCell]] = field(default_factory=dict)
    _touched: dict[tuple[str, str], None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Leaves the snapshot before as it is."""
        self._hidden = {account_id: dict(cells) for account_id, cells in self.snapshot.hidden.items()}
        self.snapshot = Snapshot(self.snapshot.state.copy(), self.snapshot.ledger.copy(), self._hidden)

    def emit(self, event: Event) -> None:
        """Adds an event for everybody; what is decided afterwards sees its effect."""
        if self.omits:
            if event["type"] == "outputs":
                return
            event = _without_outputs(event)
        self.events.append(event)
        change_state(self.snapshot.state, event, self._own)
        if (cell_id := _slot_of(event)) is None:
            return
        for account_id, cells in self._hidden.items():
            if cell_id in cells:
                # The event changed what everybody sees of this cell; this account goes on seeing its own.
                self._tell(account_id, cell_id, cells[cell_id]["state"])

    def note(self, note: Note) -> None:
        """Adds a private note, likewise."""
        self.notes.append(note)
        change_ledger(self.snapshot.ledger, note, self._own)

    # -- side stores --------------------------------------------------------------------------------------------------

    def hidden(self, account_id: str, cell_id: str) -> HiddenCell | None:
        """Returns an account's own slot of a cell, if it has one."""
        return self._hidden.get(account_id, {}).get(cell_id)

    def hidden_cells(self, account_id: str) -> list[str]:
        """Returns the cells of which an account has slots of its own."""
        return list(self._hidden.get(account_id, {}))

    def hide(self, account_id: str, cell_id: str, cell: HiddenCell) -> None:
        """Gives an account a slot of its own, or changes it, without telling."""
        self._hidden.setdefault(account_id, {})[cell_id] = cell
        self._touched[account_id, cell_id] = None

    def show(self, account_id: str, cell_id: str, cell: HiddenCell) -> None:
        """Does what :meth:`hide` does, and tells the account."""
        self.hide(account_id, cell_id, cell)
        self._tell(account_id, cell_id, cell["state"])

    def reveal(self, account_id: str, cell_id: str) -> None:
        """Ends an account's own slot: it sees again what everybody sees."""
        del self._hidden[account_id][cell_id]
        self._touched[account_id, cell_id] = None
        self._tell(account_id, cell_id, self.snapshot.state["cells"].get(cell_id))

    def reveal_all(self, cell_id: str) -> None:
        """Ends everybody's own slots of a cell, which an event that follows replaces."""
        for account_id, cells in self._hidden.items():
            if cells.pop(cell_id, None) is not None:
                self._touched[account_id, cell_id] = None

    def slot(self, account_id: str, event: Event) -> None:
        """Adds an event about a cell of an account's execution: for that account alone where the slot is its own."""
        cell = self.hidden(account_id, event["cell_id"])
        if cell is None:
            self.emit(event)
            return
        state = cell["state"]
        if event["type"] == "outputs":
            outputs = state["outputs"]
            for op in event["ops"]:
                outputs = apply_output_op(outputs, op)
            state = {**state, "outputs": outputs}
        elif event["type"] == "count" and state["execution_id"] == event["execution_id"]:
            state = {**state, "execution_count": event["execution_count"]}
        elif event["type"] == "cell_state":
            state = event["state"] or empty_cell()
        self.events.append({FOR: account_id, **event})
        self.hide(account_id, event["cell_id"], {**cell, "state": state})

    def only_for(self, account_id: str, event: Event) -> None:
        """Adds an event that one account gets and that changes no slot."""
        self.events.append({FOR: account_id, **event})

    def hidden_rows(self) -> tuple[HiddenRow, ...]:
        """Returns what changed in the side stores."""
        return tuple(HiddenRow(*key, self.hidden(*key)) for key in self._touched)

    def _tell(self, account_id: str, cell_id: str, state: Any) -> None:
        self.events.append({FOR: account_id, "type": "cell_state", "cell_id": cell_id, "state": state})

    def executions_of(self, account_id: str, *statuses: str) -> list[Execution]:
        """Returns the account's executions in these states, in queue order where they are queued."""
        state = self.snapshot.state
        found = [
            e for e in state["executions"].values() if e["account"]["id"] == account_id and e["status"] in statuses
        ]
        if len(found) < 2:
            return found
        order = {key: place for place, key in enumerate(state["queue"])}
        return sorted(found, key=lambda e: order.get(e["id"], -1))


def _slot_of(event: Event) -> str | None:
    """Returns the cell whose slot an event changes for everybody."""
    if event["type"] == "execution":
        execution = event["execution"]
        return str(execution["cell_id"]) if execution["status"] == "running" else None
    return event["cell_id"] if event["type"] in ("outputs", "cell_state") else None


def _without_outputs(event: Event) -> Event:
    if event["type"] == "cell_state" and event["state"] is not None and event["state"]["outputs"]:
        return {**event, "state": {**event["state"], "outputs": []}}
    return event

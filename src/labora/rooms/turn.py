"""One step of a room while it is being decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from labora.rooms.model import Event, Execution, Note, Snapshot
from labora.rooms.operations import Effect
from labora.rooms.state import change_ledger, change_state


@dataclass(slots=True)
class Decision:
    """What follows from one operation; ``snapshot`` is the room after it, a copy that grows with each event."""

    snapshot: Snapshot
    now: str
    events: list[Event] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)
    _own: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Leaves the snapshot before as it is."""
        self.snapshot = Snapshot(self.snapshot.state.copy(), self.snapshot.ledger.copy())

    def emit(self, event: Event) -> None:
        """Adds an event; what is decided afterwards sees its effect."""
        self.events.append(event)
        change_state(self.snapshot.state, event, self._own)

    def note(self, note: Note) -> None:
        """Adds a private note, likewise."""
        self.notes.append(note)
        change_ledger(self.snapshot.ledger, note, self._own)

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

"""Pure: outputs of a notebook that omits them, each in the side store of the account that ran the cell.

They lie beside the room's state, by account and cell, and never in it: nothing of them is journalled, exported or told
to anybody else. What an account sees is the common state with its own side store laid over it (:func:`view`); events
that only one account gets carry its id under ``for`` while they are inside the server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from labora.notebook.model import blob_refs
from labora.rooms.model import Event, Execution, Hidden, HiddenCell, Ledger, RoomState

FOR = "for"
"""Key of an event that only one account gets, inside the server; it never crosses a socket."""


MANY_OUTPUTS = 1000
"""From here on the outputs of one cell are written less often."""


@dataclass(frozen=True, slots=True)
class HiddenRow:
    """One slot as it is to be stored; ``cell`` None takes it out."""

    account_id: str
    cell_id: str
    cell: HiddenCell | None

    @property
    def blobs(self) -> set[str]:
        """SHA-256 of the blobs that its outputs refer to."""
        outputs = self.cell["state"]["outputs"] if self.cell is not None else []
        return {ref["sha256"] for ref in blob_refs(outputs)}


def omits_outputs(colab: Any) -> bool:
    """Returns whether a notebook's metadata ``colab`` asks to omit outputs when it is saved."""
    return isinstance(colab, dict) and colab.get("private_outputs") is True


def is_hidden(hidden: Hidden, execution: Execution) -> bool:
    """Returns whether an execution prints into a slot of its account's own."""
    own = hidden.get(execution["account"]["id"], {}).get(execution["cell_id"])
    return own is not None and own["state"]["execution_id"] == execution["id"]


def prints_openly(state: RoomState, hidden: Hidden) -> bool:
    """Returns whether outputs lie in the common state, or a running cell would put what it prints next there."""
    cells = state["cells"]
    return any(cell["outputs"] for cell in cells.values()) or any(
        execution["status"] == "running"
        and (cell := cells.get(execution["cell_id"])) is not None
        and cell["execution_id"] == execution["id"]
        and not is_hidden(hidden, execution)
        for execution in state["executions"].values()
    )


def view(state: RoomState, hidden: Hidden, account_id: str) -> RoomState:
    """Returns what one account sees: ``state`` with its own side store over it."""
    own = hidden.get(account_id)
    if not own:
        return state
    cells, executions, inputs = dict(state["cells"]), dict(state["executions"]), dict(state["inputs"])
    for cell_id, cell in own.items():
        shown = cells[cell_id] = cell["state"]
        execution_id = shown["execution_id"] or ""
        if (execution := executions.get(execution_id)) is not None and shown["execution_count"] is not None:
            executions[execution_id] = {**execution, "execution_count": shown["execution_count"]}
        if cell["input"] is not None and execution_id in inputs:
            inputs[execution_id] = cell["input"]
    return {**state, "cells": cells, "executions": executions, "inputs": inputs}


def with_reducers(reducers: Mapping[str, dict[str, Any]], hidden: Hidden, account_id: str) -> dict[str, dict[str, Any]]:
    """Returns reducers by execution: the journalled ones and those of the account's side store."""
    found = dict(reducers)
    for cell in hidden.get(account_id, {}).values():
        if cell["reducer"] is not None and cell["state"]["execution_id"] is not None:
            found[cell["state"]["execution_id"]] = cell["reducer"]
    return found


def is_heavy(hidden: Hidden, account_id: str) -> bool:
    """Returns whether an account's side store holds a list of outputs that takes long to write."""
    return any(len(cell["state"]["outputs"]) > MANY_OUTPUTS for cell in hidden.get(account_id, {}).values())


def public(events: Iterable[Event]) -> list[Event]:
    """Returns the events that everybody gets and the journal holds."""
    return [event for event in events if FOR not in event]


def told_to(events: Iterable[Event], account_id: str) -> list[Event]:
    """Returns the events that one account gets, in order, as they cross its sockets."""
    return [
        {key: value for key, value in event.items() if key != FOR} if FOR in event else event
        for event in events
        if event.get(FOR, account_id) == account_id
    ]


def blobs_of(events: Iterable[Event]) -> set[str]:
    """Returns the SHA-256 of the blobs that events refer to."""
    found: set[str] = set()
    for event in events:
        outputs = []
        if event["type"] == "cell_state" and event["state"] is not None:
            outputs += event["state"]["outputs"]
        for op in event["ops"] if event["type"] == "outputs" else ():
            outputs += op.get("insert", ())
            if "part" in op:
                found.add(op["part"]["sha256"])
        found |= {ref["sha256"] for ref in blob_refs(outputs)}
    return found


def public_ledger(ledger: Ledger, account_id: str, execution_id: str) -> dict[str, Any] | None:
    """Returns the note that takes an execution's reducer, which holds text, out of the journalled ledger."""
    record = ledger["kernels"].get(account_id)
    if record is None or execution_id not in record.get("reducers", {}):
        return None
    rest = {key: value for key, value in record["reducers"].items() if key != execution_id}
    return {"type": "kernel", "account_id": account_id, "kernel": {**record, "reducers": rest}}

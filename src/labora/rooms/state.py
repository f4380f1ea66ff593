"""Pure: how events change a room's state. Its twin is ``web/packages/document/src/events.ts``.

Both are held together by ``tests/vectors/events.json``. Nothing is changed in place: every function returns a new
value that shares what stayed the same, so a snapshot can be written by a thread while the room goes on.
"""

from __future__ import annotations

import json
from typing import Any, cast

from labora.base.errors import InvalidError
from labora.rooms.model import (
    CellState,
    Event,
    Ledger,
    Note,
    Output,
    RoomState,
    Snapshot,
    empty_cell,
    empty_ledger,
    empty_state,
)

MAX_COMMANDS = 1000


def apply_event(state: RoomState, event: Event) -> RoomState:
    """Returns ``state`` after ``event``. Raises InvalidError for an unknown type."""
    match event["type"]:
        case "execution":
            return _execution(state, event)
        case "count":
            return _count(state, event)
        case "outputs":
            cell = state["cells"].get(event["cell_id"]) or empty_cell()
            outputs = cell["outputs"]
            for op in event["ops"]:
                outputs = apply_output_op(outputs, op)
            return _with_cell(state, event["cell_id"], {**cell, "outputs": outputs})
        case "input":
            return {**state, "inputs": _put(state["inputs"], event["execution_id"], event["request"])}
        case "runtime":
            return {**state, "runtimes": _put(state["runtimes"], event["account_id"], event["runtime"])}
        case "saved":
            return {**state, "saved": event["saved"]}
        case "cell_state":
            return {**state, "cells": _put(state["cells"], event["cell_id"], event["state"])}
        case "forget":
            gone = set(event["executions"])
            return {**state, "executions": {k: v for k, v in state["executions"].items() if k not in gone}}
        case unknown:
            raise InvalidError(f"Event type {unknown!r} is not known.", code="unknown_event")


def _put(mapping: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {k: v for k, v in mapping.items() if k != key}
    return {**mapping, key: value}


def _with_cell(state: RoomState, cell_id: str, cell: CellState) -> RoomState:
    return {**state, "cells": {**state["cells"], cell_id: cell}}


def _execution(state: RoomState, event: Event) -> RoomState:
    execution = event["execution"]
    key, cell_id, status = execution["id"], execution["cell_id"], execution["status"]
    queue = state["queue"]
    if status == "queued":
        queue = queue if key in queue else [*queue, key]
    elif key in queue:
        queue = [other for other in queue if other != key]
    state = {**state, "executions": {**state["executions"], key: execution}, "queue": queue}
    if status == "running":
        before = state["cells"].get(cell_id) or empty_cell()
        outputs = before["outputs"] if event.get("keep_outputs") else []
        state = _with_cell(state, cell_id, {"execution_id": key, "execution_count": None, "outputs": outputs})
    return state


def _count(state: RoomState, event: Event) -> RoomState:
    key, count = event["execution_id"], event["execution_count"]
    execution = state["executions"].get(key)
    if execution is not None:
        state = {**state, "executions": {**state["executions"], key: {**execution, "execution_count": count}}}
    cell = state["cells"].get(event["cell_id"])
    if cell is not None and cell["execution_id"] == key:
        state = _with_cell(state, event["cell_id"], {**cell, "execution_count": count})
    return state


def apply_output_op(outputs: list[Output], op: dict[str, Any]) -> list[Output]:
    """Returns a cell's outputs after one OutputOp, whose offsets count UTF-16 units.

    Raises InvalidError for an unknown op.
    """
    at = op["at"]
    match op["op"]:
        case "splice":
            return [*outputs[:at], *op["insert"], *outputs[at + op["remove"] :]]
        case "text":
            old = outputs[at]
            new = {**old, "text": utf16_head(old["text"], op["keep"]) + op["text"]}
        case "spill":
            old = outputs[at]
            new = {**old, "parts": [*old.get("parts", []), op["part"]], "text": utf16_tail(old["text"], op["drop"])}
        case unknown:
            raise InvalidError(f"Output operation {unknown!r} is not known.", code="unknown_event")
    return [*outputs[:at], new, *outputs[at + 1 :]]


def utf16_head(text: str, units: int) -> str:
    """Returns the first ``units`` UTF-16 units of ``text``."""
    if text.isascii():
        return text[:units]
    return text.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "surrogatepass")


def utf16_tail(text: str, units: int) -> str:
    """Returns ``text`` without its first ``units`` UTF-16 units."""
    if text.isascii():
        return text[units:]
    return text.encode("utf-16-le", "surrogatepass")[2 * units :].decode("utf-16-le", "surrogatepass")


def apply_note(ledger: Ledger, note: Note) -> Ledger:
    """Returns ``ledger`` after a private note. Raises InvalidError for an unknown type."""
    match note["type"]:
        case "source":
            return {**ledger, "sources": _put(ledger["sources"], note["execution_id"], note["source"])}
        case "kernel":
            return {**ledger, "kernels": _put(ledger["kernels"], note["account_id"], note["kernel"])}
        case "command":
            commands = {**ledger["commands"], note["id"]: note["answer"]}
            if len(commands) > MAX_COMMANDS:
                del commands[next(iter(commands))]
            return {**ledger, "commands": commands}
        case "deleted":
            return {**ledger, "deleted": note["cells"]}
        case unknown:
            raise InvalidError(f"Note type {unknown!r} is not known.", code="unknown_event")


def apply_entry(snapshot: Snapshot, entry: dict[str, Any]) -> Snapshot:
    """Returns ``snapshot`` after one journalled event entry, ``{"events", "notes"}``."""
    state, ledger = snapshot.state, snapshot.ledger
    for event in entry.get("events", ()):
        state = apply_event(state, event)
    for note in entry.get("notes", ()):
        ledger = apply_note(ledger, note)
    return Snapshot(state, ledger)


def dump_entry(events: list[Event], notes: list[Note]) -> bytes:
    """Returns the journal payload of one event entry."""
    entry: dict[str, Any] = {"events": events}
    if notes:
        entry["notes"] = notes
    return json.dumps(entry, separators=(",", ":")).encode()


def load_entry(payload: bytes) -> dict[str, Any]:
    """Returns the entry that :func:`dump_entry` wrote."""
    return cast("dict[str, Any]", json.loads(payload))


def load_snapshot(stored: dict[str, Any]) -> Snapshot:
    """Returns the snapshot that :func:`dump_snapshot` stored; missing parts are empty."""
    state = {**empty_state(), **stored.get("state", {})}
    ledger = {**empty_ledger(), **stored.get("ledger", {})}
    return Snapshot(cast("RoomState", state), cast("Ledger", ledger))


def dump_snapshot(snapshot: Snapshot) -> dict[str, Any]:
    """Returns what the ``rooms.state`` column holds."""
    return {"state": snapshot.state, "ledger": snapshot.ledger}

"""Pure: how events change a room's state. Its twin is ``web/packages/document/src/events.ts``.

Both are held together by ``tests/vectors/events.json``. Nothing that somebody else may hold is changed in place: a new
value shares what stayed the same, so a snapshot can be written by a thread while the room goes on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

from labora.base.errors import InvalidError
from labora.rooms.model import (
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
    return apply_events(state, (event,))


def apply_events(state: RoomState, events: Iterable[Event]) -> RoomState:
    """Returns ``state`` after ``events``, in order; copies once what several of them change."""
    after: RoomState = {**state}
    own: set[str] = set()
    for event in events:
        change_state(after, event, own)
    return after


def change_state(state: RoomState, event: Event, own: set[str]) -> None:
    """Applies ``event`` to ``state`` itself, for one step that makes many.

    Args:
        own: names of the collections in ``state`` that nobody else holds. Others are copied before they change, once.

    Raises InvalidError for an unknown type.
    """
    match event["type"]:
        case "execution":
            _execution(state, event, own)
        case "count":
            _count(state, event, own)
        case "outputs":
            cell = state["cells"].get(event["cell_id"]) or empty_cell()
            outputs = cell["outputs"]
            for op in event["ops"]:
                outputs = apply_output_op(outputs, op)
            _put(state, "cells", own, event["cell_id"], {**cell, "outputs": outputs})
        case "input":
            _put(state, "inputs", own, event["execution_id"], event["request"])
        case "runtime":
            _put(state, "runtimes", own, event["account_id"], event["runtime"])
        case "saved":
            state["saved"] = event["saved"]
        case "cell_state":
            _put(state, "cells", own, event["cell_id"], event["state"])
        case "comment":
            _put(state, "comments", own, event["comment_id"], _commented(state, event))
        case "forget":
            gone = set(event["executions"])
            state["executions"] = {k: v for k, v in state["executions"].items() if k not in gone}
            own.add("executions")
        case unknown:
            raise InvalidError(f"Event type {unknown!r} is not known.", code="unknown_event")


def _owned(tree: Any, name: str, own: set[str]) -> Any:
    """Returns a collection of ``tree`` that may be changed in place."""
    if name not in own:
        tree[name] = tree[name].copy()
        own.add(name)
    return tree[name]


def _put(tree: Any, name: str, own: set[str], key: str, value: Any) -> None:
    mapping = _owned(tree, name, own)
    if value is None:
        mapping.pop(key, None)
    else:
        mapping[key] = value


def _execution(state: RoomState, event: Event, own: set[str]) -> None:
    execution = event["execution"]
    key, cell_id, status = execution["id"], execution["cell_id"], execution["status"]
    before = state["executions"].get(key)
    # The queue holds exactly what is queued: to search it for each of ten thousand cells would take seconds.
    waits = before is not None and before["status"] == "queued"
    if waits != (status == "queued"):
        queue = _owned(state, "queue", own)
        if waits:
            queue.remove(key)
        else:
            queue.append(key)
    _put(state, "executions", own, key, execution)
    if status == "running":
        cell = state["cells"].get(cell_id) or empty_cell()
        outputs = cell["outputs"] if event.get("keep_outputs") else []
        _put(state, "cells", own, cell_id, {"execution_id": key, "execution_count": None, "outputs": outputs})


def _commented(state: RoomState, event: Event) -> Any:
    """Returns the comment after an event, which has those of its replies that are new or changed."""
    if event["comment"] is None:
        return None
    before = state["comments"].get(event["comment_id"])
    replies = {reply["id"]: reply for reply in (before["replies"] if before else ())}
    replies.update((reply["id"], reply) for reply in event["replies"])
    return {**event["comment"], "replies": list(replies.values())}


def comment_event(state: RoomState, comment_id: str, comment: Mapping[str, Any] | None) -> Event | None:
    """Returns the event that makes ``comment`` (None: deleted) of what the state has; None when it has it already."""
    before = state["comments"].get(comment_id)
    if before == comment:
        return None
    if comment is None:
        return {"type": "comment", "comment_id": comment_id, "comment": None, "replies": []}
    known = {reply["id"]: reply for reply in (before["replies"] if before else ())}
    changed = [reply for reply in comment["replies"] if known.get(reply["id"]) != reply]
    head = {key: value for key, value in comment.items() if key != "replies"}
    return {"type": "comment", "comment_id": comment_id, "comment": head, "replies": changed}


def _count(state: RoomState, event: Event, own: set[str]) -> None:
    key, count = event["execution_id"], event["execution_count"]
    execution = state["executions"].get(key)
    if execution is not None:
        _put(state, "executions", own, key, {**execution, "execution_count": count})
    cell = state["cells"].get(event["cell_id"])
    if cell is not None and cell["execution_id"] == key:
        _put(state, "cells", own, event["cell_id"], {**cell, "execution_count": count})


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


def change_ledger(ledger: Ledger, note: Note, own: set[str]) -> None:
    """Applies a private note to ``ledger`` itself, as :func:`change_state` does.

    Raises InvalidError for an unknown type.
    """
    match note["type"]:
        case "source":
            _put(ledger, "sources", own, note["execution_id"], note["source"])
        case "kernel":
            _put(ledger, "kernels", own, note["account_id"], note["kernel"])
        case "command":
            _put(ledger, "commands", own, note["id"], note["answer"])
            if len(ledger["commands"]) > MAX_COMMANDS:
                del ledger["commands"][next(iter(ledger["commands"]))]
        case "deleted":
            ledger["deleted"] = note["cells"]
        case unknown:
            raise InvalidError(f"Note type {unknown!r} is not known.", code="unknown_event")


def apply_entry(snapshot: Snapshot, entry: dict[str, Any]) -> Snapshot:
    """Returns ``snapshot`` after one journalled event entry, ``{"events", "notes"}``."""
    ledger, own = snapshot.ledger.copy(), set[str]()
    for note in entry.get("notes", ()):
        change_ledger(ledger, note, own)
    return Snapshot(apply_events(snapshot.state, entry.get("events", ())), ledger, snapshot.hidden)


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

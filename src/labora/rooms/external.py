"""External content (an upload over the file, a restored revision) becomes ordinary edits of the live notebook."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from labora.base.errors import UnavailableError, UnsupportedError
from labora.base.ids import new_id
from labora.blobs import Blobs
from labora.notebook.align import longest_rise
from labora.notebook.codec import read_notebook
from labora.notebook.document import NotebookDocument
from labora.notebook.merge import MergePlan, apply_merge, plan_merge
from labora.notebook.model import BlobSink, Cell, Notebook, blob_refs
from labora.rooms import operations as op
from labora.rooms.model import Event
from labora.rooms.room import EMPTY_UPDATE, Room

PLANS = 3
"""Plans of a merge that are made beside the event loop, as long as the notebook changes meanwhile."""


async def read_content(room: Room, content: bytes, blobs: Blobs) -> Notebook:
    """Reads an ``.ipynb`` file by the room's limits and stores its large output values.

    Raises InvalidError, TooLargeError or UnsupportedError when ``content`` is no notebook that can be edited here.
    """
    sink = BlobSink()
    result = await asyncio.to_thread(read_notebook, content, room.settings.limits, store=sink)
    if result.read_only_reason is not None:
        raise UnsupportedError(result.read_only_reason, code="unreadable_notebook")
    for ref, data in sink.take():
        await blobs.put(data, ref["media_type"])
    return result.notebook


async def put_notebook(room: Room, notebook: Notebook, *, author: str | None) -> None:
    """Makes ``notebook``, whose blobs are stored, the room's present state, cell by cell.

    Cells keep their identity, cursors stay where their text stays, and what others type at the same time is merged.
    Raises UnavailableError while the storage takes nothing.
    """
    document = room.require_document()
    await _ready(room)
    for update in replace_document(document, notebook):
        room.add_update(update, author=author)
    _record(room, _output_events(room, notebook), author)
    await room.settled()


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge came to. ``kept_mine``: the room holds what the other side does not have."""

    conflicts: list[str]
    kept_mine: bool


async def merge_notebook(room: Room, base: Notebook, theirs: Notebook, *, author: str | None) -> Merged:
    """Brings what ``theirs``, whose blobs are stored, changed since ``base`` into the room; nothing is lost.

    Raises UnavailableError while the storage takes nothing.
    """
    document = room.require_document()
    plan, planned_at = MergePlan(), -1
    for _ in range(PLANS):
        await _ready(room)
        planned_at = room.staged_seq
        plan = await asyncio.to_thread(plan_merge, base, document.to_notebook(room.state["cells"]), theirs)
        if room.staged_seq == planned_at:
            break
    if room.staged_seq != planned_at:
        # Somebody changes it faster than plans are made: this one is made while nobody can.
        await _ready(room)
        plan = plan_merge(base, document.to_notebook(room.state["cells"]), theirs)
    _leave_bin_alone(document, plan)
    update = apply_merge(document, plan)
    if update != EMPTY_UPDATE:
        room.add_update(update, author=author)
    _record(room, _merge_events(room, plan), author)
    kept = [(cell.kind, cell.source) for cell in document.to_notebook().cells]
    await room.settled()
    return Merged(plan.conflicts, kept != [(cell.kind, cell.source) for cell in theirs.cells])


async def _ready(room: Room) -> None:
    if not room.storage_ok:
        raise UnavailableError("The server cannot store changes right now. Try again later.", code="storage_failed")
    # Edits of the server go into the live document at once, so everything staged before must be in it.
    await room.settled()


def _record(room: Room, events: list[Event], author: str | None) -> None:
    if not events:
        return
    states = [event["state"] for event in events if event["type"] == "cell_state" and event["state"] is not None]
    refs = {ref["sha256"] for state in states for ref in blob_refs(state["outputs"])}
    room.perform(op.Record(events=tuple(events)), author=author, blobs=tuple(sorted(refs)))


def _leave_bin_alone(document: NotebookDocument, plan: MergePlan) -> None:
    """Gives new cells whose ids are taken by deleted ones ids of their own."""
    taken = {view.id for view in document.cells()}
    renamed: dict[str, str] = {}
    for number, (item, after) in enumerate(plan.placements):
        follows = renamed.get(after, after) if after is not None else None
        if isinstance(item, Cell) and item.id in taken:
            renamed[item.id] = new_id()
            item = replace(item, id=renamed[item.id])
        plan.placements[number] = (item, follows)


def _merge_events(room: Room, plan: MergePlan) -> list[Event]:
    """Outputs that theirs changed, and those of new cells; a cell that runs keeps what it prints."""
    executions = room.staged.state["executions"].values()
    at_work = {execution["cell_id"] for execution in executions if execution["status"] in ("queued", "running")}
    states: dict[str, Any] = {key: state for key, state in plan.outputs.items() if key not in at_work}
    for item, _ in plan.placements:
        if isinstance(item, Cell) and (item.outputs or item.execution_count is not None):
            count = item.execution_count
            states[item.id] = {"execution_id": None, "execution_count": count, "outputs": list(item.outputs)}
    return [{"type": "cell_state", "cell_id": key, "state": state} for key, state in states.items()]


def replace_document(document: NotebookDocument, notebook: Notebook) -> list[bytes]:
    """Turns a document into ``notebook`` by the smallest edits; returns their updates in order."""
    updates: list[bytes] = []
    old = {view.id: view for view in document.cells()}
    wanted = {cell.id for cell in notebook.cells}
    updates += [document.delete_cell(key) for key, view in old.items() if key not in wanted and not view.deleted]
    after: str | None = None
    for cell in notebook.cells:
        if cell.id in old:
            updates += _change_cell(document, cell)
        else:
            updates.append(document.insert_cell(cell, after=after))
        after = cell.id
    updates += _reorder(document, [cell.id for cell in notebook.cells])
    known = document.metadata()
    updates.append(document.set_metadata(notebook.metadata, removed=known.keys() - notebook.metadata.keys()))
    top = {"nbformat": notebook.nbformat, "nbformat_minor": notebook.nbformat_minor}
    updates.append(document.set_extra({**notebook.extra, **top}))
    return [update for update in updates if update != EMPTY_UPDATE]


def _change_cell(document: NotebookDocument, cell: Cell) -> list[bytes]:
    view = document.cell(cell.id)
    updates = []
    if view.deleted:
        updates.append(document.delete_cell(cell.id, deleted=False))
    if view.source != cell.source:
        updates.append(document.set_source(cell.id, cell.source))
    if view.kind != cell.kind:
        updates.append(document.set_kind(cell.id, cell.kind))
    removed = view.metadata.keys() - cell.metadata.keys()
    updates.append(document.set_metadata(cell.metadata, cell_id=cell.id, removed=removed))
    updates.append(document.set_extra(cell.extra, cell_id=cell.id, removed=view.extra.keys() - cell.extra.keys()))
    return updates


def _reorder(document: NotebookDocument, wanted: list[str]) -> list[bytes]:
    """Moves only cells that stand out of order."""
    place = {key: number for number, key in enumerate(wanted)}
    order = [view.id for view in document.cells() if not view.deleted]
    places = [place[key] for key in order]
    keep = {places[index] for index in longest_rise(places)}
    updates = []
    after: str | None = None
    for number, key in enumerate(wanted):
        if number not in keep:
            updates.append(document.move_cell(key, after=after))
        after = key
    return updates


def _output_events(room: Room, notebook: Notebook) -> list[Event]:
    now, wanted = room.staged.state["cells"], notebook.cell_states()
    events: list[Event] = [
        {"type": "cell_state", "cell_id": cell_id, "state": state}
        for cell_id, state in wanted.items()
        if now.get(cell_id) != state
    ]
    events += [{"type": "cell_state", "cell_id": key, "state": None} for key in now if key not in wanted]
    return events

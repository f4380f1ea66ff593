"""External content (an upload over the file, a restored revision) becomes ordinary edits of the live notebook."""

from __future__ import annotations

import asyncio

from labora.base.errors import UnavailableError
from labora.blobs import Blobs
from labora.notebook.codec import read_notebook
from labora.notebook.document import NotebookDocument
from labora.notebook.model import BlobSink, Cell, Notebook, blob_refs
from labora.rooms import operations as op
from labora.rooms.model import Event
from labora.rooms.room import Room


async def put_content(room: Room, content: bytes, blobs: Blobs, *, author: str | None) -> None:
    """Makes ``content``, an ``.ipynb`` file, the room's present state, cell by cell.

    Cells keep their identity, cursors stay where their text stays, and what others type at the same time is merged.
    Raises InvalidError when ``content`` is no notebook, UnavailableError while the storage takes nothing.
    """
    sink = BlobSink()
    result = await asyncio.to_thread(read_notebook, content, room.settings.limits, store=sink)
    for ref, data in sink.take():
        await blobs.put(data, ref["media_type"])
    await put_notebook(room, result.notebook, author=author)


async def put_notebook(room: Room, notebook: Notebook, *, author: str | None) -> None:
    """Does what :func:`put_content` does with a notebook whose blobs are stored."""
    document = room.require_document()
    if not room.storage_ok:
        raise UnavailableError("The server cannot store changes right now. Try again later.", code="storage_failed")
    # Edits of the server go into the live document at once, so everything staged before must be in it.
    await room.settled()
    for update in replace_document(document, notebook):
        room.add_update(update, author=author)
    events = _output_events(room, notebook)
    refs = {ref["sha256"] for cell in notebook.cells for ref in blob_refs(cell.outputs)}
    room.perform(op.Record(events=tuple(events)), author=author, blobs=tuple(sorted(refs)))
    await room.settled()


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
    return [update for update in updates if update != b"\x00\x00"]


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
    keep = _longest_increasing([place[key] for key in order])
    updates = []
    after: str | None = None
    for number, key in enumerate(wanted):
        if number not in keep:
            updates.append(document.move_cell(key, after=after))
        after = key
    return updates


def _longest_increasing(numbers: list[int]) -> set[int]:
    """Returns a longest increasing subsequence of distinct numbers, by patience sorting."""
    tails: list[int] = []
    before: dict[int, int | None] = {}
    for number in numbers:
        low, high = 0, len(tails)
        while low < high:
            middle = (low + high) // 2
            if tails[middle] < number:
                low = middle + 1
            else:
                high = middle
        before[number] = tails[low - 1] if low else None
        tails[low : low + 1] = [number]
    found: set[int] = set()
    last = tails[-1] if tails else None
    while last is not None:
        found.add(last)
        last = before[last]
    return found


def _output_events(room: Room, notebook: Notebook) -> list[Event]:
    now, wanted = room.staged.state["cells"], notebook.cell_states()
    events: list[Event] = [
        {"type": "cell_state", "cell_id": cell_id, "state": state}
        for cell_id, state in wanted.items()
        if now.get(cell_id) != state
    ]
    events += [{"type": "cell_state", "cell_id": key, "state": None} for key in now if key not in wanted]
    return events

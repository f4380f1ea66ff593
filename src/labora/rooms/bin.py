"""The bin of a notebook: since when its deleted cells are deleted, and the end of those that nobody took back.

A deleted cell is a flag in the document, which says nothing of time: the room's ledger remembers when a checkpoint
first saw it. A purge really takes the cell out of the document, so it comes long after, when no page is connected.
"""

from __future__ import annotations

from datetime import timedelta

from labora.base.clock import parse_timestamp, timestamp
from labora.rooms import operations as op
from labora.rooms.model import Event, Note
from labora.rooms.room import EMPTY_UPDATE, Room


def bin_notes(room: Room) -> list[Note]:
    """Returns the note that brings the ledger's bin up to date with the document; none when it is."""
    known = room.staged.ledger["deleted"]
    now = timestamp(room.clock.now())
    cells = room.require_document().cells()
    deleted = {cell.id: known.get(cell.id, now) for cell in cells if cell.deleted}
    return [{"type": "deleted", "cells": deleted}] if deleted != known else []


def purge_bin(room: Room) -> int:
    """Takes out the cells that are deleted for longer than ``rooms.deleted_cells_days``; returns how many.

    The exported notebook stays as it is. The caller has made sure that nobody is connected.
    """
    document = room.require_document()
    before = room.clock.now() - timedelta(days=room.settings.rooms.deleted_cells_days)
    known = room.staged.ledger["deleted"]
    flagged = {cell.id for cell in document.cells() if cell.deleted}
    old = [key for key, at in known.items() if key in flagged and parse_timestamp(at) < before]
    if not old:
        return 0
    update = document.purge_cells(old)
    if update != EMPTY_UPDATE:
        room.add_update(update, author=None)
    shown = room.staged.state["cells"]
    events: list[Event] = [{"type": "cell_state", "cell_id": key, "state": None} for key in old if key in shown]
    room.perform(op.Record(events=tuple(events), notes=tuple(bin_notes(room))))
    return len(old)

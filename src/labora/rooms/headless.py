"""Runs without a page: cells of a live notebook are queued in the caller's own runtime and followed by polling."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from labora.access import Ability, Principal
from labora.base.errors import ForbiddenError, NotFoundError
from labora.base.ids import new_id
from labora.drive import Drive
from labora.notebook.document import CellView, NotebookDocument
from labora.notebook.parameters import with_parameters
from labora.rooms.commands import codes
from labora.rooms.external import put_notebook
from labora.rooms.model import FINISHED, Execution, Person, RoomState
from labora.rooms.operations import Execute
from labora.rooms.room import Room


class Headless:
    """Headless runs of the notebooks that ``open_room`` opens."""

    def __init__(self, drive: Drive, open_room: Callable[[str], Awaitable[Room]]) -> None:
        self._drive = drive
        self._open = open_room

    async def run(
        self,
        principal: Principal,
        file_id: str,
        *,
        cells: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        stop_on_error: bool = True,
    ) -> list[Execution]:
        """Queues cells of a notebook; returns their executions once that is durable.

        Args:
            cells: ids; None runs every code cell that is not empty.
            parameters: set in a cell of their own behind the one tagged ``parameters``, which is kept in the notebook
                and runs too (:func:`labora.notebook.parameters.with_parameters`).
            stop_on_error: the first error aborts the rest.

        Raises:
            ForbiddenError: without the ability to edit, ``read_only`` for a notebook that nobody can edit.
            NotFoundError: the file, or a cell that is named, does not exist.
            InvalidError: a parameter's name is no variable's name.
        """
        access = await self._drive.access(principal, file_id, Ability.EDIT)
        room = await self._room(access.file)
        document = room.require_document()
        if room.read_only_reason is not None:
            raise ForbiddenError(room.read_only_reason, code="read_only")
        await room.settled()
        _chosen(document, cells)
        if parameters:
            before = {view.id for view in document.cells()}
            notebook = with_parameters(document.to_notebook(room.state["cells"]), parameters)
            await put_notebook(room, notebook, author=principal.account_id)
            order = [cell.id for cell in notebook.cells]
            injected = next(key for key in order if key not in before)
            cells = cells if cells is None else _with_injected(cells, injected, order)
        account: Person = {"id": principal.account_id or "", "name": principal.name}
        operation = Execute(account, codes(_chosen(document, cells)), new_id(), stop_on_error)
        result = room.perform(operation, author=principal.account_id)
        await room.settled()
        made: list[Execution] = result["executions"]
        return made

    async def executions(self, principal: Principal, file_id: str) -> list[Execution]:
        """Returns the executions that a notebook remembers, oldest first. Needs ``read``."""
        access = await self._drive.access(principal, file_id)
        room = await self._room(access.file)
        return sorted(room.state["executions"].values(), key=lambda execution: execution["queued_at"])

    async def finished(self, room: Room, execution_ids: Sequence[str]) -> list[Execution]:
        """Waits until executions of a room have ended and returns them."""
        await room.watch(lambda state: all(_ended(state, key) for key in execution_ids))
        return [room.state["executions"][key] for key in execution_ids if key in room.state["executions"]]

    async def _room(self, file: Mapping[str, Any]) -> Room:
        if file["kind"] != "notebook":
            raise NotFoundError("This is not a notebook.", code="not_a_notebook")
        return await self._open(str(file["id"]))


def _chosen(document: NotebookDocument, cells: Sequence[str] | None) -> list[CellView]:
    present = {view.id: view for view in document.cells() if not view.deleted}
    if cells is None:
        return [view for view in present.values() if view.source.strip()]
    if missing := [cell_id for cell_id in cells if cell_id not in present]:
        raise NotFoundError("A cell was deleted.", code="no_such_cell", details={"cell_id": missing[0]})
    return [present[cell_id] for cell_id in dict.fromkeys(cells)]


def _with_injected(cells: Sequence[str], injected: str, order: list[str]) -> list[str]:
    """Puts the cell of parameters first, but behind the one with their defaults."""
    place = order.index(injected)
    defaults = order[place - 1] if place else None
    at = cells.index(defaults) + 1 if defaults in cells else 0
    return [*cells[:at], injected, *cells[at:]]


def _ended(state: RoomState, key: str) -> bool:
    execution = state["executions"].get(key)
    return execution is None or execution["status"] in FINISHED

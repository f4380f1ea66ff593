"""The kernels of every notebook that is live here, across rooms: for meters and for the list of what runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labora.base.errors import NotFoundError
from labora.rooms import operations as op
from labora.rooms.model import KernelStatus
from labora.rooms.ports import Compute
from labora.rooms.room import Room
from labora.rooms.subscriber import Subscriber


@dataclass(frozen=True, slots=True)
class NotebookKernel:
    """One account's kernel for one notebook. ``cell_id`` runs since ``running_since``; ``queued`` cells wait."""

    file_id: str
    account_id: str
    runtime_id: str
    kernel_id: str
    kernel: KernelStatus
    cell_id: str | None
    running_since: str | None
    queued: int


class Overview:
    """Looks over the live rooms, all with a runtime among them: a room with one stays loaded.

    Args:
        rooms: the live rooms by file, as they are at any time.
        compute: measures runtimes; None in a process that runs no code.
    """

    def __init__(self, rooms: Mapping[str, Room], compute: Compute | None) -> None:
        self._rooms = rooms
        self._wake = compute.look(self._wanted, self._take) if compute is not None else None

    def look(self) -> None:
        """Says that a page has begun to look at meters."""
        if self._wake is not None:
            self._wake()

    def kernels(self) -> list[NotebookKernel]:
        """Returns every kernel whose runtime lives."""
        return [kernel for room in self._open() for kernel in _kernels(room)]

    def interrupt(self, account_id: str, kernel_id: str) -> None:
        """Interrupts a kernel of an account. Raises NotFoundError."""
        self._room(account_id, kernel_id).perform(op.Interrupt(account_id), author=account_id)

    def restart(self, account_id: str, kernel_id: str) -> None:
        """Restarts a kernel of an account; what it runs is aborted. Raises NotFoundError, ConflictError."""
        self._room(account_id, kernel_id).perform(op.Restart(account_id), author=account_id)

    def _open(self) -> Iterator[Room]:
        return (room for room in list(self._rooms.values()) if not room.closed)

    def _room(self, account_id: str, kernel_id: str) -> Room:
        for room in self._open():
            record = room.staged.ledger["kernels"].get(account_id)
            if record is not None and record["kernel_id"] == kernel_id:
                return room
        raise NotFoundError("There is no such kernel; it may have ended.", code="no_such_kernel")

    # -- meters -------------------------------------------------------------------------------------------------------

    def _wanted(self) -> Iterable[str]:
        return [runtime_id for room in self._open() for _, runtime_id in _lookers(room)]

    def _take(self, runtime_id: str, meter: dict[str, Any]) -> None:
        rooms = list(self._open())
        lookers = [subscriber for room in rooms for subscriber, looked in _lookers(room) if looked == runtime_id]
        if not lookers:
            return
        account_id = lookers[0].account_id
        records = [(room.file_id, room.staged.ledger["kernels"].get(account_id)) for room in rooms]
        files = {record["kernel_id"]: file_id for file_id, record in records if record is not None}
        kernels = [{**kernel, "file_id": files.get(kernel["kernel_id"])} for kernel in meter["kernels"]]
        message = {"type": "meter", "runtime_id": runtime_id, "meter": {**meter, "kernels": kernels}}
        for subscriber in lookers:
            if subscriber.backlog == 0:
                # A page that is behind needs the newest figures, and not all of them.
                subscriber.control(message)


def _lookers(room: Room) -> Iterator[tuple[Subscriber, str]]:
    """Yields the sockets that look, each with its own account's runtime: nobody sees another's."""
    for subscriber in list(room.subscribers.values()):
        if not subscriber.looks:
            continue
        runtime = room.state["runtimes"].get(subscriber.account_id)
        if runtime is not None and runtime["status"] == "ready" and runtime["runtime_id"] is not None:
            yield subscriber, runtime["runtime_id"]


def _kernels(room: Room) -> Iterator[NotebookKernel]:
    state = room.state
    for account_id, record in room.staged.ledger["kernels"].items():
        runtime = state["runtimes"].get(account_id)
        if runtime is None or runtime["status"] != "ready" or runtime["runtime_id"] != record["runtime_id"]:
            continue
        mine = [one for one in state["executions"].values() if one["account"]["id"] == account_id]
        running = next((one for one in mine if one["status"] == "running"), None)
        yield NotebookKernel(
            file_id=room.file_id,
            account_id=account_id,
            runtime_id=record["runtime_id"],
            kernel_id=record["kernel_id"],
            kernel=runtime["kernel"],
            cell_id=None if running is None else running["cell_id"],
            running_since=None if running is None else running["started_at"],
            queued=sum(one["status"] == "queued" for one in mine),
        )

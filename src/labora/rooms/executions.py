"""The executions of every room: one worker per account and room, made when first needed, ended with its room."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from labora.base.clock import Clock
from labora.base.errors import ConflictError, LaboraError
from labora.base.logging import get_logger
from labora.base.settings import Settings
from labora.blobs import Blobs
from labora.kernels.model import KernelSession
from labora.notebook.operations import utf16_index, utf16_length
from labora.rooms import operations as op
from labora.rooms.deaths import Deaths
from labora.rooms.kernel import DEFAULT_KERNEL, KernelWorker, kernel_name, speaks_python
from labora.rooms.model import Person
from labora.rooms.ports import Answers, Compute, Drives
from labora.rooms.recorder import Recorder
from labora.rooms.room import Room

log = get_logger("rooms")


class Executions:
    """Carries effects of rooms out.

    Args:
        compute: runtimes and kernels; None in a process that runs no code.
        answers: what the server itself answers programs.
        drives: mounts them into runtimes; None where there are none.
    """

    def __init__(
        self,
        compute: Compute | None,
        blobs: Blobs,
        settings: Settings,
        clock: Clock,
        answers: Answers,
        drives: Drives | None = None,
    ) -> None:
        self._compute = compute
        self._answers = answers
        self._drives = drives
        self._blobs = blobs
        self._settings = settings
        self._clock = clock
        self._workers: dict[tuple[str, str], KernelWorker] = {}
        self._deaths = Deaths(compute) if compute is not None else None
        self._closing: set[asyncio.Task[None]] = set()
        if compute is not None:
            compute.on_ended(self._runtime_ended)
            compute.on_ending(self._runtime_ending)
            compute.on_warning(self._runtime_warned)

    def carry_out(self, room: Room, effect: op.Effect) -> None:
        """Starts an effect. Its outcome comes back to the room as an operation."""
        account_id = (
            effect.account["id"] if isinstance(effect, (op.EnsureKernel, op.RestartKernel)) else effect.account_id
        )
        worker = self._worker(room, account_id)
        if worker is None:
            message = "This server runs no code."
            room.perform(op.RuntimeEnded(account_id, "no_compute", message))
        else:
            worker.push(effect)

    def prepare(self, room: Room, account_id: str) -> None:
        """Somebody who may run opened the notebook: has a kernel started ahead, should they have a runtime."""
        runtime = room.staged.state["runtimes"].get(account_id)
        here = runtime is not None and runtime["status"] != "ended"
        plain = kernel_name(room) == DEFAULT_KERNEL or speaks_python(room)
        if self._compute is not None and room.document is not None and plain and not here:
            self._compute.prepare(account_id)

    def resume(self, room: Room) -> None:
        """Goes on where the room stood when it left memory: attaches to kernels, repeats what was under way."""
        for account_id, runtime in list(room.staged.state["runtimes"].items()):
            if runtime["status"] == "ended":
                continue
            worker = self._worker(room, account_id)
            if worker is None:
                room.perform(op.RuntimeEnded(account_id, "no_compute", "This server runs no code."))
            elif runtime["status"] == "starting":
                worker.push(op.EnsureKernel(runtime["account"]))
            else:
                worker.resume()
                if runtime["kernel"] in ("starting", "restarting"):
                    worker.push(op.RestartKernel(runtime["account"]))
        if room.staged.state["queue"]:
            room.perform(op.Wake())

    def drop(self, room: Room) -> None:
        """Ends the workers of a room that leaves memory; its kernels go on."""
        for key in [key for key in self._workers if key[0] == room.file_id]:
            task = asyncio.create_task(self._workers.pop(key).close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def end_kernels(self, room: Room) -> None:
        """Ends the workers of a room whose file is gone, and their kernels: nobody could ever reach those again."""
        sessions = [worker.session for key, worker in self._workers.items() if key[0] == room.file_id]
        self.drop(room)
        for session in sessions:
            if session is not None:
                task = asyncio.create_task(_shut_down(session))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Ends every worker; the kernels go on."""
        workers, self._workers = list(self._workers.values()), {}
        for worker in workers:
            await worker.close()
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def complete(self, room: Room, account_id: str, code: str, cursor: int) -> dict[str, Any]:
        """Returns completions; offsets count UTF-16 units. Raises ConflictError without a kernel."""
        worker = self._with_kernel(room, account_id)
        reply = await worker.complete(code, utf16_index(code, cursor))
        start, end = (_bounded(reply.get(key), len(code)) for key in ("cursor_start", "cursor_end"))
        matches = [match for match in reply.get("matches", ()) if isinstance(match, str)]
        metadata = reply.get("metadata")
        return {
            "matches": matches[:1000],
            "start": utf16_length(code[:start]),
            "end": utf16_length(code[:end]),
            "metadata": metadata if isinstance(metadata, dict) else {},
        }

    async def inspect(self, room: Room, account_id: str, code: str, cursor: int, detail: int) -> dict[str, Any]:
        """Returns what the kernel says of the name at the cursor. Raises ConflictError without a kernel."""
        worker = self._with_kernel(room, account_id)
        reply = await worker.inspect(code, utf16_index(code, cursor), detail)
        data = reply.get("data")
        return {"found": reply.get("found") is True, "data": data if isinstance(data, dict) else {}}

    async def consent(
        self, room: Room, account_id: str, execution_id: str, request_id: str, *, allow: bool, always: bool
    ) -> dict[str, Any]:
        """Does what the account decided about its drive; see :meth:`labora.rooms.asks.Asks.decide`."""
        worker = self._with_kernel(room, account_id)
        runtime_id = worker.runtime_id or ""
        return await worker.asks.decide(execution_id, request_id, runtime_id, allow=allow, always=always)

    def find(self, room: Room, account_id: str) -> KernelWorker | None:
        """Returns the worker of an account's kernel in a room; None where there never was a kernel."""
        worker = self._workers.get((room.file_id, account_id))
        return worker if worker is not None and worker.room is room else None

    def workers_of(self, room: Room) -> list[KernelWorker]:
        """Returns the workers of a room."""
        return [worker for worker in self._workers.values() if worker.room is room]

    # -- inside -------------------------------------------------------------------------------------------------------

    def _worker(self, room: Room, account_id: str) -> KernelWorker | None:
        if self._compute is None or self._deaths is None:
            return None
        key = (room.file_id, account_id)
        worker = self._workers.get(key)
        if worker is None or worker.room is not room:
            account = _person(room, account_id)
            recorder = Recorder(self._blobs, self._settings.limits)
            worker = self._workers[key] = KernelWorker(
                room, account, self._compute, recorder, self._deaths, self._answers, self._drives
            )
        return worker

    def _with_kernel(self, room: Room, account_id: str) -> KernelWorker:
        worker = self._workers.get((room.file_id, account_id))
        if worker is None or worker.session is None:
            raise ConflictError("You have no kernel here. Connect first.", code="no_runtime")
        return worker

    async def _runtime_ending(self, runtime_id: str) -> None:
        """Records what the kernels of a runtime have said, before they are ended."""
        drains = (worker.drain() for worker in self._workers_on(runtime_id) if worker.session is not None)
        for error in await asyncio.gather(*drains, return_exceptions=True):
            if isinstance(error, Exception):
                log.info("not_drained", runtime_id=runtime_id, error=repr(error))

    def _runtime_warned(self, runtime_id: str, ends_at: str | None, ends_reason: str | None) -> None:
        for worker in self._workers_on(runtime_id):
            with suppress(LaboraError):
                worker.room.perform(op.RuntimeWarned(worker.account["id"], runtime_id, ends_at, ends_reason))

    def _workers_on(self, runtime_id: str) -> list[KernelWorker]:
        found = []
        for worker in self._workers.values():
            record = worker.room.staged.ledger["kernels"].get(worker.account["id"])
            if record is not None and record["runtime_id"] == runtime_id and not worker.room.closed:
                found.append(worker)
        return found

    def _runtime_ended(self, runtime_id: str, reason: str, message: str) -> None:
        if self._deaths is not None:
            self._deaths.forget(runtime_id)
        for worker in self._workers_on(runtime_id):
            worker.ended()
            with suppress(LaboraError):
                worker.room.perform(op.RuntimeEnded(worker.account["id"], reason, message))


async def _shut_down(session: KernelSession) -> None:
    try:
        await session.shutdown()
    except LaboraError as error:
        # The runtime ended first, or does not answer; with it the kernel ends.
        log.info("kernel_not_ended", code=error.error_code)


def _person(room: Room, account_id: str) -> Person:
    runtime = room.staged.state["runtimes"].get(account_id)
    if runtime is not None:
        return runtime["account"]
    return {"id": account_id, "name": ""}


def _bounded(value: Any, limit: int) -> int:
    return max(0, min(value, limit)) if type(value) is int else limit

"""One account's kernel for one notebook: carries effects out and records what the kernel says.

A kernel's messages are numbered by its guest. What they do to the room and the number up to which they are recorded go
into one journal entry, and the guest is told only afterwards: nothing is lost and nothing is recorded twice, whoever
is restarted in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, assert_never

from labora.base import faults
from labora.base.errors import ConflictError, LaboraError, NotFoundError, UnavailableError
from labora.base.ids import new_id
from labora.base.logging import get_logger
from labora.kernels.asks import ASK_PREFIX, granted
from labora.kernels.model import KernelInfo, KernelMessage, KernelSession
from labora.rooms import operations as op
from labora.rooms.asks import Asks
from labora.rooms.comms import Comms
from labora.rooms.deaths import Deaths
from labora.rooms.hidden import is_heavy
from labora.rooms.model import KernelRecord, Language, Person
from labora.rooms.ports import Answers, Compute, Drives, Kills, RuntimeLease
from labora.rooms.recorder import Recorder
from labora.rooms.room import Room

DEFAULT_KERNEL = "python3"
MAX_LANGUAGE = 200
FULL_RETRY_S = 1.0
STORAGE_WAITS = ("storage_full", "storage_busy")
DELIBERATE = (op.SendInput, op.InterruptKernel, op.RestartKernel, op.NoteInput)
"""What a person does beside running code that shows that the runtime is in use."""

log = get_logger("rooms")


class KernelWorker:
    """Effects of one account in one room, one after the other; an interrupt goes past them."""

    def __init__(
        self,
        room: Room,
        account: Person,
        compute: Compute,
        recorder: Recorder,
        deaths: Deaths,
        answers: Answers,
        drives: Drives | None = None,
    ) -> None:
        self.room = room
        self.account = account
        self.runtime_id: str | None = None
        self.session: KernelSession | None = None
        self._compute = compute
        self._recorder = recorder
        self._deaths = deaths
        self.asks = Asks(room, account["id"], answers, drives, self._answer, self._spawn)
        self.comms = Comms(room, account["id"], lambda: self.session)
        self._effects: asyncio.Queue[op.Effect | Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._taken = asyncio.Event()
        self._closed = False
        self._spawn(self._work())
        self._spawn(self.comms.send_forever())

    # -- effects ------------------------------------------------------------------------------------------------------

    def push(self, effect: op.Effect) -> None:
        """Takes an effect; returns at once."""
        if isinstance(effect, DELIBERATE) and self.runtime_id is not None:
            self._compute.note_input(self.runtime_id)
        if isinstance(effect, op.InterruptKernel):
            self._spawn(self._guarded(self._interrupt))
        elif isinstance(effect, op.EndRuntime):
            self._spawn(self._guarded(self._end))
        elif not isinstance(effect, op.NoteInput):
            self._effects.put_nowait(effect)

    def resume(self) -> None:
        """Goes on with a kernel that was running when the process ended."""
        self._effects.put_nowait(self._resume)

    async def complete(self, code: str, cursor: int) -> dict[str, Any]:
        """Asks the kernel; ``cursor`` counts code points. Raises ConflictError without a kernel."""
        return await self._present().complete(code, cursor)

    async def inspect(self, code: str, cursor: int, detail: int) -> dict[str, Any]:
        """Likewise."""
        return await self._present().inspect(code, cursor, detail)

    def _present(self) -> KernelSession:
        if self.session is None:
            raise ConflictError("You have no kernel here. Connect first.", code="no_runtime")
        return self.session

    async def close(self) -> None:
        """Stops; the kernel goes on and keeps what it says for the next one who attaches."""
        self._closed = True
        self._taken.set()
        self.asks.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        while True:
            effect = await self._effects.get()
            if callable(effect):
                await self._guarded(effect)
            else:
                await self._guarded(lambda effect=effect: self._carry_out(effect))  # type: ignore[misc]

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except LaboraError as error:
            self._failed(error)
        except Exception as error:
            log.exception("effect_failed", file_id=self.room.file_id)
            self._failed(LaboraError(f"Labora failed to reach the kernel: {error}"))

    def _failed(self, error: LaboraError) -> None:
        # A server that stops fails nobody: the kernel goes on, and what it says is taken in by the next room.
        if not (self._closed or self.room.closed):
            log.warning("kernel_failed", file_id=self.room.file_id, code=error.error_code, message=error.message)
            self._perform(op.RuntimeEnded(self.account["id"], error.error_code, error.message))
        self.ended()

    def ended(self) -> None:
        """The kernel is no more: what was said to it, or waits for it, is over."""
        self.session = None
        self._taken.set()
        self.comms.gone()
        self.asks.all_gone()

    async def _carry_out(self, effect: op.Effect) -> None:
        match effect:
            case op.EnsureKernel():
                await self._ensure()
            case op.StartExecution():
                await self._execute(effect)
            case op.RestartKernel():
                await self._restart()
            case op.SendInput():
                await self._input(effect)
            case op.InterruptKernel():
                await self._interrupt()
            case op.EndRuntime():
                await self._end()
            case op.NoteInput():
                pass
            case _ as never:
                assert_never(never)

    async def _ensure(self) -> None:
        account_id = self.account["id"]

        def progress(step: Any) -> None:
            if not self.room.closed:
                self._perform(op.RuntimeProgress(account_id, step))

        lease = await self._compute.ensure(account_id, progress)
        record, name = self._record(), kernel_name(self.room)
        fresh = record is None or record["runtime_id"] != lease.runtime_id
        if record is None or fresh:
            stands = lease.take_kernel() if name == DEFAULT_KERNEL else None
            record = {"kernel_id": stands or new_id(), "runtime_id": lease.runtime_id, "n": 0, "life": 0}
        session = await self._compute.session(lease.runtime_id, record["kernel_id"], name)
        try:
            info = await session.start()
        except NotFoundError:
            if not speaks_python(self.room):
                raise
            # Notebooks carry the names of their author's environments; any Python runs them.
            if fresh and (stands := lease.take_kernel()):
                record = {**record, "kernel_id": stands}
            session = await self._compute.session(lease.runtime_id, record["kernel_id"], DEFAULT_KERNEL)
            info = await session.start()
        if info.status == "dead":
            info = await session.restart()
        same_life = not fresh and info.life == record.get("life")
        if fresh:
            # What a kernel that was started ahead has said, or how an earlier life of it ended, is not this notebook's.
            record = {**record, "n": info.last}
        await self._attach(lease, session, record, info)
        if same_life:
            self.comms.recover()

    async def _attach(
        self, lease: RuntimeLease, session: KernelSession, record: KernelRecord, info: KernelInfo
    ) -> None:
        """Makes the kernel known, durably, and begins to take what it says."""
        self.session, self.runtime_id = session, lease.runtime_id
        known: KernelRecord = {**record, "life": info.life}
        ready = op.KernelReady(self.account, known, _language(info), lease.isolation, lease.ends_at, lease.ends_reason)
        await self._perform_durably(ready)
        await session.attach(record["n"], self._take, interval_s=self.room.settings.rooms.output_interval_s)

    async def _resume(self) -> None:
        record = self._record()
        lease = await self._compute.find(record["runtime_id"]) if record is not None else None
        if record is None or lease is None:
            known = await self._compute.why_ended(record["runtime_id"]) if record is not None else None
            reason, message = known or ("lost", "The runtime ended while the server was not running.")
            self._perform(op.RuntimeEnded(self.account["id"], reason, message))
            return
        session = await self._compute.session(lease.runtime_id, record["kernel_id"], kernel_name(self.room))
        info = await session.start()
        same_life = info.life == record.get("life", info.life) and info.status != "dead"
        await self._attach(lease, session, record, info)
        if not same_life:
            return
        self.comms.recover()
        executed = await session.executions()
        for execution in list(self.room.staged.state["executions"].values()):
            mine = execution["account"]["id"] == self.account["id"] and execution["status"] == "running"
            source = self.room.staged.ledger["sources"].get(execution["id"])
            if mine and source is not None and execution["id"] not in executed:
                # The process ended between recording the start and telling the kernel.
                await session.execute(execution["id"], source["code"])

    async def _execute(self, effect: op.StartExecution) -> None:
        if self.session is None:
            raise ConflictError("The kernel went away before this cell could start.", code="kernel_gone")
        self._compute.note_execution(self.session.runtime_id)
        try:
            await self.session.execute(effect.execution_id, effect.code)
        except LaboraError as error:
            if error.error_code not in ("kernel_dead", "gone"):
                raise
            self._perform(op.KernelDied(self.account["id"], error.message))

    async def _restart(self) -> None:
        record = self._record()
        if self.session is None or record is None:
            await self._ensure()
            return
        info = await self.session.restart()
        record = self._record() or record
        known: KernelRecord = {**record, "life": info.life}
        runtime = self.room.staged.state["runtimes"].get(self.account["id"])
        ready = op.KernelReady(self.account, known, _language(info), None)
        if runtime is not None:
            ready = replace(
                ready,
                isolation=runtime["isolation"],
                ends_at=runtime.get("ends_at"),
                ends_reason=runtime.get("ends_reason"),
            )
        await self._perform_durably(ready)

    async def _input(self, effect: op.SendInput) -> None:
        if self.session is None:
            return
        try:
            if effect.request_id.startswith(ASK_PREFIX):
                await self._answer(effect.request_id, granted(effect.value))
                self.asks.gone(effect.request_id)
                return
            await self.session.input(effect.execution_id, effect.request_id, effect.value)
        except LaboraError as error:
            # The program no longer waits: the question goes as well.
            log.info("input_refused", file_id=self.room.file_id, code=error.error_code)
        request = self.room.staged.state["inputs"].get(effect.execution_id)
        if request is not None and request["request_id"] == effect.request_id:
            self._perform(op.RequestInput(effect.execution_id, None))

    async def _interrupt(self) -> None:
        if self.session is None:
            return
        try:
            await self.session.interrupt()
        except LaboraError as error:
            # Whatever is wrong with the guest shows where it is waited for.
            log.warning("interrupt_failed", file_id=self.room.file_id, code=error.error_code)

    async def _end(self) -> None:
        runtime = self.room.staged.state["runtimes"].get(self.account["id"])
        runtime_id = self.runtime_id or (runtime["runtime_id"] if runtime is not None else None)
        self.ended()
        if runtime_id is not None:
            await self._compute.end(runtime_id, by=self.account["id"])
            shown = self.room.staged.state["runtimes"].get(self.account["id"])
            if shown is None or shown["status"] == "ended" or shown["runtime_id"] != runtime_id:
                # Its end was told already, and what was queued since waits for the next runtime.
                return
        self._perform(op.RuntimeEnded(self.account["id"], "user", "The runtime was disconnected and deleted."))

    # -- what the kernel says -----------------------------------------------------------------------------------------

    async def _take(self, messages: list[KernelMessage]) -> None:
        """The sink: records a batch and returns when it is durable.

        After a failure nothing more is delivered, so the page is told: a cell must not look as if it ran for ever.
        """
        try:
            await self._take_in(messages)
        except LaboraError as error:
            if error.error_code != "kernel_replaced":
                self._failed(error)
            raise
        except Exception as error:
            self._failed(LaboraError(f"Labora failed to record what the kernel said: {error}"))
            raise

    async def _take_in(self, messages: list[KernelMessage]) -> None:
        """Records a batch in one journal entry."""
        record = self._record()
        session = self.session
        if record is None or session is None:
            raise ConflictError("This kernel is no longer the notebook's.", code="kernel_replaced")
        fresh = [message for message in messages if message.n > record["n"]]
        if not fresh:
            return
        running = any(
            execution["status"] == "running" and execution["account"]["id"] == self.account["id"]
            for execution in self.room.staged.state["executions"].values()
        )
        said, fresh = fresh, await self.comms.hear(fresh)
        blamed = Kills(record.get("memory_kills", 0), record.get("disk_kills", 0))
        fresh = await self._deaths.explained(fresh, record["runtime_id"], blamed, running=running)
        began = self.room.clock.monotonic()
        await self._store(fresh)
        faults.reach("output.before")
        await self.room.settled()
        faults.reach("output.after")
        if is_heavy(self.room.staged.hidden, self.account["id"]):
            # Its whole list is written again with every batch, by the journal that all rooms share.
            await asyncio.sleep(self.room.clock.monotonic() - began)
        if any(message.type == "done" for message in fresh):
            # Idleness is counted from the end of what ran.
            self._compute.note_execution(record["runtime_id"])
        self._taken.set()
        await session.ack(fresh[-1].n)
        self.comms.done(said)
        self._asked(said, record["runtime_id"])

    def _asked(self, messages: list[KernelMessage], runtime_id: str) -> None:
        """Takes what programs ask, now that everything before it is shown."""
        for message in messages:
            if message.channel == "agent" and message.type == "ask":
                self.asks.take(message.content, message.execution_id, runtime_id)
            elif message.channel == "agent" and message.type == "ask_gone":
                self.asks.gone(message.content.get("ask_id"))

    async def _answer(self, ask_id: str, answer: dict[str, Any]) -> None:
        if self.session is not None:
            await self.session.answer(ask_id, answer)

    async def drain(self) -> None:
        """Returns when everything that the kernel has said so far is recorded. Raises LaboraError when it cannot."""
        session = self.session
        if session is None:
            return
        last = (await session.info()).last
        while self.session is session and (record := self._record()) is not None and record["n"] < last:
            if self._closed:
                return
            self._taken.clear()
            await self._taken.wait()
        await self.room.settled()

    async def _store(self, messages: list[KernelMessage]) -> None:
        """Records messages; while the disk takes none it waits, and with it the kernel once its guest holds enough."""
        while True:
            record = self._record()
            if record is None:
                raise ConflictError("This kernel is no longer the notebook's.", code="kernel_replaced")
            if blamed := self._deaths.blamed(record["runtime_id"]):
                record = {**record, "memory_kills": blamed.memory, "disk_kills": blamed.disk}
            try:
                await self._recorder.record(self.room, self.account["id"], record, messages)
            except UnavailableError as error:
                if error.error_code not in STORAGE_WAITS or self.room.closed:
                    raise
                await asyncio.sleep(FULL_RETRY_S)
            else:
                return

    # -- helpers ------------------------------------------------------------------------------------------------------

    def _record(self) -> KernelRecord | None:
        return self.room.staged.ledger["kernels"].get(self.account["id"])

    def _perform(self, operation: op.Operation) -> None:
        with suppress(LaboraError):
            self.room.perform(operation)

    async def _perform_durably(self, operation: op.Operation) -> None:
        self.room.perform(operation)
        await self.room.settled()


def kernel_name(room: Room) -> str:
    """Returns which kernelspec a notebook asks for."""
    spec = _metadata(room).get("kernelspec")
    name = spec.get("name") if isinstance(spec, dict) else None
    return name if isinstance(name, str) and name else DEFAULT_KERNEL


def speaks_python(room: Room) -> bool:
    """Returns whether a notebook says that its language is Python, whatever its kernelspec is called."""
    spec, info = _metadata(room).get("kernelspec"), _metadata(room).get("language_info")
    named = [spec.get("language") if isinstance(spec, dict) else None]
    named.append(info.get("name") if isinstance(info, dict) else None)
    return any(name == "python" for name in named)


def _metadata(room: Room) -> dict[str, Any]:
    return room.document.metadata() if room.document is not None else {}


def _language(info: KernelInfo) -> Language | None:
    if info.language is None:
        return None
    known = info.language
    return {key: str(known.get(key, ""))[:MAX_LANGUAGE] for key in ("name", "mimetype", "version")}  # type: ignore[return-value]

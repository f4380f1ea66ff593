"""Runs a whole notebook on a machine of its own, without a server: host, sandbox, kernel and reducer, no database."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from labora.base.errors import LaboraError, UnavailableError
from labora.base.ids import new_id, new_secret
from labora.base.logging import get_logger
from labora.base.settings import Settings
from labora.cli.answers import RunAnswers, Secrets
from labora.cli.run_widgets import RunWidgets
from labora.cli.serve import prepare_folders, start_host
from labora.kernels.asks import KernelAsk, read_ask, refused
from labora.kernels.model import KernelMessage
from labora.kernels.service import GuestKernelSession, Kernels
from labora.notebook.codec import write_notebook
from labora.notebook.model import BlobRef, Cell, Notebook, Output, Store, kernelspec_of, tags_of
from labora.notebook.operations import apply_output_ops
from labora.notebook.privacy import settings_of
from labora.notebook.reducer import OutputReducer, display_update_ops
from labora.runtimes.model import Progress, Runtime, RuntimeSpec, Shape
from labora.runtimes.ports import Provider

_FLUSH_BYTES = 1 << 20
log = get_logger("run")
ASKED_BYTES = 256 * 1024
"""Output of one cell in the notebook that a program asks for."""


@dataclass(frozen=True, slots=True)
class CellDone:
    """How one cell ended: ``ok``, ``error`` or ``aborted``, after how many seconds, with which error."""

    index: int
    total: int
    status: str
    seconds: float
    error: str | None = None


Report = Callable[[str | CellDone], None]
"""Told of every step: a line of text, or a cell that ended."""


class MemoryStore:
    """Blobs of one run, in memory and by hash."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def store(self, data: bytes, media_type: str) -> BlobRef:
        """Keeps ``data``."""
        import hashlib

        digest = hashlib.sha256(data).hexdigest()
        self._blobs[digest] = data
        return {"sha256": digest, "size": len(data), "media_type": media_type}

    def resolve(self, ref: BlobRef) -> bytes:
        """Returns what was kept."""
        return self._blobs[ref["sha256"]]


class NotebookRun:
    """Feeds the cells to one kernel, one after another, and reduces what it says to outputs.

    Args:
        kernel: a kernel that was started.
        cells: the notebook's cells.
        store: takes output values that do not stay inline.
        settings: limits.
        answers: answers what programs ask.
    """

    def __init__(
        self,
        kernel: GuestKernelSession,
        cells: tuple[Cell, ...],
        store: Store,
        settings: Settings,
        answers: RunAnswers | None = None,
    ) -> None:
        self._kernel, self._store, self._settings = kernel, store, settings
        self._answers = answers
        self._answering: set[asyncio.Task[None]] = set()
        self.widgets = RunWidgets(settings.limits)
        self.cells = list(cells)
        self._scope = new_id()
        self._running: int = -1
        self._execution = ""
        self._reducer: OutputReducer | None = None
        self._done: asyncio.Future[dict[str, Any]] | None = None

    async def take(self, messages: list[KernelMessage]) -> None:
        """The kernel's sink."""
        for message in messages:
            if message.channel == "agent" and message.type == "died":
                self._settle({"status": "died", "message": message.content.get("message")})
            elif message.channel == "agent" and message.type == "ask":
                self._answer(read_ask(message.content, message.execution_id))
            elif self._elsewhere(message) or self._reducer is None:
                continue
            elif message.channel == "iopub":
                self._reducer.feed(message.type, message.content)
                if message.type == "execute_input":
                    self._count(message.content.get("execution_count"))
                if self._reducer.pending_bytes > _FLUSH_BYTES:
                    self._flush(final=False)
            elif message.channel == "agent" and message.type == "done":
                self._settle(message.content)
        if messages:
            await self._kernel.ack(messages[-1].n)

    async def run(self, index: int) -> dict[str, Any]:
        """Runs one cell and returns how it ended, as the agent tells it."""
        self._running, self._execution = index, new_id()
        self.cells[index] = replace(self.cells[index], outputs=(), execution_count=None)
        self._reducer = OutputReducer(self._store, self._settings.limits, display_scope=self._scope)
        self._done = asyncio.get_running_loop().create_future()
        await self._kernel.execute(self._execution, self.cells[index].source, allow_stdin=False)
        result = await self._done
        await self.widgets.tell(self._kernel)
        self._flush(final=True)
        self._count(result.get("execution_count"))
        return result

    def _elsewhere(self, message: KernelMessage) -> bool:
        """Returns whether a message is none of the cell that runs, or says what a widget is or shows."""
        to_widget = message.channel == "iopub" and self.widgets.take(message)
        return to_widget or message.execution_id != self._execution

    def _answer(self, ask: KernelAsk | None) -> None:
        if ask is None or self._answers is None:
            return
        # What was printed before it is in the notebook that it may ask for.
        self._flush(final=False)
        task = asyncio.create_task(self._answer_later(ask, self._answers))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer_later(self, ask: KernelAsk, answers: RunAnswers) -> None:
        try:
            answer = await answers.answer(ask)
        except LaboraError as error:
            answer = refused(error.error_code, error.message)
        except Exception:
            # Whatever fails, the program that asks must hear of it: it waits without an end.
            log.exception("ask_failed", kind=ask.kind[:64])
            answer = refused("internal", "This run failed at it; what it printed says why.")
        with suppress(LaboraError):
            # Nobody may wait for it any more.
            await self._kernel.answer(ask.ask_id, answer)

    def _settle(self, result: dict[str, Any]) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(result)

    def _count(self, count: Any) -> None:
        if isinstance(count, int):
            self.cells[self._running] = replace(self.cells[self._running], execution_count=count)

    def _flush(self, *, final: bool) -> None:
        if self._reducer is None:
            return
        self._apply(self._running, self._reducer.flush(final=final))
        updates = self._reducer.take_display_updates()
        for index, cell in enumerate(self.cells) if updates else ():
            if index != self._running and (ops := display_update_ops(cell.outputs, updates)):
                self._apply(index, ops)

    def _apply(self, index: int, ops: Any) -> None:
        outputs: list[Output] = apply_output_ops(self.cells[index].outputs, ops)
        self.cells[index] = replace(self.cells[index], outputs=tuple(outputs))


async def run_embedded(
    settings: Settings,
    notebook: Notebook,
    blobs: MemoryStore,
    report: Report,
    *,
    name: str,
    secrets: Secrets | None = None,
) -> tuple[Notebook, bool]:
    """Runs every code cell in a fresh sandbox; stops at the first error, as Run all does.

    Args:
        settings: of the sandbox, and limits.
        notebook: what runs.
        blobs: takes output values that do not stay inline.
        report: told of every step.
        name: the notebook's file name, for programs that ask for it.
        secrets: for programs that ask for some.

    Returns:
        The notebook with its outputs, and whether every cell succeeded.

    Raises:
        UnavailableError: the image, the host or the kernel could not be had.
    """
    async with _runtime(settings, report) as (runtime, kernels):
        spec = kernelspec_of(notebook.metadata).get("name") or "python3"
        kernel = kernels.session(runtime, new_id(), spec)
        try:
            info = await kernel.start()
        except LaboraError as error:
            raise UnavailableError(f"The kernel {spec!r} did not start: {error.message}") from error

        def as_it_is(outputs: bool) -> bytes:
            cells = run.cells if outputs else [replace(cell, outputs=()) for cell in run.cells]
            present = replace(notebook, cells=tuple(cells))
            return write_notebook(present, resolve=blobs.resolve, output_export_bytes=ASKED_BYTES)

        answers = RunAnswers(name, as_it_is, secrets)
        run = NotebookRun(kernel, notebook.cells, blobs.store, settings, answers)
        await kernel.attach(info.last, run.take)
        succeeded = await _run_cells(run, report)
        metadata = dict(notebook.metadata)
        if info.language and "language_info" not in metadata:
            metadata["language_info"] = {"name": info.language["name"]}
        if not settings_of(metadata).omit_outputs:
            metadata = run.widgets.saved(metadata)
        return replace(notebook, cells=tuple(run.cells), metadata=metadata), succeeded


async def _run_cells(run: NotebookRun, report: Report) -> bool:
    todo = [index for index, cell in enumerate(run.cells) if cell.kind == "code" and cell.source.strip()]
    for number, index in enumerate(todo, 1):
        started = time.monotonic()
        result = await run.run(index)
        status = str(result.get("status"))
        error = None
        if status != "ok":
            error = str(result.get("message") or result.get("ename") or "the cell did not finish")
        report(CellDone(number, len(todo), status, time.monotonic() - started, error))
        if status != "ok" and "raises-exception" not in tags_of(run.cells[index].metadata):
            return False
    return True


@asynccontextmanager
async def _runtime(settings: Settings, report: Report) -> AsyncIterator[tuple[Runtime, Kernels]]:
    from labora.host.client import HostClient
    from labora.host.image import Recipe
    from labora.runtimes.providers.images import DefaultImages
    from labora.runtimes.providers.sandbox import SandboxProvider

    prepare_folders(settings)
    # Whatever ends this process, also kill -9, ends the run: nothing goes on that nobody waits for.
    start_host(settings, until_pid=os.getpid())
    images = DefaultImages(settings.images_dir, Recipe.of(settings.runtimes))
    provider: Provider = SandboxProvider(HostClient(settings.run_dir / "host.sock"), images)
    told: set[str] = set()

    def tell(progress: Progress) -> None:
        if progress.label not in told:
            told.add(progress.label)
            report(progress.label)

    shape = Shape.of(settings.runtimes)
    deadline = time.time() + settings.runtimes.max_lifetime_s
    spec = RuntimeSpec(new_id(), 1, f"cli-{os.getuid()}", "python", shape, new_secret(), deadline)
    handle = await provider.start(spec, tell)
    kernels = Kernels()
    try:
        yield _as_runtime(spec, provider, handle.socket, handle.isolation), kernels
    finally:
        await kernels.close()
        await provider.stop(spec.runtime_id)
        await provider.close()


def _as_runtime(spec: RuntimeSpec, provider: Provider, socket: Any, isolation: str) -> Runtime:
    from labora.base.clock import SystemClock

    return Runtime(
        id=spec.runtime_id,
        account_id=spec.account_id,
        provider=provider.name,
        image=spec.image,
        shape=spec.shape,
        desired="running",
        status="ready",
        generation=spec.generation,
        created_at=SystemClock().now(),
        key=spec.key,
        socket=socket,
        isolation=isolation,
    )

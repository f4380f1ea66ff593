"""Runtimes and kernels behind the port that rooms use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from labora.base.errors import LaboraError, NotFoundError, UnavailableError
from labora.kernels.model import KernelSession
from labora.kernels.service import Kernels
from labora.rooms.model import Progress
from labora.rooms.ports import RuntimeLease
from labora.runtimes.model import Runtime
from labora.runtimes.service import Runtimes


class RuntimesCompute:
    """The account's own runtime for everything it runs; implements :class:`labora.rooms.ports.Compute`."""

    def __init__(self, runtimes: Runtimes, kernels: Kernels) -> None:
        self._runtimes = runtimes
        self._kernels = kernels
        self._ended: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def ensure(self, account_id: str, progress: Callable[[Progress], None]) -> RuntimeLease:
        """Returns the account's runtime once it is ready; its progress is told meanwhile."""
        runtime = await self._runtimes.ensure(account_id)

        def tell(changed: Runtime) -> None:
            if changed.id == runtime.id and changed.progress is not None:
                progress({"label": changed.progress.label, "fraction": changed.progress.fraction})

        tell(runtime)
        stop = self._runtimes.watch(tell)
        try:
            ready = await self._runtimes.ready(runtime.id)
        finally:
            stop()
        return RuntimeLease(ready.id, ready.isolation)

    async def find(self, runtime_id: str) -> RuntimeLease | None:
        """Returns a runtime that lives; one that is just starting is waited for."""
        try:
            runtime = await self._runtimes.ready(runtime_id)
        except LaboraError:
            return None
        return RuntimeLease(runtime.id, runtime.isolation)

    async def session(self, runtime_id: str, kernel_id: str, kernel_name: str) -> KernelSession:
        """Returns the door to a kernel. Raises UnavailableError when the runtime has ended."""
        try:
            runtime = await self._runtimes.get(runtime_id)
        except NotFoundError as error:
            raise UnavailableError("The runtime has ended.", code="runtime_ended") from error
        if runtime.status != "ready":
            raise UnavailableError(runtime.message or "The runtime has ended.", code="runtime_ended")
        return self._kernels.session(runtime, kernel_id, kernel_name)

    async def end(self, runtime_id: str, *, by: str) -> None:
        """Deletes a runtime; only its own account may. Raises NotFoundError for somebody else's."""
        runtime = await self._runtimes.get(runtime_id)
        if runtime.account_id != by:
            raise NotFoundError("There is no such runtime.")
        await self._runtimes.stop(runtime_id)

    def on_ended(self, listener: Callable[[str, str, str], None]) -> None:
        """Calls ``listener(runtime_id, reason, message)`` once for every runtime that ends."""

        def changed(runtime: Runtime) -> None:
            if runtime.desired != "ended" or runtime.id in self._ended:
                return
            self._ended.add(runtime.id)
            message = runtime.message or "The runtime has ended."
            listener(runtime.id, str(runtime.exit_reason or "ended"), message)
            self._spawn(runtime.id, forget=True)

        self._runtimes.watch(changed)

    def note_execution(self, runtime_id: str) -> None:
        """The runtime is not idle."""
        self._spawn(runtime_id, forget=False)

    def _spawn(self, runtime_id: str, *, forget: bool) -> None:
        work = self._kernels.forget(runtime_id) if forget else self._runtimes.executed(runtime_id)
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

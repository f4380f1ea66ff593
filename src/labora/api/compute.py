"""Joins runtimes and kernels into what rooms ask for (:class:`labora.rooms.Compute`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from labora.base.clock import timestamp
from labora.base.errors import GoneError, InvalidError, LaboraError, NotFoundError, UnavailableError
from labora.base.logging import get_logger
from labora.base.settings import Settings
from labora.host.client import HostClient
from labora.host.image import ImageStatus, Recipe, image_folder, image_identity, image_status
from labora.kernels.model import KernelSession
from labora.kernels.service import Kernels
from labora.rooms import Kills, RuntimeLease
from labora.rooms.model import Progress
from labora.runtimes.meters import Meter, Meters, Source
from labora.runtimes.model import Runtime
from labora.runtimes.ports import Provider
from labora.runtimes.providers.sandbox import SandboxProvider
from labora.runtimes.service import Runtimes

IMAGE = "python"
_POLL_S = 0.5
CLOSE_S = 2.0
_MISSING_PATIENCE_S = 20.0

Listener = Callable[[str, str, str], None]
Warned = Callable[[str, str | None, str | None], None]


class LocalImages:
    """The images of this machine, which another process prepares."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.images_dir
        self._recipe = Recipe.of(settings.runtimes)

    async def status(self) -> ImageStatus:
        """Returns the state of the default Python image."""
        return await asyncio.to_thread(image_status, self._folder, self._recipe)

    async def ready(self, name: str, progress: Callable[[str, float | None], None]) -> Path:
        """Waits until an image is prepared, telling progress; see :class:`labora.runtimes.providers.sandbox.Images`."""
        if name != IMAGE:
            raise NotFoundError(f"There is no image '{name}'.", code="no_such_image")
        waited = 0.0
        while True:
            found = await self.status()
            if found.status == "ready":
                return await asyncio.to_thread(image_folder, self._folder, self._recipe)
            if found.status == "failed":
                raise InvalidError(found.message or "The Python image could not be prepared.", code="image_failed")
            if found.status == "missing" and waited > _MISSING_PATIENCE_S:
                raise InvalidError("The Python image is not prepared. Run `labora image build`.", code="image_missing")
            if found.progress is not None:
                progress(found.progress.label, found.progress.fraction)
            await asyncio.sleep(_POLL_S)
            waited += _POLL_S

    async def identity(self, name: str) -> str | None:
        """Returns what changes when the image is made anew; None while it is not ready."""
        return await asyncio.to_thread(image_identity, self._folder, self._recipe) if name == IMAGE else None


def make_provider(settings: Settings) -> Provider:
    """Returns the provider that the settings name. Raises InvalidError for one that is not installed."""
    name = settings.runtimes.provider
    if name == "sandbox":
        return SandboxProvider(HostClient(settings.run_dir / "host.sock"), LocalImages(settings))
    for entry in entry_points(group="labora.runtime_providers", name=name):
        provider: Provider = entry.load()(settings)
        return provider
    raise InvalidError(f"Setting runtimes.provider: no provider '{name}' is installed.", code="bad_setting")


class LocalCompute:
    """Runtimes with their kernels, for the rooms of this process."""

    def __init__(self, runtimes: Runtimes, kernels: Kernels, meters: Meters) -> None:
        self._runtimes = runtimes
        self._kernels = kernels
        self._meters = meters
        self._listeners: list[Listener] = []
        self._warned: list[Warned] = []
        self._told: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        runtimes.watch(self._changed)

    async def ensure(self, account_id: str, progress: Callable[[Progress], None]) -> RuntimeLease:
        """Returns the account's runtime once it is ready."""
        runtime = await self._runtimes.ensure(account_id, IMAGE)

        def show(changed: Runtime) -> None:
            if changed.id == runtime.id and changed.progress is not None:
                progress({"label": changed.progress.label, "fraction": changed.progress.fraction})

        show(runtime)
        stop = self._runtimes.watch(show)
        try:
            lease = _lease(await self._runtimes.ready(runtime.id))
            return replace(lease, take_kernel=partial(self._runtimes.take_kernel, runtime.id))
        finally:
            stop()

    def prepare(self, account_id: str) -> None:
        """Starts one kernel ahead in the account's runtime, where it stands and has none ahead yet."""

        async def start(runtime: Runtime, kernel_id: str) -> None:
            await self._kernels.session(runtime, kernel_id).start()

        self._spawn(self._runtimes.prepare(account_id, IMAGE, start))

    async def find(self, runtime_id: str) -> RuntimeLease | None:
        """Returns a runtime that lives."""
        try:
            runtime = await self._runtimes.get(runtime_id)
        except NotFoundError:
            return None
        return _lease(runtime) if runtime.status == "ready" and runtime.desired == "running" else None

    async def session(self, runtime_id: str, kernel_id: str, kernel_name: str) -> KernelSession:
        """Returns the door to a kernel. Raises UnavailableError when the runtime has ended."""
        try:
            runtime = await self._runtimes.ready(runtime_id)
        except (NotFoundError, GoneError) as error:
            raise UnavailableError(error.message, code="runtime_ended") from error
        return self._kernels.session(runtime, kernel_id, kernel_name)

    async def end(self, runtime_id: str, *, by: str) -> None:
        """Deletes a runtime of the account ``by``; does nothing to one of somebody else."""
        try:
            runtime = await self._runtimes.get(runtime_id)
        except NotFoundError:
            return
        if runtime.account_id == by:
            await self._runtimes.stop(runtime_id)

    def on_ended(self, listener: Listener) -> None:
        """Calls ``listener(runtime_id, reason, message)`` once for every runtime that ends."""
        self._listeners.append(listener)

    async def why_ended(self, runtime_id: str) -> tuple[str, str] | None:
        """Returns reason and message of a runtime that has ended."""
        try:
            runtime = await self._runtimes.get(runtime_id)
        except NotFoundError:
            return None
        return None if runtime.desired == "running" else _why(runtime)

    def on_ending(self, listener: Callable[[str], Awaitable[None]]) -> None:
        """Awaits ``listener(runtime_id)`` before a living runtime is ended."""
        self._runtimes.before_end(lambda runtime: listener(runtime.id))

    def on_warning(self, listener: Warned) -> None:
        """Calls ``listener(runtime_id, ends_at, ends_reason)`` when an end comes near or is off."""
        self._warned.append(listener)

    def look(
        self, wanted: Callable[[], Iterable[str]], take: Callable[[str, dict[str, Any]], None]
    ) -> Callable[[], None]:
        """Measures what ``wanted()`` names; returns what is called when it names more."""

        def told(runtime: Runtime, meter: Meter) -> None:
            take(runtime.id, meter.as_json())

        self._meters.add(Source(wanted, told))
        return self._meters.wake

    async def kills(self, runtime_id: str) -> Kills:
        """Returns what the provider counted."""
        stats = await self._runtimes.stats(runtime_id)
        return Kills(stats.oom_kills or 0, stats.disk_kills or 0, stats.memory_limit, stats.disk_limit)

    def note_execution(self, runtime_id: str) -> None:
        """Notes that something runs."""
        self._spawn(self._runtimes.executed(runtime_id))

    def note_input(self, runtime_id: str) -> None:
        """Notes deliberate input."""
        self._spawn(self._runtimes.used(runtime_id))

    def _changed(self, runtime: Runtime) -> None:
        if runtime.desired != "ended":
            lease = _lease(runtime)
            for warned in self._warned:
                warned(runtime.id, lease.ends_at, lease.ends_reason)
            return
        if runtime.id in self._told:
            return
        self._told.add(runtime.id)
        reason, message = _why(runtime)
        for listener in self._listeners:
            listener(runtime.id, reason, message)
        self._spawn(self._kernels.forget(runtime.id, GoneError(message, code="runtime_ended")))

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Waits for what is under way, for a moment: a guest that does not answer holds nobody up."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=CLOSE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


async def _quietly(work: Any) -> None:
    try:
        await work
    except LaboraError as error:
        get_logger("api").warning("runtime upkeep failed", code=error.error_code, error=error.message)


def _lease(runtime: Runtime) -> RuntimeLease:
    ends_at = None if runtime.ends_at is None else timestamp(runtime.ends_at)
    ends_reason = None if runtime.ends_reason is None else runtime.ends_reason.value
    return RuntimeLease(runtime.id, runtime.isolation, ends_at, ends_reason)


def _why(runtime: Runtime) -> tuple[str, str]:
    reason = runtime.exit_reason.value if runtime.exit_reason else "lost"
    return reason, runtime.message or "The runtime has ended."

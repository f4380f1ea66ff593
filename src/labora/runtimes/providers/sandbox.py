"""Runtimes in sandboxes of this machine, started by the host supervisor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from labora.host.client import HostClient
from labora.host.model import Exit, Handle, Limits
from labora.runtimes.model import Progress, ProviderExit, ProviderHandle, RuntimeSpec
from labora.runtimes.ports import Capabilities, ProgressCallback, Stats


class Images(Protocol):
    """Where images come from: prepared by this process (:mod:`labora.runtimes.providers.images`) or by another."""

    async def ready(self, name: str, progress: Callable[[str, float | None], None]) -> Path:
        """Waits until an image is prepared and returns its folder, telling progress meanwhile.

        Raises:
            NotFoundError: there is no image of this name.
            UnavailableError: its preparation failed; the message says why.
        """
        ...

    async def identity(self, name: str) -> str | None:
        """Returns what changes when the image is made anew; None while it is not ready."""
        ...


BACKGROUND_WEIGHT = 5
"""Of 100, which every runtime that is somebody's has."""


class SandboxProvider:
    """Asks the host supervisor, which outlives this process, for sandboxes.

    Args:
        host: client of the supervisor.
        images: where an image's folder comes from.
    """

    name = "sandbox"

    def __init__(self, host: HostClient, images: Images) -> None:
        self.images = images
        self._host = host

    async def start(self, spec: RuntimeSpec, progress: ProgressCallback) -> ProviderHandle:
        """Waits for the image, then starts the sandbox; its socket accepts at once."""
        folder = await self.images.ready(spec.image, lambda label, part: progress(Progress(label, part)))
        progress(Progress("Starting the runtime"))
        limits = _limits(spec)
        if spec.background:
            limits = replace(limits, weight=BACKGROUND_WEIGHT)
        handle = await self._host.start(
            spec.runtime_id, spec.generation, folder, limits, spec.deadline, spec.key, spec.env
        )
        return _handle(handle)

    async def foreground(self, spec: RuntimeSpec) -> None:
        """Gives it the weight of the others in its control group; without one it has had it all along."""
        await self._host.limit(spec.runtime_id, _limits(spec))

    async def image_identity(self, image: str) -> str | None:
        """Asks where images come from."""
        return await self.images.identity(image)

    async def stop(self, runtime_id: str, *, wipe: bool = True) -> None:
        """Kills the sandbox; with ``wipe`` its files go too."""
        await self._host.kill(runtime_id, wipe=wipe)

    async def list(self) -> Sequence[ProviderHandle]:
        """Returns what the host knows."""
        return [_handle(handle) for handle in await self._host.list()]

    async def stats(self, runtime_id: str) -> Stats:
        """Returns the host's measurements."""
        meter = await self._host.meter(runtime_id)
        return Stats(
            memory_bytes=meter.memory_bytes,
            memory_limit=meter.memory_limit or None,
            cpu_seconds=meter.cpu_seconds,
            processes=meter.processes,
            oom_kills=meter.oom_kills,
            disk_kills=meter.disk_kills,
            disk_bytes=meter.disk_bytes,
            disk_limit=meter.disk_limit or None,
        )

    async def set_deadline(self, runtime_id: str, deadline: float) -> None:
        """Moves the host's own deadline."""
        await self._host.deadline(runtime_id, deadline)

    async def capabilities(self) -> Capabilities:
        """Returns the host's isolation level and what would raise it."""
        info = await self._host.ping()
        return Capabilities(isolation=info.level, notes=tuple(note.message for note in info.notes), anonymous=True)

    async def close(self) -> None:
        """Nothing is held between calls."""


def _limits(spec: RuntimeSpec) -> Limits:
    return Limits(**spec.shape.as_json())


def _handle(handle: Handle) -> ProviderHandle:
    return ProviderHandle(
        runtime_id=handle.runtime_id,
        generation=handle.generation,
        socket=Path(handle.socket),
        isolation=handle.level,
        alive=handle.alive,
        exit=_exit(handle.exit),
        record={"pid": handle.pid, "slot": handle.slot, "started_at": handle.started_at, "boot_id": handle.boot_id},
    )


def _exit(exit_: Exit | None) -> ProviderExit | None:
    if exit_ is None:
        return None
    return ProviderExit(code=exit_.code, signal=exit_.signal, oom=exit_.oom, reason=exit_.reason)

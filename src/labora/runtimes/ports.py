"""What a provider of runtimes must do. Implementations are entry points in the group ``labora.runtime_providers``.

:class:`labora.testing.providers.ProviderConformance` holds an implementation to this contract.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from labora.runtimes.model import Progress, ProviderHandle, RuntimeSpec, WarmRuntime

ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider offers."""

    isolation: str
    """Level shown to the operator: ``a``, ``b``, ``none`` or a provider's own word."""
    accelerators: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What would raise the level, for the operator."""
    anonymous: bool = False
    """Whether a runtime may be started before it is known whose it will be. Without this there is no warm pool."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What a runtime uses, as the provider measures it; None where it cannot."""

    memory_bytes: int | None = None
    memory_limit: int | None = None
    cpu_seconds: float | None = None
    processes: int | None = None
    oom_kills: int | None = None
    disk_kills: int | None = None
    """Processes that were ended for writing beyond the disk, where it is watched and not bounded."""
    disk_bytes: int | None = None
    disk_limit: int | None = None


class Provider(Protocol):
    """Starts and ends runtimes. Every verb may be repeated; all raise UnavailableError when the provider is away."""

    name: str

    async def start(self, spec: RuntimeSpec, progress: ProgressCallback) -> ProviderHandle:
        """Starts a runtime and returns once its socket accepts connections.

        Idempotent by (runtime_id, generation): a repeat returns the running one. A runtime of the same id and an
        older generation is ended first.

        Raises:
            UnavailableError: it cannot be started now (image not ready, no slot, provider away).
            LaboraError: it can never be started so (unknown image).
        """
        ...

    async def foreground(self, spec: RuntimeSpec) -> None:
        """Gives a runtime that was started in the background the priority of any other. Raises NotFoundError."""
        ...

    async def image_identity(self, image: str) -> str | None:
        """Returns what a runtime of this image would start from now: another text once the image was made anew.

        None while it cannot start at once.
        """
        ...

    async def stop(self, runtime_id: str, *, wipe: bool = True) -> None:
        """Ends a runtime with everything in it; with ``wipe`` its files too. Does nothing for an unknown one."""
        ...

    async def list(self) -> Sequence[ProviderHandle]:
        """Returns every runtime it knows, ended ones with their exit until they are stopped."""
        ...

    async def stats(self, runtime_id: str) -> Stats:
        """Returns what a runtime uses. Raises NotFoundError for an unknown one."""
        ...

    async def set_deadline(self, runtime_id: str, deadline: float) -> None:
        """Moves the moment, in Unix seconds, at which the provider itself ends the runtime."""
        ...

    async def capabilities(self) -> Capabilities:
        """Returns what it offers on this machine."""
        ...

    async def close(self) -> None:
        """Releases what the provider holds in this process; its runtimes go on."""
        ...


class WarmUp(Protocol):
    """What the warm pool asks of guests; ``labora.kernels.service.Kernels`` in a server."""

    async def warm(self, runtime: WarmRuntime, kernel_id: str) -> None:
        """Starts a plain kernel and returns once it runs things at once; repeated, it finds the one that is there.

        Raises LaboraError when it does not come up.
        """
        ...

    def connected(self, runtime: WarmRuntime) -> bool:
        """Returns whether the guest is there right now, without asking it."""
        ...

    async def forget(self, runtime_id: str) -> None:
        """Lets go of a runtime that ends."""
        ...


ProviderFactory = Callable[[Any], Provider]
"""An entry point: called with the Settings."""

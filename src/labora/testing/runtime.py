"""A real runtime with real kernels, cheap enough for unit tests."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from labora.base.clock import SystemClock
from labora.base.ids import new_id, new_secret
from labora.kernels.service import GuestKernelSession, Kernels
from labora.runtimes.model import ProviderHandle, Runtime, RuntimeSpec, Shape
from labora.testing.providers import LocalProvider

_SHAPE = Shape(memory_bytes=4 << 30, cpus=2.0, processes=512)


class LocalRuntime:
    """Starts the agent as an ordinary subprocess for the length of an ``async with`` block.

    ``LABORA_TESTING_UNISOLATED=1`` must be set (the tests' conftest does). In the block :attr:`runtime` is a ready
    Runtime, :attr:`kernels` a Kernels, and :meth:`session` makes KernelSessions.

    Args:
        account_id: whose runtime it is.
        spool_bytes: what the agent holds of one kernel; small values bring backpressure early.
        any_port: whether streams lead to any port of the machine, or only to those of the runtime's programs.
    """

    def __init__(self, *, account_id: str = "account", spool_bytes: int | None = None, any_port: bool = True) -> None:
        self.provider = LocalProvider(spool_bytes=spool_bytes, any_port=any_port)
        self.kernels = Kernels()
        self.runtime: Runtime
        self.handle: ProviderHandle
        self._account_id = account_id

    async def __aenter__(self) -> Self:
        spec = RuntimeSpec(new_id(), 1, self._account_id, "test", _SHAPE, new_secret(), time.time() + 3600)
        self.handle = await self.provider.start(spec, lambda _progress: None)
        self.runtime = Runtime(
            id=spec.runtime_id,
            account_id=self._account_id,
            provider=self.provider.name,
            image=spec.image,
            shape=spec.shape,
            desired="running",
            status="ready",
            generation=spec.generation,
            created_at=SystemClock().now(),
            key=spec.key,
            socket=self.handle.socket,
            isolation=self.handle.isolation,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kernels.close()
        await self.provider.close()

    def session(self, kernel_id: str | None = None, name: str = "python3") -> GuestKernelSession:
        """Returns the kernel of this id (a fresh one by default); call ``start(cwd=self.cwd)`` on it."""
        return self.kernels.session(self.runtime, kernel_id or new_id(), name)

    @property
    def cwd(self) -> str:
        """The runtime's working folder, which stands for /content."""
        return str(self.handle.socket.parent / "content")

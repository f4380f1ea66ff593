"""What the rest of the control plane knows of a kernel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class KernelMessage:
    """One numbered message of a guest (docs/protocols.md, section 3).

    Attributes:
        size: bytes that it took on the channel; 0 for one that the control plane made itself.
    """

    n: int
    execution_id: str | None
    channel: str
    type: str
    content: dict[str, Any]
    metadata: dict[str, Any] = field(default_factory=dict)
    buffers: tuple[bytes, ...] = ()
    size: int = 0


@dataclass(frozen=True, slots=True)
class KernelInfo:
    """State of one kernel as its guest tells it."""

    kernel_id: str
    status: str
    pid: int | None
    last: int
    life: int
    language: dict[str, str] | None = None


Sink = Callable[[list[KernelMessage]], Awaitable[None]]
"""Takes a batch in order. While it is awaited nothing more is delivered to it: this is the backpressure."""


class KernelSession(Protocol):
    """One kernel of one runtime, for one notebook. Every verb raises UnavailableError when the guest is gone."""

    kernel_id: str
    runtime_id: str

    async def start(self, *, cwd: str = "/content") -> KernelInfo:
        """Starts the kernel, or returns the one that already runs under this id."""
        ...

    async def info(self) -> KernelInfo:
        """Returns how the kernel stands, without starting it."""
        ...

    async def attach(self, after: int, sink: Sink, *, interval_s: float = 0.0) -> None:
        """Delivers every message numbered above ``after`` to ``sink``, over reconnections, without gap or repeat.

        A flood comes in batches ``interval_s`` seconds apart; ends and questions come at once.
        """
        ...

    async def ack(self, n: int) -> None:
        """Says that everything up to ``n`` is durable."""
        ...

    async def execute(self, execution_id: str, code: str, *, allow_stdin: bool = True) -> None:
        """Queues ``code`` in the kernel; idempotent by ``execution_id``."""
        ...

    async def executions(self) -> dict[str, str]:
        """Returns the status of every execution of the kernel's current life."""
        ...

    async def interrupt(self) -> None: ...

    async def restart(self) -> KernelInfo: ...

    async def shutdown(self) -> None: ...

    async def input(self, execution_id: str, request_id: str, value: str) -> None: ...

    async def complete(self, code: str, cursor: int) -> dict[str, Any]:
        """Returns the content of ``complete_reply``; ``cursor`` counts code points."""
        ...

    async def inspect(self, code: str, cursor: int, detail: int = 0) -> dict[str, Any]:
        """Returns the content of ``inspect_reply``; ``cursor`` counts code points."""
        ...

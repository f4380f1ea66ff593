"""What the rest of the control plane knows of a kernel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class KernelMessage:
    """One numbered message of a guest (docs/protocols.md, section 3).

    Attributes:
        call_id: the comm message or call of a page that caused it; None for what an execution says itself.
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
    call_id: str | None = None

    @property
    def parent_id(self) -> str:
        """Id of the message that caused it as the kernel knows it; what an ``OutputModel`` holds as ``msg_id``."""
        if self.call_id is None:
            return f"labora-exec-{self.execution_id}" if self.execution_id is not None else ""
        return f"labora-comm-{self.call_id}" + (f".{self.execution_id}" if self.execution_id is not None else "")


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

    async def comm(
        self,
        message_id: str,
        kind: str,
        content: dict[str, Any],
        *,
        execution_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        buffers: Sequence[bytes] = (),
    ) -> None:
        """Sends a message of a comm; ``comm_done`` follows when the kernel has dealt with it.

        Idempotent by ``message_id``. What it causes is output of ``execution_id``.
        """
        ...

    async def evaluate(
        self, call_id: str, expressions: dict[str, str], *, execution_id: str | None = None
    ) -> dict[str, Any]:
        """Evaluates expressions once the kernel is free, however long that takes; returns ``user_expressions``."""
        ...

    async def answer(self, ask_id: str, answer: dict[str, Any]) -> None:
        """Answers what a program asks. Raises GoneError when it no longer waits."""
        ...

    async def inspect(self, code: str, cursor: int, detail: int = 0) -> dict[str, Any]:
        """Returns the content of ``inspect_reply``; ``cursor`` counts code points."""
        ...

"""Takes a kernel's messages and lets a test wait for what it expects."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from labora.kernels.model import KernelMessage, KernelSession


async def eventually(holds: Callable[[], bool | Awaitable[bool]], timeout_s: float = 60.0) -> None:
    """Waits until something outside this process is so. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while True:
            found = holds()
            if found if isinstance(found, bool) else await found:
                return
            # Another process's state has no event to wait for.
            await asyncio.sleep(0.02)


class Recorder:
    """Everything that one kernel said, in order.

    Args:
        session: acknowledged up to each message that was taken, unless ``acknowledge`` is false.
        acknowledge: whether messages are durable once they are here.
    """

    def __init__(self, session: KernelSession, *, acknowledge: bool = True) -> None:
        self.session = session
        self.messages: list[KernelMessage] = []
        self.open = asyncio.Event()
        """Cleared by a test to be a reader that takes nothing."""
        self.open.set()
        self._acknowledge = acknowledge
        self._changed = asyncio.Condition()

    async def attach(self, after: int = 0) -> None:
        """Begins to take messages."""
        await self.session.attach(after, self._take)

    async def _take(self, batch: list[KernelMessage]) -> None:
        await self.open.wait()
        self.messages.extend(batch)
        if self._acknowledge:
            await self.session.ack(batch[-1].n)
        async with self._changed:
            self._changed.notify_all()

    async def until(self, found: Callable[[KernelMessage], bool], timeout_s: float = 60.0) -> KernelMessage:
        """Returns the first message for which ``found`` holds, waiting for it. Raises TimeoutError."""
        seen = 0
        async with asyncio.timeout(timeout_s), self._changed:
            while True:
                for message in self.messages[seen:]:
                    if found(message):
                        return message
                seen = len(self.messages)
                await self._changed.wait()

    async def done(self, execution_id: str, timeout_s: float = 60.0) -> KernelMessage:
        """Waits until an execution has ended and returns its ``done``."""
        return await self.until(lambda m: m.type == "done" and m.execution_id == execution_id, timeout_s)

    async def run(self, execution_id: str, code: str, timeout_s: float = 60.0) -> KernelMessage:
        """Executes ``code`` and waits for its end."""
        await self.session.execute(execution_id, code)
        return await self.done(execution_id, timeout_s)

    def text(self, execution_id: str | None = None, name: str = "stdout") -> str:
        """Returns the stream text of one execution, or of all."""
        return "".join(
            message.content["text"]
            for message in self.messages
            if message.type == "stream"
            and message.content["name"] == name
            and execution_id in (None, message.execution_id)
        )

    def of_type(self, kind: str) -> list[KernelMessage]:
        """Returns the messages of one type."""
        return [message for message in self.messages if message.type == kind]

    @property
    def numbers(self) -> list[int]:
        """Returns the numbers in the order in which they came."""
        return [message.n for message in self.messages]

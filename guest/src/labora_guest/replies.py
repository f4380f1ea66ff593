"""Questions to a kernel that are no executions, and its replies."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, Callable

from labora_guest.spec import KernelError

REPLY_S = 15.0


def busy() -> KernelError:
    """Returns the error of a question that the kernel does not come to."""
    return KernelError("kernel_busy", "The kernel is busy; try again when the cell has finished.")


def dead() -> KernelError:
    """Returns the error of what a kernel is asked that has ended."""
    return KernelError("kernel_dead", "The kernel has ended; restart it.")


class Replies:
    """The replies that are waited for."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}

    async def ask(self, send: Callable[[str], None]) -> dict[str, Any]:
        """Sends a question under a new message id and returns the content of its reply.

        Raises:
            KernelError: ``kernel_busy`` when none comes in time, ``kernel_dead`` when the kernel ends before.
        """
        message_id = "ask-" + secrets.token_hex(8)
        future = self._waiting[message_id] = asyncio.get_running_loop().create_future()
        send(message_id)
        try:
            return await asyncio.wait_for(future, REPLY_S)
        except asyncio.TimeoutError:
            raise busy() from None
        finally:
            self._waiting.pop(message_id, None)

    def heard(self, parent_id: str, content: dict[str, Any]) -> None:
        """Hands a reply to whoever waits for it, if anyone does."""
        future = self._waiting.get(parent_id)
        if future is not None and not future.done():
            future.set_result(content)

    def end(self) -> None:
        """Tells everybody who waits that the kernel has ended."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(dead())
        self._waiting.clear()

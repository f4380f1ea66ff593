"""Finds out that everything that a kernel has said so far has arrived."""

from __future__ import annotations

import asyncio
import secrets
from typing import Callable

MARK_S = 1.0


class Marks:
    """Requests whose end on iopub comes behind whatever the kernel's publisher was given before.

    Args:
        send: sends ``kernel_info_request`` on the control channel under a message id; IPython's kernels answer there
            while a cell runs, through the same publisher.
    """

    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send
        self._waiting: dict[str, asyncio.Future[None]] = {}

    async def passed(self) -> None:
        """Returns when a request that is sent now has passed, or after a second: Python itself may be held up."""
        mark = "mark-" + secrets.token_hex(8)
        future = self._waiting[mark] = asyncio.get_running_loop().create_future()
        self._send(mark)
        try:
            await asyncio.wait_for(future, MARK_S)
        except asyncio.TimeoutError:
            return
        finally:
            del self._waiting[mark]

    def heard_idle(self, parent_id: str) -> None:
        """Takes note of what ended on iopub."""
        future = self._waiting.get(parent_id)
        if future is not None and not future.done():
            future.set_result(None)

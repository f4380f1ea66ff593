"""What the programs of one kernel ask of the server, until it is answered, given up or too late."""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
from typing import Any, Callable

MAX_WAITING = 64
LONGEST_S = 7 * 24 * 3600.0

Tell = Callable[[str, Any, "str | None"], None]
"""Puts a message of the agent into the kernel's spool: type, content, execution."""


def refused(code: str, message: str) -> dict[str, Any]:
    """Returns the answer of an ask that is not done."""
    return {"ok": False, "code": code, "message": message}


class Asks:
    """Asks by ids of our own.

    Args:
        tell: tells the control plane.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._waiting: dict[str, tuple[asyncio.Future[dict[str, Any]], dict[str, Any], str | None]] = {}

    async def ask(self, kind: str, content: Any, timeout_s: Any, execution: str | None) -> dict[str, Any]:
        """Asks and returns the answer. Whoever cancels this gives up; the server is told.

        Args:
            kind: what is asked.
            content: as the kind wants it.
            timeout_s: seconds to wait; as long as it takes for what is no positive number.
            execution: what runs.
        """
        if len(self._waiting) >= MAX_WAITING:
            return refused("too_many_asks", f"{MAX_WAITING} questions of this kernel wait already.")
        ask_id = "ask-" + secrets.token_hex(8)
        seconds = _seconds(timeout_s)
        message = {"ask_id": ask_id, "kind": kind, "content": content, "timeout_s": seconds}
        future = asyncio.get_running_loop().create_future()
        self._waiting[ask_id] = (future, message, execution)
        self._tell("ask", message, execution)
        try:
            return await asyncio.wait_for(future, seconds)
        except asyncio.TimeoutError:
            return refused("timeout", "Nobody answered in time.")
        finally:
            if self._waiting.pop(ask_id, None) is not None:
                self._tell("ask_gone", {"ask_id": ask_id}, execution)

    def again(self) -> None:
        """Tells the control plane of everything that waits once more: it may have been started anew."""
        for _, message, execution in self._waiting.values():
            self._tell("ask", message, execution)

    def answer(self, ask_id: str, answer: dict[str, Any]) -> bool:
        """Gives an answer; returns False when nobody waits for it."""
        waiting = self._waiting.pop(ask_id, None)
        if waiting is None or waiting[0].done():
            return False
        waiting[0].set_result(answer)
        return True

    def end(self) -> None:
        """Refuses everything that waits: the kernel has ended."""
        for ask_id, (future, _, execution) in list(self._waiting.items()):
            self._tell("ask_gone", {"ask_id": ask_id}, execution)
            with contextlib.suppress(asyncio.InvalidStateError):
                future.set_result(refused("kernel_dead", "The kernel has ended."))
        self._waiting.clear()


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return min(seconds, LONGEST_S) if math.isfinite(seconds) and seconds > 0 else None

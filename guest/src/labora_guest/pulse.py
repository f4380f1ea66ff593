"""Whether a busy kernel still answers."""

from __future__ import annotations

import asyncio
import secrets
from typing import Callable

_ALIVE = "alive-"
EVERY_S = 5.0


class Pulse:
    """For how long a kernel has owed an answer on its control channel."""

    def __init__(self) -> None:
        self._asked: float | None = None
        self._answered = 0.0

    def reset(self) -> None:
        """Expects no answer any more."""
        self._asked = None

    def silent_s(self, ask: Callable[[str], None]) -> float:
        """Returns the seconds; asks, with a message id of its own, when no answer is owed and none came lately."""
        now = asyncio.get_running_loop().time()
        if self._asked is None:
            if now - self._answered < EVERY_S:
                return 0.0
            self._asked = now
            ask(_ALIVE + secrets.token_hex(8))
        return round(now - self._asked, 1)

    def heard(self, parent_id: str) -> bool:
        """Notes an answer; returns False when it is to another question."""
        if not parent_id.startswith(_ALIVE):
            return False
        self._asked, self._answered = None, asyncio.get_running_loop().time()
        return True

"""How often something may happen: at once while it is rare, evenly while there is much of it."""

from __future__ import annotations

import asyncio


class Pace:
    """Lets ``burst`` steps pass, then one each ``interval_s`` seconds; what is not used is saved up, to ``burst``."""

    def __init__(self, burst: int, interval_s: float) -> None:
        self._burst = float(burst)
        self._interval_s = interval_s
        self._left = self._burst
        self._last = 0.0

    async def step(self) -> None:
        """Returns when the next step may be taken."""
        if self._interval_s <= 0:
            return
        loop = asyncio.get_running_loop()
        self._left = min(self._burst, self._left + (loop.time() - self._last) / self._interval_s)
        if self._left < 1:
            await asyncio.sleep((1 - self._left) * self._interval_s)
            self._left = 1.0
        self._left -= 1
        self._last = loop.time()

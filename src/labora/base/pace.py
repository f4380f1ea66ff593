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

    def delay(self) -> float:
        """Returns how many seconds from now the next step may be taken."""
        if self._interval_s <= 0:
            return 0.0
        now = asyncio.get_running_loop().time()
        self._left = min(self._burst, self._left + (now - self._last) / self._interval_s)
        self._last = now
        return max(0.0, (1 - self._left) * self._interval_s)

    def take(self) -> None:
        """Counts a step, whether it was due or could not wait."""
        self._left = max(0.0, self._left - 1)

    async def step(self) -> None:
        """Returns when the next step may be taken, and counts it."""
        if (delay := self.delay()) > 0:
            await asyncio.sleep(delay)
            self.delay()
        self.take()

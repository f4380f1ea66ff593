"""How often an account may do what reaches other people."""

from __future__ import annotations

from collections import deque

from labora.base.clock import Clock
from labora.base.errors import RateLimitedError


class Pace:
    """Counts in memory: a restart forgives, which is no way to go faster that anybody could use.

    Args:
        limit: times within ``window_s`` seconds.
        message: what who is too fast reads.
    """

    def __init__(self, clock: Clock, limit: int, window_s: float, message: str) -> None:
        self._clock = clock
        self._limit = limit
        self._window_s = window_s
        self._message = message
        self._times: dict[str, deque[float]] = {}

    def take(self, account_id: str) -> None:
        """Counts one time. Raises RateLimitedError, which is not counted."""
        now = self._clock.monotonic()
        times = self._times.setdefault(account_id, deque())
        while times and times[0] <= now - self._window_s:
            times.popleft()
        if len(times) >= self._limit:
            raise RateLimitedError(self._message, retry_after=times[0] + self._window_s - now)
        times.append(now)

"""Limits on guessing: so many tries per account and address, so many per address.

An account is counted per address, so nobody can lock somebody else out from afar. Tries are counted for names that do
not exist too, and the answer is the same.
"""

from __future__ import annotations

import hashlib
import ipaddress
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from labora.accounts import store
from labora.base.clock import Clock, parse_timestamp, timestamp
from labora.base.errors import RateLimitedError
from labora.base.settings import AccountSettings


class GuessLimit:
    """Counts tries in the database, so a restart forgets nothing."""

    def __init__(self, settings: AccountSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    async def take(self, connection: AsyncConnection, name: str, address: str) -> str:
        """Counts one try before it is made; returns the moment that :meth:`forgive` wants.

        Raises RateLimitedError when there were too many; such a try is not counted.
        """
        now = self._clock.now()
        window = timedelta(seconds=self._settings.attempts_window_s)
        limits = (
            (_pair(name, address), self._settings.attempts_per_account),
            (_address(address), self._settings.attempts_per_address),
        )
        for subject, allowed in limits:
            tries = await store.attempts_since(connection, subject, timestamp(now - window))
            if len(tries) >= allowed:
                free_at = parse_timestamp(tries[-allowed]) + window
                wait = max(1.0, (free_at - now).total_seconds())
                raise RateLimitedError(
                    f"Too many failed tries. Wait {round(wait / 60) or 1} min, then try again.", retry_after=wait
                )
        at = timestamp(now)
        await store.add_attempts(connection, [subject for subject, _ in limits], at)
        return at

    async def forgive(self, connection: AsyncConnection, name: str, address: str, at: str) -> None:
        """Takes back the try made at ``at``, which succeeded, and the failures of this name from this address."""
        await store.forget_attempts(connection, _pair(name, address))
        await store.forget_attempts(connection, _address(address), at=at)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _network(address: str) -> str:
    # One IPv6 customer holds a whole /64.
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _pair(name: str, address: str) -> str:
    return _digest(f"account:{name}@{_network(address)}")


def _address(address: str) -> str:
    return _digest(f"address:{_network(address)}")

"""Who is where: coalesced, bounded, and with identities that only the server writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from labora.base.errors import InvalidError, RateLimitedError, TooLargeError
from labora.notebook.jsontext import load_bounded
from labora.rooms.subscriber import Lane, Subscriber, json_frame

MAX_DEPTH = 16
FLOOD_FACTOR = 50
"""A client that sends this many times the allowed rate is closed instead of coalesced."""


class Presence:
    """Presence of one room. Every client's latest state goes out, at most ``per_s`` times a second.

    Args:
        subscribers: returns those who are told.
        max_bytes: largest message of a client.
        per_s: messages of one client that pass on each second.
    """

    def __init__(self, subscribers: Callable[[], Iterable[Subscriber]], *, max_bytes: int, per_s: float) -> None:
        self._subscribers = subscribers
        self._max_bytes = max_bytes
        self._per_s = per_s
        self._changed: dict[str, Subscriber] = {}
        self._counts: dict[str, tuple[float, int]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def receive(self, subscriber: Subscriber, body: bytes) -> None:
        """Takes a client's state.

        Raises TooLargeError, InvalidError or RateLimitedError for what a well-behaved client never sends.
        """
        if len(body) > self._max_bytes:
            raise TooLargeError("A presence message is too large.", details={"limit": self._max_bytes})
        now = asyncio.get_running_loop().time()
        since, count = self._counts.get(subscriber.id, (now, 0))
        if now - since >= 1:
            since, count = now, 0
        self._counts[subscriber.id] = (since, count + 1)
        if count >= self._per_s * FLOOD_FACTOR:
            raise RateLimitedError("Too many presence messages.", retry_after=1)
        subscriber.presence = _checked(body)
        self._note(subscriber)

    def everyone(self) -> bytes:
        """Returns the frame that tells a newcomer who is here."""
        clients = [_entry(other, other.presence or {}) for other in self._subscribers()]
        return json_frame(Lane.PRESENCE, {"clients": clients})

    def joined(self, subscriber: Subscriber) -> None:
        """Tells the others that a client came."""
        subscriber.presence = {}
        self._note(subscriber)

    def left(self, subscriber: Subscriber) -> None:
        """Tells the others that a client went."""
        subscriber.presence = None
        self._counts.pop(subscriber.id, None)
        self._note(subscriber)

    def close(self) -> None:
        """Stops the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _note(self, subscriber: Subscriber) -> None:
        self._changed[subscriber.id] = subscriber
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(1 / self._per_s, self._flush)

    def _flush(self) -> None:
        self._timer = None
        changed, self._changed = self._changed, {}
        entries = [(other.id, _entry(other, other.presence)) for other in changed.values()]
        for subscriber in self._subscribers():
            theirs = [entry for key, entry in entries if key != subscriber.id]
            if theirs:
                subscriber.send(json_frame(Lane.PRESENCE, {"clients": theirs}))


def _entry(subscriber: Subscriber, state: dict[str, Any] | None) -> dict[str, Any]:
    return {"client_id": subscriber.client_id, "account": subscriber.account, "state": state}


def _checked(body: bytes) -> dict[str, Any]:
    try:
        # Bounded and without NaN: what one client sends here, every other client's parser has to take.
        given = load_bounded(body.decode(), max_depth=MAX_DEPTH)
    except (ValueError, InvalidError, TooLargeError) as error:
        raise InvalidError("A presence message is not JSON.") from error
    if not isinstance(given, dict):
        raise InvalidError("A presence message is not an object.")
    cell_id = given.get("cell_id")
    state: dict[str, Any] = {
        "cell_id": cell_id if isinstance(cell_id, str) else None,
        "idle": given.get("idle") is True,
    }
    for key in ("anchor", "head"):
        value = given.get(key)
        state[key] = value if isinstance(value, dict) else None
    return state

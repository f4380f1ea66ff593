"""Looking names up without keeping anybody waiting: neither a host that starts nor one that ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterable

Place = tuple[str, int]


async def look_up(places: Iterable[Place], timeout_s: float) -> dict[Place, list[str]]:
    """Returns the IPv4 addresses of names, as far as they are found in time.

    Threads of its own do it: those of the loop are waited for when the process ends, and a resolver that does not
    answer takes its time.
    """
    loop = asyncio.get_running_loop()
    found: dict[Place, list[str]] = {}

    def ask(place: Place, done: asyncio.Future[list[str]]) -> None:
        addresses: set[str] = set()
        with contextlib.suppress(OSError, UnicodeError):
            items = socket.getaddrinfo(*place, family=socket.AF_INET, type=socket.SOCK_STREAM)
            addresses = {str(item[4][0]) for item in items}
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(_settle, done, sorted(addresses))

    waiting: dict[Place, asyncio.Future[list[str]]] = {}
    for place in places:
        waiting[place] = loop.create_future()
        threading.Thread(target=ask, args=(place, waiting[place]), daemon=True).start()
    if waiting:
        await asyncio.wait(waiting.values(), timeout=timeout_s)
    for place, done in waiting.items():
        if done.done() and done.result():
            found[place] = done.result()
    return found


def _settle(done: asyncio.Future[list[str]], addresses: list[str]) -> None:
    if not done.done():
        done.set_result(addresses)

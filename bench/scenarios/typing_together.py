"""Many people typing in one notebook. No browser."""

from __future__ import annotations

import asyncio
import time

from bench.model import AtMost, Figure, Scenario, Values
from bench.peers.base import Cell, Peer
from bench.peers.labora import Labora
from bench.processes import cpu_seconds
from bench.typist import Typist, clocks
from labora.testing.client import RoomClient

CELLS = 20
SECONDS = 10
EACH_ACCOUNT = 50
"""Typists of one account: a server lets an account have a hundred open pages."""
LATE_S = 10.0


class TypingTogether(Scenario):
    """One character a second each; when it is durable, and when another page has it."""

    name = "typists"
    title = f"50 and 150 headless typists in one notebook of {CELLS} cells, one character a second each, {SECONDS} s"
    figures = (
        Figure("saved50", "Edit acknowledged as durable, 50 typists", "ms", AtMost(100, "p95")),
        Figure("seen50", "Keystroke seen by another page, 50 typists", "ms"),
        Figure("saved150", "Edit acknowledged as durable, 150 typists", "ms"),
        Figure("seen150", "Keystroke seen by another page, 150 typists", "ms", AtMost(200, "p95")),
        Figure("cpu150", "Server's share of a core, 150 typists", "%"),
        Figure("driver150", "Harness's share of a core, 150 typists", "%"),
    )
    rounds = 2

    async def measure(self, peer: Peer, turn: str) -> Values:
        """A notebook of its own for each number of typists."""
        assert isinstance(peer, Labora)
        values: Values = {}
        for typists in (50, 150):
            for key, found in (await together(peer, f"{turn}x{typists}", typists)).items():
                values[f"{key}{typists}"] = found
        return values


async def together(peer: Labora, turn: str, typists: int) -> Values:
    """Lets ``typists`` type; raises RuntimeError when an edit was lost or a socket closed."""
    owner = await peer.person(f"y{turn}")
    path = await peer.notebook(owner, "together", [Cell(f"x = {at}") for at in range(CELLS)])
    file_id = path.rpartition("/")[2]
    tokens = []
    for at in range(-(-typists // EACH_ACCOUNT)):
        person = await peer.person(f"y{turn}x{at}")
        await peer.share(owner, path, person)
        tokens.append(peer.server.tokens[person.login])
    async with peer.page(owner, path).open() as observer:
        base = observer.doc.get_update()
        people = [Typist(base, f"cell-{at % CELLS}") for at in range(typists)]
        try:
            for at, typist in enumerate(people):
                await typist.open(peer.url, tokens[at // EACH_ACCOUNT], file_id)
            return await _type(peer, observer, people)
        finally:
            for typist in people:
                typist.close()


async def _type(peer: Labora, observer: RoomClient, people: list[Typist]) -> Values:
    eye = Eye(observer, people)
    looking = asyncio.create_task(observer.until(eye.seen_all, SECONDS + LATE_S))
    began, server, own = time.perf_counter(), cpu_seconds(peer.server.pid), time.process_time()
    await asyncio.gather(*(_keys(typist, at / len(people)) for at, typist in enumerate(people)))
    took = time.perf_counter() - began
    share = 100 * (cpu_seconds(peer.server.pid) - server) / took
    driver = 100 * (time.process_time() - own) / took
    await looking
    async with asyncio.timeout(LATE_S):
        while any(len(typist.saved) < SECONDS for typist in people):
            if closed := sum(typist.closed for typist in people):
                raise RuntimeError(f"{closed} of {len(people)} sockets were closed.")
            await asyncio.sleep(0.05)
    saved = [value for typist in people for value in typist.saved]
    return {"saved": saved, "seen": eye.seen, "cpu": [share], "driver": [driver]}


class Eye:
    """Notes when another page has what was typed.

    Attributes:
        seen: milliseconds from each keystroke until the page had it.
    """

    def __init__(self, page: RoomClient, people: list[Typist]) -> None:
        self._page = page
        self._people = {typist.client_id: typist for typist in people}
        self._known = dict.fromkeys(self._people, 0)
        self.seen: list[float] = []

    def seen_all(self) -> bool:
        """Looks; returns whether everything of everybody has come. Called after each frame of the page."""
        now = time.perf_counter()
        for client_id, clock in clocks(self._page.doc.get_state()).items():
            if client_id in self._people:
                sent = self._people[client_id].sent
                self.seen.extend((now - at) * 1e3 for at in sent[self._known[client_id] : clock])
                self._known[client_id] = clock
        return len(self.seen) == SECONDS * len(self._people)


async def _keys(typist: Typist, offset: float) -> None:
    """Types on the beat, a fraction of a second after the others."""
    loop = asyncio.get_running_loop()
    first = loop.time() + offset
    for at in range(SECONDS):
        await asyncio.sleep(max(0.0, first + at - loop.time()))
        typist.type("a")

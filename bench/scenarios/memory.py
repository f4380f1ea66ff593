"""What accounts cost while they do nothing. No browser."""

from __future__ import annotations

import asyncio

from bench.model import LABORA, AtMost, Figure, Ratio, Scenario, Values
from bench.peers.base import Cell, Peer
from bench.peers.labora import Labora, run_once
from bench.processes import pss_mb

PEOPLE = 10
SETTLED_S = 6.0


class IdleMemory(Scenario):
    """Accounts with one kernel each that has run one cell."""

    name = "idle-memory"
    title = f"memory (PSS) of {PEOPLE} idle accounts with one kernel each"
    peers = ("jupyterhub", LABORA)
    figures = (
        Figure(
            "account", "An idle account with one kernel, its part of everything", "MB", Ratio(0.55, ("jupyterhub",))
        ),
        Figure("more", "Each account beyond the empty server", "MB"),
        Figure("empty", "The empty server", "MB"),
    )
    rounds = 1
    alone = True
    limit_s = 300.0

    async def measure(self, peer: Peer, turn: str) -> Values:
        """All processes of the server and of everybody's kernels."""
        empty = pss_mb(peer.processes())
        people = [await peer.person(f"m{turn}x{at}") for at in range(PEOPLE)]
        for person in people:
            await peer.first_output(person, "idle")
        await asyncio.sleep(SETTLED_S)
        everything = pss_mb(peer.processes())
        return {"account": [everything / PEOPLE], "more": [(everything - empty) / PEOPLE], "empty": [empty]}


class SecondKernel(Scenario):
    """A second notebook on the same machine."""

    name = "second-kernel"
    title = "memory (PSS) that a second idle kernel adds to an account's machine"
    figures = (
        Figure("second", "A second kernel", "MB", AtMost(50)),
        Figure("machine", "The machine with the first", "MB"),
    )
    rounds = 2
    alone = True

    async def measure(self, peer: Peer, turn: str) -> Values:
        """Two notebooks of one account, each of which has run one cell."""
        assert isinstance(peer, Labora)
        person = await peer.person(f"p{turn}")
        paths = [await peer.notebook(person, name, [Cell("1+1")]) for name in ("one", "two")]
        try:
            async with peer.page(person, paths[0]).open() as one, peer.page(person, paths[1]).open() as two:
                await run_once(one)
                await asyncio.sleep(SETTLED_S)
                machine = pss_mb(peer.runtime_processes())
                await run_once(two)
                await asyncio.sleep(SETTLED_S)
                both = pss_mb(peer.runtime_processes())
        finally:
            await peer.end(person)
        return {"second": [both - machine], "machine": [machine]}

"""Machines of accounts: starting, taking one that stands ready, starting at once, resetting. No browser."""

from __future__ import annotations

import asyncio
import time

from bench.model import LABORA, AtMost, Figure, Ratio, Scenario, Values
from bench.peers.base import Cell, Peer, Person
from bench.peers.labora import Labora, run_once
from bench.processes import timed

PEOPLE = 10


class ColdStart(Scenario):
    """A run for which a machine has to be started."""

    name = "cold"
    title = "1+1 of an account without a machine: command to output, over the room socket"
    figures = (Figure("output", "Cold start to first output", "s", AtMost(1.5)),)
    rounds = 5

    async def measure(self, peer: Peer, turn: str) -> Values:
        """A fresh account whose machine nothing stands ready for."""
        assert isinstance(peer, Labora)
        person = await peer.person(f"c{turn}")
        await peer.full_pool()
        await peer.make_odd(person)
        try:
            return {"output": [await peer.first_output(person, "cold")]}
        finally:
            await peer.end(person)


class Claim(Scenario):
    """A run for which a machine stands ready."""

    name = "claim"
    title = "1+1 of an account without a machine while the pool is full: command to output, over the room socket"
    figures = (Figure("reply", "Warm claim to first reply", "ms", AtMost(50)),)
    rounds = 10
    warm_up = 1

    async def measure(self, peer: Peer, turn: str) -> Values:
        """A fresh account, once a machine stands ready."""
        assert isinstance(peer, Labora)
        person = await peer.person(f"w{turn}")
        await peer.full_pool()
        try:
            return {"reply": [await peer.first_output(person, "warm") * 1e3]}
        finally:
            await peer.end(person)


class TenAtOnce(Scenario):
    """A class that begins."""

    name = "ten"
    title = f"first runs of {PEOPLE} accounts at once, nothing running before: until the last has its output"
    peers = ("jupyterhub", LABORA)
    figures = (
        Figure("last", f"{PEOPLE} first runs at once, until the last output", "s", Ratio(0.15, ("jupyterhub",))),
        Figure("each", "Each of them", "s"),
    )
    rounds = 2
    limit_s = 400.0

    async def measure(self, peer: Peer, turn: str) -> Values:
        """Fresh accounts."""
        people = [await peer.person(f"t{turn}x{at}") for at in range(PEOPLE)]
        try:
            began = time.perf_counter()
            each = await asyncio.gather(*(peer.first_output(person, "first") for person in people))
            return {"last": [time.perf_counter() - began], "each": list(each)}
        finally:
            await asyncio.gather(*(peer.end(person) for person in people))


class Reset(Scenario):
    """Reset gives the original state back."""

    name = "reset"
    title = "reset of a machine with a used kernel, until a cell runs on the new one"
    figures = (
        Figure("again", "Reset until a cell has run again", "s", AtMost(2.0)),
        Figure("answered", "Reset until it is answered", "s"),
    )
    rounds = 5

    async def measure(self, peer: Peer, turn: str) -> Values:
        """A fresh account, whose first reset this is."""
        assert isinstance(peer, Labora)
        person: Person = await peer.person(f"r{turn}")
        path = await peer.notebook(person, "reset", [Cell("1+1")])
        try:
            async with peer.page(person, path).open() as page:
                await run_once(page)
                began = time.perf_counter()
                answered = await timed(peer.reset(person))
                await run_once(page)
                return {"again": [time.perf_counter() - began], "answered": [answered]}
        finally:
            await peer.end(person)

"""From the press on "Sign in" to the first output, for somebody for whom nothing runs yet."""

from __future__ import annotations

from bench.browser import in_browser
from bench.model import LABORA, Figure, Ratio, Scenario, Values
from bench.peers.base import Cell, Peer


class SignIn(Scenario):
    """What a course sees at nine in the morning."""

    name = "sign-in"
    title = "sign-in to first output of 1+1, nothing running before"
    peers = ("jupyterhub", LABORA)
    figures = (
        Figure("output", "Sign-in to first output", "s", Ratio(0.35, ("jupyterhub",))),
        Figure("editor", "Sign-in to a caret in the cell", "s"),
    )
    warm_up = 1

    async def measure(self, peer: Peer, turn: str) -> Values:
        """A fresh account and a fresh browser."""
        person = await peer.person(f"s{turn}")
        path = await peer.notebook(person, "first", [Cell("1+1")])
        try:
            seen = await in_browser(peer, person, path, "sign-in")
        finally:
            await peer.end(person)
        return {"output": [seen["output_ms"] / 1e3], "editor": [seen["editor_ms"] / 1e3]}

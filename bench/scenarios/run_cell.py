"""From the key press to the output in the page."""

from __future__ import annotations

from bench.browser import in_browser
from bench.model import LABORA, Figure, Ratio, Scenario, Values
from bench.peers.base import Cell, Peer


class RunCell(Scenario):
    """What is felt most often."""

    name = "run"
    title = "1+1 in a warm kernel: key press to new output in the page"
    peers = ("jupyterhub", "jupyverse", LABORA)
    figures = (Figure("output", "Key to output", "ms", Ratio(1.1, ("jupyterhub", "jupyverse"))),)
    runs = 40

    async def measure(self, peer: Peer, turn: str) -> Values:
        """Several runs in one page; the first five are thrown away."""
        person = await peer.person(f"k{turn}")
        if person.login:
            await peer.first_output(person, f"before{turn}")
        path = await peer.notebook(person, f"keys{turn}", [Cell("1+1")])
        try:
            seen = await in_browser(peer, person, path, "keys", runs=self.runs, warm_up=5)
        finally:
            await peer.end(person)
        return {"output": seen["output_ms"]}

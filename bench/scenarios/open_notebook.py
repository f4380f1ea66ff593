"""Opening a notebook of ten cells until one of them is typed in and run, and what that weighs."""

from __future__ import annotations

from bench.browser import in_browser
from bench.model import LABORA, AtMost, Figure, Ratio, Scenario, Values
from bench.peers.base import Cell, Peer
from bench.relay import Relay

TEXT = "## Section {0}\n\nSome *text* with **bold**, `code` and a [link](/).\n\n- item one\n- item two"
LINGER_MS = 15_000


def ten_cells() -> list[Cell]:
    """Returns five code and five text cells, by turns."""
    return [
        Cell(f"x_{at} = {at}\nprint('cell {at}: value', x_{at} * 2)")
        if at % 2 == 0
        else Cell(TEXT.format(at), "markdown")
        for at in range(10)
    ]


class OpenNotebook(Scenario):
    """Time; the server and, where there is one, the account's machine run already, the notebook's kernel does not."""

    name = "open"
    title = "a 10-cell notebook opened, until a cell is typed in and run; fresh browser profile"
    peers = ("jupyterlab", LABORA)
    figures = (
        Figure("output", "Open until typed in and run", "s", Ratio(0.4, ("jupyterlab",))),
        Figure("editor", "Open until a caret is in a cell", "s"),
    )
    warm_up = 1

    async def measure(self, peer: Peer, turn: str) -> Values:
        """A notebook of its own for each round."""
        person = await peer.person(f"o{turn}")
        await peer.first_output(person, f"before{turn}")
        path = await peer.notebook(person, f"open{turn}", ten_cells())
        try:
            seen = await in_browser(peer, person, path, "open")
        finally:
            await peer.end(person)
        return {"output": [seen["output_ms"] / 1e3], "editor": [seen["editor_ms"] / 1e3]}


class PageWeight(Scenario):
    """Bytes of the same, below HTTP: headers, sockets and what workers fetch count too."""

    name = "page"
    title = "bytes on the wire until a cell is typed in and run, and in the fifteen seconds after"
    peers = ("jupyterlab", LABORA)
    figures = (
        Figure("until_run", "Page on the wire until run", "kB", AtMost(450)),
        Figure("after", "The same and fifteen seconds more, with what is kept for later", "kB"),
    )
    rounds = 2

    async def measure(self, peer: Peer, turn: str) -> Values:
        """Like ``open``, through a relay that counts."""
        person = await peer.person(f"w{turn}")
        await peer.first_output(person, f"before{turn}")
        path = await peer.notebook(person, f"page{turn}", ten_cells())
        try:
            async with Relay(peer.url) as relay:
                await in_browser(peer, person, path, "open", url=relay.url, on_mark=relay.mark, linger_ms=LINGER_MS)
                begin = relay.marks["begin"]
                return {"until_run": [(relay.marks["shown"] - begin) / 1e3], "after": [(relay.down - begin) / 1e3]}
        finally:
            await peer.end(person)

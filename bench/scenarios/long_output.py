"""A million lines of output."""

from __future__ import annotations

import asyncio

import psutil

from bench.browser import in_browser
from bench.model import LABORA, AtMost, Exactly, Figure, Ratio, Scenario, Values
from bench.peers.base import Cell, Peer, Person
from bench.processes import Peak, pss_mb, tree

LINES = 1_000_000
SOURCE = f"for i in range({LINES}): print(i)\n'DONE'"
STORED_S = 20.0


class LongOutput(Scenario):
    """Time until the end is shown, what is kept, and what it costs the tab and the server."""

    name = "lines"
    title = "1,000,000 printed lines until the value after them is shown"
    peers = ("jupyterlab", LABORA)
    figures = (
        Figure("output", "1,000,000 lines until the end is shown", "s", Ratio(1.2, ("jupyterlab",))),
        Figure("kept", "Lines kept of 1,000,000", "", Exactly(LINES)),
        Figure("tab", "Memory of the tab at its peak", "MB", AtMost(300, "max")),
        Figure("server", "Growth of the server's memory at its peak", "MB", AtMost(50, "max")),
    )
    rounds = 1
    limit_s = 240.0

    async def measure(self, peer: Peer, turn: str) -> Values:
        """One run in a fresh browser."""
        person = await peer.person(f"l{turn}")
        path = await peer.notebook(person, f"long{turn}", [Cell(SOURCE), Cell("1+1")])
        driver: list[int] = []
        began = asyncio.Event()

        def mark(name: str) -> None:
            if name == "begin":
                began.set()

        try:
            work = asyncio.create_task(in_browser(peer, person, path, "long", on_start=driver.append, on_mark=mark))
            waiting = asyncio.create_task(began.wait())
            await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            async with (
                Peak(lambda: tab_mb(driver[0])) as tab,
                Peak(lambda: pss_mb(peer.server_processes())) as server,
            ):
                seen = await work
            kept = await lines_kept(peer, person, path)
        finally:
            await peer.end(person)
        return {
            "output": [seen["output_ms"] / 1e3],
            "kept": [float(kept)],
            "tab": [tab.most],
            "server": [server.most - server.first],
        }


def tab_mb(driver: int) -> float:
    """Returns the memory of the browser's largest page, in MB."""
    pages = [process for process in tree(driver) if _is_page(process)]
    return max((pss_mb([process]) for process in pages), default=0.0)


def _is_page(process: psutil.Process) -> bool:
    try:
        return "--type=renderer" in process.cmdline()
    except psutil.Error:
        return False


async def lines_kept(peer: Peer, person: Person, path: str) -> int:
    """Counts the different lines of the stored output, once the notebook has been stored with one."""
    async with asyncio.timeout(STORED_S):
        while True:
            cell = (await peer.stored(person, path))["cells"][0]
            texts = [output["text"] for output in cell["outputs"] if output.get("name") == "stdout"]
            if texts:
                whole = "".join("".join(text) for text in texts)
                return len({line for line in whole.splitlines() if line.isdigit()})
            await asyncio.sleep(0.2)

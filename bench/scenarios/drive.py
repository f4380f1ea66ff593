"""A full drive: searching it, and opening a folder with very many items. Labora's server alone, over HTTP."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from typing import Any

import httpx

from bench.fill import vocabulary
from bench.install import ROOT
from bench.model import AtMost, Figure, Scenario, Values
from bench.peers.base import Peer
from bench.peers.labora import Labora

NOTEBOOKS = 20_000
ITEMS = 100_000
QUESTIONS = 200
OPENINGS = 30
MS = 1000.0
OWNER = "ada"


async def filled(peer: Labora, what: str, count: int) -> str:
    """Fills the owner's drive from a process beside the server; returns the folder's id."""
    owner = (peer.server.data_dir / "state").stat()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.fill",
        str(peer.server.data_dir),
        OWNER,
        what,
        str(count),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        user=owner.st_uid,
    )
    printed, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"The drive could not be filled: bench.fill ended with {process.returncode}")
    return printed.decode().strip()


async def asked(api: httpx.AsyncClient, path: str, **params: Any) -> tuple[float, dict[str, Any]]:
    """Asks the server; returns the milliseconds until the whole answer was there, and the answer."""
    began = time.perf_counter()
    answer = await api.get(path, params=params)
    took = (time.perf_counter() - began) * MS
    answer.raise_for_status()
    return took, answer.json()


def questions() -> list[dict[str, str]]:
    """Returns what people ask: rare and frequent words, several, phrases, names of code, beginnings, places."""
    chance, words = random.Random(7), vocabulary()

    def frequent() -> str:
        return words[chance.randrange(50)]

    def rare() -> str:
        return words[chance.randrange(500, 20_000)]

    shapes = (
        lambda: {"text": rare()},
        lambda: {"text": frequent()},
        lambda: {"text": f"{frequent()} {rare()}"},
        lambda: {"text": f"{frequent()} {frequent()}"},
        lambda: {"text": f'"{frequent()} {frequent()}"'},
        lambda: {"text": chance.choice(["read_csv", "plt.plot", "LogisticRegression", "train_test*", "import numpy"])},
        lambda: {"text": f"{rare()[:3]}*"},
        lambda: {"text": f"{frequent()[:2]}*"},
        lambda: {"text": frequent(), "where": "name"},
        lambda: {"text": frequent(), "owner": "me", "kind": "notebook"},
    )
    return [shapes[number % len(shapes)]() for number in range(QUESTIONS)]


class Search(Scenario):
    """Questions to a full drive."""

    name = "search"
    title = f"search over {NOTEBOOKS:,} notebooks, a page of 20 results with snippets"
    figures = (
        Figure("answer", "From the question to the whole answer", "ms", AtMost(150, "p95")),
        Figure("stranger", "The same for an account that may read one of them", "ms", AtMost(150, "p95")),
        Figure("found", "From the last of many saves until all are found", "s"),
    )
    rounds = 1
    alone = True
    limit_s = 900.0

    async def measure(self, peer: Peer, turn: str) -> Values:
        """Fills the drive, waits until all of it is in the index, asks one question after another."""
        assert isinstance(peer, Labora)
        guest = await peer.person(f"g{turn}")
        api, other = peer.server.api(), peer.server.api(guest.login)
        await filled(peer, "notebooks", NOTEBOOKS)
        began = time.perf_counter()
        while True:
            _, page = await asked(api, "/search", text=str(NOTEBOOKS - 1), where="name")
            if page["results"] and not page["catching_up"]:
                break
            await asyncio.sleep(0.5)
        took = time.perf_counter() - began
        shared = page["results"][0]["file"]["id"]
        body = {"login": guest.login, "role": "viewer"}
        (await api.post(f"/files/{shared}/permissions", json=body)).raise_for_status()
        answers = [(await asked(api, "/search", **question))[0] for question in questions()]
        strange = [(await asked(other, "/search", **question))[0] for question in questions()]
        return {"answer": answers, "stranger": strange, "found": [took]}


class Folder(Scenario):
    """A folder with very many items."""

    name = "folder"
    title = f"opening a folder of {ITEMS:,} files"
    figures = (
        Figure("first", "The first screen of 100 by name", "ms", AtMost(300, "p95")),
        Figure("sorted", "The first screen by date or size", "ms", AtMost(300, "p95")),
        Figure("next", "A further screen, anywhere", "ms", AtMost(300, "p95")),
        Figure("jump", "A screen in the middle or at the end, jumped to", "ms", AtMost(300, "p95")),
        Figure("count", "How many items there are", "ms", AtMost(300, "p95")),
        Figure("named", "The first screen of those with a part of a name", "ms", AtMost(300, "p95")),
    )
    rounds = 1
    alone = True
    limit_s = 600.0

    async def measure(self, peer: Peer, turn: str) -> Values:
        """Fills the folder and asks for screens of it."""
        assert isinstance(peer, Labora)
        api = peer.server.api()
        folder = await filled(peer, "files", ITEMS)
        values: Values = {"first": [], "sorted": [], "next": [], "jump": [], "count": [], "named": []}
        for number in range(OPENINGS):
            took, page = await asked(api, "/files", folder=folder, pageSize=100, orderBy="folder,name")
            values["first"].append(took)
            for order in ("modified_at desc", "size desc", "folder desc,name desc"):
                values["sorted"].append((await asked(api, "/files", folder=folder, pageSize=100, orderBy=order))[0])
            took, page = await asked(
                api, "/files", folder=folder, pageSize=1000, orderBy="folder,name", pageToken=page["nextPageToken"]
            )
            values["next"].append(took)
            skip = (ITEMS // OPENINGS) * (number + 1) - 200
            took, _ = await asked(api, "/files", folder=folder, pageSize=200, orderBy="folder,name", skip=skip)
            values["jump"].append(took)
            values["count"].append((await asked(api, "/files/count", folder=folder))[0])
            part = f"{number:02}9"
            values["named"].append((await asked(api, "/files", folder=folder, pageSize=100, name=part))[0])
        return values

"""The drive as a folder of a runtime, beside the same on the host's own disk. No browser."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.model import AtMost, Figure, Scenario, Values
from bench.peers.base import Cell, Peer, Person
from bench.peers.labora import Labora, run_once
from labora.base.ids import new_id

FILES, SMALL, LARGE_MIB = 100_000, 5000, 1024
MOMENT = "2026-01-01T00:00:00.000Z"

# What is timed runs in a process of its own, in the runtime and on the host alike.
_WORK = f"""
import json, os, sys, time
home, filled = sys.argv[1:3]
found = {{}}

def clock(name, work):
    began = time.perf_counter()
    work()
    found[name] = time.perf_counter() - began

def scan():
    assert sum(entry.stat().st_size >= 0 for entry in os.scandir(filled)) == {FILES}

def make():
    os.mkdir(home + '/small')
    for number in range({SMALL}):
        with open(f'{{home}}/small/{{number}}.txt', 'w') as file:
            file.write('x' * 100)

piece = os.urandom(1 << 20)

def write():
    with open(home + '/large.bin', 'wb') as file:
        for _ in range({LARGE_MIB}):
            file.write(piece)

def read():
    with open(home + '/large.bin', 'rb') as file:
        while file.read(1 << 20):
            pass

if filled:
    clock('listdir', lambda: os.listdir(filled))
    clock('scandir', scan)
clock('small', make)
clock('write', write)
clock('read', read)
print(json.dumps(found))
"""


class Mount(Scenario):
    """Lists a folder of 100,000 files, makes 5,000 small ones, writes and reads a large one."""

    name = "mount"
    title = "drive.mount: a folder of 100,000 files, 5,000 small files, 1 GiB"
    figures = (
        Figure("listdir", "os.listdir of 100,000 files", "s", AtMost(1.0)),
        Figure("scandir", "os.scandir of them with stat", "s", AtMost(5.0)),
        Figure("small", "5,000 small files made", "s", AtMost(3.0)),
        Figure("kept", "until they are in the drive", "s"),
        Figure("write", "1 GiB written", "s"),
        Figure("read", "1 GiB read back", "s"),
        Figure("large", "1 GiB written and read, by the same on the host's disk", "x", AtMost(2.0)),
        Figure("host", "1 GiB written and read on the host's disk", "s"),
    )
    limit_s = 600.0

    async def measure(self, peer: Peer, turn: str) -> Values:
        """In the runtime, then on the host's disk, in this order in one measurement."""
        assert isinstance(peer, Labora)
        person = await peer.person(f"d{turn}")
        cells = [
            Cell("from google.colab import drive\ndrive.mount('/content/drive')\n1"),
            Cell(
                "import subprocess, sys\nhome = '/content/drive/MyDrive'\n"
                f"print(subprocess.run([sys.executable, '-c', {_WORK!r}, home, home + '/filled'],"
                " capture_output=True, text=True, check=True).stdout)\n1"
            ),
            Cell("drive.flush_and_unmount()\n1"),
        ]
        path = await peer.notebook(person, "mount", cells)
        await _prepare(peer, person, path.rpartition("/")[2])
        try:
            async with peer.page(person, path).open() as page:
                await run_once(page, "cell-0")
                await run_once(page, "cell-1", 500.0)
                inside: dict[str, float] = json.loads(page.text("cell-1").strip().splitlines()[0])
                kept = await run_once(page, "cell-2", 200.0)
        finally:
            await peer.end(person)
        outside = await asyncio.to_thread(_on_host, peer.folder)
        host = outside["write"] + outside["read"]
        large = (inside["write"] + inside["read"]) / host
        return {key: [value] for key, value in {**inside, "kept": kept, "large": large, "host": host}.items()}


async def _prepare(peer: Labora, person: Person, notebook: str) -> None:
    """Permits the notebook to mount, and fills a folder: through the API that would take an hour."""
    me = (await peer.server.api(person.login).get("/me")).json()["id"]
    made = await peer.server.api(person.login).post("/files", json={"kind": "folder", "name": "filled"})
    folder = made.json()
    await asyncio.to_thread(_fill, peer.server.data_dir / "state" / "labora.db", me, notebook, folder["id"])


def _fill(database: Path, account_id: str, notebook: str, folder_id: str) -> None:
    with sqlite3.connect(database, timeout=60.0) as connection:
        connection.execute("insert into mount_grants values (?, ?, ?)", (account_id, notebook, MOMENT))
        (path,) = connection.execute("select path from files where id = ?", (folder_id,)).fetchone()
        rows: list[tuple[Any, ...]] = [
            (new_id(), f"file-{number:06d}.txt", f"file-{number:06d}.txt", account_id, folder_id, f"{path}{folder_id}/")
            for number in range(FILES)
        ]
        connection.executemany(
            "insert into files (id, kind, name, folded_name, media_type, owner_id, parent_id, path, created_at, "
            f"modified_at, settings) values (?, 'file', ?, ?, 'text/plain', ?, ?, ?, '{MOMENT}', '{MOMENT}', '{{}}')",
            rows,
        )


def _on_host(folder: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=folder) as home:
        command = [sys.executable, "-c", _WORK, home, ""]
        found: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found


__all__ = ["Mount"]

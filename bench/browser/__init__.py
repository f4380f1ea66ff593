"""Runs one measurement in a browser: ``main.mjs`` over the project's own driver of pages (web/e2e)."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.install import ROOT, node
from bench.peers.base import Peer, Person
from bench.processes import end_processes, tree

MAIN = Path(__file__).resolve().parent / "main.mjs"
MARKS = {"begin", "shown"}


async def in_browser(
    peer: Peer,
    person: Person,
    path: str,
    work: str,
    *,
    url: str | None = None,
    on_start: Callable[[int], None] | None = None,
    on_mark: Callable[[str], None] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Does ``work`` (``works.mjs``) in a fresh Chromium and returns what it measured.

    Args:
        path: of the notebook's page.
        url: where the browser finds the peer, when not at its own address.
        on_start: is told the process id of the browser's driver, whose children are the browser's processes.
        on_mark: is told "begin" and "shown" at the moments between which the work is timed.

    Raises:
        RuntimeError: the browser's side failed; the message holds the end of what it said.
    """
    login = {"user": person.login, "password": person.password} if person.login else None
    job = {"pages": peer.pages, "url": url or peer.url, "login": login, "path": path, "work": work, **options}
    process = await asyncio.create_subprocess_exec(
        str(node()), str(MAIN), json.dumps(job),
        cwd=ROOT / "web",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    if on_start is not None:
        on_start(process.pid)
    try:
        complaints = asyncio.create_task(process.stderr.read())
        said = ""
        async for line in process.stdout:
            said = line.decode().strip()
            if on_mark is not None and said in MARKS:
                on_mark(said)
        await process.wait()
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            end_processes(tree(process.pid))
    if process.returncode:
        complaint = (await complaints).decode(errors="replace").strip()
        raise RuntimeError(f"{work} in the browser: {complaint[-800:]}")
    result: dict[str, Any] = json.loads(said)
    return result

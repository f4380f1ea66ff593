"""The process of one mount: between the kernel's device and the control plane.

It holds no credential and opens no file: bytes come and go by descriptors that the control plane hands it for one
account, and the kernel's device is made by the host. On a root host it gives root up before it reads a byte.

``python -I -m labora.mount.daemon --device FD --listener FD [--uid UID --folder DIR…]``
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import encodings.idna  # noqa: F401 - looked up late otherwise, when its folder may be out of reach
import os
import resource
import secrets
import select
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from labora.base.logging import configure_logging, get_logger
from labora.base.memory import look_less_often
from labora.host.privilege import drop_privileges
from labora.mount.committer import Committer
from labora.mount.content import Stages
from labora.mount.filesystem import FileSystem
from labora.mount.remote import Remote
from labora.mount.session import Session
from labora.mount.tree import Tree
from labora.mount.wire import Peer

LAST_S = 60.0
"""How long what was written may take to reach the drive after the end of the mount."""
THREADS = 4

log = get_logger("mount")


class Daemon:
    """One mount.

    Args:
        device: descriptor of the mount.
        listener: where the control plane connects, as often as it likes; the newest connection counts.
    """

    def __init__(self, device: int, listener: socket.socket) -> None:
        self.id = secrets.token_hex(8)
        self._device = device
        self._listener = listener
        self._remote = Remote(self._asked)
        self._committer: Committer | None = None
        self._session: Session | None = None
        self._begun: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self) -> None:
        """Serves until the mount is gone; then waits for what was written to be in the drive."""
        self._listener.setblocking(False)
        self._spawn(self._accept())
        gone = asyncio.create_task(self._until_gone())
        await asyncio.wait({gone, asyncio.ensure_future(self._begun)}, return_when=asyncio.FIRST_COMPLETED)
        if self._begun.done():
            gone.cancel()
            await self._serve(self._begun.result())

    async def _until_gone(self) -> None:
        """Returns when nobody will ever use this mount: its sandbox ended before the control plane came."""
        poll = select.poll()
        poll.register(self._device, select.POLLERR)
        # A loop's own waiting would report every request too, of which none is read yet.
        while not any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0)):  # noqa: ASYNC110
            await asyncio.sleep(1.0)

    async def _serve(self, about: dict[str, Any]) -> None:
        tree = Tree(self._remote, about["home"])
        committer = self._committer = Committer(tree)
        system = FileSystem(
            tree, Stages(self._remote), committer, readonly=bool(about["readonly"]), limit=int(about["limit"])
        )
        self._session = Session(self._device, system.handlers(), tree.nodes.forget)
        system.files.notify = self._session.notify
        system.files.free = int(about["free"])
        self._session.start()
        self._spawn(committer.run())
        self._spawn(system.files.tick())
        await self._session.ended.wait()
        for content in list(system.files.changed()):
            committer.add(content)  # its program ended with the sandbox
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_S):
                await committer.flush()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._listener)
            self._spawn(self._remote.serve(Peer(connection)))

    async def _asked(self, verb: str, message: dict[str, Any]) -> dict[str, Any]:
        if verb == "hello":
            return {"daemon": self.id, "pid": os.getpid()}
        if verb == "begin":
            if not self._begun.done():
                self._begun.set_result(message)
            return {}
        if verb == "flush":
            if self._committer is None:
                return {"unsaved": []}
            return {"unsaved": (await self._committer.flush())[:100]}
        return {"error": "unknown"}

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _main(device: int, listener: int) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(THREADS, "disk"))
    with socket.socket(fileno=listener) as opened:
        look_less_often()
        await Daemon(device, opened).run()


def main() -> None:
    """Gives root up, where it is there, and serves one mount."""
    parser = argparse.ArgumentParser(prog="labora.mount.daemon")
    parser.add_argument("--device", type=int, required=True)
    parser.add_argument("--listener", type=int, required=True)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--folder", type=Path, action="append", default=[])
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if given.uid is not None and os.geteuid() == 0:
        drop_privileges(given.uid, given.folder)
    configure_logging(level="info")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    asyncio.run(_main(given.device, given.listener))


if __name__ == "__main__":
    main()

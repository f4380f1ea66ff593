"""The host's side of the relay: found or started, asked, and noticed when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import labora
from labora import __version__
from labora.host.process import wait_exit
from labora.host.unix import bind_unix, connect_unix

_ANSWER_S = 10.0


class RelayLink:
    """The connection to the one relay of a data folder. Not for two tasks at once but by its own lock.

    Args:
        run: the host's run folder.
        uid: that the relay becomes on a root host, None where it keeps the host's.
        log: file for what it says.
    """

    def __init__(self, run: Path, uid: int | None) -> None:
        self._path = run / "network.sock"
        self._log = run / "network.log"
        self._uid = uid
        self._socket: socket.socket | None = None
        self._identity = (0, 0)
        self._held: int | None = None
        self._lock = asyncio.Lock()

    async def open(self) -> set[str]:
        """Connects to the living relay or starts one. Returns the runtimes that it serves already.

        Raises:
            OSError: none could be started.
        """
        self.close()
        for attempt in range(2):
            with contextlib.suppress(OSError):
                self._socket = connect_unix(self._path, _ANSWER_S, socket.SOCK_SEQPACKET)
            if self._socket is None:
                await asyncio.to_thread(self._spawn)
                self._socket = connect_unix(self._path, _ANSWER_S, socket.SOCK_SEQPACKET)
            hello = await self.call({"verb": "hello"})
            if hello["version"] == __version__ or attempt:
                self._identity = (hello["pid"], hello["start_time"])
                return set(hello["runtimes"])
            self._held = await self.take()
            await self.call({"verb": "retire"})
            self.close()
            self._path.unlink(missing_ok=True)
        raise AssertionError("not reached")

    def _spawn(self) -> None:
        folders = [Path(sys.prefix), Path(sys.base_prefix), Path(labora.__file__).parent.parent]
        become = [] if self._uid is None else ["--uid", str(self._uid)]
        for folder in folders if self._uid is not None else []:
            become += ["--folder", str(folder)]
        with bind_unix(self._path, socket.SOCK_SEQPACKET) as listener, self._log.open("ab") as log:
            process = subprocess.Popen(
                [
                    sys.executable, "-I", "-c", _DOUBLE, sys.executable, "-I", "-m", "labora.host.network.relay",
                    "--listener", str(listener.fileno()), *become,
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", pass_fds=(listener.fileno(),),
            )  # fmt: skip
            process.wait()

    async def call(self, request: dict[str, Any], descriptors: Sequence[int] = ()) -> dict[str, Any]:
        """Asks and returns the answer. Raises OSError where the relay is gone or could not do it."""
        async with self._lock:
            answer: dict[str, Any] = await asyncio.to_thread(self._call, request, descriptors)
        if "error" in answer:
            raise OSError(0, answer["error"])
        return answer

    def _call(self, request: dict[str, Any], descriptors: Sequence[int]) -> dict[str, Any]:
        if self._socket is None:
            raise ConnectionResetError("the relay is gone")
        socket.send_fds(self._socket, [json.dumps(request).encode()], list(descriptors))
        text, given, _, _ = socket.recv_fds(self._socket, 1 << 18, 1)
        if not text:
            raise ConnectionResetError("the relay is gone")
        for descriptor in given:
            os.set_inheritable(descriptor, False)
            if self._held is not None:
                os.close(self._held)
            self._held = descriptor
        answer: dict[str, Any] = json.loads(text)
        return answer

    async def take(self) -> int | None:
        """Returns the namespace that this relay, or one before it, held for an earlier host. Raises OSError."""
        await self.call({"verb": "held"})
        held, self._held = self._held, None
        return held

    async def hold(self, namespace: int) -> None:
        """Lets the relay hold a namespace, so that it outlives the host. Raises OSError."""
        await self.call({"verb": "hold"}, [namespace])

    async def serve(self, runtime: str, pid: int, parts: Sequence[str], sockets: Sequence[int], **more: Any) -> None:
        """Hands a runtime's sockets over; the descriptors are closed here. Raises OSError."""
        try:
            process = os.pidfd_open(pid)
            try:
                request = {"verb": "serve", "runtime": runtime, "parts": list(parts), **more}
                await self.call(request, [process, *sockets])
            finally:
                os.close(process)
        finally:
            for one in sockets:
                os.close(one)

    async def gone(self) -> None:
        """Returns when the relay has died."""
        await wait_exit(*self._identity)

    def close(self) -> None:
        """Hangs up; the relay goes on while it serves a runtime."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


# The relay is nobody's child, so that it outlives the host and leaves no zombie.
_DOUBLE = """
import os, sys
if os.fork():
    os._exit(0)
os.setsid()
os.execv(sys.argv[1], sys.argv[1:])
"""

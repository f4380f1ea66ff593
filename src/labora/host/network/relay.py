"""The relay: one process per installation that serves the sockets inside runtimes, and outlives the host.

It parses what guests send, so on a root host it gives root up before it reads a byte. The host hands it each
runtime's sockets over ``run/network.sock``; it keeps them until the runtime's first process ends, host or no host.
A host that finds it gone starts another and hands everything over again.

``python -m labora.host.network.relay --listener FD [--uid UID --folder DIR…]``
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import encodings.idna  # noqa: F401 - looked up late otherwise, when its folder may be out of reach
import json
import os
import resource
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from labora import __version__
from labora.host.network import policy
from labora.host.network.dns import NameServer, Resolvers
from labora.host.network.gate import Gate
from labora.host.network.pasta import Carrier
from labora.host.network.proxy import Proxy
from labora.host.privilege import drop_privileges
from labora.host.process import start_time

MAX_MESSAGE = 128 * 1024
MAX_DESCRIPTORS = 8
LINGER_S = 3.0
FIRST_CONTACT_S = 30.0
LOOK_UPS = 128


class _Served:
    """What one runtime is given, until its first process ends."""

    def __init__(self, process: int, parts: list[Proxy | NameServer], carrier: Carrier | None) -> None:
        self._process = process
        self._parts = parts
        self._carrier = carrier

    def watch(self, ended: Any) -> None:
        asyncio.get_running_loop().add_reader(self._process, ended)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._process)
        os.close(self._process)
        for part in self._parts:
            part.close()
        if self._carrier is not None:
            self._carrier.close()


class Relay:
    """Serves runtimes as hosts ask it to.

    Args:
        listener: of ``run/network.sock``.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._gate = Gate()
        self._resolvers = Resolvers()
        self._served: dict[str, _Served] = {}
        self._held: int | None = None
        self._hosts = 0
        self._idle = asyncio.Event()
        self._grace = FIRST_CONTACT_S
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Returns when no host is connected and no runtime is left."""
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(LOOK_UPS, "look-up"))
        self._listener.setblocking(False)
        accepting = asyncio.create_task(self._accept())
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._grace):
                    await self._idle.wait()
                    self._idle.clear()
                    continue
            if not self._hosts and not self._served:
                break
        accepting.cancel()
        self._release()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._listener)
            task = asyncio.create_task(self._converse(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _converse(self, connection: socket.socket) -> None:
        self._hosts += 1
        self._grace = LINGER_S
        try:
            with connection:
                while True:
                    text, descriptors = await _receive(connection)
                    if not text:
                        return
                    try:
                        answer = await self._answer(json.loads(text), descriptors)
                    except (OSError, ValueError, KeyError, TypeError) as error:
                        answer = {"error": f"{type(error).__name__}: {error}"}
                    finally:
                        for descriptor in descriptors:  # those that nobody took
                            os.close(descriptor)
                    given = [self._held] if "held" in answer and self._held is not None else []
                    socket.send_fds(connection, [json.dumps(answer).encode()], given)
        except OSError:
            return
        finally:
            self._hosts -= 1
            self._idle.set()

    async def _answer(self, request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        verb = request["verb"]
        if verb == "hello":
            pid = os.getpid()
            return {
                "version": __version__,
                "pid": pid,
                "start_time": start_time(pid),
                "runtimes": sorted(self._served),
            }
        if verb == "policy":
            self._gate.policy = policy.parse(request["allow"]).with_addresses(
                {(name, port): addresses for name, port, addresses in request["names"]}
            )
            self._gate.closed = request["closed"]
            return {}
        if verb == "serve":
            await self._serve(request, descriptors)
            return {}
        if verb == "drop":
            self._drop(request["runtime"])
            return {}
        if verb == "held":
            return {"held": self._held is not None}
        if verb == "hold":
            self._release()
            self._held = descriptors.pop(0)
            return {}
        if verb == "retire":
            # What is served goes on; a relay of another version takes the path.
            self._grace = 0.1
            return {}
        raise ValueError(verb)

    async def _serve(self, request: dict[str, Any], descriptors: list[int]) -> None:
        runtime = request["runtime"]
        self._drop(runtime)
        process = descriptors.pop(0)
        parts: list[Proxy | NameServer] = []
        carrier: Carrier | None = None
        try:
            for kind in request["parts"]:
                if kind == "proxy":
                    parts.append(Proxy(self._gate, socket.socket(fileno=descriptors.pop(0))))
                else:
                    udp = socket.socket(fileno=descriptors.pop(0))
                    parts.append(NameServer(self._resolvers, udp, socket.socket(fileno=descriptors.pop(0))))
            for part in parts:
                await part.open()
            if request.get("carry"):
                carrier = Carrier(int(request["carry"]["pid"]), Path(request["carry"]["record"]))
        except BaseException:
            os.close(process)
            for part in parts:
                part.close()
            raise
        served = self._served[runtime] = _Served(process, parts, carrier)
        served.watch(lambda: self._drop(runtime, served))

    def _release(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _drop(self, runtime: str, which: _Served | None = None) -> None:
        served = self._served.get(runtime)
        if served is not None and which in (None, served):
            del self._served[runtime]
            served.close()
            self._idle.set()


async def _receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Returns the next packet and its descriptors; an empty one at the end."""
    loop = asyncio.get_running_loop()
    connection.setblocking(False)
    while True:
        try:
            text, descriptors, _, _ = socket.recv_fds(connection, MAX_MESSAGE, MAX_DESCRIPTORS)
        except BlockingIOError:
            ready = asyncio.Event()
            loop.add_reader(connection, ready.set)
            try:
                await ready.wait()
            finally:
                loop.remove_reader(connection)
            continue
        return text, descriptors


def main() -> int:
    """Runs the relay."""
    parser = argparse.ArgumentParser(prog="python -m labora.host.network.relay")
    parser.add_argument("--listener", type=int, required=True)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--folder", type=Path, action="append", default=[])
    given = parser.parse_args()
    for number in (signal.SIGHUP, signal.SIGINT):  # a terminal's business is none of ours
        signal.signal(number, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if given.uid is not None:
        drop_privileges(given.uid, given.folder)
    asyncio.run(Relay(socket.socket(fileno=given.listener)).run())
    return 0


if __name__ == "__main__":
    sys.exit(main())

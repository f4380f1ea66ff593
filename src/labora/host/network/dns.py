"""A name server for one runtime that passes every question on to the resolvers of the machine.

It listens on an address of the runtime's own loopback, through sockets that were opened in there, so the packet
filter needs no opening for it. What a name resolves to does not matter here: the filter judges addresses.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from pathlib import Path

ADDRESS, PORT = "127.0.0.53", 53
QUESTIONS = 64
CONNECTIONS = 16
ANSWER_S = 4.0
IDLE_S = 30.0
_MIN, _MAX = 12, 65535
_REREAD_S = 5.0


class Resolvers:
    """The name servers of a ``resolv.conf``, read again when it may have changed."""

    def __init__(self, path: Path = Path("/etc/resolv.conf")) -> None:
        self._path = path
        self._read_at = float("-inf")
        self._found: list[str] = []

    def servers(self) -> list[str]:
        """Returns numeric addresses, at most three, as the C library would ask them."""
        if time.monotonic() - self._read_at > _REREAD_S:
            self._read_at = time.monotonic()
            try:
                self._found = name_servers(self._path.read_text(errors="replace"))
            except OSError:
                self._found = []
        return self._found


def name_servers(text: str) -> list[str]:
    """Returns the first three name servers that a ``resolv.conf`` names, or this machine where it names none."""
    words = [line.split() for line in text.splitlines()]
    return [line[1] for line in words if len(line) > 1 and line[0] == "nameserver"][:3] or ["127.0.0.1"]


class _Reply(asyncio.DatagramProtocol):
    """Waits for the answer with the right number."""

    def __init__(self, question: bytes) -> None:
        self._number = question[:2]
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        del addr  # the socket is connected: only the server asked is heard
        if len(data) >= _MIN and data[:2] == self._number and not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def _ask_udp(question: bytes, server: str) -> bytes:
    loop = asyncio.get_running_loop()
    transport, reply = await loop.create_datagram_endpoint(lambda: _Reply(question), remote_addr=(server, 53))
    try:
        transport.sendto(question)
        async with asyncio.timeout(ANSWER_S):
            return await reply.answer
    finally:
        transport.close()


async def _ask_tcp(question: bytes, server: str) -> bytes:
    async with asyncio.timeout(ANSWER_S):
        reader, writer = await asyncio.open_connection(server, 53)
        try:
            writer.write(struct.pack("!H", len(question)) + question)
            (size,) = struct.unpack("!H", await reader.readexactly(2))
            return await reader.readexactly(size)
        finally:
            writer.close()


def failure(question: bytes) -> bytes:
    """Returns the answer "server failed" to a question of at least a header."""
    end = _MIN
    while end < len(question) and question[end]:
        end += question[end] + 1
    asked = question[_MIN : end + 5]
    flags = 0x8082 | (struct.unpack("!H", question[2:4])[0] & 0x7900)
    return question[:2] + struct.pack("!HHHHH", flags, 1 if asked else 0, 0, 0, 0) + asked


class NameServer:
    """Answers one runtime.

    Args:
        resolvers: of the machine.
        udp: bound socket.
        tcp: listening socket.
    """

    def __init__(self, resolvers: Resolvers, udp: socket.socket, tcp: socket.socket) -> None:
        self._resolvers = resolvers
        self._udp, self._tcp = udp, tcp
        self._transport: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._connections = 0

    async def open(self) -> None:
        """Begins to answer."""
        loop = asyncio.get_running_loop()
        self._udp.setblocking(False)
        owner = self

        class _Questions(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                owner._received(data, addr)

        self._transport, _ = await loop.create_datagram_endpoint(_Questions, sock=self._udp)
        self._server = await asyncio.start_server(self._serve, sock=self._tcp)

    def close(self) -> None:
        """Stops; questions under way are dropped."""
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            self._server.close()
        for task in self._running:
            task.cancel()

    def _received(self, question: bytes, sender: tuple[str, int]) -> None:
        # A flood is dropped, as any busy name server does; the asker asks again.
        if len(question) < _MIN or question[2] & 0x80 or len(self._running) >= QUESTIONS:
            return
        task = asyncio.create_task(self._answer(question, sender))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answer(self, question: bytes, sender: tuple[str, int]) -> None:
        answer = await self._ask(question, over_tcp=False)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(answer, sender)

    async def _ask(self, question: bytes, *, over_tcp: bool) -> bytes:
        ask = _ask_tcp if over_tcp else _ask_udp
        for server in self._resolvers.servers():
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                return await ask(question, server)
        return failure(question)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._connections >= CONNECTIONS:
            writer.close()
            return
        self._connections += 1
        try:
            while True:
                async with asyncio.timeout(IDLE_S):
                    (size,) = struct.unpack("!H", await reader.readexactly(2))
                    question = await reader.readexactly(size)
                if len(question) < _MIN or question[2] & 0x80:
                    return
                answer = await self._ask(question, over_tcp=True)
                writer.write(struct.pack("!H", len(answer)) + answer)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return
        finally:
            self._connections -= 1
            writer.close()

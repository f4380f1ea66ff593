"""Messages between the daemon of a mount and the control plane: JSON and descriptors over sequenced packets.

A packet is one message; what is longer than a packet is sent as several, the last without ``"more"``.
"""

from __future__ import annotations

import array
import asyncio
import json
import os
import socket
from collections.abc import Sequence
from typing import Any

MAX_PACKET = 128 * 1024
MAX_DESCRIPTORS = 200
MAX_MESSAGE = 16 * 1024 * 1024


class Peer:
    """One end of the connection. Sending never interleaves; one task receives.

    Args:
        connection: a sequenced-packet socket, which this owns from now on.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._loop = asyncio.get_running_loop()
        self._sending = asyncio.Lock()
        self._closed = False
        self._waiting: set[asyncio.Future[None]] = set()

    async def send(self, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Sends one message; the descriptors stay the caller's. Raises OSError when the other end is gone."""
        data = json.dumps(message, separators=(",", ":")).encode()
        async with self._sending:
            for at in range(0, max(len(data), 1), MAX_PACKET - 1):
                piece = data[at : at + MAX_PACKET - 1]
                last = at + len(piece) >= len(data)
                await self._send_packet((b"." if last else b"+") + piece, descriptors if last else ())

    async def _send_packet(self, packet: bytes, descriptors: Sequence[int]) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        while True:
            if self._closed:
                raise ConnectionResetError("closed")
            try:
                self._socket.sendmsg([packet], rights)
                return
            except BlockingIOError:
                await self._ready(self._loop.add_writer, self._loop.remove_writer)

    async def receive(self) -> tuple[dict[str, Any], list[int]]:
        """Returns the next message and its descriptors, which are the caller's now.

        Raises:
            EOFError: the other end is gone.
            ValueError: it is no message.
        """
        pieces: list[bytes] = []
        size = 0
        while True:
            try:
                data, descriptors, _flags, _ = socket.recv_fds(self._socket, MAX_PACKET, MAX_DESCRIPTORS)
            except BlockingIOError:
                try:
                    await self._ready(self._loop.add_reader, self._loop.remove_reader)
                except OSError as error:
                    raise EOFError from error
                continue
            except OSError as error:
                raise EOFError from error
            for descriptor in descriptors:
                os.set_inheritable(descriptor, False)
            if not data:
                raise EOFError
            pieces.append(data[1:])
            size += len(data)
            if size > MAX_MESSAGE:
                raise ValueError("the message is too long")
            if data[:1] == b".":
                message = json.loads(b"".join(pieces))
                if not isinstance(message, dict):
                    raise ValueError("no object")
                return message, list(descriptors)

    async def _ready(self, watch: Any, unwatch: Any) -> None:
        if self._closed:
            raise ConnectionResetError("closed")
        future: asyncio.Future[None] = self._loop.create_future()
        descriptor = self._socket.fileno()

        def ready() -> None:
            if not future.done():
                future.set_result(None)

        watch(descriptor, ready)
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)
            if self._socket.fileno() == descriptor:
                unwatch(descriptor)

    def close(self) -> None:
        """Ends the connection."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()
            for future in self._waiting:
                if not future.done():
                    future.set_exception(ConnectionResetError("closed"))

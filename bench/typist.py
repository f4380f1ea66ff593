"""Pages that only type: a room socket (docs/protocols.md, section 1) so lean that 150 of them fit into one process."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import struct
import time
from typing import Any, cast
from urllib.parse import urlsplit

from pycrdt import Doc, Map, Text

OPEN_S = 30.0
_SMALL, _MEDIUM = 126, 127


class Typist(asyncio.Protocol):
    """One socket with a document of its own, which knows what it typed and nothing that came later.

    Args:
        base: the document as an update, which every typist starts from.
        cell_id: where it types.

    Attributes:
        client_id: Yjs id; the clock of its n-th character is n.
        sent: when each character was sent, in seconds of ``time.perf_counter``.
        saved: how long each took to be acknowledged as durable, in milliseconds.
        closed: whether the socket has ended, which it does not while all is well.
    """

    def __init__(self, base: bytes, cell_id: str) -> None:
        document: Doc[Any] = Doc()
        cells = document.get("cells", type=Map)
        document.apply_update(base)
        self._document = document
        self._text = cast("Text", cells[cell_id]["source"])
        self._updates: list[bytes] = []
        self._watching = document.observe(lambda event: self._updates.append(event.update))
        self.client_id = document.client_id
        self.sent: list[float] = []
        self.saved: list[float] = []
        self.closed = False
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._upgraded = asyncio.get_running_loop().create_future()

    async def open(self, url: str, token: str, file_id: str) -> None:
        """Connects and says hello. Raises ConnectionError, TimeoutError."""
        where = urlsplit(url)
        await asyncio.get_running_loop().create_connection(lambda: self, str(where.hostname), where.port or 80)
        self._write(
            f"GET /api/v1/files/{file_id}/room HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {token}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n".encode()
        )
        async with asyncio.timeout(OPEN_S):
            await self._upgraded
        hello = {"type": "hello", "version": 1, "client_id": self.client_id, "epoch": None, "seq": None}
        self._frame(b"\x00" + json.dumps(hello).encode())
        self._frame(b"\x02\x00" + self._document.get_state())

    def type(self, character: str) -> None:
        """Types at the end of the cell."""
        self._updates.clear()
        self._text += character
        self.sent.append(time.perf_counter())
        self._frame(b"\x02\x02" + struct.pack(">I", len(self.sent)) + self._updates[-1])

    def close(self) -> None:
        """Ends the connection."""
        self._document.unobserve(self._watching)
        if self._transport is not None:
            self._transport.abort()

    # -- the socket ---------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends at once, however little it is."""
        self._transport = cast("asyncio.Transport", transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """Remembers it."""
        self.closed = True
        if not self._upgraded.done():
            self._upgraded.set_exception(ConnectionError("The room socket was closed while opening."))

    def data_received(self, data: bytes) -> None:
        """Takes whole frames out of what has come."""
        buffer = self._buffer + data
        if not self._upgraded.done():
            head, found, rest = buffer.partition(b"\r\n\r\n")
            if not found:
                self._buffer = buffer
                return
            buffer = rest
            if b" 101 " in head.splitlines()[0]:
                self._upgraded.set_result(None)
            else:
                self._upgraded.set_exception(ConnectionError(head.splitlines()[0].decode("latin1")))
        self._buffer = self._take(buffer)

    def _take(self, buffer: bytes) -> bytes:
        """Reads frames; of those only acknowledgements and pings matter. Returns the rest."""
        at, end = 0, len(buffer)
        while end - at >= 2:
            size, start = buffer[at + 1] & 0x7F, at + 2
            if size == _SMALL and end - start >= 2:
                size, start = int.from_bytes(buffer[start : start + 2]), start + 2
            elif size == _MEDIUM and end - start >= 8:
                size, start = int.from_bytes(buffer[start : start + 8]), start + 8
            elif size >= _SMALL:
                break
            if end - start < size:
                break
            kind = buffer[at] & 0x0F
            if kind == 9:
                self._frame(buffer[start : start + size], kind=10)
            elif kind == 2 and buffer[start] == 0:
                self._control(json.loads(buffer[start + 1 : start + size]))
            at = start + size
        return buffer[at:]

    def _control(self, message: dict[str, Any]) -> None:
        if message["type"] == "saved":
            self.saved.append((time.perf_counter() - self.sent[message["ref"] - 1]) * 1e3)

    def _frame(self, body: bytes, kind: int = 2) -> None:
        size = len(body)
        head = bytes([0x80 | kind, 0x80 | size]) if size < _SMALL else bytes([0x80 | kind, 0x80 | 126])
        # A mask of zeros is a mask: it leaves the bytes as they are.
        self._write(head + (b"" if size < _SMALL else struct.pack(">H", size)) + bytes(4) + body)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self.closed:
            self._transport.write(data)


def clocks(state: bytes) -> dict[int, int]:
    """Reads a Yjs state vector: how many characters are known of each client."""
    values = []
    value = shift = 0
    for byte in state:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            values.append(value)
            value = shift = 0
    return dict(zip(values[1::2], values[2::2], strict=True))

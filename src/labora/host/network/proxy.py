"""An HTTP proxy for one runtime: ``CONNECT`` and plain requests, to where the policy lets it.

It listens on the runtime's own loopback, through a socket that was opened in there, and connects from outside. One
request a connection; a refusal is told in the status line too, since that is what most tools show.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from urllib.parse import urlsplit

from labora.host.network.gate import Gate, RefusedError, Streams, UnreachableError, Upstream

ADDRESS, PORT = "127.0.0.1", 3128
URL = f"http://{ADDRESS}:{PORT}"
CONNECTIONS = 256
CONNECTING = 16
MAX_HEAD = 64 * 1024
HEAD_S = 30.0
QUIET_S = 3600.0
_CHUNK = 256 * 1024
_DROPPED = {"connection", "proxy-connection", "keep-alive", "proxy-authorization", "upgrade", "te", "trailer"}


class BadRequestError(Exception):
    """What was sent is no request to a proxy; the text says why."""


class Request:
    """The head of a request.

    Raises:
        BadRequestError: it is none.
    """

    def __init__(self, head: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        try:
            self.method, self.target, self.version = lines[0].split(" ")
        except ValueError as error:
            raise BadRequestError("this is no HTTP request") from error
        self.headers = [line for line in lines[1:] if line]
        if not self.version.startswith("HTTP/1."):
            raise BadRequestError("this proxy speaks HTTP/1")
        try:
            parts = urlsplit(f"//{self.target}" if self.method == "CONNECT" else self.target)
            port = parts.port
        except ValueError as error:
            raise BadRequestError("the address makes no sense") from error
        if not parts.hostname or (self.method == "CONNECT" and port is None):
            raise BadRequestError("this is a proxy; it takes whole URLs and host:port")
        if self.method != "CONNECT" and parts.scheme != "http":
            raise BadRequestError("other schemes than http go through CONNECT")
        self.host, self.port = parts.hostname, 80 if port is None else port
        self.path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def value(self, name: str) -> str | None:
        """Returns a header's value."""
        for line in self.headers:
            key, _, value = line.partition(":")
            if key.strip().lower() == name:
                return value.strip()
        return None

    def head(self, target: str, authorization: str | None = None) -> bytes:
        """Returns the head as it is sent on."""
        kept = [line for line in self.headers if line.partition(":")[0].strip().lower() not in _DROPPED]
        if authorization is not None:
            kept.append(f"Proxy-Authorization: {authorization}")
        if self.method != "CONNECT":
            kept.append("Connection: close")
        return "\r\n".join([f"{self.method} {target} HTTP/1.1", *kept, "", ""]).encode("latin-1")


def _answer(status: int, reason: str) -> bytes:
    """Returns a whole response; ``reason`` goes into the status line, so only harmless characters of it do."""
    plain = "".join(letter if " " <= letter <= "~" else "?" for letter in reason)[:400]
    body = f"Labora: {plain}\n".encode()
    head = f"HTTP/1.1 {status} Labora: {plain}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body


class Proxy:
    """Serves one runtime.

    Args:
        gate: judges and connects.
        listener: listening socket.
    """

    def __init__(self, gate: Gate, listener: socket.socket) -> None:
        self._gate = gate
        self._listener = listener
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        # Names are looked up in threads that all runtimes share; one that asks for slow names waits for itself.
        self._connecting = asyncio.Semaphore(CONNECTING)

    async def open(self) -> None:
        """Begins to serve."""
        self._server = await asyncio.start_server(self._accepted, sock=self._listener, limit=MAX_HEAD)

    def close(self) -> None:
        """Stops, and ends what goes on."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= CONNECTIONS:
            writer.write(_answer(503, f"more than {CONNECTIONS} connections at once"))
            writer.close()
            return
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            refusal = await self._exchange(reader, writer)
            if refusal is not None:
                writer.write(_answer(*refusal))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # one of the two hung up
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, str] | None:
        """Serves one request; returns status and reason where nothing was sent on."""
        try:
            async with asyncio.timeout(HEAD_S):
                request = Request((await reader.readuntil(b"\r\n\r\n"))[:-4])
            scheme = "https" if request.method == "CONNECT" else "http"
            upstream = self._gate.upstream(scheme, request.host)
            async with self._connecting:
                if upstream is not None:
                    outside = await self._gate.connect_upstream(upstream, request.host, request.port)
                else:
                    outside = await self._gate.connect(request.host, request.port)
        except asyncio.LimitOverrunError:
            return 431, "the head of the request is too long"
        except BadRequestError as error:
            return 400, str(error)
        except RefusedError as error:
            return 403, str(error)
        except UnreachableError as error:
            return 502, str(error)
        try:
            if request.method == "CONNECT":
                await self._tunnel(request, upstream, (reader, writer), outside)
            else:
                await self._forward(request, upstream, (reader, writer), outside)
        finally:
            outside[1].close()
        return None

    async def _tunnel(self, request: Request, upstream: Upstream | None, inside: Streams, outside: Streams) -> None:
        if upstream is None:
            inside[1].write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            outside[1].write(request.head(request.target, upstream.authorization))
        await asyncio.gather(_pump(inside[0], outside[1]), _pump(outside[0], inside[1]))

    async def _forward(self, request: Request, upstream: Upstream | None, inside: Streams, outside: Streams) -> None:
        authorization = upstream.authorization if upstream is not None else None
        outside[1].write(request.head(request.target if upstream is not None else request.path, authorization))
        length = request.value("content-length")
        if request.value("transfer-encoding") is not None:
            body = asyncio.create_task(_pump(inside[0], outside[1]))
        else:
            size = int(length) if length is not None and length.isascii() and length.isdigit() else 0
            body = asyncio.create_task(_pump(inside[0], outside[1], size))
        try:
            await _pump(outside[0], inside[1])
        finally:
            body.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError, TimeoutError):
                await body


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, size: int | None = None) -> None:
    """Copies ``size`` bytes, or all until the end, which is passed on too."""
    while size is None or size > 0:
        async with asyncio.timeout(QUIET_S):
            data = await reader.read(_CHUNK if size is None else min(_CHUNK, size))
        if not data:
            break
        size = None if size is None else size - len(data)
        writer.write(data)
        async with asyncio.timeout(QUIET_S):
            await writer.drain()
    if size is None:
        with contextlib.suppress(OSError):
            writer.write_eof()

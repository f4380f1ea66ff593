"""Counts bytes on the wire: a relay on loopback between browser and server, below HTTP, WebSocket and workers."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import urlsplit

CHUNK = 64 * 1024


class Relay:
    """Passes connections on while an ``async with`` block runs.

    Attributes:
        url: what the browser is given in place of the server's URL.
        down: bytes from the server to the browser.
        up: bytes from the browser to the server.
        marks: ``down`` at each moment that was marked.
    """

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self.url = ""
        self.down = self.up = 0
        self.marks: dict[str, int] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Relay:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://{self._to.hostname}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def mark(self, name: str) -> None:
        """Remembers how much has come down until now."""
        self.marks[name] = self.down

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError):
                inner, outer = await asyncio.open_connection(self._to.hostname, self._to.port)
                await asyncio.gather(self._pass(reader, outer, down=False), self._pass(inner, writer, down=True))
        except asyncio.CancelledError:
            # The block has ended: what the browser still asks for does not count.
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, down: bool) -> None:
        try:
            while data := await reader.read(CHUNK):
                if down:
                    self.down += len(data)
                else:
                    self.up += len(data)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

"""Reads files in a process of its own: low priority, bounded memory, and what a hostile file breaks is only that.

``python -m labora.drive.search.worker`` answers requests on standard input until it ends. A message is four bytes of
length, big-endian, and so many bytes; a request is a JSON message and then the file's bytes as another.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import struct
import sys
from dataclasses import asdict
from typing import IO

from labora.base.logging import get_logger
from labora.base.settings import LimitSettings
from labora.drive.search.model import Content, Piece

NICE = 10
MEMORY_BYTES = 3 * 1024**3
PATIENCE_S = 60.0
_LENGTH = struct.Struct(">I")


class Worker:
    """The reading process: started when there is something to read, ended by :meth:`stop`.

    Args:
        limits: what a notebook may hold.
        patience_s: a file that takes longer is given up.
    """

    def __init__(self, limits: LimitSettings, patience_s: float = PATIENCE_S) -> None:
        self._limits, self._patience_s = limits, patience_s
        self._process: asyncio.subprocess.Process | None = None
        self._streams: tuple[asyncio.StreamWriter, asyncio.StreamReader] | None = None

    async def read(self, kind: str, name: str, data: bytes) -> Content:
        """Returns what people read in a file; nothing where that takes too long or breaks the process."""
        sending, receiving = self._streams or await self._start()
        request = {"kind": kind, "name": name, "limits": self._limits.model_dump()}
        try:
            async with asyncio.timeout(self._patience_s):
                sending.write(_framed(json.dumps(request).encode()) + _LENGTH.pack(len(data)))
                sending.write(data)
                await sending.drain()
                (length,) = _LENGTH.unpack(await receiving.readexactly(_LENGTH.size))
                answer = json.loads(await receiving.readexactly(length))
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError) as error:
            get_logger("search").warning("file not read", name=name, size=len(data), error=repr(error))
            await self.stop()
            return Content()
        except asyncio.CancelledError:
            await self.stop()
            raise
        return Content(tuple(Piece(**piece) for piece in answer["pieces"]), answer["tokens"])

    async def _start(self) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
        # Settings may hold secrets; reading needs none.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("LABORA_")}
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "labora.drive.search.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=environment,
                # Ctrl+C in the terminal of the server is for the server.
                start_new_session=True,
            )
        )
        try:
            process = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # It starts all the same, and would be nobody's.
            self._process = await starting
            await self.stop()
            raise
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("The reading process has no pipes.")
        self._process, self._streams = process, (process.stdin, process.stdout)
        return self._streams

    async def stop(self) -> None:
        """Ends the process."""
        if (process := self._process) is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        # Only now: whoever is cancelled meanwhile leaves it to the next one to wait.
        self._process = self._streams = None


def _framed(data: bytes) -> bytes:
    return _LENGTH.pack(len(data)) + data


def _message(stream: IO[bytes]) -> bytes | None:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    return data if len(data) == length else None


def serve(incoming: IO[bytes], outgoing: IO[bytes]) -> None:
    """Answers requests until ``incoming`` ends."""
    from labora.drive.search.extract import read_content

    while (head := _message(incoming)) is not None and (data := _message(incoming)) is not None:
        request = json.loads(head)
        limits = LimitSettings.model_validate(request["limits"])
        content = read_content(request["kind"], request["name"], data, limits)
        answer = {"pieces": [asdict(piece) for piece in content.pieces], "tokens": content.tokens}
        outgoing.write(_framed(json.dumps(answer).encode()))
        outgoing.flush()


def main() -> None:
    """Lowers its own priority and memory, then serves."""
    os.nice(NICE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()

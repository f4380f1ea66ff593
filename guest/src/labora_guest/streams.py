"""Streams of the guest channel: connections to programs of the runtime and the bytes of its files.

They share the connection with what the kernels say and never hold it up: a stream has at most one piece under way, and
each side sends at most its window beyond what the other has taken. Streams end with their connection.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any, Callable, Union

from labora_guest import channel, files
from labora_guest.spec import KernelError

PIECE = 64 * 1024
"""Bytes of one frame at most: so long does a kernel's message wait for a stream."""
WINDOW = 256 * 1024
MAX_STREAMS = 512
CONNECT_S = 10.0
_TURN = 256 * 1024


class Stream:
    """One stream of a connection. What comes is taken by :meth:`_drink`, what goes is sent by :meth:`_pour`.

    Args:
        number: its id, made by the control plane.
        send: queues a frame without data.
        ready: called when there is a piece to send.
        gone: called once it has ended both ways.
        end: its end inside the runtime.
    """

    def __init__(
        self,
        number: str,
        send: Callable[[dict[str, Any]], None],
        ready: Callable[[Stream], None],
        gone: Callable[[Stream], None],
        end: End,
    ) -> None:
        self.number = number
        self._send, self._ready, self._gone, self._end = send, ready, gone, end
        self._credit = WINDOW
        self._inbox: deque[bytes] = deque()
        self._held = self._taken = 0
        self._over = {"in": not end.takes, "out": not end.gives}
        self._piece: bytes | None = None
        self._moved = asyncio.Event()
        self._tasks = [asyncio.ensure_future(self._guard(work())) for work in (self._pour, self._drink)]

    # -- from the other side ------------------------------------------------------------------------------------------

    def take(self, header: dict[str, Any], buffers: list[bytes]) -> None:
        """Takes a frame. Raises ChannelError where it breaks the rules."""
        kind = header["t"]
        if kind == "window":
            more = header.get("bytes")
            if not isinstance(more, int) or not 0 < more <= channel.MAX_FRAME:
                raise channel.ChannelError("a window is a number of bytes")
            self._credit += more
        elif kind == "data":
            data = b"".join(buffers)
            self._held += len(data)
            if self._held > WINDOW:
                raise channel.ChannelError("a stream holds more than its window")
            self._inbox.append(data)
        elif header.get("error") is None:
            self._over["in"] = True
        else:
            self.close()
            return
        self._moved.set()

    # -- both ways ----------------------------------------------------------------------------------------------------

    async def _drink(self) -> None:
        """Hands what comes on to the end inside, and gives window back for it."""
        if not self._end.takes:
            return
        while True:
            while self._inbox:
                data = self._inbox.popleft()
                await self._end.write(data)
                self._taken += len(data)
                if self._taken >= WINDOW // 4:
                    self._held -= self._taken
                    self._send({"t": "window", "s": self.number, "bytes": self._taken})
                    self._taken = 0
            if self._over["in"]:
                break
            await self._wait(lambda: bool(self._inbox) or self._over["in"])
        result = await self._end.finish()
        if result is not None:
            self._over["out"] = True
            self._send({"t": "end", "s": self.number, "result": result})
        self._check()

    async def _pour(self) -> None:
        """Sends what the end inside gives, a piece at a time."""
        if not self._end.gives:
            return
        while True:
            await self._wait(lambda: self._piece is None and self._credit > 0)
            data = await self._end.read(min(PIECE, self._credit))
            if not data:
                break
            self._credit -= len(data)
            self._piece = data
            self._ready(self)
        # The end goes the short way: not before the last piece has left.
        await self._wait(lambda: self._piece is None)
        self._over["out"] = True
        self._send({"t": "end", "s": self.number})
        self._check()

    async def _wait(self, ready: Callable[[], bool]) -> None:
        while not ready():
            self._moved.clear()
            await self._moved.wait()

    def piece(self) -> bytes:
        """Returns the frame that waits, which makes room for the next one."""
        data, self._piece = self._piece or b"", None
        self._moved.set()
        header = channel.dump({"t": "data", "s": self.number, "buffers": [len(data)]})
        return b"".join(channel.encode_frame(header, [data]))

    # -- ends ---------------------------------------------------------------------------------------------------------

    async def _guard(self, work: Any) -> None:
        try:
            await work
        except KernelError as error:
            self._fail(error.code, str(error))
        except OSError as error:
            self._fail("broken", error.strerror or "The connection broke.")

    def _fail(self, code: str, message: str) -> None:
        self._send({"t": "end", "s": self.number, "error": code, "message": message})
        self.close()

    def _check(self) -> None:
        if all(self._over.values()):
            self.close()

    def close(self) -> None:
        """Ends it here, without a word to the other side. Safe to repeat."""
        self._gone(self)
        self._end.close()
        for task in self._tasks:
            if task is not _current():
                task.cancel()


class Streams:
    """The streams of one connection.

    Args:
        answer: queues a frame that goes before everything else.
        wake: called when there is something to send.
        port: returns the number of a port that may be connected to, or raises KernelError; called in a thread.
    """

    def __init__(
        self, answer: Callable[[dict[str, Any]], None], wake: Callable[[], None], port: Callable[[Any], int]
    ) -> None:
        self._answer, self._wake, self._port = answer, wake, port
        self._open: dict[str, Stream] = {}
        self._opening: set[str] = set()
        self._waiting: deque[Stream] = deque()
        self._closed = False

    async def open(self, args: dict[str, Any]) -> dict[str, Any]:
        """Opens a stream and says what is known of its other end. Raises KernelError when that cannot be reached."""
        number = args.get("stream_id")
        if not isinstance(number, str) or not 0 < len(number) <= 64 or number in self._open or number in self._opening:
            raise KernelError("bad_request", "stream_id must be a new string.")
        if len(self._open) + len(self._opening) >= MAX_STREAMS:
            raise KernelError("too_many_streams", "Too much is open in this runtime at a time. Close some of it.")
        self._opening.add(number)
        try:
            end = await self._reach(args)
            if self._closed or number not in self._opening:
                end.close()
                raise KernelError("bad_request", "Nobody waits for the stream any more.")
            self._open[number] = Stream(number, self._answer, self._ready, self._gone, end)
        finally:
            self._opening.discard(number)
        return end.facts

    async def _reach(self, args: dict[str, Any]) -> End:
        kind = args.get("kind")
        if kind == "tcp":
            return await Connection.to(await asyncio.to_thread(self._port, args.get("port")))
        if kind == "read":
            return await _opened(FileSource, args)
        if kind == "write":
            return await _opened(FileSink, args)
        raise KernelError("bad_request", f"There is no stream of the kind {kind}.")

    def take(self, header: dict[str, Any], buffers: list[bytes]) -> bool:
        """Takes a frame of a stream and returns whether it was one. What has ended is no longer listened to."""
        if header.get("t") not in ("data", "window", "end"):
            return False
        number = str(header.get("s"))
        stream = self._open.get(number)
        if stream is not None:
            stream.take(header, buffers)
        elif header["t"] == "end":
            # Whoever asked for it has gone before it was there.
            self._opening.discard(number)
        return True

    def turn(self, write: Callable[[bytes], None]) -> bool:
        """Writes a piece of each stream that has one, in turn and bounded; returns whether it wrote any."""
        written = 0
        while self._waiting and written < _TURN:
            piece = self._waiting.popleft().piece()
            write(piece)
            written += len(piece)
        return written > 0

    def close(self) -> None:
        """Ends every stream."""
        self._closed = True
        for stream in list(self._open.values()):
            stream.close()

    def _ready(self, stream: Stream) -> None:
        self._waiting.append(stream)
        self._wake()

    def _gone(self, stream: Stream) -> None:
        self._open.pop(stream.number, None)
        with contextlib.suppress(ValueError):
            self._waiting.remove(stream)


class _Reader(asyncio.StreamReader):
    """Hands out what was said before a connection was reset; the reset is its end then."""

    def set_exception(self, exc: BaseException) -> None:
        if isinstance(exc, ConnectionError):
            self.feed_eof()
        else:
            super().set_exception(exc)  # type: ignore[arg-type]


class Connection:
    """A connection to a program that listens inside the runtime."""

    takes = gives = True

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.facts: dict[str, Any] = {}
        self._reader, self._writer = reader, writer
        self._deaf = False

    @classmethod
    async def to(cls, port: int) -> Connection:
        """Connects by IPv4, else IPv6. Raises KernelError ``nobody_listens``."""
        for host in ("127.0.0.1", "::1"):
            with contextlib.suppress(OSError, asyncio.TimeoutError):
                loop, reader = asyncio.get_running_loop(), _Reader(limit=PIECE)
                protocol = asyncio.StreamReaderProtocol(reader)
                connecting = loop.create_connection(lambda protocol=protocol: protocol, host, port)
                transport, _ = await asyncio.wait_for(connecting, CONNECT_S)
                return cls(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
        raise KernelError("nobody_listens", "No program of the runtime listens on this port.")

    async def read(self, most: int) -> bytes:
        return await self._reader.read(most)

    async def write(self, data: bytes) -> None:
        if self._deaf:
            return
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError:
            # It hears no more, but may have answered: what it says still goes out.
            self._deaf = True

    async def finish(self) -> dict[str, Any] | None:
        with contextlib.suppress(OSError):
            self._writer.write_eof()
        return None

    def close(self) -> None:
        self._writer.close()


class _File:
    """What both ends at files share: the system is asked in a thread, as a file may lie on a slow mount."""

    def __init__(self, file: files.Reading | files.Writing) -> None:
        self._file = file
        self._work: asyncio.Future[Any] | None = None

    async def _do(self, work: Callable[..., Any], *args: Any) -> Any:
        self._work = asyncio.get_running_loop().run_in_executor(None, work, *args)
        return await asyncio.shield(self._work)

    def close(self) -> None:
        """Closes the file, once nothing is done with it any more: its descriptor's number is used again."""
        if self._work is not None and not self._work.done():
            self._work.add_done_callback(lambda _: self._file.close())
        else:
            self._file.close()


class FileSource(_File):
    """A file, or a part of it, that is read."""

    takes, gives = False, True

    def __init__(self, args: dict[str, Any]) -> None:
        self._source = files.Reading(args.get("path"), _count(args, "offset") or 0, _count(args, "length"))
        super().__init__(self._source)
        self.facts = {"size": self._source.size, "modified": self._source.modified}

    async def read(self, most: int) -> bytes:
        data: bytes = await self._do(self._source.read, most)
        return data

    async def write(self, data: bytes) -> None:
        return None

    async def finish(self) -> dict[str, Any] | None:
        return None


class FileSink(_File):
    """A file that is written; it is there once the other side has ended."""

    takes, gives = True, False

    def __init__(self, args: dict[str, Any]) -> None:
        self._sink = files.Writing(args.get("path"), _count(args, "size"))
        super().__init__(self._sink)
        self.facts: dict[str, Any] = {}

    async def read(self, most: int) -> bytes:
        return b""

    async def write(self, data: bytes) -> None:
        await self._do(self._sink.write, data)

    async def finish(self) -> dict[str, Any] | None:
        result: dict[str, Any] = await self._do(self._sink.finish)
        return result


End = Union[Connection, FileSource, FileSink]


async def _opened(kind: Callable[[dict[str, Any]], FileSource | FileSink], args: dict[str, Any]) -> End:
    """Opens a file in a thread. Whoever goes meanwhile leaves nothing open, and no part of a file, behind."""
    opening = asyncio.get_running_loop().run_in_executor(None, kind, args)
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(lambda done: done.cancelled() or done.exception() or done.result().close())
        raise


def _count(args: dict[str, Any], name: str) -> int | None:
    value = args.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise KernelError("bad_request", f"{name} must be a number of bytes.")
    return value


def _current() -> Any:
    with contextlib.suppress(RuntimeError):
        return asyncio.current_task()
    return None

"""Streams of a guest's channel: connections to programs of the runtime and the bytes of its files.

The other side of ``labora_guest.streams``. A stream ends with the connection that it was opened on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from labora.base.errors import LaboraError, UnavailableError
from labora.base.ids import new_id
from labora.kernels.channel import MAX_FRAME, ChannelError

PIECE = 64 * 1024
"""Bytes of one frame at most."""
WINDOW = 256 * 1024
"""Bytes that one side sends beyond what the other has taken."""
MAX_STREAMS = 256
"""Streams of one guest at a time."""

Send = Callable[[Mapping[str, Any], Sequence[bytes]], Awaitable[None]]
Post = Callable[[Mapping[str, Any], Sequence[bytes]], object]
Refusal = Callable[[str, str], LaboraError]


class GuestStream:
    """One open stream; read it or write it from one task each, and :meth:`close` it in any case.

    Attributes:
        facts: what the guest said of the other end, such as the ``size`` of a file.
    """

    def __init__(self, number: str, send: Send, post: Post, forget: Callable[[], None], refusal: Refusal) -> None:
        self.facts: Mapping[str, Any] = {}
        self._number = number
        self._send, self._post, self._forget, self._refusal = send, post, forget, refusal
        self._inbox: deque[bytes] = deque()
        self._held = self._taken = 0
        self._credit = WINDOW
        self._ended = self._sent_end = False
        self._result: Any = None
        self._error: LaboraError | None = None
        self._waiters: set[asyncio.Future[None]] = set()

    async def read(self) -> bytes:
        """Returns the next bytes; none once the other side has ended.

        Raises:
            LaboraError: the stream broke; ``stream_broken`` where the connection to the guest did.
        """
        # What was said before a break is read before it: an answer may be whole by then.
        if not self._inbox:
            await self._wait(lambda: bool(self._inbox) or self._ended)
        if not self._inbox:
            return b""
        data = self._inbox.popleft()
        self._taken += len(data)
        if self._taken >= WINDOW // 4 and not self._ended and self._error is None:
            taken, self._taken = self._taken, 0
            self._held -= taken
            await self._send({"t": "window", "s": self._number, "bytes": taken}, ())
        return data

    async def write(self, data: bytes) -> None:
        """Sends bytes, once the other side has room for them. Raises LaboraError when the stream broke."""
        view = memoryview(data)
        while view:
            await self._wait(lambda: self._credit > 0)
            piece = view[: min(PIECE, self._credit)]
            self._credit -= len(piece)
            view = view[len(piece) :]
            await self._send({"t": "data", "s": self._number, "buffers": [len(piece)]}, (bytes(piece),))

    async def finish(self) -> Any:
        """Says that nothing more comes and returns what the other side says at its end, such as the file written.

        Raises:
            LaboraError: the stream broke, or the file could not be put in its place.
        """
        self._sent_end = True
        await self._send({"t": "end", "s": self._number}, ())
        await self._wait(lambda: self._ended)
        return self._result

    async def close(self) -> None:
        """Ends the stream, for the other side too; waits for nobody. Safe to repeat."""
        self._forget()
        if self._error is None and not (self._ended and self._sent_end):
            self._error = UnavailableError("The stream was closed.", code="stream_closed")
            with contextlib.suppress(LaboraError):
                self._post({"t": "end", "s": self._number, "error": "closed"}, ())

    # -- from the connection ------------------------------------------------------------------------------------------

    def take(self, header: Mapping[str, Any], buffers: Sequence[bytes]) -> None:
        """Takes a frame. Raises ChannelError where the guest breaks the rules."""
        match header["t"]:
            case "data":
                data = b"".join(buffers)
                self._held += len(data)
                if self._held > WINDOW:
                    raise ChannelError("a stream holds more than its window")
                if data and not self._ended:
                    self._inbox.append(data)
            case "window":
                more = header.get("bytes")
                if not isinstance(more, int) or isinstance(more, bool) or not 0 < more <= MAX_FRAME:
                    raise ChannelError("a window is a number of bytes")
                self._credit = min(self._credit + more, WINDOW)
            case _ if header.get("error") is not None:
                self.fail(self._refusal(str(header["error"])[:64], str(header.get("message", ""))[:1000]))
            case _:
                self._ended, self._result = True, header.get("result")
        self._wake()

    def fail(self, error: LaboraError) -> None:
        """Ends it with an error, which whoever reads or writes gets."""
        self._error = self._error or error
        self._forget()
        self._wake()

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _wait(self, ready: Callable[[], bool]) -> None:
        while True:
            if self._error is not None:
                raise self._error
            if ready():
                return
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)


class GuestStreams:
    """The open streams of one guest, over all its connections.

    Args:
        send: writes one frame, and waits while the guest is behind.
        post: writes one frame.
        request: sends a request on the present connection, once.
        refusal: makes the error of a code that the guest said.
    """

    def __init__(
        self, send: Send, post: Post, request: Callable[[str, dict[str, Any]], Awaitable[Any]], refusal: Refusal
    ) -> None:
        self._send, self._post, self._request, self._refusal = send, post, request, refusal
        self._open: dict[str, GuestStream] = {}

    async def open(self, kind: str, args: Mapping[str, Any]) -> GuestStream:
        """Opens a stream (docs/protocols.md, section 8).

        Raises:
            UnavailableError: the guest is away, or too many streams are open.
            LaboraError: what the guest refuses, by its code.
        """
        if len(self._open) >= MAX_STREAMS:
            raise UnavailableError(
                "Too much of this runtime is open at a time. Close some of it.", code="too_many_streams", retry_after=2
            )
        number = new_id()
        stream = GuestStream(number, self._send, self._post, partial(self._forget, number), self._refusal)
        self._open[number] = stream
        try:
            facts = await self._request("stream.open", {**args, "stream_id": number, "kind": kind})
        except BaseException:
            await stream.close()
            raise
        stream.facts = facts if isinstance(facts, dict) else {}
        return stream

    def take(self, header: Mapping[str, Any], buffers: Sequence[bytes]) -> None:
        """Takes a frame of a stream; what has ended is no longer listened to. Raises ChannelError."""
        stream = self._open.get(str(header.get("s")))
        if stream is not None:
            stream.take(header, buffers)

    def _forget(self, number: str) -> None:
        self._open.pop(number, None)

    def fail(self, error: LaboraError) -> None:
        """Ends all of them."""
        for stream in list(self._open.values()):
            stream.fail(error)

"""Numbered messages of one kernel, kept until the control plane says that they are durable.

The first megabytes stay in memory, the rest goes to files without a name (nothing in the runtime can delete or read
them). A message is at rest as the frames that will be sent, so that sending it again costs one read.
"""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Sequence
from typing import Any

from labora_guest.channel import MAX_FRAME, dump, encode_frame

MEMORY_BYTES = 4 * 1024 * 1024
SEGMENT_BYTES = 4 * 1024 * 1024
MERGE_CHARS = 256 * 1024
DISK_FULL_BYTES = 16 * 1024 * 1024
PART_BYTES = 16 * 1024 * 1024
INLINE_BYTES = 1024 * 1024
"""Larger content goes beside the header, where the other side can look at it before it parses it."""


class _Segment:
    """A file without a name that holds consecutive messages."""

    def __init__(self, folder: str | None) -> None:
        self.file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed with its last message
        self.size = 0
        self.messages = 0

    def write(self, data: bytes) -> int:
        """Appends ``data`` and returns where it starts. Raises OSError when the disk is full."""
        at = view_at = self.size
        view = memoryview(data)
        while view:
            written = os.pwrite(self.file.fileno(), view, view_at)
            view, view_at = view[written:], view_at + written
        self.size = view_at
        return at


class _Message:
    __slots__ = ("at", "data", "n", "segment", "size")

    def __init__(self, n: int, data: bytes | None, size: int) -> None:
        self.n = n
        self.data = data
        self.size = size
        self.segment: _Segment | None = None
        self.at = 0


class _Tail:
    """The newest message while it is stream text that may still grow."""

    def __init__(self, n: int, execution: str | None, call: str | None, name: str, text: str) -> None:
        self.n = n
        self.execution = execution
        self.call = call
        self.name = name
        self.texts = [text]
        self.chars = len(text)


class Spool:
    """The messages of one kernel id, counted from 1 over all its lives.

    Args:
        kernel_id: written into every frame.
        limit: bytes kept before :attr:`full` asks for the kernel to be stopped.
        folder: where files are made; the system's temporary folder by default.
    """

    def __init__(self, kernel_id: str, limit: int, folder: str | None = None) -> None:
        self._kernel_id = kernel_id
        self._limit = limit
        self._folder = folder
        self._messages: deque[_Message] = deque()
        self._segment: _Segment | None = None
        self._tail: _Tail | None = None
        self._in_memory = 0
        self._disk_failed = False
        self.last = 0
        self.bytes = 0

    @property
    def first(self) -> int:
        """Number of the oldest message still held; ``last + 1`` when none is."""
        if self._messages:
            return self._messages[0].n
        return self._tail.n if self._tail else self.last + 1

    @property
    def full(self) -> bool:
        """Whether the kernel must be stopped until something is acknowledged."""
        return self.bytes >= self._bound()

    @property
    def roomy(self) -> bool:
        """Whether a stopped kernel may go on: below half of the bound, so that it is not stopped at every message."""
        return self.bytes * 2 <= self._bound()

    def _bound(self) -> int:
        return min(self._limit, DISK_FULL_BYTES) if self._disk_failed else self._limit

    def append(
        self,
        channel: str,
        kind: str,
        content: Any,
        execution: str | None = None,
        metadata: bytes = b"{}",
        buffers: Sequence[bytes] = (),
        call: str | None = None,
    ) -> int:
        """Adds one message and returns its number.

        Args:
            channel: where it comes from.
            kind: its type.
            content: JSON bytes, or a value to be dumped.
            execution: what it is output of.
            metadata: JSON bytes.
            buffers: what follows it.
            call: the comm message or call of a page that caused it.
        """
        self._seal()
        self.last += 1
        body = content if isinstance(content, bytes) else dump(content)
        self._store(self.last, self._encode(self.last, (execution, call), channel, kind, body, metadata, buffers))
        return self.last

    def append_stream(self, execution: str | None, name: str, text: str, call: str | None = None) -> int:
        """Adds stream text, merged into the newest message while that has not been sent."""
        tail = self._tail
        same = tail is not None and (tail.execution, tail.call, tail.name) == (execution, call, name)
        if tail is not None and same and tail.chars < MERGE_CHARS:
            tail.texts.append(text)
            tail.chars += len(text)
        else:
            self._seal()
            self.last += 1
            self._tail = _Tail(self.last, execution, call, name, text)
        self.bytes += len(text)
        return self.last

    def read(self, n: int) -> bytes:
        """Returns the frames of message ``n``, which must lie between ``first`` and ``last``."""
        if self._tail and self._tail.n == n:
            self._seal()
        message = self._messages[n - self._messages[0].n]
        if message.data is not None:
            return message.data
        segment = message.segment
        if segment is None:
            raise LookupError(n)
        data = os.pread(segment.file.fileno(), message.size, message.at)
        while len(data) < message.size:
            more = os.pread(segment.file.fileno(), message.size - len(data), message.at + len(data))
            if not more:
                raise OSError("the spool's file is shorter than it was")
            data += more
        return data

    def ack(self, n: int) -> None:
        """Forgets everything up to ``n``."""
        if self._tail and self._tail.n <= n:
            self._seal()
        while self._messages and self._messages[0].n <= n:
            message = self._messages.popleft()
            self.bytes -= message.size
            if message.data is not None:
                self._in_memory -= message.size
            elif message.segment is not None:
                message.segment.messages -= 1
                if message.segment.messages == 0 and message.segment is not self._segment:
                    message.segment.file.close()
        if not self._messages and self._segment is not None:
            self._segment.file.close()
            self._segment = None
            self._disk_failed = False

    def close(self) -> None:
        """Drops everything."""
        self.ack(self.last)

    def _seal(self) -> None:
        tail, self._tail = self._tail, None
        if tail is not None:
            content = dump({"name": tail.name, "text": "".join(tail.texts)})
            # Characters were counted while the text grew; from here on encoded bytes are.
            self.bytes -= tail.chars
            cause = (tail.execution, tail.call)
            self._store(tail.n, self._encode(tail.n, cause, "iopub", "stream", content, b"{}", ()))

    def _store(self, n: int, data: bytes) -> None:
        message = _Message(n, None, len(data))
        if self._in_memory + len(data) > MEMORY_BYTES and self._messages:
            self._to_disk(message, data)
        if message.segment is None:
            message.data = data
            self._in_memory += len(data)
        self._messages.append(message)
        self.bytes += len(data)

    def _to_disk(self, message: _Message, data: bytes) -> None:
        try:
            if self._segment is None or self._segment.size >= SEGMENT_BYTES:
                old, self._segment = self._segment, _Segment(self._folder)
                if old is not None and old.messages == 0:
                    old.file.close()
            message.at = self._segment.write(data)
            self._segment.messages += 1
            message.segment = self._segment
        except OSError:
            # The runtime's disk is full: memory holds the message, and the bound shrinks so that memory stays small.
            self._disk_failed = True

    def _encode(
        self,
        n: int,
        cause: tuple[str | None, str | None],
        channel: str,
        kind: str,
        content: bytes,
        metadata: bytes,
        buffers: Sequence[bytes],
    ) -> bytes:
        head = {"t": "msg", "k": self._kernel_id, "n": n, "e": cause[0], "ch": channel, "type": kind}
        if cause[1] is not None:
            head["c"] = cause[1]
        start = dump(head)[:-1]
        size = len(start) + len(content) + len(metadata) + sum(map(len, buffers)) + 24 * len(buffers) + 256
        if size <= MAX_FRAME and len(content) <= INLINE_BYTES:
            lengths = dump([len(buffer) for buffer in buffers])
            header = start + b',"content":' + content + b',"metadata":' + metadata + b',"buffers":' + lengths + b"}"
            return b"".join(encode_frame(header, buffers))
        return self._encode_parts(start, content, metadata, buffers)

    @staticmethod
    def _encode_parts(start: bytes, content: bytes, metadata: bytes, buffers: Sequence[bytes]) -> bytes:
        """Splits a large message into frames: the parts' buffers, joined, are content, metadata and buffers."""
        whole = b"".join([content, metadata, *buffers])
        lengths = dump([len(content), len(metadata), *(len(buffer) for buffer in buffers)])
        pieces: list[bytes] = []
        for at in range(0, len(whole), PART_BYTES):
            part = whole[at : at + PART_BYTES]
            more = b"true" if at + PART_BYTES < len(whole) else b"false"
            header = start + b',"more":' + more + b',"parts":' + lengths + b',"buffers":[%d]}' % len(part)
            pieces.extend(encode_frame(header, [part]))
        return b"".join(pieces)

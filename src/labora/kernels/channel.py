"""Frames of the guest channel (docs/protocols.md, section 3), as the control plane reads and writes them.

What comes in was written by a hostile machine: every length is checked before it is used, and whatever is not a
frame closes the connection. The agent has its own copy (``labora_guest.channel``), because it is a separate wheel.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import struct
from collections.abc import Sequence
from typing import Any

VERSION = 1
MAX_FRAME = 64 * 1024 * 1024
GUEST_REQUEST_BYTES = 16 * 1024 * 1024
"""Largest frame that the agent reads (``labora_guest.agent.REQUEST_BYTES``)."""
WINDOW = 8 * 1024 * 1024
"""Bytes that the agent may send beyond what is acknowledged, per kernel."""
MAX_MESSAGE = 512 * 1024 * 1024
"""Bytes of one kernel message that came in several frames."""

MAX_VALUES = 2_000_000
"""JSON values of one message. Each costs far more time and memory than its bytes say."""

_U32 = struct.Struct(">I")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class ChannelError(Exception):
    """The other side sent something that is not a frame, or more than it may; the connection is closed."""


def dump(value: Any) -> bytes:
    """Returns ``value`` as compact ASCII JSON."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def encode_frame(header: bytes, buffers: Sequence[bytes] = (), limit: int = MAX_FRAME) -> list[bytes]:
    """Returns the pieces of one frame whose header is already JSON.

    Raises:
        ValueError: the frame is larger than ``limit``.
    """
    total = 4 + len(header) + sum(len(buffer) for buffer in buffers)
    if total > limit:
        raise ValueError(f"frame of {total} bytes, at most {limit} are allowed")
    return [_U32.pack(total) + _U32.pack(len(header)) + header, *buffers]


def load(raw: bytes) -> Any:
    """Parses JSON of a guest.

    Lone surrogates become U+FFFD, NaN, Infinity and numbers that are too large null, so that what goes on is text and
    JSON everywhere. Raises ChannelError for anything else.
    """
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=lambda _: None, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise ChannelError("not JSON") from error
    return _without_surrogates(value) if rb"\ud" in raw or rb"\uD" in raw else value


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def too_many_values(raw: bytes) -> bool:
    """Says whether JSON holds more than MAX_VALUES lists, objects and further members, without building them."""
    if len(raw) <= MAX_VALUES or _separators(raw) <= MAX_VALUES:
        return False
    return _separators(_STRING.sub(b"", raw)) > MAX_VALUES


def _separators(raw: bytes) -> int:
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value


def decode_frame(body: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Returns header and buffers of the bytes that follow a frame's length. Raises ChannelError for junk."""
    if len(body) < 4:
        raise ChannelError("a frame is shorter than its header's length")
    (size,) = _U32.unpack_from(body)
    if 4 + size > len(body):
        raise ChannelError("a header is longer than its frame")
    if too_many_values(body[4 : 4 + size]):
        raise ChannelError("a header holds too many values")
    header = load(body[4 : 4 + size])
    if not isinstance(header, dict):
        raise ChannelError("a header is not an object")
    lengths = header.get("buffers", [])
    if not isinstance(lengths, list):
        raise ChannelError("buffers is not a list of lengths")
    buffers, at = split(body, 4 + size, lengths)
    if at != len(body):
        raise ChannelError("a frame is longer than its header and buffers")
    return header, buffers


def split(data: bytes, at: int, lengths: Sequence[Any]) -> tuple[list[bytes], int]:
    """Cuts pieces of the given lengths out of ``data`` and returns them and where they end. Raises ChannelError."""
    pieces = []
    for length in lengths:
        if not isinstance(length, int) or isinstance(length, bool) or length < 0 or at + length > len(data):
            raise ChannelError("a buffer is longer than its frame")
        pieces.append(data[at : at + length])
        at += length
    return pieces, at


async def read_frame(reader: asyncio.StreamReader, limit: int = MAX_FRAME) -> tuple[dict[str, Any], list[bytes], int]:
    """Reads one frame of at most ``limit`` bytes; returns header, buffers and the bytes it took.

    Raises:
        ChannelError: the bytes are no frame.
        asyncio.IncompleteReadError: the stream ended.
    """
    (size,) = _U32.unpack(await reader.readexactly(4))
    if size > limit:
        raise ChannelError(f"a frame of {size} bytes, at most {limit} are allowed")
    header, buffers = decode_frame(await reader.readexactly(size))
    return header, buffers, size + 4

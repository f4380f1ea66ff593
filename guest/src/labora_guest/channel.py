"""Frames of the guest channel (docs/protocols.md, section 3).

The control plane has its own copy in ``labora.kernels.channel``, because this is a separate wheel; a test holds the
two together.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Sequence
from typing import Any

VERSION = 1
MAX_FRAME = 64 * 1024 * 1024
WINDOW = 8 * 1024 * 1024
"""Bytes that may be under way beyond what is acknowledged, per kernel."""

_U32 = struct.Struct(">I")


class ChannelError(Exception):
    """The other side sent something that is not a frame; the connection is closed."""


def encode_frame(header: bytes, buffers: Sequence[bytes] = ()) -> list[bytes]:
    """Returns the pieces of one frame whose header is already JSON.

    Raises:
        ValueError: the frame is larger than MAX_FRAME.
    """
    total = 4 + len(header) + sum(len(buffer) for buffer in buffers)
    if total > MAX_FRAME:
        raise ValueError(f"frame of {total} bytes, at most {MAX_FRAME} are allowed")
    return [_U32.pack(total) + _U32.pack(len(header)) + header, *buffers]


def dump(value: Any) -> bytes:
    """Returns ``value`` as compact ASCII JSON: lone surrogates stay escaped and nothing can fail to encode."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def decode_frame(body: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Returns header and buffers of the bytes that follow a frame's length. Raises ChannelError for junk."""
    if len(body) < 4:
        raise ChannelError("a frame is shorter than its header's length")
    (size,) = _U32.unpack_from(body)
    if 4 + size > len(body):
        raise ChannelError("a header is longer than its frame")
    try:
        header = json.loads(body[4 : 4 + size].decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ChannelError("a header is not JSON") from error
    if not isinstance(header, dict):
        raise ChannelError("a header is not an object")
    buffers, at = [], 4 + size
    lengths = header.get("buffers", [])
    if not isinstance(lengths, list):
        raise ChannelError("buffers is not a list of lengths")
    for length in lengths:
        if not isinstance(length, int) or isinstance(length, bool) or length < 0 or at + length > len(body):
            raise ChannelError("a buffer is longer than its frame")
        buffers.append(body[at : at + length])
        at += length
    if at != len(body):
        raise ChannelError("a frame is longer than its header and buffers")
    return header, buffers


async def read_frame(reader: asyncio.StreamReader, limit: int = MAX_FRAME) -> tuple[dict[str, Any], list[bytes]]:
    """Reads one frame of at most ``limit`` bytes.

    Raises:
        ChannelError: the bytes are no frame.
        asyncio.IncompleteReadError: the stream ended.
    """
    (size,) = _U32.unpack(await reader.readexactly(4))
    if size > limit:
        raise ChannelError(f"a frame of {size} bytes, at most {limit} are allowed")
    return decode_frame(await reader.readexactly(size))

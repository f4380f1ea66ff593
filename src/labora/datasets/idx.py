"""Reads IDX, the format of MNIST and its kin: unsigned bytes in one to four dimensions."""

from __future__ import annotations

import math
import struct
from pathlib import Path

from labora.base.errors import InvalidError


def read_header(data: bytes) -> tuple[tuple[int, ...], int]:
    """Returns the dimensions, and where the bytes begin.

    Raises:
        InvalidError: it is not IDX of unsigned bytes, or not whole.
    """
    if len(data) < 4 or data[:3] != b"\0\0\x08" or not 1 <= data[3] <= 4:
        raise InvalidError("This is no IDX file of unsigned bytes.", code="bad_idx")
    start = 4 + 4 * data[3]
    if len(data) < start:
        raise InvalidError("This IDX file ends within its header.", code="bad_idx")
    return struct.unpack(f">{data[3]}I", data[4:start]), start


def read_idx(path: Path) -> tuple[tuple[int, ...], memoryview]:
    """Returns dimensions and content of an unpacked IDX file.

    Raises:
        InvalidError: it is not IDX of unsigned bytes, or has another size than its header says.
    """
    data = path.read_bytes()
    sizes, start = read_header(data)
    if math.prod(sizes) != len(data) - start:
        raise InvalidError(f"{path.name} is not as long as its header says.", code="bad_idx")
    return sizes, memoryview(data)[start:]

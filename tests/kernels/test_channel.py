"""What is read of a guest's frames."""

from __future__ import annotations

import json
import struct

import pytest

from labora.kernels.channel import ChannelError, decode_frame


def header(raw: bytes) -> object:
    return decode_frame(struct.pack(">I", len(raw)) + raw)[0]


def test_numbers_that_are_not_finite_become_null_so_that_browsers_can_read_what_goes_on() -> None:
    found = header(b'{"a": [1e999, -1e999, NaN, Infinity, 1.5, -0.0, 1e308]}')
    assert found == {"a": [None, None, None, None, 1.5, 0.0, 1e308]}
    json.dumps(found, allow_nan=False)
    with pytest.raises(ChannelError):
        header(b"1e999")

"""The spool: numbers, bounds and what survives where, without a kernel."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from labora.kernels import channel as ours
from labora.testing.providers import guest_path

sys.path.insert(0, str(guest_path()))

from labora_guest import channel as theirs
from labora_guest import spool as spool_module
from labora_guest.spool import Spool


def frames(data: bytes) -> Iterator[tuple[dict[str, Any], list[bytes]]]:
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        yield ours.decode_frame(data[at + 4 : at + 4 + size])
        at += 4 + size


class SpoolMachine(RuleBasedStateMachine):
    """A spool against a list: every text that went in comes out once, in order, from any number on."""

    def __init__(self) -> None:
        super().__init__()
        self.spool = Spool("k", 10_000_000)
        self.written: list[tuple[str | None, str]] = []
        self.read: dict[int, tuple[str | None, str]] = {}
        self.acked = 0

    @rule(text=st.text(min_size=1, max_size=2000), execution=st.sampled_from(["a", "b", None]))
    def stream(self, text: str, execution: str | None) -> None:
        self.spool.append_stream(execution, "stdout", text)
        self.written.append((execution, text))

    @rule(size=st.integers(0, 300_000))
    def display(self, size: int) -> None:
        self.spool.append("iopub", "display_data", {"text": "d" * size}, "a")
        self.written.append(("a", "d" * size))

    @precondition(lambda self: self.spool.last >= self.spool.first)
    @rule(data=st.data())
    def read_again(self, data: st.DataObject) -> None:
        n = data.draw(st.integers(self.spool.first, self.spool.last))
        self._read(n)

    def _read(self, n: int) -> None:
        ((header, _),) = frames(self.spool.read(n))
        assert header["n"] == n
        got = (header["e"], header["content"]["text"])
        assert self.read.setdefault(n, got) == got

    @rule(part=st.floats(0, 1))
    def ack(self, part: float) -> None:
        n = int(self.acked + part * (self.spool.last - self.acked))
        for each in range(max(self.spool.first, self.acked + 1), n + 1):
            self._read(each)
        self.spool.ack(n)
        self.acked = max(self.acked, n)

    @invariant()
    def counts_are_true(self) -> None:
        assert self.spool.first == min(self.acked, self.spool.last) + 1
        assert self.spool.bytes >= 0
        if self.spool.first > self.spool.last:
            assert self.spool.bytes == 0

    def teardown(self) -> None:
        for n in range(self.spool.first, self.spool.last + 1):
            self._read(n)

        def joined(items: list[tuple[str | None, str]]) -> list[tuple[str | None, str]]:
            whole: list[tuple[str | None, str]] = []
            for execution, text in items:
                if whole and whole[-1][0] == execution:
                    whole[-1] = (execution, whole[-1][1] + text)
                else:
                    whole.append((execution, text))
            return whole

        assert joined([self.read[n] for n in sorted(self.read)]) == joined(self.written)
        assert sorted(self.read) == list(range(1, self.spool.last + 1))
        self.spool.close()


TestSpool = pytest.mark.filterwarnings("error")(SpoolMachine.TestCase)
TestSpool.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_stream_text_is_merged_only_while_it_waits() -> None:
    spool = Spool("k", 1_000_000)
    assert spool.append_stream("e", "stdout", "a") == 1
    assert spool.append_stream("e", "stdout", "b") == 1
    assert spool.append_stream("e", "stderr", "c") == 2
    spool.read(2)
    # Message 2 has been sent: what follows is another one.
    assert spool.append_stream("e", "stderr", "d") == 3
    ((header, _),) = frames(spool.read(1))
    assert header["content"]["text"] == "ab"
    spool.close()


def test_memory_is_bounded_and_files_hold_the_rest() -> None:
    spool = Spool("k", 100_000_000)
    for i in range(40):
        spool.append("iopub", "display_data", {"i": i, "x": "y" * 1_000_000})
    in_memory = sum(m.size for m in spool._messages if m.data is not None)
    assert in_memory <= spool_module.MEMORY_BYTES + 1_000_200
    for n in range(1, 41):
        ((header, _),) = frames(spool.read(n))
        assert header["content"]["i"] == n - 1
        spool.ack(n)
    assert spool.bytes == 0


def test_full_and_roomy_do_not_meet() -> None:
    spool = Spool("k", 1000)
    while not spool.full:
        spool.append_stream("e", "stdout", "x" * 100)
        spool.append("iopub", "display_data", {})
    assert not spool.roomy
    spool.ack(spool.last)
    assert spool.roomy
    spool.close()


def test_a_full_disk_keeps_messages_in_memory_within_a_smaller_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool_module.os, "pwrite", no_space)
    spool = Spool("k", 64 << 20)
    while not spool.full:
        spool.append("iopub", "display_data", {"x": "y" * 1_000_000})
    assert spool.bytes < 20 << 20
    for n in range(1, spool.last + 1):
        ((header, _),) = frames(spool.read(n))
        assert header["n"] == n
    spool.close()


@given(size=st.integers(0, 3000), lengths=st.lists(st.integers(0, 3000), max_size=3))
def test_a_message_beyond_a_frame_is_split_and_joined(size: int, lengths: list[int]) -> None:
    content = json.dumps({"x": "y" * size}).encode()
    buffers = [bytes([i]) * length for i, length in enumerate(lengths)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool_module, "MAX_FRAME", 900)
        patch.setattr(spool_module, "PART_BYTES", 500)
        spool = Spool("k", 10_000_000)
        spool.append("iopub", "display_data", content, "e", b'{"m":1}', buffers)
        found = list(frames(spool.read(1)))
    if "parts" not in found[0][0]:
        assert len(found) == 1
        assert found[0][0]["content"] == {"x": "y" * size}
        assert found[0][1] == buffers
    else:
        assert [header["more"] for header, _ in found] == [True] * (len(found) - 1) + [False]
        whole = b"".join(piece for _, pieces in found for piece in pieces)
        pieces, end = ours.split(whole, 0, found[-1][0]["parts"])
        assert end == len(whole)
        assert pieces == [content, b'{"m":1}', *buffers]
    spool.close()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(value=st.dictionaries(st.text(), json_values), buffers=st.lists(st.binary(max_size=100), max_size=4))
def test_both_copies_of_the_framing_agree(value: dict[str, Any], buffers: list[bytes]) -> None:
    header = {**value, "buffers": [len(buffer) for buffer in buffers]}
    for mine, yours in ((ours, theirs), (theirs, ours)):
        data = b"".join(mine.encode_frame(mine.dump(header), buffers))
        assert int.from_bytes(data[:4], "big") == len(data) - 4
        assert yours.decode_frame(data[4:]) == (header, buffers)


def test_both_copies_have_the_same_limits() -> None:
    assert (ours.VERSION, ours.MAX_FRAME, ours.WINDOW) == (theirs.VERSION, theirs.MAX_FRAME, theirs.WINDOW)


@given(st.binary(max_size=200))
def test_junk_is_refused_by_both_copies_alike(data: bytes) -> None:
    results = []
    for module in (ours, theirs):
        try:
            results.append(module.decode_frame(data))
        except module.ChannelError:
            results.append(None)
    assert results[0] == results[1]


def test_lone_surrogates_and_nan_do_not_pass() -> None:
    header = b'{"a":"x\\ud800y","b":NaN,"c":[Infinity],"d":"\\ud83d\\ude00"}'
    decoded, _ = ours.decode_frame(struct.pack(">I", len(header)) + header)
    assert decoded == {"a": "x\ufffdy", "b": None, "c": [None], "d": "😀"}

"""Updates that are made to hurt: refused within a second, and the document lives on."""

from __future__ import annotations

import contextlib
import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Doc, Map, Text

from labora.base.errors import InvalidError, LaboraError, TooLargeError
from labora.base.settings import LimitSettings
from labora.notebook.document import NotebookDocument
from labora.notebook.model import Cell, new_notebook
from labora.notebook.updates import read_state_vector, read_update

LIMITS = LimitSettings()


def varuint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(0x80 | (number & 0x7F))
        number >>= 7
    return bytes([*out, number])


def made() -> NotebookDocument:
    return NotebookDocument.from_notebook(new_notebook([Cell(id="c0", kind="code", source="print('😀')\n" * 3)]))


def section(structs: list[bytes], client: int = 99, clock: int = 0) -> bytes:
    return b"\x01" + varuint(len(structs)) + varuint(client) + varuint(clock) + b"".join(structs)


def in_root(key: str, content: bytes, root: str = "metadata", ref: int = 8) -> bytes:
    return bytes([0x20 | ref]) + b"\x01" + text(root) + text(key) + content


def text(value: str) -> bytes:
    data = value.encode()
    return varuint(len(data)) + data


HUGE = varuint(2**53 - 1)
BOMBS = {
    "empty": b"",
    "nothing": b"\x00",
    "yjs 479: endless clients": HUGE + b"\x00",
    "yjs 687: endless structs": b"\x01" + HUGE + b"\x01\x00" + b"\x00",
    "four gigabytes of clients": b"\xff\xff\xff\xff\x0f",
    "four gigabytes of structs": b"\x01\xff\xff\xff\xff\x0f\x01\x00",
    "endless deletions": b"\x00" + HUGE,
    "endless ranges": b"\x00\x01\x01" + HUGE,
    "endless number": b"\x01" + b"\xff" * 500_000,
    "huge text": section([in_root("k", b"\x01\x77" + varuint(2**31))]) + b"\x00",
    "huge list of values": section([in_root("k", HUGE)]) + b"\x00",
    "no values": section([in_root("k", b"\x00")]) + b"\x00",
    "empty text": section([b"\x04\x01" + text("cells") + b"\x00"]) + b"\x00",
    "no length": section([b"\x00\x00"]) + b"\x00",
    "a million empty structs": section([b"\x00\x01"] * 1_000_000) + b"\x00",
    "huge gap": section([b"\x00" + varuint(2**31 - 1)] * 2) + b"\x00",
    "skip": section([b"\x0a\x05"]) + b"\x00",
    "deep value": section([in_root("k", b"\x01" + b"\x75\x01" * 200_000 + b"\x7e")]) + b"\x00",
    "number": section([in_root("k", b"\x01\x7d\x01")]) + b"\x00",
    "own origin": section([b"\x84" + varuint(99) + b"\x05\x01a"]) + b"\x00",
    "origin nowhere": section([b"\x84" + varuint(77) + b"\x05\x01a"]) + b"\x00",
    "parent nowhere": section([b"\x04\x00" + varuint(77) + b"\x05\x01a"]) + b"\x00",
    "not UTF-8": section([in_root("k", b"\x01\x77\x02\xff\xff")]) + b"\x00",
    "half pair": section([in_root("k", b"\x01\x77\x03\xed\xa0\xbd")]) + b"\x00",
    "client twice": b"\x02" + section([b"\x00\x01"])[1:] * 2 + b"\x00",
    "clock near the end": section([b"\x00\x01"], clock=2**31 - 1) + b"\x00",
    "gap before": section([in_root("k", b"\x01\x77\x011")], clock=5) + b"\x00",
    "deletion of the future": b"\x00\x01" + varuint(99) + b"\x01\x00" + varuint(2**31 - 1),
    "million pending": section([b"\x84" + varuint(7) + b"\x05\x01a"] * 99_000, clock=1) + b"\x00",
    "one place": section([in_root("k", b"\x01\x77\x011")] * 50_000) + b"\x00",
    "left over": b"\x00\x00\x00",
    "fifty megabytes": b"\x00\x00" + b"x" * 50_000_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_in_no_time(name: str) -> None:
    server = made()
    state = server.encode_state()
    started = time.process_time()
    with pytest.raises((InvalidError, TooLargeError)):
        server.stage(BOMBS[name], LIMITS, can_edit=True)
    assert time.process_time() - started < 10  # the worst takes a tenth of a second
    assert server.encode_state() == state
    assert server.cells()[0].id == "c0"


def test_structs_that_wait_for_each_other_are_refused() -> None:
    """Each refers to a later struct of the other client: both are known by number, neither can ever come."""
    one = b"\x01\x01\x84" + varuint(12) + b"\x00\x01a"
    both = b"\x02" + b"\x01" + varuint(11) + b"\x00" + one[2:] + b"\x01" + varuint(12) + b"\x00"
    both += b"\x84" + varuint(11) + b"\x00\x01b" + b"\x00"
    server = made()
    with pytest.raises(InvalidError):
        server.stage(both, LIMITS, can_edit=True)
    assert server.stage(b"\x00\x00", LIMITS, can_edit=True).empty


@pytest.mark.parametrize("data", [b"", b"\x05", b"\xff\xff\xff\xff\x0f", HUGE, b"\x01\x01", b"\x01\xff", b"\x00\x00"])
def test_state_vectors_that_claim_too_much_are_refused(data: bytes) -> None:
    server = made()
    with pytest.raises(InvalidError):
        server.diff(data)
    assert server.diff(b"\x00") == server.encode_state()


def samples() -> list[bytes]:
    server = made()
    doc: Doc[Any] = Doc()
    for root in ("cells", "metadata", "extra"):
        doc[root] = Map()
    doc.apply_update(server.encode_state())
    before = doc.get_state()
    cells: Any = doc["cells"]
    cells["c0"]["source"].insert(3, "a😀b")
    del cells["c0"]["source"][0:2]
    cells["n"] = Map({"source": Text("x"), "kind": "code", "position": "a1", "metadata": Map({"k": "1"})})
    cells["c0"]["position"] = "b1"
    return [server.encode_state(), doc.get_update(), doc.get_update(before)]


SAMPLES = samples()


def survives(server: NotebookDocument, update: bytes) -> None:
    with contextlib.suppress(LaboraError):
        staged = server.stage(update, LIMITS, can_edit=True)
        server.apply(staged.update, "client")
    server.cells()
    read_update(server.encode_state(), max_structs=10**6)


@given(st.binary(max_size=80))
@settings(max_examples=500, deadline=None)
def test_random_bytes_do_no_harm(data: bytes) -> None:
    survives(made(), data)
    with contextlib.suppress(InvalidError):
        read_state_vector(data)


@given(st.integers(0, 2), st.integers(0, 2**32))
@settings(max_examples=600, deadline=None)
def test_damaged_updates_do_no_harm(number: int, seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(SAMPLES[number])
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(data))
        act = chance.randrange(4)
        if act == 0:
            data[at] = chance.randrange(256)
        elif act == 1:
            data[at] ^= 1 << chance.randrange(8)
        elif act == 2:
            del data[at : at + chance.randrange(1, 5)]
        else:
            data[at:at] = chance.randbytes(chance.randrange(1, 4))
        if not data:
            return
    survives(NotebookDocument.from_update(SAMPLES[0]), bytes(data))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_truncated_updates_are_refused(number: int) -> None:
    server = made()
    for end in range(len(SAMPLES[number])):
        with pytest.raises(LaboraError):
            server.stage(SAMPLES[number][:end], LIMITS, can_edit=True)
    assert len(server.cells()) == 1


@pytest.mark.parametrize(
    "name", ["behind a first half", "before a second half", "deleting a half", "deleting up to one"]
)
def test_edits_inside_of_a_character_are_refused(name: str) -> None:
    """Yjs makes two U+FFFD of it and yrs moves the edit: the copies would come apart for ever."""
    server = NotebookDocument.from_notebook(new_notebook([Cell(id="c0", kind="code", source="a😀b")]))
    [(client, [high])] = read_update(server.encode_state(), max_structs=100).highs.items()
    first, second = varuint(client) + varuint(high), varuint(client) + varuint(high + 1)
    update = {
        "behind a first half": section([b"\x84" + first + b"\x01x"]) + b"\x00",
        "before a second half": section([b"\x44" + second + b"\x01x"]) + b"\x00",
        "deleting a half": b"\x00\x01" + varuint(client) + b"\x01" + varuint(high + 1) + b"\x01",
        "deleting up to one": b"\x00\x01" + varuint(client) + b"\x01" + varuint(high - 1) + b"\x02",
    }[name]
    with pytest.raises(InvalidError) as caught:
        server.stage(update, LIMITS, can_edit=True)
    assert caught.value.error_code == "split_character"
    whole = b"\x00\x01" + varuint(client) + b"\x01" + varuint(high) + b"\x02"
    server.apply(server.stage(whole, LIMITS, can_edit=True).update, "client")
    assert server.source("c0") == "ab"

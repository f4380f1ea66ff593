"""Yjs updates and state vectors (version 1 encoding), read with bounds before any CRDT library sees them.

The libraries allocate by counts that the bytes claim and trust their internal references; a few hostile bytes can abort
the process or keep it busy for ever. Here every count is bounded by the bytes that follow, every reference must point
at something known, and only what a notebook document is made of passes. The encoding is that of ``yjs/src/utils/
encoding.js`` and ``yjs/src/structs/*`` (https://github.com/yjs/yjs, INTERNALS.md).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from labora.base.errors import ForbiddenError, InvalidError, TooLargeError

ROOTS = ("cells", "metadata", "extra")
EMPTY_UPDATE = b"\x00\x00"
_MAX_CLOCK = 2**31 - 1
_MAX_CLIENT = 2**53 - 1
_MAX_KEY_BYTES = 4096
_GC, _DELETED, _STRING, _TYPE, _ANY = 0, 1, 4, 7, 8
_HAS_ORIGIN, _HAS_RIGHT, _HAS_KEY = 0x80, 0x40, 0x20
_Y_MAP, _Y_TEXT = 1, 2
_ANY_UNDEFINED, _ANY_NULL, _ANY_FALSE, _ANY_TRUE, _ANY_STRING = 127, 126, 121, 120, 119
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_SAME_PLACE = 1000
"""Insertions of one update at one place: each is compared with all others there."""


Halves = dict[int, set[int]]


class _Refused(Exception):  # noqa: N818 - never leaves this module
    pass


@dataclass(slots=True)
class UpdateSummary:
    """What an update holds.

    Attributes:
        sections: by client, the first clock and the clock after the last.
        deletes: by client, deleted ranges as (clock, length).
        needs: by client, the highest clock that a reference points at.
        structs: number of structs.
        highs: by client, clocks of the first halves of surrogate pairs.
        lefts: what structs are inserted behind, as (client, clock).
        rights: what structs are inserted before.
    """

    sections: dict[int, tuple[int, int]] = field(default_factory=dict)
    deletes: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    needs: dict[int, int] = field(default_factory=dict)
    structs: int = 0
    highs: Halves = field(default_factory=dict)
    lefts: list[tuple[int, int]] = field(default_factory=list)
    rights: list[tuple[int, int]] = field(default_factory=list)

    def adds_to(self, known: Mapping[int, int]) -> bool:
        """Tells whether there is anything beyond the state vector ``known``, deletions aside."""
        return any(end > known.get(client, 0) for client, (_, end) in self.sections.items())

    def needs_itself(self, known: Mapping[int, int]) -> bool:
        """Tells whether structs of one client build on new structs of another: only then the order matters."""
        return any(clock >= known.get(client, 0) and len(self.sections) > 1 for client, clock in self.needs.items())


def read_update(data: bytes, *, max_structs: int) -> UpdateSummary:
    """Reads the whole structure of an update.

    Raises:
        InvalidError: code ``bad_update``; it is damaged or holds what no notebook document holds.
        TooLargeError: code ``too_many_structs``.
    """
    reader = _Reader(data)
    try:
        summary = reader.update(max_structs)
    except (_Refused, IndexError, UnicodeDecodeError) as error:
        raise InvalidError(
            f"The update cannot be read ({error}). Reload the page to get the current document.", code="bad_update"
        ) from error
    return summary


def note_halves(halves: Halves, summary: UpdateSummary) -> None:
    """Adds the surrogate pairs of an update to those of a document."""
    for client, clocks in summary.highs.items():
        halves.setdefault(client, set()).update(clocks)


def _cuts_a_character(summary: UpdateSummary, halves: Halves) -> bool:
    if not halves and not summary.highs:
        return False
    none: set[int] = set()

    def is_high(client: int, clock: int) -> bool:
        return clock in halves.get(client, none) or clock in summary.highs.get(client, none)

    return (
        any(is_high(client, clock) for client, clock in summary.lefts)
        or any(is_high(client, clock - 1) for client, clock in summary.rights)
        or any(
            is_high(client, clock - 1) or is_high(client, clock + length - 1)
            for client, ranges in summary.deletes.items()
            for clock, length in ranges
        )
    )


def check_update(summary: UpdateSummary, known: Mapping[int, int], reserved: Collection[int], halves: Halves) -> None:
    """Checks an update against the state vector of the document it is meant for.

    Raises:
        InvalidError: code ``missing_updates``; it builds on something that the document lacks. Code
            ``split_character``; it edits between the halves of a surrogate pair, where Yjs and yrs come apart.
        ForbiddenError: code ``foreign_client``; it continues the history of a client in ``reserved``.
    """
    ends = {client: max(end, known.get(client, 0)) for client, (_, end) in summary.sections.items()}
    fits = all(start <= known.get(client, 0) for client, (start, _) in summary.sections.items())
    fits = fits and all(clock < ends.get(client, known.get(client, 0)) for client, clock in summary.needs.items())
    fits = fits and all(
        clock + length <= ends.get(client, known.get(client, 0))
        for client, ranges in summary.deletes.items()
        for clock, length in ranges
    )
    if not fits:
        raise InvalidError(
            "The update builds on edits that the server does not have. Reload the page to get in step.",
            code="missing_updates",
        )
    if _cuts_a_character(summary, halves):
        raise InvalidError("The update cuts a character in two. Reload the page.", code="split_character")
    if any(end > known.get(client, 0) and client in reserved for client, (_, end) in summary.sections.items()):
        raise ForbiddenError("The update speaks for another client.", code="foreign_client")


def read_state_vector(data: bytes, *, max_clients: int = 1_000_000) -> dict[int, int]:
    """Reads a state vector: by client, the clock after the last known struct.

    Raises:
        InvalidError: code ``bad_state_vector``.
    """
    reader = _Reader(data)
    try:
        count = reader.bounded(min(max_clients, len(data) // 2))
        vector: dict[int, int] = {}
        for _ in range(count):
            client = reader.client()
            vector[client] = reader.clock()
        reader.finish()
    except (_Refused, IndexError) as error:
        raise InvalidError("The state vector cannot be read.", code="bad_state_vector") from error
    return vector


def write_state_vector(vector: Mapping[int, int]) -> bytes:
    """Returns the encoding of a state vector."""
    out = bytearray()
    _write_varuint(out, len(vector))
    for client, clock in vector.items():
        _write_varuint(out, client)
        _write_varuint(out, clock)
    return bytes(out)


def _write_varuint(out: bytearray, number: int) -> None:
    while number > 0x7F:
        out.append(0x80 | (number & 0x7F))
        number >>= 7
    out.append(number)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def varuint(self) -> int:
        data, at = self._data, self._at
        byte = data[at]
        at += 1
        if byte < 0x80:
            self._at = at
            return byte
        number, shift = byte & 0x7F, 7
        while True:
            byte = data[at]
            at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                self._at = at
                return number
            shift += 7
            if shift > 56:
                raise _Refused("a number is too long")

    def bounded(self, limit: int) -> int:
        number = self.varuint()
        if number > limit:
            raise _Refused("a count is larger than what follows")
        return number

    def client(self) -> int:
        return self.bounded(_MAX_CLIENT)

    def clock(self) -> int:
        return self.bounded(_MAX_CLOCK)

    def length(self) -> int:
        number = self.bounded(_MAX_CLOCK)
        if not number:
            raise _Refused("something has no length")
        return number

    def left(self) -> int:
        return len(self._data) - self._at

    def text(self, limit: int) -> str:
        length = self.varuint()
        if length > self.left() or length > limit:
            raise _Refused("a text is longer than allowed")
        end = self._at + length
        text = self._data[self._at : end].decode()
        self._at = end
        return text

    def finish(self) -> None:
        if self.left():
            raise _Refused("bytes are left over")

    def update(self, max_structs: int) -> UpdateSummary:
        summary = UpdateSummary()
        for _ in range(self.bounded(self.left() // 3)):
            count = self.bounded(self.left())
            client, start = self.client(), self.clock()
            summary.structs += count
            if summary.structs > max_structs:
                raise TooLargeError(
                    f"The update holds more than {max_structs} changes at once. Paste it in smaller pieces.",
                    code="too_many_structs",
                    details={"limit": max_structs},
                )
            if client in summary.sections or not count:
                raise _Refused("a client comes twice or with nothing")
            summary.sections[client] = (start, self._section(summary, client, start, count))
        for _ in range(self.bounded(self.left() // 2)):
            client = self.client()
            if client in summary.deletes:
                raise _Refused("a client comes twice")
            ranges = [(self.clock(), self.length()) for _ in range(self.bounded(self.left() // 2))]
            summary.deletes[client] = ranges
        self.finish()
        return summary

    def _section(self, summary: UpdateSummary, client: int, clock: int, count: int) -> int:
        places: dict[object, int] = {}
        needs = summary.needs
        for _ in range(count):
            info = self._data[self._at]
            self._at += 1
            content = info & 0x1F
            if content == _GC:
                if info:
                    raise _Refused("an unknown struct")
                clock += self.length()
            else:
                place: object = None
                if info & (_HAS_ORIGIN | _HAS_RIGHT):
                    keyed = None
                    if info & _HAS_ORIGIN:
                        place = left = self._reference(needs, client, clock)
                        summary.lefts.append(left)
                    if info & _HAS_RIGHT:
                        right = self._reference(needs, client, clock)
                        summary.rights.append(right)
                        place = place or right
                else:
                    place, keyed = self._parent(info, needs, client, clock)
                seen = places[place] = places.get(place, 0) + 1
                if seen > _SAME_PLACE:
                    raise _Refused("too many insertions at one place")
                text = self._string(keyed) if content == _STRING else None
                if text is None:
                    clock += self._content(content, keyed)
                elif text.isascii():
                    clock += len(text)
                else:
                    clock = self._note_highs(text, clock, summary.highs.setdefault(client, set()))
            if clock > _MAX_CLOCK:
                raise _Refused("a clock is too high")
        return clock

    def _reference(self, needs: dict[int, int], client: int, clock: int) -> tuple[int, int]:
        other, at = self.client(), self.clock()
        if other == client and at >= clock:
            raise _Refused("a struct refers to its own future")
        if needs.get(other, -1) < at:
            needs[other] = at
        return other, at

    def _parent(self, info: int, needs: dict[int, int], client: int, clock: int) -> tuple[object, bool]:
        """Reads what an item without neighbours belongs to; returns its place and whether it is a map's value."""
        is_root = self.varuint()
        if is_root == 1:
            root = self.text(_MAX_KEY_BYTES)
            if root not in ROOTS or not info & _HAS_KEY:
                raise _Refused("an unknown root")
            return (root, self.text(_MAX_KEY_BYTES)), True
        if is_root != 0:
            raise _Refused("an unknown parent")
        parent = self._reference(needs, client, clock)
        if info & _HAS_KEY:
            return (parent, self.text(_MAX_KEY_BYTES)), True
        return (parent, None), False

    def _string(self, keyed: bool | None) -> str:
        if keyed:
            raise _Refused("text as a value")
        text = self.text(len(self._data))
        if not text:
            raise _Refused("an empty text")
        return text

    @staticmethod
    def _note_highs(text: str, clock: int, highs: set[int]) -> int:
        """Notes where pairs begin, and returns the clock after ``text``: clocks count UTF-16 code units."""
        for pair, match in enumerate(_ASTRAL.finditer(text)):
            highs.add(clock + match.start() + pair)
        return clock + len(text.encode("utf-16-le")) // 2

    def _content(self, content: int, keyed: bool | None) -> int:
        """Reads an item's content and returns its length; ``keyed`` is None where the parent is not known here."""
        if content == _DELETED:
            return self.length()
        if content == _TYPE and keyed is not False:
            if self.varuint() not in (_Y_MAP, _Y_TEXT):
                raise _Refused("an unknown type")
            return 1
        if content == _ANY and keyed is not False:
            count = self.bounded(self.left())
            if not count:
                raise _Refused("no values")
            for _ in range(count):
                self._any()
            return count
        raise _Refused("content that no notebook has")

    def _any(self) -> None:
        tag = self._data[self._at]
        self._at += 1
        if tag == _ANY_STRING:
            self.text(len(self._data))
        elif tag not in (_ANY_UNDEFINED, _ANY_NULL, _ANY_FALSE, _ANY_TRUE):
            raise _Refused("a value that no notebook has")

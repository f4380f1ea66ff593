"""The language of ``q``: the part of Google Drive v3's that fits what we keep. Pure.

::

    name contains 'report' and (mimeType = 'text/csv' or not starred = true)
    'FOLDER_ID' in parents and modifiedTime > '2026-01-31T12:00:00'
    fullText contains '"random forest" plt.plot' and 'ann' in owners and trashed = false

Text stands in single quotes, where ``\\'`` is a quote and ``\\\\`` a backslash. ``not`` binds before ``and``, ``and``
before ``or``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

from labora.base.clock import timestamp
from labora.base.errors import InvalidError

MAX_LENGTH = 2000
MAX_DEPTH = 40
_EQUAL = ("=", "!=")
_ORDER = ("<", "<=", "=", "!=", ">", ">=")
# Operators of every field, and what its value is.
FIELDS: dict[str, tuple[tuple[str, ...], str]] = {
    "name": (("contains", *_EQUAL), "text"),
    "fullText": (("contains",), "text"),
    "mimeType": (("contains", *_EQUAL), "text"),
    "modifiedTime": (_ORDER, "time"),
    "createdTime": (_ORDER, "time"),
    "viewedByMeTime": (_ORDER, "time"),
    "trashed": (_EQUAL, "bool"),
    "starred": (_EQUAL, "bool"),
    "sharedWithMe": (_EQUAL, "bool"),
}
COLLECTIONS = ("parents", "owners")
_KEYWORDS = ("and", "or", "not", "in", "contains", "true", "false")


@dataclass(frozen=True, slots=True)
class Compare:
    """``field operator value``; times are as the database keeps them. ``value in field`` has the operator ``in``."""

    field: str
    operator: str
    value: str | bool


@dataclass(frozen=True, slots=True)
class Not:
    """What must not hold."""

    inner: Condition


@dataclass(frozen=True, slots=True)
class Both:
    """``and`` (every), or ``or`` (any)."""

    operator: str
    inner: tuple[Condition, ...]


Condition = Compare | Not | Both


def parse(text: str) -> Condition:
    """Reads a query. Raises InvalidError, code ``bad_query``, which says where and what was expected."""
    if len(text) > MAX_LENGTH:
        raise InvalidError(f"q has {len(text)} characters; up to {MAX_LENGTH} are read.", code="bad_query")
    return _Parser(text).whole()


def compares(condition: Condition) -> Iterator[Compare]:
    """Yields every comparison in a condition."""
    match condition:
        case Compare():
            yield condition
        case Not(inner):
            yield from compares(inner)
        case Both(_, several):
            for inner in several:
                yield from compares(inner)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<word>[A-Za-z]+)|(?P<sign><=|>=|!=|[=<>()])|(?P<end>\Z)|(?P<odd>.))",
    re.DOTALL,
)


def _tokens(text: str) -> list[_Token]:
    found = []
    for match in _TOKEN.finditer(text):
        kind = str(match.lastgroup)
        token = _Token(kind, match[kind], match.start(kind))
        if kind == "word" and token.text.lower() in _KEYWORDS:
            token = _Token("keyword", token.text.lower(), token.at)
        found.append(token)
        if kind == "end":
            break
    return found


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._place = 0
        self._depth = 0

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _take(self) -> _Token:
        token = self._next
        self._place += 1
        return token

    def _takes(self, text: str) -> bool:
        if self._next.kind in ("keyword", "sign") and self._next.text == text:
            self._place += 1
            return True
        return False

    def _fail(self, expected: str) -> NoReturn:
        token = self._next
        found = "the end" if token.kind == "end" else token.text[:40]
        if token.text == "'" and token.kind == "odd":
            expected, found = "a closing quote (') for this text", "none"
        raise InvalidError(
            f"q, character {token.at + 1}: expected {expected}, found {found}.",
            code="bad_query",
            details={"position": token.at, "expected": expected, "found": found},
        )

    def whole(self) -> Condition:
        condition = self._any()
        if self._next.kind != "end":
            self._fail("'and', 'or' or the end")
        return condition

    def _any(self) -> Condition:
        return self._several("or", lambda: self._several("and", self._one))

    def _several(self, word: str, part: Callable[[], Condition]) -> Condition:
        found = [part()]
        while self._takes(word):
            found.append(part())
        return found[0] if len(found) == 1 else Both(word, tuple(found))

    def _one(self) -> Condition:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail(f"at most {MAX_DEPTH} levels of 'not' and parentheses")
        try:
            if self._takes("not"):
                return Not(self._one())
            if self._takes("("):
                condition = self._any()
                if not self._takes(")"):
                    self._fail("'and', 'or' or ')'")
                return condition
            return self._compare()
        finally:
            self._depth -= 1

    def _compare(self) -> Condition:
        if self._next.kind == "text":
            value = _unquoted(self._take().text)
            if not self._takes("in"):
                self._fail("'in' after a value")
            if self._next.kind != "word" or self._next.text not in COLLECTIONS:
                self._fail(f"one of {', '.join(COLLECTIONS)}")
            return Compare(self._take().text, "in", value)
        if self._next.kind != "word" or self._next.text not in FIELDS:
            self._fail(f"'not', '(', a text in single quotes or one of {', '.join(FIELDS)}")
        field = self._take().text
        operators, kind = FIELDS[field]
        if field == "sharedWithMe" and not (self._next.kind == "sign" and self._next.text in operators):
            return Compare(field, "=", value=True)
        if self._next.kind not in ("sign", "keyword") or self._next.text not in operators:
            self._fail(f"one of {' '.join(operators)} after {field}")
        operator = self._take().text
        return Compare(field, operator, self._value(kind))

    def _value(self, kind: str) -> str | bool:
        if kind == "bool":
            if self._next.text not in ("true", "false"):
                self._fail("true or false")
            return self._take().text == "true"
        if self._next.kind != "text":
            self._fail("a text in single quotes")
        text = _unquoted(self._next.text)
        if kind == "time":
            try:
                moment = datetime.fromisoformat(text)
                moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
                text = timestamp(moment)
            except (ValueError, OverflowError):
                self._fail("a time like '2026-01-31T12:00:00'")
        self._place += 1
        return text


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)

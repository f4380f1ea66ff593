"""Pure: what may stand in a comment, and who is mentioned in it."""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from labora.base.errors import InvalidError, TooLargeError

MENTION = re.compile(r"@\[([^\[\]\n]{1,200})\]\(account:([a-z0-9]{1,32})\)")
_BRACKETS = re.compile(r"[\[\]\n]")
QUOTE_CHARACTERS = 1000
EXCERPT_CHARACTERS = 140
_CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ANCHOR_CHARACTERS = 256
_SPACE = "\n\t"


def clean_content(text: str, limit: int) -> str:
    """Returns the text of a comment without control characters and space around it.

    Raises InvalidError with code ``empty_comment``, TooLargeError with code ``comment_too_long``.
    """
    cleaned = _clean(text).strip()
    if not cleaned:
        raise InvalidError("Write something first: a comment has a text.", code="empty_comment")
    if len(cleaned) > limit:
        raise TooLargeError(
            f"This comment is longer than {limit:,} characters. Shorten it, or send it as several.",
            code="comment_too_long",
            details={"limit": limit, "actual": len(cleaned)},
        )
    return cleaned


def clean_quote(text: str) -> str:
    """Returns the quote of a range; of a long one the beginning."""
    return _clean(text)[:QUOTE_CHARACTERS]


def _clean(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(sign for sign in text if sign in _SPACE or unicodedata.category(sign) not in {"Cc", "Cs"})


def check_place(cell_id: str | None, anchor: Mapping[str, Any] | None) -> None:
    """Raises InvalidError unless this can be the place of a comment: a cell, and in it a range perhaps."""
    if cell_id is not None and not _CELL_ID.fullmatch(cell_id):
        raise InvalidError("cell_id is no id of a cell.", code="bad_cell")
    if anchor is None:
        return
    if cell_id is None:
        raise InvalidError("A range lies in a cell: give its cell_id.", code="bad_anchor")
    for side in ("start", "end"):
        try:
            size = len(anchor[side])
            base64.b64decode(anchor[side], validate=True)
        except (KeyError, ValueError, TypeError, binascii.Error):
            size = 0
        if not 0 < size <= _ANCHOR_CHARACTERS:
            raise InvalidError("anchor is two Yjs relative positions in base64: start and end.", code="bad_anchor")


def mentioned(content: str) -> set[str]:
    """Returns the ids of the accounts that a comment mentions."""
    return {match[2] for match in MENTION.finditer(content)}


def with_names(content: str, name_of: Callable[[str], str | None]) -> str:
    """Returns a comment whose mentions carry the names that the accounts have; one of nobody becomes plain text."""

    def named(match: re.Match[str]) -> str:
        name = name_of(match[2])
        if name is None:
            return f"@{match[1]}"
        return f"@[{_BRACKETS.sub(' ', name)}](account:{match[2]})"

    return MENTION.sub(named, content)


def excerpt(content: str) -> str:
    """Returns the beginning of a comment in one line of plain text, for a notice."""
    line = " ".join(MENTION.sub(lambda match: f"@{match[1]}", content).split())
    return line if len(line) <= EXCERPT_CHARACTERS else line[: EXCERPT_CHARACTERS - 1].rstrip() + "…"

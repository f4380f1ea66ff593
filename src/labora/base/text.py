"""Text as people compare it."""

from __future__ import annotations

import re
import unicodedata

from labora.base.errors import InvalidError


def folded(text: str) -> str:
    """Returns what names are searched and sorted by.

    It is the same for upper and lower case of every script, and for characters that differ in form only (Unicode,
    section 3.13: NFKC_Casefold without the removal of ignorable characters). SQL's ``lower`` knows ASCII only.
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


_ADDRESS = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9.-]{0,186}[a-z0-9])?", re.ASCII)


def clean_address(text: str) -> str:
    """Returns an e-mail address in the form that is compared and stored. Raises InvalidError."""
    address = text.strip().lower()
    if not is_address(address):
        raise InvalidError("This is not an e-mail address. Write one like name@example.org.", code="bad_address")
    return address


def is_address(text: str) -> bool:
    """Returns whether a lower-case text is an e-mail address, as strictly as is safe in the header of a letter."""
    return _ADDRESS.fullmatch(text) is not None and ".." not in text


def one_line(text: str) -> str:
    """Returns text as one line without control characters, for subjects and the like."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())

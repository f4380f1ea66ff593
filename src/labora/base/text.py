"""Text as people compare it."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """Returns what names are searched and sorted by.

    It is the same for upper and lower case of every script, and for characters that differ in form only (Unicode,
    section 3.13: NFKC_Casefold without the removal of ignorable characters). SQL's ``lower`` knows ASCII only.
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())

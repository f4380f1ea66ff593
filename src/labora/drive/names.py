"""Names of files and folders: any text a person can read, kept apart from storage, which goes by id."""

from __future__ import annotations

import mimetypes
import unicodedata

from labora.base.errors import InvalidError
from labora.drive.model import NOTEBOOK_TYPE

MAX_LENGTH = 255
# Bidirectional overrides make "gpj.exe" look like "exe.jpg"; joiners stay, emoji and many scripts need them.
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


def clean_name(name: str) -> str:
    """Returns ``name`` in NFC without surrounding space.

    Raises InvalidError with code ``bad_name`` for an empty or overlong name, control characters, separators and dots
    alone.
    """
    name = unicodedata.normalize("NFC", name).strip()
    if not name or name in {".", ".."}:
        raise InvalidError("The name must not be empty or only dots.", code="bad_name")
    if len(name) > MAX_LENGTH or len(name.encode("utf-8", "surrogatepass")) > 4 * MAX_LENGTH:
        raise InvalidError(f"The name is longer than {MAX_LENGTH} characters.", code="bad_name")
    for character in name:
        if character in "/\\" or character in _BIDI or unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}:
            raise InvalidError(
                "The name holds a character that names cannot have (slashes, control characters). Choose another.",
                code="bad_name",
                details={"character": f"U+{ord(character):04X}"},
            )
    return name


def is_notebook(name: str) -> bool:
    """Returns whether a file of this name is opened as a notebook."""
    return name.lower().endswith(".ipynb")


def media_type_of(name: str) -> str:
    """Returns the media type that the name's ending stands for."""
    if is_notebook(name):
        return NOTEBOOK_TYPE
    return mimetypes.guess_type(name, strict=False)[0] or "application/octet-stream"

"""How stored bytes leave the server: as attachments or inert values, never as a page of the app origin."""

from __future__ import annotations

import re
from urllib.parse import quote

# What a browser only ever paints or shows as text. SVG, HTML, PDF and XML are not among them.
PASSIVE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
TEXT_TYPES = frozenset({"text/plain", "application/json"})
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


def attachment(name: str) -> str:
    """Returns a Content-Disposition that no name can break out of (RFC 6266, RFC 8187)."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def safe_media_type(wanted: str) -> str:
    """Returns the media type to serve a value with: a passive one as wanted, everything else as plain bytes."""
    plain = wanted.split(";")[0].strip().lower()
    if plain in PASSIVE_TYPES:
        return plain
    if plain in TEXT_TYPES:
        return "text/plain; charset=utf-8"
    return "application/octet-stream"


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Returns the half-open range that a Range header asks for, or None for the whole.

    Raises ValueError for a range outside the content. Several ranges at once get the whole, as RFC 9110 allows.
    """
    match = _RANGE.fullmatch((header or "").strip())
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        start, stop = size - length, size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    if start >= stop:
        raise ValueError("range not satisfiable")
    return start, stop

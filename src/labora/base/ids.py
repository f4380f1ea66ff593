"""Identifiers and random secrets."""

from __future__ import annotations

import base64
import hashlib
import secrets


def new_id() -> str:
    """Returns a random identifier: 20 characters of lower-case base32 (100 bits), safe in URLs, DNS labels and SQL."""
    return base64.b32encode(secrets.token_bytes(13))[:20].decode().lower()


def new_secret() -> str:
    """Returns a random secret of 256 bits for links, cookies and tokens, safe in URLs."""
    return secrets.token_urlsafe(32)


def secret_digest(secret: str) -> str:
    """Returns what is stored of a secret: its SHA-256 as 64 hexadecimal digits.

    A plain hash is enough because every secret hashed here carries 256 random bits.
    """
    return hashlib.sha256(secret.encode()).hexdigest()

"""References to content-addressed bytes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlobRef:
    """Bytes by their SHA-256 (64 hexadecimal digits); size in bytes."""

    sha256: str
    size: int
    media_type: str = "application/octet-stream"

"""Terminal semantics of stream text (placeholder until the line model lands)."""

from __future__ import annotations


def fold(text: str) -> str:
    """Returns ``text`` with carriage returns and backspaces applied."""
    return text

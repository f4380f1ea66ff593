"""What a program that asks for a secret is answered."""

from __future__ import annotations

from typing import TypedDict


class SecretAnswer(TypedDict):
    """``access`` is False where the account did not let this notebook have it; ``value`` is None then."""

    exists: bool
    access: bool
    value: str | None

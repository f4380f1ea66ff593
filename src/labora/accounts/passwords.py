"""Password hashing: argon2id off the event loop, a bounded number at a time."""

from __future__ import annotations

import asyncio
import unicodedata

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from labora.base.errors import InvalidError

MAX_LENGTH = 1024
# OWASP's minimum for argon2id: 19 MiB, two passes, one lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)
# Two at a time: 38 MiB and two cores at most, however many people sign in.
_CONCURRENT = 2
_DECOY = _HASHER.hash("decoy that no account has")


class Passwords:
    """Hashes and checks passwords.

    Args:
        min_length: shortest password accepted, in characters.
    """

    def __init__(self, min_length: int) -> None:
        self.min_length = min_length
        self._slots = asyncio.Semaphore(_CONCURRENT)

    def check_policy(self, password: str, *, login: str) -> None:
        """Raises InvalidError for a password that is too short, too long or the sign-in name."""
        if len(password) < self.min_length:
            raise InvalidError(
                f"The password is too short. Use at least {self.min_length} characters; a few words are fine.",
                code="weak_password",
                details={"min_length": self.min_length},
            )
        if len(password) > MAX_LENGTH:
            raise InvalidError(f"The password is longer than {MAX_LENGTH} characters.", code="weak_password")
        if password.casefold() == login.casefold():
            raise InvalidError("The password must differ from the sign-in name.", code="weak_password")

    async def hash(self, password: str) -> str:
        """Returns the encoded argon2id hash with its salt and parameters."""
        async with self._slots:
            return await asyncio.to_thread(_HASHER.hash, _normal(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Returns whether ``password`` is the one that ``stored`` was made of.

        Takes the same time for ``None`` (an account that does not exist or cannot sign in with a password).
        """
        async with self._slots:
            matches = await asyncio.to_thread(_verify, stored or _DECOY, _normal(password))
        return matches and stored is not None


def _normal(password: str) -> str:
    # The same keys on two systems can give differently composed characters.
    return unicodedata.normalize("NFKC", password)


def _verify(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False

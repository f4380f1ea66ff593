"""Values that the database holds only encrypted: with a key that lies in a file of its own."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import select, update

from labora.db.engine import Database
from labora.db.schema import github_tokens, secrets

_SEALED = ((github_tokens, github_tokens.c.account_id), (secrets, secrets.c.id))
"""Every table with a column ``sealed``, and what names its rows."""


class Seal:
    """Encrypts and opens values (Fernet: AES-128-CBC with HMAC-SHA256).

    Args:
        file: holds keys, one a line, and is read each time it is needed. The first line encrypts, every one opens.
            Made with a fresh key, for this user alone, when the first value comes.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def close_up(self, *parts: str) -> str:
        """Returns the parts as one sealed text. What a value belongs to is sealed with it, so that no rows are swapped.

        Raises OSError where there is no key and none can be made.
        """
        if not self._file.exists():
            self._make()
        return self._keys().encrypt(json.dumps(parts).encode()).decode()

    def open(self, sealed: str) -> tuple[str, ...] | None:
        """Returns the parts; None where the key is gone or another one, or the text was changed."""
        try:
            parts = json.loads(self._keys().decrypt(sealed.encode()))
        except (InvalidToken, OSError, ValueError):
            return None
        return tuple(parts) if isinstance(parts, list) else None

    def renew(self, sealed: str) -> str | None:
        """Returns the same value sealed with the first key; None for one that no key opens."""
        try:
            return self._keys().rotate(sealed.encode()).decode()
        except (InvalidToken, OSError, ValueError):
            return None

    def add_key(self) -> None:
        """Puts a fresh key before those that are there: what is sealed from now on is sealed with it."""
        old = self._file.read_bytes() if self._file.exists() else b""
        self._write(Fernet.generate_key() + b"\n" + old)

    def drop_old_keys(self) -> None:
        """Leaves only the first key."""
        self._write(self._file.read_bytes().split()[0] + b"\n")

    def _keys(self) -> MultiFernet:
        return MultiFernet([Fernet(key) for key in self._file.read_bytes().split()])

    def _make(self) -> None:
        fresh = self._fresh(Fernet.generate_key() + b"\n")
        # Whoever comes first makes the key; nobody's is written over.
        with suppress(FileExistsError):
            os.link(fresh, self._file)
        fresh.unlink()

    def _write(self, content: bytes) -> None:
        self._fresh(content).rename(self._file)

    def _fresh(self, content: bytes) -> Path:
        """Whole or not at all: a half-written key would lose every value."""
        fresh = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return fresh


async def seal_anew(database: Database, seal: Seal) -> tuple[int, int]:
    """Seals everything with a fresh key, then drops the old ones. Whoever opens or seals meanwhile can go on.

    Returns how many values were sealed anew, and how many no key opened.
    """
    seal.add_key()
    changed = lost = 0
    for table, key in _SEALED:
        async with database.transaction() as connection:
            for name, sealed in (await connection.execute(select(key, table.c.sealed))).all():
                renewed = seal.renew(sealed)
                if renewed is None:
                    lost += 1
                    continue
                await connection.execute(update(table).where(key == name).values(sealed=renewed))
                changed += 1
    seal.drop_old_keys()
    return changed, lost

"""What is told of a secret, and how one may be called."""

from __future__ import annotations

from dataclasses import dataclass

from labora.base.errors import InvalidError

MAX_NAME = 128


@dataclass(frozen=True, slots=True)
class GrantedNotebook:
    """A notebook that may read a secret; its name is empty where the account may not read the notebook any more."""

    file_id: str
    name: str
    created_at: str


@dataclass(frozen=True, slots=True)
class SecretInfo:
    """A secret without its value.

    Attributes:
        readable: whether the server has the key that it is sealed with.
    """

    name: str
    created_at: str
    updated_at: str
    readable: bool
    notebooks: tuple[GrantedNotebook, ...] = ()


def clean_name(name: str) -> str:
    """Returns a name that a secret may have. Raises InvalidError ``bad_secret_name``."""
    fine = name.isprintable() and not any(sign.isspace() or sign == "/" for sign in name)
    if not fine or not 0 < len(name) <= MAX_NAME or name in {".", ".."}:
        raise InvalidError(
            f"The name of a secret has 1 to {MAX_NAME} signs, without spaces and slashes, such as HF_TOKEN.",
            code="bad_secret_name",
        )
    return name

"""Typed errors with stable codes.

Every error that leaves the process has one JSON shape, ``{"code", "message", "details"}``. The code is part of
the API and never changes its meaning; the message says what the reader can do next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class LaboraError(Exception):
    """Base of every expected failure.

    Args:
        message: one sentence for a person: what happened and what to do next.
        code: overrides the class's stable code with a more exact one.
        details: JSON values for a program.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, code: str | None = None, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = code or type(self).code
        self.details: dict[str, Any] = dict(details or {})

    def as_json(self) -> dict[str, Any]:
        """Returns the one error shape of the API."""
        return {"code": self.error_code, "message": self.message, "details": self.details}


class InvalidError(LaboraError):
    """The request cannot be understood or breaks a rule of the data."""

    code, status = "invalid", 400


class UnauthenticatedError(LaboraError):
    """Nobody is signed in, or the credential is unknown or expired."""

    code, status = "unauthenticated", 401


class ForbiddenError(LaboraError):
    """The account may see the object but not do this with it."""

    code, status = "forbidden", 403


class NotFoundError(LaboraError):
    """The object does not exist, or the asker may not know that it does."""

    code, status = "not_found", 404


class ConflictError(LaboraError):
    """The state changed meanwhile, or a name or slot is taken."""

    code, status = "conflict", 409


class GoneError(LaboraError):
    """The object existed and has ended."""

    code, status = "gone", 410


class TooLargeError(LaboraError):
    """A size limit was passed; ``details`` names ``limit`` and ``actual``."""

    code, status = "too_large", 413


class UnsupportedError(LaboraError):
    """The content is of a kind or version that this server does not handle."""

    code, status = "unsupported", 415


class RateLimitedError(LaboraError):
    """Too many tries; wait ``retry_after`` seconds."""

    code, status = "rate_limited", 429

    def __init__(self, message: str, *, retry_after: float, code: str | None = None) -> None:
        super().__init__(message, code=code, details={"retry_after": retry_after})
        self.retry_after = retry_after


class UnavailableError(LaboraError):
    """A part that is needed is not there right now (disk full, starting, overloaded)."""

    code, status = "unavailable", 503

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, code=code, details=details)
        self.retry_after = retry_after

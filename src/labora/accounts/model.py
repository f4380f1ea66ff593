"""Accounts, login sessions, tokens and one-time links."""

from __future__ import annotations

from dataclasses import dataclass

PALETTE = 12
"""Number of presence colours an account is given one of."""


@dataclass(frozen=True, slots=True)
class Account:
    """A person, or a machine that acts as one."""

    id: str
    name: str
    login: str
    is_owner: bool
    color: int
    created_at: str
    disabled_at: str | None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new login session. The secret is shown here once and stored only as its digest."""

    account: Account
    login_session_id: str
    secret: str
    expires_at: str


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token without its secret."""

    id: str
    label: str
    scopes: tuple[str, ...]
    created_at: str
    last_used_at: str | None
    expires_at: str | None


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link that lets one person make an account."""

    id: str
    label: str
    created_at: str
    expires_at: str
    used_at: str | None


@dataclass(frozen=True, slots=True)
class Revocation:
    """Which credentials just died: of an account, all, or one, or all but one."""

    account_id: str
    login_session_id: str | None = None
    token_id: str | None = None
    kept_login_session_id: str | None = None

    def hits(self, account_id: str | None, login_session_id: str | None, token_id: str | None) -> bool:
        """Returns whether a connection opened with this credential has to be closed."""
        if account_id != self.account_id:
            return False
        if self.login_session_id is not None:
            return login_session_id == self.login_session_id
        if self.token_id is not None:
            return token_id == self.token_id
        return self.kept_login_session_id is None or login_session_id != self.kept_login_session_id

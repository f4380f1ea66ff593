"""Who asks, which role they hold on a file and what the role lets them do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from labora.base.errors import ForbiddenError


class Role(StrEnum):
    """Roles of Drive, weakest first; compare them by :attr:`rank`, never by name."""

    VIEWER = "viewer"
    COMMENTER = "commenter"
    EDITOR = "editor"
    OWNER = "owner"

    @property
    def rank(self) -> int:
        """Position among the roles: a higher rank includes every lower one."""
        return _RANKS[self]


_RANKS = {Role.VIEWER: 1, Role.COMMENTER: 2, Role.EDITOR: 3, Role.OWNER: 4}


class Reach(StrEnum):
    """Whom a permission speaks of: one person, one group, everybody signed in, or anyone with the link."""

    PERSON = "person"
    GROUP = "group"
    DOMAIN = "domain"
    ANYONE = "anyone"


class Ability(StrEnum):
    """What may be done with a file; the names are those of the REST API."""

    READ = "read"
    DOWNLOAD = "download"
    COPY = "copy"
    COMMENT = "comment"
    READ_HISTORY = "read_history"
    EDIT = "edit"
    RENAME = "rename"
    SHARE = "share"
    MOVE = "move"
    TRASH = "trash"
    DELETE = "delete"
    TRANSFER = "transfer"


class Scope(StrEnum):
    """What a credential may be used for. A login session holds all; an API token those it was made with."""

    READ = "read"
    WRITE = "write"
    RUN = "run"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request, as authenticated.

    Attributes:
        account_id: the account, or None for somebody who is not signed in.
        name: how the account is shown.
        is_owner: the account runs this instance.
        scopes: what the credential may be used for.
        login_session_id: set when the credential is a login session.
        token_id: set when the credential is an API token.
        group_ids: groups the account belonged to when it was authenticated; :func:`labora.access.access_rows` looks
            again.
    """

    account_id: str | None
    name: str = ""
    is_owner: bool = False
    scopes: frozenset[Scope] = frozenset()
    login_session_id: str | None = None
    token_id: str | None = None
    group_ids: frozenset[str] = frozenset()
    color: int = 0

    @property
    def signed_in(self) -> bool:
        """Whether the request carries a valid credential."""
        return self.account_id is not None


ANONYMOUS = Principal(None)


@dataclass(frozen=True, slots=True)
class Grant:
    """One permission, as far as the rules look at it."""

    file_id: str
    reach: Reach
    role: Role
    account_id: str | None = None
    group_id: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FileAccess:
    """A file together with what the asker may do with it. Made only by :mod:`labora.access.query`."""

    file: Mapping[str, Any]
    principal: Principal
    role: Role
    abilities: frozenset[Ability]
    shared: bool = field(default=False)
    base: Mapping[str, Any] | None = None
    """Of a playground: the notebook that it was made from, which its account may still read."""

    @property
    def file_id(self) -> str:
        """Id of the file."""
        return str(self.file["id"])

    def allows(self, ability: Ability) -> bool:
        """Returns whether the asker may do this."""
        return ability in self.abilities

    def require(self, ability: Ability) -> None:
        """Raises ForbiddenError unless the asker may do this."""
        if ability not in self.abilities:
            if self.file["trashed_at"] or self.file["ancestor_trashed_at"]:
                raise ForbiddenError("This item is in the trash. Restore it first.", code="trashed")
            raise ForbiddenError(
                f"Your role on this item ({self.role}) does not include '{ability}'. Ask its owner for more.",
                details={"role": self.role.value, "ability": ability.value},
            )

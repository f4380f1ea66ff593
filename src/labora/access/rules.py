"""The rules of access, pure: grants in, role and abilities out.

The table of abilities is the one of the threat model; tests are generated from :data:`ABILITIES`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from labora.access.model import Ability, Grant, Principal, Reach, Role, Scope

_VIEWER = frozenset({Ability.READ, Ability.DOWNLOAD, Ability.COPY})
_COMMENTER = _VIEWER | {Ability.COMMENT}
_EDITOR = _COMMENTER | {Ability.READ_HISTORY, Ability.EDIT, Ability.RENAME, Ability.SHARE, Ability.MOVE}
_OWNER = _EDITOR | {Ability.TRASH, Ability.DELETE, Ability.TRANSFER}

ABILITIES: Mapping[Role, frozenset[Ability]] = {
    Role.VIEWER: _VIEWER,
    Role.COMMENTER: _COMMENTER,
    Role.EDITOR: _EDITOR,
    Role.OWNER: _OWNER,
}

# Copying makes a file of one's own, so it needs an account.
ANONYMOUS_ABILITIES = _VIEWER - {Ability.COPY}
# In the trash a file can be looked at, taken out or ended, by those who own it or the folder that was trashed.
_TRASHED = frozenset(
    {Ability.READ, Ability.DOWNLOAD, Ability.COPY, Ability.READ_HISTORY, Ability.TRASH, Ability.DELETE}
)
# What a token without the scope "write" leaves of any role.
_READ_ONLY = frozenset({Ability.READ, Ability.DOWNLOAD, Ability.READ_HISTORY})
# My Drive itself cannot be renamed, moved, shared or ended.
_ROOT = frozenset({Ability.READ, Ability.EDIT})
# A playground is its account's alone: it is changed, run, copied and ended, never shared or put anywhere.
_PLAYGROUND = frozenset(
    {Ability.READ, Ability.DOWNLOAD, Ability.COPY, Ability.READ_HISTORY, Ability.EDIT, Ability.DELETE}
)


def applies(grant: Grant, principal: Principal, now: datetime) -> bool:
    """Returns whether ``grant`` speaks of ``principal`` at the moment ``now``."""
    if grant.expires_at is not None and grant.expires_at <= now:
        return False
    match grant.reach:
        case Reach.PERSON:
            return principal.account_id is not None and grant.account_id == principal.account_id
        case Reach.GROUP:
            return grant.group_id in principal.group_ids
        case Reach.DOMAIN:
            return principal.signed_in
        case Reach.ANYONE:
            return True


def effective_role(
    principal: Principal,
    *,
    owner_id: str,
    ancestor_owner_ids: Iterable[str],
    grants: Iterable[Grant],
    now: datetime,
    trashed: bool,
) -> Role | None:
    """Returns the strongest role that a principal holds on one file, or None.

    Args:
        owner_id: owner of the file.
        ancestor_owner_ids: owners of the folders above it: they are editors of what others put there.
        grants: permissions of the file and of every folder above it; others may not be among them.
        now: grants that expired by then do not count.
        trashed: the file or a folder above it is in the trash: only owners still see it.
    """
    if principal.account_id is not None:
        if owner_id == principal.account_id:
            return Role.OWNER
        if principal.account_id in set(ancestor_owner_ids):
            return Role.EDITOR
    if trashed:
        return None
    roles = [grant.role for grant in grants if applies(grant, principal, now)]
    best = max(roles, key=lambda role: role.rank, default=None)
    if best is None:
        return None
    if not principal.signed_in:
        return Role.VIEWER
    # Ownership is the file's own column; a permission never gives more than editing.
    return best if best.rank < Role.OWNER.rank else Role.EDITOR


def abilities_of(
    role: Role, principal: Principal, *, trashed: bool = False, is_root: bool = False, is_playground: bool = False
) -> frozenset[Ability]:
    """Returns what ``role`` lets ``principal`` do with one file in its present state."""
    abilities = ABILITIES[role] if principal.signed_in else ANONYMOUS_ABILITIES
    if is_playground:
        abilities &= _PLAYGROUND
    if is_root:
        return abilities & _ROOT
    if principal.token_id is not None and Scope.WRITE not in principal.scopes:
        abilities = abilities & _READ_ONLY
    return abilities & _TRASHED if trashed else abilities


def ancestors_of(path: str) -> list[str]:
    """Returns the ids in a path column (``/a/b/``), the root first."""
    return [part for part in path.split("/") if part]

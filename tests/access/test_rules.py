"""The rules of access by themselves: the threat model's table, links, groups, expiry, trash."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from labora.access import ANONYMOUS, Ability, Grant, Principal, Reach, Role, Scope
from labora.access.rules import ABILITIES, abilities_of, effective_role

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANN = Principal("ann", scopes=frozenset(Scope), group_ids=frozenset({"staff"}))

# The table of the threat model, written out by hand: viewer, commenter, editor, owner.
TABLE = {
    Ability.READ: "vceo",
    Ability.DOWNLOAD: "vceo",
    Ability.COPY: "vceo",
    Ability.COMMENT: "ceo",
    Ability.READ_HISTORY: "eo",
    Ability.EDIT: "eo",
    Ability.RENAME: "eo",
    Ability.SHARE: "eo",
    Ability.MOVE: "eo",
    Ability.TRASH: "o",
    Ability.DELETE: "o",
    Ability.TRANSFER: "o",
}


def role(*grants: Grant, who: Principal = ANN, trashed: bool = False, above: tuple[str, ...] = ()) -> Role | None:
    return effective_role(who, owner_id="owner", ancestor_owner_ids=above, grants=grants, now=NOW, trashed=trashed)


@pytest.mark.parametrize("ability", list(Ability))
@pytest.mark.parametrize("held", list(Role))
def test_abilities_are_those_of_the_threat_model(held: Role, ability: Ability) -> None:
    assert (ability in ABILITIES[held]) == (held.value[0] in TABLE[ability])


def test_the_strongest_grant_wins_wherever_it_is_given() -> None:
    viewer = Grant("f", Reach.PERSON, Role.VIEWER, "ann")
    editor = Grant("folder", Reach.GROUP, Role.EDITOR, group_id="staff")
    assert role(viewer, editor) == Role.EDITOR
    assert role(viewer, Grant("f", Reach.GROUP, Role.EDITOR, group_id="others")) == Role.VIEWER
    assert role(Grant("f", Reach.PERSON, Role.EDITOR, "bob")) is None


def test_a_grant_never_gives_ownership() -> None:
    assert role(Grant("f", Reach.PERSON, Role.OWNER, "ann")) == Role.EDITOR


@pytest.mark.parametrize(("left_s", "expected"), [(-1, None), (0, None), (1, Role.EDITOR)])
def test_a_grant_ends_when_it_expires(left_s: int, expected: Role | None) -> None:
    expires = NOW + timedelta(seconds=left_s)
    assert role(Grant("f", Reach.PERSON, Role.EDITOR, "ann", expires_at=expires)) == expected


def test_reach_of_links() -> None:
    anyone = Grant("f", Reach.ANYONE, Role.EDITOR)
    domain = Grant("f", Reach.DOMAIN, Role.COMMENTER)
    assert role(anyone) == Role.EDITOR
    assert role(anyone, who=ANONYMOUS) == Role.VIEWER
    assert role(domain) == Role.COMMENTER
    assert role(domain, who=ANONYMOUS) is None
    assert Ability.COPY not in abilities_of(Role.VIEWER, ANONYMOUS)


def test_the_trash_is_for_owners_only() -> None:
    grant = Grant("f", Reach.PERSON, Role.EDITOR, "ann")
    assert role(grant, trashed=True) is None
    assert role(grant, trashed=True, above=("ann",)) == Role.EDITOR
    owner = Principal("owner", scopes=frozenset(Scope))
    assert role(who=owner, trashed=True) == Role.OWNER
    left = abilities_of(Role.OWNER, owner, trashed=True)
    assert {Ability.READ, Ability.TRASH, Ability.DELETE} <= left
    assert not {Ability.EDIT, Ability.RENAME, Ability.SHARE, Ability.MOVE} & left


def test_a_reading_token_makes_every_role_a_reading_one() -> None:
    token = Principal("owner", scopes=frozenset({Scope.READ}), token_id="t")
    assert abilities_of(Role.OWNER, token) == {Ability.READ, Ability.DOWNLOAD, Ability.READ_HISTORY}

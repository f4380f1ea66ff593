"""The tree and its rights against a model: after any history the database says what a plain walk up the tree says."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from sqlalchemy import insert, select

from labora.access import Ability, Principal, Role, Scope, access_rows, visible
from labora.access.rules import ABILITIES
from labora.base.errors import ConflictError, ForbiddenError, NotFoundError
from labora.base.settings import LimitSettings
from labora.blobs import Blobs
from labora.db import Database
from labora.db.schema import accounts, files
from labora.drive import Drive
from labora.testing.database import fresh

PEOPLE = ("ann", "bob", "cyd")
GIVEN = st.sampled_from([Role.VIEWER, Role.COMMENTER, Role.EDITOR])
EVERYONE = st.sampled_from(PEOPLE)
_TRASHED = {Ability.READ, Ability.DOWNLOAD, Ability.COPY, Ability.READ_HISTORY, Ability.TRASH, Ability.DELETE}


@dataclass
class Node:
    """One item of the model."""

    owner: str
    parent: str | None
    folder: bool
    trashed: bool = False
    roles: dict[str, Role] = field(default_factory=dict)


class Model:
    """What should be, by walking up from every item."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}

    def above(self, key: str) -> list[str]:
        chain, parent = [], self.nodes[key].parent
        while parent is not None:
            chain.append(parent)
            parent = self.nodes[parent].parent
        return chain

    def below(self, key: str) -> list[str]:
        return [other for other in self.nodes if key in self.above(other)]

    def is_trashed(self, key: str) -> bool:
        return any(self.nodes[part].trashed for part in (key, *self.above(key)))

    def role(self, person: str, key: str) -> Role | None:
        if self.nodes[key].owner == person:
            return Role.OWNER
        if any(self.nodes[part].owner == person for part in self.above(key)):
            return Role.EDITOR
        if self.is_trashed(key):
            return None
        given = [self.nodes[part].roles.get(person) for part in (key, *self.above(key))]
        return max((role for role in given if role), key=lambda role: role.rank, default=None)

    def abilities(self, person: str, key: str) -> set[Ability]:
        role = self.role(person, key)
        if role is None:
            return set()
        found = set(ABILITIES[role])
        if self.nodes[key].parent is None:
            return found & {Ability.READ, Ability.EDIT}
        return found & _TRASHED if self.is_trashed(key) else found

    def top(self, key: str) -> str:
        return [key, *self.above(key)][-1]


class TreeMachine(RuleBasedStateMachine):
    """Three people who make, share, move, trash and delete in each other's drives."""

    items = Bundle("items")

    @initialize(target=items)
    def begin(self) -> object:
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.model = Model()
        return multiple(*self.runner.run(self._begin()))

    async def _begin(self) -> list[str]:
        path = Path(self.folder.name)
        self.database = Database(f"sqlite+aiosqlite:///{path}/t.db")
        await fresh(self.database)
        self.drive = Drive(self.database, Blobs(self.database, path / "blobs"), LimitSettings(), lambda _data: None)
        self.people = {name: Principal(name, name, scopes=frozenset(Scope)) for name in PEOPLE}
        async with self.database.transaction() as connection:
            for name in PEOPLE:
                row = {"id": name, "name": name, "login": name, "created_at": "x"}
                await connection.execute(insert(accounts).values(**row))
        self.roots = {}
        for name, person in self.people.items():
            self.roots[name] = (await self.drive.get(person, "root")).id
            self.model.nodes[self.roots[name]] = Node(name, None, folder=True)
        deep = [await self._nest("ann", 4), await self._nest("bob", 3)]
        # Bob works in Ann's drive: rights meet owners in one tree.
        shared = deep[0][0]
        await self.drive.sharing.add(self.people["ann"], shared, role=Role.EDITOR, account_id="bob")
        self.model.nodes[shared].roles["bob"] = Role.EDITOR
        guest = await self.drive.create_folder(self.people["bob"], "guest", deep[0][1])
        self.model.nodes[guest.id] = Node("bob", deep[0][1], folder=True)
        return [*self.roots.values(), *deep[0], *deep[1], guest.id]

    async def _nest(self, who: str, depth: int) -> list[str]:
        made: list[str] = []
        for _ in range(depth):
            parent = made[-1] if made else self.roots[who]
            folder = await self.drive.create_folder(self.people[who], "f", parent)
            self.model.nodes[folder.id] = Node(who, parent, folder=True)
            made.append(folder.id)
        return made

    def attempt(self, work: object, allowed: bool) -> bool:
        """Runs a verb and checks that it is refused exactly when the model refuses it."""
        try:
            self.result = self.runner.run(work)  # type: ignore[arg-type]
        except (ForbiddenError, NotFoundError, ConflictError):
            happened = False
        else:
            happened = True
        assert happened == allowed
        return happened

    @rule(target=items, who=EVERYONE, parent=items)
    def make_folder(self, who: str, parent: str) -> object:
        node = self.model.nodes.get(parent)
        allowed = bool(node and node.folder and Ability.EDIT in self.model.abilities(who, parent))
        if not self.attempt(self.drive.create_folder(self.people[who], "f", parent), allowed):
            return multiple()
        self.model.nodes[self.result.id] = Node(who, parent, folder=True)
        return self.result.id

    @rule(who=EVERYONE, item=items, to=EVERYONE, role=GIVEN)
    def share(self, who: str, item: str, to: str, role: Role) -> None:
        node = self.model.nodes.get(item)
        allowed = bool(node and Ability.SHARE in self.model.abilities(who, item) and node.owner != to)
        if self.attempt(self.drive.sharing.add(self.people[who], item, role=role, account_id=to), allowed):
            self.model.nodes[item].roles[to] = role

    @rule(who=EVERYONE, item=items, to=EVERYONE)
    def unshare(self, who: str, item: str, to: str) -> None:
        node = self.model.nodes.get(item)
        if node is None or to not in node.roles or node.owner == to:
            return
        owner = self.people[node.owner]
        if self.model.is_trashed(item):
            return
        given = self.runner.run(self.drive.sharing.permissions(owner, item))
        permission = next(
            p for p in given if p.account and p.account.id == to and p.inherited_from is None and p.id != "owner"
        )
        abilities = self.model.abilities(who, item)
        allowed = Ability.SHARE in abilities or (who == to and Ability.READ in abilities)
        if self.attempt(self.drive.sharing.remove(self.people[who], item, permission.id), allowed):
            del node.roles[to]

    @rule(who=EVERYONE, item=items, into=items)
    def move(self, who: str, item: str, into: str) -> None:
        nodes, model = self.model.nodes, self.model
        if item not in nodes or into not in nodes or nodes[item].parent == into:
            return
        parent = nodes[item].parent
        allowed = (
            Ability.MOVE in model.abilities(who, item)
            and Ability.EDIT in model.abilities(who, into)
            and into != item
            and item not in model.above(into)
        )
        if allowed and nodes[item].owner != who:
            assert parent is not None
            allowed = Ability.EDIT in model.abilities(who, parent) and model.top(into) == model.top(item)
        if self.attempt(self.drive.change(self.people[who], item, parent_id=into), allowed):
            nodes[item].parent = into

    @rule(who=EVERYONE, item=items)
    def trash(self, who: str, item: str) -> None:
        node = self.model.nodes.get(item)
        if node is None or node.trashed:
            return
        allowed = Ability.TRASH in self.model.abilities(who, item)
        if self.attempt(self.drive.change(self.people[who], item, trashed=True), allowed):
            node.trashed = True

    @rule(who=EVERYONE, item=items)
    def untrash(self, who: str, item: str) -> None:
        node = self.model.nodes.get(item)
        if node is None or not node.trashed:
            return
        allowed = Ability.TRASH in self.model.abilities(who, item)
        if self.attempt(self.drive.change(self.people[who], item, trashed=False), allowed):
            node.trashed = False
            if self.model.is_trashed(item):
                node.parent = self.roots[node.owner]

    @rule(who=EVERYONE, item=items)
    def delete(self, who: str, item: str) -> None:
        node = self.model.nodes.get(item)
        allowed = bool(node and Ability.DELETE in self.model.abilities(who, item))
        if not self.attempt(self.drive.delete(self.people[who], item), allowed):
            return
        owner = self.model.nodes[item].owner
        while foreign := [key for key in self.model.below(item) if self.model.nodes[key].owner != owner]:
            # The highest first: what is below it moves along.
            highest = min(foreign, key=lambda key: len(self.model.above(key)))
            self.model.nodes[highest].parent = self.roots[self.model.nodes[highest].owner]
        for key in [*self.model.below(item), item]:
            del self.model.nodes[key]

    @invariant()
    def database_says_what_the_model_says(self) -> None:
        if hasattr(self, "roots"):
            self.runner.run(self._compare())

    async def _compare(self) -> None:
        async with self.database.read() as connection:
            rows = {row.id: row for row in await connection.execute(select(files))}
        assert set(rows) == set(self.model.nodes)
        for key, row in rows.items():
            above = list(reversed(self.model.above(key)))
            assert row.path == "".join(f"/{part}" for part in above) + "/"
            assert bool(row.trashed_at) == self.model.nodes[key].trashed
            assert bool(row.ancestor_trashed_at) == any(self.model.nodes[part].trashed for part in above)
        async with self.database.read() as connection:
            for name, person in self.people.items():
                found = await access_rows(connection, person, [dict(row._mapping) for row in rows.values()])
                readable = {access.file_id: set(access.abilities) for access in found}
                expected = {key: self.model.abilities(name, key) for key in rows if self.model.role(name, key)}
                assert readable == expected, name
                condition = visible(person, datetime.now(UTC))
                listed = set((await connection.execute(select(files.c.id).where(condition))).scalars())
                assert listed == set(expected), name

    def teardown(self) -> None:
        if hasattr(self, "roots"):
            self.runner.run(self.database.close())
        if hasattr(self, "runner"):
            self.runner.close()
            self.folder.cleanup()


TestTree = TreeMachine.TestCase
TestTree.settings = settings(
    max_examples=8, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)

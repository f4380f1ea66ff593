"""Case 10: every way of getting a role, through every door, of which each must say the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from labora.access import ANONYMOUS, Ability, Principal, Role, Scope
from labora.access.rules import ABILITIES, ANONYMOUS_ABILITIES
from labora.api.app import LaboraApp
from labora.base.clock import timestamp
from labora.base.errors import LaboraError
from labora.db import note
from labora.drive.expiry import EXPIRES
from labora.drive.mounted import MountedDrive
from labora.testing.server import ServerInProcess
from tests.api.test_sec_03_sockets import Socket, cookies_of

NOTEBOOK = (
    b'{"cells": [{"cell_type": "code", "id": "a", "source": "needle = 1", "metadata": {}, "outputs": [],'
    b' "execution_count": null}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
)


@dataclass
class Case:
    """A notebook of Ann's in a folder of hers, and who looks at it; ``shown``: by a link it is open, not listed."""

    app: LaboraApp
    who: httpx.AsyncClient
    account_id: str | None
    file_id: str
    folder_id: str
    role: Role | None
    shown: bool

    @property
    def abilities(self) -> frozenset[Ability]:
        if self.role is None:
            return frozenset()
        # What is given here has an end: an editor who could share would make that for ever.
        ending = frozenset({Ability.SHARE}) if self.role != Role.OWNER else frozenset()
        return ABILITIES[self.role] - ending if self.account_id else ANONYMOUS_ABILITIES

    @property
    def missing(self) -> int:
        """How a door answers for what is not there: who is not signed in is told to do that."""
        return 404 if self.account_id else 401

    def may(self, ability: Ability, answer: httpx.Response) -> None:
        """Checks an answer of REST."""
        if ability in self.abilities:
            assert answer.status_code < 300, answer.text
        elif self.role is None or self.account_id is None:
            assert answer.status_code == self.missing, answer.text
        else:
            assert answer.status_code == 403, answer.text


async def by_rest(case: Case) -> None:
    answer = await case.who.get(f"/files/{case.file_id}")
    case.may(Ability.READ, answer)
    if case.role is not None:
        assert set(answer.json()["abilities"]) == {ability.value for ability in case.abilities}


async def by_export(case: Case) -> None:
    case.may(Ability.DOWNLOAD, await case.who.get(f"/files/{case.file_id}/download"))


async def by_history(case: Case) -> None:
    case.may(Ability.READ_HISTORY, await case.who.get(f"/files/{case.file_id}/revisions"))


async def by_copy(case: Case) -> None:
    case.may(Ability.COPY, await case.who.post(f"/files/{case.file_id}/copy", json={"parent_id": "root"}))


async def by_sharing(case: Case) -> None:
    case.may(Ability.SHARE, await case.who.get(f"/files/{case.file_id}/permissions"))


async def by_list(case: Case) -> None:
    answer = await case.who.get("/files", params={"q": "name = 'n.ipynb'"})
    if case.account_id is None:
        assert answer.status_code == 401
        return
    listed = [file["id"] for file in answer.json()["files"]]
    assert listed == ([case.file_id] if case.role and case.shown else [])


async def by_search(case: Case) -> None:
    answer = await case.who.get("/search", params={"text": "needle"})
    if case.account_id is None:
        assert answer.status_code == 401
        return
    found = [one["file"]["id"] for one in answer.json()["results"]]
    assert (case.file_id in found) == bool(case.role and case.shown)


async def by_room(case: Case) -> None:
    socket = Socket(case.app, f"/api/v1/files/{case.file_id}/room", cookies_of(case.who))
    if case.role is None:
        if case.account_id is not None:
            await hello(socket)
        assert await socket.close_code() == (4404 if case.account_id else 4401)
        return
    # A Yjs client id belongs to one account.
    welcome = await socket.hello(int.from_bytes((case.account_id or "guest")[:5].encode()))
    assert set(welcome["file"]["abilities"]) == {ability.value for ability in case.abilities}
    await socket.inbox.put({"type": "websocket.disconnect", "code": 1000})
    await socket.task


async def hello(socket: Socket) -> None:
    await socket.inbox.put(
        {
            "type": "websocket.receive",
            "bytes": b'\x00{"type":"hello","version":1,"client_id":1,"epoch":null,"seq":null}',
        }
    )


async def by_mount(case: Case) -> None:
    if case.account_id is None:
        return  # nobody without an account has a machine
    services = case.app.services
    principal = await services.accounts.principal_of_account(case.account_id, frozenset({Scope.READ, Scope.WRITE}))
    assert principal is not None
    mounted = MountedDrive(services.drive)
    seen = await mounted.stat(principal, [case.file_id])
    assert bool(seen) == (case.role is not None)
    assert await outcome(mounted, principal, case.file_id, Ability.DOWNLOAD) == expected(case, Ability.DOWNLOAD)
    assert await outcome(mounted, principal, case.file_id, Ability.EDIT) == expected(case, Ability.EDIT)


async def outcome(mounted: MountedDrive, principal: Principal, file_id: str, ability: Ability) -> str:
    try:
        await mounted.access(principal, file_id, ability)
    except LaboraError as error:
        return type(error).__name__
    return "ok"


def expected(case: Case, ability: Ability) -> str:
    if case.role is None:
        return "NotFoundError"
    return "ok" if ability in case.abilities else "ForbiddenError"


DOORS: list[Callable[[Case], Awaitable[None]]] = [
    by_rest, by_export, by_history, by_copy, by_sharing, by_list, by_search, by_room, by_mount,
]  # fmt: skip


@pytest.fixture
async def place(server: ServerInProcess, ann: httpx.AsyncClient) -> tuple[str, str]:
    """A folder of Ann's with a notebook that search has read."""
    folder = (await ann.post("/files", json={"kind": "folder", "name": "F"})).json()["id"]
    file = (await ann.post("/files/upload", params={"name": "n.ipynb", "parent": folder}, content=NOTEBOOK)).json()
    await server.app.services.search.indexer.catch_up()
    return folder, file["id"]


async def ways(
    server: ServerInProcess, owner: httpx.AsyncClient, bob: httpx.AsyncClient, folder: str, file: str
) -> list[tuple[str, str, dict[str, Any]]]:
    """Returns how Bob may get a role: a name, the item that it is given on, and to whom."""
    group = (await owner.post("/groups", json={"name": "Lab"})).json()["id"]
    await owner.put(f"/groups/{group}/members/{server.ids['bob']}", json={})
    async with server.app.services.database.transaction() as connection:
        # As if he had come by an invitation that was sent there.
        await connection.exec_driver_sql("update accounts set email = 'bob@example.org' where login = 'bob'")
    return [
        ("person", file, {"login": "bob"}),
        ("person, inherited", folder, {"login": "bob"}),
        ("group, inherited", folder, {"group_id": group}),
        ("address", file, {"email": "bob@example.org"}),
        ("signed in, inherited", folder, {"kind": "domain"}),
        ("anyone", file, {"kind": "anyone"}),
    ]


async def test_sec_10_every_way_to_a_role_opens_every_door_alike(
    server: ServerInProcess,
    app: LaboraApp,
    owner: httpx.AsyncClient,
    ann: httpx.AsyncClient,
    bob: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    place: tuple[str, str],
) -> None:
    folder, file = place
    bob_id = server.ids["bob"]
    for name, item, to in await ways(server, owner, bob, folder, file):
        link = "kind" in to
        for role in (Role.VIEWER, Role.COMMENTER, Role.EDITOR):
            end = (datetime.now(UTC) + timedelta(days=1)).isoformat()
            given = await ann.post(f"/files/{item}/permissions", json={**to, "role": role, "expires_at": end})
            assert given.status_code == 201, (name, given.text)
            for door in DOORS:
                await door(Case(app, bob, bob_id, file, folder, role, shown=not link))
            await ann.delete(f"/files/{item}/permissions/{given.json()['id']}")
        for door in DOORS:
            await door(Case(app, bob, bob_id, file, folder, None, shown=False))
    for role, who in ((Role.OWNER, ann), (None, owner)):
        login = "ann" if who is ann else "owner"
        for door in DOORS:
            await door(Case(app, who, server.ids[login], file, folder, role, shown=True))
    assert ANONYMOUS.account_id is None
    for general in ({"reach": "domain", "role": "editor"}, {"reach": "anyone", "role": "editor"}):
        await ann.patch(f"/files/{folder}/sharing", json={"general": general})
        held = Role.VIEWER if general["reach"] == "anyone" else None
        for door in DOORS:
            await door(Case(app, stranger, None, file, folder, held, shown=False))


async def test_sec_20_a_group_and_a_link_open_nothing_in_the_trash(
    server: ServerInProcess,
    app: LaboraApp,
    owner: httpx.AsyncClient,
    ann: httpx.AsyncClient,
    bob: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    place: tuple[str, str],
) -> None:
    folder, file = place
    group = (await owner.post("/groups", json={"name": "Lab"})).json()["id"]
    await owner.put(f"/groups/{group}/members/{server.ids['bob']}", json={})
    await ann.post(f"/files/{folder}/permissions", json={"group_id": group, "role": "editor"})
    await ann.patch(f"/files/{file}/sharing", json={"general": {"reach": "anyone", "role": "viewer"}})
    socket = Socket(app, f"/api/v1/files/{file}/room", cookies_of(bob))
    assert (await socket.hello())["type"] == "welcome"
    await ann.patch(f"/files/{folder}", json={"trashed": True})
    assert await socket.close_code() == 4403
    for door in DOORS:
        await door(Case(app, bob, server.ids["bob"], file, folder, None, shown=False))
        await door(Case(app, stranger, None, file, folder, None, shown=False))


async def test_sec_12_leaving_a_group_demotes_an_open_page(
    server: ServerInProcess,
    app: LaboraApp,
    owner: httpx.AsyncClient,
    ann: httpx.AsyncClient,
    bob: httpx.AsyncClient,
    place: tuple[str, str],
) -> None:
    folder, file = place
    group = (await owner.post("/groups", json={"name": "Lab"})).json()["id"]
    await owner.put(f"/groups/{group}/members/{server.ids['bob']}", json={})
    await ann.post(f"/files/{folder}/permissions", json={"group_id": group, "role": "editor"})
    socket = Socket(app, f"/api/v1/files/{file}/room", cookies_of(bob))
    assert "edit" in (await socket.hello())["file"]["abilities"]
    await owner.delete(f"/groups/{group}/members/{server.ids['bob']}")
    assert await socket.close_code() == 4403


async def ends_soon(server: ServerInProcess, file_id: str) -> None:
    """Lets what was given on a file end in a moment, however busy the machine is."""
    async with server.app.services.database.transaction() as connection:
        end = timestamp(datetime.now(UTC) + timedelta(seconds=0.3))
        await connection.exec_driver_sql("update permissions set expires_at = ? where file_id = ?", (end, file_id))
        note(connection, EXPIRES, end)


async def test_sec_12_what_expires_ends_an_open_page(
    server: ServerInProcess, app: LaboraApp, ann: httpx.AsyncClient, bob: httpx.AsyncClient, place: tuple[str, str]
) -> None:
    _, file = place
    await ann.post(f"/files/{file}/permissions", json={"login": "bob", "role": "editor"})
    socket = Socket(app, f"/api/v1/files/{file}/room", cookies_of(bob))
    assert (await socket.hello())["type"] == "welcome"
    await ends_soon(server, file)
    assert await socket.close_code() == 4403


async def test_sec_13_a_link_to_one_file_opens_nothing_beside_it(
    app: LaboraApp, ann: httpx.AsyncClient, stranger: httpx.AsyncClient, place: tuple[str, str]
) -> None:
    folder, file = place
    beside = (await ann.post("/files", json={"kind": "notebook", "name": "b", "parent_id": folder})).json()["id"]
    await ann.patch(f"/files/{file}/sharing", json={"general": {"reach": "anyone", "role": "editor"}})
    assert (await stranger.get(f"/files/{file}/ancestors")).json() == {"files": []}
    for item in (beside, folder, "root"):
        for path in ("", "/download", "/ancestors", "/frame-origin", f"/blobs/{'0' * 64}"):
            assert (await stranger.get(f"/files/{item}{path}")).status_code == 401
    assert (await stranger.get(f"/files/{file}/blobs/{'0' * 64}")).status_code == 401
    assert await Socket(app, f"/api/v1/files/{beside}/room", cookies_of(stranger)).close_code() == 4401

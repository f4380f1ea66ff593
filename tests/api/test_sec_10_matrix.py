"""Case 10: role × operation, generated from the table of abilities and from what the routes declare."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from labora.access import Ability, Role
from labora.access.rules import ABILITIES
from labora.api.app import create_api
from labora.api.needs import Needs
from labora.testing.server import ServerInProcess

NO_BLOB = "0" * 64
EMPTY_NOTEBOOK = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


@dataclass
class Case:
    """A notebook of Ann's, shared with Bob in one role."""

    server: ServerInProcess
    ann: httpx.AsyncClient
    bob: httpx.AsyncClient
    file_id: str
    revision_id: str
    permission_id: str = "none"
    folder_id: str = ""
    comment_id: str = "none"


Request = Callable[[Case, httpx.AsyncClient], Awaitable[httpx.Response]]


async def _with_secret(case: Case, who: httpx.AsyncClient, method: str) -> httpx.Response:
    await who.put("/me/secrets/KEY", json={"value": "v"})
    return await who.request(method, f"/files/{case.file_id}/secrets/KEY")


# How to call every route of one file, by operation id. A route that is missing here fails the suite.
CALLS: dict[str, Request] = {
    "execute": lambda case, who: who.post(f"/files/{case.file_id}/executions", json={}),
    "executions": lambda case, who: who.get(f"/files/{case.file_id}/executions"),
    "frame_origin": lambda case, who: who.get(f"/files/{case.file_id}/frame-origin"),
    "export_file": lambda case, who: who.get(f"/files/{case.file_id}/export", params={"format": "ipynb"}),
    "file_source": lambda case, who: who.get(f"/files/{case.file_id}/source"),
    "get_file": lambda case, who: who.get(f"/files/{case.file_id}"),
    "ancestors": lambda case, who: who.get(f"/files/{case.file_id}/ancestors"),
    "contents": lambda case, who: who.get(f"/files/{case.file_id}/contents"),
    "download_file": lambda case, who: who.get(f"/files/{case.file_id}/download"),
    "zip_folder": lambda case, who: who.get(f"/files/{case.file_id}/zip"),
    "copy_file": lambda case, who: who.post(f"/files/{case.file_id}/copy", json={}),
    "delete_file": lambda case, who: who.delete(f"/files/{case.file_id}"),
    "permissions": lambda case, who: who.get(f"/files/{case.file_id}/permissions"),
    "share": lambda case, who: who.post(
        f"/files/{case.file_id}/permissions", json={"login": "owner", "role": "viewer"}
    ),
    "change_permission": lambda case, who: who.patch(
        f"/files/{case.file_id}/permissions/{case.permission_id}", json={"role": "viewer"}
    ),
    "change_sharing": lambda case, who: who.patch(f"/files/{case.file_id}/sharing", json={"editors_share": True}),
    "access_requests": lambda case, who: who.get(f"/files/{case.file_id}/access-requests"),
    "comments": lambda case, who: who.get(f"/files/{case.file_id}/comments"),
    "comment": lambda case, who: who.get(f"/files/{case.file_id}/comments/{case.comment_id}"),
    "replies": lambda case, who: who.get(f"/files/{case.file_id}/comments/{case.comment_id}/replies"),
    "add_comment": lambda case, who: who.post(f"/files/{case.file_id}/comments", json={"content": "Why?"}),
    "add_reply": lambda case, who: who.post(
        f"/files/{case.file_id}/comments/{case.comment_id}/replies", json={"content": "Because."}
    ),
    "mentionable_people": lambda case, who: who.get(f"/files/{case.file_id}/comments/people"),
    "revisions": lambda case, who: who.get(f"/files/{case.file_id}/revisions"),
    "save_revision": lambda case, who: who.post(f"/files/{case.file_id}/revisions", json={"pinned": True}),
    "change_revision": lambda case, who: who.patch(
        f"/files/{case.file_id}/revisions/{case.revision_id}", json={"name": "first"}
    ),
    "diff_revision": lambda case, who: who.get(f"/files/{case.file_id}/revisions/{case.revision_id}/diff"),
    "diff_file": lambda case, who: who.get(f"/files/{case.file_id}/diff", params={"against": case.file_id}),
    "download_revision": lambda case, who: who.get(f"/files/{case.file_id}/revisions/{case.revision_id}/download"),
    "put_content": lambda case, who: who.put(f"/files/{case.file_id}/content", content=EMPTY_NOTEBOOK),
    "notebook_settings": lambda case, who: who.get(f"/files/{case.file_id}/notebook-settings"),
    "change_notebook_settings": lambda case, who: who.patch(
        f"/files/{case.file_id}/notebook-settings", json={"omit_outputs": True}
    ),
    "clean_copy": lambda case, who: who.get(f"/files/{case.file_id}/clean"),
    "strip_outputs": lambda case, who: who.post(f"/files/{case.file_id}/revisions/strip-outputs"),
    "open_playground": lambda case, who: who.post(f"/files/{case.file_id}/playground"),
    "playground": lambda case, who: who.get(f"/files/{case.file_id}/playground"),
    "notebook_secrets": lambda case, who: who.get(f"/files/{case.file_id}/secrets"),
    "grant_secret": lambda case, who: _with_secret(case, who, "PUT"),
    "revoke_secret": lambda case, who: _with_secret(case, who, "DELETE"),
    "restore_revision": lambda case, who: who.post(f"/files/{case.file_id}/revisions/{case.revision_id}/restore"),
}
# Routes whose demand depends on what is asked for, and those that answer 404 for other reasons, stand on their own.
APART = {
    "refresh_playground",
    *("change_file", "remove_permission", "blob", "execution", "request_access", "decide_access_request"),
    # Who may do these depends on who wrote the text: tests/api/test_comments.py.
    *("change_comment", "delete_comment", "change_reply", "delete_reply"),
}
APART |= {"save_to_github", "save_as_gist", "text_as_notebook"}  # tests/api/test_exchange.py

CHANGES: dict[Ability, dict[str, Any]] = {
    Ability.READ: {"starred": True},
    Ability.RENAME: {"name": "renamed.ipynb"},
    Ability.TRASH: {"trashed": True},
}


def file_routes() -> dict[str, Ability]:
    found = {}
    for route in create_api().routes:
        if isinstance(route, APIRoute) and "{file_id}" in route.path:
            needs = [dependency.call for dependency in route.dependant.dependencies]
            ability = next(need.ability for need in needs if isinstance(need, Needs))
            assert ability is not None
            found[route.name] = ability
    return found


ROUTES = file_routes()
COLUMNS: list[Role | None] = [None, *Role]


async def make_case(server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient, role: Role | None) -> Case:
    folder = (await ann.post("/files", json={"kind": "folder", "name": "F"})).json()["id"]
    body = {"kind": "notebook", "name": "n.ipynb", "parent_id": folder}
    file_id = (await ann.post("/files", json=body)).json()["id"]
    revision = (await ann.get(f"/files/{file_id}/revisions")).json()["revisions"][0]["id"]
    case = Case(server, ann, bob, file_id, revision, folder_id=folder)
    if role not in {None, Role.OWNER}:
        # Inherited from the folder for one role, given on the file itself for the others.
        at = folder if role == Role.COMMENTER else file_id
        await ann.post(f"/files/{at}/permissions", json={"login": "bob", "role": role})
    extra = await ann.post(f"/files/{file_id}/permissions", json={"login": "owner", "role": "viewer"})
    said = await ann.post(f"/files/{file_id}/comments", json={"content": "First"})
    case.comment_id = said.json()["id"]
    case.permission_id = extra.json()["id"]
    return case


def expected(role: Role | None, ability: Ability) -> set[int]:
    if role is None:
        return {404}
    return {200, 201, 202} if ability in ABILITIES[role] else {403}


def test_every_route_of_a_file_is_called() -> None:
    assert set(ROUTES) - APART - set(CALLS) == set(), "give the new route a call, so that the matrix covers it"
    assert set(CALLS) <= set(ROUTES)


@pytest.mark.parametrize("role", COLUMNS, ids=lambda role: role or "stranger")
async def test_sec_10_matrix(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient, role: Role | None
) -> None:
    for operation, call in CALLS.items():
        case = await make_case(server, ann, bob, role)
        who = ann if role == Role.OWNER else bob
        answer = await call(case, who)
        assert answer.status_code in expected(role, ROUTES[operation]), (operation, answer.text)
        if role is None:
            ghost = Case(server, ann, bob, "x" * 20, case.revision_id, case.permission_id, comment_id=case.comment_id)
            assert (await call(ghost, who)).content == answer.content, operation
    for ability, change in CHANGES.items():
        case = await make_case(server, ann, bob, role)
        who = ann if role == Role.OWNER else bob
        answer = await who.patch(f"/files/{case.file_id}", json=change)
        assert answer.status_code in expected(role, ability), (change, answer.text)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.COMMENTER, Role.EDITOR])
async def test_abilities_in_the_answer_are_those_of_the_table(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient, role: Role
) -> None:
    case = await make_case(server, ann, bob, role)
    seen = (await bob.get(f"/files/{case.file_id}")).json()
    assert seen["role"] == role
    assert set(seen["abilities"]) == {ability.value for ability in ABILITIES[role]}
    assert (await ann.get(f"/files/{case.file_id}")).json()["role"] == "owner"


async def test_removing_a_permission(server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    case = await make_case(server, ann, bob, Role.VIEWER)
    url = f"/files/{case.file_id}/permissions"
    assert (await bob.delete(f"{url}/{case.permission_id}")).status_code == 403
    own = next(p["id"] for p in (await ann.get(url)).json()["permissions"] if p["login"] == "bob")
    assert (await bob.delete(f"{url}/{own}")).status_code == 200
    assert (await bob.get(f"/files/{case.file_id}")).status_code == 404


async def test_an_output_blob_is_read_only_through_a_file_that_has_it(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    services = server.app.services
    case = await make_case(server, ann, bob, None)
    ref = await services.blobs.put(b"\x89PNG", "image/png")
    url = f"/files/{case.file_id}/blobs/{ref.sha256}"
    assert (await ann.get(url)).status_code == 404
    async with services.database.transaction() as connection:
        await connection.exec_driver_sql("insert into file_blobs values (?, ?)", (case.file_id, ref.sha256))
    assert (await ann.get(url)).content == b"\x89PNG"
    assert (await bob.get(url)).status_code == 404
    mine = (await bob.post("/files", json={"kind": "notebook", "name": "b"})).json()["id"]
    assert (await bob.get(f"/files/{mine}/blobs/{ref.sha256}")).status_code == 404


@pytest.mark.parametrize(
    ("wanted", "served"),
    [
        ("image/png", "image/png"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("application/json", "text/plain; charset=utf-8"),
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("application/pdf", "application/octet-stream"),
        ("text/javascript", "application/octet-stream"),
        ("image/png; x=\r\nSet-Cookie: a=b", "image/png"),
    ],
)
async def test_sec_48_a_blob_is_never_served_as_something_active(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient, wanted: str, served: str
) -> None:
    services = server.app.services
    case = await make_case(server, ann, bob, None)
    ref = await services.blobs.put(b"0123456789", "text/html")
    async with services.database.transaction() as connection:
        await connection.exec_driver_sql("insert into file_blobs values (?, ?)", (case.file_id, ref.sha256))
    url = f"/files/{case.file_id}/blobs/{ref.sha256}"
    answer = await ann.get(url, params={"type": wanted})
    assert answer.headers["content-type"] == served
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    part = await ann.get(url, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    assert part.headers["content-range"] == "bytes 2-4/10"
    assert (await ann.get(url, headers={"Range": "bytes=-3"})).content == b"789"
    assert (await ann.get(url, headers={"Range": "bytes=50-"})).status_code == 416
    assert (await ann.get(url, headers={"Range": "lines=1-2"})).status_code == 200

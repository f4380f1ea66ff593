"""Sharing as a person meets it: groups, addresses, links, ends, requests, notices and letters."""

from __future__ import annotations

import asyncio
import email
import json
from datetime import UTC, datetime, timedelta
from email.policy import default
from pathlib import Path
from typing import Any

import httpx
import pytest

from labora.base.clock import SystemClock
from labora.base.settings import RuntimeSettings
from labora.runtimes.policies import Policies
from labora.runtimes.policy import PolicyRow
from labora.testing.server import PASSWORD, ServerInProcess


async def notebook(who: httpx.AsyncClient, name: str = "n.ipynb", parent: str = "root") -> str:
    made = await who.post("/files", json={"kind": "notebook", "name": name, "parent_id": parent})
    return str(made.json()["id"])


async def folder(who: httpx.AsyncClient, name: str = "F") -> str:
    return str((await who.post("/files", json={"kind": "folder", "name": name})).json()["id"])


async def group_of(server: ServerInProcess, owner: httpx.AsyncClient, *logins: str) -> str:
    group = (await owner.post("/groups", json={"name": "Lab"})).json()["id"]
    for login in logins:
        answer = await owner.put(f"/groups/{group}/members/{server.ids[login]}", json={})
        assert answer.status_code == 200
    return str(group)


async def role_of(who: httpx.AsyncClient, file_id: str) -> str | None:
    answer = await who.get(f"/files/{file_id}")
    return answer.json()["role"] if answer.status_code == 200 else None


def letters(server: ServerInProcess) -> list[Any]:
    folder = server.app.services.settings.outbox_dir
    found = [email.message_from_bytes(path.read_bytes(), policy=default) for path in folder.glob("*.eml")]
    return sorted(found, key=lambda letter: str(letter["To"]))


# -- groups ---------------------------------------------------------------------------------------------------------


async def test_a_group_gives_what_is_shared_with_it_for_as_long_as_one_belongs_to_it(
    server: ServerInProcess, owner: httpx.AsyncClient, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    group = await group_of(server, owner, "bob")
    shared = await folder(ann)
    inside = await notebook(ann, parent=shared)
    given = (await ann.post(f"/files/{shared}/permissions", json={"group_id": group, "role": "editor"})).json()
    assert given["group"] == {"id": group, "name": "Lab", "members": 1}
    assert await role_of(bob, inside) == "editor"
    listed = (await bob.get("/files", params={"view": "shared"})).json()["files"]
    assert [file["id"] for file in listed] == [shared]
    token = (await bob.post("/me/tokens", json={"label": "t", "scopes": ["read"]})).json()["secret"]
    by_token = await server.client()
    by_token.headers["Authorization"] = f"Bearer {token}"
    assert await role_of(by_token, inside) == "editor"
    await owner.delete(f"/groups/{group}/members/{server.ids['bob']}")
    assert await role_of(bob, inside) is None
    assert await role_of(by_token, inside) is None
    assert (await bob.get("/files", params={"view": "shared"})).json()["files"] == []
    await owner.put(f"/groups/{group}/members/{server.ids['bob']}", json={})
    await owner.delete(f"/groups/{group}")
    assert await role_of(bob, inside) is None
    assert len((await ann.get(f"/files/{shared}/permissions")).json()["permissions"]) == 1


async def test_what_runtimes_may_use_is_set_for_a_group(
    server: ServerInProcess, owner: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    group, bob_id = await group_of(server, owner, "bob"), server.ids["bob"]
    policies = Policies(server.app.services.database, RuntimeSettings(), SystemClock())
    await policies.set(PolicyRow("group", group, max_runtimes=7), None)
    assert (await policies.of(bob_id)).max_runtimes == 7
    assert (await policies.of_all([bob_id, server.ids["owner"]]))[bob_id].max_runtimes == 7
    assert (await policies.of(server.ids["owner"])).max_runtimes == RuntimeSettings().max_runtimes
    await owner.delete(f"/groups/{group}")
    assert await policies.all() == []


async def test_managers_fill_a_group_and_members_look_and_leave(
    server: ServerInProcess, owner: httpx.AsyncClient, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    assert (await ann.post("/groups", json={"name": "Mine"})).status_code == 403
    group = await group_of(server, owner)
    url = f"/groups/{group}"
    assert (await owner.post("/groups", json={"name": "lAB"})).json()["code"] == "name_taken"
    assert (await ann.get(url)).status_code == 404
    await owner.put(f"{url}/members/{server.ids['ann']}", json={"is_manager": True})
    assert (await ann.put(f"{url}/members/{server.ids['bob']}", json={})).status_code == 200
    assert (await bob.put(f"{url}/members/{server.ids['bob']}", json={"is_manager": True})).status_code == 403
    assert (await bob.patch(url, json={"name": "B"})).status_code == 403
    assert {person["login"] for person in (await bob.get(url)).json()["people"]} == {"ann", "bob"}
    assert (await ann.patch(url, json={"name": "Lab 2"})).json()["name"] == "Lab 2"
    assert (await bob.delete(f"{url}/members/{server.ids['bob']}")).status_code == 200
    assert (await bob.get(url)).status_code == 404
    assert (await ann.delete(url)).json()["code"] == "owner_only"


# -- addresses ------------------------------------------------------------------------------------------------------


async def test_an_address_is_answered_alike_whether_or_not_somebody_reads_it(
    server: ServerInProcess, owner: httpx.AsyncClient, ann: httpx.AsyncClient
) -> None:
    carol = await server.person("carol@example.org", owner)
    file_id = await notebook(ann)
    url = f"/files/{file_id}/permissions"
    answers = []
    for address in ("Carol@Example.org", "dave@example.org"):
        answer = await ann.post(url, json={"email": address, "role": "commenter"})
        answers.append({**answer.json(), "id": "", "email": "", "status": answer.status_code})
    assert answers[0] == answers[1]
    listed = (await ann.get(url)).json()["permissions"][1:]
    assert [(one["email"], one["account"], one["login"]) for one in listed] == [
        ("carol@example.org", None, None),
        ("dave@example.org", None, None),
    ]
    assert await role_of(carol, file_id) == "commenter"
    again = await ann.post(url, json={"email": "dave@example.org", "role": "viewer"})
    assert again.json()["id"] == listed[1]["id"]


@pytest.mark.parametrize(
    "address", ["", "dave", "a@b@c", "dave@example.org\nBcc: x@y.z", "d ave@example.org", "é@x.org"]
)
async def test_what_is_no_address_is_refused(ann: httpx.AsyncClient, address: str) -> None:
    answer = await ann.post(f"/files/{await notebook(ann)}/permissions", json={"email": address, "role": "viewer"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_address")


async def test_who_only_calls_themselves_so_gets_nothing_that_is_given_to_an_address(
    server: ServerInProcess, owner: httpx.AsyncClient, ann: httpx.AsyncClient
) -> None:
    link = (await owner.post("/invitations", json={})).json()["url"].partition("#")[2]
    squatter = await server.client()
    account = {"name": "Chief", "login": "chief@example.org", "password": "correct horse battery"}
    made = await squatter.post("/invitation/accept", json=account, headers={"X-Labora-Link": link})
    assert made.status_code == 200
    file_id = await notebook(ann)
    await ann.post(f"/files/{file_id}/permissions", json={"email": "chief@example.org", "role": "editor"})
    assert await role_of(squatter, file_id) is None


async def test_an_editor_for_a_time_cannot_make_it_for_ever(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, server: ServerInProcess
) -> None:
    file_id = await notebook(ann)
    url = f"/files/{file_id}/permissions"
    ends = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    given = await ann.post(url, json={"login": "bob", "role": "editor", "expires_at": ends})
    for attempt in (
        bob.patch(f"{url}/{given.json()['id']}", json={"expires_at": None}),
        bob.post(url, json={"login": "bob", "role": "editor"}),
    ):
        assert (await attempt).status_code == 403
    await ann.patch(f"{url}/{given.json()['id']}", json={"expires_at": None})
    assert (await bob.post(url, json={"account_id": server.ids["bob"], "role": "viewer"})).status_code == 201


async def test_who_reads_an_address_is_not_told_by_the_people_to_mention(
    server: ServerInProcess, owner: httpx.AsyncClient, ann: httpx.AsyncClient
) -> None:
    await server.person("erin@example.org", owner)
    file_id = await notebook(ann)
    given = {"email": "erin@example.org", "role": "viewer", "notify": False}
    await ann.post(f"/files/{file_id}/permissions", json=given)
    assert (await ann.get(f"/files/{file_id}/comments/people")).json()["people"] == []
    found = (await ann.get(f"/files/{file_id}/comments/people", params={"q": "erin"})).json()["people"]
    assert [one["has_access"] for one in found] == [False]


async def test_what_was_given_to_an_address_becomes_theirs_by_the_invitation_alone(
    server: ServerInProcess, owner: httpx.AsyncClient, ann: httpx.AsyncClient
) -> None:
    file_id = await notebook(owner, "plans.ipynb")
    await owner.post(
        f"/files/{file_id}/permissions", json={"email": "eve@example.org", "role": "editor", "message": "Have a look."}
    )
    await server.app.services.mailer.send()
    (letter,) = letters(server)
    assert letter["To"] == "eve@example.org"
    assert letter["Subject"] == "Owner shared “plans.ipynb” with you"
    text = letter.get_content()
    assert "> Have a look." in text
    secret = text.partition("/invite#")[2].split()[0]
    impostor = await server.client()
    link = (await owner.post("/invitations", json={})).json()["url"].partition("#")[2]
    account = {"name": "Eve", "login": "eve@example.org", "password": PASSWORD}
    taken = await impostor.post("/invitation/accept", json=account, headers={"X-Labora-Link": link})
    assert (taken.status_code, taken.json()["code"]) == (409, "address_claimed")
    eve = await server.client()
    made = await eve.post("/invitation/accept", json={**account, "login": "eve"}, headers={"X-Labora-Link": secret})
    assert made.status_code == 200 or made.status_code == 201
    assert await role_of(eve, file_id) == "editor"
    assert (await eve.get("/me/letters")).json() == {"address": "eve@example.org", "wanted": True}


async def test_members_invite_by_sharing_only_where_the_server_says_so(
    server: ServerInProcess, ann: httpx.AsyncClient
) -> None:
    await ann.post(f"/files/{await notebook(ann)}/permissions", json={"email": "x@example.org", "role": "viewer"})
    await server.app.services.mailer.send()
    (letter,) = letters(server)
    assert "/invite#" not in letter.get_content()
    assert "http://localhost:8000 can invite you" in letter.get_content()


# -- links, ends, who may share -------------------------------------------------------------------------------------


async def test_a_link_opens_a_file_as_far_as_its_reach_and_role_go(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    shared = await folder(ann)
    file_id = await notebook(ann, parent=shared)
    paths = ("", "/download", "/ancestors", "/frame-origin")
    seen = []
    for reach, role in (("domain", "commenter"), ("anyone", "editor"), ("restricted", None)):
        body = {"general": {"reach": reach, "role": role}}
        assert (await ann.patch(f"/files/{shared}/sharing", json=body)).status_code == 200
        statuses = {(await stranger.get(f"/files/{file_id}{path}")).status_code for path in paths}
        seen.append((await role_of(bob, file_id), statuses))
    assert seen == [("commenter", {401}), ("editor", {200}), (None, {401})]
    await ann.patch(f"/files/{shared}/sharing", json={"general": {"reach": "anyone", "role": "editor"}})
    guest = (await stranger.get(f"/files/{file_id}")).json()
    assert (guest["role"], guest["abilities"]) == ("viewer", ["read", "download"])
    for path in ("/permissions", "/revisions", "/executions"):
        assert (await stranger.get(f"/files/{file_id}{path}")).status_code == 401
    assert (await stranger.patch(f"/files/{file_id}", json={"name": "x"})).status_code == 401
    assert (await bob.get("/files", params={"view": "shared"})).json()["files"] == []
    listed = (await ann.get(f"/files/{file_id}/permissions")).json()["permissions"]
    assert [(one["kind"], one["inherited_name"]) for one in listed] == [("person", None), ("anyone", "F")]


async def test_only_the_owner_opens_a_link_or_says_who_may_share(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    shared = await folder(ann)
    file_id = await notebook(ann, parent=shared)
    await ann.post(f"/files/{shared}/permissions", json={"login": "bob", "role": "editor"})
    by_kind = {"kind": "anyone", "role": "viewer"}
    assert (await bob.post(f"/files/{file_id}/permissions", json=by_kind)).status_code == 403
    assert (await bob.patch(f"/files/{file_id}/sharing", json={"editors_share": True})).status_code == 403
    give = {"login": "owner", "role": "viewer"}
    assert (await bob.post(f"/files/{file_id}/permissions", json=give)).status_code == 201
    state = (await ann.patch(f"/files/{shared}/sharing", json={"editors_share": False})).json()
    assert (state["editors_share"], state["may_set"]) == (False, True)
    assert (await bob.post(f"/files/{file_id}/permissions", json=give)).status_code == 403
    assert "share" not in (await bob.get(f"/files/{file_id}")).json()["abilities"]
    assert (await ann.post(f"/files/{file_id}/permissions", json=give)).status_code == 201


async def test_the_end_of_a_role_is_set_changed_and_taken_back(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    file_id = await notebook(ann)
    url = f"/files/{file_id}/permissions"
    given = await ann.post(url, json={"login": "bob", "role": "editor"})
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    changed = await ann.patch(f"{url}/{given.json()['id']}", json={"expires_at": later})
    assert (changed.json()["role"], await role_of(bob, file_id)) == ("editor", "editor")
    assert (await ann.patch(f"{url}/{given.json()['id']}", json={"expires_at": None})).json()["expires_at"] is None
    for moment in ("2020-01-01T00:00:00Z", "2099-01-01T00:00:00"):
        assert (await ann.patch(f"{url}/{given.json()['id']}", json={"expires_at": moment})).status_code == 400


async def test_a_copy_takes_the_content_and_not_the_people(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    file_id = await notebook(ann)
    await ann.post(f"/files/{file_id}/permissions", json={"login": "bob", "role": "editor"})
    await ann.patch(f"/files/{file_id}/sharing", json={"general": {"reach": "domain", "role": "viewer"}})
    copy = (await ann.post(f"/files/{file_id}/copy", json={})).json()
    assert len((await ann.get(f"/files/{copy['id']}/permissions")).json()["permissions"]) == 1
    assert await role_of(bob, copy["id"]) is None


async def test_a_transfer_tells_the_new_owner_and_leaves_the_old_one_as_editor(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    file_id = await notebook(ann)
    url = f"/files/{file_id}/permissions"
    given = (await ann.post(url, json={"login": "bob", "role": "viewer", "notify": False})).json()["id"]
    assert (await ann.patch(f"{url}/{given}", json={"role": "owner"})).json()["role"] == "owner"
    assert (await role_of(ann, file_id), await role_of(bob, file_id)) == ("editor", "owner")
    kinds = [one["kind"] for one in (await bob.get("/notifications")).json()["notifications"]]
    assert kinds == ["owner_changed"]


# -- requests -------------------------------------------------------------------------------------------------------


async def test_a_request_for_access_tells_nothing_of_the_file_and_is_answered(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    file_id = await notebook(ann, "secret.ipynb")
    body = {"role": "editor", "message": "Please."}
    asked = await bob.post(f"/files/{file_id}/access-requests", json=body)
    ghost = await bob.post(f"/files/{'x' * 20}/access-requests", json=body)
    assert (asked.status_code, asked.content) == (202, ghost.content)
    await bob.post(f"/files/{file_id}/access-requests", json=body)
    (wish,) = (await ann.get(f"/files/{file_id}/access-requests")).json()["requests"]
    assert (wish["login"], wish["role"], wish["message"]) == ("bob", "editor", "Please.")
    (notice,) = (await ann.get("/notifications")).json()["notifications"]
    assert (notice["kind"], notice["actor"]["name"], notice["answered"]) == ("access_requested", "Bob", False)
    assert notice["file"]["name"] == "secret.ipynb"
    url = f"/files/{file_id}/access-requests/{wish['id']}"
    assert (await bob.patch(url, json={"role": "editor"})).status_code == 404
    assert (await ann.patch(url, json={"role": "viewer"})).json()["granted_role"] == "viewer"
    assert await role_of(bob, file_id) == "viewer"
    assert (await ann.patch(url, json={"role": None})).json()["code"] == "already_decided"
    (told,) = (await bob.get("/notifications")).json()["notifications"]
    assert (told["kind"], told["details"]["role"]) == ("access_granted", "viewer")


async def test_a_refused_request_gives_nothing_and_names_nothing(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    file_id = await notebook(ann, "secret.ipynb")
    await bob.post(f"/files/{file_id}/access-requests", json={})
    (wish,) = (await ann.get(f"/files/{file_id}/access-requests")).json()["requests"]
    await ann.patch(f"/files/{file_id}/access-requests/{wish['id']}", json={"role": None})
    assert await role_of(bob, file_id) is None
    answer = await bob.get("/notifications")
    assert [one["kind"] for one in answer.json()["notifications"]] == ["access_refused"]
    assert "secret" not in answer.text


async def test_requests_are_limited(server: ServerInProcess, ann: httpx.AsyncClient) -> None:
    answers = [await ann.post(f"/files/{'y' * 20}/access-requests", json={}) for _ in range(21)]
    assert [answer.status_code for answer in answers] == [202] * 20 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0


# -- notices and letters --------------------------------------------------------------------------------------------


async def test_notices_come_in_pages_and_are_read(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    files = [await notebook(ann, f"n{number}.ipynb") for number in range(3)]
    for file_id in files:
        await ann.post(f"/files/{file_id}/permissions", json={"login": "bob", "role": "viewer", "message": "m"})
    quiet = await notebook(ann)
    await ann.post(f"/files/{quiet}/permissions", json={"login": "bob", "role": "viewer", "notify": False})
    first = (await bob.get("/notifications", params={"pageSize": 2})).json()
    assert (len(first["notifications"]), first["unread"]) == (2, 3)
    rest = (await bob.get("/notifications", params={"pageSize": 2, "pageToken": first["nextPageToken"]})).json()
    assert rest["nextPageToken"] is None
    seen = [one["file"]["id"] for one in first["notifications"] + rest["notifications"]]
    assert sorted(seen) == sorted(files)
    one = first["notifications"][0]["id"]
    assert (await ann.post("/notifications/read", json={"ids": [one]})).json() == {"unread": 0}
    assert (await bob.post("/notifications/read", json={"ids": [one]})).json() == {"unread": 2}
    assert (await bob.post("/notifications/read", json={})).json() == {"unread": 0}
    await ann.delete(f"/files/{files[0]}/permissions/{await own_permission(ann, files[0])}")
    hidden = [n for n in (await bob.get("/notifications")).json()["notifications"] if n["file"]["id"] == files[0]]
    assert hidden[0]["file"]["name"] is None


async def own_permission(who: httpx.AsyncClient, file_id: str) -> str:
    return str((await who.get(f"/files/{file_id}/permissions")).json()["permissions"][1]["id"])


async def test_an_open_page_is_told_at_once(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    cookie = "; ".join(f"{name}={value}" for name, value in bob.cookies.items())
    headers = [(b"host", b"localhost:8000"), (b"origin", b"http://localhost:8000"), (b"cookie", cookie.encode())]
    scope = {"type": "websocket", "scheme": "ws", "path": "/api/v1/notifications/live", "query_string": b""}
    received.put_nowait({"type": "websocket.connect"})
    serving = asyncio.create_task(
        server.app(
            {**scope, "headers": headers, "client": ("127.0.0.1", 1), "subprotocols": []}, received.get, sent.put
        )  # type: ignore[arg-type]
    )
    async with asyncio.timeout(60):
        assert (await sent.get())["type"] == "websocket.accept"
        assert json.loads((await sent.get())["text"]) == {"unread": 0}
        file_id = await notebook(ann)
        await ann.post(f"/files/{file_id}/permissions", json={"login": "bob", "role": "viewer"})
        assert json.loads((await sent.get())["text"]) == {"unread": 1}
        await bob.post("/notifications/read", json={})
        assert json.loads((await sent.get())["text"]) == {"unread": 0}
        await bob.post("/logout-everywhere")
        assert (await sent.get())["code"] == 4401
    await asyncio.wait([serving], timeout=60)


async def test_letters_go_out_once_as_files_and_never_with_forged_headers(
    server: ServerInProcess, owner: httpx.AsyncClient, ann: httpx.AsyncClient
) -> None:
    services = server.app.services
    fay = await server.person("fay@example.org", owner)
    await ann.patch("/me", json={"name": "Ann Bcc: x@evil.example"})
    file_id = await notebook(ann, "x Subject: forged.ipynb")
    async with services.database.transaction() as connection:
        # As an older server or a mount may have stored it.
        await connection.exec_driver_sql(
            "update files set name = ? where id = ?", ("x\r\nBcc: y@evil.example\r\n\r\nforged", file_id)
        )
    give = {"login": "fay@example.org", "role": "viewer"}
    await ann.post(f"/files/{file_id}/permissions", json=give)
    await services.mailer.send()
    await services.mailer.send()
    (letter,) = letters(server)
    assert letter["To"] == "fay@example.org"
    assert letter["Bcc"] is None
    assert f"http://localhost:8000/drive/{file_id}" in letter.get_content()
    assert await stat_mode(services.settings.outbox_dir) == {0o600}
    assert (await fay.put("/me/letters", json={"wanted": False})).json()["wanted"] is False
    await ann.post(f"/files/{file_id}/permissions", json={**give, "role": "editor"})
    await services.mailer.send()
    assert len(letters(server)) == 1
    assert (await fay.get("/notifications")).json()["unread"] == 2


async def stat_mode(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.glob("*.eml")}

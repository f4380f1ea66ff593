"""Comments over REST: who may do what with whose, what follows Drive, limits, mentions and notices."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select

from labora.base.settings import Settings, load_settings
from labora.db.schema import group_members, groups, notifications, permissions
from labora.testing.server import ServerInProcess

HERE = {"cell_id": "start", "anchor": {"start": "AQ==", "end": "Ag=="}, "quote": "x = 1"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    small = {"content_characters": 100, "comments": 6, "replies": 4, "file_characters": 400, "per_minute": 14}
    return load_settings(storage={"data_dir": tmp_path / "data", "min_free_bytes": 0}, comments=small)


@pytest.fixture
async def file_id(ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> str:
    """A notebook of Ann's, on which Bob comments."""
    made = await ann.post("/files", json={"kind": "notebook", "name": "n.ipynb"})
    await share(ann, made.json()["id"], "bob", "commenter")
    return str(made.json()["id"])


async def share(who: httpx.AsyncClient, file_id: str, login: str, role: str) -> None:
    answer = await who.post(f"/files/{file_id}/permissions", json={"login": login, "role": role})
    assert answer.status_code == 201, answer.text


async def say(who: httpx.AsyncClient, file_id: str, content: str, **more: Any) -> dict[str, Any]:
    answer = await who.post(f"/files/{file_id}/comments", json={"content": content, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def notices(server: ServerInProcess, login: str) -> list[tuple[str, str]]:
    """What an account was told about comments: kind and beginning of the text."""
    async with server.app.services.database.read() as connection:
        query = select(notifications).where(notifications.c.account_id == server.ids[login])
        rows = (await connection.execute(query.order_by(notifications.c.created_at))).all()
    return [(row.kind, row.details["excerpt"]) for row in rows if "excerpt" in row.details]


async def test_a_comment_is_made_answered_resolved_and_reopened(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, file_id: str
) -> None:
    made = await say(bob, file_id, "  Why *one*?\r\n", **HERE)
    assert made["content"] == "Why *one*?"
    assert (made["author"]["name"], made["cell_id"], made["anchor"]) == ("Bob", "start", HERE["anchor"])
    assert (made["quote"], made["resolved_at"], made["replies"]) == ("x = 1", None, [])
    url = f"/files/{file_id}/comments/{made['id']}"
    answered = await ann.post(f"{url}/replies", json={"content": "Because.", "action": "resolve"})
    assert answered.status_code == 201
    assert [reply["content"] for reply in answered.json()["replies"]] == ["Because."]
    assert answered.json()["resolved_by"]["name"] == "Ann"
    reopened = await bob.post(f"{url}/replies", json={"action": "reopen"})
    assert (reopened.json()["resolved_at"], len(reopened.json()["replies"])) == (None, 1)
    assert (await ann.get(f"{url}/replies")).json()["replies"] == answered.json()["replies"]
    listed = (await ann.get(f"/files/{file_id}/comments")).json()["comments"]
    assert listed == [reopened.json()]
    assert (await bob.post(f"{url}/replies", json={})).json()["code"] == "empty_comment"


async def test_sec_16_only_the_author_changes_and_only_author_and_owner_delete(
    server: ServerInProcess, owner: httpx.AsyncClient, ann: httpx.AsyncClient, bob: httpx.AsyncClient, file_id: str
) -> None:
    eve = await server.person("eve", owner)
    await share(ann, file_id, "eve", "editor")
    vera = await server.person("vera", owner)
    await share(ann, file_id, "vera", "viewer")
    made = await say(bob, file_id, "Mine")
    url = f"/files/{file_id}/comments/{made['id']}"
    reply = (await eve.post(f"{url}/replies", json={"content": "Hers"})).json()["replies"][0]
    for who in (ann, eve, vera):
        assert (await who.patch(url, json={"content": "Forged"})).status_code == 403
    for who in (ann, bob, vera):
        assert (await who.patch(f"{url}/replies/{reply['id']}", json={"content": "Forged"})).status_code == 403
    for who, target in ((eve, url), (vera, url), (bob, f"{url}/replies/{reply['id']}"), (vera, f"{url}/replies/x")):
        assert (await who.delete(target)).status_code in {403, 404}
    for body in ({"content": "I was here"}, {"action": "resolve"}):
        assert (await vera.post(f"{url}/replies", json=body)).status_code == 403
    assert (await vera.post(f"/files/{file_id}/comments", json={"content": "I too"})).status_code == 403
    assert (await vera.get(url)).json()["content"] == "Mine", "a viewer reads what is said"
    # A commenter resolves what they began, nobody else's; an editor resolves any.
    hers = await say(eve, file_id, "Of an editor")
    other = f"/files/{file_id}/comments/{hers['id']}/replies"
    assert (await bob.post(other, json={"action": "resolve"})).json()["code"] == "not_the_author"
    assert (await bob.post(f"{url}/replies", json={"action": "resolve"})).json()["resolved_by"]["name"] == "Bob"
    assert (await eve.post(f"{url}/replies", json={"action": "reopen"})).json()["resolved_at"] is None
    # Own text changes; where somebody answered, its author takes away the text alone; the owner everything.
    changed = await bob.patch(url, json={"content": "Still mine"})
    assert (changed.json()["content"], changed.json()["edited_at"] is not None) == ("Still mine", True)
    assert (await bob.delete(url)).status_code == 200
    left = (await ann.get(url)).json()
    assert (left["deleted"], left["content"], left["replies"][0]["content"]) == (True, "", "Hers")
    assert (await bob.patch(url, json={"content": "Again"})).json()["code"] == "comment_deleted"
    assert (await ann.delete(url)).status_code == 200
    assert (await ann.get(url)).json()["code"] == "no_such_comment"
    assert (await eve.delete(f"/files/{file_id}/comments/{hers['id']}")).status_code == 200
    assert (await ann.get(f"/files/{file_id}/comments")).json()["comments"] == []


async def test_the_last_text_that_goes_takes_the_comment_along(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, file_id: str
) -> None:
    made = await say(bob, file_id, "Mine")
    url = f"/files/{file_id}/comments/{made['id']}"
    reply = (await ann.post(f"{url}/replies", json={"content": "Yours"})).json()["replies"][0]["id"]
    await bob.delete(url)
    await ann.delete(f"{url}/replies/{reply}")
    assert (await ann.get(url)).status_code == 404


async def test_losing_the_role_ends_it_at_once(ann: httpx.AsyncClient, bob: httpx.AsyncClient, file_id: str) -> None:
    made = await say(bob, file_id, "Mine")
    url = f"/files/{file_id}/comments/{made['id']}"
    await share(ann, file_id, "bob", "viewer")
    assert (await bob.patch(url, json={"content": "Still"})).status_code == 403
    assert (await bob.delete(url)).status_code == 403
    assert (await bob.get(url)).status_code == 200
    given = (await ann.get(f"/files/{file_id}/permissions")).json()["permissions"]
    own = next(permission["id"] for permission in given if permission["login"] == "bob")
    await ann.delete(f"/files/{file_id}/permissions/{own}")
    assert (await bob.get(url)).status_code == 404
    await share(ann, file_id, "bob", "commenter")
    await ann.patch(f"/files/{file_id}", json={"trashed": True})
    assert (await bob.get(url)).status_code == 404
    assert (await ann.post(f"{url}/replies", json={"content": "x"})).json()["code"] == "trashed"
    assert (await ann.get(url)).status_code == 200


async def test_a_comment_belongs_to_its_file(ann: httpx.AsyncClient, bob: httpx.AsyncClient, file_id: str) -> None:
    made = await say(ann, file_id, "Here")
    mine = (await bob.post("/files", json={"kind": "notebook", "name": "b"})).json()["id"]
    for method, tail in (("GET", ""), ("DELETE", ""), ("GET", "/replies")):
        answer = await bob.request(method, f"/files/{mine}/comments/{made['id']}{tail}")
        assert answer.json()["code"] == "no_such_comment"
    copy = (await ann.post(f"/files/{file_id}/copy", json={})).json()["id"]
    assert (await ann.get(f"/files/{copy}/comments")).json()["comments"] == [], "a copy takes the content alone"
    exported = (await ann.get(f"/files/{file_id}/download")).content
    assert b"Here" not in exported


async def test_pages_etags_and_repeats(ann: httpx.AsyncClient, bob: httpx.AsyncClient, file_id: str) -> None:
    said = [(await say(ann, file_id, f"Number {number}"))["id"] for number in range(5)]
    seen: list[str] = []
    token = None
    while True:
        query = {"pageSize": 2, **({"pageToken": token} if token else {})}
        page = (await bob.get(f"/files/{file_id}/comments", params=query)).json()
        seen += [comment["id"] for comment in page["comments"]]
        token = page["nextPageToken"]
        if token is None:
            break
    assert sorted(seen) == sorted(said)
    for bad in ("x", "bnVsbA==", "WzEsMl0="):
        answer = await bob.get(f"/files/{file_id}/comments", params={"pageToken": bad})
        assert answer.json()["code"] == "bad_page_token"
    url = f"/files/{file_id}/comments/{said[0]}"
    etag = (await ann.get(url)).headers["ETag"]
    first = await ann.patch(url, json={"content": "New"}, headers={"If-Match": etag})
    assert first.headers["ETag"] != etag
    for method, body in (("PATCH", {"content": "Newer"}), ("DELETE", None)):
        late = await ann.request(method, url, json=body, headers={"If-Match": etag})
        assert (late.status_code, late.json()["code"]) == (412, "version_conflict")
    assert (await ann.delete(url, headers={"If-Match": first.headers["ETag"]})).status_code == 200
    once = {"Idempotency-Key": "a-key-of-one-comment"}
    answers = [await ann.post(f"/files/{file_id}/comments", json={"content": "Once"}, headers=once) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["Idempotency-Replayed"] == "true"


async def test_limits_at_their_edges(ann: httpx.AsyncClient, bob: httpx.AsyncClient, file_id: str) -> None:
    url = f"/files/{file_id}/comments"
    first = await say(bob, file_id, "x" * 100)
    for content, code in (("x" * 101, "comment_too_long"), (" \n\x00\t", "empty_comment")):
        assert (await bob.post(url, json={"content": content})).json()["code"] == code
    for _ in range(4):
        answer = await bob.post(f"{url}/{first['id']}/replies", json={"content": "y"})
        assert answer.status_code == 201
    answer = await bob.post(f"{url}/{first['id']}/replies", json={"content": "y"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_comments")
    for _ in range(5):
        await say(bob, file_id, "z")
    assert (await bob.post(url, json={"content": "z"})).json()["details"] == {"limit": 6, "actual": 7}
    assert (await bob.patch(f"{url}/{first['id']}", json={"content": "w" * 99})).status_code == 200
    await ann.delete(f"{url}/{first['id']}")
    for _ in range(4):
        last = (await bob.get(url)).json()["comments"][-1]["id"]
        changed = await bob.post(f"{url}/{last}/replies", json={"content": "v" * 96})
    assert changed.status_code == 201
    full = await ann.post(url, json={"content": "u" * 12})
    assert full.json()["details"] == {"limit": 400, "actual": 401}
    assert (await ann.post(url, json={"content": "u" * 11})).status_code == 201
    # Bob has written 14 texts within a minute, some of which are deleted.
    fast = [await bob.post(f"{url}/{last}/replies", json={"action": "resolve"}) for _ in range(2)]
    assert [answer.status_code for answer in fast] == [201, 201], "resolving is no text"


async def test_a_flood_of_one_account_is_slowed(bob: httpx.AsyncClient, file_id: str) -> None:
    made = [(await say(bob, file_id, "a"))["id"] for _ in range(4)]
    answers = await asyncio.gather(
        *(bob.post(f"/files/{file_id}/comments/{made[n % 4]}/replies", json={"content": "b"}) for n in range(12))
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [429] * 2
    assert next(answer for answer in answers if answer.status_code == 429).headers["Retry-After"] == "60"


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ({"cell_id": "no cell/id"}, "bad_cell"),
        ({"anchor": HERE["anchor"]}, "bad_anchor"),
        ({"cell_id": "c", "anchor": {"start": "AQ==", "end": "%"}}, "bad_anchor"),
        ({"cell_id": "c", "anchor": {"start": "A" * 260, "end": "AQ=="}}, "bad_anchor"),
        ({"cell_id": "c", "anchor": {"start": "", "end": "AQ=="}}, "bad_anchor"),
        ({"author": "somebody"}, "invalid"),
        ({"resolved_at": "2026-01-01"}, "invalid"),
    ],
)
async def test_what_is_no_place_is_refused(
    bob: httpx.AsyncClient, file_id: str, place: dict[str, Any], code: str
) -> None:
    answer = await bob.post(f"/files/{file_id}/comments", json={"content": "x", **place})
    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_other_files_have_comments_too_and_folders_none(ann: httpx.AsyncClient) -> None:
    made = await ann.post("/files/upload", params={"name": "data.csv", "parent": "root"}, content=b"1,2")
    said = await say(ann, made.json()["id"], "Where from?")
    assert (said["cell_id"], said["anchor"]) == (None, None)
    answer = await ann.post(f"/files/{made.json()['id']}/comments", json={"content": "x", "cell_id": "c"})
    assert answer.json()["code"] == "bad_cell"
    folder = (await ann.post("/files", json={"kind": "folder", "name": "F"})).json()["id"]
    assert (await ann.post(f"/files/{folder}/comments", json={"content": "x"})).json()["code"] == "folder_content"


async def test_a_mention_carries_the_true_name_and_tells_those_with_access(
    server: ServerInProcess, owner: httpx.AsyncClient, ann: httpx.AsyncClient, bob: httpx.AsyncClient, file_id: str
) -> None:
    await server.person("zoe", owner)
    ids = server.ids
    made = await say(ann, file_id, f"@[Boss](account:{ids['bob']}) @[Zoe](account:{ids['zoe']}) @[No](account:nobody)")
    assert made["content"] == f"@[Bob](account:{ids['bob']}) @[Zoe](account:{ids['zoe']}) @No"
    assert await notices(server, "bob") == [("mention", "@Bob @Zoe @No")]
    assert await notices(server, "zoe") == [], "who may not read it is told nothing of it"
    assert await notices(server, "ann") == [], "nor is who wrote it"
    # Whoever took part is told of answers, once each; who is mentioned, of the mention.
    url = f"/files/{file_id}/comments/{made['id']}"
    await bob.post(f"{url}/replies", json={"content": "Yes\nyes"})
    assert await notices(server, "ann") == [("comment", "Yes yes")]
    await ann.patch(url, json={"content": f"@[Bob](account:{ids['bob']}) edited"})
    assert len(await notices(server, "bob")) == 1, "a mention that was there is told once"
    await ann.post(f"{url}/replies", json={"content": "Done", "action": "resolve"})
    assert (await notices(server, "bob"))[1:] == [("comment_resolved", "@Bob edited"), ("comment", "Done")]
    await share(ann, file_id, "zoe", "viewer")
    await ann.patch(url, json={"content": f"@[Zoe](account:{ids['zoe']}) now"})
    assert await notices(server, "zoe") == [("mention", "@Zoe now")]


async def test_members_of_a_group_are_people_with_access(
    server: ServerInProcess, owner: httpx.AsyncClient, ann: httpx.AsyncClient, bob: httpx.AsyncClient, file_id: str
) -> None:
    await server.person("zoe", owner)
    at = "2026-01-01T00:00:00.000Z"
    group = {"id": "g", "name": "Team", "folded_name": "team", "created_at": at}
    given = {"id": "p", "file_id": file_id, "kind": "group", "group_id": "g", "role": "viewer", "created_at": at}
    async with server.app.services.database.transaction() as connection:
        await connection.execute(insert(groups).values(**group))
        member = {"group_id": "g", "account_id": server.ids["zoe"], "added_at": at}
        await connection.execute(insert(group_members).values(**member))
        await connection.execute(insert(permissions).values(created_by=server.ids["ann"], **given))
    found = (await bob.get(f"/files/{file_id}/comments/people", params={"q": "z"})).json()["people"]
    assert [(one["name"], one["has_access"]) for one in found] == [("Zoe", True)]
    await say(bob, file_id, f"@[Zoe](account:{server.ids['zoe']}) look")
    assert await notices(server, "zoe") == [("mention", "@Zoe look")]


async def test_people_to_mention(
    server: ServerInProcess, owner: httpx.AsyncClient, ann: httpx.AsyncClient, bob: httpx.AsyncClient, file_id: str
) -> None:
    await server.person("zoe", owner)

    async def named(who: httpx.AsyncClient, q: str) -> list[tuple[str, bool]]:
        answer = await who.get(f"/files/{file_id}/comments/people", params={"q": q})
        return [(one["name"], one["has_access"]) for one in answer.json()["people"]]

    assert await named(ann, "") == [("Bob", True)]
    assert await named(bob, "A") == [("Ann", True)]
    assert await named(ann, "o") == [("Bob", True), ("Owner", False), ("Zoe", False)]
    assert await named(bob, "o") == [], "who may not share is not told who else has an account"
    await server.app.services.accounts.disable(await principal(server, "owner"), server.ids["bob"], disabled=True)
    assert await named(ann, "") == []


async def principal(server: ServerInProcess, login: str) -> Any:
    from labora.access import Scope

    return await server.app.services.accounts.principal_of_account(server.ids[login], frozenset(Scope))


async def test_sec_34_hostile_text_is_text(ann: httpx.AsyncClient, file_id: str) -> None:
    made = await say(ann, file_id, "<img src=x onerror=alert(1)>\x1b[31m\x00 [a](javascript:alert(1))")
    assert made["content"] == "<img src=x onerror=alert(1)>[31m [a](javascript:alert(1))", "the page makes it harmless"
    url = f"/files/{file_id}/comments/{made['id']}/replies"
    half = await ann.post(url, content=b'{"content": "half \\ud800"}', headers={"Content-Type": "application/json"})
    assert half.status_code == 400
    assert len((await ann.get(url)).json()["replies"]) == 0

"""Secrets of accounts over REST, sealed at rest, and which notebooks may read them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import select, update
from typer.testing import CliRunner

from labora.api.app import LaboraApp, create_app
from labora.backup import back_up, restore
from labora.base.settings import Settings, load_settings
from labora.cli import app as cli
from labora.db.schema import audit_log, secrets
from labora.db.sealing import seal_anew
from labora.testing.server import ServerInProcess, server_in_process

CANARY = "canary-1f0b8c-value-of-a-secret"


async def notebook(client: httpx.AsyncClient, name: str = "n.ipynb") -> str:
    return str((await client.post("/files", json={"kind": "notebook", "name": name})).json()["id"])


async def keep(client: httpx.AsyncClient, name: str = "HF_TOKEN", value: str = CANARY) -> httpx.Response:
    return await client.put(f"/me/secrets/{name}", json={"value": value})


async def got(
    server: ServerInProcess, login: str, file_id: str, name: str = "HF_TOKEN"
) -> tuple[bool, bool, str | None]:
    """What a program of an account is answered that asks in a notebook."""
    answer = await server.app.services.secrets.get(server.ids[login], file_id, name)
    return answer["exists"], answer["access"], answer["value"]


async def test_a_secret_is_kept_changed_renamed_shown_and_deleted(ann: httpx.AsyncClient) -> None:
    kept = await keep(ann)
    assert kept.status_code == 200
    assert (kept.json()["name"], kept.json()["readable"], kept.json()["notebooks"]) == ("HF_TOKEN", True, [])
    await keep(ann, "a.b-c", "täglich\nzwei Zeilen")
    listed = await ann.get("/me/secrets")
    assert [one["name"] for one in listed.json()["secrets"]] == ["HF_TOKEN", "a.b-c"]
    assert CANARY not in listed.text + kept.text
    assert (await ann.post("/me/secrets/a.b-c/reveal")).json() == {"value": "täglich\nzwei Zeilen"}
    await keep(ann, "HF_TOKEN", "")
    assert (await ann.post("/me/secrets/HF_TOKEN/reveal")).json() == {"value": ""}
    assert (await ann.patch("/me/secrets/HF_TOKEN", json={"name": "a.b-c"})).json()["code"] == "secret_exists"
    assert (await ann.patch("/me/secrets/HF_TOKEN", json={"name": "NEW"})).json()["name"] == "NEW"
    assert (await ann.delete("/me/secrets/NEW")).status_code == 200
    assert (await ann.delete("/me/secrets/NEW")).json()["code"] == "no_such_secret"
    assert [one["name"] for one in (await ann.get("/me/secrets")).json()["secrets"]] == ["a.b-c"]


async def test_names_that_no_secret_may_have(ann: httpx.AsyncClient) -> None:
    for name in ("with space", "tab\there", "x" * 129, "a\u00a0b", "nul\x00"):
        answer = await keep(ann, quote(name, safe=""))
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_secret_name"), name


async def test_secrets_have_limits(static: Path, settings: Settings) -> None:
    tight = load_settings(storage=settings.storage.model_dump(), secrets={"per_account": 2, "value_bytes": 10})
    async with server_in_process(create_app(tight, static=static, compute=False)) as server:
        owner = await server.owner()
        too_long = await keep(owner, "A", "ä" * 6)
        assert (too_long.status_code, too_long.json()["code"]) == (413, "secret_too_large")
        assert "ä" not in too_long.text
        for name in ("A", "B", "A"):
            assert (await keep(owner, name, "short")).status_code == 200
        assert (await keep(owner, "C", "short")).json()["code"] == "too_many_secrets"


async def test_sec_80_only_the_account_and_a_notebook_with_a_grant(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    file_id = await notebook(ann)
    await ann.post(f"/files/{file_id}/permissions", json={"login": "bob", "role": "editor"})
    await keep(ann)
    await keep(bob, "HF_TOKEN", "bob's own")
    assert await got(server, "ann", file_id, "OTHER") == (False, False, None)
    # Without a grant not even its own account's code.
    assert await got(server, "ann", file_id) == (True, False, None)
    assert (await ann.put(f"/files/{file_id}/secrets/HF_TOKEN")).status_code == 200
    assert await got(server, "ann", file_id) == (True, True, CANARY)
    # Bob edits the same notebook: he sees his own secrets, grants his own, and his code reads his own.
    assert (await bob.get(f"/files/{file_id}/secrets")).json()["secrets"] == [{"name": "HF_TOKEN", "granted": False}]
    assert await got(server, "bob", file_id) == (True, False, None)
    await bob.put(f"/files/{file_id}/secrets/HF_TOKEN")
    assert await got(server, "bob", file_id) == (True, True, "bob's own")
    assert (await bob.post("/me/secrets/HF_TOKEN/reveal")).json() == {"value": "bob's own"}
    # A copy and another notebook have none.
    copy = (await ann.post(f"/files/{file_id}/copy", json={})).json()["id"]
    assert await got(server, "ann", copy) == (True, False, None)
    assert (await ann.get(f"/files/{copy}/secrets")).json()["secrets"] == [{"name": "HF_TOKEN", "granted": False}]
    # It keeps its grants through a new value and name, and loses them one by one, with the file and with itself.
    listed = (await ann.get("/me/secrets")).json()["secrets"][0]
    assert [(one["file_id"], one["name"]) for one in listed["notebooks"]] == [(file_id, "n.ipynb")]
    await keep(ann, "HF_TOKEN", "another")
    await ann.patch("/me/secrets/HF_TOKEN", json={"name": "B"})
    assert await got(server, "ann", file_id, "B") == (True, True, "another")
    await ann.delete(f"/files/{file_id}/secrets/B")
    assert await got(server, "ann", file_id, "B") == (True, False, None)
    await ann.put(f"/files/{file_id}/secrets/B")
    await ann.delete("/me/secrets/B")
    await keep(ann, "B", "made anew")
    assert await got(server, "ann", file_id, "B") == (True, False, None)


async def test_sec_80_a_grant_can_be_taken_back_from_a_notebook_that_is_out_of_reach(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    file_id = await notebook(ann)
    shared = await ann.post(f"/files/{file_id}/permissions", json={"login": "bob", "role": "viewer"})
    await keep(bob)
    # A viewer runs nothing there, so there is nothing to grant.
    assert (await bob.put(f"/files/{file_id}/secrets/HF_TOKEN")).status_code == 403
    url = f"/files/{file_id}/permissions/{shared.json()['id']}"
    await ann.patch(url, json={"role": "editor"})
    await bob.put(f"/files/{file_id}/secrets/HF_TOKEN")
    await ann.delete(url)
    assert (await bob.get(f"/files/{file_id}/secrets")).status_code == 404
    [listed] = (await bob.get("/me/secrets")).json()["secrets"]
    assert [(one["file_id"], one["name"]) for one in listed["notebooks"]] == [(file_id, "")]
    assert (await bob.delete(f"/me/secrets/HF_TOKEN/notebooks/{file_id}")).status_code == 200
    assert await got(server, "bob", file_id) == (True, False, None)
    await bob.post("/me/secrets/HF_TOKEN/reveal")
    # With the file its grants go.
    await keep(ann)
    await ann.put(f"/files/{file_id}/secrets/HF_TOKEN")
    await ann.patch(f"/files/{file_id}", json={"trashed": True})
    await ann.delete(f"/files/{file_id}")
    assert (await ann.get("/me/secrets")).json()["secrets"][0]["notebooks"] == []


async def test_sec_80_no_token_sees_or_changes_a_secret(server: ServerInProcess, ann: httpx.AsyncClient) -> None:
    file_id = await notebook(ann)
    await keep(ann)
    made = await ann.post("/me/tokens", json={"label": "t", "scopes": ["read", "write", "run"]})
    client = await server.client()
    client.headers["Authorization"] = f"Bearer {made.json()['secret']}"
    for method, path in (
        *(("GET", "/me/secrets"), ("POST", "/me/secrets/HF_TOKEN/reveal"), ("DELETE", "/me/secrets/HF_TOKEN")),
        *(("GET", f"/files/{file_id}/secrets"), ("PUT", f"/files/{file_id}/secrets/HF_TOKEN")),
        ("DELETE", f"/files/{file_id}/secrets/HF_TOKEN"),
    ):
        answer = await client.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "token_forbidden"), path
    assert (await keep(client)).json()["code"] == "token_forbidden"


async def test_sec_80_a_value_lies_nowhere_in_the_open(
    server: ServerInProcess,
    ann: httpx.AsyncClient,
    settings: Settings,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    file_id = await notebook(ann)
    await keep(ann)
    await ann.put(f"/files/{file_id}/secrets/HF_TOKEN")
    assert await got(server, "ann", file_id) == (True, True, CANARY)
    await ann.post("/me/secrets/HF_TOKEN/reveal")
    refused = await ann.put("/me/secrets/HF_TOKEN", json={"value": CANARY, "more": CANARY})
    assert refused.status_code == 400
    wrong = await ann.put("/me/secrets/HF_TOKEN", json={"value": [CANARY]})
    await ann.post(f"/files/{file_id}/revisions", json={"pinned": True})
    key = settings.secret_key_file.read_bytes()
    assert settings.secret_key_file.stat().st_mode & 0o777 == 0o600
    back_up(settings, tmp_path / "b.tar")
    said = capfd.readouterr()
    places = [path for path in settings.state_dir.rglob("*") if path.is_file() and path != settings.secret_key_file]
    for content in (*(path.read_bytes() for path in places), (tmp_path / "b.tar").read_bytes()):
        assert CANARY.encode() not in content
        assert key.strip() not in content
    assert CANARY not in said.out + said.err + refused.text + wrong.text
    async with server.app.services.database.read() as connection:
        rows = (await connection.execute(select(audit_log.c.action, audit_log.c.details))).all()
    actions = [action for action, _ in rows if action.startswith("secret.")]
    assert actions == ["secret.set", "secret.granted", "secret.revealed"]
    assert CANARY not in str(rows)


async def test_rows_that_are_swapped_do_not_open(
    server: ServerInProcess, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await keep(ann)
    await keep(bob, "HF_TOKEN", "bob's")
    file_id = await notebook(bob)
    await bob.put(f"/files/{file_id}/secrets/HF_TOKEN")
    async with server.app.services.database.transaction() as connection:
        stolen = await connection.scalar(select(secrets.c.sealed).where(secrets.c.account_id == server.ids["ann"]))
        await connection.execute(
            update(secrets).where(secrets.c.account_id == server.ids["bob"]).values(sealed=str(stolen))
        )
    assert await got(server, "bob", file_id) == (False, False, None)
    assert (await bob.get("/me/secrets")).json()["secrets"][0]["readable"] is False
    assert (await bob.post("/me/secrets/HF_TOKEN/reveal")).json()["code"] == "secret_unreadable"


async def test_the_key_is_changed_while_the_server_works(
    server: ServerInProcess, ann: httpx.AsyncClient, settings: Settings
) -> None:
    file_id = await notebook(ann)
    await keep(ann)
    await ann.put(f"/files/{file_id}/secrets/HF_TOKEN")
    before = settings.secret_key_file.read_bytes()
    services = server.app.services
    assert await seal_anew(services.database, services.secrets._seal) == (1, 0)
    after = settings.secret_key_file.read_bytes()
    assert len(after.split()) == 1
    assert after != before
    assert await got(server, "ann", file_id) == (True, True, CANARY)
    settings.secret_key_file.write_bytes(before)
    assert await got(server, "ann", file_id) == (False, False, None)
    # A value that is given anew is there again.
    await keep(ann)
    assert await got(server, "ann", file_id) == (True, True, CANARY)


def test_an_operator_keeps_secrets_of_accounts_and_their_key(
    app: LaboraApp, settings: Settings, tmp_path: Path
) -> None:
    import asyncio

    async def make() -> None:
        async with server_in_process(app) as server:
            await server.owner("ann")

    asyncio.run(make())
    data = ["--data-dir", str(settings.storage.data_dir)]

    def run(*arguments: str, given: str | None = None) -> str:
        result = CliRunner().invoke(cli, [*arguments, *data], input=given)
        assert result.exit_code == 0, result.output + str(result.exception)
        return result.output

    run("secret", "set", "ann", "HF_TOKEN", given=f"{CANARY}\n")
    assert "HF_TOKEN" in run("secret", "list", "ann")
    assert "1 values" in run("secret", "new-key")
    run("backup", str(tmp_path / "without.tar"))
    run("backup", str(tmp_path / "with.tar"), "--with-key")
    key = settings.secret_key_file.read_bytes()
    for name, has in (("without", False), ("with", True)):
        there = load_settings(storage={"data_dir": tmp_path / name})
        restore(there, tmp_path / f"{name}.tar")
        assert there.secret_key_file.exists() is has
        if has:
            assert there.secret_key_file.read_bytes() == key
            assert there.secret_key_file.stat().st_mode & 0o777 == 0o600
    # Restored where it was, it keeps the key that is there.
    restore(settings, tmp_path / "without.tar")
    assert settings.secret_key_file.read_bytes() == key
    run("secret", "remove", "ann", "HF_TOKEN")
    assert run("secret", "list", "ann") == ""

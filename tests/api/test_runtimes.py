"""Runtimes over the API: lists, keep, limits on resets, history, the owner's view, policies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from labora.api.app import create_app
from labora.base.settings import load_settings
from labora.db.schema import audit_log
from labora.runtimes.service import Runtimes
from labora.testing.providers import LocalProvider
from labora.testing.server import ServerInProcess, server_in_process


@pytest.fixture
async def server(tmp_path: Path, static: Path) -> AsyncIterator[ServerInProcess]:
    settings = load_settings(
        storage={"data_dir": tmp_path / "data", "min_free_bytes": 0}, runtimes={"idle_timeout_s": 3600}
    )
    async with server_in_process(create_app(settings, static=static, provider=LocalProvider())) as running:
        yield running


@pytest.fixture
def runtimes(server: ServerInProcess) -> Runtimes:
    found = server.app.services.runtimes
    assert found is not None
    return found


async def started(runtimes: Runtimes, account_id: str) -> str:
    return (await runtimes.ready((await runtimes.ensure(account_id)).id)).id


async def test_sec_18_one_sees_keeps_and_ends_ones_own(
    server: ServerInProcess, runtimes: Runtimes, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    runtime_id = await started(runtimes, server.ids["ann"])
    (found,) = (await ann.get("/runtimes")).json()["runtimes"]
    assert (found["id"], found["status"], found["kernels"], found["account"]) == (runtime_id, "ready", [], None)
    assert found["meter"]["memory_bytes"] > 0
    assert found["idle_since"] < found["idle_ends_at"] < found["deadline_at"]
    assert (await bob.get("/runtimes")).json() == {"runtimes": []}
    kept = (await ann.post(f"/runtimes/{runtime_id}/keep")).json()
    assert kept["last_input_at"] >= found["idle_since"]
    assert kept["idle_ends_at"] >= found["idle_ends_at"]
    for method, path in (
        ("POST", "/keep"),
        ("DELETE", ""),
        ("POST", "/kernels/k/interrupt"),
        ("POST", "/kernels/k/restart"),
    ):
        assert (await bob.request(method, f"/runtimes/{runtime_id}{path}")).status_code == 404
    assert (await ann.post(f"/runtimes/{runtime_id}/kernels/k/interrupt")).json()["code"] == "no_such_kernel"
    assert (await ann.delete(f"/runtimes/{runtime_id}")).status_code == 200
    assert (await ann.post(f"/runtimes/{runtime_id}/keep")).status_code == 410
    (ended,) = (await ann.get("/runtimes/history")).json()["runtimes"]
    assert (ended["id"], ended["reason"]) == (runtime_id, "user")
    assert ended["peak_memory_bytes"] > 0
    assert (await bob.get("/runtimes/history")).json()["runtimes"] == []


async def test_sec_74_resets_are_limited_per_account_with_the_time(
    server: ServerInProcess, runtimes: Runtimes, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await started(runtimes, server.ids["ann"])
    assert (await ann.post("/runtimes/reset")).status_code == 200
    fresh = await started(runtimes, server.ids["ann"])
    refused = await ann.post("/runtimes/reset")
    assert (refused.status_code, refused.json()["code"]) == (429, "reset_too_often")
    assert 290 <= int(refused.headers["Retry-After"]) <= 300
    assert "again in" in refused.json()["message"]
    # Another login session of the same account is the same account.
    other = await server.client()
    await other.post("/login", json={"login": "ann", "password": "correct horse battery"})
    assert (await other.post("/runtimes/reset")).status_code == 429
    assert [one["id"] for one in (await ann.get("/runtimes")).json()["runtimes"]] == [fresh]
    await started(runtimes, server.ids["bob"])
    assert (await bob.post("/runtimes/reset")).status_code == 200


async def test_the_owner_sees_and_ends_everybodys_with_audit(
    server: ServerInProcess, runtimes: Runtimes, owner: httpx.AsyncClient, ann: httpx.AsyncClient
) -> None:
    runtime_id = await started(runtimes, server.ids["ann"])
    (found,) = (await owner.get("/instance/runtimes")).json()["runtimes"]
    assert (found["id"], found["account"]["login"]) == (runtime_id, "ann")
    for method, path in (
        ("GET", "/instance/runtimes"),
        ("DELETE", f"/instance/runtimes/{runtime_id}"),
        ("GET", "/instance/policy"),
        ("PUT", "/instance/policy"),
        ("GET", f"/accounts/{server.ids['ann']}/policy"),
        ("PUT", f"/accounts/{server.ids['ann']}/policy"),
    ):
        refused = await ann.request(method, path, json={} if method == "PUT" else None)
        assert (refused.status_code, refused.json()["code"]) == (403, "owner_only")
    assert (await owner.delete(f"/instance/runtimes/{runtime_id}")).status_code == 200
    (ended,) = (await ann.get("/runtimes/history")).json()["runtimes"]
    assert (ended["reason"], ended["message"]) == ("owner", "The owner of this server ended the runtime.")
    async with server.app.services.database.read() as connection:
        query = select(audit_log.c.actor_id, audit_log.c.object_id).where(audit_log.c.action == "runtime.ended")
        assert [tuple(row) for row in await connection.execute(query)] == [(server.ids["owner"], runtime_id)]


async def test_policies_are_set_for_everyone_and_for_an_account(
    server: ServerInProcess, owner: httpx.AsyncClient, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    assert (await ann.get("/policy")).json()["policy"]["idle_timeout_s"] == 3600
    common = {"idle_timeout_s": 1800, "max_runtimes": 2}
    assert (await owner.put("/instance/policy", json=common)).json()["effective"]["idle_timeout_s"] == 1800
    address = f"/accounts/{server.ids['ann']}/policy"
    answer = (await owner.put(address, json={"idle_timeout_s": 7200.0})).json()
    assert answer["own"] == {
        "idle_timeout_s": 7200,
        "max_lifetime_s": None,
        "memory_bytes": None,
        "cpus": None,
        "processes": None,
        "disk_bytes": None,
        "max_runtimes": None,
    }
    assert (answer["effective"]["idle_timeout_s"], answer["effective"]["max_runtimes"]) == (7200, 2)
    assert (await ann.get("/policy")).json()["policy"] == answer["effective"]
    assert (await bob.get("/policy")).json()["policy"]["idle_timeout_s"] == 1800
    refused = await owner.put(address, json={"memory_bytes": 5})
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_policy")
    assert (await owner.put(address, json={"speed": 1})).status_code == 400
    assert (await owner.put(f"/accounts/{'x' * 20}/policy", json={})).status_code == 404
    await owner.put(address, json={})
    assert (await ann.get("/policy")).json()["policy"]["idle_timeout_s"] == 1800


async def test_a_page_token_of_somebody_else_is_refused(ann: httpx.AsyncClient) -> None:
    refused = await ann.get("/runtimes/history", params={"pageToken": "yesterday"})
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_page_token")

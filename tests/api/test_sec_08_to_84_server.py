"""Cases 8, 49, 81, 83 and 84: one-time links under a race, hostile files, what is logged, and failing closed."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from labora.api.app import LaboraApp
from labora.base.errors import InvalidError
from labora.base.logging import configure_logging
from labora.base.settings import load_settings
from labora.cli.serve import check_bind, tls_context
from labora.testing.server import PASSWORD, ServerInProcess


def person(login: str) -> dict[str, str]:
    return {"name": login, "login": login, "password": PASSWORD}


async def test_sec_08_the_setup_link_makes_one_owner_whoever_hurries(app: LaboraApp, server: ServerInProcess) -> None:
    token = await app.services.accounts.ensure_setup_link()
    client = await server.client()
    answers = await asyncio.gather(
        *(client.post("/setup", json={**person(f"owner{number}"), "token": token}) for number in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]


async def test_sec_08_the_operators_account_ends_a_printed_setup_link(app: LaboraApp, server: ServerInProcess) -> None:
    token = await app.services.accounts.ensure_setup_link()
    await app.services.accounts.make_account(name="O", login="o", password=PASSWORD, is_owner=True)
    answer = await (await server.client()).post("/setup", json={**person("second"), "token": token})
    assert (answer.status_code, answer.json()["code"]) == (404, "dead_link")


async def test_sec_08_an_invitation_and_a_reset_link_work_once_under_a_race(
    server: ServerInProcess, owner: httpx.AsyncClient, ann: httpx.AsyncClient
) -> None:
    invitation = {"X-Labora-Link": (await owner.post("/invitations", json={})).json()["url"].partition("#")[2]}
    made = (await owner.post(f"/accounts/{server.ids['ann']}/reset-link")).json()["url"].partition("#")[2]
    client = await server.client()
    accepted = await asyncio.gather(
        *(client.post("/invitation/accept", json=person(f"new{number}"), headers=invitation) for number in range(4))
    )
    assert sorted(answer.status_code for answer in accepted) == [200, 404, 404, 404]
    link = {"X-Labora-Link": made}
    reset = await asyncio.gather(
        *(client.post("/reset", json={"password": f"{number} wholly new one"}, headers=link) for number in range(4))
    )
    assert sorted(answer.status_code for answer in reset) == [200, 404, 404, 404]
    assert (await client.post("/reset", json={"password": "another one"}, headers=invitation)).status_code == 404


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "lab.example.org"])
def test_sec_08_an_open_bind_needs_tls_or_the_loud_flag(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidError) as refused:
        check_bind(load_settings(server={"host": host}))
    assert refused.value.error_code == "insecure_bind"
    check_bind(load_settings(server={"host": host, "insecure_bind": True}))
    assert "WITHOUT TLS" in capsys.readouterr().err


def test_a_key_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    settings = load_settings(server={"tls_cert": certificate, "tls_key": key})
    with pytest.raises(InvalidError) as missing:
        tls_context(settings)
    assert missing.value.error_code == "bad_setting"
    certificate.write_text("no certificate")
    key.write_text("no key")
    with pytest.raises(InvalidError) as junk:
        tls_context(settings)
    assert str(key) in junk.value.message


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """Everything that the server logs, as JSON lines."""
    before, stream = structlog.get_config(), io.StringIO()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", stream)
        configure_logging(json=True, level="debug")
    yield stream.getvalue
    structlog.configure(**before)


CELL: dict[str, Any] = {"cell_type": "code", "source": "", "metadata": {}, "outputs": [], "execution_count": None}
NOTEBOOK: dict[str, Any] = {"cells": [CELL], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
HOSTILE = {
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep metadata": json.dumps(NOTEBOOK)
    .replace('"metadata": {}', '"metadata": {"a": DEEP}', 1)
    .replace("DEEP", "[" * 9000 + "]" * 9000)
    .encode(),
    "many cells": json.dumps({**NOTEBOOK, "cells": [CELL] * 20_000}).encode(),
    "not numbers": json.dumps(NOTEBOOK).replace('"metadata": {}', '"metadata": {"a": NaN, "b": 1e999}', 1).encode(),
    "huge number": json.dumps(NOTEBOOK).replace(": 4", f": {'9' * 5000}", 1).encode(),
    "infinite version": b'{"cells": [], "nbformat": Infinity, "nbformat_minor": -1e999}',
    "twice": b'{"cells": [], "cells": 5, "nbformat": 4, "nbformat": 4}',
    "half pairs": b'{"cells": [{"cell_type": "\\ud800", "source": "\\udfff", "metadata": {"\\ud800": 1}}]}',
    "odd metadata": json.dumps({**NOTEBOOK, "metadata": {"kernelspec": 5, "language_info": []}}).encode(),
    "odd tags": json.dumps({**NOTEBOOK, "cells": [{**CELL, "metadata": {"tags": 5}}]}).encode(),
    "borrowed references": json.dumps(
        {
            **NOTEBOOK,
            "cells": [
                {
                    **CELL,
                    "outputs": [
                        {
                            "output_type": "display_data",
                            "metadata": {},
                            "data": {"application/json": {"$blob": {"sha256": "a" * 64, "size": 1, "media_type": "x"}}},
                        },
                        {"output_type": "stream", "name": "stdout", "text": "", "parts": [{"sha256": "b" * 64}]},
                        {
                            "output_type": "stream",
                            "name": "stdout",
                            "text": "",
                            "$raw": {"$blob": {"sha256": "c" * 64}},
                        },
                    ],
                }
            ],
        }
    ).encode(),
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_sec_49_a_hostile_file_is_kept_whole_and_harms_nothing(ann: httpx.AsyncClient, case: str) -> None:
    answer = await ann.post("/files/upload", params={"name": f"{case}.ipynb"}, content=HOSTILE[case])
    assert answer.status_code == 201
    file = answer.json()
    # Opened as a live notebook, it is shown or told to be read-only, and never a server error.
    assert (await ann.get(f"/files/{file['id']}/executions")).status_code == 200
    run = await ann.post(f"/files/{file['id']}/executions", json={"parameters": {"a": 1}})
    assert run.status_code < 500 or run.json()["code"] == "no_compute", run.text
    if file["read_only_reason"]:
        assert run.json()["code"] == "read_only"
        assert (await ann.get(f"/files/{file['id']}/download")).content == HOSTILE[case]
    assert (await ann.post(f"/files/{file['id']}/copy", json={})).status_code == 201


async def test_sec_81_no_secret_is_logged(
    server: ServerInProcess, owner: httpx.AsyncClient, log: Callable[[], str]
) -> None:
    url = (await owner.post("/invitations", json={})).json()["url"]
    secrets = [url.partition("#")[2], "s3cret pass phrase", "wrong pass phrase"]
    ann = await server.client()
    body = {"name": "Ann", "login": "ann", "password": secrets[1]}
    await ann.post("/invitation/accept", json=body, headers={"X-Labora-Link": secrets[0]})
    secrets += list(ann.cookies.values())
    secrets.append((await ann.post("/me/tokens", json={"label": "t", "scopes": ["read"]})).json()["secret"])
    await ann.post("/login", json={"login": "ann", "password": secrets[2]})
    await ann.get("/files", headers={"Authorization": f"Bearer {secrets[-1]}"})
    await ann.post("/me/password", json={"old": secrets[1], "new": "short"})
    text = log()
    assert "/api/v1/login" in text, "nothing was logged, so nothing was tested"
    assert [secret for secret in secrets if secret in text] == []


async def test_sec_83_what_clients_send_cannot_forge_a_log_line(ann: httpx.AsyncClient, log: Callable[[], str]) -> None:
    await ann.get("/files/a%0d%0aevil%1b%5b31m%e2%80%a8x")
    await ann.get("/files/" + "a" * 60_000)
    lines = log().splitlines()
    assert any("evil" in line for line in lines)
    for line in lines:
        assert "event" in json.loads(line)
        assert "\x1b" not in line
        assert len(line) < 8192


async def test_sec_84_a_failure_inside_the_checks_denies_and_tells_nothing(
    app: LaboraApp, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, log: Callable[[], str]
) -> None:
    file = (await ann.post("/files", json={"kind": "notebook", "name": "n"})).json()

    def fail(*_args: Any, **_more: Any) -> Any:
        raise RuntimeError("canary of the inside\x1b[31m\x07" + "x" * 100_000)

    for owner, name in (
        (app.services.accounts, "principal_of_cookie"),
        (sys.modules["labora.access.query"], "abilities_of"),
    ):
        with monkeypatch.context() as broken:
            broken.setattr(owner, name, fail)
            for method, path in (("GET", f"/files/{file['id']}"), ("GET", f"/files/{file['id']}/download")):
                answer = await ann.request(method, path)
                assert answer.status_code == 500
                assert set(answer.json()) == {"code", "message", "details"}
                assert "canary" not in answer.text
                assert "Traceback" not in answer.text
    text = log()
    assert "canary" in text, "the operator is told"
    assert "\\u001b" not in text
    assert max(map(len, text.splitlines())) < 50_000

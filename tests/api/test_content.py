"""The content hosts and the page of output frames (threat model, section 4; cases 31, 32, 36, 40, 43)."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from labora.api.app import LaboraApp, create_app
from labora.api.content import ContentLabels
from labora.api.wiring import start_services, stop_services
from labora.base.settings import load_settings

APP = "http://localhost:8000"
PASSWORD = "correct horse battery"


@pytest.fixture
def static(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    (folder / "frame").mkdir(parents=True)
    (folder / "assets").mkdir()
    (folder / "frame.html").write_text("<!doctype html><title>Output</title>")
    (folder / "frame" / "frame-abc.js").write_text("export {};")
    (folder / "frame" / "frame-abc.js.br").write_bytes(b"packed")
    (folder / "assets" / "app-abc.js").write_text("export {};")
    (folder / "index.html").write_text("<!doctype html><title>Labora</title>")
    return folder


class Server:
    """The server with its content site, and one account signed in twice."""

    def __init__(self, app: LaboraApp) -> None:
        self.app = app
        self.transport = httpx.ASGITransport(app=app)

    def client(self, base: str = APP, cookie: str | None = None) -> httpx.AsyncClient:
        headers = {"Accept-Encoding": "identity"}
        if cookie:
            headers["Cookie"] = f"labora-{self.app.services.instance_id}={cookie}"
        return httpx.AsyncClient(transport=self.transport, base_url=base, headers=headers)

    async def person(self, login: str) -> str:
        accounts = self.app.services.accounts
        await accounts.make_account(name=login, login=login, password=PASSWORD)
        return (await accounts.log_in(login, PASSWORD)).secret

    async def notebook(self, cookie: str) -> str:
        principal = await self.app.services.accounts.principal_of_cookie(cookie)
        assert principal is not None
        return (await self.app.services.drive.create_notebook(principal, "A.ipynb")).id

    async def location(self, cookie: str, file_id: str, base: str = APP, *, own: bool = False) -> dict[str, str]:
        async with self.client(base, cookie) as client:
            answer = await client.get(f"/api/v1/files/{file_id}/frame-origin", params={"own": own})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def compose(tmp_path: Path, static: Path, **server: object) -> LaboraApp:
    settings = load_settings(storage={"data_dir": tmp_path / "data"}, server=server)
    return create_app(settings, static=static, compute=False)


@pytest.fixture
async def server(tmp_path: Path, static: Path) -> AsyncIterator[Server]:
    app = compose(tmp_path, static)
    await start_services(app.services)
    yield Server(app)
    await stop_services(app.services)


async def test_each_notebook_and_login_session_has_its_own_lasting_origin(server: Server) -> None:
    first, second = await server.person("ada"), await server.person("bob")
    again = (await server.app.services.accounts.log_in("ada", PASSWORD)).secret
    notebook, other = await server.notebook(first), await server.notebook(first)
    found = await server.location(first, notebook)
    assert found["mode"] == "B"
    assert found["origin"].startswith("http://")
    assert found["origin"].endswith(".localhost:8000")
    assert len(found["origin"].split("//")[1].split(".")[0]) <= 63
    assert found == await server.location(first, notebook), "the same question has the same answer"
    origins = {found["origin"], (await server.location(first, other))["origin"]}
    origins.add((await server.location(again, notebook))["origin"])
    own = await server.notebook(second)
    origins.add((await server.location(second, own))["origin"])
    assert len(origins) == 4


async def test_sec_29_outputs_of_ones_own_kernel_share_no_origin_with_others(server: Server) -> None:
    editor, viewer = await server.person("ada"), await server.person("bob")
    notebook = await server.notebook(editor)
    async with server.client(cookie=editor) as client:
        given = {"login": "bob", "role": "viewer"}
        made = await client.post(
            f"/api/v1/files/{notebook}/permissions", json=given, headers={"Origin": APP, "X-Labora": "1"}
        )
        assert made.status_code == 201, made.text
    saved, own = await server.location(editor, notebook), await server.location(editor, notebook, own=True)
    assert saved["origin"] != own["origin"]
    assert own == await server.location(editor, notebook, own=True)
    async with server.client() as client:
        assert (await client.get(own["url"])).status_code == 200
    # Who cannot run the notebook has no output of their own.
    assert await server.location(viewer, notebook, own=True) == await server.location(viewer, notebook)


async def test_the_origin_follows_the_port_of_the_request(server: Server) -> None:
    cookie = await server.person("ada")
    notebook = await server.notebook(cookie)
    found = await server.location(cookie, notebook, "http://localhost:9000")
    assert found["origin"].endswith(".localhost:9000")


async def test_who_may_not_read_the_notebook_gets_no_origin(server: Server) -> None:
    notebook = await server.notebook(await server.person("ada"))
    stranger = await server.person("bob")
    async with server.client(cookie=stranger) as client:
        assert (await client.get(f"/api/v1/files/{notebook}/frame-origin")).status_code == 404
    async with server.client() as client:
        assert (await client.get(f"/api/v1/files/{notebook}/frame-origin")).status_code == 401


async def test_the_frame_page_is_constant_and_confined(server: Server) -> None:
    cookie = await server.person("ada")
    found = await server.location(cookie, await server.notebook(cookie))
    async with server.client() as client:
        page = await client.get(found["url"])
    assert page.status_code == 200
    assert page.content == b"<!doctype html><title>Output</title>"
    policy = page.headers["content-security-policy"]
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    assert directives["sandbox"] == (
        "allow-scripts allow-same-origin allow-forms allow-downloads allow-pointer-lock allow-popups "
        "allow-popups-to-escape-sandbox"
    )
    assert directives["frame-ancestors"] == APP
    assert directives["object-src"] == "'none'"
    assert directives["form-action"] == "https:"
    assert {"'self'", "wss:", "ws://*.localhost:8000", "http://*.localhost:8000"} <= set(
        directives["connect-src"].split()
    )
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cross-origin-resource-policy"] == "cross-origin"
    assert page.headers["origin-agent-cluster"] == "?1"
    assert page.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "set-cookie" not in page.headers
    assert "access-control-allow-origin" not in page.headers


async def test_sec_36_the_page_of_mode_c_is_opaque_even_as_a_tab(server: Server) -> None:
    async with server.client() as client:
        page = await client.get("/out.html")
    policy = page.headers["content-security-policy"]
    assert page.status_code == 200
    assert policy.startswith("sandbox allow-scripts ")
    assert "allow-same-origin" not in policy
    assert "allow-top-navigation" not in policy
    assert "allow-modals" not in policy
    assert f"frame-ancestors {APP}" in policy
    connect = next(part for part in policy.split("; ") if part.startswith("connect-src"))
    assert not {APP, "'self'"} & set(connect.split()), "a frame has no business with the app's API"
    assert page.headers["x-frame-options"] == "SAMEORIGIN"


async def test_assets_are_the_same_for_everybody_and_packed(server: Server) -> None:
    async with server.client() as client:
        plain = await client.get("/frame/frame-abc.js")
        packed = await client.get("/frame/frame-abc.js", headers={"Accept-Encoding": "gzip, br"})
    assert plain.text == "export {};"
    assert plain.headers["access-control-allow-origin"] == "*"
    assert plain.headers["content-type"].startswith("text/javascript")
    assert packed.headers["content-encoding"] == "br"
    assert packed.headers["vary"] == "Accept-Encoding"


async def test_a_front_end_built_after_the_start_is_served(server: Server, static: Path) -> None:
    cookie = await server.person("ada")
    notebook = await server.notebook(cookie)
    before = await server.location(cookie, notebook)
    (static / "frame" / "frame-new.js").write_text("export {};")
    (static / "frame.html").write_text("<!doctype html><title>Newer</title>")
    os.utime(static / "frame.html", ns=(1, 1))
    after = await server.location(cookie, notebook)
    assert after["origin"] == before["origin"]
    assert after["url"] != before["url"], "a page that browsers keep for a year has a new address"
    async with server.client() as client:
        assert (await client.get("/frame/frame-new.js")).status_code == 200
        assert (await client.get(after["url"])).text == "<!doctype html><title>Newer</title>"


async def test_sec_40_content_hosts_serve_nothing_else(server: Server) -> None:
    cookie = await server.person("ada")
    notebook = await server.notebook(cookie)
    origin = (await server.location(cookie, notebook))["origin"]
    async with server.client(origin, cookie) as client:
        for path in (
            "/",
            "/index.html",
            "/assets/app-abc.js",
            "/out.html",
            "/api/v1/me",
            f"/api/v1/files/{notebook}",
            "/frame/../index.html",
            "/frame/%2e%2e/index.html",
            "/frame/",
            "/frame//frame-abc.js",
        ):
            assert (await client.get(path)).status_code == 404, path
        assert (await client.post("/frame.html")).status_code == 404
    async with server.client() as client:
        assert (await client.get("/frame/frame-abd.js")).status_code == 404


async def test_sec_43_labels_that_were_not_issued_are_refused(server: Server) -> None:
    cookie = await server.person("ada")
    origin = (await server.location(cookie, await server.notebook(cookie)))["origin"]
    label = origin.split("//")[1].split(".")[0]
    forged = [
        "x",
        label[:-1] + ("a" if label[-1] != "a" else "b"),
        ("a" if label[0] != "a" else "b") + label[1:],
        label[:26],
        label + "a",
        "a" * 42,
    ]
    async with server.client() as client:
        for name in forged:
            answer = await client.get(f"http://{name}.localhost:8000/frame.html")
            assert answer.status_code == 421, name
            assert answer.json()["code"] == "misdirected"
        assert (await client.get(f"http://a.{label}.localhost:8000/frame.html")).status_code == 421


async def test_sec_31_no_service_worker_on_a_content_host(server: Server) -> None:
    cookie = await server.person("ada")
    origin = (await server.location(cookie, await server.notebook(cookie)))["origin"]
    async with server.client(origin) as client:
        for headers in ({"Sec-Fetch-Dest": "serviceworker"}, {"Service-Worker": "script"}):
            assert (await client.get("/frame/frame-abc.js", headers=headers)).status_code == 403


async def test_a_second_domain_is_mode_a_and_a_bare_name_mode_c(tmp_path: Path, static: Path) -> None:
    app = compose(
        tmp_path,
        static,
        public_url="https://app.example.org",
        content_domain="example-usercontent.net",
        trust_proxy=True,
        external_outputs=False,
    )
    await start_services(app.services)
    try:
        server = Server(app)
        secret = await server.person("ada")
        notebook = await server.notebook(secret)
        cookie = {"Cookie": f"__Host-labora-{app.services.instance_id}={secret}"}
        async with server.client("https://app.example.org") as client:
            found = (await client.get(f"/api/v1/files/{notebook}/frame-origin", headers=cookie)).json()
            assert found["mode"] == "A"
            assert found["origin"].startswith("https://")
            assert found["origin"].endswith(".example-usercontent.net")
            page = await client.get(found["url"])
        policy = page.headers["content-security-policy"]
        assert "frame-ancestors https://app.example.org" in policy
        assert not {"https:", "wss:"} & set(policy.replace(";", "").split()), "outside network is switched off"
        assert "form-action 'none'" in policy
    finally:
        await stop_services(app.services)


async def test_a_bare_address_is_mode_c(tmp_path: Path, static: Path) -> None:
    app = compose(tmp_path, static, host="192.168.7.20", insecure_bind=True)
    await start_services(app.services)
    try:
        server = Server(app)
        cookie = await server.person("ada")
        notebook = await server.notebook(cookie)
        found = await server.location(cookie, notebook, "http://192.168.7.20:8000")
        assert found["mode"] == "C"
        assert found["origin"] == "null"
        assert found["url"].startswith("/out.html")
    finally:
        await stop_services(app.services)


async def test_labels_of_another_installation_are_not_ours() -> None:
    async def key() -> bytes:
        return b"one" * 11

    async def other_key() -> bytes:
        return b"two" * 11

    ours, theirs = ContentLabels(key), ContentLabels(other_key)
    subject = ("out", APP, "file", "account", "login")
    label = await ours.issue(*subject)
    assert await ours.verify(label)
    assert not await theirs.verify(label)
    assert label != await theirs.issue(*subject)
    assert not await ours.verify("é" * 42)

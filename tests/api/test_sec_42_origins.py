"""Cases 6, 41 to 43 and 45: who may ask, under which name, and with which headers the app answers."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from labora.api.app import LaboraApp, create_app
from labora.base.settings import load_settings
from labora.testing.server import ORIGIN, PASSWORD, ServerInProcess, server_in_process

BODY = {"kind": "folder", "name": "x"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ORIGIN},
        {"X-Labora": "1"},
        {"X-Labora": "0", "Origin": ORIGIN},
        {"X-Labora": "1", "Origin": "null"},
        {"X-Labora": "1", "Origin": "http://evil.example"},
        {"X-Labora": "1", "Origin": "http://localhost:8000.evil.example"},
        {"X-Labora": "1", "Origin": "http://localhost:9000"},
        {"X-Labora": "1", "Origin": "https://localhost:8000"},
        {"X-Labora": "1", "Origin": "http://x.localhost:8000"},
        {"X-Labora": "1", "Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
        {"X-Labora": "1", "Origin": ORIGIN, "Sec-Fetch-Site": "same-site"},
        {"X-Labora": "1", "Sec-Fetch-Site": "none"},
    ],
)
async def test_sec_42_a_forged_change_is_refused(ann: httpx.AsyncClient, headers: dict[str, str]) -> None:
    ann.headers = httpx.Headers(headers)
    answer = await ann.post("/files", json=BODY)
    assert answer.status_code == 403
    assert answer.json()["code"] in {"cross_site", "header_missing"}
    assert "access-control-allow-origin" not in answer.headers
    assert (await ann.post("/login", json={"login": "ann", "password": PASSWORD})).status_code == 403


@pytest.mark.parametrize("headers", [{"Origin": ORIGIN}, {"Sec-Fetch-Site": "same-origin"}])
async def test_sec_42_a_change_of_our_own_page_passes(ann: httpx.AsyncClient, headers: dict[str, str]) -> None:
    ann.headers = httpx.Headers({"X-Labora": "1", **headers})
    assert (await ann.post("/files", json=BODY)).status_code == 201


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_sec_42_a_cookie_is_not_honoured_on_a_read_from_elsewhere(ann: httpx.AsyncClient, site: str) -> None:
    assert (await ann.get("/files", headers={"Sec-Fetch-Site": site})).status_code == 403


async def test_sec_42_no_preflight_is_granted(ann: httpx.AsyncClient) -> None:
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    answer = await ann.options("/files", headers=headers)
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "localhost:8000@evil.example",
        "localhost:80:80",
        "localhost.",
        "x.out.localhost:8000",
        "10.0.0.1:8000",
        "0.0.0.0:8000",
        "",
        "user@localhost",
    ],
)
async def test_sec_43_an_unknown_host_is_misdirected(ann: httpx.AsyncClient, host: str) -> None:
    for path in ("/instance", f"{ORIGIN}/"):
        answer = await ann.get(path, headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (421, "misdirected")


async def test_sec_43_a_content_label_never_reaches_the_app(ann: httpx.AsyncClient) -> None:
    for path in ("/instance", "/files", f"{ORIGIN}/"):
        answer = await ann.get(path, headers={"Host": "abc.localhost:8000"})
        assert answer.status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:9000", "[::1]:9000"])
async def test_sec_43_loopback_pages_go_to_localhost_at_the_same_port(stranger: httpx.AsyncClient, host: str) -> None:
    answer = await stranger.get(f"{ORIGIN}/drive/abc?x=1", headers={"Host": host})
    assert answer.status_code == 307
    assert answer.headers["location"] == "http://localhost:9000/drive/abc?x=1"
    assert (await stranger.get("/instance", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("path", ["//evil.example/", "/%5Cevil.example", "/%09/evil.example", "/https:evil.example"])
async def test_sec_06_the_redirect_stays_on_this_server(stranger: httpx.AsyncClient, path: str) -> None:
    answer = await stranger.get(httpx.URL(f"{ORIGIN}{path}"), headers={"Host": "127.0.0.1:8000"})
    location = httpx.URL(answer.headers["location"])
    assert (location.scheme, location.host, location.port) == ("http", "localhost", 8000)


async def test_sec_43_the_public_name_is_an_app_host_with_secure_cookies(tmp_path: Path, static: Path) -> None:
    settings = load_settings(
        storage={"data_dir": tmp_path / "public", "min_free_bytes": 0},
        server={"public_url": "https://labora.example.org", "content_domain": "labora-usercontent.example"},
    )
    async with server_in_process(create_app(settings, static=static, compute=False)) as server:
        secret = await server.app.services.accounts.ensure_setup_link()
        client = await server.client(origin="https://labora.example.org")
        body = {"token": secret, "name": "O", "login": "o", "password": PASSWORD}
        answer = await client.post("/setup", json=body)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-labora-")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= {part.strip() for part in cookie.split(";")}
        assert "Domain" not in cookie
        page = await client.get("https://labora.example.org/")
        assert page.headers["strict-transport-security"].startswith("max-age=")
        assert "frame-src 'self' https://*.labora-usercontent.example;" in page.headers["content-security-policy"]
        assert "upgrade-insecure-requests" in page.headers["content-security-policy"]
        link = (await client.post("/invitations", json={})).json()["url"]
        assert link.startswith("https://labora.example.org/invite#")


async def test_sec_45_headers_of_pages(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get(f"{ORIGIN}/")
    policy = {
        name: value
        for name, _, value in (
            part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";")
        )
    }
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert policy["frame-src"] == "'self' http://*.localhost:8000"
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe-eval" not in answer.headers["content-security-policy"]
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "camera=(self" in answer.headers["permissions-policy"]
    assert "geolocation=()" in answer.headers["permissions-policy"]


async def test_sec_45_headers_of_built_files(stranger: httpx.AsyncClient) -> None:
    """A script that is a worker needs the policy; one that pages load needs not to be taken for anything else."""
    asset = await stranger.get(f"{ORIGIN}/assets/app-abc123.js", headers={"Accept-Encoding": "identity"})
    assert asset.status_code == 200
    assert asset.headers["x-content-type-options"] == "nosniff"
    assert asset.headers["cross-origin-resource-policy"] == "same-origin"
    assert asset.headers["referrer-policy"] == "same-origin"
    assert "content-security-policy" not in asset.headers
    outside = await stranger.get(f"{ORIGIN}/theme.js")
    assert "default-src 'none'" in outside.headers["content-security-policy"]


async def test_sec_45_headers_of_the_api_and_of_its_errors(ann: httpx.AsyncClient) -> None:
    for path, status in (("/files", 200), ("/files/nope", 404), ("/no/such", 404), ("/files?pageSize=0", 400)):
        answer = await ann.get(path)
        assert answer.status_code == status
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert (await ann.put("/files")).json()["code"] == "method_not_allowed"


async def test_the_cookie_is_not_readable_by_scripts_and_named_after_the_instance(
    app: LaboraApp, server: ServerInProcess, owner: httpx.AsyncClient
) -> None:
    answer = await owner.post("/login", json={"login": "owner", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"labora-{app.services.instance_id}=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


async def test_assets_are_precompressed_and_immutable(stranger: httpx.AsyncClient) -> None:
    asset = f"{ORIGIN}/assets/app-abc123.js"
    brotli = await stranger.get(asset, headers={"Accept-Encoding": "gzip, br"})
    assert brotli.headers["content-encoding"] == "br"
    assert "immutable" in brotli.headers["cache-control"]
    assert brotli.headers["content-type"].startswith("text/javascript")
    plain = await stranger.get(asset, headers={"Accept-Encoding": "identity"})
    assert plain.content == b"// app"
    again = await stranger.get(asset, headers={"Accept-Encoding": "identity", "If-None-Match": plain.headers["etag"]})
    assert again.status_code == 304
    assert (await stranger.get(f"{ORIGIN}/assets/none.js")).status_code == 404
    assert (await stranger.get(f"{ORIGIN}/theme.js")).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["/", "/folders/abc", "/drive/abc", "/drive/abc/history", "/compare", "/shared", "/setup", "/settings"]
)
async def test_pages_are_the_app(stranger: httpx.AsyncClient, path: str) -> None:
    answer = await stranger.get(f"{ORIGIN}{path}")
    assert answer.status_code == 200
    assert "<title>Labora</title>" in answer.text


@pytest.mark.parametrize("path", ["/assets/../index.html", "/..%2f..%2fetc/passwd", "/nope", "/assets/%2e%2e/theme.js"])
async def test_what_is_no_page_is_not_found(stranger: httpx.AsyncClient, path: str) -> None:
    answer = await stranger.get(httpx.URL(ORIGIN).copy_with(raw_path=path.encode()))
    assert answer.status_code == 404


async def test_a_missing_front_end_says_how_to_build_it(tmp_path: Path) -> None:
    settings = load_settings(storage={"data_dir": tmp_path / "d", "min_free_bytes": 0})
    async with server_in_process(create_app(settings, static=tmp_path / "nowhere", compute=False)) as server:
        answer = await (await server.client()).get(f"{ORIGIN}/")
    assert answer.status_code == 503
    assert "npm run build" in answer.text

"""Notebooks in and out over the API, against a GitHub of our own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from labora.api.app import LaboraApp, create_app
from labora.base.settings import Settings, load_settings
from labora.testing.github import LOGIN, TOKEN, FakeGitHub, sha
from labora.testing.server import ServerInProcess, server_in_process


def book(source: str) -> bytes:
    cell = {"cell_type": "code", "execution_count": 1, "id": "a", "metadata": {}, "outputs": [], "source": source}
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "said\n"}]
    value = {"cells": [cell], "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}
    return (json.dumps(value, indent=1) + "\n").encode()


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with FakeGitHub() as fake:
        fake.repo(LOGIN, "waves", **{"notebooks/One.ipynb": book("1"), "tool.py": b"# %%\nx = 1\n", "README": b"hello"})
        fake.repos[f"{LOGIN}/waves"].branches["feature/deep"] = {"Two words.ipynb": book("2")}
        fake.repo(LOGIN, "secret", private=True, **{"Plan.ipynb": book("plan")})
        fake.gist("0a1b2c", LOGIN, {"notes.txt": "no", "From gist.ipynb": book("gist").decode()})
        yield fake


@pytest.fixture
def web() -> Iterator[FakeGitHub]:
    """Any other site."""
    with FakeGitHub() as fake:
        fake.repo(LOGIN, "waves", **{"Web.ipynb": book("web")})
        yield fake


@pytest.fixture
def settings(tmp_path: Path, github: FakeGitHub, web: FakeGitHub) -> Settings:
    outside = github.settings()
    outside["allow"] += web.settings()["allow"]
    return load_settings(storage={"data_dir": tmp_path / "data", "min_free_bytes": 0}, outside=outside)


@pytest.fixture
def app(settings: Settings, static: Path) -> LaboraApp:
    return create_app(settings, static=static, compute=False)


@pytest.fixture
async def server(app: LaboraApp) -> AsyncIterator[ServerInProcess]:
    async with server_in_process(app) as running:
        yield running


async def found(who: httpx.AsyncClient, url: str) -> dict[str, Any]:
    answer = await who.post("/imports", json={"url": url})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def connect(who: httpx.AsyncClient) -> None:
    answer = await who.put("/github/account", json={"token": TOKEN})
    assert (answer.status_code, answer.json()["login"]) == (200, LOGIN)


async def names(who: httpx.AsyncClient) -> set[str]:
    return {file["name"] for file in (await who.get("/files", params={"folder": "root"})).json()["files"]}


async def test_addresses_that_people_know_lead_to_the_notebook(
    owner: httpx.AsyncClient, github: FakeGitHub, web: FakeGitHub
) -> None:
    one, before = "notebooks/One.ipynb", await names(owner)
    for url in (
        f"{github.url}/{LOGIN}/waves/blob/main/{one}",
        f"https://colab.research.google.com/github/{LOGIN}/waves/blob/main/{one}#scrollTo=a",
        f"https://nbviewer.org/github/{LOGIN}/waves/blob/main/{one}",
        f"/github/{LOGIN}/waves/blob/main/{one}",
    ):
        seen = await found(owner, url)
        assert (seen["name"], seen["cells"]) == ("One.ipynb", 1), url
        assert seen["source"]["url"] == f"{github.url}/{LOGIN}/waves/blob/main/{one}"
        assert seen["path"] == f"/github/{LOGIN}/waves/blob/main/{one}"
    branch = await found(owner, f"/github/{LOGIN}/waves/blob/feature/deep/Two%20words.ipynb")
    assert (branch["name"], branch["source"]["branch"]) == ("Two words.ipynb", "feature/deep")
    for url in (
        f"{github.settings()['gist_url']}/{LOGIN}/0a1b2c",
        f"https://colab.research.google.com/gist/{LOGIN}/0a1b2c/from-gist.ipynb",
        f"/gist/{LOGIN}/0a1b2c#file-from-gist-ipynb",
    ):
        assert (await found(owner, url))["name"] == "From gist.ipynb", url
    raw = await found(owner, f"{web.url}/raw/{LOGIN}/waves/main/Web.ipynb")
    assert (raw["name"], raw["source"]["kind"]) == ("Web.ipynb", "url")
    assert await names(owner) == before


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("http://127.0.0.1:1/x.ipynb", 400, "address_refused"),
        ("file:///etc/passwd", 400, "address_refused"),
        ("https://colab.research.google.com/drive/1abc", 400, "bad_place"),
        ("/github/ada/waves/blob/main/None.ipynb", 404, "github_not_found"),
        ("/github/ada/secret/blob/main/Plan.ipynb", 404, "github_not_found"),
        ("/github/ada/waves/blob/main/README", 400, "not_json"),
        ("/gist/ada/feed", 404, "github_not_found"),
        ("nonsense", 400, "bad_place"),
    ],
)
async def test_what_cannot_be_fetched_is_told(owner: httpx.AsyncClient, url: str, status: int, code: str) -> None:
    answer = await owner.post("/imports", json={"url": url})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]


async def test_looking_makes_no_file_and_only_the_finder_can_take_it(
    owner: httpx.AsyncClient, ann: httpx.AsyncClient, github: FakeGitHub
) -> None:
    before = await names(owner)
    seen = await found(owner, f"/github/{LOGIN}/waves/blob/main/notebooks/One.ipynb")
    page = await owner.get(f"/imports/{seen['id']}/page")
    assert "said" in page.text
    assert "sandbox" in page.headers["content-security-policy"]
    assert "allow-scripts" not in page.headers["content-security-policy"]
    assert await names(owner) == before
    for answer in (await ann.get(f"/imports/{seen['id']}/page"), await ann.post(f"/imports/{seen['id']}", json={})):
        assert (answer.status_code, answer.json()["code"]) == (410, "import_expired")
    taken = await owner.post(f"/imports/{seen['id']}", json={})
    assert taken.status_code == 201
    file = taken.json()
    assert (file["name"], file["kind"]) == ("One.ipynb", "notebook")
    assert (await owner.get(f"/files/{file['id']}/download")).content == book("1")
    known = (await owner.get(f"/files/{file['id']}/source")).json()
    assert known["open_url"] == f"http://localhost:8000/github/{LOGIN}/waves/blob/main/notebooks/One.ipynb"


async def test_a_script_on_github_and_in_the_drive_opens_as_a_notebook(owner: httpx.AsyncClient) -> None:
    seen = await found(owner, f"/github/{LOGIN}/waves/blob/main/tool.py")
    assert (seen["name"], seen["cells"]) == ("tool.ipynb", 1)
    text = (await owner.post("/files/upload", params={"name": "notes.md"}, content=b"# Notes\n")).json()
    made = await owner.post(f"/files/{text['id']}/notebook")
    assert (made.status_code, made.json()["name"]) == (201, "notes.ipynb")
    other = (await owner.post("/files/upload", params={"name": "x.bin"}, content=b"x")).json()
    assert (await owner.post(f"/files/{other['id']}/notebook")).json()["code"] == "not_a_text"


async def test_a_token_opens_what_is_private_and_lies_sealed(
    owner: httpx.AsyncClient, ann: httpx.AsyncClient, github: FakeGitHub, settings: Settings
) -> None:
    wrong = await owner.put("/github/account", json={"token": "ghp_wrong"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "github_token")
    assert (await owner.get("/github/account")).json()["connected"] is False
    await connect(owner)
    told = (await owner.get("/github/account")).json()
    assert (told["connected"], told["scopes"]) == (True, "gist, repo")
    assert TOKEN not in json.dumps(told)
    assert (await found(owner, f"/github/{LOGIN}/secret/blob/main/Plan.ipynb"))["name"] == "Plan.ipynb"
    repos = (await owner.get("/github/repositories", params={"owner": LOGIN})).json()["repositories"]
    assert {repo["full_name"]: repo["private"] for repo in repos} == {f"{LOGIN}/waves": False, f"{LOGIN}/secret": True}
    # It is the account's alone, and not in the database as it is.
    assert (await ann.get("/github/account")).json()["connected"] is False
    hidden = await ann.get("/github/repositories", params={"owner": LOGIN})
    assert [repo["full_name"] for repo in hidden.json()["repositories"]] == [f"{LOGIN}/waves"]
    stored = b"".join(path.read_bytes() for path in settings.state_dir.glob("labora.db*"))
    assert TOKEN.encode() not in stored
    assert (settings.state_dir / "secret.key").stat().st_mode & 0o777 == 0o600
    await owner.delete("/github/account")
    assert (await owner.get("/github/account")).json()["connected"] is False


async def test_without_the_key_a_token_is_asked_for_again(owner: httpx.AsyncClient, settings: Settings) -> None:
    await connect(owner)
    (settings.state_dir / "secret.key").unlink()
    assert (await owner.get("/github/account")).json()["connected"] is False
    await connect(owner)
    assert (await owner.get("/github/account")).json()["connected"] is True


async def test_github_is_looked_through(owner: httpx.AsyncClient) -> None:
    where = {"owner": LOGIN, "repo": "waves"}
    branches = (await owner.get("/github/branches", params=where)).json()
    assert branches == {"default_branch": "main", "branches": ["main", "feature/deep"]}
    listed = (await owner.get("/github/notebooks", params={**where, "ref": "main"})).json()
    assert listed == {"paths": ["notebooks/One.ipynb", "tool.py"], "truncated": False}
    missing = await owner.get("/github/branches", params={"owner": LOGIN, "repo": "none"})
    assert (missing.status_code, missing.json()["code"]) == (404, "github_not_found")


def save(**changes: Any) -> dict[str, Any]:
    place = {"owner": LOGIN, "repo": "waves", "branch": "main", "path": "saved/New.ipynb", "message": "From here"}
    return {**place, **changes}


async def test_a_notebook_is_saved_to_github_and_foreign_changes_are_not_lost(
    owner: httpx.AsyncClient, github: FakeGitHub
) -> None:
    file = (await owner.post("/files/upload", params={"name": "New.ipynb"}, content=book("new"))).json()
    address, files = f"/files/{file['id']}/github", github.repos[f"{LOGIN}/waves"].branches["main"]
    unconnected = await owner.post(address, json=save())
    assert unconnected.json()["code"] == "github_not_connected"
    await connect(owner)
    first = await owner.post(address, json=save())
    assert (first.status_code, files["saved/New.ipynb"]) == (200, book("new"))
    assert first.json()["commit_url"].endswith("/commit/c0ffee")
    assert (await owner.post(address, json=save())).json()["commit_url"] is None, "nothing has changed"
    # From here on what lies there is known, and is replaced without a question.
    await owner.put(f"/files/{file['id']}/content", content=book("newer"))
    assert (await owner.post(address, json=save())).status_code == 200
    assert files["saved/New.ipynb"] == book("newer")
    files["saved/New.ipynb"] = book("somebody else's")
    await owner.put(f"/files/{file['id']}/content", content=book("newest"))
    refused = await owner.post(address, json=save())
    assert (refused.status_code, refused.json()["code"]) == (409, "github_changed")
    assert files["saved/New.ipynb"] == book("somebody else's")
    assert (await owner.post(address, json=save(replace=True))).status_code == 200
    assert files["saved/New.ipynb"] == book("newest")
    taken = await owner.post(address, json=save(path="notebooks/One.ipynb"))
    assert taken.json()["code"] == "github_changed"
    for path in ("/abs.ipynb", "../up.ipynb", "x.txt"):
        assert (await owner.post(address, json=save(path=path))).json()["code"] == "bad_path"


async def test_a_badge_goes_first_and_outputs_stay_when_wished(owner: httpx.AsyncClient, github: FakeGitHub) -> None:
    await connect(owner)
    file = (await owner.post("/files/upload", params={"name": "New.ipynb"}, content=book("new"))).json()
    body = save(badge=True, outputs=False)
    assert (await owner.post(f"/files/{file['id']}/github", json=body)).status_code == 200
    saved = json.loads(github.repos[f"{LOGIN}/waves"].branches["main"]["saved/New.ipynb"])
    badge, cell = saved["cells"]
    link = f"http://localhost:8000/github/{LOGIN}/waves/blob/main/saved/New.ipynb"
    assert badge["source"] == [f"[![Open in Labora](http://localhost:8000/open-in-labora.svg)]({link})"]
    assert cell["outputs"] == []
    assert json.loads((await owner.get(f"/files/{file['id']}/download")).content)["cells"][0]["source"] == "new"


async def test_a_notebook_is_saved_as_a_gist_and_into_it_again(owner: httpx.AsyncClient, github: FakeGitHub) -> None:
    await connect(owner)
    file = (await owner.post("/files/upload", params={"name": "Gist.ipynb"}, content=book("1"))).json()
    first = await owner.post(f"/files/{file['id']}/gist", json={"description": "mine"})
    made = first.json()["url"].rpartition("/")[2]
    assert github.gists[made] == {
        "owner": LOGIN, "public": False, "description": "mine", "files": {"Gist.ipynb": book("1").decode()}
    }  # fmt: skip
    await owner.put(f"/files/{file['id']}/content", content=book("2"))
    again = await owner.post(f"/files/{file['id']}/gist", json={"again": True})
    assert again.json()["url"] == first.json()["url"]
    assert github.gists[made]["files"]["Gist.ipynb"] == book("2").decode()


async def test_who_may_not_read_publishes_nothing(
    owner: httpx.AsyncClient, ann: httpx.AsyncClient, github: FakeGitHub
) -> None:
    await connect(ann)
    file = (await owner.post("/files/upload", params={"name": "Mine.ipynb"}, content=book("1"))).json()
    for path, body in (("github", save()), ("gist", {}), ("notebook", None)):
        assert (await ann.post(f"/files/{file['id']}/{path}", json=body)).status_code == 404
    assert [method for method, _, _ in github.asked if method in {"PUT", "POST"}] == []
    await owner.post(f"/files/{file['id']}/permissions", json={"login": "ann", "role": "viewer"})
    assert (await ann.post(f"/files/{file['id']}/gist", json={})).status_code == 200
    assert (await owner.get(f"/files/{file['id']}/source")).json()["source"] is None, "a reader leaves no mark"


async def test_a_notebook_leaves_in_other_formats(owner: httpx.AsyncClient) -> None:
    file = (await owner.post("/files/upload", params={"name": "Wäves.ipynb"}, content=book("x = 1"))).json()
    address = f"/files/{file['id']}/export"
    html = await owner.get(address, params={"format": "html"})
    assert "filename*=UTF-8''W%C3%A4ves.html" in html.headers["content-disposition"]
    assert html.headers["content-type"] == "application/octet-stream"
    assert "said" in html.text
    page = await owner.get(address, params={"format": "html", "outputs": False, "inline": True})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "said" not in page.text
    bare = (await owner.get(address, params={"format": "ipynb", "outputs": False})).json()
    assert bare["cells"][0]["outputs"] == []
    assert (await owner.get(address, params={"format": "exe"})).status_code == 400
    folder = (await owner.post("/files", json={"kind": "folder", "name": "F"})).json()
    assert (await owner.get(f"/files/{folder['id']}/export")).status_code == 415


async def test_where_it_was_published_is_told_to_whoever_may_edit(
    owner: httpx.AsyncClient, ann: httpx.AsyncClient, github: FakeGitHub
) -> None:
    await connect(owner)
    file = (await owner.post("/files/upload", params={"name": "Gist.ipynb"}, content=book("1"))).json()
    url = (await owner.post(f"/files/{file['id']}/gist", json={})).json()["url"]
    address = f"/files/{file['id']}/source"
    assert (await owner.get(address)).json()["source"]["url"] == url
    shared = await owner.post(f"/files/{file['id']}/permissions", json={"login": "ann", "role": "commenter"})
    told = (await ann.get(address)).json()
    assert (told["source"], told["open_url"]) == (None, None)
    assert told["badge_url"].endswith("/open-in-labora.svg")
    # Nor does a reader save into what somebody else published.
    await connect(ann)
    again = await ann.post(f"/files/{file['id']}/gist", json={"again": True})
    assert (again.status_code, again.json()["url"] == url) == (200, False)
    permission = shared.json()["id"]
    await owner.patch(f"/files/{file['id']}/permissions/{permission}", json={"role": "editor"})
    told = (await ann.get(address)).json()
    assert told["source"]["url"] == url
    assert told["open_url"]


@pytest.mark.parametrize("images", [True, False])
async def test_pages_show_images_of_other_sites_where_the_server_says_so(
    settings: Settings, static: Path, github: FakeGitHub, images: bool
) -> None:
    shown = "https://images.example/p.png"
    text = {"cell_type": "markdown", "id": "t", "metadata": {}, "source": f"![x]({shown})"}
    there = json.dumps({"cells": [text], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
    github.repos[f"{LOGIN}/waves"].branches["main"]["Shown.ipynb"] = there
    outside = settings.outside.model_dump()
    own = load_settings(storage=settings.storage.model_dump(), outside=outside, server={"external_images": images})
    async with server_in_process(create_app(own, static=static, compute=False)) as running:
        who = await running.owner()
        file = (await who.post("/files/upload", params={"name": "A.ipynb"}, content=there)).json()
        seen = await found(who, f"/github/{LOGIN}/waves/blob/main/Shown.ipynb")
        printed = await who.get(f"/files/{file['id']}/export", params={"format": "html", "inline": True})
        for answer in (printed, await who.get(f"/imports/{seen['id']}/page")):
            assert ("img-src data: https:;" in answer.headers["content-security-policy"]) == images
            assert "img-src data:" in answer.headers["content-security-policy"]
            assert (shown in answer.text) == images
        saved = await who.get(f"/files/{file['id']}/export", params={"format": "html"})
        assert (shown in saved.text) == images


async def test_links_and_the_badge_are_served_to_anybody(stranger: httpx.AsyncClient, static: Path) -> None:
    (static / "open-in-labora.svg").write_text("<svg/>")
    for path in (
        "/github",
        "/github/ada/waves",
        "/github/ada/waves/blob/feature%2Fdeep/a%20b.ipynb",
        "/gist/a/0a",
        "/url",
    ):
        answer = await stranger.get(f"http://localhost:8000{path}")
        assert (answer.status_code, "<title>Labora" in answer.text) == (200, True), path
    badge = await stranger.get("http://localhost:8000/open-in-labora.svg")
    assert (badge.status_code, badge.headers["content-type"]) == (200, "image/svg+xml")
    assert badge.headers["cross-origin-resource-policy"] == "cross-origin"


def test_the_fake_names_content_as_git_does() -> None:
    assert sha(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"

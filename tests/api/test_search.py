"""Search as a client uses it: words, places, filters, snippets, and who never finds what; cases 10, 13, 17 and 20."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from labora.api.app import LaboraApp, create_app
from labora.base.settings import Settings
from labora.testing.server import PASSWORD, ServerInProcess, server_in_process


def ipynb(*cells: dict[str, Any]) -> bytes:
    return json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def code(cell_id: str, source: str, *printed: str) -> dict[str, Any]:
    outputs = [{"output_type": "stream", "name": "stdout", "text": text} for text in printed]
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": {},
        "execution_count": 1,
        "source": source,
        "outputs": outputs,
    }


def text(cell_id: str, source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": cell_id, "metadata": {}, "source": source}


async def upload(client: httpx.AsyncClient, name: str, content: bytes, parent: str = "root") -> str:
    answer = await client.post("/files/upload", params={"name": name, "parent": parent}, content=content)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def folder(client: httpx.AsyncClient, name: str, parent: str = "root") -> str:
    answer = await client.post("/files", json={"kind": "folder", "name": name, "parent_id": parent})
    return str(answer.json()["id"])


async def share(client: httpx.AsyncClient, file_id: str, login: str) -> str:
    answer = await client.post(f"/files/{file_id}/permissions", json={"login": login, "role": "viewer"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


class Desk:
    """Somebody who searches when the index is up to date. The examples of a new account are out of the way."""

    def __init__(self, app: LaboraApp, client: httpx.AsyncClient) -> None:
        self.app, self.client = app, client

    async def results(self, question: str = "", **query: Any) -> list[dict[str, Any]]:
        await self.app.services.search.indexer.catch_up()
        answer = await self.client.get("/search", params={"text": question, **query})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["results"])

    async def names(self, question: str = "", **query: Any) -> list[str]:
        return [found["file"]["name"] for found in await self.results(question, **query)]


async def tidy(client: httpx.AsyncClient) -> None:
    for found in (await client.get("/files")).json()["files"]:
        await client.delete(f"/files/{found['id']}")


@pytest.fixture
async def desk(app: LaboraApp, ann: httpx.AsyncClient) -> Desk:
    await tidy(ann)
    return Desk(app, ann)


@pytest.fixture
async def other(app: LaboraApp, bob: httpx.AsyncClient) -> Desk:
    await tidy(bob)
    return Desk(app, bob)


NOTEBOOK = ipynb(
    text("intro", "# Churn of customers\nWe use a *random forest* on 机器学习 and 機械学習の入門."),
    code("load", "frame = pd.read_csv('Kunden.csv')\nplt.plot(frame)\nmodel = RandomForestClassifier()", "42 rows\n"),
    code("fit", "model.fit(x, y)", "\x1b[32maccuracy\x1b[0m: 0.93\nstep 1\rstep 9\n"),
)


FOUND = [
    "churn",
    "CHURN customers",
    '"random forest"',
    "read_csv",
    "pd.read_csv",
    "csv",
    "plt.plot",
    "RandomForestClassifier",
    "randomforestclassifier",
    "Forest classifier",
    "randomfor*",
    "read_c*",
    "机器",
    "机",
    "学習",
    "機械学習",
    "入門",
    "accuracy 0.93",
    '"step 9"',
    "kunden",
    "analysis churn",
    "churn -missing",
]


async def test_words_phrases_names_of_code_and_scripts_without_spaces_are_found(
    ann: httpx.AsyncClient, desk: Desk
) -> None:
    await upload(ann, "Analysis.ipynb", NOTEBOOK)
    found = {question: await desk.names(question) for question in FOUND}
    assert found == {question: ["Analysis.ipynb"] for question in FOUND}


NOT_FOUND = [
    "forest random*x",
    '"forest random"',
    "read",
    "csvx",
    "churn -forest",
    "習械",
    '"step 1"',
    "randomfor",
    "!!!",
    "*",
]


async def test_what_is_not_there_is_not_found(ann: httpx.AsyncClient, desk: Desk) -> None:
    await upload(ann, "Analysis.ipynb", NOTEBOOK.replace(b"read_csv", b"load_csv"))
    found = {question: await desk.names(question) for question in NOT_FOUND}
    assert not any(found.values()), found


async def test_a_snippet_shows_the_line_with_its_hits_and_the_cell(ann: httpx.AsyncClient, desk: Desk) -> None:
    await upload(ann, "Analysis.ipynb", NOTEBOOK)
    (found,) = await desk.results("plt.plot")
    (snippet,) = found["snippets"]
    assert (snippet["where"], snippet["cell_id"]) == ("code", "load")
    assert [part["text"] for part in snippet["parts"] if part["hit"]] == ["plt.plot"]
    assert "pd.read_csv('Kunden.csv') plt.plot(frame)" in "".join(part["text"] for part in snippet["parts"])
    (found,) = await desk.results("accuracy")
    assert [(s["where"], s["cell_id"]) for s in found["snippets"]] == [("outputs", "fit")]
    (found,) = await desk.results("analys*")
    assert found["snippets"][0] == {
        "where": "name",
        "cell_id": None,
        "parts": [{"text": "Analysis", "hit": True}, {"text": ".ipynb", "hit": False}],
    }


async def test_a_snippet_is_text_whatever_the_notebook_holds(ann: httpx.AsyncClient, desk: Desk) -> None:
    hostile = "<script>alert(1)</script> <mark>needle</mark> &amp; \u202e"
    await upload(ann, "n.ipynb", ipynb(text("a", hostile)))
    (found,) = await desk.results("needle")
    parts = found["snippets"][0]["parts"]
    assert "".join(part["text"] for part in parts) == hostile
    assert [part["text"] for part in parts if part["hit"]] == ["needle"]


async def test_places_can_be_chosen(ann: httpx.AsyncClient, desk: Desk) -> None:
    await upload(ann, "in code.ipynb", ipynb(code("a", "needle = 1")))
    await upload(ann, "in text.ipynb", ipynb(text("a", "a needle")))
    await upload(ann, "in outputs.ipynb", ipynb(code("a", "print()", "needle")))
    await upload(ann, "needle.ipynb", ipynb())
    assert await desk.names("needle", where="code") == ["in code.ipynb"]
    assert await desk.names("needle", where="text") == ["in text.ipynb"]
    assert await desk.names("needle", where=["outputs", "code"]) == ["in outputs.ipynb", "in code.ipynb"]
    assert await desk.names("needle", where="name") == ["needle.ipynb"]
    # The name first, then what changed last.
    assert await desk.names("needle") == ["needle.ipynb", "in outputs.ipynb", "in text.ipynb", "in code.ipynb"]


async def test_other_files_are_read_and_images_are_not(ann: httpx.AsyncClient, desk: Desk) -> None:
    await upload(ann, "tool.py", b"def quick_sort(items):\n    return sorted(items)\n")
    await upload(ann, "notes.md", "# Übung\nüber Straßen".encode())
    await upload(ann, "data.csv", b"city,needle\nRome,1\n")
    await upload(ann, "photo.png", b"\x89PNG needle")
    await upload(ann, "binary.txt", b"\0\0needle")
    image = {
        "output_type": "display_data",
        "metadata": {},
        "data": {"image/png": "needle" * 99, "text/plain": "<Figure>"},
    }
    await upload(ann, "plot.ipynb", ipynb({**code("a", "plot()"), "outputs": [image]}))
    await folder(ann, "Needle work")
    assert await desk.names("quick_sort") == ["tool.py"]
    assert await desk.names("sort", where="code") == ["tool.py"]
    assert await desk.names("STRASSEN übung") == ["notes.md"]
    assert await desk.names("needle") == ["Needle work", "data.csv"]
    assert await desk.names("figure") == ["plot.ipynb"]


async def test_filters(ann: httpx.AsyncClient, bob: httpx.AsyncClient, desk: Desk, server: ServerInProcess) -> None:
    inner = await folder(ann, "inner needle", await folder(ann, "outer"))
    deep = await upload(ann, "deep.ipynb", ipynb(text("a", "needle")), inner)
    await upload(ann, "needle.txt", b"x")
    theirs = await upload(bob, "of bob needle.ipynb", ipynb())
    await share(bob, theirs, "ann")
    await ann.patch(f"/files/{deep}", json={"starred": True})
    outer = (await ann.get(f"/files/{inner}")).json()["parent_id"]
    names = desk.names
    assert sorted(await names("needle", kind="notebook")) == ["deep.ipynb", "of bob needle.ipynb"]
    assert sorted(await names("needle", kind=["folder", "file"])) == ["inner needle", "needle.txt"]
    assert await names("needle", owner="others") == ["of bob needle.ipynb"]
    assert await names("needle", owner=server.ids["bob"]) == ["of bob needle.ipynb"]
    assert "of bob needle.ipynb" not in await names("needle", owner="me")
    assert await names("needle", starred=True) == ["deep.ipynb"]
    assert sorted(await names("needle", folder=outer)) == ["deep.ipynb", "inner needle"]
    moment = (await ann.get(f"/files/{deep}")).json()["modified_at"]
    assert await names("needle", modifiedTo=moment) == ["inner needle"]
    assert sorted(await names("needle", modifiedFrom=moment)) == ["deep.ipynb", "needle.txt", "of bob needle.ipynb"]
    # Filters alone list what fits, newest first.
    assert (await names("", kind="file")) == ["needle.txt"]


ODD: list[tuple[dict[str, Any], int, str]] = [
    ({"modifiedFrom": "yesterday"}, 400, "bad_time"),
    ({"where": "comments"}, 400, "invalid"),
    ({"folder": "no-such-folder"}, 404, "no_such_file"),
    ({"pageToken": "x"}, 400, "bad_page_token"),
    ({"pageSize": 51}, 400, "invalid"),
    ({"text": "x" * 501}, 400, "invalid"),
]


async def test_odd_searches_are_refused(ann: httpx.AsyncClient) -> None:
    for query, status, error in ODD:
        answer = await ann.get("/search", params=query)
        assert (answer.status_code, answer.json()["code"]) == (status, error), query


HOSTILE = [
    "' OR 1=1 --",
    '") OR ("a',
    "name : needle",
    "{name code} : needle",
    "needle NEAR(a b, 2)",
    "^needle",
    "a AND NOT b",
    "needle; DROP TABLE words",
    '"""',
    "-",
    "-needle",
    "needle\0x",
    "*" * 400,
    "%_",
    "\ud83d\ude00 🤖",
    "(((((",
    "a " * 200,
]


async def test_no_question_breaks_out_of_the_words(ann: httpx.AsyncClient, bob: httpx.AsyncClient, desk: Desk) -> None:
    secret = await upload(bob, "secret.ipynb", ipynb(text("a", "needle OR a b")))
    await desk.app.services.search.indexer.catch_up()
    for given in HOSTILE:
        question = given.encode("utf-8", "ignore").decode()
        answer = await ann.get("/search", params={"text": question})
        assert answer.status_code == 200, question
        assert secret not in answer.text, question
    # The words themselves were left alone.
    assert (await bob.get("/search", params={"text": "needle"})).json()["results"]


async def test_the_index_follows_saves_renames_moves_and_deletion(ann: httpx.AsyncClient, desk: Desk) -> None:
    file_id = await upload(ann, "first.ipynb", ipynb(text("a", "apple")))
    assert await desk.names("apple") == ["first.ipynb"]
    await ann.put(f"/files/{file_id}/content", content=ipynb(text("a", "banana")))
    assert (await desk.names("apple"), await desk.names("banana")) == ([], ["first.ipynb"])
    await ann.patch(f"/files/{file_id}", json={"name": "second.ipynb"})
    assert (await desk.names("first"), await desk.names("second banana")) == ([], ["second.ipynb"])
    await ann.patch(f"/files/{file_id}", json={"trashed": True})
    assert await desk.names("banana") == []
    await ann.patch(f"/files/{file_id}", json={"trashed": False})
    assert await desk.names("banana") == ["second.ipynb"]
    await ann.delete(f"/files/{file_id}")
    assert await desk.names("banana") == []


async def test_pages_cover_the_results_once_while_things_change(ann: httpx.AsyncClient, desk: Desk) -> None:
    for number in range(7):
        await upload(ann, f"n{number}.ipynb", ipynb(text("a", "needle")))
    whole = await desk.names("needle")
    assert whole == [f"n{number}.ipynb" for number in reversed(range(7))]
    seen: list[str] = []
    token = None
    while True:
        page = (
            await ann.get("/search", params={"text": "needle", "pageSize": 2} | ({"pageToken": token} if token else {}))
        ).json()
        seen += [found["file"]["name"] for found in page["results"]]
        token = page["nextPageToken"]
        if token is None:
            break
        # What is new meanwhile is on no later page, and moves nothing.
        await upload(ann, f"new {len(seen)} needle.ipynb", ipynb())
        await desk.app.services.search.indexer.catch_up()
    assert seen == whole


async def test_sec_10_whoever_may_not_read_never_finds(
    app: LaboraApp, ann: httpx.AsyncClient, bob: httpx.AsyncClient, desk: Desk, other: Desk, stranger: httpx.AsyncClient
) -> None:
    shelf = await folder(ann, "shelf")
    file_id = await upload(ann, "needle.ipynb", ipynb(text("a", "needle in a haystack")), shelf)
    await upload(bob, "own haystack.txt", b"haystack")
    alone = await other.results("haystack")
    for query in ({"text": "needle"}, {"text": "needle*", "where": "text"}, {"owner": "others"}, {"kind": "notebook"}):
        answer = await bob.get("/search", params=query)
        assert "needle" not in answer.text
    assert (await bob.get("/search", params={"folder": shelf})).status_code == 404
    assert (await stranger.get("/search", params={"text": "needle"})).status_code == 401
    # An account that runs the server is nobody special here, and a link is held, not listed.
    permission = await share(ann, shelf, "bob")
    assert [found["file"]["id"] for found in await other.results("needle")] == [file_id]
    assert (await other.results("needle"))[0]["snippets"]
    await ann.delete(f"/files/{shelf}/permissions/{permission}")
    assert await other.results("haystack") == alone
    assert await other.results("needle") == []


@pytest.mark.parametrize("role", ["viewer", "commenter", "editor"])
async def test_sec_10_every_role_finds_what_was_shared(ann: httpx.AsyncClient, other: Desk, role: str) -> None:
    file_id = await upload(ann, "needle.ipynb", ipynb(text("a", "haystack")))
    await ann.post(f"/files/{file_id}/permissions", json={"login": "bob", "role": role})
    (found,) = await other.results("haystack")
    assert (found["file"]["id"], found["file"]["role"]) == (file_id, role)


async def test_sec_17_a_move_changes_at_once_who_finds(ann: httpx.AsyncClient, desk: Desk, other: Desk) -> None:
    shared, closed = await folder(ann, "shared"), await folder(ann, "closed")
    await share(ann, shared, "bob")
    file_id = await upload(ann, "n.ipynb", ipynb(text("a", "needle")), closed)
    assert await other.names("needle") == []
    await ann.patch(f"/files/{file_id}", json={"parent_id": shared})
    assert await other.names("needle") == ["n.ipynb"]
    await ann.patch(f"/files/{file_id}", json={"parent_id": closed})
    assert await other.names("needle") == []


async def test_sec_20_what_is_in_the_trash_or_gone_is_not_found(
    ann: httpx.AsyncClient, desk: Desk, other: Desk
) -> None:
    shelf = await folder(ann, "shelf")
    await upload(ann, "n.ipynb", ipynb(text("a", "needle")), shelf)
    await share(ann, shelf, "bob")
    assert await other.names("needle") == ["n.ipynb"]
    await ann.patch(f"/files/{shelf}", json={"trashed": True})
    # At once: nothing has to be indexed for it.
    assert (await other.client.get("/search", params={"text": "needle"})).json()["results"] == []
    assert (await ann.get("/search", params={"text": "needle"})).json()["results"] == []


async def test_an_index_that_is_lost_broken_or_behind_is_made_good_after_a_start(
    settings: Settings, static: Path
) -> None:
    index = settings.state_dir / "search.db"

    async def once(name: str) -> list[str]:
        """Starts a server, finds what the runs before left, saves one more file and stops at once."""
        app = create_app(settings, static=static, compute=False)
        async with server_in_process(app) as server:
            if name == "first":
                client = await server.owner()
                await tidy(client)
            else:
                client = await server.client()
                await client.post("/login", json={"login": "owner", "password": PASSWORD})
            found = await Desk(app, client).names("needle")
            await upload(client, f"{name} needle.txt", b"x")
        return sorted(found)

    assert await once("first") == []
    assert await once("second") == ["first needle.txt"]
    index.write_bytes(b"this is no database " * 1000)
    assert await once("third") == ["first needle.txt", "second needle.txt"]
    for part in index.parent.glob("search.db*"):
        part.unlink()
    assert len(await once("fourth")) == 3

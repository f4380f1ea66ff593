"""Notebooks that omit outputs: who sees them, where their bytes lie and when they end (cases by what is stored)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from labora.access import Principal, Role, Scope
from labora.base.errors import NotFoundError
from labora.db.schema import journal, private_outputs, revisions, rooms
from labora.testing.recorder import eventually

ADA = Principal("ada", "Ada", scopes=frozenset(Scope))
BOB = Principal("bob", "Bob", scopes=frozenset(Scope))
CANARY = "canary-of-private-output"
BIG = CANARY + "-in-a-blob " + "x" * 20_000


def notebook(*sources: str, private: bool = True) -> dict[str, Any]:
    """A notebook as Colaboratory writes it."""
    cells = [
        {"id": f"c{at}", "cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
        for at, source in enumerate(sources)
    ]
    metadata = {"colab": {"private_outputs": True, "provenance": []}} if private else {"colab": {"provenance": []}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def secretly(kernel: Any, execution: str, code: str) -> None:
    """Answers every cell with text, a large value and a count."""
    kernel.print(execution, f"{CANARY} of {code}\n")
    kernel.say("display_data", {"data": {"text/plain": BIG}, "metadata": {}}, execution)
    if not code.startswith("hang"):
        kernel.done(execution, count=7)


def switch(page: Any, *, on: bool) -> None:
    """Ticks or unticks "Omit code cell output when saving this notebook"."""
    page.doc["metadata"]["colab"] = json.dumps({"private_outputs": True} if on else {})
    page.flush()


async def run(page: Any, *cells: str) -> list[str]:
    answer = await page.command("execute", cells=list(cells))
    ids = [execution["id"] for execution in answer["result"]["executions"]]
    for key in ids:
        await page.finished(key)
    return ids


async def share(house: Any, file_id: str, role: Role = Role.EDITOR) -> None:
    await house.drive.sharing.add(ADA, file_id, role=role, login="bob")


async def stored(house: Any, file_id: str) -> bytes:
    """Returns all that is kept of a notebook outside the side stores: journal, checkpoint, revisions, export."""
    found = [await house.rooms.export(file_id) or b""]
    async with house.database.read() as connection:
        found += (await connection.execute(select(journal.c.payload).where(journal.c.file_id == file_id))).scalars()
        row = (await connection.execute(select(rooms).where(rooms.c.file_id == file_id))).one()
        found += [row.document, json.dumps(row.state).encode()]
        query = select(revisions.c.sha256).where(revisions.c.file_id == file_id)
        hashes = list((await connection.execute(query)).scalars())
    return b"\n".join([*found, *[await house.blobs.get(sha256) for sha256 in hashes]])


def on_disk(folder: Path, which: Callable[[Path], bool]) -> list[str]:
    """Returns the files that hold the canary in whatever bytes they are made of."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and which(path)]
    return [path.name for path in files if CANARY.encode() in path.read_bytes()]


async def scrubbed(house: Any, room: Any) -> None:
    """Lets the keeper do what it does twice a second until what was deleted is out of the database's files."""
    room.scrub_wanted = True
    while room.scrub_wanted:
        await house.rooms.keep()


def in_database(house: Any) -> list[str]:
    return on_disk(house.folder, lambda path: path.name.startswith("labora.db"))


async def test_outputs_are_told_to_the_account_that_ran_and_stored_nowhere_else(house: Any) -> None:
    house.compute.answer = secretly
    file_id = await house.upload(notebook("a", "b"))
    await share(house, file_id)
    async with house.page(file_id) as ada, house.page(file_id, BOB) as bob:
        (execution_id,) = await run(ada, "c0")
        await bob.finished(execution_id)
        await house.rooms.keep()
        await bob.settle()
        assert CANARY in ada.text("c0")
        assert ada.state["cells"]["c0"]["execution_count"] == 7
        # Others see that the cell ran, and nothing of what it said.
        assert bob.state["executions"][execution_id]["status"] == "ok"
        assert bob.state["cells"]["c0"] == {"execution_id": execution_id, "execution_count": None, "outputs": []}
        assert CANARY not in json.dumps(bob.events) + json.dumps(bob.control)
        await ada.command("checkpoint", name="kept")
        assert CANARY.encode() not in await stored(house, file_id)
        # State before + events = state fetched after, for both.
        for page in (ada, bob):
            async with house.page(file_id, page.principal) as fresh:
                assert fresh.state["cells"] == page.state["cells"]
                assert fresh.state["executions"] == page.state["executions"]


async def test_large_values_are_read_by_the_account_that_ran_alone(house: Any) -> None:
    house.compute.answer = secretly
    file_id = await house.upload(notebook("a"))
    await share(house, file_id)
    async with house.page(file_id) as ada:
        await run(ada, "c0")
        (value,) = [output for output in ada.state["cells"]["c0"]["outputs"] if "data" in output]
        sha256 = value["data"]["text/plain"]["$blob"]["sha256"]
        assert (await house.drive.blob(ADA, file_id, sha256)).size == len(BIG)
        with pytest.raises(NotFoundError):
            await house.drive.blob(BOB, file_id, sha256)
        await house.blobs.sweep(timedelta(0))
        assert await house.blobs.get(sha256)
        await ada.command("disconnect")
        await ada.until(lambda: ada.state["cells"].get("c0", {}).get("outputs") == [])
        with pytest.raises(NotFoundError):
            await house.drive.blob(ADA, file_id, sha256)
        await scrubbed(house, ada.room)
        await house.blobs.sweep(timedelta(0))
    # Of what was printed and shown, no byte is left anywhere.
    assert on_disk(house.folder, lambda _: True) == []


async def test_they_survive_a_crash_and_go_on(house: Any) -> None:
    house.compute.answer = secretly
    file_id = await house.upload(notebook("hang"))
    async with house.page(file_id) as ada:
        key = (await ada.command("execute", cells=["c0"]))["result"]["executions"][0]["id"]
        await ada.until(lambda: len(ada.state["cells"]["c0"]["outputs"]) == 2)
        kernel = house.compute.kernel_of("ada")
        kernel.print(key, "half a li")
        await ada.until(lambda: "half a li" in ada.text("c0"))
        before = ada.state["cells"]["c0"]
        await house.crash()
    kernel.print(key, "ne\rwhole\n")
    kernel.done(key, count=3)
    await house.start()
    async with house.page(file_id) as ada:
        await ada.finished(key)
        after = ada.state["cells"]["c0"]
        assert after["outputs"][:2] == before["outputs"][:2]
        assert after["execution_count"] == 3
        assert CANARY.encode() not in await stored(house, file_id)


async def test_each_account_keeps_its_own_when_both_run_a_cell(house: Any) -> None:
    def by_whom(kernel: Any, execution: str, code: str) -> None:
        owner = next(account for account, runtime in house.compute.runtimes.items() if runtime == kernel.runtime_id)
        kernel.print(execution, f"{CANARY} of {owner}\n")
        kernel.done(execution)

    house.compute.answer = by_whom
    file_id = await house.upload(notebook("a", "b"))
    await share(house, file_id)
    async with house.page(file_id) as ada, house.page(file_id, BOB) as bob:
        await run(ada, "c0")
        ids = await run(bob, "c0")
        await ada.finished(ids[0])
        assert ada.text("c0") == f"{CANARY} of ada\n"
        assert bob.text("c0") == f"{CANARY} of bob\n"
        # Paste, "clear" and the removal of one output act on one's own.
        mine, theirs = (one.state["cells"]["c0"]["outputs"][0]["id"] for one in (ada, bob))
        await ada.command("clear_outputs", cells=["c0"], outputs=[theirs])
        await ada.settle()
        await bob.settle()
        assert (ada.text("c0"), bob.text("c0")) == (f"{CANARY} of ada\n", f"{CANARY} of bob\n")
        await ada.command("copy_outputs", **{"from": "c0", "to": "c1"})
        await ada.settle()
        assert ada.text("c1") == f"{CANARY} of ada\n"
        assert bob.text("c1") == ""
        await ada.command("clear_outputs", cells=["c0"], outputs=[mine])
        await ada.settle()
        assert (ada.text("c0"), ada.text("c1")) == ("", f"{CANARY} of ada\n")
        await ada.command("clear_outputs", all=True)
        await ada.settle()
        await bob.settle()
        assert (ada.text("c0"), ada.text("c1"), bob.text("c0")) == ("", "", f"{CANARY} of bob\n")
        async with house.page(file_id) as fresh:
            assert fresh.state["cells"] == ada.state["cells"]


async def test_a_question_of_the_code_is_told_to_its_account_alone(house: Any) -> None:
    def asks(kernel: Any, execution: str, code: str) -> None:
        content = {"prompt": f"{CANARY}?", "password": False, "request_id": "r1"}
        kernel.say("input_request", content, execution, "stdin")

    house.compute.answer = asks
    file_id = await house.upload(notebook("a"))
    await share(house, file_id)
    async with house.page(file_id) as ada, house.page(file_id, BOB) as bob:
        key = (await ada.command("execute", cells=["c0"]))["result"]["executions"][0]["id"]
        await ada.until(lambda: key in ada.state["inputs"])
        await bob.until(lambda: key in bob.state["inputs"])
        assert ada.state["inputs"][key]["prompt"] == f"{CANARY}?"
        assert bob.state["inputs"][key]["prompt"] == ""
        assert CANARY.encode() not in await stored(house, file_id)
        await ada.command("input", execution_id=key, request_id="r1", value="yes")
        await ada.until(lambda: key not in ada.state["inputs"])
        assert house.compute.kernel_of("ada").inputs == [(key, "r1", "yes")]


async def test_switching_it_on_takes_out_what_was_stored(house: Any) -> None:
    house.compute.answer = secretly
    file_id = await house.upload(notebook("a", "b", private=False))
    await share(house, file_id)
    async with house.page(file_id) as ada, house.page(file_id, BOB) as bob:
        await run(ada, "c0")
        await run(bob, "c1")
        await bob.command("disconnect")
        await ada.command("checkpoint", name="with outputs")
        assert CANARY.encode() in await stored(house, file_id)
        switch(ada, on=True)
        await bob.until(lambda: bob.state["cells"]["c0"]["outputs"] == [])
        # What Ada's living runtime said stays hers; what Bob's ended one said is gone.
        assert CANARY in ada.text("c0")
        assert bob.text("c0") == bob.text("c1") == ada.text("c1") == ""
        await scrubbed(house, ada.room)
        async with house.database.read() as connection:
            assert not (await connection.execute(select(journal.c.seq).where(journal.c.file_id == file_id))).all()
        stripped = await house.drive.stripping.step(ADA, file_id)
        assert (stripped.last, stripped.changed, stripped.unreadable) == (None, 1, 0)
        assert CANARY.encode() not in await stored(house, file_id)
        names = [one.name for one in (await house.drive.history.page(ADA, file_id)).revisions]
        assert "with outputs" in names
        await ada.command("disconnect")
        await ada.until(lambda: ada.text("c0") == "")
        await scrubbed(house, ada.room)
        await house.blobs.sweep(timedelta(0))
        assert on_disk(house.folder, lambda _: True) == []


async def test_a_silent_run_is_private_from_the_moment_it_is_switched_on(house: Any) -> None:
    def silent(kernel: Any, execution: str, code: str) -> None:
        """Says nothing of its own accord."""

    house.compute.answer = silent
    file_id = await house.upload(notebook("hang", private=False))
    await share(house, file_id)
    async with house.page(file_id) as ada, house.page(file_id, BOB) as bob:
        key = (await ada.command("execute", cells=["c0"]))["result"]["executions"][0]["id"]
        await ada.until(lambda: ada.state["executions"][key]["status"] == "running")
        await eventually(lambda: bool(house.compute.kernel_of("ada").executed))
        switch(ada, on=True)
        await ada.settle()
        kernel = house.compute.kernel_of("ada")
        kernel.print(key, f"{CANARY} that stays op")
        kernel.say("display_data", {"data": {"text/plain": BIG}, "metadata": {}}, key)
        kernel.print(key, f"{CANARY} half a li")
        await ada.until(lambda: "half a li" in ada.text("c0"))
        # A further edit changes nothing of it.
        ada.type("c0", "# ")
        await ada.settle()
        assert CANARY in ada.text("c0")
        await bob.settle()
        await ada.command("checkpoint", name="kept")
        assert CANARY.encode() not in await stored(house, file_id)
        (value,) = [output for output in ada.state["cells"]["c0"]["outputs"] if "data" in output]
        sha256 = value["data"]["text/plain"]["$blob"]["sha256"]
        assert (await house.drive.blob(ADA, file_id, sha256)).size == len(BIG)
        with pytest.raises(NotFoundError):
            await house.drive.blob(BOB, file_id, sha256)
        kernel.print(key, "ne\n")
        kernel.done(key, count=5)
        await ada.finished(key)
        await bob.finished(key)
        assert ada.text("c0").endswith("half a line\n")
        assert bob.state["cells"]["c0"] == {"execution_id": key, "execution_count": None, "outputs": []}
        assert CANARY not in json.dumps(bob.events) + json.dumps(bob.control)
        assert CANARY.encode() not in await stored(house, file_id)


async def test_switching_it_off_stores_what_runs_from_then_on(house: Any) -> None:
    house.compute.answer = secretly
    file_id = await house.upload(notebook("a", "b"))
    await share(house, file_id)
    async with house.page(file_id) as ada, house.page(file_id, BOB) as bob:
        await run(ada, "c0", "c1")
        switch(ada, on=False)
        await ada.settle()
        assert CANARY not in bob.text("c0")
        assert CANARY.encode() not in await stored(house, file_id)
        ids = await run(ada, "c0")
        await bob.finished(ids[0])
        assert ada.text("c0") == bob.text("c0") == f"{CANARY} of a\n"
        assert CANARY in ada.text("c1")
        assert bob.text("c1") == ""
        exported = json.loads(await house.rooms.export(file_id))
        assert [bool(cell["outputs"]) for cell in exported["cells"]] == [True, False]


async def test_a_file_that_arrives_with_it_is_honoured_at_once(house: Any) -> None:
    content = notebook("a")
    content["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": [f"{CANARY}\n"]}]
    content["cells"][0]["execution_count"] = 4
    file_id = await house.upload(content)
    async with house.page(file_id) as ada:
        await ada.until(lambda: ada.text("c0") == "")
        await scrubbed(house, ada.room)
        assert in_database(house) == []
        exported = json.loads(await house.blobs.get((await house.drive.revisions.head(file_id)).sha256))
        assert exported["cells"][0]["outputs"] == []
        assert exported["metadata"] == content["metadata"]

        # An upload over it brings none in either.
        async def body() -> Any:
            yield json.dumps(content).encode()

        await house.drive.revisions.put(ADA, file_id, body())
        assert ada.text("c0") == ""


async def test_an_upload_that_is_kept_beside_a_merge_is_kept_without_them(house: Any) -> None:
    content = notebook("a", "b")
    file_id = await house.upload(content)
    base = (await house.drive.revisions.head(file_id)).id
    content["cells"][1]["source"] = "theirs"
    content["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": [f"{CANARY}\n"]}]

    async def body() -> Any:
        yield json.dumps(content).encode()

    async with house.page(file_id) as ada:
        ada.type("c0", "mine ")
        await ada.settle()
        await house.drive.revisions.put(ADA, file_id, body(), base=base)
        await ada.settle()
        assert (ada.source("c0"), ada.source("c1")) == ("mine a", "theirs")
        kinds = [one.kind for one in (await house.drive.history.page(ADA, file_id)).revisions]
        assert kinds.count("upload") == 2
        assert CANARY.encode() not in await stored(house, file_id)


async def test_outputs_end_with_a_runtime_that_ended_while_the_server_was_down(house: Any) -> None:
    house.compute.answer = secretly
    file_id = await house.upload(notebook("a"))
    async with house.page(file_id) as ada:
        await run(ada, "c0")
        await house.crash()
    house.compute.runtimes.clear()
    await house.start()
    async with house.page(file_id) as ada:
        await ada.until(lambda: ada.text("c0") == "")
        await ada.settle()

    async def gone() -> bool:
        async with house.database.read() as connection:
            return not (await connection.execute(select(private_outputs.c.cell_id))).all()

    assert await gone()


async def test_pictures_are_stripped_from_old_revisions_by_the_owner_alone(house: Any) -> None:
    content = notebook("a", private=False)
    picture = base64.b64encode(CANARY.encode() * 2000).decode()
    content["cells"][0]["outputs"] = [{"output_type": "display_data", "data": {"image/png": picture}, "metadata": {}}]
    file_id = await house.upload(content)
    first = (await house.drive.revisions.head(file_id)).id
    await share(house, file_id)
    with pytest.raises(Exception, match="role"):
        await house.drive.stripping.step(BOB, file_id)
    # What the notebook is now stays as it is, unless it omits outputs.
    before = (await house.drive.get(ADA, file_id)).row["size"]
    assert (await house.drive.stripping.step(ADA, file_id)).changed == 0
    assert (await house.drive.revisions.head(file_id)).id == first
    assert json.loads(await house.blobs.get((await house.drive.revisions.head(file_id)).sha256)) == content
    assert (await house.drive.get(ADA, file_id)).row["size"] == before
    async with house.page(file_id) as ada:
        ada.type("c0", "# ")
        await ada.command("checkpoint", name="second")
    assert (await house.drive.stripping.step(ADA, file_id)).changed == 1
    content["cells"][0]["outputs"] = []
    async with house.database.read() as connection:
        sha256 = await connection.scalar(select(revisions.c.sha256).where(revisions.c.id == first))
    assert json.loads(await house.blobs.get(sha256)) == content
    assert (await house.drive.stripping.step(ADA, file_id)).changed == 0
    exported = json.loads(await house.blobs.get((await house.drive.revisions.head(file_id)).sha256))
    assert exported["cells"][0]["outputs"][0]["data"]["image/png"].strip() == picture


async def test_the_head_of_a_notebook_that_omits_is_stripped_too(house: Any) -> None:
    content = notebook("a", private=True)
    content["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": [f"{CANARY}\n"]}]
    file_id = await house.upload(content)
    head = (await house.drive.revisions.head(file_id)).id
    assert (await house.drive.stripping.step(ADA, file_id)).changed == 1
    after = await house.drive.revisions.head(file_id)
    assert after.id == head
    assert json.loads(await house.blobs.get(after.sha256))["cells"][0]["outputs"] == []
    assert (await house.drive.get(ADA, file_id)).row["size"] == after.size


async def test_the_kernel_of_a_deleted_notebook_is_ended(house: Any) -> None:
    file_id = await house.notebook("a")
    async with house.page(file_id) as ada:
        await run(ada, "c0")
        kernel = house.compute.kernel_of("ada")
    await house.drive.delete(ADA, file_id)
    await eventually(lambda: kernel.status == "dead")

"""Cases of the threat model that the room itself answers (security.md, section 2: 11, 12, 15, 21, 69, 70, 71)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from pycrdt import Doc, Map

from labora.access import Principal, Role, Scope
from labora.base.errors import LaboraError

ADA = Principal("ada", "Ada", scopes=frozenset(Scope))
BOB = Principal("bob", "Bob", scopes=frozenset(Scope))


async def share(house: Any, file_id: str, role: Role) -> str:
    permission = await house.drive.sharing.add(ADA, file_id, account_id="bob", role=role)
    return str(permission.id)


async def test_sec_11_a_viewers_forged_update_changes_and_reaches_nothing(house: Any) -> None:
    file_id = await house.notebook("x")
    await share(house, file_id, Role.VIEWER)
    async with house.page(file_id) as ada, house.page(file_id, BOB) as bob:
        vector, seq = ada.room.document.state_vector(), ada.room.staged_seq
        bob.type("c0", "evil ")
        await bob.until(lambda: any(m["type"] == "update_refused" for m in bob.control))
        refusal = next(m for m in bob.control if m["type"] == "update_refused")
        assert refusal["code"] in ("read_only", "forbidden")
        assert ada.room.document.state_vector() == vector
        assert ada.room.staged_seq == seq
        ada.type("c0", "good ")
        await ada.settle()
        assert ada.source("c0") == "good x"


async def test_sec_11_a_viewer_cannot_run_or_clear(house: Any) -> None:
    file_id = await house.notebook("x")
    await share(house, file_id, Role.VIEWER)
    async with house.page(file_id, BOB) as bob:
        one = {"cells": ["c0"], "outputs": ["o"]}
        verbs: Any = ("execute", {"cells": ["c0"]}), ("clear_outputs", {"all": True}), ("clear_outputs", one)
        for verb, arguments in (*verbs, ("connect", {})):
            answer = await bob.command(verb, **arguments)
            assert answer["type"] == "refused"
            assert answer["code"] == "forbidden"
        assert bob.room.state["executions"] == {}


async def test_sec_12_an_editor_is_demoted_while_typing(house: Any) -> None:
    file_id = await house.notebook("x")
    permission = await share(house, file_id, Role.EDITOR)
    async with house.page(file_id) as ada, house.page(file_id, BOB) as bob:
        bob.type("c0", "a")
        await bob.settle()
        await house.drive.sharing.change(ADA, file_id, permission, Role.VIEWER)
        bob.type("c0", "b")
        await bob.until(lambda: any(m["type"] == "update_refused" for m in bob.control))
        rights = [m for m in bob.control if m["type"] == "rights"]
        assert "edit" not in rights[-1]["abilities"]
        await ada.settle()
        assert ada.source("c0") == "ax"


async def test_sec_12_an_account_that_is_removed_is_disconnected(house: Any) -> None:
    file_id = await house.notebook("x")
    permission = await share(house, file_id, Role.EDITOR)
    async with house.page(file_id, BOB) as bob:
        subscriber = bob.subscriber
        await house.drive.sharing.remove(ADA, file_id, permission)
        assert subscriber.close_code == 4403
    with pytest.raises(LaboraError):
        await house.rooms.subscriber(BOB, file_id, 1)


async def test_sec_15_presence_carries_the_servers_identity(house: Any) -> None:
    file_id = await house.notebook("x")
    await share(house, file_id, Role.VIEWER)
    async with house.page(file_id) as ada, house.page(file_id, BOB) as bob:
        forged = {
            "cell_id": "c0",
            "account": {"id": "ada", "name": "Ada"},
            "client_id": ada.doc.client_id,
            "idle": False,
        }
        bob.room.presence.receive(bob.subscriber, json.dumps(forged).encode())
        await ada.until(lambda: any(entry["state"] and entry["state"]["cell_id"] for entry in ada.presence))
        entry = next(entry for entry in ada.presence if entry["state"] and entry["state"]["cell_id"])
        assert entry["account"]["id"] == "bob"
        assert entry["client_id"] == bob.doc.client_id
        assert set(entry["state"]) == {"cell_id", "anchor", "head", "idle"}


async def test_sec_15_nobody_writes_in_the_name_of_another_client(house: Any) -> None:
    file_id = await house.notebook("x")
    await share(house, file_id, Role.EDITOR)
    async with house.page(file_id) as ada, house.page(file_id, BOB) as bob:
        forger: Doc[Any] = Doc(client_id=ada.doc.client_id)
        for root in ("cells", "metadata", "extra"):
            forger[root] = Map()
        forger.apply_update(bob.doc.get_update())
        before = forger.get_state()
        forger["cells"]["c0"]["source"].insert(0, "as Ada ")
        bob.send_update(forger.get_update(before))
        await bob.until(lambda: any(m["type"] == "update_refused" for m in bob.control))
        assert ada.room.document.source("c0") == "x"


async def test_sec_15_nobody_comes_under_the_client_id_of_another_account(house: Any) -> None:
    file_id = await house.notebook("x")
    await share(house, file_id, Role.EDITOR)
    async with house.page(file_id) as ada:
        room, imposter, view = await house.rooms.subscriber(BOB, file_id, ada.doc.client_id)
        with pytest.raises(LaboraError) as refused:
            room.join(imposter, {"id": view.id})
        assert refused.value.error_code == "foreign_client"
        ada.type("c0", "mine ")
        await ada.settle()
        assert ada.unsaved == {}


async def test_sec_21_nothing_is_acknowledged_after_the_change_of_rights_was(house: Any) -> None:
    file_id = await house.notebook("x")
    permission = await share(house, file_id, Role.EDITOR)
    async with house.page(file_id, BOB) as bob:
        changed = asyncio.Event()
        late: list[dict[str, Any]] = []
        control = bob.control

        async def write() -> None:
            for _ in range(200):
                bob.type("c0", "b")
                await asyncio.sleep(0)

        async def change() -> None:
            await house.drive.sharing.change(ADA, file_id, permission, Role.VIEWER)
            await bob.settle()
            changed.set()
            late.append({"seen": len(control)})

        await asyncio.gather(write(), change())
        await bob.settle()
        assert [m for m in control[late[0]["seen"] :] if m["type"] == "saved"] == []


@pytest.mark.parametrize(
    "bomb",
    [
        b"\xff" * 64,
        b"\x01\xff\xff\xff\xff\x0f\x01\x00",
        b"\x01\x01\x01\x00\x04\x01\x05cells" + b"\xff\xff\xff\xff\x0f",
        b"\x00\x01\x01\xff\xff\xff\xff\x0f" + b"\x00\x01" * 1000,
        b"\x01" * 900_000,
        b"\x00" * 2_000_000,
    ],
    ids=["noise", "huge count", "huge text", "huge deletions", "ones", "too large"],
)
async def test_sec_69_bombs_are_refused_and_the_room_lives(house: Any, bomb: bytes) -> None:
    file_id = await house.notebook("x")
    async with house.page(file_id) as page:
        page.send_update(bomb)
        await page.until(lambda: any(m["type"] == "update_refused" for m in page.control))
    async with house.page(file_id) as page:
        page.type("c0", "still ")
        await page.settle()
        assert page.unsaved == {}
        assert page.room.document.source("c0") == "still x"


@pytest.mark.parametrize("vector", [b"\xff\xff\xff\xff\xff", b"\xff\xff\xff\xff\x0f", b""])
async def test_sec_69_a_damaged_state_vector_harms_only_its_sender(house: Any, vector: bytes) -> None:
    file_id = await house.notebook("x")
    async with house.page(file_id) as page, house.page(file_id) as other:
        with pytest.raises(LaboraError, match="state vector"):
            page.room.sync(page.subscriber, vector)
        other.type("c0", "y")
        await other.settle()
        assert other.unsaved == {}


async def test_sec_21_rights_that_change_while_a_notebook_is_opened_count(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = await house.notebook("x")
    permission = await share(house, file_id, Role.EDITOR)
    looked, changed = asyncio.Event(), asyncio.Event()
    get = house.drive.get

    async def slow(*given: Any) -> Any:
        view = await get(*given)
        looked.set()
        await changed.wait()
        return view

    monkeypatch.setattr(house.drive, "get", slow)
    page = house.new_page(file_id, BOB)
    connecting = asyncio.create_task(page.connect())
    await looked.wait()
    await house.drive.sharing.change(ADA, file_id, permission, Role.VIEWER)
    changed.set()
    await connecting
    page.type("c0", "late ")
    await page.until(lambda: any(m["type"] == "update_refused" for m in page.control))
    assert page.room.document.source("c0") == "x"
    page.disconnect()


async def test_sec_70_a_reader_that_never_reads_is_closed_and_holds_nobody_up(house: Any) -> None:
    file_id = await house.notebook("x")
    async with house.page(file_id, limit=20_000) as slow, house.page(file_id) as quick:
        slow.reading.clear()
        subscriber = slow.subscriber
        for _ in range(60):
            quick.type("c0", "z" * 1000)
            await quick.settle()
        assert subscriber.close_code == 4409
        assert subscriber.backlog <= 20_000
        assert quick.unsaved == {}
        slow.reading.set()


async def test_sec_70_asking_again_and_again_without_reading_fills_no_memory(house: Any) -> None:
    file_id = await house.notebook("x" * 15_000)
    async with house.page(file_id, limit=20_000) as page:
        page.reading.clear()
        subscriber = page.subscriber
        most = 0
        for _ in range(100):
            page.room.sync(subscriber, b"\x00")
            most = max(most, subscriber.backlog)
        assert subscriber.close_code == 4409
        assert most <= 20_000 + 16_000
        page.reading.set()


def flood(page: Any) -> None:
    """Sends 10,000 presence messages at once."""
    for number in range(10_000):
        page.room.presence.receive(page.subscriber, json.dumps({"cell_id": f"c{number}"}).encode())


async def test_sec_71_presence_floods_are_coalesced_and_then_closed(house: Any) -> None:
    file_id = await house.notebook("x")
    async with house.page(file_id) as ada, house.page(file_id) as other:
        heard = len(ada.presence)
        with pytest.raises(LaboraError, match="Too many"):
            flood(other)
        with pytest.raises(LaboraError, match="too large"):
            other.room.presence.receive(other.subscriber, b'"' + b"x" * 1_000_000 + b'"')
        await ada.until(lambda: len(ada.presence) > heard)
        assert len(ada.presence) - heard <= 3


async def test_a_token_without_run_cannot_run(house: Any) -> None:
    file_id = await house.notebook("x")
    reader = replace(ADA, scopes=frozenset({Scope.READ}))
    async with house.page(file_id, reader) as page:
        answer = await page.command("execute", cells=["c0"])
        assert answer["type"] == "refused"


async def test_sec_69_a_notebook_that_cannot_be_saved_keeps_no_other_from_it(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, good = await house.notebook("x"), await house.notebook("y")
    async with house.page(broken) as one, house.page(good) as other:
        for page in (one, other):
            page.type("c0", "new ")
            await page.settle()

        def fail(*_args: Any) -> Any:
            raise TypeError("of a kind that nobody thought of")

        monkeypatch.setattr(one.room.document, "to_notebook", fail)
        for page in (one, other):
            page.room.dirty_at = page.room.dirty_since = -1e9
        await house.rooms.keep()
        assert other.room.dirty_since is None
        assert one.room.dirty_since is not None


async def test_sec_69_tags_of_any_kind_do_not_stop_a_run(house: Any) -> None:
    file_id = await house.notebook("x")
    async with house.page(file_id) as ada:
        ada.doc["cells"]["c0"]["metadata"]["tags"] = "5"
        ada.flush()
        await ada.settle()
        answer = await ada.command("execute", cells=["c0"])
        assert answer["type"] == "ack"


async def test_sec_63_a_large_value_is_reduced_while_the_others_go_on(house: Any) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as ada:
        answer = await ada.command("execute", cells=["c0"])
        key = answer["result"]["executions"][0]["id"]
        await ada.until(lambda: ada.room.state["executions"][key]["status"] == "running")
        await ada.until(lambda: bool(house.compute.kernel_of("ada").executed))
        kernel = house.compute.kernel_of("ada")
        turns, going = 0, True

        async def others() -> None:
            nonlocal turns
            while going:
                turns += 1
                await asyncio.sleep(0.001)

        kernel.say("display_data", {"data": {"application/json": [[]] * 200_000}, "metadata": {}}, key)
        kernel.spool[-1] = replace(kernel.spool[-1], size=600_000)
        beside = asyncio.create_task(others())
        kernel.done(key)
        await ada.finished(key)
        going = False
        await beside
        assert turns > 20, "the event loop stood still"
        (output,) = ada.room.state["cells"]["c0"]["outputs"]
        assert output["data"]["application/json"]["$blob"]["size"] == 600_001


async def test_sec_63_what_a_kernel_calls_itself_stays_short(house: Any) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as ada:
        answer = await ada.command("execute", cells=["c0"])
        key = answer["result"]["executions"][0]["id"]
        await ada.until(lambda: ada.room.state["executions"][key]["status"] == "running")
        await ada.until(lambda: bool(house.compute.kernel_of("ada").executed))
        kernel = house.compute.kernel_of("ada")
        kernel.say("started", {"life": "x" * 100_000, "pid": 1}, None, "agent")
        kernel.say("display_data", {"data": {"text/plain": "a"}, "transient": {"display_id": "d"}}, key)
        kernel.say("execute_input", {"execution_count": 10**400}, key)
        kernel.done(key, count=10**400)
        await ada.finished(key)
        assert len(json.dumps(ada.room.state)) < 5000

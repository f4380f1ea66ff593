"""Comms and widgets of a scripted kernel: who is told what, bounds, private outputs, restarts. Cases 18 and 29."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labora.access import Principal, Role, Scope
from labora.base.errors import GoneError
from labora.notebook.widget_outputs import FULL, SHOWN_BYTES
from labora.rooms.liveness import is_live
from labora.rooms.model import empty_state
from labora.testing.recorder import eventually

ADA = Principal("ada", "Ada", scopes=frozenset(Scope))
BOB = Principal("bob", "Bob", scopes=frozenset(Scope))


async def ran(page: Any, cell: str = "c0") -> str:
    answer = await page.command("execute", cells=[cell])
    found: str = answer["result"]["executions"][0]["id"]
    await page.finished(found)
    return found


def open_widget(kernel: Any, execution: str, comm_id: str = "w", *buffers: bytes, **state: Any) -> None:
    data = {"state": state, "buffer_paths": [["value"]] if buffers else []}
    content = {"comm_id": comm_id, "target_name": "jupyter.widget", "data": data}
    size = 200 + sum(map(len, buffers))
    kernel.say("comm_open", content, execution, metadata={"version": "2.1.0"}, buffers=buffers, size=size)


def update(kernel: Any, execution: str, comm_id: str = "w", **state: Any) -> None:
    data = {"method": "update", "state": state, "buffer_paths": []}
    kernel.say("comm_msg", {"comm_id": comm_id, "data": data}, execution)


async def test_pages_that_come_later_are_told_the_state_as_it_is(house: Any) -> None:
    file_id = await house.notebook("a")
    await house.drive.sharing.add(ADA, file_id, role=Role.VIEWER, account_id="bob")
    async with house.page(file_id) as page:
        run = await ran(page)
        kernel = house.compute.kernel_of("ada")
        open_widget(kernel, run, "w", b"\x00\x01", step=1)
        open_widget(kernel, run, "gone")
        update(kernel, run, step=2)
        kernel.say("comm_close", {"comm_id": "gone", "data": {}}, run)
        await page.until(lambda: bool(page.said("comm_close")))
        async with house.page(file_id, BOB) as bob:
            assert [header["type"] for header, _ in bob.comms] == ["comm_open", "comms_ready"]
            (told, buffers) = bob.comms[0]
            assert told["snapshot"] is True
            assert (told["account_id"], told["execution_id"], buffers) == ("ada", run, [b"\x00\x01"])
            assert told["content"]["data"] == {"state": {"step": 2}, "buffer_paths": [["value"]]}
            update(kernel, run, step=3)
            await bob.until(lambda: bool(bob.said("comm_msg")))
            kernel.say("died", {"exit_code": None, "signal": "SIGKILL", "message": "It died."}, None, "agent")
            await bob.until(lambda: bool(bob.said("comms_gone")))
        async with house.page(file_id, BOB) as bob:
            assert [header["type"] for header, _ in bob.comms] == ["comms_ready"]


async def test_sec_29_only_live_outputs_of_the_account_itself_speak_to_its_kernel(house: Any) -> None:
    file_id = await house.notebook("a", "b")
    await house.drive.sharing.add(ADA, file_id, role=Role.EDITOR, account_id="bob")
    async with house.page(file_id) as page, house.page(file_id) as other, house.page(file_id, BOB) as bob:
        old = await ran(page)
        run = await ran(page)
        kernel = house.compute.kernel_of("ada")
        open_widget(kernel, run, value=1)
        await page.until(lambda: bool(page.said("comm_open")))
        data = {"method": "update", "state": {"value": 5}, "buffer_paths": []}
        page.comm("p", "comm_msg", run, comm_id="w", data=data)
        await other.until(lambda: bool(other.said("comm_msg")))
        await bob.until(lambda: bool(bob.said("comm_msg")))
        assert (other.said("comm_msg")[0]["content"]["data"], page.said("comm_msg")) == (data, [])
        (message_id, kind, execution, content, _) = kernel.comms[0]
        assert (kind, execution, content) == ("comm_msg", run, {"comm_id": "w", "data": data})
        assert page.told("comm_done") == []
        kernel.say("comm_done", {"id": message_id}, run, "agent")
        await page.until(lambda: bool(page.told("comm_done", id="p")))

        await ran(bob, "c1")
        copied = await page.command("copy_outputs", **{"from": "c0", "to": "c1"})
        assert copied["type"] == "ack"
        for number, (who, key) in enumerate([(page, old), (bob, run), (page, "forged"), (bob, old)]):
            who.comm(f"x{number}", "comm_msg", key, comm_id="w", data=data)
            await who.until(lambda who=who, number=number: bool(who.told("comm_refused", id=f"x{number}")))
            assert who.told("comm_refused", id=f"x{number}")[0]["code"] == "not_live"
            assert (await who.command("call", execution_id=key, name="f"))["code"] == "not_live"
        await page.command("clear_outputs", cells=["c0"])
        assert (await page.command("call", execution_id=run, name="f"))["code"] == "not_live"
        assert len(kernel.comms) == 1
        assert kernel.calls == []


async def test_what_a_callback_shows_is_output_of_its_cell_while_that_owns_the_slot(house: Any) -> None:
    file_id = await house.notebook("a", "b")
    async with house.page(file_id) as page:
        first = await ran(page)
        kernel = house.compute.kernel_of("ada")
        kernel.say("stream", {"name": "stdout", "text": "late\n"}, first, call_id="m")
        shown = {"data": {"text/plain": "1"}, "metadata": {}, "transient": {"display_id": "d"}}
        kernel.say("display_data", shown, first, call_id="m")
        await page.until(lambda: len(page.state["cells"]["c0"]["outputs"]) == 2)
        assert page.text("c0") == "a\nlate\n"
        second = await ran(page, "c1")
        kernel.say("update_display_data", {**shown, "data": {"text/plain": "2"}}, second, call_id="n")
        await page.until(lambda: page.state["cells"]["c0"]["outputs"][1]["data"]["text/plain"] == "2")
        await ran(page)
        kernel.say("stream", {"name": "stdout", "text": "too late\n"}, first, call_id="m")
        kernel.say("comm_done", {"id": "m"}, first, "agent")
        update(kernel, second)
        await page.until(lambda: bool(page.said("comm_msg")))
        await page.settle()
        assert page.text("c0") == "a\n"
        assert page.state == page.room.state


async def test_an_output_widget_gets_what_its_parent_shows_and_the_kernel_is_told(house: Any) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        answer = await page.command("execute", cells=["c0"])
        run = answer["result"]["executions"][0]["id"]
        await page.until(lambda: page.state["executions"][run]["status"] == "running")
        kernel = house.compute.kernel_of("ada")
        open_widget(kernel, run, _model_name="OutputModel", msg_id="", outputs=[])
        update(kernel, run, msg_id=f"labora-exec-{run}")
        kernel.print(run, "inside\n")
        update(kernel, run, msg_id="")
        kernel.print(run, "outside\n")
        kernel.done(run)
        await page.finished(run)
        assert page.text("c0") == "outside\n"
        outputs = [{"output_type": "stream", "name": "stdout", "text": "inside\n"}]
        assert page.said("comm_msg")[-1]["content"]["data"]["state"] == {"outputs": outputs}
        await eventually(lambda: bool(kernel.comms))
        assert kernel.comms[0][3]["data"]["state"] == {"outputs": outputs}
        echo = {"method": "echo_update", "state": {"outputs": []}, "buffer_paths": []}
        kernel.say("comm_msg", {"comm_id": "w", "data": echo}, None, call_id=kernel.comms[0][0])
        async with house.page(file_id) as late:
            assert late.said("comm_open")[0]["content"]["data"]["state"]["outputs"] == outputs


async def test_where_outputs_are_omitted_their_widgets_are_told_to_their_account_alone(house: Any) -> None:
    cell = {"id": "c0", "cell_type": "code", "source": "a", "metadata": {}, "outputs": [], "execution_count": None}
    metadata = {"colab": {"private_outputs": True}}
    file_id = await house.upload({"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
    await house.drive.sharing.add(ADA, file_id, role=Role.EDITOR, account_id="bob")
    async with house.page(file_id) as page, house.page(file_id, BOB) as bob:
        run = await ran(page)
        open_widget(house.compute.kernel_of("ada"), run, value="secret")
        await page.until(lambda: bool(page.said("comm_open")))
        page.comm("p", "comm_msg", run, comm_id="w", data={"method": "update", "state": {"value": "s"}})
        async with house.page(file_id, BOB) as later, house.page(file_id) as own:
            assert own.said("comm_open")
            await later.settle()
            await bob.settle()
            assert later.said("comm_open") + bob.said("comm_open") + bob.said("comm_msg") == []
        assert (await page.command("save_widgets"))["code"] == "outputs_omitted"


def omit(page: Any, on: bool) -> None:
    page.doc["metadata"]["colab"] = json.dumps({"private_outputs": on})
    page.flush()


async def test_what_a_widget_held_in_private_stays_so_when_outputs_are_not_omitted_any_more(house: Any) -> None:
    mime = "application/vnd.jupyter.widget-state+json"
    file_id = await house.notebook("a", "b")
    await house.drive.sharing.add(ADA, file_id, role=Role.EDITOR, account_id="bob")
    async with house.page(file_id) as page, house.page(file_id, BOB) as bob:
        before = await ran(page)
        kernel = house.compute.kernel_of("ada")
        open_widget(kernel, before, "open", value="shown")
        open_widget(kernel, before, "turned", value="shown")
        await bob.until(lambda: len(bob.said("comm_open")) == 2)
        omit(page, True)
        await page.settle()
        hidden = await ran(page, "c1")
        open_widget(kernel, hidden, "born", value="secret")
        open_widget(kernel, hidden, "shut", value="secret")
        update(kernel, before, "turned", value="secret")
        page.comm("p", "comm_open", hidden, comm_id="mine", target_name="jupyter.widget", data={"state": {"value": 1}})
        await page.until(lambda: len(page.said("comm_msg")) == 1)
        omit(page, False)
        await page.settle()
        # The cells are run again, so nothing says any more that their earlier runs were private.
        await ran(page)
        later = await ran(page, "c1")
        for comm_id in ("born", "turned", "mine"):
            update(kernel, later, comm_id, value="secret still")
        kernel.say("comm_close", {"comm_id": "shut", "data": {}}, later)
        update(kernel, later, "open", value="public")
        await bob.until(lambda: bool(bob.said("comm_msg")))
        assert [header["content"]["comm_id"] for header in bob.said("comm_msg")] == ["open"]
        assert len(bob.said("comm_open")) == 2
        assert bob.said("comm_close") == []
        assert len(page.said("comm_msg")) == 5
        async with house.page(file_id, BOB) as late, house.page(file_id) as own:
            assert [header["content"]["comm_id"] for header in late.said("comm_open")] == ["open"]
            assert len(own.said("comm_open")) == 4
        assert (await page.command("save_widgets"))["result"] == {"widgets": 1}
        assert list(page.room.require_document().metadata_value("widgets")[mime]["state"]) == ["open"]
        kernel.say("comm_close", {"comm_id": "open", "data": {}}, later)
        await bob.until(lambda: bool(bob.said("comm_close")))
        assert (await page.command("save_widgets"))["code"] == "outputs_omitted"


async def test_what_is_recovered_while_its_account_has_private_outputs_is_private(house: Any) -> None:
    file_id = await house.notebook("a", "b")
    await house.drive.sharing.add(ADA, file_id, role=Role.EDITOR, account_id="bob")
    async with house.page(file_id) as page:
        omit(page, True)
        await page.settle()
        run = await ran(page)
        omit(page, False)
        await page.settle()
        kernel = house.compute.kernel_of("ada")
    await house.crash()
    await house.start()
    async with house.page(file_id) as page, house.page(file_id, BOB) as bob:
        await eventually(lambda: len(kernel.comms) == 2)
        data = {"method": "update_states", "states": {"w": {"state": {"value": "secret"}}}, "buffer_paths": []}
        kernel.say("comm_msg", {"comm_id": kernel.comms[0][3]["comm_id"], "data": data}, None)
        await page.until(lambda: bool(page.said("comm_open")))
        open_widget(kernel, await ran(page, "c1"), "public")
        await bob.until(lambda: bool(bob.said("comm_open")))
        assert [header["content"]["comm_id"] for header in bob.said("comm_open")] == ["public"]
        assert run in page.state["executions"]


async def test_an_output_widget_is_told_once_a_batch_and_holds_no_more_than_is_kept(house: Any) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        answer = await page.command("execute", cells=["c0"])
        run = answer["result"]["executions"][0]["id"]
        await page.until(lambda: page.state["executions"][run]["status"] == "running")
        kernel = house.compute.kernel_of("ada")
        open_widget(kernel, run, _model_name="OutputModel", msg_id=f"labora-exec-{run}", outputs=[])
        for number in range(3000):
            kernel.print(run, f"{number}\n")
        await page.until(lambda: bool(page.said("comm_msg")))
        lines = "".join(f"{number}\n" for number in range(3000))
        (told,) = page.said("comm_msg")
        assert told["content"]["data"]["state"]["outputs"] == [
            {"output_type": "stream", "name": "stdout", "text": lines}
        ]
        update(kernel, run, outputs=[])
        # Larger than what is kept, though it has fewer characters.
        kernel.print(run, "ä" * (SHOWN_BYTES // 4))
        await page.until(lambda: len(page.said("comm_msg")) == 3)
        full = [{"output_type": "stream", "name": "stderr", "text": FULL}]
        assert page.said("comm_msg")[2]["content"]["data"]["state"]["outputs"] == full
        kernel.say("clear_output", {"wait": False}, run)
        kernel.print(run, "again\n")
        kernel.done(run)
        await page.until(lambda: len(page.said("comm_msg")) == 4)
        again = [{"output_type": "stream", "name": "stdout", "text": "again\n"}]
        assert page.said("comm_msg")[3]["content"]["data"]["state"]["outputs"] == again


async def test_what_all_pages_say_to_a_kernel_is_bounded_and_goes_on_when_it_was_taken(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labora.rooms.comms.OUTGOING_BYTES", 5000)
    file_id = await house.notebook("a")
    async with house.page(file_id) as page, house.page(file_id) as other:
        run = await ran(page)
        kernel = house.compute.kernel_of("ada")
        takes = asyncio.Event()
        taken: list[str] = []

        async def comm(message_id: str, *_: Any, **__: Any) -> None:
            await takes.wait()
            taken.append(message_id)

        monkeypatch.setattr(kernel, "comm", comm)
        page.comm("a", "comm_msg", run, (b"x" * 2000,), comm_id="w", data={})
        other.comm("b", "comm_msg", run, (b"x" * 2000,), comm_id="w", data={})
        other.comm("c", "comm_msg", run, (b"x" * 2000,), comm_id="w", data={})
        await other.until(lambda: bool(other.told("comm_refused", id="c", code="too_many_calls")))
        takes.set()
        await eventually(lambda: len(taken) == 2)
        other.comm("d", "comm_msg", run, (b"x" * 4000,), comm_id="w", data={})
        await eventually(lambda: len(taken) == 3)
        assert len(other.told("comm_refused")) == 1


async def test_a_server_that_was_started_anew_asks_the_kernel_for_its_widgets(house: Any) -> None:
    file_id = await house.notebook("a")
    async with house.page(file_id) as page:
        run = await ran(page)
        kernel = house.compute.kernel_of("ada")
        open_widget(kernel, run, value=1)
        await page.until(lambda: bool(page.said("comm_open")))
    await house.crash()
    await house.start()
    async with house.page(file_id) as page:
        await eventually(lambda: len(kernel.comms) == 2)
        (_, _, _, opening, _) = kernel.comms[0]
        assert opening["target_name"] == "jupyter.widget.control"
        states = {"w": {"model_name": "X", "state": {"value": 2}}}
        data = {"method": "update_states", "states": states, "buffer_paths": [["w", "state", "png"]]}
        kernel.say("comm_msg", {"comm_id": opening["comm_id"], "data": data}, None, buffers=(b"p",))
        await page.until(lambda: bool(page.said("comm_open")))
        (told, buffers) = next(found for found in page.comms if found[0]["type"] == "comm_open")
        assert (told["content"]["comm_id"], told["snapshot"], buffers) == ("w", True, [b"p"])
        page.comm("p", "comm_msg", run, comm_id="w", data={"method": "custom"})
        await eventually(lambda: any(comm[3]["data"] == {"method": "custom"} for comm in kernel.comms))


async def test_saving_widgets_is_an_edit_and_leaves_out_what_no_cell_shows(house: Any) -> None:
    mime = "application/vnd.jupyter.widget-state+json"
    view = {"output_type": "display_data", "metadata": {}, "data": {}}
    view["data"] = {"application/vnd.jupyter.widget-view+json": {"model_id": "kept"}}
    cells = [
        {"id": f"c{n}", "cell_type": "code", "source": "a", "metadata": {}, "outputs": outputs, "execution_count": None}
        for n, outputs in enumerate([[], [view]])
    ]
    about = {"model_name": "M", "model_module": "m", "model_module_version": "1"}
    old = {"kept": {**about, "state": {"layout": "IPY_MODEL_needed"}}, "needed": {**about, "state": {}}}
    state = {"version_major": 2, "version_minor": 0, "state": {**old, "unseen": {**about, "state": {}}}}
    metadata = {"widgets": {mime: state, "other": 1}}
    file_id = await house.upload({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
    async with house.page(file_id) as page:
        assert (await page.command("save_widgets"))["code"] == "no_widgets"
        run = await ran(page)
        open_widget(house.compute.kernel_of("ada"), run, "w", b"\x00", _model_name="ImageModel")
        await page.until(lambda: bool(page.said("comm_open")))
        assert (await page.command("save_widgets"))["result"] == {"widgets": 1}
        document = page.room.require_document()
        saved = document.metadata_value("widgets")
        assert (list(saved[mime]["state"]), saved["other"]) == (["kept", "needed", "w"], 1)
        assert saved[mime]["state"]["w"]["buffers"] == [{"path": ["value"], "encoding": "base64", "data": "AA=="}]


@pytest.fixture
async def narrow(house: Any) -> Any:
    """A house whose limits are small."""
    limits = house.settings.limits
    small = {"widget_bytes": 5000, "widgets_saved_bytes": 1000, "comm_sent_bytes": 3100, "call_bytes": 100}
    changed = limits.model_copy(update=small)
    house.settings = house.settings.model_copy(update={"limits": changed})
    await house.rooms.close()
    await house.start()
    return house


async def test_limits_of_widgets_and_calls(narrow: Any) -> None:
    file_id = await narrow.notebook("a")
    async with narrow.page(file_id) as page:
        run = await ran(page)
        kernel = narrow.compute.kernel_of("ada")
        open_widget(kernel, run, "fits", b"x" * 2900)
        open_widget(kernel, run, "large", b"x" * 2901)
        open_widget(kernel, run, "last", value="y" * 100)
        await page.until(lambda: len(page.said("comm_open")) == 2)
        assert [header["content"]["comm_id"] for header in page.said("comm_open")] == ["fits", "last"]
        async with narrow.page(file_id) as late:
            assert [header["content"]["comm_id"] for header in late.said("comm_open")] == ["fits", "last"]
        assert (await page.command("save_widgets"))["code"] == "widgets_too_large"
        empty = len(json.dumps({"status": "ok", "data": ""}))
        for size, code in ((100, None), (101, "result_too_large")):
            kernel.result = {"status": "ok", "data": "x" * (size - empty)}
            answer = await page.command("call", execution_id=run, name="f")
            assert answer.get("code") == code, answer


async def test_calls_end_with_the_kernel_and_say_why(house: Any) -> None:
    file_id = await house.notebook("a")
    async with house.page(file_id) as page:
        run = await ran(page)
        kernel = house.compute.kernel_of("ada")
        answer = await page.command("call", execution_id=run, name="f'", args=[1], kwargs={"k": "'"})
        assert answer["result"] == {"status": "ok", "data": {"text/plain": "1"}, "metadata": {}}
        (expressions, execution) = kernel.calls[0]
        assert execution == run
        expected = """._invoke_function("f'", '[1]', '{"k": "\\'"}')"""
        assert expressions["result"].endswith(expected)
        kernel.result = GoneError("The kernel has ended; restart it.", code="kernel_dead")
        assert (await page.command("call", execution_id=run, name="f"))["code"] == "kernel_dead"
        for bad in ({"args": {}}, {"kwargs": []}, {"name": ""}, {"name": 1}):
            refused = await page.command("call", **{"execution_id": run, "name": "f", **bad})
            assert refused["type"] == "refused", bad
        page.comm("p", "comm_msg", run, comm_id="w", data={})
        kernel.say("started", {"life": 2}, None, "agent")
        await page.until(lambda: bool(page.told("comm_refused", id="p", code="kernel_dead")))


async def test_a_call_returns_when_its_kernel_ends_before_what_it_printed_has_come(house: Any) -> None:
    file_id = await house.notebook("a")
    async with house.page(file_id) as page:
        run = await ran(page)
        kernel = house.compute.kernel_of("ada")
        # The kernel has said something that never comes.
        kernel.n += 1
        key = page.send("call", execution_id=run, name="f")
        await eventually(lambda: bool(kernel.calls))
        await page.command("disconnect")
        await page.until(lambda: any(message.get("id") == key for message in page.control))


LIVE = {"account": "ada", "runtime": "r", "life": 1, "slot": "e", "kernel": "idle", "status": "ready", "asks": "e"}


@given(st.sampled_from(sorted(LIVE)), st.sampled_from(["bob", "other", 2, None, "dead", "starting", "ended"]))
def test_liveness_needs_everything_to_fit(changed: str, value: Any) -> None:
    def live(about: dict[str, Any]) -> bool:
        state: Any = empty_state()
        account = {"id": about["account"], "name": ""}
        state["executions"]["e"] = {"id": "e", "cell_id": "c", "account": account, "runtime_id": "r", "life": 1}
        state["cells"]["c"] = {"execution_id": about["slot"], "execution_count": None, "outputs": []}
        runtime = {"runtime_id": about["runtime"], "life": about["life"]}
        state["runtimes"]["ada"] = {**runtime, "status": about["status"], "kernel": about["kernel"]}
        return is_live(state, "ada", about["asks"])

    assert live(LIVE)
    assert live({**LIVE, "kernel": "busy"})
    assert not live({**LIVE, changed: value})

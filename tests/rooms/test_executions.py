"""Runs: queue, errors, input, kernel death, restarts of kernel and of the control plane."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from labora.access import Principal, Role, Scope
from labora.base.errors import UnavailableError
from labora.rooms import Kills
from labora.testing.recorder import eventually

ADA = Principal("ada", "Ada", scopes=frozenset(Scope))
BOB = Principal("bob", "Bob", scopes=frozenset(Scope))


async def start_hanging(house: Any, page: Any, *cells: str) -> tuple[Any, list[str]]:
    """Runs cells of which the first hangs; returns the kernel and the executions' ids."""
    answer = await page.command("execute", cells=list(cells))
    ids = [execution["id"] for execution in answer["result"]["executions"]]
    await page.until(lambda: page.state["executions"][ids[0]]["status"] == "running")
    return house.compute.kernel_of(page.principal.account_id), ids


async def test_an_error_stops_the_rest_of_its_run_but_not_other_runs(house: Any) -> None:
    file_id = await house.notebook("raise", "b", "c")
    async with house.page(file_id) as page:
        house.compute.gate.clear()
        batch = (await page.command("execute", cells=["c0", "c1"]))["result"]["executions"]
        single = (await page.command("execute", cells=["c2"]))["result"]["executions"]
        assert page.state["queue"] == [execution["id"] for execution in batch + single]
        house.compute.gate.set()
        assert (await page.finished(batch[0]["id"]))["status"] == "error"
        aborted = await page.finished(batch[1]["id"])
        assert aborted["status"] == "aborted"
        assert aborted["reason"]
        assert (await page.finished(single[0]["id"]))["status"] == "ok"
        assert page.state["cells"]["c0"]["outputs"][0]["output_type"] == "error"


async def test_a_queued_cell_runs_once_with_its_newest_code(house: Any) -> None:
    file_id = await house.notebook("a")
    async with house.page(file_id) as page:
        house.compute.gate.clear()
        first = (await page.command("execute", cells=["c0"]))["result"]["executions"][0]
        page.type("c0", "new ")
        second = (await page.command("execute", cells=["c0"]))["result"]["executions"][0]
        assert second["id"] == first["id"]
        house.compute.gate.set()
        await page.finished(first["id"])
        assert page.text("c0") == "new a\n"


async def test_cancel_takes_queued_cells_out_and_interrupts_the_running_one(house: Any) -> None:
    file_id = await house.notebook("hang", "b")
    async with house.page(file_id) as page:
        kernel, ids = await start_hanging(house, page, "c0", "c1")
        await page.command("cancel", executions=[ids[1]])
        assert (await page.finished(ids[1]))["status"] == "aborted"
        await page.command("cancel", cells=["c0"])
        await page.settle()
        assert kernel.interrupts == 1


async def test_a_retried_command_runs_once_and_gets_the_first_answer(house: Any) -> None:
    file_id = await house.notebook("a")
    async with house.page(file_id) as page:
        first = await page.command("execute", "same", cells=["c0"])
        await page.finished(first["result"]["executions"][0]["id"])
        assert await page.command("execute", "same", cells=["c0"]) == first
    await house.crash()
    await house.start()
    async with house.page(file_id) as page:
        assert await page.command("execute", "same", cells=["c0"]) == first
        assert len(page.state["executions"]) == 1


async def test_sec_18_input_is_asked_of_the_runs_account_only_and_survives_a_reload(house: Any) -> None:
    file_id = await house.notebook("hang")
    await house.drive.sharing.add(ADA, file_id, account_id="bob", role=Role.EDITOR)
    async with house.page(file_id) as page:
        kernel, ids = await start_hanging(house, page, "c0")
        kernel.say("input_request", {"request_id": "q", "prompt": "Name? ", "password": False}, ids[0], "stdin")
        await page.until(lambda: ids[0] in page.state["inputs"])
    async with house.page(file_id) as again, house.page(file_id, BOB) as bob:
        assert again.state["inputs"][ids[0]]["prompt"] == "Name? "
        refused = await bob.command("input", execution_id=ids[0], request_id="q", value="Bob")
        assert refused["type"] == "refused"
        answer = await again.command("input", execution_id=ids[0], request_id="q", value="Ada")
        assert answer["type"] == "ack"
        await again.until(lambda: again.state["inputs"] == {})
        assert kernel.inputs == [(ids[0], "q", "Ada")]


async def test_a_kernels_death_is_told_and_ends_the_queue(house: Any) -> None:
    file_id = await house.notebook("hang", "b")
    async with house.page(file_id) as page:
        kernel, ids = await start_hanging(house, page, "c0", "c1")
        kernel.status = "dead"
        kernel.say("died", {"message": "It used all memory.", "oom": True}, None, "agent")
        kernel.done(ids[0], "aborted", None)
        first = await page.finished(ids[0])
        assert "all memory" in first["reason"]
        assert (await page.finished(ids[1]))["status"] == "aborted"
        assert page.state["runtimes"]["ada"]["kernel"] == "dead"
        again = (await page.command("execute", cells=["c1"]))["result"]["executions"][0]
        assert (await page.finished(again["id"]))["status"] == "ok"


async def test_restart_aborts_and_late_output_of_the_old_life_is_not_recorded(house: Any) -> None:
    file_id = await house.notebook("hang", "b")
    async with house.page(file_id) as page:
        kernel, ids = await start_hanging(house, page, "c0", "c1")
        await page.command("restart")
        assert (await page.finished(ids[0]))["status"] == "aborted"
        assert (await page.finished(ids[1]))["status"] == "aborted"
        kernel.print(ids[0], "too late")
        await page.until(lambda: page.state["runtimes"]["ada"]["kernel"] == "idle")
        again = (await page.command("execute", cells=["c1"]))["result"]["executions"][0]
        await page.finished(again["id"])
        assert page.text("c0") == ""


async def test_a_hostile_guest_writes_nowhere(house: Any) -> None:
    file_id = await house.notebook("hang", "b")
    await house.drive.sharing.add(ADA, file_id, account_id="bob", role=Role.EDITOR)
    async with house.page(file_id) as ada, house.page(file_id, BOB) as bob:
        _, ids = await start_hanging(house, ada, "c0")
        kernel, theirs = await start_hanging(house, bob, "c1")
        await bob.finished(theirs[0])
        kernel.print(ids[0], "into Ada's cell")
        kernel.done(ids[0])
        kernel.print("never-accepted", "x")
        kernel.say("stream", {"name": "stdout", "text": "x"}, None)
        kernel.say("stream", {"name": 3, "text": ["x"]}, theirs[0])
        kernel.say("execute_input", {"execution_count": "many"}, theirs[0])
        last = (await bob.command("execute", cells=["c1"]))["result"]["executions"][0]
        await bob.finished(last["id"])
        assert ada.text("c0") == ""
        assert ada.state["executions"][ids[0]]["status"] == "running"


async def test_two_accounts_run_one_cell_and_the_later_start_wins_the_slot(house: Any) -> None:
    file_id = await house.notebook("hang")
    await house.drive.sharing.add(ADA, file_id, account_id="bob", role=Role.EDITOR)
    async with house.page(file_id) as ada, house.page(file_id, BOB) as bob:
        kernel_a, first = await start_hanging(house, ada, "c0")
        kernel_b, second = await start_hanging(house, bob, "c0")
        kernel_b.print(second[0], "Bob's\n")
        kernel_a.print(first[0], "Ada's\n")
        kernel_a.done(first[0])
        kernel_b.done(second[0])
        await ada.finished(first[0])
        await ada.finished(second[0])
        assert ada.text("c0") == "Bob's\n"


async def test_output_goes_on_gapless_and_once_over_a_killed_control_plane(house: Any) -> None:
    file_id = await house.notebook("hang", "b")
    lines = 0
    async with house.page(file_id) as page:
        kernel, ids = await start_hanging(house, page, "c0", "c1")
        for _ in range(5):
            kernel.print(ids[0], f"{lines}\n")
            lines += 1
        await page.until(lambda: page.text("c0").endswith("4\n"))
    for _ in range(3):
        kernel.print(ids[0], f"{lines}\nhalf ")
        lines += 1
        await house.crash()
        kernel.print(ids[0], "of a line\n")
        await house.start()
        async with house.page(file_id) as page:
            await page.until(lambda: page.text("c0").endswith("of a line\n"))
    kernel.done(ids[0])
    async with house.page(file_id) as page:
        assert (await page.finished(ids[0]))["status"] == "ok"
        assert (await page.finished(ids[1]))["status"] == "ok"
        found = [line for line in page.text("c0").splitlines() if not line.startswith("half")]
        assert found == [str(number) for number in range(lines)]
        assert page.text("c0").count("half of a line\n") == 3
        assert page.text("c1") == "b\n"


async def test_a_queue_survives_a_killed_control_plane_before_the_runtime_is_there(house: Any) -> None:
    file_id = await house.notebook("a", "b")
    async with house.page(file_id) as page:
        house.compute.gate.clear()
        ids = [e["id"] for e in (await page.command("execute", cells=["c0", "c1"]))["result"]["executions"]]
    await house.crash()
    house.compute.gate.set()
    await house.start()
    async with house.page(file_id) as page:
        assert [(await page.finished(key))["status"] for key in ids] == ["ok", "ok"]
        assert page.text("c1") == "b\n"


async def test_a_runtime_that_ended_meanwhile_is_told_after_the_restart(house: Any) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        _, ids = await start_hanging(house, page, "c0")
    await house.crash()
    house.compute.runtimes.clear()
    await house.start()
    async with house.page(file_id) as page:
        assert (await page.finished(ids[0]))["status"] == "lost"
        assert page.state["runtimes"]["ada"]["status"] == "ended"


async def test_a_start_that_fails_says_why_and_aborts_what_waited(house: Any) -> None:
    file_id = await house.notebook("a")
    async with house.page(file_id) as page:
        house.compute.fail = UnavailableError("The Python image is not ready yet. Try again in a minute.")
        ids = [e["id"] for e in (await page.command("execute", cells=["c0"]))["result"]["executions"]]
        assert "image" in (await page.finished(ids[0]))["reason"]
        assert page.state["runtimes"]["ada"]["message"].startswith("The Python image")


async def test_a_display_is_updated_from_another_cell(house: Any) -> None:
    file_id = await house.notebook("hang", "hang")
    shown = {"data": {"text/plain": "1"}, "metadata": {}, "transient": {"display_id": "d"}}
    async with house.page(file_id) as page:
        kernel, ids = await start_hanging(house, page, "c0")
        kernel.say("display_data", shown, ids[0])
        kernel.done(ids[0])
        await page.finished(ids[0])
        kernel, ids = await start_hanging(house, page, "c1")
        kernel.say("update_display_data", {**shown, "data": {"text/plain": "2"}}, ids[0])
        kernel.done(ids[0])
        await page.finished(ids[0])
        assert page.state["cells"]["c0"]["outputs"][0]["data"] == {"text/plain": "2"}
        assert page.state["cells"]["c1"]["outputs"] == []


async def test_large_values_go_by_reference_that_readers_may_read(house: Any) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, ids = await start_hanging(house, page, "c0")
        kernel.say("display_data", {"data": {"text/html": "<b>" * 10_000}, "metadata": {}}, ids[0])
        kernel.done(ids[0])
        await page.finished(ids[0])
        value = page.state["cells"]["c0"]["outputs"][0]["data"]["text/html"]
        ref = await house.drive.blob(ADA, file_id, value["$blob"]["sha256"])
        assert ref.size == 30_000


async def test_completion_counts_utf16_units(house: Any) -> None:
    file_id = await house.notebook("a")
    async with house.page(file_id) as page:
        done = (await page.command("execute", cells=["c0"]))["result"]["executions"][0]
        await page.finished(done["id"])
        answer = await page.command("complete", code="😀ab", cursor=3)
        assert answer["result"] == {"matches": ["a!"], "start": 2, "end": 3, "metadata": {}}
        answer = await page.command("inspect", code="😀ab", cursor=3, detail=0)
        assert answer["result"]["data"] == {"text/plain": "😀a"}


async def test_headless_run_sets_parameters_and_stops_at_the_first_error(house: Any) -> None:
    file_id = await house.notebook("a", "", "raise", "never")
    made = await house.rooms.headless.run(ADA, file_id, parameters={"x": 1})
    room = await house.rooms.open(file_id)
    ended = await house.rooms.headless.finished(room, [execution["id"] for execution in made])
    assert [execution["status"] for execution in ended] == ["ok", "ok", "error", "aborted"]
    assert any("x = 1" in source for _, source in house.compute.kernel_of("ada").executed)
    assert len(await house.rooms.headless.executions(ADA, file_id)) == 4


async def test_work_goes_on_after_a_restart_with_no_page_open(house: Any) -> None:
    file_id = await house.notebook("hang", "b")
    async with house.page(file_id) as page:
        kernel, ids = await start_hanging(house, page, "c0", "c1")
        # Everything is in the checkpoint: only the room's mark says that work goes on.
        await page.command("checkpoint", name="half way")
    await house.crash()
    await house.start()
    kernel.print(ids[0], "alone\n")
    kernel.done(ids[0])
    room = await house.rooms.open(file_id)
    ended = await house.rooms.headless.finished(room, ids)
    assert [execution["status"] for execution in ended] == ["ok", "ok"]
    async with house.page(file_id) as page:
        assert page.text("c0") == "alone\n"


async def test_a_runtime_that_ends_by_itself_is_told_with_its_reason(house: Any) -> None:
    file_id = await house.notebook("hang", "b")
    async with house.page(file_id) as page:
        _, ids = await start_hanging(house, page, "c0", "c1")
        house.compute.end_by_itself(house.compute.runtimes["ada"], "idle", "It was idle for 90 minutes.")
        assert (await page.finished(ids[0]))["status"] == "lost"
        assert (await page.finished(ids[1]))["reason"] == "It was idle for 90 minutes."
        again = (await page.command("execute", cells=["c1"]))["result"]["executions"][0]
        assert (await page.finished(again["id"]))["status"] == "ok"


async def test_what_a_person_does_on_purpose_counts_as_use(house: Any) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, ids = await start_hanging(house, page, "c0")
        runtime_id = house.compute.runtimes["ada"]
        assert house.compute.noted == [("execution", runtime_id)]

        async def counts(verb: str, **arguments: Any) -> bool:
            house.compute.noted.clear()
            assert (await page.command(verb, **arguments))["type"] == "ack"
            return ("input", runtime_id) in house.compute.noted

        kernel.say("input_request", {"request_id": "r1", "prompt": "?", "password": False}, ids[0], "stdin")
        await page.until(lambda: ids[0] in page.state["inputs"])
        assert await counts("input", execution_id=ids[0], request_id="r1", value="x")
        assert await counts("connect")
        assert await counts("interrupt")
        assert await counts("restart")
        # What pages do by themselves is no use.
        assert not await counts("ping")
        page.type("c0", "typed ")
        await page.settle()
        assert house.compute.noted == []


KILLED = {"signal": "SIGKILL", "oom": True, "disk": True, "message": "The kernel died of SIGKILL."}


@pytest.mark.parametrize(
    ("killed", "reason", "says"),
    [
        (Kills(memory=2), "oom", "Your kernel used all available memory (4.0 GB) while running this cell"),
        (
            Kills(disk=1),
            "disk",
            "Your runtime's disk is full (20.0 GB): the kernel was ended because it went on writing",
        ),
    ],
    ids=["memory", "disk"],
)
async def test_a_kernel_killed_by_a_limit_is_explained_with_what_the_host_counted(
    house: Any, killed: Kills, reason: str, says: str
) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, ids = await start_hanging(house, page, "c0")
        house.compute.killed = killed
        kernel.say("died", KILLED, None, "agent")
        ended = await page.finished(ids[0])
        assert ended["status"] == "aborted"
        assert ended["reason"].startswith(says)
        runtime = page.state["runtimes"]["ada"]
        assert (runtime["kernel"], runtime["reason"]) == ("dead", reason)
        # The same kills are not blamed on the next kernel, whatever its guest claims, also after a restart.
        await page.settle()
    await house.crash()
    await house.start()
    async with house.page(file_id) as page:
        kernel, ids = await start_hanging(house, page, "c0")
        await eventually(lambda: bool(kernel.executed) and kernel.executed[-1][0] == ids[0])
        kernel.say("died", KILLED, None, "agent")
        ended = await page.finished(ids[0])
        assert ended["reason"].startswith("The kernel died of SIGKILL.")
        assert page.state["runtimes"]["ada"]["reason"] is None


async def test_a_crash_while_memory_ran_out_elsewhere_is_not_blamed_on_memory(house: Any) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, ids = await start_hanging(house, page, "c0")
        house.compute.killed = Kills(memory=1, disk=1)
        kernel.say("died", {**KILLED, "signal": "SIGSEGV", "message": "Native code crashed."}, None, "agent")
        assert (await page.finished(ids[0]))["reason"].startswith("Native code crashed.")
        assert page.state["runtimes"]["ada"]["reason"] is None


async def test_a_kernel_that_its_program_ended_is_started_anew_and_told_until_something_runs(house: Any) -> None:
    file_id = await house.notebook("hang", "b")
    async with house.page(file_id) as page:
        kernel, ids = await start_hanging(house, page, "c0", "c1")
        kernel.status = "dead"
        kernel.say("died", {**KILLED, "by": "program", "message": "The program ended its kernel."}, None, "agent")
        kernel.done(ids[0], "aborted", None)
        assert (await page.finished(ids[0]))["reason"] == "The program ended its kernel."
        assert (await page.finished(ids[1]))["status"] == "aborted"
        await page.until(lambda: page.state["runtimes"]["ada"]["kernel"] == "idle")
        runtime = page.state["runtimes"]["ada"]
        assert (runtime["status"], runtime["reason"], runtime["cell_id"]) == ("ready", "program", "c0")
        again = (await page.command("execute", cells=["c1"]))["result"]["executions"][0]
        assert (await page.finished(again["id"]))["status"] == "ok"
        assert page.state["runtimes"]["ada"]["reason"] is None


async def test_outputs_copied_onto_a_running_cell_do_not_take_its_own(house: Any) -> None:
    file_id = await house.notebook("hang", "empty")
    async with house.page(file_id) as page:
        kernel, ids = await start_hanging(house, page, "c0")
        assert (await page.command("copy_outputs", **{"from": "c1", "to": "c0"}))["type"] == "ack"
        kernel.print(ids[0], "still here\n")
        kernel.done(ids[0])
        await page.finished(ids[0])
        assert page.text("c0") == "still here\n"


async def test_run_all_of_the_largest_notebook_that_stops_at_once_holds_nobody_up(house: Any) -> None:
    count = house.settings.limits.cells
    file_id = await house.notebook("raise", *["x"] * (count - 1))
    other_id = await house.notebook("y", by=BOB)
    async with house.page(file_id) as page, house.page(other_id, BOB) as other:
        made = (await page.command("execute", cells=[f"c{n}" for n in range(count)]))["result"]["executions"]
        assert len(made) == count
        assert (await page.finished(made[-1]["id"]))["status"] == "aborted"
        assert (await page.finished(made[0]["id"]))["status"] == "error"
        assert page.state["queue"] == []
        other.type("c0", "z")
        await other.settle()
        assert other.unsaved == {}


async def test_a_stop_of_the_server_between_an_output_and_its_record_ends_no_runtime(house: Any) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, (execution,) = await start_hanging(house, page, "c0")
        kernel.print(execution, "said\n")
        # Until the output is on its way to the journal.
        while page.room.staged_seq == page.room.seq:  # noqa: ASYNC110 - the one moment is wanted
            await asyncio.sleep(0)
        await house.rooms.close()
    await house.start()
    async with house.page(file_id) as page:
        kernel.done(execution)
        assert (await page.finished(execution))["status"] == "ok"
        assert page.state["runtimes"]["ada"]["status"] == "ready"
        assert page.text("c0") == "said\n"

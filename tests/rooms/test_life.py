"""What a page learns of its runtime's life: warnings, reasons, the cell that a kernel died in, meters."""

from __future__ import annotations

from typing import Any

import pytest

from labora.access import Principal, Role, Scope
from labora.base.errors import NotFoundError
from labora.testing.recorder import eventually

ADA = Principal("ada", "Ada", scopes=frozenset(Scope))
BOB = Principal("bob", "Bob", scopes=frozenset(Scope))
SOON = "2026-01-01T10:00:00.000Z"


async def run(page: Any, *cells: str) -> list[str]:
    answer = await page.command("execute", cells=list(cells))
    return [execution["id"] for execution in answer["result"]["executions"]]


async def hanging(house: Any, page: Any, cell: str) -> tuple[Any, str]:
    (key,) = await run(page, cell)
    await page.until(lambda: page.state["executions"][key]["status"] == "running")
    return house.compute.kernel_of(page.principal.account_id), key


def meter_of(*kernels: str) -> dict[str, Any]:
    return {"at": SOON, "memory_bytes": 1, "kernels": [{"kernel_id": kernel, "memory_bytes": 1} for kernel in kernels]}


async def test_a_warning_reaches_the_page_and_goes_when_it_is_off(house: Any) -> None:
    file_id = await house.notebook("a")
    async with house.page(file_id) as page:
        await page.finished((await run(page, "c0"))[0])
        runtime_id = house.compute.runtimes["ada"]
        (warn,) = house.compute.warned
        warn(runtime_id, SOON, "idle")
        await page.until(lambda: page.state["runtimes"]["ada"]["ends_at"] == SOON)
        assert page.state["runtimes"]["ada"]["ends_reason"] == "idle"
        warn("another", SOON, "lifetime")
        warn(runtime_id, None, None)
        await page.until(lambda: page.state["runtimes"]["ada"]["ends_at"] is None)
    async with house.page(file_id) as again:
        assert again.welcome["state"]["runtimes"]["ada"]["ends_at"] is None
        assert again.welcome["now"].endswith("Z")


async def test_a_kernels_death_names_its_cell_until_the_next_life(house: Any) -> None:
    file_id = await house.notebook("a", "hang")
    async with house.page(file_id) as page:
        kernel, key = await hanging(house, page, "c1")
        kernel.status = "dead"
        kernel.say("died", {"message": "It died.", "signal": "SIGKILL"}, None, "agent")
        kernel.done(key, "aborted", None)
        await page.finished(key)
        assert page.state["runtimes"]["ada"]["cell_id"] == "c1"
        await page.finished((await run(page, "c0"))[0])
        assert page.state["runtimes"]["ada"]["cell_id"] is None


async def test_an_end_while_nothing_was_loaded_keeps_its_reason(house: Any) -> None:
    file_id = await house.notebook("a")
    async with house.page(file_id) as page:
        await page.finished((await run(page, "c0"))[0])
    await house.crash()
    runtime_id = house.compute.runtimes.pop("ada")
    house.compute.ended[runtime_id] = ("idle", "Nobody used it.")
    await house.start()
    async with house.page(file_id) as page:
        await page.until(lambda: page.state["runtimes"]["ada"]["status"] == "ended")
        assert page.state["runtimes"]["ada"]["reason"] == "idle"
        assert page.state["runtimes"]["ada"]["message"] == "Nobody used it."


async def test_all_that_was_printed_is_recorded_before_an_end(house: Any) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, key = await hanging(house, page, "c0")
        for number in range(500):
            kernel.print(key, f"{number}\n")
        (ending,) = house.compute.ending
        runtime_id = house.compute.runtimes["ada"]
        await ending(runtime_id)
        house.compute.end_by_itself(runtime_id, "lifetime", "It was time.")
        ended = await page.finished(key)
        assert (ended["status"], ended["reason"]) == ("lost", "It was time.")
        assert page.text("c0") == "".join(f"{number}\n" for number in range(500))


async def test_the_end_of_a_run_is_use(house: Any) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, key = await hanging(house, page, "c0")
        house.compute.noted.clear()
        kernel.done(key)
        await page.finished(key)
        assert ("execution", house.compute.runtimes["ada"]) in house.compute.noted


async def test_meters_go_to_those_who_look_at_their_own_runtime(house: Any) -> None:
    file_id = await house.notebook("a", "b")
    await house.drive.sharing.add(ADA, file_id, account_id="bob", role=Role.EDITOR)
    async with house.page(file_id) as ada, house.page(file_id, BOB) as bob, house.page(file_id) as hidden:
        await ada.finished((await run(ada, "c0"))[0])
        await bob.finished((await run(bob, "c1"))[0])
        (wanted, take) = house.compute.lookers[-1]
        assert list(wanted()) == []
        await ada.command("watch", on=True)
        assert ("look", "") in house.compute.noted
        mine = house.compute.runtimes["ada"]
        assert list(wanted()) == [mine]
        kernel_id = house.compute.kernel_of("ada").kernel_id
        take(mine, meter_of(kernel_id, "stranger"))
        take(house.compute.runtimes["bob"], meter_of())
        await ada.until(lambda: any(message["type"] == "meter" for message in ada.control))
        (told,) = [message for message in ada.control if message["type"] == "meter"]
        assert told["runtime_id"] == mine
        assert [kernel["file_id"] for kernel in told["meter"]["kernels"]] == [file_id, None]
        assert not any(message["type"] == "meter" for page in (bob, hidden) for message in page.control)
        await ada.command("watch", on=False)
        assert list(wanted()) == []


async def test_kernels_of_all_notebooks_are_listed_interrupted_and_restarted(house: Any) -> None:
    first, second = await house.notebook("hang", "b"), await house.notebook("a")
    async with house.page(first) as one, house.page(second) as two:
        kernel, key = await hanging(house, one, "c0")
        await run(one, "c1")
        await two.finished((await run(two, "c0"))[0])
        overview = house.rooms.overview
        found = {entry.file_id: entry for entry in overview.kernels()}
        assert found.keys() == {first, second}
        busy = found[first]
        assert (busy.kernel, busy.cell_id, busy.queued, busy.runtime_id) == (
            "busy",
            "c0",
            1,
            house.compute.runtimes["ada"],
        )
        assert found[second].cell_id is None
        overview.interrupt("ada", kernel.kernel_id)
        await eventually(lambda: kernel.interrupts == 1)
        overview.restart("ada", kernel.kernel_id)
        assert (await one.finished(key))["status"] == "aborted"
        with pytest.raises(NotFoundError):
            overview.interrupt("bob", kernel.kernel_id)

"""Open, edit, run, keep: one page and its room."""

from __future__ import annotations

import json
from typing import Any

from labora.access import Principal, Scope

ADA = Principal("ada", "Ada", scopes=frozenset(Scope))


async def test_an_edit_is_saved_and_reaches_the_other_page(house: Any) -> None:
    file_id = await house.notebook("print(1)")
    async with house.page(file_id) as one, house.page(file_id) as other:
        assert one.source("c0") == "print(1)"
        one.type("c0", "# hi\n")
        await one.settle()
        await other.settle()
        assert one.unsaved == {}
        assert other.source("c0") == "# hi\nprint(1)"


async def test_run_shows_outputs_in_order_and_the_state_agrees(house: Any) -> None:
    file_id = await house.notebook("a", "b")
    async with house.page(file_id) as page:
        answer = await page.command("execute", cells=["c0", "c1"])
        first, second = answer["result"]["executions"]
        assert (await page.finished(first["id"]))["status"] == "ok"
        assert (await page.finished(second["id"]))["status"] == "ok"
        assert page.text("c0") == "a\n"
        assert page.text("c1") == "b\n"
        assert page.state == page.room.state


async def test_an_edit_sent_before_run_is_in_the_code_that_runs(house: Any) -> None:
    file_id = await house.notebook("b")
    async with house.page(file_id) as page:
        page.type("c0", "a")
        answer = await page.command("execute", cells=["c0"])
        await page.finished(answer["result"]["executions"][0]["id"])
        assert page.text("c0") == "ab\n"


async def test_everything_is_there_after_eviction_and_in_the_file(house: Any) -> None:
    file_id = await house.notebook("x")
    async with house.page(file_id) as page:
        page.type("c0", "y")
        answer = await page.command("execute", cells=["c0"])
        await page.finished(answer["result"]["executions"][0]["id"])
        await page.command("disconnect")
        state = page.room.state
    assert await house.rooms.evict(file_id)
    async with house.page(file_id) as page:
        assert page.source("c0") == "yx"
        assert page.state["cells"] == state["cells"]
    _, _, chunks = await house.drive.open_content(ADA, file_id)
    saved = json.loads(b"".join([chunk async for chunk in chunks]))
    assert "".join(saved["cells"][0]["source"]) == "yx"
    assert saved["cells"][0]["outputs"][0]["text"] == ["yx\n"]

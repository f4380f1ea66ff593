"""Outputs that a person clears, all of a cell's or a single one, while its run goes on and after it."""

from __future__ import annotations

from typing import Any

from .test_executions import start_hanging


async def test_clearing_a_running_cell_shows_what_it_prints_afterwards(house: Any) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, ids = await start_hanging(house, page, "c0")
        kernel.print(ids[0], "before\n")
        await page.until(lambda: page.text("c0") == "before\n")
        await page.command("clear_outputs", all=True)
        assert page.text("c0") == ""
        kernel.print(ids[0], "after\n")
        kernel.done(ids[0])
        await page.finished(ids[0])
        assert page.text("c0") == "after\n"


async def test_what_comes_after_the_end_joins_what_was_left_when_one_output_was_removed(house: Any) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, ids = await start_hanging(house, page, "c0")
        kernel.print(ids[0], "old\n")
        kernel.say("clear_output", {"wait": True}, ids[0])
        await page.until(lambda: len(page.state["cells"]["c0"]["outputs"]) == 1)
        await page.settle()
        # All of it in one turn: no batch of a running execution has it.
        kernel.print(ids[0], "kept\n")
        kernel.say("display_data", {"data": {"text/plain": "plot"}, "metadata": {}}, ids[0])
        kernel.done(ids[0], count=1)
        await page.finished(ids[0])
        _, plot = page.state["cells"]["c0"]["outputs"]
        await page.command("clear_outputs", cells=["c0"], outputs=[plot["id"]])
        kernel.print(ids[0], "late\n")
        await page.until(lambda: "late\n" in [one["text"] for one in page.state["cells"]["c0"]["outputs"]])
        assert [one["text"] for one in page.state["cells"]["c0"]["outputs"]] == ["kept\n", "late\n"]


async def test_one_output_is_removed_and_the_rest_goes_on(house: Any) -> None:
    file_id = await house.notebook("hang")

    def shown(page: Any) -> list[Any]:
        return [one.get("text") or one["data"]["text/plain"] for one in page.state["cells"]["c0"]["outputs"]]

    async with house.page(file_id) as page:
        kernel, ids = await start_hanging(house, page, "c0")
        kernel.print(ids[0], "old\n")
        kernel.say("display_data", {"data": {"text/plain": "plot"}, "metadata": {}}, ids[0])
        kernel.print(ids[0], "open")
        await page.until(lambda: len(page.state["cells"]["c0"]["outputs"]) == 3)
        before = page.state["cells"]["c0"]
        ids_shown = [one["id"] for one in before["outputs"]]
        await page.command("clear_outputs", cells=["c0"], outputs=[ids_shown[1]])
        assert shown(page) == ["old\n", "open"]
        # The line that was open goes on, in its own output.
        kernel.print(ids[0], " line\n")
        await page.until(lambda: shown(page) == ["old\n", "open line\n"])
        # Without it, what is printed next is not of the stream that now is the last.
        await page.command("clear_outputs", cells=["c0"], outputs=[ids_shown[2], "gone already"])
        kernel.print(ids[0], "\rnew\n")
        await page.until(lambda: shown(page) == ["old\n", "new\n"])
        kernel.done(ids[0], count=4)
        await page.finished(ids[0])
        await page.command(
            "clear_outputs", cells=["c0"], outputs=[one["id"] for one in page.state["cells"]["c0"]["outputs"]]
        )
        await page.settle()
        assert page.state["cells"]["c0"] == {"execution_id": ids[0], "execution_count": 4, "outputs": []}
        answer = await page.command("clear_outputs", all=True, outputs=ids_shown)
        assert answer["type"] == "refused"
    async with house.page(file_id) as again:
        assert again.state["cells"]["c0"]["outputs"] == []

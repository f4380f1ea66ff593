"""A room with a real agent and a real Python kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labora.rooms import Kills, RuntimeLease
from labora.testing.runtime import LocalRuntime


class InFolder:
    """A kernel's door that starts it in the test's folder."""

    def __init__(self, session: Any, cwd: str) -> None:
        self._session, self._cwd = session, cwd

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    async def start(self) -> Any:
        return await self._session.start(cwd=self._cwd)


class OneRuntime:
    """The port of rooms over one LocalRuntime."""

    def __init__(self, local: LocalRuntime) -> None:
        self.local = local

    async def ensure(self, account_id: str, progress: Callable[[Any], None]) -> RuntimeLease:
        return RuntimeLease(self.local.runtime.id, "none")

    async def find(self, runtime_id: str) -> RuntimeLease | None:
        return RuntimeLease(runtime_id, "none")

    async def session(self, runtime_id: str, kernel_id: str, kernel_name: str) -> Any:
        return InFolder(self.local.kernels.session(self.local.runtime, kernel_id, kernel_name), self.local.cwd)

    async def end(self, runtime_id: str, *, by: str) -> None:
        """Ends with the test."""

    def on_ended(self, listener: Any) -> None:
        """It does not end by itself."""

    async def why_ended(self, runtime_id: str) -> None:
        """It does not end."""

    def on_ending(self, listener: Any) -> None:
        """It does not end by itself."""

    def on_warning(self, listener: Any) -> None:
        """It does not end by itself."""

    def look(self, wanted: Any, take: Any) -> Callable[[], None]:
        return lambda: None

    async def kills(self, runtime_id: str) -> Kills:
        return Kills()

    def note_execution(self, runtime_id: str) -> None:
        """Nobody looks."""

    def note_input(self, runtime_id: str) -> None:
        """Nobody looks."""


PRINTS = "import time\nfor i in range(300):\n    print(i, flush=True)\n    time.sleep(0.01)"


async def test_output_is_gapless_over_a_killed_control_plane(house: Any) -> None:
    file_id = await house.notebook(PRINTS, "i + 1", "name = input('Name? ')\nname", "1/0", "2")
    async with LocalRuntime() as local:
        await house.rooms.close()
        house.compute = OneRuntime(local)
        await house.start()
        async with house.page(file_id) as page:
            answer = await page.command("execute", cells=["c0", "c1"])
            ids = [execution["id"] for execution in answer["result"]["executions"]]
            await page.until(lambda: "20\n" in page.text("c0"))
        house.rooms.abandon()
        await local.kernels.close()
        await house.start()
        async with house.page(file_id) as page:
            assert (await page.finished(ids[0]))["status"] == "ok"
            assert (await page.finished(ids[1]))["status"] == "ok"
            assert page.text("c0") == "".join(f"{number}\n" for number in range(300))
            assert page.state["cells"]["c1"]["outputs"][0]["data"]["text/plain"] == "300"
            await input_and_error(page)
        await house.rooms.close()
        await house.start()


async def test_help_on_a_name_stands_below_its_cell(house: Any) -> None:
    file_id = await house.notebook("len?")
    async with LocalRuntime() as local:
        await house.rooms.close()
        house.compute = OneRuntime(local)
        await house.start()
        async with house.page(file_id) as page:
            answer = await page.command("execute", cells=["c0"])
            assert (await page.finished(answer["result"]["executions"][0]["id"]))["status"] == "ok"
            (shown,) = page.state["cells"]["c0"]["outputs"]
            assert shown["output_type"] == "display_data"
            assert "Return the number of items in a container" in shown["data"]["text/plain"]
            assert page.state == page.room.state
        await house.rooms.close()
        await house.start()


async def input_and_error(page: Any) -> None:
    """Answers an input and sees an error stop the run."""
    answer = await page.command("execute", cells=["c2", "c3", "c4"])
    ids = [execution["id"] for execution in answer["result"]["executions"]]
    await page.until(lambda: ids[0] in page.state["inputs"])
    request = page.state["inputs"][ids[0]]
    await page.command("input", execution_id=ids[0], request_id=request["request_id"], value="Ada")
    assert (await page.finished(ids[0]))["status"] == "ok"
    assert page.state["cells"]["c2"]["outputs"][-1]["data"]["text/plain"] == "'Ada'"
    assert (await page.finished(ids[1]))["status"] == "error"
    assert (await page.finished(ids[2]))["status"] == "aborted"
    assert page.state["cells"]["c3"]["outputs"][0]["ename"] == "ZeroDivisionError"
    assert page.state == page.room.state

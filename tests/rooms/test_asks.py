"""Code that asks for its account's drive: consent, refusal, grants, and nobody there. Threat model, case 76."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labora.access import Principal, Role, Scope
from labora.base.errors import NotFoundError
from labora.kernels.asks import read_ask
from labora.testing.recorder import eventually

ADA = Principal("ada", "Ada", scopes=frozenset(Scope))
BOB = Principal("bob", "Bob", scopes=frozenset(Scope))


class Drives:
    """Remembers what was asked of it."""

    def __init__(self) -> None:
        self.grants: set[tuple[str, str]] = set()
        self.made: list[tuple[Any, ...]] = []
        self.fails: NotFoundError | None = None

    async def granted(self, account_id: str, file_id: str) -> bool:
        return (account_id, file_id) in self.grants

    async def grant(self, account_id: str, file_id: str) -> None:
        self.grants.add((account_id, file_id))

    async def mount(self, account_id: str, runtime_id: str, target: str, *, file_id: str, readonly: bool) -> None:
        if self.fails is not None:
            raise self.fails
        self.made.append((account_id, target, readonly))

    async def unmount(self, account_id: str, runtime_id: str, target: str) -> list[str]:
        self.made.append((account_id, target, None))
        return ["lost.txt"]


@pytest.fixture
async def drives(house: Any) -> Drives:
    """Mounts of a server that was started with some."""
    found = Drives()
    await house.rooms.close()
    await house.start(drives=found)
    return found


async def ask(house: Any, page: Any, kind: str = "drive.mount", **content: Any) -> tuple[Any, str]:
    """Runs a cell that asks; returns the kernel and the execution."""
    execution = (await page.command("execute", cells=["c0"]))["result"]["executions"][0]["id"]
    await page.until(lambda: page.state["executions"][execution]["status"] == "running")
    kernel = house.compute.kernel_of(page.principal.account_id)
    kernel.ask("ask-q", kind, execution, mountpoint="/content/drive", **content)
    return kernel, execution


async def answer_of(kernel: Any, ask_id: str = "ask-q") -> dict[str, Any]:
    await eventually(lambda: ask_id in kernel.answers)
    found: dict[str, Any] = kernel.answers[ask_id]
    return found


async def test_sec_76_the_account_is_asked_and_only_its_yes_mounts(house: Any, drives: Drives) -> None:
    file_id = await house.notebook("hang")
    await house.drive.sharing.add(ADA, file_id, role=Role.EDITOR, account_id="bob")
    async with house.page(file_id) as page, house.page(file_id, BOB) as bob:
        kernel, execution = await ask(house, page)
        await page.until(lambda: execution in page.state["inputs"])
        request = page.state["inputs"][execution]
        assert request["ask"]["mountpoint"] == "/content/drive"
        assert request["prompt"] == ""
        assert (await bob.command("consent", execution_id=execution, request_id="ask-q", allow=True))[
            "type"
        ] == "refused"
        token = replace(ADA, scopes=frozenset(Scope) - {Scope.ACCOUNT}, token_id="t")
        async with house.page(file_id, token) as script:
            refused = await script.command("consent", execution_id=execution, request_id="ask-q", allow=True)
            assert refused["type"] == "refused"
        assert drives.made == []
        told = await page.command("consent", execution_id=execution, request_id="ask-q", allow=True, always=False)
        assert told["result"] == {"mounted": True, "message": None}
        assert drives.made == [("ada", "/content/drive", False)]
        assert await answer_of(kernel) == {"ok": True, "value": None}
        assert drives.grants == set()


async def test_sec_76_a_no_is_an_error_in_the_cell(house: Any, drives: Drives) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, execution = await ask(house, page)
        await page.until(lambda: execution in page.state["inputs"])
        await page.command("consent", execution_id=execution, request_id="ask-q", allow=False, always=True)
        answer = await answer_of(kernel)
        assert (answer["ok"], answer["code"]) == (False, "denied")
        assert (drives.made, drives.grants) == ([], set())


async def test_sec_76_always_holds_for_this_notebook_and_this_account_without_a_page(
    house: Any, drives: Drives
) -> None:
    file_id, other = await house.notebook("hang"), await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, execution = await ask(house, page)
        await page.until(lambda: execution in page.state["inputs"])
        await page.command("consent", execution_id=execution, request_id="ask-q", allow=True, always=True)
        assert await answer_of(kernel) == {"ok": True, "value": None}
    assert drives.grants == {("ada", file_id)}
    async with house.page(other) as page:
        kernel, execution = await ask(house, page)
        await page.until(lambda: execution in page.state["inputs"])
        assert len(drives.made) == 1, "another notebook is asked for anew"
    drives.grants.add(("ada", other))


async def test_sec_76_nobody_to_ask_is_said_at_once(house: Any, drives: Drives) -> None:
    file_id = await house.notebook("hang")
    (execution,) = await house.rooms.headless.run(ADA, file_id)
    room = await house.rooms.open(file_id)
    await room.watch(lambda state: state["executions"][execution["id"]]["status"] == "running")
    kernel = house.compute.kernel_of("ada")
    await eventually(lambda: bool(kernel.executed))
    kernel.ask("ask-q", "drive.mount", execution["id"], mountpoint="/content/drive")
    answer = await answer_of(kernel)
    assert (answer["ok"], answer["code"]) == (False, "nobody_asked")
    assert drives.made == []


async def test_what_the_host_refuses_reaches_page_and_program(house: Any, drives: Drives) -> None:
    drives.fails = NotFoundError("There is no such folder.", code="no_mountpoint")
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, execution = await ask(house, page)
        await page.until(lambda: execution in page.state["inputs"])
        told = await page.command("consent", execution_id=execution, request_id="ask-q", allow=True)
        assert told["result"] == {"mounted": False, "message": "There is no such folder."}
        assert (await answer_of(kernel))["code"] == "no_mountpoint"


async def test_unmounting_needs_no_consent_and_names_what_was_not_saved(house: Any, drives: Drives) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, _ = await ask(house, page, "drive.unmount")
        assert await answer_of(kernel) == {"ok": True, "value": {"unsaved": ["lost.txt"]}}


async def test_what_is_not_waited_for_any_more_is_taken_from_the_page(house: Any, drives: Drives) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, execution = await ask(house, page)
        await page.until(lambda: execution in page.state["inputs"])
        kernel.say("ask_gone", {"ask_id": "ask-q"}, execution, "agent")
        await page.until(lambda: execution not in page.state["inputs"])
        late = await page.command("consent", execution_id=execution, request_id="ask-q", allow=True)
        assert late["code"] == "input_answered"
        assert drives.made == []


JSONS = st.sampled_from([None, True, -1, 0, 1.5, float("nan"), float("inf"), "", "x" * 1000, [1], {"a": []}])


@given(st.dictionaries(st.sampled_from(["ask_id", "kind", "content", "timeout_s"]), JSONS))
def test_whatever_a_guest_asks_is_read_or_refused(content: dict[str, Any]) -> None:
    found = read_ask({"ask_id": "ask-1", **content}, None)
    if found is not None:
        assert len(found.kind) <= 256
        assert found.timeout_s is None or found.timeout_s > 0

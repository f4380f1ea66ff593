"""Code that asks for its account's drive: consent, refusal, grants, and nobody there. Threat model, case 76."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labora.access import Principal, Role, Scope
from labora.base.errors import GoneError, InvalidError, LaboraError, NotFoundError, UnavailableError
from labora.kernels.asks import read_ask
from labora.rooms.checkpoints import Checkpoints
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
        if target == "/broken":
            raise RuntimeError("a fault of the server's")
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


async def page_ask(house: Any, page: Any, ask_id: str = "ask-p", kind: str = "javascript") -> tuple[Any, str]:
    execution = (await page.command("execute", cells=["c0"]))["result"]["executions"][0]["id"]
    await page.until(lambda: page.state["executions"][execution]["status"] == "running")
    kernel = house.compute.kernel_of("ada")
    kernel.ask(ask_id, kind, execution, script="1")
    return kernel, execution


async def test_sec_18_the_page_that_ran_the_cell_is_asked_and_nobody_else_may_answer(house: Any) -> None:
    file_id = await house.notebook("hang")
    await house.drive.sharing.add(ADA, file_id, role=Role.EDITOR, account_id="bob")
    script = replace(ADA, token_id="t")
    async with (
        house.page(file_id) as page,
        house.page(file_id, script) as token,
        house.page(file_id) as newest,
        house.page(file_id, BOB) as bob,
    ):
        kernel, execution = await page_ask(house, page)
        await page.until(lambda: bool(page.told("ask")))
        (asked,) = page.told("ask")
        assert (asked["execution_id"], asked["cell_id"], asked["content"]) == (execution, "c0", {"script": "1"})
        for other in (newest, token, bob):
            refused = await other.command("answer", ask_id="ask-p", ok=True, value=1)
            assert refused["code"] in ("no_such_ask", "no_runtime")
            assert other.told("ask") == []
        await page.command("answer", ask_id="ask-p", ok=False, code="failed", message="It threw.")
        assert await answer_of(kernel, "ask-p") == {"ok": False, "code": "failed", "message": "It threw."}
        kernel.say("ask_gone", {"ask_id": "ask-p"}, execution, "agent")
        kernel.ask("ask-r", "upload", execution)
        await page.until(lambda: len(page.told("ask")) == 2)
        kernel.say("ask_gone", {"ask_id": "ask-r"}, execution, "agent")
        await page.until(lambda: bool(page.told("ask_gone", ask_id="ask-r")))


async def test_when_the_asked_page_goes_the_next_one_is_asked_and_else_nobody(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = await house.notebook("hang")
    first, second = house.new_page(file_id), house.new_page(file_id)
    await first.connect()
    await second.connect()
    kernel, _ = await page_ask(house, first)
    await first.until(lambda: bool(first.told("ask")))
    first.disconnect()
    await second.until(lambda: bool(second.told("ask", ask_id="ask-p")))
    second.disconnect()
    await first.connect()
    await first.until(lambda: len(first.told("ask")) == 2)
    assert kernel.answers == {}
    monkeypatch.setattr("labora.rooms.asks.GRACE_S", 0.0)
    first.disconnect()
    assert (await answer_of(kernel, "ask-p"))["code"] == "nobody_asked"


async def test_a_page_that_connects_anew_hears_what_still_waits_and_its_answer_is_taken(house: Any) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page, house.page(file_id) as other:
        assert page.told("asks") == [{"type": "asks", "ids": []}]
        kernel, _ = await page_ask(house, page)
        await page.until(lambda: bool(page.told("ask")))
        stale = page.subscriber
        # The server does not know yet that the connection is dead when the page has its next one.
        await page.connect()
        assert page.told("asks")[-1]["ids"] == ["ask-p"]
        page.room.leave(stale)
        await page.until(lambda: len(page.told("ask")) == 2)
        page.disconnect()
        await other.until(lambda: bool(other.told("ask")))
        await page.connect()
        await page.command("answer", ask_id="ask-p", ok=True, value=1)
        assert await answer_of(kernel, "ask-p") == {"ok": True, "value": 1}
        await other.until(lambda: bool(other.told("ask_gone", ask_id="ask-p")))
        assert (await other.command("answer", ask_id="ask-p", ok=True, value=2))["code"] == "no_such_ask"
        page.disconnect()
        await page.connect()
        assert page.told("asks")[-1]["ids"] == []


async def test_without_a_page_nobody_is_asked_and_what_the_server_knows_is_answered(house: Any) -> None:
    file_id = await house.notebook("hang")
    (execution,) = await house.rooms.headless.run(ADA, file_id)
    room = await house.rooms.open(file_id)
    await room.watch(lambda state: state["executions"][execution["id"]]["status"] == "running")
    kernel = house.compute.kernel_of("ada")
    wanted = ["javascript", "stdin", "nonsense", "notebook", "get_ipynb", "secret.get", "request_auth"]
    for kind in wanted:
        kernel.ask(f"ask-{kind}", kind, execution["id"] if kind != "stdin" else None, name="KEY")
    answers = {kind: await answer_of(kernel, f"ask-{kind}") for kind in wanted}
    assert [answers[kind]["code"] for kind in wanted[:3]] == ["nobody_asked", "nobody_asked", "unknown_ask"]
    assert answers["request_auth"]["code"] == "no_google"
    about = answers["notebook"]["value"]
    assert (about["file_id"], about["name"]) == (file_id, "n.ipynb")
    assert about["url"].endswith(f"/drive/{file_id}")
    assert answers["get_ipynb"]["value"]["ipynb"]["cells"][0]["source"] == "hang"
    assert answers["secret.get"]["value"] == {"exists": False, "access": False, "value": None}


async def test_a_line_for_a_shell_command_is_asked_below_its_cell(house: Any) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, execution = await ask(house, page, "stdin", prompt="Password: ", password=True)
        await page.until(lambda: execution in page.state["inputs"])
        request = page.state["inputs"][execution]
        assert (request["prompt"], request["password"]) == ("Password: ", True)
        await page.command("input", execution_id=execution, request_id="ask-q", value="s3")
        assert await answer_of(kernel) == {"ok": True, "value": "s3"}
        await page.until(lambda: execution not in page.state["inputs"])
        assert kernel.inputs == []


async def test_unassigning_ends_the_runtime(house: Any) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        await ask(house, page, "unassign")
        await page.until(lambda: page.state["runtimes"]["ada"]["status"] == "ended")
        assert house.compute.runtimes == {}


async def test_sec_55_a_refused_secret_is_told_to_the_accounts_own_pages(house: Any) -> None:
    class Secrets:
        async def get(self, account_id: str, file_id: str, name: str) -> dict[str, Any]:
            return {"exists": True, "access": name == "GIVEN", "value": "v" if name == "GIVEN" else None}

    await house.rooms.close()
    await house.start(secrets=Secrets())
    file_id = await house.notebook("hang")
    await house.drive.sharing.add(ADA, file_id, role=Role.EDITOR, account_id="bob")
    async with house.page(file_id) as page, house.page(file_id, BOB) as bob:
        kernel, execution = await ask(house, page, "secret.get", name="KEY")
        assert (await answer_of(kernel))["value"]["access"] is False
        await page.until(lambda: bool(page.told("secret_refused", name="KEY", exists=True)))
        kernel.ask("ask-g", "secret.get", execution, name="GIVEN")
        assert (await answer_of(kernel, "ask-g"))["value"]["value"] == "v"
        await bob.settle()
        assert bob.told("secret_refused") == []
        assert len(page.told("secret_refused")) == 1


def refuse_large(kernel: Any, monkeypatch: pytest.MonkeyPatch, error: LaboraError) -> list[str]:
    """Lets a kernel take refusals only, as the channel does with answers that are too large for it."""
    tries: list[str] = []
    take = kernel.answer

    async def answer(ask_id: str, found: dict[str, Any]) -> None:
        tries.append(ask_id)
        if found["ok"]:
            raise error
        await take(ask_id, found)

    monkeypatch.setattr(kernel, "answer", answer)
    return tries


async def test_an_answer_that_cannot_be_delivered_is_a_refusal_for_program_and_page(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, execution = await page_ask(house, page)
        refuse_large(kernel, monkeypatch, InvalidError("The request is too large.", code="too_large"))
        await page.until(lambda: bool(page.told("ask")))
        told = await page.command("answer", ask_id="ask-p", ok=True, value="x")
        assert told["code"] == "too_large"
        expected = {"ok": False, "code": "too_large", "message": "The request is too large."}
        assert await answer_of(kernel, "ask-p") == expected
        kernel.ask("ask-n", "notebook", execution)
        assert await answer_of(kernel, "ask-n") == expected


async def test_nobody_is_told_twice_that_a_program_no_longer_waits(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, _ = await page_ask(house, page)
        tries = refuse_large(kernel, monkeypatch, GoneError("Nobody waits.", code="no_such_ask"))
        await page.until(lambda: bool(page.told("ask")))
        assert (await page.command("answer", ask_id="ask-p", ok=True, value=1))["code"] == "no_such_ask"
        assert (tries, kernel.answers) == (["ask-p"], {})


async def test_what_is_taken_back_before_its_turn_is_not_done(house: Any, drives: Drives) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, execution = await page_ask(house, page, "ask-first")
        await page.until(lambda: bool(page.told("ask")))
        # In one batch, as they come when the server was away for a while.
        for kind in ("unassign", "drive.unmount", "javascript", "secret.get"):
            kernel.ask(f"ask-{kind}", kind, execution)
            kernel.say("ask_gone", {"ask_id": f"ask-{kind}"}, execution, "agent")
        kernel.ask("ask-n", "notebook", execution)
        await answer_of(kernel, "ask-n")
        await page.settle()
        assert page.state["runtimes"]["ada"]["status"] == "ready"
        assert (drives.made, list(kernel.answers), len(page.told("ask"))) == ([], ["ask-n"], 1)
        assert page.told("secret_refused") == []


async def test_a_fault_of_the_server_is_an_answer_too(
    house: Any, drives: Drives, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> bool:
        raise UnavailableError("The database is busy.", code="storage_busy")

    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, execution = await page_ask(house, page)
        kernel.ask("ask-u", "drive.unmount", execution, mountpoint="/broken")
        assert (await answer_of(kernel, "ask-u"))["code"] == "internal"
        monkeypatch.setattr(drives, "granted", away)
        kernel.ask("ask-m", "drive.mount", execution, mountpoint="/content/drive")
        assert (await answer_of(kernel, "ask-m"))["code"] == "storage_busy"


async def test_what_is_asked_again_while_its_answer_is_under_way_is_done_once(
    house: Any, drives: Drives, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = await house.notebook("hang")
    async with house.page(file_id) as page:
        kernel, execution = await page_ask(house, page)
        under_way, arrives, take = asyncio.Event(), asyncio.Event(), kernel.answer

        async def answer(ask_id: str, found: dict[str, Any]) -> None:
            if ask_id == "ask-u":
                under_way.set()
                await arrives.wait()
            await take(ask_id, found)

        monkeypatch.setattr(kernel, "answer", answer)
        kernel.ask("ask-u", "drive.unmount", execution, mountpoint="/content/drive")
        await under_way.wait()
        kernel.ask("ask-u", "drive.unmount", execution, mountpoint="/content/drive")
        kernel.ask("ask-n", "notebook", execution)
        await answer_of(kernel, "ask-n")
        arrives.set()
        await answer_of(kernel, "ask-u")
        assert len(drives.made) == 1


async def test_a_notebook_is_written_for_programs_one_at_a_time_and_measured_as_it_is_sent(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    export, active, most = Checkpoints.export, 0, 0

    async def watched(*args: Any, **options: Any) -> bytes:
        nonlocal active, most
        active += 1
        most = max(most, active)
        try:
            return await export(*args, **options)
        finally:
            active -= 1

    monkeypatch.setattr(Checkpoints, "export", watched)
    # Three bytes a character in the file, six on the channel.
    file_id = await house.notebook("hang", "\u65e5" * 1000)
    async with house.page(file_id) as page:
        kernel, execution = await page_ask(house, page)
        for number in range(5):
            kernel.ask(f"ask-{number}", "get_ipynb", execution)
        for number in range(5):
            assert (await answer_of(kernel, f"ask-{number}"))["ok"] is True
        assert most == 1
        monkeypatch.setattr("labora.kernels.asks.IPYNB_BYTES", 5000)
        kernel.ask("ask-large", "get_ipynb", execution)
        assert (await answer_of(kernel, "ask-large"))["code"] == "too_large"


JSONS = st.sampled_from(
    [None, True, -1, 0, 1.5, float("nan"), float("inf"), 10**400, 1e300, "", "x" * 1000, [1], {"a": []}]
)


@given(st.dictionaries(st.sampled_from(["ask_id", "kind", "content", "timeout_s"]), JSONS))
def test_whatever_a_guest_asks_is_read_or_refused(content: dict[str, Any]) -> None:
    found = read_ask({"ask_id": "ask-1", **content}, None)
    if found is not None:
        assert len(found.kind) <= 256
        assert found.timeout_s is None or 0 < found.timeout_s <= 7 * 24 * 3600

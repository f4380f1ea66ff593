"""Machines that stand ready, in real sandboxes: taken by whoever runs first, over restarts of the server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from labora.testing.client import RoomClient
from labora.testing.process import ServerProcess, notebook_of

WARM = {"LABORA_RUNTIMES__WARM": "1"}
LOOK = "import os\nprint(os.getpid(), [name for name in os.listdir('/content') if name != 'sample_data'], os.getcwd())"


def runtimes_of(server: ServerProcess) -> set[str]:
    return {path.stem for path in (server.data_dir / "run" / "runtimes").glob("*.json")}


@pytest.mark.sandbox
@pytest.mark.slow
async def test_a_claim_runs_in_the_machine_that_stood_ready_also_after_a_kill(images_dir: Path) -> None:
    async with ServerProcess(images_dir, WARM) as server:
        await server.warm()
        (ready,) = runtimes_of(server)
        assert (await server.api().get("/runtimes")).json() == {"runtimes": []}
        command = [sys.executable, "-m", "labora.cli", "runtime", "list", "--data-dir", str(server.data_dir)]
        listed = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
        assert listed.stdout == "1 more stands ready for whoever runs something next.\n"
        # The next server takes it up and gives it away; nothing was started anew.
        await server.kill()
        await server.start()
        await server.warm()
        assert runtimes_of(server) == {ready}
        first = server.page(await server.upload(notebook_of(look=LOOK, mine="open('mine', 'w').close()")))
        second = server.page(await server.upload(notebook_of(look=LOOK)))
        async with first.open(), second.open():
            # Both at once: one gets the kernel that stood ready, the other one of its own.
            said = await asyncio.gather(first.run("look"), second.run("look"))
            assert [text.partition(" ")[2] for text in said] == ["[] /content\n"] * 2
            assert len({text.partition(" ")[0] for text in said}) == 2, "two notebooks share a kernel"
            (key,) = await first.execute("mine")
            assert (await first.finished(key))["execution_count"] == 2
            (shown,) = [state["runtime_id"] for state in first.state["runtimes"].values()]
            assert shown == ready
            (mine,) = (await server.api().get("/runtimes")).json()["runtimes"]
            assert mine["id"] == ready
            # Somebody else gets the one that came after it.
            await server.invite("bo")
            await server.warm()
            (other,) = runtimes_of(server) - {ready}
            page = server.page(await server.upload(notebook_of(look=LOOK), login="bo"), "bo")
            async with page.open():
                assert (await page.run("look")).partition(" ")[2] == "[] /content\n"
                assert [state["runtime_id"] for state in page.state["runtimes"].values()] == [other]


def named(kernel: str, language: str) -> dict[str, Any]:
    made = notebook_of(c0="1")
    return made | {"metadata": {"kernelspec": {"name": kernel, "display_name": kernel, "language": language}}}


async def kernel_after_a_run(house: Any, content: dict[str, Any]) -> str:
    file_id = await house.upload(content)
    async with house.page(file_id) as page:
        answer = await page.command("execute", cells=["c0"])
        await page.finished(answer["result"]["executions"][0]["id"])
        return str(page.room.staged.ledger["kernels"]["ada"]["kernel_id"])


async def test_the_first_plain_python_notebook_takes_the_kernel_and_only_that_one(house: Any) -> None:
    house.compute.warm_kernels = ["stood-ready"]
    assert await kernel_after_a_run(house, named("ir", "R")) != "stood-ready"
    assert await kernel_after_a_run(house, named("python3", "python")) == "stood-ready"
    assert await kernel_after_a_run(house, named("python3", "python")) != "stood-ready"


async def test_how_an_earlier_life_of_the_kernel_ended_is_not_this_notebooks(house: Any) -> None:
    """Somebody killed it before it was taken: `!kill -9 -1` in another notebook of the account."""
    house.compute.warm_kernels = ["stood-ready"]
    file_id = await house.upload(named("python3", "python"))
    async with house.page(file_id) as page:
        house.compute.gate.clear()
        answer = await page.command("execute", cells=["c0"])
        kernel = await house.compute.session("any", "stood-ready", "python3")
        kernel.say("died", {"message": "The kernel died."}, None, "agent")
        kernel.status, kernel.life = "dead", 1
        house.compute.gate.set()
        ended = await page.finished(answer["result"]["executions"][0]["id"])
        assert ended["status"] == "ok"
        (runtime,) = page.state["runtimes"].values()
        assert runtime["kernel"] == "idle"


async def test_a_notebook_that_names_its_authors_environment_takes_it_too(house: Any) -> None:
    house.compute.warm_kernels = ["stood-ready"]
    assert await kernel_after_a_run(house, named("conda-env-mine", "python")) == "stood-ready"


def kernels_of(page: RoomClient) -> set[str]:
    """Returns the kernels of the account's runtime that have started, as its meter last said."""
    meters = [message["meter"] for message in page.control if message["type"] == "meter"]
    kernels = meters[-1]["kernels"] if meters else []
    return {kernel["kernel_id"] for kernel in kernels if kernel["status"] == "idle"}


@pytest.mark.sandbox
@pytest.mark.slow
async def test_a_notebook_that_is_opened_while_the_machine_stands_finds_its_kernel_started(images_dir: Path) -> None:
    async with ServerProcess(images_dir) as server:
        first = server.page(await server.upload(notebook_of(c0="1")))
        second = server.page(await server.upload(notebook_of(c0="print(1)")))
        third = server.page(await server.upload(notebook_of(c0="1")))
        async with first.open():
            # Nothing is started for a reader while there is no machine.
            async with second.open():
                assert server.guests() == []
            await first.finished((await first.execute("c0", timeout_s=60))[0])
            await first.command("watch", on=True)
            await first.until(lambda: len(kernels_of(first)) == 1)
            async with second.open(), third.open():
                await first.until(lambda: len(kernels_of(first)) == 2)
                ahead = kernels_of(first)
                assert await second.run("c0") == "1\n"
                seen = len(first.control)
                await first.until(lambda: any(message["type"] == "meter" for message in first.control[seen:]))
                assert kernels_of(first) == ahead, "the run did not take the kernel that was started ahead"

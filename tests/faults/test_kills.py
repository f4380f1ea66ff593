"""kill -9 of the control plane, the host and the agent while three pages type and a cell prints.

Whatever dies, and at whatever named point: every acknowledged edit is there once and in its writer's order, every
replica agrees, and after the death of the control plane or the host the kernel goes on and its output has no gap.
``LABORA_TEST_ROUNDS`` and ``LABORA_TEST_SEED`` make it longer or repeat it (scripts/soak does).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from labora.base.errors import LaboraError
from labora.testing.client import RoomClient
from labora.testing.process import ServerProcess, notebook_of
from labora.testing.recorder import eventually

ROUNDS = int(os.environ.get("LABORA_TEST_ROUNDS", "10"))
SEED = int(os.environ.get("LABORA_TEST_SEED", "0")) or random.randrange(1, 1 << 30)
ROUNDS_PER_NOTEBOOK = 5
CONTROL_POINTS = (
    "journal.before",
    "journal.after",
    "apply.after",
    "checkpoint.before",
    "checkpoint.after",
    "trim.after",
    "output.before",
    "output.after",
)
HOST_POINTS = ("host.start.registered", "host.start.launched", "host.kill.before", "host.kill.after")
AGENT_POINTS = ("agent.execute.before", "agent.execute.after", "agent.sent", "agent.acknowledged")
# A dead host comes back by itself, and so does a runtime that is declared lost.
COMES_BACK_S = 90.0
DECLARED_S = 60.0
LINES = 150
PRINTER = f"import time\nfor number in range({LINES}):\n    print('line', number)\n    time.sleep(0.006)\n"
PROBE = "import os\nprint(os.getpid(), kept)"
CHECKPOINTS = {"LABORA_ROOMS__CHECKPOINT_QUIET_S": "0.2", "LABORA_ROOMS__CHECKPOINT_INTERVAL_S": "0.4"}


def say(text: str) -> None:
    """Prints past pytest's capture at once, for whoever watches a long run."""
    print(text, file=sys.__stdout__, flush=True)


class House:
    """One server, one notebook at a time, three pages of two people, and what was typed and acknowledged."""

    def __init__(self, server: ServerProcess, chance: random.Random) -> None:
        self.server = server
        self.chance = chance
        self.pages: dict[str, RoomClient] = {}
        self.typed: dict[str, list[str]] = {}
        self.may_connect = asyncio.Event()
        self.file_id = ""
        self.kernel = ""
        self._stays: list[asyncio.Task[None]] = []

    # -- setting ------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """A fresh notebook with its three pages and a kernel that keeps a value."""
        await self.close()
        value = self.chance.randrange(1 << 30)
        sources = {"c0": "", "c1": "", "printer": PRINTER, "keep": f"kept = {value}", "probe": PROBE}
        self.file_id = await self.server.upload(notebook_of(**sources))
        grant = {"login": "bob", "role": "editor"}
        (await self.server.api().post(f"/files/{self.file_id}/permissions", json=grant)).raise_for_status()
        self.may_connect.set()
        for name, login in (("A", "ada"), ("B", "bob"), ("C", "ada")):
            page = self.pages[name] = self.server.page(self.file_id, login)
            await page.connect()
            self._stays.append(asyncio.create_task(page.stay(self.may_connect)))
        self.typed = {name: [] for name in self.pages}
        await self.wake_kernel()

    async def wake_kernel(self) -> None:
        """Has a kernel with the value in it; notes which one."""
        await self.pages["A"].run("keep")
        self.kernel = await self.pages["A"].run("probe")

    async def close(self) -> None:
        for task in self._stays:
            task.cancel()
        await asyncio.gather(*self._stays, return_exceptions=True)
        self._stays.clear()
        for page in self.pages.values():
            await page.disconnect()

    async def type_forever(self, name: str) -> None:
        """Somebody types tokens that name them and count, into either cell, online or not."""
        page = self.pages[name]
        while True:
            token = f"<{name}{len(self.typed[name])}>"
            page.type(self.chance.choice(("c0", "c1")), token)
            self.typed[name].append(token)
            await asyncio.sleep(self.chance.uniform(0.01, 0.06))

    @asynccontextmanager
    async def typing(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self.type_forever(name)) for name in self.pages]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # -- what must hold -----------------------------------------------------------------------------------------------

    def acked(self) -> list[str]:
        return [mark for page in self.pages.values() for mark in page.acked]

    async def check_nothing_lost(self, acked: Sequence[str]) -> None:
        """A reader who never was here finds everything that was acknowledged, before any page sends it again."""
        reader = self.server.page(self.file_id)
        async with reader.open():
            self._check_tokens(reader.source("c0") + reader.source("c1"), acked)

    def _check_tokens(self, text: str, wanted: Sequence[str]) -> None:
        found = Counter(re.findall(r"<[ABC]\d+>", text))
        doubled = [token for token, count in found.items() if count > 1]
        assert not doubled, f"doubled: {doubled[:5]}"
        missing = [token for token in wanted if token not in found]
        assert not missing, f"acknowledged and lost: {missing[:5]} of {len(wanted)}"

    async def check_all_agree(self) -> None:
        """Every page, a page opened now, and the downloaded file say the same; each writer's order is kept."""
        for page in self.pages.values():
            await page.until(lambda page=page: page.connected and page.unsaved == 0, 120)  # type: ignore[misc]
        reader = self.server.page(self.file_id)
        async with reader.open():
            for page in self.pages.values():
                await page.command("ping")
                await page.until(lambda page=page: page.seq >= reader.seq)  # type: ignore[misc]
                for cell_id in ("c0", "c1"):
                    assert page.source(cell_id) == reader.source(cell_id)
                assert page.state["cells"] == reader.state["cells"]
            sources = {cell_id: reader.source(cell_id) for cell_id in ("c0", "c1")}
        file = await self.server.download(self.file_id)
        exported = {cell["id"]: _joined(cell["source"]) for cell in file["cells"]}
        assert {cell_id: exported[cell_id] for cell_id in sources} == sources
        self._check_tokens("".join(sources.values()), [token for typed in self.typed.values() for token in typed])
        for text in sources.values():
            for name in self.pages:
                numbers = [int(number) for number in re.findall(rf"<{name}(\d+)>", text)]
                assert numbers == sorted(numbers), f"the order of {name}"
        printed = next(cell for cell in file["cells"] if cell["id"] == "printer")["outputs"]
        shown = self.pages["B"].text("printer")
        assert "".join(_joined(output.get("text", "")) for output in printed) == shown

    async def check_output(self, execution_id: str) -> None:
        """The cell ended well and printed every line once, in order."""
        execution = await self.pages["A"].finished(execution_id)
        assert execution["status"] == "ok", execution
        assert self.pages["A"].text("printer") == "".join(f"line {number}\n" for number in range(LINES))

    async def check_kernel_unchanged(self) -> None:
        """The same process still holds the same value."""
        assert await self.pages["A"].run("probe") == self.kernel

    # -- killing ------------------------------------------------------------------------------------------------------

    async def kill_control(self, point: str | None) -> str:
        """Kills the control plane, starts it again and lets the pages come back after the check of what was kept."""
        where = await self._fall("control", point)
        self.may_connect.clear()
        acked = self.acked()
        await self.server.start()
        await self.check_nothing_lost(acked)
        self.may_connect.set()
        return where

    async def _fall(self, _victim: str, point: str | None) -> str:
        often = 2 if point and point.startswith(("checkpoint", "trim")) else 6
        fault = f"{point}:{self.chance.randint(1, often)}" if point else ""
        self.server.arm(fault)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.chance.uniform(0.05, 0.7) if point is None else 1.5):
                await self.server.died()
                return fault
        await self.server.kill()
        self.server.arm("")
        return f"{fault or 'moment'} (by signal)"

    async def kill_host(self) -> str:
        """Kills the host at some moment; it comes back by itself and adopts what runs."""
        await asyncio.sleep(self.chance.uniform(0.05, 0.7))
        pid = (await self.server.host.ping()).pid
        psutil.Process(pid).kill()
        await self.host_is_back(pid)
        return "moment"

    async def host_is_back(self, old: int) -> None:
        async def back() -> bool:
            try:
                return (await self.server.host.ping()).pid != old
            except LaboraError:
                return False

        await eventually(back, COMES_BACK_S)

    async def kill_host_at(self, point: str) -> str:
        """Kills the host while it ends a runtime or starts the next; the run that asked for it goes on nevertheless."""
        page = self.pages["A"]
        pid = (await self.server.host.ping()).pid
        self.server.arm(f"{point}:1")
        # The first process of a runtime that ends may well be the one that the host dies over.
        await page.command("disconnect")
        await page.until(lambda: not _running(page))
        await page.run("keep")
        await self.host_is_back(pid)
        await self.wake_kernel()
        return point

    async def kill_agent(self, execution_id: str) -> str:
        """Kills the agent: the runtime is declared lost, the cell says why, no process stays, the next run works."""
        (guest,) = self.server.guests()
        family = [guest, *guest.children(recursive=True)]
        assert len(family) > 1
        await asyncio.sleep(self.chance.uniform(0.0, 0.7))
        with contextlib.suppress(psutil.NoSuchProcess):
            guest.kill()
        await self.check_declared_lost(execution_id, family)
        return "moment"

    async def kill_agent_at(self, point: str) -> str:
        """The same at a point inside the agent, which is armed when its runtime starts."""
        fault = f"{point}:{self.chance.randint(1, 2 if 'execute' in point else 6)}"
        await self._restart_control({"LABORA_RUNTIMES__ENVIRONMENT": f'{{"LABORA_FAULT": "{fault}"}}'})
        page = self.pages["A"]
        await page.until(lambda: page.connected)
        answer = await page.command("disconnect")
        assert answer["type"] == "ack", (answer, page.state["runtimes"])
        await page.until(lambda: not _running(page))
        # The next agent is another one, which was given the fault.
        await eventually(lambda: not self.server.guests(), DECLARED_S)
        for _ in range(6):
            (key,) = await page.execute("printer")
            ended = await page.finished(key)
            if ended["status"] != "ok":
                break
        assert ended["status"] in ("lost", "aborted", "error"), f"the agent lived: {ended}"
        assert ended["reason"], ended
        await eventually(lambda: not self.server.guests(), DECLARED_S)
        await self._restart_control({})
        await page.until(lambda: page.connected)
        await self.wake_kernel()
        return fault

    async def _restart_control(self, environment: dict[str, str]) -> None:
        await self.server.stop()
        await self.server.start(environment)

    async def check_declared_lost(self, execution_id: str, family: Sequence[psutil.Process]) -> None:
        page, started = self.pages["A"], time.monotonic()
        await page.until(lambda: not _running(page), DECLARED_S)
        ended = await page.finished(execution_id, max(0.1, DECLARED_S - (time.monotonic() - started)))
        assert ended["status"] in ("lost", "aborted", "error", "ok"), ended
        assert ended["status"] == "ok" or ended["reason"], ended
        shown = page.text("printer")
        assert "".join(f"line {number}\n" for number in range(LINES)).startswith(shown)
        # Killed processes whose parent is gone are reaped by whoever inherits them.
        await eventually(lambda: not [one for one in family if _lives(one)], DECLARED_S)
        await self.wake_kernel()


def _running(page: RoomClient) -> bool:
    return any(runtime["status"] != "ended" for runtime in page.state["runtimes"].values())


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _joined(text: Any) -> str:
    return text if isinstance(text, str) else "".join(text)


def plan(chance: random.Random, rounds: int) -> list[tuple[str, str | None]]:
    """Returns victim and point of every round: each named point in turn, moments in between, in random order.

    Few rounds hold one of every kind, and as many of the named points of the control plane as there is room for.
    """
    points: list[tuple[str, str | None]] = [("control", point) for point in CONTROL_POINTS]
    points += [("control", None)] * 3 + [("host", None)] * 2 + [("agent", None)] * 2
    kinds: list[tuple[str, str | None]] = [("control", None), ("host", None), ("agent", None)]
    kinds += [("host", chance.choice(HOST_POINTS)), ("agent", chance.choice(AGENT_POINTS))]
    points += kinds[3:]
    if rounds < len(points):
        named = [("control", point) for point in chance.sample(CONTROL_POINTS, max(0, rounds - len(kinds)))]
        found = (kinds + named)[:rounds]
        return chance.sample(found, len(found))
    found = []
    while len(found) < rounds:
        found += chance.sample(points, len(points))
    return found[:rounds]


async def play(house: House, victim: str, point: str | None) -> str:
    """One round: pages type and a cell prints while one process dies; returns where it died."""
    (execution_id,) = await house.pages["A"].execute("printer")
    where = ""
    async with house.typing():
        if victim == "control":
            where = await house.kill_control(point)
        elif victim == "host":
            where = await (house.kill_host() if point is None else house.kill_host_at(point))
        else:
            where = await (house.kill_agent(execution_id) if point is None else house.kill_agent_at(point))
        await asyncio.sleep(0.1)
    if victim == "control" or (victim == "host" and point is None):
        await house.check_output(execution_id)
        await house.check_kernel_unchanged()
    await house.check_all_agree()
    return where


@pytest.mark.slow
async def test_kills_lose_nothing(images_dir: Path) -> None:
    say(f"\nkills: seed {SEED}, {ROUNDS} rounds (LABORA_TEST_SEED={SEED} repeats them)")
    chance = random.Random(SEED)
    async with ServerProcess(images_dir, CHECKPOINTS) as server:
        await server.invite("bob")
        house = House(server, chance)
        edits = 0
        try:
            for number, (victim, point) in enumerate(plan(chance, ROUNDS)):
                if number % ROUNDS_PER_NOTEBOOK == 0:
                    edits += len(house.acked())
                    await house.open()
                started = time.monotonic()
                try:
                    where = await play(house, victim, point)
                except BaseException:
                    say(f"round {number}: {victim} {point}, seed {SEED}\n{server.log.read_text()[-6000:]}")
                    raise
                say(f"round {number:3}: {victim} at {where}, {time.monotonic() - started:.1f} s")
            edits += len(house.acked())
        finally:
            await house.close()
    say(f"kills: {ROUNDS} rounds, {edits} acknowledged edits, none lost, none doubled")

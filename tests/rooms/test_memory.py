"""A kernel that the system kills for memory, in a real sandbox with little of it, and one that does not respond."""

from __future__ import annotations

from pathlib import Path

import pytest

from labora.testing.client import RoomClient
from labora.testing.process import ServerProcess, notebook_of

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

HOG = "print('before', flush=True)\nhog = []\nwhile True:\n    hog.append(bytearray(b'x') * (16 << 20))"
LARGE = "kept = bytearray(b'x') * (170 << 20)\nprint(len(kept) >> 20)"
# A regular expression that takes for ever, in C and without giving the interpreter up.
HUNG = "import re, os\nprint(os.getpid(), flush=True)\nre.match('(a+)+$', 'a' * 60 + 'b')"


async def test_a_kernel_that_uses_all_memory_is_explained_and_a_larger_idle_one_lives_on(images_dir: Path) -> None:
    """The bomb dies although, step by step, the idle neighbour is the larger of the two for most of the way."""
    small = {"LABORA_RUNTIMES__MEMORY_BYTES": str(400 * 1024 * 1024)}
    async with ServerProcess(images_dir, small) as server:
        alone = server.page(await server.upload(notebook_of(hog=HOG, after="6 * 7")))
        async with alone.open():
            await check(alone)
        bomb = server.page(await server.upload(notebook_of(hog=HOG, after="6 * 7")))
        idle = server.page(await server.upload(notebook_of(large=LARGE, still="print(len(kept) >> 20, 'alive')")))
        async with bomb.open(), idle.open():
            assert (await idle.finished((await idle.execute("large"))[0]))["status"] == "ok"
            await check(bomb)
            assert (await idle.finished((await idle.execute("still"))[0]))["status"] == "ok"
            assert idle.state["cells"]["still"]["outputs"][0]["text"] == "170 alive\n"
            runtimes = [next(iter(page.state["runtimes"].values()))["runtime_id"] for page in (bomb, idle)]
            assert runtimes[0] == runtimes[1]


async def test_a_hung_kernel_is_told_from_a_busy_one(images_dir: Path) -> None:
    async with ServerProcess(images_dir, {"LABORA_RUNTIMES__METER_INTERVAL_S": "0.5"}) as server:
        busy_id = await server.upload(notebook_of(busy="print('at work', flush=True)\nwhile True:\n    pass"))
        hung_id = await server.upload(notebook_of(hung=HUNG))
        busy, hung = server.page(busy_id), server.page(hung_id)
        async with busy.open(), hung.open():
            await busy.execute("busy")
            await hung.execute("hung")
            for page, cell in ((busy, "busy"), (hung, "hung")):
                await page.until(lambda page=page, cell=cell: bool(page.state["cells"].get(cell, {}).get("outputs")))
            await busy.command("watch", on=True)

            def silent(least: float) -> dict[str, bool]:
                meters = [message["meter"] for message in busy.control if message["type"] == "meter"]
                return {
                    kernel["file_id"]: kernel["silent_s"] >= least for kernel in (meters or [{}])[-1].get("kernels", [])
                }

            await busy.until(lambda: silent(3).get(hung_id) is True)
            assert silent(3)[busy_id] is False
            runtime_id = next(iter(busy.state["runtimes"].values()))["runtime_id"]
            kernels = (await server.api().get("/runtimes")).json()["runtimes"][0]["kernels"]
            (kernel,) = [kernel for kernel in kernels if kernel["file_id"] == hung_id]
            assert kernel["status"] == "busy"
            # A restart ends it by force.
            answer = await server.api().post(f"/runtimes/{runtime_id}/kernels/{kernel['kernel_id']}/restart")
            assert answer.status_code == 200
            await hung.until(lambda: next(iter(hung.state["runtimes"].values()))["kernel"] == "idle")


async def check(page: RoomClient) -> None:
    """Runs out of memory, then computes."""
    killed = await page.finished((await page.execute("hog"))[0])
    assert killed["status"] == "aborted"
    assert killed["reason"].startswith("Your kernel used all available memory (0.4 GB) while running this cell")
    runtime = next(iter(page.state["runtimes"].values()))
    assert (runtime["status"], runtime["kernel"], runtime["reason"]) == ("ready", "dead", "oom")
    assert runtime["cell_id"] == "hog"
    assert page.state["cells"]["hog"]["outputs"][0]["text"] == "before\n"
    assert (await page.finished((await page.execute("after"))[0]))["status"] == "ok"

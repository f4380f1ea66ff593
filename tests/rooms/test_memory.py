"""A kernel that the system kills for memory, in a real sandbox with little of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from labora.testing.client import RoomClient
from labora.testing.process import ServerProcess, notebook_of

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

HOG = "print('before', flush=True)\nhog = []\nwhile True:\n    hog.append(bytearray(b'x') * (16 << 20))"


async def test_a_kernel_that_uses_all_memory_is_explained_and_the_next_one_works(images_dir: Path) -> None:
    small = {"LABORA_RUNTIMES__MEMORY_BYTES": str(400 * 1024 * 1024)}
    async with ServerProcess(images_dir, small) as server:
        file_id = await server.upload(notebook_of(hog=HOG, after="6 * 7"))
        page = server.page(file_id)
        async with page.open():
            await check(page)


async def check(page: RoomClient) -> None:
    """Runs out of memory, then computes."""
    killed = await page.finished((await page.execute("hog"))[0])
    assert killed["status"] == "aborted"
    assert killed["reason"].startswith("Your kernel used all available memory (0.4 GB) while running this cell")
    runtime = next(iter(page.state["runtimes"].values()))
    assert (runtime["status"], runtime["kernel"], runtime["reason"]) == ("ready", "dead", "oom")
    assert page.state["cells"]["hog"]["outputs"][0]["text"] == "before\n"
    assert (await page.finished((await page.execute("after"))[0]))["status"] == "ok"

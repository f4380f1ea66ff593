"""kill -9 at every named step of the write path: what was acknowledged is there, nothing is doubled (F1, F2)."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest

POINTS = [
    "journal.before",
    "journal.after",
    "apply.after",
    "checkpoint.before",
    "checkpoint.after",
    "trim.after",
    "output.before",
    "output.after",
]


@pytest.mark.parametrize("point", POINTS)
async def test_every_acknowledged_edit_survives_a_kill_at(house: Any, point: str) -> None:
    file_id = await house.notebook("", "out")
    await house.rooms.close()
    seed = random.randrange(1 << 30)
    count = random.Random(seed).randint(1, 3)
    sys.stdout.write(f"seed {seed}: {point}:{count}\n")
    acked = await _run_until_killed(house.folder, file_id, f"{point}:{count}")
    await house.start()
    async with house.page(file_id) as page:
        source = page.source("c0")
        for token in acked:
            assert source.count(token) == 1, token
        assert page.state == page.room.state
        outputs = page.text("c1")
        assert outputs in ("", "out\n")
        # The house goes on: an edit and a run work.
        page.type("c0", "<after>")
        await page.settle()
        assert page.unsaved == {}
    await house.crash()
    await house.start()
    async with house.page(file_id) as page:
        assert page.source("c0").count("<after>") == 1


async def _run_until_killed(folder: Path, file_id: str, fault: str) -> list[str]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("crash_child.py")),
        str(folder),
        file_id,
        "t",
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "LABORA_FAULT": fault},
    )
    assert child.stdout is not None
    async with asyncio.timeout(180):
        printed = (await child.stdout.read()).decode()
        code = await child.wait()
    assert code == -9, printed
    return [line.split()[1] for line in printed.splitlines() if line.startswith("acked")]

"""Forked kernels in the real default image, where the agent is the first process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labora.testing.client import RoomClient
from labora.testing.process import ServerProcess, notebook_of

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

# Forked kernels have the zygote's command line; the zygote is the one of them that is no kernel.
COUNT = """
import pathlib
lines = [path.read_bytes() for path in pathlib.Path("/proc").glob("[0-9]*/cmdline")]
print(sum(b"zygote_process.py" in line for line in lines), sum(b"kernel_launcher.py" in line for line in lines))
"""
PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 4, 9])\nplt.show()"
DATA = """
import multiprocessing, numpy as np, pandas as pd
with multiprocessing.Pool(2) as pool:
    print([int(n) for n in pool.map(np.sum, [np.ones(1000), np.eye(300) @ np.eye(300)])], pd.Series([1, 2]).sum())
"""
INSTALL = """
import pathlib, site
folder = pathlib.Path(site.getsitepackages()[0])
(folder / "thing.py").write_text("said = 'new'")
(folder / "thing.pth").write_text("import thing; import sys; sys.thing = thing.said\\n")
(folder / "thing-1.0.dist-info").mkdir()
"""
SEEN = "import sys; print(getattr(sys, 'thing', None))"
CELLS = {
    "count": COUNT,
    "plot": PLOT,
    "data": DATA,
    "install": INSTALL,
    "seen": SEEN,
    "kill": "import os; os.kill(-1, 9)",
}


async def outputs(page: RoomClient, cell: str) -> list[dict[str, Any]]:
    """Runs a cell and returns its outputs."""
    (key,) = await page.execute(cell)
    assert (await page.finished(key))["status"] == "ok", page.state["cells"][cell]
    return list(page.state["cells"][cell]["outputs"])


async def text(page: RoomClient, cell: str) -> str:
    return "".join(output["text"] for output in await outputs(page, cell) if output["output_type"] == "stream")


async def test_two_notebooks_of_one_machine(images_dir: Path) -> None:
    async with ServerProcess(images_dir) as server:
        first, second = [server.page(await server.upload(notebook_of(**CELLS))) for _ in range(2)]
        async with first.open(), second.open():
            assert await text(first, "count") == "0 1\n"
            assert await text(second, "count") == "2 1\n"
            for page in (first, second):
                assert any("image/png" in output.get("data", {}) for output in await outputs(page, "plot"))
                assert await text(page, "data") == "[1000, 300] 3\n"

            # What was installed is there after a restart, also where that comes from a zygote.
            await text(second, "install")
            assert await text(second, "seen") == "None\n"
            await second.command("restart")
            assert await text(second, "seen") == "new\n"
            assert await text(second, "count") == "2 1\n"

            # Everything but the agent and this kernel is killed.
            await text(second, "kill")
            await first.until(lambda: next(iter(first.state["runtimes"].values()))["kernel"] == "dead")
            assert await text(second, "count") == "1 0\n"
            await first.command("restart")
            assert await text(first, "seen") == "new\n"
            assert await text(first, "count") == "3 0\n"

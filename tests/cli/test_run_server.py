"""``labora run --server`` against a real server with a real sandbox."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from labora.testing.process import ServerProcess, notebook_of

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]


@pytest.fixture
async def server(images_dir: Path) -> AsyncIterator[ServerProcess]:
    async with ServerProcess(images_dir) as running:
        yield running


async def labora_run(folder: Path, notebook: dict[str, Any], *options: str, token: str) -> tuple[int, str, Path]:
    source, out = folder / "report.ipynb", folder / "out.ipynb"
    source.write_text(json.dumps(notebook))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "labora.cli", "run", str(source), "-o", str(out), *options,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "LABORA_TOKEN": token},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(240):
        _, said = await process.communicate()
    return process.returncode or 0, said.decode(), out


async def test_run_on_a_server_sets_parameters_and_fetches_the_outputs(server: ServerProcess, tmp_path: Path) -> None:
    notebook = notebook_of(defaults="epochs = 1", prints="print('epochs', epochs)", empty="", value="epochs * 2")
    notebook["cells"][0]["metadata"] = {"tags": ["parameters"]}
    options = ("--server", server.url, "--param", "epochs=21", "--param", "name=a b")
    code, said, out = await labora_run(tmp_path, notebook, *options, token=server.tokens["ada"])
    assert code == 0, said
    assert "cell 4 of 4" in said
    cells = json.loads(out.read_bytes())["cells"]
    assert "".join(cells[1]["source"]) == "# Parameters\nepochs = 21\nname = 'a b'"
    assert "".join(cells[2]["outputs"][0]["text"]) == "epochs 21\n"
    assert "".join(cells[4]["outputs"][0]["data"]["text/plain"]) == "42"
    # It lies in the account's drive, where the line that was printed leads.
    address = next(word for word in said.split() if "/drive/" in word)
    file = (await server.api().get(f"/files/{address.rpartition('/')[2]}")).json()
    assert (file["name"], file["owner"]["name"]) == ("report.ipynb", "Ada")


async def test_run_on_a_server_stops_at_an_error_and_refuses_a_bad_token(server: ServerProcess, tmp_path: Path) -> None:
    notebook = notebook_of(bad="1 / 0", never="print('never')")
    code, said, out = await labora_run(tmp_path, notebook, "--server", server.url, token=server.tokens["ada"])
    assert code == 1
    assert "cell 1 of 2" in said
    assert "cell 2 of 2" in said
    cells = json.loads(out.read_bytes())["cells"]
    assert cells[0]["outputs"][0]["ename"] == "ZeroDivisionError"
    assert cells[1]["outputs"] == []
    code, said, _ = await labora_run(tmp_path, notebook, "--server", server.url, token="nonsense")
    assert code == 2
    assert said.startswith("✗ The server does not know this token.")
    code, said, _ = await labora_run(tmp_path, notebook, "--server", server.url, token="n\u00f6")
    assert code == 2
    assert said.startswith("✗ This is no API token")
    code, said, _ = await labora_run(
        tmp_path, notebook, "--server", server.url, "--param", "a-b=1", token=server.tokens["ada"]
    )
    assert code == 2
    assert "cannot be the name of a variable" in said


async def test_a_run_is_followed_over_a_restart_of_the_server(server: ServerProcess, tmp_path: Path) -> None:
    wait = "import os, time\nprint('waits', flush=True)\nwhile not os.path.exists('go'):\n    time.sleep(0.1)"
    notebook = notebook_of(wait=wait, after="print('after')")
    options = ("--server", server.url)
    running = asyncio.create_task(labora_run(tmp_path, notebook, *options, token=server.tokens["ada"]))
    async with asyncio.timeout(120):
        files: list[Any] = []
        while not files:
            files = (await server.api().get("/files", params={"name": "report"})).json()["files"]
        async with server.page(files[0]["id"]).open() as page:
            await page.until(lambda: "waits" in page.text("wait"))
        await server.kill()
        await server.start()
        async with server.page(files[0]["id"]).open() as page:
            # Another notebook of the same account runs on the same machine.
            go = await server.upload(notebook_of(go="open('go', 'w').close()"))
            async with server.page(go).open() as other:
                await other.run("go")
            await page.until(lambda: "after" in page.text("after"))
        code, said, out = await running
    assert code == 0, said
    assert "cell 2 of 2" in said
    assert json.loads(out.read_bytes())["cells"][1]["outputs"][0]["text"] == ["after\n"]

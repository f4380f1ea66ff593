"""Notebooks that run offline give what nbclient gives with the same interpreter: the same kinds of outputs everywhere,
and the same bytes wherever two runs of nbclient agree.

Those that need a package beyond the default image run too: the error that says so must be the same.
"""

from __future__ import annotations

import asyncio
import csv
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from labora.base.settings import RuntimeSettings
from labora.host.image import Recipe, environment_of, image_folder
from labora.testing.client import ENDS
from labora.testing.notebooks import real_notebook_folder
from labora.testing.process import ServerProcess

FOLDER = real_notebook_folder(Path(__file__).parents[2])
INDEX = FOLDER / "INDEX.tsv" if FOLDER else None
ROWS = list(csv.DictReader(INDEX.read_text().splitlines(), delimiter="\t")) if INDEX and INDEX.is_file() else []
NAMES = sorted(row["file"] for row in ROWS if row["runs offline"])
RUN_S = 120.0
POLL_S = 0.4

pytestmark = [
    pytest.mark.skipif(not NAMES, reason="no folder of real notebooks; name it in LABORA_TEST_NOTEBOOKS"),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.slow,
]

Outputs = list[list[dict[str, Any]]]


async def with_nbclient(image: Path, source: Path, target: Path) -> Outputs:
    """Runs a notebook with nbclient and the image's interpreter."""
    python = environment_of(image_folder(image, Recipe.of(RuntimeSettings()))) / "bin" / "python"
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("nbclient_child.py")),
        str(python), str(source), str(target),
        env={"PATH": f"{python.parent}:/usr/bin:/bin", "HOME": str(target.parent), "LANG": "C.UTF-8"},
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await child.communicate()
    assert child.returncode == 0, said.decode()[-2000:]
    return outputs_of(json.loads(target.read_text()))


async def with_labora(server: ServerProcess, source: Path) -> Outputs:
    """Runs a notebook headless: upload, POST executions, wait, download."""
    notebook = json.loads(source.read_text())
    # Where outputs are omitted, none could be compared.
    notebook["metadata"].get("colab", {}).pop("private_outputs", None)
    file_id = await server.upload(json.dumps(notebook).encode(), source.name)
    answer = await server.api().post(f"/files/{file_id}/executions", json={"stop_on_error": False})
    answer.raise_for_status()
    wanted = {execution["id"] for execution in answer.json()["executions"]}
    async with asyncio.timeout(RUN_S):
        while True:
            known = (await server.api().get(f"/files/{file_id}/executions")).json()["executions"]
            if not [one for one in known if one["id"] in wanted and one["status"] not in ENDS]:
                break
            # Another process's work has no event over REST.
            await asyncio.sleep(POLL_S)
    assert {one["status"] for one in known if one["id"] in wanted} <= {"ok", "error"}
    return outputs_of(await server.download(file_id))


def outputs_of(notebook: dict[str, Any]) -> Outputs:
    """Returns the outputs of every code cell, streams joined as a reader sees them."""
    found: Outputs = []
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        merged: list[dict[str, Any]] = []
        for output in cell["outputs"]:
            one = {key: value for key, value in output.items() if key not in ("id", "execution_count")}
            if one["output_type"] == "stream":
                one["text"] = plain(one["text"])
                if merged and merged[-1].get("name") == one["name"]:
                    merged[-1]["text"] += one["text"]
                    continue
            merged.append(one)
        found.append(merged)
    return found


def plain(text: Any) -> str:
    return text if isinstance(text, str) else "".join(text)


CHART = re.compile(r"application/vnd\.(vegalite|vega|plotly)\.")


def draws_chart(outputs: list[dict[str, Any]]) -> bool:
    """Returns whether a cell shows a chart as data, which elsewhere is a page that needs a network."""
    return any(CHART.match(kind) for one in outputs for kind in one.get("data", ()))


def kinds(outputs: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Returns what kinds a cell's outputs are of: the order of stdout and stderr is the kernel's timing."""
    found = []
    for one in outputs:
        shown = sorted({"text/html" if CHART.match(kind) else kind for kind in one.get("data", ())})
        detail = [one["name"]] if "name" in one else shown or [one.get("ename", "")]
        found.append((one["output_type"], *detail))
    streams = sorted(kind for kind in set(found) if kind[0] == "stream")
    return [kind for kind in found if kind[0] != "stream"] + streams


def normal(outputs: list[dict[str, Any]], images_dir: Path) -> str:
    """Returns the bytes of a cell's outputs, less the paths and process ids that two places never share."""

    def text(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: text(item) for key, item in sorted(value.items())}
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return "".join(value).rstrip("\n")
        return value.rstrip("\n") if isinstance(value, str) else value

    words = json.dumps([text(one) for one in outputs], sort_keys=True)
    for environment in (*images_dir.glob("*/env"), *images_dir.glob("*/layer/opt/python")):
        words = words.replace(json.dumps(str(environment))[1:-1], "")
    # From the beginning of a word only: tried from each of its characters, the pictures' text would take minutes.
    words = re.sub(r"(?<![^\s\"'(=])[^\s\"'(=]*/lib/python3", "ENV/lib/python3", words)
    return re.sub(r"/tmp/ipykernel_\d+/\d+\.py|0x[0-9a-f]{6,}", "PLACE", words)


@pytest.mark.parametrize("name", NAMES)
async def test_runs_as_with_nbclient(server: ServerProcess, images_dir: Path, tmp_path: Path, name: str) -> None:
    assert FOLDER is not None
    source = FOLDER / name
    ours, first, second = await asyncio.gather(
        with_labora(server, source),
        with_nbclient(images_dir, source, tmp_path / "first.ipynb"),
        with_nbclient(images_dir, source, tmp_path / "second.ipynb"),
    )
    assert len(ours) == len(first)
    same = 0
    for number, (mine, one, other) in enumerate(zip(ours, first, second, strict=True)):
        assert kinds(mine) == kinds(one), f"cell {number}"
        if normal(one, images_dir) == normal(other, images_dir) and not draws_chart(mine):
            assert normal(mine, images_dir) == normal(one, images_dir), f"cell {number}"
            same += 1
    missing = {out["evalue"] for cell in ours for out in cell if out.get("ename") == "ModuleNotFoundError"}
    print(
        f"{name}: {len(ours)} cells, {same} compared byte for byte{_lacking(missing)}", file=sys.__stdout__, flush=True
    )


def _lacking(missing: set[str]) -> str:
    return f"; the default image lacks {', '.join(sorted(missing))}" if missing else ""

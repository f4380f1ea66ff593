"""The real Yjs on the other side."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from labora.base.settings import LimitSettings
from labora.notebook.document import NotebookDocument
from labora.notebook.model import Cell, new_notebook

YJS = Path(__file__).parents[2] / "web" / "node_modules" / "yjs" / "dist" / "yjs.mjs"
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(not NODE or not YJS.is_file(), reason="Node or the front end's packages are missing")


@pytest.mark.parametrize("seed", [1, 2, 3, 5, 8, 13])
def test_a_browsers_edits_end_in_the_same_text(seed: int) -> None:
    cells = [Cell(id=f"c{number}", kind="code", source="print('😀漢')\n" * 2) for number in range(3)]
    stepwise = NotebookDocument.from_notebook(new_notebook(cells))
    at_once = NotebookDocument.from_update(stepwise.encode_state())
    at_once.apply(stepwise.set_source("c1", "😀a😀b\n"), "server")
    sent = {"state": base64.b64encode(stepwise.encode_state()).decode(), "seed": seed}
    script = Path(__file__).with_name("yjs_client.mjs")
    ran = subprocess.run(
        [NODE or "", script, YJS], input=json.dumps(sent), capture_output=True, text=True, check=True, timeout=60
    )
    told: dict[str, Any] = json.loads(ran.stdout)
    for document, updates in ((stepwise, told["updates"]), (at_once, [told["difference"]])):
        for update in map(base64.b64decode, updates):
            document.apply(document.stage(update, LimitSettings(), can_edit=True).update, "browser")
        assert {view.id: view.source for view in document.cells()} == told["sources"]

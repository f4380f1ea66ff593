"""Every real notebook through the real server: upload, open, edit back and forth, save, download."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pycrdt import Text

from labora.testing.client import RoomClient
from labora.testing.notebooks import real_notebook_folder, typed_difference
from labora.testing.process import ServerProcess

FOLDER = real_notebook_folder(Path(__file__).parents[2])
FILES = sorted(FOLDER.glob("*.ipynb")) if FOLDER else []

pytestmark = [
    pytest.mark.skipif(not FILES, reason="no folder of real notebooks; name it in LABORA_TEST_NOTEBOOKS"),
    pytest.mark.asyncio(loop_scope="module"),
]


async def touched(page: RoomClient) -> None:
    """Types a letter into the first cell and takes it out, so that the room writes the file anew."""
    cells = page.doc["cells"]
    for key in sorted(cells.keys()):
        source = cells[key]["source"]
        assert isinstance(source, Text)
        page.type(key, "x", 0)
        page.type(key, "y", 0)
        del source[0:2]
        page.flush()
        await page.until(lambda: page.unsaved == 0)
        return


async def through_a_room(server: ServerProcess, name: str, data: bytes) -> dict[str, Any]:
    file_id = await server.upload(data, name)
    async with server.page(file_id).open() as page:
        if page.welcome["read_only_reason"] is not None:
            assert len(page.welcome["read_only_reason"]) > 10, "it says why"
            answer = await server.api().get(f"/files/{file_id}/download")
            assert answer.content == data, "kept byte for byte"
            return {}
        await touched(page)
        saved = await page.command("checkpoint", name=None)
        assert saved["type"] == "ack", saved
        file = await server.download(file_id)
        # What the page shows is what the file holds.
        cells = page.doc["cells"]
        shown = [page.source(key) for key in sorted(cells.keys(), key=lambda key: (cells[key]["position"], key))]
        sources = [cell["source"] for cell in file["cells"]]
        assert shown == [_lines(source) for source in sources]
    return file


def _lines(source: str | list[str]) -> str:
    text = source if isinstance(source, str) else "".join(source)
    return text.replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
async def test_opens_and_comes_back_equal(server: ServerProcess, path: Path) -> None:
    data = path.read_bytes()
    original = json.loads(data.decode("utf-8-sig"))
    file = await through_a_room(server, path.name, data)
    if original.get("nbformat", 4) < 4:
        # Older formats are upgraded once, and stay as they are from then on.
        assert file["nbformat"] == 4
        again = await through_a_room(server, path.name, json.dumps(file).encode())
        assert typed_difference(file, again) is None
    elif file:
        assert typed_difference(original, file) is None

"""Every real notebook opens or says why not, and comes back as the same typed JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labora.base.settings import LimitSettings
from labora.notebook.codec import read_notebook, write_notebook
from labora.notebook.document import NotebookDocument
from labora.notebook.model import BlobSink
from labora.testing.notebooks import real_notebook_folder, typed_difference

FOLDER = real_notebook_folder(Path(__file__).parents[2])
FILES = sorted(FOLDER.glob("*.ipynb")) if FOLDER else []
LIMITS = LimitSettings()

pytestmark = pytest.mark.skipif(not FILES, reason="no folder of real notebooks; name it in LABORA_TEST_NOTEBOOKS")


def through_document(data: bytes) -> tuple[bytes, bool]:
    sink = BlobSink()
    result = read_notebook(data, LIMITS, store=sink)
    document = NotebookDocument.from_update(NotebookDocument.from_notebook(result.notebook).encode_state())
    states = json.loads(json.dumps(result.notebook.cell_states()))
    written = write_notebook(
        document.to_notebook(states), resolve=sink.resolve, output_export_bytes=LIMITS.output_export_bytes
    )
    return written, bool(result.repairs)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_opens_and_comes_back_as_equal_typed_json(path: Path) -> None:
    data = path.read_bytes()
    original = json.loads(data.decode("utf-8-sig"))
    written, repaired = through_document(data)
    if original.get("nbformat", 4) < 4:
        assert repaired, "an upgrade is told"
        assert json.loads(written)["nbformat"] == 4
        assert through_document(written)[0] == written, "upgraded once, it stays"
        return
    assert not repaired
    assert typed_difference(original, json.loads(written)) is None


def test_most_files_come_back_byte_for_byte() -> None:
    same = [path.name for path in FILES if through_document(path.read_bytes())[0] == path.read_bytes()]
    assert len(same) >= 0.8 * len(FILES)

"""Merges of real notebooks come out as nbdime's, where it finds no conflict either."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from labora.base.settings import LimitSettings
from labora.notebook.codec import read_notebook
from labora.notebook.document import NotebookDocument
from labora.notebook.merge import apply_merge, plan_merge
from labora.notebook.model import BlobSink, Notebook
from labora.testing.notebooks import real_notebook_folder, sample_notebooks

ROOT = Path(__file__).parents[2]
FOLDER = real_notebook_folder(ROOT)
LIMITS = LimitSettings()
Raw = dict[str, Any]


def text(cell: Raw) -> str:
    return "".join(cell.get("source", ""))


def apart(raw: Raw) -> list[int]:
    """Returns cells with some text that do not stand near one another: changes side by side are conflicts to nbdime."""
    found: list[int] = []
    for at, cell in enumerate(raw["cells"]):
        if len(text(cell)) > 40 and (not found or at - found[-1] >= 3):
            found.append(at)
    return found


def suits(path: Path) -> Raw | None:
    """Returns a notebook that nbdime is quick with, and that can be changed in four places."""
    if path.stat().st_size > 25_000:
        return None
    try:
        raw: Raw = json.loads(path.read_bytes())
    except ValueError:
        return None
    if raw.get("nbformat") != 4 or len(apart(raw)) < 4:
        return None
    # Cells that say the same can be told apart by their ids alone, which older notebooks lack.
    return raw if len({text(cell) for cell in raw["cells"]}) == len(raw["cells"]) else None


FOUND = [path for path in [*sorted(FOLDER.glob("*.ipynb") if FOLDER else []), *sample_notebooks(ROOT)] if suits(path)]


def append(raw: Raw, at: int, line: str) -> None:
    raw["cells"][at]["source"] = (text(raw["cells"][at]) + line).splitlines(keepends=True)


def sides(raw: Raw) -> tuple[Raw, Raw]:
    """Returns two histories of one notebook, each with changes in other cells."""
    first, second, third, fourth = apart(raw)[:4]
    mine, theirs = deepcopy(raw), deepcopy(raw)
    append(mine, first, "\nmine = True")
    append(theirs, third, "\ntheirs = True")
    added = {"cell_type": "markdown", "metadata": {}, "source": ["a text that is unlike all the others, 12345"]}
    mine["cells"].insert(second + 1, {**added, **({"id": "added-by-me"} if "id" in raw["cells"][0] else {})})
    del theirs["cells"][fourth]
    return mine, theirs


def read(raw: Raw) -> Notebook:
    return read_notebook(json.dumps(raw).encode(), LIMITS, store=BlobSink()).notebook


def test_merges_of_real_notebooks_come_out_as_nbdimes() -> None:
    import nbformat
    from nbdime.merging.notebooks import merge_notebooks

    compared = 0
    for path in FOUND:
        if compared == 5:
            break
        raw = suits(path)
        assert raw is not None
        mine, theirs = sides(raw)
        merged, decisions = merge_notebooks(
            *(nbformat.reads(json.dumps(one), as_version=nbformat.NO_CONVERT) for one in (raw, mine, theirs))
        )
        if any(one.conflict for one in decisions):
            continue  # it is not sure of itself
        base = read(raw)
        document = NotebookDocument.from_notebook(base)
        apply_merge(document, plan_merge(base, base, read(mine)))
        plan = plan_merge(base, document.to_notebook(), read(theirs))
        apply_merge(document, plan)
        assert not plan.conflicts, path.name
        assert [cell.source for cell in document.to_notebook().cells] == [text(cell) for cell in merged["cells"]], (
            path.name
        )
        compared += 1
    assert compared >= 5, "run scripts/setup --dev"

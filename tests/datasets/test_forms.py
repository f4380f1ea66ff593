"""While forms for libraries are written, and when they cannot be, the set itself is held and stays so."""

from __future__ import annotations

import fcntl
import json
import os
import random
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from labora_guest import places
from typer.testing import CliRunner

from labora.base.errors import ConflictError, UnavailableError
from labora.cli import app
from labora.datasets import Shelf
from tests.datasets.conftest import Publish, Site, idx, mnist_like

OPENML = {"id": 987_654_321, "name": "Tiny_784", "file": 42}
TFDS = {"name": "tiny", "version": "3.0.1"}
CLASSES = [f"kind {at}" for at in range(10)]


def state(shelf: Shelf, name: str = "tiny") -> str:
    return shelf.standing(shelf.get(name)).state


@pytest.fixture
def at_work(shelf: Shelf) -> Iterator[Callable[[str], None]]:
    """Stands for another process that has a set in hand, for as long as the test runs."""
    held: list[int] = []

    def begin(name: str) -> None:
        held.append(os.open(shelf.folder / ".fetching" / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644))
        fcntl.flock(held[-1], fcntl.LOCK_EX)

    yield begin
    for descriptor in held:
        os.close(descriptor)


def test_a_set_is_held_while_it_is_written_for_libraries(
    shelf: Shelf, publish: Publish, tmp_path: Path, at_work: Callable[[str], None]
) -> None:
    publish("tiny", mnist_like())
    publish("other", {"a.bin": b"a"})
    shelf.fetch("tiny")
    publish("tiny", mnist_like(), openml=OPENML)
    at_work("tiny")
    at_work("other")
    assert (state(shelf), state(shelf, "other")) == ("held", "fetching")
    assert shelf.fetch("tiny") == []
    with pytest.raises(ConflictError, match="already"):
        shelf.fetch("other")
    with pytest.raises(ConflictError, match="Try again when that is done"):
        shelf.remove("tiny")

    (shelf.folder / "tiny" / "train-images-idx3-ubyte").write_bytes(b"damaged")
    done = CliRunner().invoke(app, ["dataset", "verify", "--data-dir", str(tmp_path)])
    assert done.exit_code == 1
    assert "tiny/train-images-idx3-ubyte: it has changed" in done.output


def fetch_all(tmp_path: Path, *names: str, file_bytes: int | None = None) -> subprocess.CompletedProcess[str]:
    """Fetches as a server does, in a process whose files do not grow beyond ``file_bytes``."""

    def bound() -> None:
        if file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    words = (sys.executable, "-B", "-m", "labora.datasets", str(tmp_path / "images"), str(tmp_path / "datasets.d"))
    return subprocess.run([*words, *names], preexec_fn=bound, capture_output=True, text=True, check=False)


def test_a_form_that_finds_no_room_takes_no_other_away(
    shelf: Shelf, publish: Publish, site: Site, home: Path, manifests: Path, tmp_path: Path
) -> None:
    files = mnist_like() | {"more.bin": b"more"}
    files["train-images-idx3-ubyte.gz"] = idx(30, 28, 28, content=random.Random(1).randbytes(30 * 784))
    files = {name.removesuffix(".gz") if "train-images" in name else name: data for name, data in files.items()}
    manifest = publish("tiny", files, openml=OPENML, tfds=TFDS, classes=CLASSES)
    manifest["files"][-1]["optional"] = True
    (manifests / "tiny.json").write_text(json.dumps(manifest))
    del site.files["/tiny/more.bin"]

    # Noise of 23.5 kB: 25 kB as pictures, 40 kB as text.
    done = fetch_all(tmp_path, "tiny", file_bytes=30_000)
    missing, form = done.stdout.splitlines()
    assert "without more.bin" in missing
    assert "without scikit-learn's fetch_openml: File too large" in form
    assert (done.returncode, state(shelf)) == (0, "held")
    assert shelf.verify("tiny") == []
    places.link_datasets()
    assert [path.name for path in home.iterdir()] == ["tensorflow_datasets"]

    assert shelf.due("tiny") == ["tiny"]
    assert shelf.fetch("tiny") == []
    places.link_datasets()
    assert sorted(path.name for path in home.iterdir()) == ["scikit_learn_data", "tensorflow_datasets"]
    assert shelf.verify("tiny") == []
    assert [path.name for path in (shelf.folder / ".fetching").iterdir() if path.suffix != ".lock"] == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"files": []}',
        '{"files": {"a.bin": 1}}',
        '{"files": {}, "made": {".openml": 1}}',
        "\0\xff",
    ],
)
def test_a_damaged_description_says_what_to_do_and_stops_no_other(
    shelf: Shelf, publish: Publish, tmp_path: Path, content: str
) -> None:
    publish("tiny", mnist_like())
    publish("other", {"a.bin": b"a"})
    shelf.fetch("tiny")
    publish("tiny", mnist_like(), openml=OPENML)
    (shelf.folder / "tiny" / "dataset.json").write_text(content, encoding="latin-1")
    assert shelf.due("other") == ["other", "tiny"]
    with pytest.raises(UnavailableError, match="labora dataset remove tiny") as refused:
        shelf.fetch("tiny")
    assert refused.value.error_code == "dataset_damaged"
    assert shelf.verify("tiny") == ["tiny/dataset.json: it is damaged"]

    done = fetch_all(tmp_path, "tiny", "other")
    assert done.returncode == 1
    (said,) = done.stdout.splitlines()
    assert "tiny/dataset.json is damaged" in said
    assert state(shelf, "other") == "held"

    shelf.remove("tiny")
    assert shelf.fetch("tiny") == []
    assert shelf.verify("tiny") == []
    assert shelf.due("other") == []


@pytest.mark.parametrize(
    "change",
    [
        {"classes": [*CLASSES[:9], "other"]},
        {"licence": "CC BY 4.0"},
        {"credit": "Somebody else"},
        {"citation": "@misc{other}"},
        {"about": "Told otherwise."},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_a_manifest_tells_anew_is_written_anew(
    shelf: Shelf, publish: Publish, change: dict[str, str | list[str]]
) -> None:
    told = {"openml": OPENML, "tfds": TFDS, "classes": CLASSES, "credit": "Somebody", "citation": "@misc{tiny}"}
    publish("tiny", mnist_like(), **told)
    publish("other", {"a.bin": b"a"})
    shelf.fetch("tiny")
    shelf.fetch("other")
    assert shelf.due("other") == []
    folder = shelf.folder / "tiny" / ".tfds"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    publish("tiny", mnist_like(), **told | change)
    assert shelf.due("other") == ["tiny"]
    assert shelf.fetch("tiny") == []
    assert {path.name: path.read_bytes() for path in folder.iterdir()} != before
    assert shelf.due("other") == []
    assert shelf.verify("tiny") == []

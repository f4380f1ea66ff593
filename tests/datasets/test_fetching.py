"""Data sets come whole and verified or not at all, whatever the server of the publisher does."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from pathlib import Path

import pytest

from labora.base.errors import ConflictError, InvalidError, NotFoundError, UnavailableError
from labora.datasets import Progress, Shelf
from tests.datasets.conftest import Publish, Site, mnist_like

FILES = {"pictures.gz": gzip.compress(bytes(range(256)) * 4096, mtime=0), "labels.bin": bytes(range(100))}


def test_a_set_is_held_packed_as_published_and_unpacked(shelf: Shelf, publish: Publish) -> None:
    publish("tiny", FILES, credit="Somebody", home={".keras/datasets/tiny": "."})
    assert shelf.fetch("tiny") == []
    folder = shelf.folder / "tiny"
    assert {path.name for path in folder.iterdir()} == {"pictures.gz", "pictures", "labels.bin", "dataset.json"}
    assert (folder / "pictures.gz").read_bytes() == FILES["pictures.gz"]
    assert (folder / "pictures").read_bytes() == bytes(range(256)) * 4096
    about = json.loads((folder / "dataset.json").read_text())
    assert (about["licence"], about["credit"], about["home"]) == ("CC0", "Somebody", {".keras/datasets/tiny": "."})
    assert about["files"]["labels.bin"]["sha256"] == hashlib.sha256(FILES["labels.bin"]).hexdigest()
    assert [one.state for one in shelf.all()[0] if one.dataset.name == "tiny"] == ["held"]
    assert shelf.verify("tiny") == []


def test_an_interrupted_fetch_goes_on_where_it_stopped(shelf: Shelf, publish: Publish, site: Site) -> None:
    data = bytes(range(256)) * 4096
    publish("tiny", {"big.bin": data, "second.bin": b"2"})
    path = "/tiny/big.bin"
    site.breaks[path] = [300_000, 200_000, 100, 100, 100, 100]
    with pytest.raises(UnavailableError, match=r"again and again|too early"):
        shelf.fetch("tiny")
    so_far = (shelf.folder / ".fetching" / "tiny" / "big.bin.part").stat().st_size
    assert so_far >= 500_000
    assert not (shelf.folder / "tiny").exists()
    site.breaks.clear()
    site.asked.clear()
    shelf.fetch("tiny")
    assert (shelf.folder / "tiny" / "big.bin").read_bytes() == data
    assert site.asked == [(path, f"bytes={so_far}-"), ("/tiny/second.bin", None)]


def test_what_is_whole_already_is_not_fetched_again(shelf: Shelf, publish: Publish, site: Site) -> None:
    publish("tiny", FILES)
    gone = site.files.pop("/tiny/labels.bin")
    with pytest.raises(UnavailableError, match="404"):
        shelf.fetch("tiny")
    site.files["/tiny/labels.bin"] = gone
    site.asked.clear()
    shelf.fetch("tiny")
    assert site.asked == [("/tiny/labels.bin", None)]
    site.asked.clear()
    shelf.fetch("tiny")
    assert site.asked == []


def test_a_server_without_ranges_sends_it_all_again(shelf: Shelf, publish: Publish, site: Site) -> None:
    site.ranges = False
    publish("tiny", FILES)
    site.breaks["/tiny/pictures.gz"] = [500]
    shelf.fetch("tiny")
    assert (shelf.folder / "tiny" / "pictures.gz").read_bytes() == FILES["pictures.gz"]


def test_damage_is_found_and_another_address_asked(shelf: Shelf, publish: Publish, site: Site, manifests: Path) -> None:
    manifest = publish("tiny", FILES)
    damaged = bytearray(FILES["labels.bin"])
    damaged[50] ^= 1
    site.files["/mirror/labels.bin"] = bytes(damaged)
    labels = manifest["files"][1]
    labels["addresses"].insert(0, f"{site.url}/mirror/labels.bin")
    (manifests / "tiny.json").write_text(json.dumps(manifest))
    shelf.fetch("tiny")
    assert (shelf.folder / "tiny" / "labels.bin").read_bytes() == FILES["labels.bin"]

    labels["addresses"].pop()
    (manifests / "tiny.json").write_text(json.dumps(manifest))
    shelf.remove("tiny")
    with pytest.raises(UnavailableError, match="sha256 checksum is wrong"):
        shelf.fetch("tiny")
    assert not (shelf.folder / "tiny").exists()
    (standing,) = [one for one in shelf.all()[0] if one.dataset.name == "tiny"]
    assert standing.state == "failed"
    assert "checksum" in str(standing.message)


def test_more_than_the_manifest_says_is_not_kept(shelf: Shelf, publish: Publish, site: Site) -> None:
    publish("tiny", FILES)
    site.files["/tiny/labels.bin"] = bytes(10_000_000)
    with pytest.raises(UnavailableError, match="longer than 100 bytes"):
        shelf.fetch("tiny")
    assert (shelf.folder / ".fetching" / "tiny" / "labels.bin.part").stat().st_size <= 100


def test_a_redirect_is_refused(shelf: Shelf, publish: Publish, site: Site) -> None:
    publish("tiny", FILES)
    site.files["/elsewhere"] = FILES["labels.bin"]
    site.moved["/tiny/labels.bin"] = f"{site.url}/elsewhere"
    with pytest.raises(UnavailableError, match=r"leads on to .*/elsewhere"):
        shelf.fetch("tiny")
    assert "/elsewhere" not in [path for path, _ in site.asked]


def test_an_optional_file_may_be_missing(shelf: Shelf, publish: Publish, site: Site, manifests: Path) -> None:
    manifest = publish("tiny", FILES)
    manifest["files"][1]["optional"] = True
    (manifests / "tiny.json").write_text(json.dumps(manifest))
    del site.files["/tiny/labels.bin"]
    (warning,) = shelf.fetch("tiny")
    assert "labels.bin" in warning
    assert shelf.verify("tiny") == []


def test_a_set_may_lie_on_the_machine_itself(shelf: Shelf, publish: Publish, manifests: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.bin").write_bytes(FILES["labels.bin"])
    manifest = publish("tiny", {"labels.bin": FILES["labels.bin"]})
    manifest["files"][0]["addresses"] = [f"file://{tmp_path}/labels.bin"]
    (manifests / "tiny.json").write_text(json.dumps(manifest))
    shelf.fetch("tiny")
    assert (shelf.folder / "tiny" / "labels.bin").read_bytes() == FILES["labels.bin"]


def test_others_see_how_far_a_fetch_is_and_cannot_begin_another(shelf: Shelf, publish: Publish, site: Site) -> None:
    publish("tiny", {"a.bin": bytes(1_000_000)})
    site.breaks["/tiny/a.bin"] = [600_000]
    site.held["/tiny/a.bin"] = threading.Event()
    begun = threading.Event()
    seen: list[Progress] = []

    def report(progress: Progress) -> None:
        seen.append(progress)
        begun.set()

    worker = threading.Thread(target=lambda: shelf.fetch("tiny", report))
    worker.start()
    assert begun.wait(60)
    (standing,) = [one for one in shelf.all()[0] if one.dataset.name == "tiny"]
    assert standing.state == "fetching"
    assert standing.progress is not None
    assert (standing.progress.file, standing.progress.of) == ("a.bin", 1_000_000)
    with pytest.raises(ConflictError, match="already"):
        shelf.fetch("tiny")
    site.held.pop("/tiny/a.bin").set()
    worker.join(60)
    assert [one.state for one in shelf.all()[0] if one.dataset.name == "tiny"] == ["held"]
    assert 0 < seen[0].done <= 1_000_000


def test_verify_names_what_has_changed(shelf: Shelf, publish: Publish) -> None:
    publish("tiny", FILES)
    shelf.fetch("tiny")
    folder = shelf.folder / "tiny"
    (folder / "labels.bin").write_bytes(bytes(100))
    (folder / "pictures").write_bytes(b"other")
    assert sorted(shelf.verify("tiny")) == [
        "tiny/labels.bin: its sha256 checksum is wrong",
        "tiny/pictures: it has changed since it was written",
    ]
    shelf.remove("tiny")
    assert not folder.exists()
    with pytest.raises(NotFoundError):
        shelf.verify("tiny")
    with pytest.raises(NotFoundError):
        shelf.remove("tiny")
    shelf.fetch("tiny")
    assert shelf.verify("tiny") == []


def test_what_comes_with_a_package_is_never_fetched(shelf: Shelf) -> None:
    assert [one.state for one in shelf.all()[0] if one.dataset.name == "digits"] == ["included"]
    with pytest.raises(InvalidError, match="scikit-learn"):
        shelf.fetch("digits")
    with pytest.raises(NotFoundError, match="labora dataset list"):
        shelf.fetch("no-such-set")


def test_sample_data_is_made_of_what_is_held(shelf: Shelf, publish: Publish) -> None:
    publish("other", {"a.bin": b"a"})
    shelf.fetch("other")
    folder = shelf.folder / ".sample_data"
    assert {path.name for path in folder.iterdir()} == {"README.md", "anscombe.json"}
    points = json.loads((folder / "anscombe.json").read_text())
    assert len(points) == 44
    assert points[0] == {"Series": "I", "X": 10.0, "Y": 8.04}
    for series in ("I", "II", "III", "IV"):  # what the quartet is known for
        ys = [point["Y"] for point in points if point["Series"] == series]
        assert round(sum(ys) / 11, 1) == 7.5
    assert "mnist_test.csv" in (folder / "README.md").read_text().split("Not here")[1]

    publish("mnist", mnist_like())
    shelf.fetch("mnist")
    rows = (folder / "mnist_test.csv").read_text().splitlines()
    assert len(rows) == 10
    assert rows[3].split(",")[:3] == ["3", str(3 * 784 % 251), str((3 * 784 + 1) % 251)]
    assert {len(row.split(",")) for row in rows} == {785}
    assert "mnist_test.csv" in (folder / "README.md").read_text().split("Not here")[0]
    shelf.remove("mnist")
    assert not (folder / "mnist_test.csv").exists()

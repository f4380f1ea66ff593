"""Libraries find a held set in the form that they keep it in themselves: scikit-learn as OpenML's answers, TensorFlow
Datasets as records."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from labora_guest import places

from labora.base.errors import InvalidError
from labora.datasets import Shelf
from labora.datasets.manifests import read_catalogue
from labora.datasets.pictures import read_pictures
from tests.cli.test_run import labora_run, notebook_of
from tests.datasets.conftest import Publish, mnist_like

OPENML = {"id": 987_654_321, "name": "Tiny_784", "file": 42}
LOOKED_FOR = {
    "api/v1/json/data/list/data_name/tiny_784/limit/2/status/active/.gz",
    "api/v1/json/data/list/data_name/tiny_784/limit/2/data_version/1.gz",
    "api/v1/json/data/987654321.gz",
    "api/v1/json/data/features/987654321.gz",
    "api/v1/json/data/qualities/987654321.gz",
    "data/v1/download/42/Tiny_784.arff.gz",
    "data/v1/download/42.gz",
}


def npz(shape: tuple[int, ...], content: bytes) -> bytes:
    """An array of unsigned bytes as NumPy packs it."""
    header = repr({"descr": "|u1", "fortran_order": False, "shape": shape}).encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("arr_0.npy", b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + content)
    return packed.getvalue()


def answers(cache: Path) -> dict[str, Any]:
    """What lies where scikit-learn looks, by path: JSON as it is, ARFF as text."""
    found: dict[str, Any] = {}
    for path in (path for path in cache.rglob("*") if path.is_file()):
        text = gzip.decompress(path.read_bytes()).decode()
        name = path.relative_to(cache).as_posix()
        found[name] = json.loads(text) if name.startswith("api/") else text
    return found


def test_scikit_learn_finds_every_answer_that_it_would_ask_for(shelf: Shelf, publish: Publish, home: Path) -> None:
    publish("tiny", mnist_like(), openml=OPENML, credit="Somebody\nelse", home={".keras/tiny": "."})
    assert shelf.fetch("tiny") == []
    assert shelf.verify("tiny") == []
    places.link_datasets()
    assert (home / ".keras" / "tiny").is_dir()
    found = answers(home / "scikit_learn_data" / "openml" / "openml.org")
    assert found.keys() == LOOKED_FOR
    search = "api/v1/json/data/list/data_name/tiny_784/limit/2"
    for path in ("status/active/", "data_version/1"):
        (known,) = found[f"{search}/{path}.gz"]["data"]["dataset"]
        assert (known["did"], known["version"], known["status"]) == (987_654_321, 1, "active")
    told = found["api/v1/json/data/987654321.gz"]["data_set_description"]
    assert told["url"].endswith("/data/v1/download/42/Tiny_784.arff")
    assert (told["licence"], told["status"], told["format"]) == ("CC0", "active", "ARFF")
    text = found["data/v1/download/42/Tiny_784.arff.gz"]
    assert told["md5_checksum"] == hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    assert found["data/v1/download/42.gz"] == text

    head, rows = text.split("@DATA\n")
    assert "% Somebody else\n" in head
    assert "@ATTRIBUTE class {'0','1','2','3','4','5','6','7','8','9'}\n" in head
    lines = rows.splitlines()
    assert len(lines) == 40
    for at, line in enumerate(lines):  # first those to learn from, each part counted anew
        *pixels, label = line.split(",")
        within = at if at < 30 else at - 30
        assert label == f"'{within % 10}'"
        assert [int(pixel) for pixel in pixels] == [pixel % 251 for pixel in range(within * 784, (within + 1) * 784)]
    columns = found["api/v1/json/data/features/987654321.gz"]["data_features"]["feature"]
    assert [column["name"] for column in columns] == [*(f"pixel{at}" for at in range(1, 785)), "class"]
    assert [column["is_target"] for column in columns].count("true") == 1
    qualities = found["api/v1/json/data/qualities/987654321.gz"]["data_qualities"]["quality"]
    assert {"name": "NumberOfInstances", "value": "40.0"} in qualities


def test_a_set_that_is_held_already_gets_its_forms_once(shelf: Shelf, publish: Publish) -> None:
    publish("tiny", mnist_like())
    publish("other", {"a.bin": b"a"})
    shelf.fetch("tiny")
    shelf.fetch("other")
    assert shelf.due("other") == []
    assert shelf.due("kmnist") == ["kmnist"]
    publish("tiny", mnist_like(), openml=OPENML)
    assert shelf.due("other") == ["tiny"]
    assert shelf.fetch("tiny") == []
    arff = shelf.folder / "tiny" / ".openml" / "data" / "v1" / "download" / "42" / "Tiny_784.arff.gz"
    made = arff.stat().st_ino
    assert shelf.due("other") == []
    shelf.fetch("tiny")
    assert arff.stat().st_ino == made

    publish("tiny", mnist_like(), openml=OPENML | {"file": 43})
    assert shelf.due("other") == ["tiny"]
    shelf.fetch("tiny")
    assert not arff.exists()
    assert (shelf.folder / "tiny" / ".openml" / "data" / "v1" / "download" / "43" / "Tiny_784.arff.gz").is_file()
    assert shelf.verify("tiny") == []

    publish("tiny", mnist_like())
    shelf.fetch("tiny")
    assert not (shelf.folder / "tiny" / ".openml").exists()
    assert shelf.verify("tiny") == []
    assert [path.name for path in (shelf.folder / ".fetching").iterdir() if path.suffix != ".lock"] == []


def test_a_set_that_holds_something_else_is_held_and_says_who_will_not_find_it(
    shelf: Shelf, publish: Publish, home: Path
) -> None:
    files = mnist_like()
    files["t10k-labels-idx1-ubyte.gz"] = mnist_like(test=9)["t10k-labels-idx1-ubyte.gz"]
    publish("tiny", files, openml=OPENML)
    (warning,) = shelf.fetch("tiny")
    assert "fetch_openml" in warning
    assert "test pictures and labels do not belong together" in warning
    assert [one.state for one in shelf.all()[0] if one.dataset.name == "tiny"] == ["held"]
    places.link_datasets()
    assert list(home.iterdir()) == []


def test_pictures_are_read_from_arrays_too(tmp_path: Path) -> None:
    pixels = bytes(at % 256 for at in range(3 * 4 * 5))
    (tmp_path / "k49-train-imgs.npz").write_bytes(npz((3, 4, 5), pixels))
    (tmp_path / "k49-train-labels.npz").write_bytes(npz((3,), b"\x30\1\2"))
    found = read_pictures(tmp_path, "train")
    assert (len(found), found.height, found.width, bytes(found.labels)) == (3, 4, 5, b"\x30\1\2")
    assert bytes(found[1]) == pixels[20:40]
    with pytest.raises(InvalidError, match="test-imgs"):
        read_pictures(tmp_path, "test")


@pytest.mark.parametrize(
    "content",
    [b"no zip", npz((3,), b"ab"), npz((1,), b"a").replace(b"arr_0", b"arr_1", 1)[:60], npz((2, 4, 5), bytes(40))],
    ids=["no archive", "too few bytes", "a part of an archive", "no labels"],
)
def test_what_is_no_such_array_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "k49-train-imgs.npz").write_bytes(npz((1, 4, 5), bytes(20)))
    (tmp_path / "k49-train-labels.npz").write_bytes(content)
    with pytest.raises(InvalidError):
        read_pictures(tmp_path, "train")


def test_the_catalogue_names_its_sets_as_the_libraries_do() -> None:
    found, _ = read_catalogue(None)
    named = {dataset.openml.name: dataset.openml.id for dataset in found.values() if dataset.openml}
    assert named == {"mnist_784": 554, "Fashion-MNIST": 40996, "Kuzushiji-MNIST": 41982, "Kuzushiji-49": 41991}
    tfds = {dataset.tfds.name: dataset.tfds.labels for dataset in found.values() if dataset.tfds}
    kana = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    assert tfds == {"mnist": (), "fashion_mnist": (), "kmnist": kana}


# -- TensorFlow Datasets -----------------------------------------------------------------------------------------------

TFDS = {"name": "tiny", "version": "3.0.1"}
RECORD_OF_136 = bytes.fromhex("fcdeece2")
"""The masked checksum of this length, as TensorFlow itself writes it."""


def masked(data: bytes) -> bytes:
    """CRC-32C bit by bit, masked as TFRecord has it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc // 2 ^ 0x82F63B78 if crc % 2 else crc // 2
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15) + (crc << 17) + 0xA282EAD8) % 2**32)


def records(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    while data:
        (length,) = struct.unpack_from("<Q", data)
        assert data[8:12] == masked(data[:8])
        record, data = data[12 : 12 + length], data[12 + length :]
        assert data[:4] == masked(record)
        data = data[4:]
        yield record


def fields(message: bytes) -> list[tuple[int, bytes]]:
    """The fields of a message of Protocol Buffers, all of which have a length."""
    found = []
    while message:
        assert message[0] & 7 == 2
        length, at = 0, 1
        while True:
            length |= (message[at] & 127) << 7 * (at - 1)
            at += 1
            if message[at - 1] < 128:
                break
        found.append((message[0] >> 3, message[at : at + length]))
        message = message[at + length :]
    return found


def example(record: bytes) -> dict[str, tuple[int, bytes]]:
    """By name, the kind of a feature and its only value."""
    ((_, features),) = fields(record)
    found = {}
    for _, entry in fields(features):
        (_, name), (_, feature) = fields(entry)
        ((kind, listed),) = fields(feature)
        ((_, value),) = fields(listed)
        found[name.decode()] = (kind, value)
    return found


def picture(png: bytes) -> tuple[int, int, bytes]:
    """Width, height and pixels of a PNG of 8 bits of grey whose rows have no filter."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, rest = {}, png[8:]
    while rest:
        (length,) = struct.unpack_from(">I", rest)
        assert struct.pack(">I", zlib.crc32(rest[4 : 8 + length])) == rest[8 + length : 12 + length]
        chunks[rest[4:8]] = rest[8 : 8 + length]
        rest = rest[12 + length :]
    width, height, *kind = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert kind == [8, 0, 0, 0, 0]
    rows = zlib.decompress(chunks[b"IDAT"])
    assert len(rows) == height * (width + 1)
    assert set(rows[:: width + 1]) == {0}
    return width, height, b"".join(rows[at + 1 : at + 1 + width] for at in range(0, len(rows), width + 1))


def test_tensorflow_datasets_finds_records_of_every_picture(shelf: Shelf, publish: Publish, home: Path) -> None:
    assert masked(struct.pack("<Q", 136)) == RECORD_OF_136
    classes = [f"kind {at}" for at in range(10)]
    publish("tiny", mnist_like(), tfds=TFDS, classes=classes)
    assert shelf.fetch("tiny") == []
    assert shelf.verify("tiny") == []
    assert shelf.due("tiny") == []
    places.link_datasets()
    folder = home / "tensorflow_datasets" / "tiny" / "3.0.1"
    assert (folder / "label.labels.txt").read_text().splitlines() == classes
    info = json.loads((folder / "dataset_info.json").read_text())
    assert (info["name"], info["version"], info["fileFormat"]) == ("tiny", "3.0.1", "tfrecord")
    assert info["redistributionInfo"] == {"license": "CC0"}
    for split, count in zip(info["splits"], (30, 10), strict=True):
        found = list(records(folder / f"tiny-{split['name']}.tfrecord-00000-of-00001"))
        assert (split["shardLengths"], split["numBytes"]) == ([str(count)], str(sum(map(len, found))))
        order = sorted(range(count), key=lambda at: hashlib.md5(f"{split['name']}{at}".encode()).hexdigest())
        for at, record in zip(order, found, strict=True):
            one = example(record)
            assert one.keys() == {"image", "label"}
            assert one["label"] == (3, bytes([at % 10]))
            kind, png = one["image"]
            pixels = bytes(pixel % 251 for pixel in range(at * 784, (at + 1) * 784))
            assert (kind, *picture(png)) == (1, 28, 28, pixels)
    features = json.loads((folder / "features.json").read_text())["featuresDict"]["features"]
    assert features["image"]["image"]["shape"]["dimensions"] == ["28", "28", "1"]
    assert features["label"]["classLabel"]["numClasses"] == "10"


def test_a_form_that_fails_takes_no_other_away(shelf: Shelf, publish: Publish, home: Path) -> None:
    publish("tiny", mnist_like(), tfds={**TFDS, "labels": ["too", "few"]}, openml=OPENML)
    (warning,) = shelf.fetch("tiny")
    assert "TensorFlow Datasets: There are train pictures of more classes" in warning
    places.link_datasets()
    assert [path.name for path in home.iterdir()] == ["scikit_learn_data"]
    assert shelf.due("tiny") == ["tiny"]


# -- scikit-learn itself -----------------------------------------------------------------------------------------------

UNPACK = """
import base64, io, os, tarfile
tarfile.open(fileobj=io.BytesIO(base64.b64decode("DATA"))).extractall(os.environ["HOME"])
"""
FETCH = """
import warnings
import numpy as np
from sklearn.datasets import fetch_openml, load_digits
warnings.simplefilter("error")
pixels = np.concatenate([np.arange(count * 784).reshape(count, 784) % 251 for count in (30, 10)])
labels = [str(at % 10) for count in (30, 10) for at in range(count)]
asked = [dict(name="Tiny_784"), dict(name="tiny_784", version=1), dict(data_id=987654321)]
for what in asked:
    for as_frame in ("auto", True, False):
        for parser in ("auto", "pandas", "liac-arff"):
            got = fetch_openml(**what, as_frame=as_frame, parser=parser)
            framed = as_frame is not False
            assert type(got.data).__name__ == ("DataFrame" if framed else "ndarray")
            assert (np.asarray(got.data) == pixels).all()
            assert list(got.target) == labels
            assert (str(got.target.dtype) == "category") == framed
            assert got.feature_names[783] == "pixel784" and got.target_names == ["class"]
            assert "on this server" in got.DESCR and got.details["licence"] == "CC0"
x, y = fetch_openml("Tiny_784", return_X_y=True, as_frame=False)
print(x.shape, x.dtype, y[:3], load_digits().images.shape)
"""


@pytest.mark.sandbox
def test_scikit_learn_itself_loads_it_without_a_network(
    shelf: Shelf, publish: Publish, home: Path, tmp_path: Path, images_dir: Path
) -> None:
    publish("tiny", mnist_like(), openml=OPENML)
    shelf.fetch("tiny")
    places.link_datasets()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", dereference=True) as archive:
        archive.add(home / "scikit_learn_data", "scikit_learn_data")
    unpack = UNPACK.replace("DATA", base64.b64encode(packed.getvalue()).decode())
    done, out = labora_run(tmp_path, notebook_of(unpack, FETCH), images_dir)
    assert done.returncode == 0, done.stderr
    (said,) = json.loads(out.read_bytes())["cells"][1]["outputs"]
    assert "".join(said["text"]) == "(40, 784) int64 ['0' '1' '2'] (1797, 8, 8)\n"

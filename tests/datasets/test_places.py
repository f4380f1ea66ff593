"""Libraries find the data sets of the server where they look, without a network."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
from pathlib import Path

from labora_guest import places

from labora.datasets import Shelf
from tests.datasets.conftest import Publish, mnist_like

COLAB = Path(__file__).resolve().parents[2] / "colab" / "src"


def test_links_show_what_is_held_where_keras_looks(shelf: Shelf, publish: Publish, home: Path) -> None:
    links = {
        ".keras/datasets/tiny": ".",
        ".keras/datasets/tiny.npz": "tiny.npz",
        ".keras/datasets/none.npz": "none.npz",
    }
    publish("tiny", {"tiny.npz": b"npz"}, home=links)
    places.link_datasets()
    assert list(home.iterdir()) == []  # nothing is held yet: a link to nowhere would be worse than none
    shelf.fetch("tiny")
    places.link_datasets()
    datasets = home / ".keras" / "datasets"
    assert {path.name for path in datasets.iterdir()} == {"tiny", "tiny.npz"}
    assert (datasets / "tiny.npz").read_bytes() == b"npz"
    assert (datasets / "tiny").readlink() == shelf.folder / "tiny"
    shelf.remove("tiny")
    places.link_datasets()
    (datasets / "tiny.npz").unlink()


def test_what_somebody_has_in_a_place_stays(shelf: Shelf, publish: Publish, home: Path) -> None:
    publish("tiny", {"tiny.npz": b"npz"}, home={".keras/datasets/tiny.npz": "tiny.npz", "a/b": "."})
    shelf.fetch("tiny")
    (home / ".keras" / "datasets").mkdir(parents=True)
    (home / ".keras" / "datasets" / "tiny.npz").write_text("mine")
    (home / "a").write_text("a file where a folder should be")
    places.link_datasets()
    assert (home / ".keras" / "datasets" / "tiny.npz").read_text() == "mine"


def test_sample_data_is_private_and_writable(shelf: Shelf, publish: Publish, home: Path, tmp_path: Path) -> None:
    publish("mnist", mnist_like())
    shelf.fetch("mnist")
    places.give_samples(str(tmp_path))
    folder = tmp_path / "sample_data"
    assert {path.name for path in folder.iterdir()} == {
        "README.md", "anscombe.json", "mnist_test.csv", "mnist_train_small.csv",
    }  # fmt: skip
    (folder / "anscombe.json").write_text("changed")
    assert (shelf.folder / ".sample_data" / "anscombe.json").read_text() != "changed"
    places.give_samples(str(tmp_path))
    assert (folder / "anscombe.json").read_text() == "changed"


TORCHVISION = '''
"""A class with the shape of torchvision's: it fetches by address, checks by MD5 and unpacks."""
import gzip, hashlib, os, urllib.request

class MNIST:
    mirrors = ["http://127.0.0.1:9/"]
    resources = RESOURCES

    def __init__(self, root, train=True, download=False):
        self.root = root
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError("Dataset not found. You can use download=True to download it")

    @property
    def raw_folder(self):
        return os.path.join(self.root, self.__class__.__name__, "raw")

    def _check_exists(self):
        return all(os.path.isfile(os.path.join(self.raw_folder, name[:-3])) for name, _ in self.resources)

    def download(self):
        if self._check_exists():
            return
        os.makedirs(self.raw_folder, exist_ok=True)
        for name, md5 in self.resources:
            path = os.path.join(self.raw_folder, name)
            if not os.path.isfile(path) or hashlib.md5(open(path, "rb").read()).hexdigest() != md5:
                urllib.request.urlretrieve(self.mirrors[0] + name, path)
            with gzip.open(path) as packed, open(path[:-3], "wb") as plain:
                plain.write(packed.read())

class QMNIST(MNIST):
    resources = [("qmnist.gz", "0")]
'''
PROGRAM = """
from google.colab import _import_hooks
_import_hooks.install()
from torchvision.datasets import mnist
class Mine(mnist.MNIST):
    pass
mnist.MNIST("data", download=True)
Mine("data", download=True)
mnist.MNIST("data", download=False)
try:
    mnist.QMNIST("data", download=True)
except OSError:
    print("fetches its own")
"""


def test_torchvision_downloads_from_the_server_itself(
    shelf: Shelf, publish: Publish, home: Path, tmp_path: Path
) -> None:
    files = mnist_like()
    publish("mnist", files)
    shelf.fetch("mnist")
    package = tmp_path / "torchvision" / "datasets"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    md5s = [(name, hashlib.md5(content, usedforsecurity=False).hexdigest()) for name, content in files.items()]
    (package / "mnist.py").write_text(TORCHVISION.replace("RESOURCES", repr(md5s)))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{COLAB}:{tmp_path}", "LABORA_DATASETS": str(shelf.folder), "no_proxy": "*"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("fetches its own\n", "")
    raw = tmp_path / "data" / "MNIST" / "raw"
    assert (raw / "train-images-idx3-ubyte").read_bytes() == gzip.decompress(files["train-images-idx3-ubyte.gz"])
    assert (tmp_path / "data" / "Mine" / "raw" / "t10k-labels-idx1-ubyte").is_file()

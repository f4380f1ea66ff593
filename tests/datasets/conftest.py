"""Small data sets that tests make, and a web server that has them and misbehaves as it is told to."""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from labora.datasets import Shelf
from labora.testing.providers import guest_path

sys.path.insert(0, str(guest_path()))

CLASSES = 10


def idx(*sizes: int, content: bytes | None = None) -> bytes:
    """An IDX file of unsigned bytes."""
    count = 1
    for size in sizes:
        count *= size
    body = bytes(at % 251 for at in range(count)) if content is None else content
    return b"\0\0\x08" + bytes([len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + body


def mnist_like(train: int = 30, test: int = 10) -> dict[str, bytes]:
    """The four files of MNIST with a few small pictures."""
    files = {}
    for part, count in (("train", train), ("t10k", test)):
        files[f"{part}-images-idx3-ubyte.gz"] = gzip.compress(idx(count, 28, 28), mtime=0)
        labels = bytes(at % CLASSES for at in range(count))
        files[f"{part}-labels-idx1-ubyte.gz"] = gzip.compress(idx(count, content=labels), mtime=0)
    return files


class Site:
    """A web server on loopback with ranges.

    Attributes:
        files: by path, what it has.
        asked: (path, Range header) of every request.
        breaks: by path, after how many bytes the next answers break off, one each.
        moved: by path, where it sends to.
        ranges: False: it ignores that only a part is asked for.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.breaks: dict[str, list[int]] = {}
        self.moved: dict[str, str] = {}
        self.ranges = True
        self.held: dict[str, threading.Event] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path, wanted = request.path, request.headers["Range"]
        self.asked.append((path, wanted))
        if path in self.moved:
            request.send_response(302)
            request.send_header("Location", self.moved[path])
            request.end_headers()
            return
        if path not in self.files:
            request.send_error(404)
            return
        data, start = self.files[path], 0
        if wanted and self.ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(data):
                request.send_error(416)
                return
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            request.send_response(200)
        request.send_header("Content-Length", str(len(data) - start))
        request.end_headers()
        end = start + self.breaks[path].pop(0) if self.breaks.get(path) else len(data)
        request.wfile.write(data[start:end])
        request.wfile.flush()
        if path in self.held:
            self.held[path].wait(60)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    made = Site()
    yield made
    made.close()


Publish = Callable[..., dict[str, Any]]


@pytest.fixture
def publish(site: Site, manifests: Path) -> Publish:
    """Puts files on the site and a manifest of them into the operator's folder."""

    def put(name: str, files: dict[str, bytes], **more: Any) -> dict[str, Any]:
        site.files |= {f"/{name}/{file}": content for file, content in files.items()}
        manifest = {
            "name": name,
            "title": f"The set {name}",
            "about": "Made by a test.",
            "licence": "CC0",
            "homepage": "https://example.org/",
            "files": [
                {
                    "name": file,
                    "bytes": len(content),
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "addresses": [f"{site.url}/{name}/{file}"],
                    "unpack": file.endswith(".gz"),
                }
                for file, content in files.items()
            ],
            **more,
        }
        manifests.mkdir(exist_ok=True)
        (manifests / f"{name}.json").write_text(json.dumps(manifest))
        return manifest

    return put


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    return tmp_path / "datasets.d"


@pytest.fixture
def shelf(tmp_path: Path, manifests: Path) -> Shelf:
    return Shelf(tmp_path / "images", manifests)


@pytest.fixture
def home(tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder of a runtime that sees the shelf."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("LABORA_DATASETS", str(shelf.folder))
    return folder

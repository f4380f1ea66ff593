"""Manifests and IDX files are read strictly, and what is wrong with them is said clearly."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labora.base.errors import InvalidError
from labora.datasets import Shelf
from labora.datasets.idx import read_header, read_idx
from labora.datasets.manifests import parse_manifest, read_catalogue

GOOD: dict[str, Any] = {
    "name": "own-set",
    "title": "Our own",
    "about": "Pictures of our laboratory.",
    "licence": "CC BY 4.0",
    "homepage": "https://example.org/set",
    "files": [{"name": "a.gz", "md5": "0" * 32, "addresses": ["https://example.org/a.gz"], "unpack": True}],
}


def read(change: dict[str, Any]) -> Any:
    return parse_manifest(json.dumps({**GOOD, **change}).encode(), "own.json")


def test_the_catalogue_knows_the_sets_that_examples_use() -> None:
    found, problems = read_catalogue(None)
    assert problems == []
    assert {"fashion-mnist", "kmnist", "kuzushiji-49", "mnist", "digits"} <= set(found)
    for dataset in found.values():
        assert all((dataset.licence, dataset.homepage, dataset.citation, dataset.credit))
        compile(dataset.code, dataset.name, "exec")
    assert found["kmnist"].licence == "CC BY-SA 4.0"
    assert "created by CODH" in str(found["kmnist"].credit)
    assert len(found["kuzushiji-49"].classes) == 49
    assert sum(file.unpack is not None for file in found["mnist"].files) == 4


def test_a_manifest_is_toml_or_json() -> None:
    assert read({}).files[0].unpack == "a"
    toml = b"""
name = "own-set"
title = "Our own"
about = "Pictures."
licence = "CC0"
homepage = "https://example.org/"
[[files]]
name = "a.bin"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
addresses = ["file:///srv/a.bin"]
[home]
".keras/datasets/own" = "."
"""
    found = parse_manifest(toml, "own.toml")
    assert (found.files[0].addresses, found.home) == (("file:///srv/a.bin",), {".keras/datasets/own": "."})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "../up"}, "name"),
        ({"name": ".fetching"}, "name"),
        ({"files": []}, "no files"),
        ({"colour": "red"}, "colour"),
        ({"licence": ""}, "licence"),
        ({"files": [{"name": "a/b", "md5": "0" * 32, "addresses": ["https://x.org/a"]}]}, "without folders"),
        ({"files": [{"name": "dataset.json", "md5": "0" * 32, "addresses": ["https://x.org/a"]}]}, "plain name"),
        ({"files": [{"name": "a", "addresses": ["https://x.org/a"]}]}, "sha256sum a"),
        ({"files": [{"name": "a", "md5": "xyz", "addresses": ["https://x.org/a"]}]}, "md5"),
        ({"files": [{"name": "a", "md5": "0" * 32, "addresses": ["ftp://x.org/a"]}]}, "no https, http or file"),
        ({"files": [{"name": "a", "md5": "0" * 32, "addresses": ["https://me:pw@x.org/a"]}]}, "no user or password"),
        ({"files": [{"name": "a", "md5": "0" * 32, "addresses": ["file:a"]}]}, "whole path"),
        ({"files": [{"name": "a", "md5": "0" * 32, "addresses": ["https:///a"]}]}, "names no server"),
        ({"files": [{"name": "a", "md5": "0" * 32, "addresses": ["file:///a"], "unpack": True}]}, "end in .gz"),
        ({"files": [GOOD["files"][0], {**GOOD["files"][0], "name": "a", "unpack": False}]}, "same name"),
        ({"home": {"../x": "."}}, "below the home"),
        ({"home": {".keras/x": "/etc/passwd"}}, "below the home"),
        ({"home": {".": "."}}, "cannot be a link"),
        ({"openml": {"id": 1, "name": "../up", "file": 2}}, "openml.name"),
        ({"tfds": {"name": "mnist", "version": "../1"}}, "tfds.version"),
        ({"openml": {"id": 0, "name": "up", "file": 2}}, "openml.id"),
    ],
)
def test_a_wrong_manifest_is_refused_with_the_reason(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidError) as caught:
        read(change)
    assert message in caught.value.message
    assert caught.value.error_code == "bad_manifest"


@given(st.binary(max_size=300), st.sampled_from(["x.toml", "x.json"]))
def test_whatever_a_manifest_holds_it_is_read_or_refused(content: bytes, name: str) -> None:
    with pytest.raises(InvalidError):
        parse_manifest(content, name)


LEAF = st.none() | st.integers() | st.text(max_size=5)
JSON = LEAF | st.lists(LEAF, max_size=2) | st.dictionaries(st.text(max_size=5), LEAF, max_size=2)


@settings(max_examples=40)
@given(
    st.dictionaries(st.sampled_from([*GOOD, "home", "openml", "tfds", "code", "classes", "bytes"]), JSON, max_size=4)
)
def test_a_manifest_with_anything_in_any_field_is_read_or_refused(change: dict[str, Any]) -> None:
    try:
        found = read(change)
    except InvalidError:
        return
    assert found.files or found.package


def test_a_broken_manifest_hides_no_other(shelf: Shelf, manifests: Path, tmp_path: Path) -> None:
    source = tmp_path / "given.json"
    source.write_text(json.dumps(GOOD))
    assert shelf.add(source).name == "own-set"
    (manifests / "broken.toml").write_text("name = ")
    (manifests / "README").write_text("not a manifest")
    standings, problems = shelf.all()
    assert "own-set" in [one.dataset.name for one in standings]
    assert len(problems) == 1
    assert "broken.toml" in problems[0]
    source.write_text("{}")
    with pytest.raises(InvalidError):
        shelf.add(source)


def test_an_operator_may_name_a_mirror_of_a_built_in_set(shelf: Shelf, manifests: Path) -> None:
    manifests.mkdir()
    (manifests / "mnist.json").write_text(json.dumps({**GOOD, "name": "mnist"}))
    assert shelf.get("mnist").title == "Our own"


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.binary(max_size=700))
def test_an_idx_file_is_what_its_header_says_or_refused(tmp_path_factory: Any, sizes: list[int], body: bytes) -> None:
    path = tmp_path_factory.mktemp("idx") / "x"
    path.write_bytes(b"\0\0\x08" + bytes([len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + body)
    if len(body) == math.prod(sizes):
        found, content = read_idx(path)
        assert (found, bytes(content)) == (tuple(sizes), body)
    else:
        with pytest.raises(InvalidError):
            read_idx(path)


@given(st.binary(max_size=24))
def test_any_bytes_have_an_idx_header_or_are_refused(data: bytes) -> None:
    try:
        sizes, start = read_header(data)
    except InvalidError:
        return
    assert data[:3] == b"\0\0\x08"
    assert start == 4 + 4 * len(sizes) <= len(data)

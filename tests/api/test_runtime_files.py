"""Files of one's own runtime over REST: streamed both ways, in part, bounded, refused with a reason."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from labora.kernels.connection import GuestConnection
from labora.kernels.streams import GuestStream
from tests.api.ports_world import Person, World, world

pytestmark = pytest.mark.asyncio(loop_scope="module")
LIMIT = 8 * 1024 * 1024


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("files"), limits={"runtime_file_bytes": LIMIT}) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ada(house: World) -> Person:
    return await house.person("ada")


async def test_a_file_goes_in_and_comes_out_whole_and_in_part(house: World, ada: Person) -> None:
    data = os.urandom(3_000_000)

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(data), 70_001):
            yield data[at : at + 70_001]

    where = f"/runtimes/{ada.runtime_id}/content"
    place = {"path": '/content/made for/it/ä "q".bin'}
    put = await ada.api.put(where, params=place, content=pieces())
    assert put.status_code == 200, put.text
    assert put.json()["size"] == len(data)
    assert (house.content(ada) / "made for" / "it" / 'ä "q".bin').read_bytes() == data

    whole = await ada.api.get(where, params=place)
    assert whole.content == data
    assert whole.headers["content-length"] == str(len(data))
    assert whole.headers["content-type"] == "application/octet-stream"
    assert whole.headers["content-disposition"].startswith("attachment; ")
    assert whole.headers["content-security-policy"] == "default-src 'none'; sandbox"

    for header, part in {"bytes=10-19": data[10:20], "bytes=-5": data[-5:], "bytes=2999990-": data[2_999_990:]}.items():
        answer = await ada.api.get(where, params=place, headers={"Range": header})
        assert (answer.status_code, answer.content) == (206, part)
        assert answer.headers["content-range"].endswith(f"/{len(data)}")
    again = {"Range": "bytes=0-4", "If-Range": whole.headers["etag"]}
    assert (await ada.api.get(where, params=place, headers=again)).content == data[:5]
    changed = {"Range": "bytes=0-4", "If-Range": '"other"'}
    assert (await ada.api.get(where, params=place, headers=changed)).content == data
    beyond = await ada.api.get(where, params=place, headers={"Range": "bytes=3000000-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(data)}")


async def test_an_empty_file_is_a_file(house: World, ada: Person) -> None:
    where = f"/runtimes/{ada.runtime_id}/content"
    assert (await ada.api.put(where, params={"path": "empty"}, content=b"")).json()["size"] == 0
    answer = await ada.api.get(where, params={"path": "/content/empty"})
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


async def test_what_cannot_be_is_refused_with_its_reason(house: World, ada: Person) -> None:
    where = f"/runtimes/{ada.runtime_id}/content"
    (house.content(ada) / "folder").mkdir()

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(LIMIT // 65_536 + 1):
            yield b"z" * 65_536

    for path, status, code in (
        ("/content/nothing", 404, "no_such_file"),
        ("/etc/passwd", 403, "outside"),
        ("/content/../etc/passwd", 403, "outside"),
        ("/content/folder", 409, "not_a_file"),
        ("a\0b", 400, "bad_path"),
    ):
        answer = await ada.api.get(where, params={"path": path})
        assert (answer.status_code, answer.json()["code"]) == (status, code), path
    for content in (b"z" * (LIMIT + 1), pieces()):
        answer = await ada.api.put(where, params={"path": "/content/big"}, content=content)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert not (house.content(ada) / "big").exists()
    assert not list(house.content(ada).glob(".labora*"))


async def test_a_folder_is_listed(house: World, ada: Person) -> None:
    top = house.content(ada) / "listed"
    (top / "z-folder").mkdir(parents=True)
    (top / "a.txt").write_text("four")
    (top / "link").symlink_to("a.txt")
    answer = await ada.api.get(f"/runtimes/{ada.runtime_id}/files", params={"path": "/content/listed"})
    rows = [(row["name"], row["kind"], row["size"]) for row in answer.json()["entries"]]
    assert rows == [("z-folder", "folder", 0), ("a.txt", "file", 4), ("link", "link", 0)]
    assert answer.json()["more"] is False
    gone = await ada.api.get(f"/runtimes/{ada.runtime_id}/files", params={"path": "/content/none"})
    assert (gone.status_code, gone.json()["code"]) == (404, "no_such_file")
    assert (await ada.api.get(f"/runtimes/{ada.runtime_id}/ports")).json() == {"ports": []}


async def test_a_part_of_a_file_that_changes_meanwhile_is_refused(
    house: World, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, file = f"/runtimes/{ada.runtime_id}/content", house.content(ada) / "growing"
    file.write_bytes(b"a" * 10)
    opened = GuestConnection.open_stream

    async def later(*args: Any, **more: Any) -> GuestStream:
        file.write_bytes(b"b" * 20)
        return await opened(*args, **more)

    monkeypatch.setattr(GuestConnection, "open_stream", later)
    answer = await ada.api.get(where, params={"path": "/content/growing"}, headers={"Range": "bytes=0-4"})
    assert (answer.status_code, answer.json()["code"]) == (409, "changed")
    whole = await ada.api.get(where, params={"path": "/content/growing"})
    assert whole.content == b"b" * 20


@pytest.mark.parametrize("junk", [None, [], "x", 1, {"entries": 1, "ports": 1}, {"entries": {}, "ports": {"a": 1}}])
async def test_junk_of_a_guest_is_nothing(ada: Person, monkeypatch: pytest.MonkeyPatch, junk: object) -> None:
    async def say(*_: object, **__: object) -> object:
        return junk

    monkeypatch.setattr(GuestConnection, "request", say)
    for what, key in (("files?path=/content", "entries"), ("ports", "ports")):
        answer = await ada.api.get(f"/runtimes/{ada.runtime_id}/{what}")
        assert (answer.status_code, answer.json()[key]) == (200, []), what

"""How staged bytes become revisions: a daemon may write into no blob, and nothing is gone before it is kept."""

from __future__ import annotations

import errno
import os
from types import SimpleNamespace

import pytest
from sqlalchemy import insert

from labora.base.errors import UnavailableError
from labora.base.ids import new_id
from labora.db.schema import accounts
from labora.mount.staged import StagedFiles
from labora.mount.verbs import Place, Verbs
from labora.testing.database import fresh
from tests.mount.conftest import World


@pytest.fixture
async def desk(tmp_path):
    """A drive and the verbs of one daemon, without a daemon."""
    world = World(tmp_path, host=None)
    await fresh(world.database)
    async with world.database.transaction() as connection:
        row = {"id": "ann", "login": "ann", "name": "Ann", "created_at": "2026-01-01T00:00:00.000Z"}
        await connection.execute(insert(accounts).values(row))

    async def principal():
        return world.ann

    staged = StagedFiles(tmp_path / "mounts" / "rt")
    place = Place(world.drive, world.blobs, world.limits, tmp_path / "mounts", 0)
    yield SimpleNamespace(world=world, verbs=Verbs(place, principal, staged), staged=staged)
    await world.database.close()


def write(desk, data):
    """Returns id and descriptor of a staged file that holds ``data``."""
    ((name, descriptor),) = desk.staged.make(1)
    os.write(descriptor, data)
    return name, descriptor


def item(stage, file_id, *, new, parent="root", base=None, name="f.bin"):
    return {"stage": stage, "file": file_id, "new": new, "parent": parent, "name": name, "base": base, "keep": False}


async def test_what_a_daemon_still_holds_changes_no_stored_bytes(desk):
    world = desk.world
    known = await world.upload(world.ann, "a.bin", b"old")
    stage, descriptor = write(desk, b"precious")
    (answer,) = await desk.verbs.commit(world.ann, [item(stage, known.id, new=False)])
    assert "row" in answer
    os.pwrite(descriptor, b"poisoned", 0)
    # Somebody else stores the same bytes, and gets them back.
    other = await world.upload(world.ann, "b.bin", b"precious")
    assert await world.content(world.ann, other.id) == b"precious"
    assert await world.content(world.ann, known.id) == b"precious"
    assert desk.staged.path(stage) is None


async def test_what_is_refused_stays_staged_and_is_no_file_of_anybody(desk):
    world = desk.world
    stage, descriptor = write(desk, b"precious")
    (answer,) = await desk.verbs.commit(world.ann, [item(stage, new_id(), new=True, parent=new_id())])
    assert answer == {"errno": errno.ENOENT}
    assert desk.staged.path(stage).read_bytes() == b"precious"
    os.pwrite(descriptor, b"poisoned", 0)
    other = await world.upload(world.ann, "b.bin", b"precious")
    assert await world.content(world.ann, other.id) == b"precious"


async def test_bytes_are_there_until_their_revision_is(desk, monkeypatch):
    world = desk.world
    known = await world.upload(world.ann, "a.bin", b"old")
    stage, _ = write(desk, b"new")

    async def busy(*_arguments, **_named):
        raise UnavailableError("busy", code="storage_busy")

    with monkeypatch.context() as patch:
        patch.setattr("labora.blobs.store.register_many", busy)
        with pytest.raises(UnavailableError):
            await desk.verbs.commit(world.ann, [item(stage, known.id, new=False)])
    assert await world.content(world.ann, known.id) == b"old"
    (answer,) = await desk.verbs.commit(world.ann, [item(stage, known.id, new=False)])
    assert "row" in answer
    assert await world.content(world.ann, known.id) == b"new"
    # The answer was lost, and the daemon asks again.
    (again,) = await desk.verbs.commit(world.ann, [item(stage, known.id, new=False)])
    assert again == answer


async def test_a_full_account_gets_edquot_and_statfs_says_what_is_left(desk):
    world = desk.world
    known = await world.upload(world.ann, "a.bin", b"a" * 60)
    await world.drive.context.quotas.set("account", "ann", 100)
    os.close(write(desk, b"")[1])
    assert await desk.verbs.space() == (100, 40)
    items, names = [], []
    for number, size in enumerate((30, 30, 5)):
        stage, descriptor = write(desk, bytes([number]) * size)
        os.close(descriptor)
        items.append(item(stage, new_id(), new=True, name=f"{number}.bin"))
        names.append(stage)
    answers = await desk.verbs.commit(world.ann, items)
    # Each takes room from the next; what does not fit stays staged, so nothing is lost.
    assert [answer.get("errno") for answer in answers] == [None, errno.EDQUOT, None]
    assert desk.staged.path(names[1]).stat().st_size == 30
    assert await desk.verbs.space() == (100, 5)
    stage, descriptor = write(desk, b"b" * 6)
    os.close(descriptor)
    assert await desk.verbs.commit(world.ann, [item(stage, known.id, new=False)]) == [{"errno": errno.EDQUOT}]
    await world.drive.context.quotas.inherit("account", "ann")
    assert "row" in (await desk.verbs.commit(world.ann, [item(stage, known.id, new=False)]))[0]

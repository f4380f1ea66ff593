"""A real drive, real hosts and sandboxes, and the kernel's own FUSE."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import insert

from labora.access import Principal, Role, Scope
from labora.base.settings import LimitSettings
from labora.blobs import Blobs
from labora.db import Database
from labora.db.schema import accounts
from labora.drive import Drive
from labora.mount.service import Mounts
from labora.mount.verbs import Place
from labora.testing.database import fresh
from tests.host.conftest import data_folder, make_host, reachable_levels

__all__ = ["data_folder", "make_host"]

RIGHTS = frozenset({Scope.READ, Scope.WRITE})
TARGET = "/content/drive"
# A private device that the level's user may open, over the machine's own, which may be closed to it.
_OPEN_DEVICE = (
    "mount -t tmpfs -o dev none /mnt && mknod -m 666 /mnt/fuse c 10 229 && "
    'mount --bind /mnt/fuse /dev/fuse && exec "$@"'
)


def why_no_fuse() -> str | None:
    """Says why this user cannot mount."""
    if not Path("/dev/fuse").exists():
        return "there is no /dev/fuse here"
    return None if os.access("/dev/fuse", os.R_OK | os.W_OK) else "/dev/fuse is closed to this user"


class World:
    """A drive with people, and a host; mounts as they are wired in a server."""

    def __init__(self, folder: Path, host) -> None:
        self.folder = folder
        self.host = host
        self.database = Database(f"sqlite+aiosqlite:///{folder / 'db.sqlite'}")
        self.blobs = Blobs(self.database, folder / "blobs")
        self.limits = LimitSettings()
        self.drive = Drive(self.database, self.blobs, self.limits, lambda data: None)
        self.disabled: set[str] = set()
        self.owners: dict[str, str] = {}
        self.mounts: Mounts | None = None
        self.ann, self.bob = (Principal(name, name.title(), scopes=RIGHTS) for name in ("ann", "bob"))

    async def open(self) -> None:
        await fresh(self.database)
        async with self.database.transaction() as connection:
            for name in ("ann", "bob"):
                row = {"id": name, "login": name, "name": name.title(), "created_at": "2026-01-01T00:00:00.000Z"}
                row |= {"color": 0, "is_owner": name == "ann", "password_hash": "", "folded_name": name}
                known = {column.name for column in accounts.columns}
                await connection.execute(insert(accounts).values(**{k: v for k, v in row.items() if k in known}))
        await self.serve()

    async def serve(self) -> None:
        """Starts what serves mounts, as a server that was started again does."""
        place = Place(self.drive, self.blobs, self.limits, self.folder / "mounts", 0)

        async def owner_of(runtime_id):
            return self.owners.get(runtime_id)

        async def principal_of(account_id):
            return None if account_id in self.disabled else {"ann": self.ann, "bob": self.bob}[account_id]

        self.mounts = Mounts(place, self.database, self.host.client, owner_of, principal_of)
        await self.mounts.start()

    async def runtime(self, account="ann", runtime_id="rt", **more):
        handle = await self.host.runtime(runtime_id, **more)
        self.owners[runtime_id] = account
        return await self.host.guest(handle)

    async def mounted(self, account="ann", runtime_id="rt", *, readonly=False):
        """Returns a guest whose runtime has the drive at /content/drive."""
        guest = await self.runtime(account, runtime_id)
        await guest.run(f"import os; os.makedirs({TARGET!r})")
        await self.mounts.mount(account, runtime_id, TARGET, readonly=readonly)
        return guest

    async def upload(self, principal, name, data=b"", parent="root"):
        async def pieces():
            yield data

        return await self.drive.upload(principal, name, parent, pieces())

    async def content(self, principal, file_id):
        _, _, pieces = await self.drive.open_content(principal, file_id)
        return b"".join([piece async for piece in pieces])

    async def names(self, principal, folder="root"):
        from labora.drive import ListQuery

        page = await self.drive.list_files(principal, ListQuery(folder_id=folder, page_size=1000))
        return [view.name for view in page.files]

    async def until(self, check, seconds=90):
        """Waits until an awaited check is true."""
        async with asyncio.timeout(seconds):
            while not (found := await check()):  # noqa: ASYNC110 - what is waited for is in other processes
                await asyncio.sleep(0.05)
            return found

    async def share(self, file_id, role: Role):
        return await self.drive.sharing.add(self.ann, file_id, role=role, account_id="bob")

    async def close(self) -> None:
        if self.mounts is not None:
            await self.mounts.close()
        await self.database.close()


@pytest_asyncio.fixture(params=reachable_levels())
async def world(request, make_host):
    """A drive and a host, once per level that this user can reach."""
    if (why := why_no_fuse()) is not None:
        pytest.skip(why)
    host = make_host(request.param)
    if host.uid is not None:
        host.prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", _OPEN_DEVICE, "sh"]
    info = await host.start()
    assert info.level == request.param, info
    folder = Path(tempfile.mkdtemp(prefix="labora-drive-"))
    found = World(folder, host)
    await found.open()
    yield found
    await found.close()
    shutil.rmtree(folder, ignore_errors=True)

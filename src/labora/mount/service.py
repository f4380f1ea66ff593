"""Mounts of this server's runtimes: made with consent, served, found again after a restart, taken away."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Principal, access_rows
from labora.base.clock import Clock, SystemClock, timestamp
from labora.base.errors import ConflictError, ForbiddenError, LaboraError, NotFoundError, UnavailableError
from labora.base.logging import get_logger
from labora.db import Database
from labora.drive.store import rows_of
from labora.host.client import HostClient
from labora.host.mounting import Mounted
from labora.mount import store
from labora.mount.nodes import FRESH_S
from labora.mount.serving import MountServer
from labora.mount.staged import StagedFiles
from labora.mount.verbs import Place, Verbs

RETRY_S = 2.0

log = get_logger("mount")


class RuntimeOf(Protocol):
    """Says whose a runtime is."""

    async def __call__(self, runtime_id: str) -> str | None:
        """Returns the account of a runtime that lives, else None."""
        ...


class Mounts:
    """Every mount of this server.

    Args:
        place: the drive and where bytes lie; ``place.folder`` holds what daemons write.
        database: grants and audit.
        host: the supervisor.
        owner_of: whose a runtime is.
        principal_of: an account as who acts for it, None once it may not.
        clock: for tests.
    """

    def __init__(
        self,
        place: Place,
        database: Database,
        host: HostClient,
        owner_of: RuntimeOf,
        principal_of: Callable[[str], Awaitable[Principal | None]],
        clock: Clock | None = None,
    ) -> None:
        self._place = place
        self._database = database
        self._host = host
        self._owner_of = owner_of
        self._principal_of = principal_of
        self._clock = clock or SystemClock()
        self._servers: dict[tuple[str, str], MountServer] = {}
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}
        self._finding: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Goes on serving the mounts of living runtimes, and saves what dead daemons had written."""
        self._place.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._finding = asyncio.create_task(self._find(), name="mounts")

    async def close(self) -> None:
        """Lets go of every daemon; they wait for the next server."""
        if self._finding is not None:
            self._finding.cancel()
        await asyncio.gather(*(server.close() for server in self._servers.values()), return_exceptions=True)

    async def _find(self) -> None:
        while True:
            try:
                for mounted in await self._host.mounts():
                    account_id = await self._owner_of(mounted.runtime_id)
                    key = (mounted.runtime_id, mounted.target)
                    if account_id is not None and key not in self._servers:
                        self._serve(mounted, account_id)
            except UnavailableError:
                await asyncio.sleep(RETRY_S)
            else:
                break
        living = {key[0] for key in self._servers}
        for folder in await asyncio.to_thread(lambda: list(self._place.folder.glob("*/"))):
            if folder.name not in living:
                await self._save_left(folder.name)

    # -- consent --------------------------------------------------------------------------------------------------

    async def granted(self, account_id: str, file_id: str) -> bool:
        """Returns whether the account lets this notebook have its drive without being asked."""
        async with self._database.read() as connection:
            return await store.granted(connection, account_id, file_id)

    async def grant(self, account_id: str, file_id: str) -> None:
        """Lets this notebook have the account's drive from now on."""
        now = timestamp(self._clock.now())
        async with self._database.transaction() as connection:
            await store.grant(connection, account_id, file_id, now)
            await store.audit(connection, account_id, "mount.granted", file_id, {}, now)

    async def grants(self, principal: Principal) -> list[tuple[str, str, str]]:
        """Returns each notebook that may have the account's drive, its name, and since when.

        The name is empty where the account may not read the notebook any more.
        """

        async def look(connection: AsyncConnection) -> list[tuple[str, str, str]]:
            found = await store.grants(connection, str(principal.account_id))
            rows = await rows_of(connection, [file_id for file_id, _ in found])
            accesses = await access_rows(connection, principal, rows, now=self._clock.now())
            names = {access.file_id: str(access.file["name"]) for access in accesses}
            return [(file_id, names.get(file_id, ""), since) for file_id, since in found]

        return await self._database.look(look)

    async def revoke(self, account_id: str, file_id: str) -> bool:
        """Asks the account again before this notebook gets its drive. Returns whether it had not to ask."""
        now = timestamp(self._clock.now())
        async with self._database.transaction() as connection:
            revoked = await store.revoke(connection, account_id, file_id)
            if revoked:
                await store.audit(connection, account_id, "mount.revoked", file_id, {}, now)
        return revoked

    # -- mounting -------------------------------------------------------------------------------------------------

    async def mount(
        self, account_id: str, runtime_id: str, target: str, *, file_id: str | None = None, readonly: bool = False
    ) -> None:
        """Mounts the account's drive into its runtime; does nothing where it is mounted so. Consent was given.

        Raises:
            NotFoundError: the runtime is not the account's, or has no such folder.
            ConflictError: the folder is not empty, or the mount there is of the other kind (``mounted_otherwise``).
            InvalidError, UnavailableError: see :meth:`labora.host.client.HostClient.mount`.
        """
        await self._require_own(account_id, runtime_id)
        key = (runtime_id, target)
        async with self._locks.setdefault(key, asyncio.Lock()):
            mounted = await self._host.mount(runtime_id, target, readonly=readonly)
            if mounted.readonly != readonly:
                raise ConflictError("The drive is mounted there already. Unmount it first.", code="mounted_otherwise")
            server = self._servers.get(key)
            if server is None or server.task.done():
                server = self._serve(mounted, account_id)
            await server.ready()
        now = timestamp(self._clock.now())
        async with self._database.transaction() as connection:
            details = {"runtime_id": runtime_id, "target": target}
            await store.audit(connection, account_id, "mount.made", file_id, details, now)

    async def unmount(self, account_id: str, runtime_id: str, target: str) -> list[str]:
        """Brings everything that was written into the drive, then takes the mount away.

        Returns:
            Names of files that could not be saved.
        """
        await self._require_own(account_id, runtime_id)
        key = (runtime_id, target)
        async with self._locks.setdefault(key, asyncio.Lock()):
            server = self._servers.get(key)
            unsaved = await server.flush() if server is not None else []
            await self._host.unmount(runtime_id, target)
            if server is not None:
                self._servers.pop(key, None)
                await server.close()
        return unsaved

    async def _require_own(self, account_id: str, runtime_id: str) -> None:
        if await self._owner_of(runtime_id) != account_id:
            raise NotFoundError("There is no such runtime of yours.", code="no_such_runtime")

    # -- serving --------------------------------------------------------------------------------------------------

    def _serve(self, mounted: Mounted, account_id: str) -> MountServer:
        key = (mounted.runtime_id, mounted.target)
        folder = self._place.folder / mounted.runtime_id
        mount = mounted.socket.rpartition("-")[2].removesuffix(".sock")
        known: tuple[float, Principal | None] = (float("-inf"), None)

        async def principal() -> Principal:
            nonlocal known
            at, found = known
            if self._clock.monotonic() - at > FRESH_S:
                found = await self._principal_of(account_id)
                known = (self._clock.monotonic(), found)
            if found is None:
                raise ForbiddenError("This account may not use its drive any more.", code="account_disabled")
            return found

        async def verbs(daemon: str) -> Verbs:
            await asyncio.to_thread(_prepare, folder, account_id)
            name = f"{mount}-{daemon}"
            await self._save_left(mounted.runtime_id, mount, living=name)
            return Verbs(self._place, principal, StagedFiles(folder / name), readonly=mounted.readonly)

        async def gone() -> bool:
            """Says whether the mount is still wanted; else saves what is left and ends."""
            with suppress(UnavailableError):
                wanted = [(one.runtime_id, one.target) for one in await self._host.mounts()]
                if key not in wanted or await self._owner_of(mounted.runtime_id) is None:
                    if self._servers.get(key) is server:
                        del self._servers[key]
                    await self._save_left(mounted.runtime_id, mount)
                    return False
            return True

        server = MountServer(
            Path(mounted.socket),
            verbs,
            readonly=mounted.readonly,
            limit=self._place.limits.upload_bytes,
            gone=gone,
        )
        self._servers[key] = server
        return server

    async def _save_left(self, runtime_id: str, mount: str = "", *, living: str | None = None) -> None:
        """Brings into the drive what daemons of a runtime had written when they died.

        Args:
            mount: looks at the daemons of this mount only; others of the runtime may live.
            living: folder of the daemon that lives now.
        """
        folder = self._place.folder / runtime_id
        try:
            account_id = await asyncio.to_thread((folder / "account").read_text)
        except OSError:
            return
        for left in await asyncio.to_thread(lambda: list(folder.glob(f"{mount}*-*/"))):
            if left.name != living:
                await self._save(account_id, StagedFiles(left))
        if living is None:
            await asyncio.to_thread(_remove_empty, folder)

    async def _save(self, account_id: str, staged: StagedFiles) -> None:
        found = list(await asyncio.to_thread(lambda: list(staged.left())))
        principal = await self._principal_of(account_id)
        if found and principal is None:
            return
        kept = False
        for path, about in found:
            item = {
                "stage": path.name, "file": about.get("file"), "new": about.get("new"), "parent": about.get("parent"),
                "name": about.get("name"), "base": about.get("base"),
            }  # fmt: skip
            try:
                assert principal is not None  # noqa: S101 - seen above
                (answer,) = await Verbs(self._place, _always(principal), staged).commit(principal, [item])
            except (LaboraError, OSError, KeyError) as error:
                answer = {"errno": str(error)}
            kept = kept or "errno" in answer
            log.warning("mount_recovered", account_id=account_id, name=item["name"], failed=answer.get("errno"))
        if not kept:
            await asyncio.to_thread(staged.remove)


def _always(principal: Principal) -> Callable[[], Awaitable[Principal]]:
    async def known() -> Principal:
        return principal

    return known


def _prepare(folder: Path, account_id: str) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "account").write_text(account_id)


def _remove_empty(folder: Path) -> None:
    if not any(folder.glob("*/")):
        shutil.rmtree(folder, ignore_errors=True)

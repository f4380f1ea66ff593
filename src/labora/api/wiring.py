"""Builds the parts, connects their ports, starts and ends them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from labora.access import Principal, Scope
from labora.accounts import Accounts
from labora.accounts.mailer import Mailer
from labora.api.compute import LocalCompute
from labora.api.fetching import Datasets
from labora.api.services import Services
from labora.base.clock import SystemClock
from labora.base.errors import NotFoundError
from labora.base.logging import get_logger
from labora.base.settings import Settings
from labora.blobs import Blobs
from labora.db import Database, migrate
from labora.db.sealing import Seal
from labora.drive import Drive
from labora.drive.archive import Archives
from labora.drive.exchange.service import Exchange
from labora.drive.expiry import Expiry
from labora.drive.home import Home
from labora.drive.inspect import notebook_inspector
from labora.drive.search.fts5 import Fts5Index
from labora.drive.search.indexer import Indexer
from labora.drive.search.service import Search
from labora.drive.uploads import Uploads
from labora.drive.uploads.pieces import Pieces
from labora.host.client import HostClient
from labora.kernels.service import Kernels
from labora.mount.service import Mounts
from labora.mount.verbs import Place
from labora.rooms import Rooms
from labora.runtimes.meters import Meters
from labora.runtimes.ports import Provider
from labora.runtimes.service import Runtimes
from labora.secrets import Secrets

_UPKEEP_S = 3600.0


def build_services(settings: Settings, provider: Provider | None = None) -> Services:
    """Makes the container; nothing is opened or started yet except the data folders.

    Args:
        settings: the tree in effect.
        provider: starts runtimes; None for a process that runs no code.
    """
    settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.database_url)
    blobs = Blobs(database, settings.state_dir / "blobs", min_free_bytes=settings.storage.min_free_bytes)
    accounts = Accounts(database, settings.accounts)
    drive = Drive(
        database,
        blobs,
        settings.limits,
        notebook_inspector(settings.limits),
        history=settings.history,
        playground_days=settings.rooms.playground_days,
        comments=settings.comments,
        rules=settings.drive,
    )
    home = Home(drive)
    drive.context.after_root = home.furnish
    accounts.on_account_made(home.prepare)
    search = build_search(settings, drive, blobs)
    drive.context.inviting = accounts.invite_address
    # Rooms put themselves into the drive's context when they start.
    accounts.on_group_changed(lambda file_ids: drive.context.live.rights_changed(file_ids))
    mailer = Mailer(database, settings.mail, settings.app_url, settings.outbox_dir)
    pieces = Pieces(settings.state_dir / "uploads")
    uploads = Uploads(drive, blobs, pieces, settings.limits, settings.drive)
    archives, exchange = Archives(drive), Exchange(drive, settings)
    secrets = Secrets(database, Seal(settings.secret_key_file), settings.secrets)
    parts = (settings, database, blobs, accounts, drive, search, mailer, uploads, archives, exchange, secrets)
    services = Services(*parts, Datasets(settings))
    if provider is not None:
        services.kernels = Kernels()
        services.runtimes = Runtimes(
            database,
            provider,
            settings.runtimes,
            SystemClock(),
            is_busy=services.kernels.busy,
            warm_up=services.kernels,
        )
        services.meters = Meters(
            services.runtimes, services.kernels.meter, SystemClock(), settings.runtimes.meter_interval_s
        )
        services.compute = LocalCompute(services.runtimes, services.kernels, services.meters)
        services.provider = provider
        if provider.name == "sandbox":
            services.mounts = _mounts(settings, database, blobs, drive, accounts, services.runtimes)
    services.rooms = Rooms(
        database=database,
        blobs=blobs,
        drive=drive,
        settings=settings,
        compute=services.compute,
        drives=services.mounts,
        secrets=secrets,
        data_dir=settings.state_dir,
    )
    return services


def build_search(settings: Settings, drive: Drive, blobs: Blobs) -> Search:
    """Makes the full-text index of a drive and what fills it; nothing is opened yet."""
    index = Fts5Index(settings.database_url, settings.state_dir / "search.db")
    drive.context.index = index
    return Search(drive.context, index, Indexer(index, blobs, settings.limits))


def _mounts(
    settings: Settings, database: Database, blobs: Blobs, drive: Drive, accounts: Accounts, runtimes: Runtimes
) -> Mounts:
    """Joins host, runtimes and accounts into what mounts drives."""

    async def owner_of(runtime_id: str) -> str | None:
        with contextlib.suppress(NotFoundError):
            runtime = await runtimes.get(runtime_id)
            return runtime.account_id if runtime.desired == "running" else None
        return None

    async def principal_of(account_id: str) -> Principal | None:
        return await accounts.principal_of_account(account_id, frozenset({Scope.READ, Scope.WRITE}))

    place = Place(drive, blobs, settings.limits, settings.state_dir / "mounts", settings.storage.min_free_bytes)
    return Mounts(place, database, HostClient(settings.run_dir / "host.sock"), owner_of, principal_of)


async def start_services(services: Services) -> None:
    """Brings the schema up to date and starts what runs in the background."""
    await migrate(services.database)
    services.closers.append(services.database.close)
    services.instance_id = await services.accounts.instance_id()
    services.closers.append(services.datasets.close)
    services.closers.append(services.search.close)
    await services.search.start()
    if services.runtimes is not None:
        parts = (services.provider, services.kernels, services.compute, services.runtimes, services.meters)
        services.closers += [part.close for part in parts if part is not None]
        await services.runtimes.start()
        if services.meters is not None:
            await services.meters.start()
    if services.mounts is not None:
        services.closers.append(services.mounts.close)
        await services.mounts.start()
    if services.rooms is not None:
        services.closers.append(services.rooms.close)
        await services.rooms.start()
    _in_background(services, services.mailer.run(), "mailer")
    _in_background(services, Expiry(services.drive.context).run(), "expiry")
    _in_background(services, _keep_up(services), "upkeep")


def _in_background(services: Services, work: Coroutine[Any, Any, None], name: str) -> None:
    task = asyncio.create_task(work, name=name)

    async def stop() -> None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    services.closers.append(stop)


async def stop_services(services: Services) -> None:
    """Ends everything in reverse order; one failure does not keep the others open."""
    while services.closers:
        close = services.closers.pop()
        try:
            await close()
        except Exception as error:  # noqa: BLE001 - the rest must be closed too
            get_logger("api").error("stop failed", error=repr(error))


async def _keep_up(services: Services) -> None:
    """Deletes what expired and sweeps bytes that nothing refers to, every hour."""
    drive = services.drive
    steps: list[Callable[[], Awaitable[Any]]] = [services.accounts.tidy, services.mailer.tidy]
    if services.runtimes is not None:
        steps.append(services.runtimes.tidy)
    steps += [drive.history.thin, drive.playgrounds.tidy, drive.notifications.tidy, services.uploads.tidy]
    steps += [drive.trash.purge, services.blobs.sweep]
    while True:
        for step in steps:
            try:
                await step()
            except Exception as error:  # noqa: BLE001 - the others go on, and it tries again in an hour
                get_logger("api").error("upkeep failed", step=step.__qualname__, error=repr(error))
        await asyncio.sleep(_UPKEEP_S)

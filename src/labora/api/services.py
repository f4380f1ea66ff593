"""The one container of what the server consists of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from labora.accounts import Accounts
from labora.accounts.mailer import Mailer
from labora.api.compute import LocalCompute
from labora.api.fetching import Datasets
from labora.base.settings import Settings
from labora.blobs import Blobs
from labora.db import Database
from labora.drive import Drive
from labora.drive.archive import Archives
from labora.drive.exchange.service import Exchange
from labora.drive.search.service import Search
from labora.drive.uploads import Uploads
from labora.kernels.service import Kernels
from labora.mount.service import Mounts
from labora.rooms import Rooms
from labora.runtimes.meters import Meters
from labora.runtimes.ports import Provider
from labora.runtimes.service import Runtimes
from labora.secrets import Secrets


@dataclass
class Services:
    """Everything a route may use. Built by :func:`labora.api.wiring.build_services`, started by the lifespan.

    Attributes:
        rooms: the live notebooks. runtimes, kernels, meters: None in a process that runs no code.
        mounts: drives as folders of runtimes; None where the provider cannot mount.
        instance_id: part of the cookie's name, known after the start.
        closers: run in reverse order at the end.
    """

    settings: Settings
    database: Database
    blobs: Blobs
    accounts: Accounts
    drive: Drive
    search: Search
    mailer: Mailer
    uploads: Uploads
    archives: Archives
    exchange: Exchange
    secrets: Secrets
    datasets: Datasets
    rooms: Rooms | None = None
    runtimes: Runtimes | None = None
    kernels: Kernels | None = None
    meters: Meters | None = None
    compute: LocalCompute | None = None
    provider: Provider | None = None
    mounts: Mounts | None = None
    instance_id: str = ""
    closers: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

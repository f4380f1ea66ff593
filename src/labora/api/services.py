"""The one container of what the server consists of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from labora.accounts import Accounts
from labora.base.settings import Settings
from labora.blobs import Blobs
from labora.db import Database
from labora.drive import Drive


@dataclass
class Services:
    """Everything a route may use. Built by :func:`labora.api.wiring.build_services`, started by the lifespan.

    Attributes:
        rooms, runtimes, kernels, host: filled in by the wiring; None in a process without that part.
        instance_id: part of the cookie's name, known after the start.
        closers: run in reverse order at the end.
    """

    settings: Settings
    database: Database
    blobs: Blobs
    accounts: Accounts
    drive: Drive
    rooms: Any = None
    runtimes: Any = None
    kernels: Any = None
    host: Any = None
    instance_id: str = ""
    closers: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

"""The whole server as one ASGI application."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from labora.access import Ability
from labora.accounts.repeats import Repeats
from labora.api import content
from labora.api.compute import make_provider
from labora.api.content import content_site
from labora.api.errors import add_handlers
from labora.api.gate import Gate
from labora.api.hosts import Hosts
from labora.api.idempotency import Idempotency
from labora.api.models import ErrorAnswer
from labora.api.pages import STATIC, Pages
from labora.api.ports.site import PortSite
from labora.api.public import PREFIX
from labora.api.room_socket import room_socket
from labora.api.routers import (
    accounts,
    comments,
    compute_admin,
    datasets,
    exchange,
    executions,
    files,
    groups,
    instance,
    mounts,
    notifications,
    private,
    revisions,
    runtime_files,
    runtime_ports,
    runtimes,
    search,
    secrets,
    sharing,
    storage,
    uploads,
)
from labora.api.services import Services
from labora.api.wiring import build_services, start_services, stop_services
from labora.base.settings import Settings
from labora.runtimes.ports import Provider

ROUTERS = (
    instance.router,
    accounts.router,
    secrets.router,
    files.router,
    uploads.router,
    storage.router,
    search.router,
    sharing.router,
    groups.router,
    notifications.router,
    comments.router,
    revisions.router,
    private.router,
    runtimes.router,
    runtime_files.router,
    runtime_ports.router,
    mounts.router,
    compute_admin.router,
    datasets.router,
    executions.router,
    exchange.router,
    content.router,
)
SOCKETS = {
    f"{PREFIX}/files/{{file_id}}/room": (room_socket, Ability.READ),
    f"{PREFIX}/notifications/live": (notifications.notifications_socket, None),
}
"""WebSockets and the ability that opening one of a file needs; what may be done through it is decided frame by frame.
"""


class LaboraApp:
    """The gate with its lifespan.

    Attributes:
        services: the container; started by the lifespan.
        api: the FastAPI application behind the gate.
    """

    def __init__(self, services: Services, api: FastAPI, gate: Gate) -> None:
        self.services = services
        self.api = api
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await self._gate(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await start_services(self.services)
        except BaseException as error:
            await stop_services(self.services)
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await stop_services(self.services)
        await send({"type": "lifespan.shutdown.complete"})


def create_api() -> FastAPI:
    """Returns the REST and socket routes, without gate or services."""
    api = FastAPI(
        title="Labora",
        version=version("labora"),
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        responses={"default": {"model": ErrorAnswer, "description": "Any failure."}},
    )
    add_handlers(api)
    for router in ROUTERS:
        api.router.routes.extend(router.routes)
    api.router.routes.extend(WebSocketRoute(path, serve) for path, (serve, _) in SOCKETS.items())
    return api


def create_app(
    settings: Settings, *, static: Path = STATIC, provider: Provider | None = None, compute: bool = True
) -> LaboraApp:
    """Builds the server.

    Args:
        settings: the tree in effect.
        static: the built front end.
        provider: starts runtimes; that of the settings when None.
        compute: False for a server that runs no code.
    """
    services = build_services(settings, (provider or make_provider(settings)) if compute else None)
    api = create_api()
    site = content_site(services, static)
    api.state.content_site = site
    ports = PortSite(services, site.labels, Hosts(settings.server))
    api.state.port_site = ports
    once = Idempotency(api, Repeats(services.database))
    return LaboraApp(services, api, Gate(services, once, site.beside(Pages(static)), site, ports))


def _operation_id(route: APIRoute) -> str:
    return route.name

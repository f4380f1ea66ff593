"""The whole server as one ASGI application."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from labora.api.errors import add_handlers
from labora.api.gate import Gate
from labora.api.models import ErrorAnswer
from labora.api.pages import STATIC, Pages
from labora.api.public import PREFIX
from labora.api.routers import accounts, files, instance, revisions, sharing
from labora.api.services import Services
from labora.api.wiring import build_services, start_services, stop_services
from labora.base.settings import Settings

ROUTERS = (instance.router, accounts.router, files.router, sharing.router, revisions.router)


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
    return api


def create_app(settings: Settings, *, static: Path = STATIC) -> LaboraApp:
    """Builds the server.

    Args:
        settings: the tree in effect.
        static: the built front end.
    """
    services = build_services(settings)
    api = create_api()
    return LaboraApp(services, api, Gate(services, api, Pages(static), content_app(settings)))


def content_app(_settings: Settings) -> ASGIApp:
    """Returns what serves the content hosts."""
    return PlainTextResponse("There is nothing at this address.", 404)


def _operation_id(route: APIRoute) -> str:
    return route.name

"""Web apps of the caller's runtimes: which ones listen, and the addresses that lead to them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from labora.access import Principal, Scope
from labora.api.models import Answer, Body
from labora.api.needs import Needs, services_of
from labora.api.ports.labels import RESERVED
from labora.api.ports.site import PortSite
from labora.api.public import PREFIX
from labora.api.routers.runtimes import own_runtime
from labora.api.runtime_guest import living
from labora.api.services import Services
from labora.base.errors import NotFoundError

router = APIRouter(prefix=PREFIX, tags=["runtimes"])
Container = Annotated[Services, Depends(services_of)]
Runner = Annotated[Principal, Depends(Needs(Scope.RUN))]
MAX_PORTS = 200


class PortAnswer(Answer):
    """A port on which a program of the runtime listens, and the program's name."""

    port: int
    process: str


class PortList(Answer):
    """The ports of a runtime, the lowest first."""

    ports: list[PortAnswer]


class PortBody(Body):
    """What of a web app to open.

    Attributes:
        path: its path, with a query where it has one.
        fallback: the page cannot reach names of their own (mode C).
    """

    path: str = Field("/", max_length=4096)
    fallback: bool = False


class PortAddressAnswer(Answer):
    """Where a web app is found: ``url`` lasts; ``ticket_url`` lets in once within half a minute and leads there."""

    url: str
    ticket_url: str


@router.get("/runtimes/{runtime_id}/ports")
async def list_ports(runtime_id: str, caller: Runner, services: Container) -> PortList:
    """Lists the ports on which programs of a runtime listen."""
    connection = living(services, await own_runtime(runtime_id, caller, services))
    found = await connection.request("port.list", {})
    rows = found.get("ports") if isinstance(found, dict) else None
    ports = [
        PortAnswer(port=row["port"], process=str(row.get("process", ""))[:64])
        for row in (rows if isinstance(rows, list) else [])[:MAX_PORTS]
        if isinstance(row, dict) and type(row.get("port")) is int and 0 < row["port"] < 65_536
    ]
    return PortList(ports=[answer for answer in ports if answer.port not in RESERVED])


@router.post("/runtimes/{runtime_id}/ports/{port}")
async def open_port(
    runtime_id: str, port: int, body: PortBody, request: Request, caller: Runner, services: Container
) -> PortAddressAnswer:
    """Returns the address of a web app of the caller's runtime; nothing needs to listen there yet."""
    runtime = await own_runtime(runtime_id, caller, services)
    if not services.settings.ports.enabled:
        raise NotFoundError("Ports of runtimes are switched off on this server.", code="ports_off")
    living(services, runtime)
    site: PortSite = request.app.state.port_site
    found = await site.address(request.scope["labora.host"], caller, runtime, port, body.path, fallback=body.fallback)
    return PortAddressAnswer(url=found.url, ticket_url=found.ticket_url)

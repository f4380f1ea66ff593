"""Case 1: every route of the live table is triaged, and none answers a stranger unless the reviewed list has it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute

from labora.api.app import SOCKETS, LaboraApp, create_api
from labora.api.needs import Needs
from labora.api.public import PUBLIC_ROUTES
from labora.testing.server import ORIGIN, ServerInProcess

ROUTES = list(create_api().routes)


def needs_of(route: APIRoute | APIWebSocketRoute) -> list[Needs]:
    return [found.call for found in route.dependant.dependencies if isinstance(found.call, Needs)]


def _http_routes() -> Iterator[tuple[str, str, BaseRoute]]:
    for route in ROUTES:
        methods = getattr(route, "methods", None)
        for method in sorted(methods or ()):
            if method != "HEAD":
                yield method, route.path, route


HTTP = list(_http_routes())
IDS = [f"{method} {path}" for method, path, _ in HTTP]


def socket_paths() -> list[str]:
    return [route.path for route in ROUTES if getattr(route, "methods", None) is None]


def test_sec_01_every_socket_declares_an_ability() -> None:
    assert set(socket_paths()) == set(SOCKETS)


@pytest.mark.parametrize(("method", "path", "route"), HTTP, ids=IDS)
def test_sec_01_every_http_route_is_triaged(method: str, path: str, route: BaseRoute) -> None:
    declared = isinstance(route, APIRoute) and bool(needs_of(route))
    listed = (method, path) in PUBLIC_ROUTES
    assert declared != listed, f"{method} {path} must either declare Needs(...) or stand on the public list"


def test_sec_01_routes_of_one_file_declare_an_ability() -> None:
    for method, path, route in HTTP:
        if "{file_id}" in path and isinstance(route, APIRoute):
            assert all(needs.ability is not None for needs in needs_of(route)), f"{method} {path}"


def test_sec_01_the_public_list_names_only_routes_that_exist() -> None:
    assert {(method, path) for method, path, _ in HTTP} >= PUBLIC_ROUTES


async def test_sec_01_a_stranger_is_refused_everywhere(server: ServerInProcess) -> None:
    answered = {}
    closed = [(method, path) for method, path, _ in HTTP if (method, path) not in PUBLIC_ROUTES]
    for method, path in closed:
        client = await server.client()
        answer = await client.request(method, ORIGIN + re.sub(r"\{[^}]+\}", "x" * 20, path))
        answered[method, path] = (answer.status_code, answer.json()["code"])
    assert len(closed) > 100
    assert answered == dict.fromkeys(closed, (401, "unauthenticated"))


async def test_sec_01_an_address_that_does_not_exist_is_refused_alike(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get("/no/such/thing")).status_code == 401
    assert (await stranger.get(f"{ORIGIN}/api/v2/files")).status_code == 401


@pytest.mark.parametrize("path", [*socket_paths(), "/api/v1/no/such/socket"])
async def test_sec_01_a_stranger_gets_no_socket(server: ServerInProcess, app: LaboraApp, path: str) -> None:
    sent = await open_socket(app, re.sub(r"\{[^}]+\}", "x" * 20, path), origin=ORIGIN)
    assert sent == [
        {"type": "websocket.accept"},
        {"type": "websocket.close", "code": 4401, "reason": "not signed in"},
    ]


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "http://localhost:8001", f"{ORIGIN}.evil.example"]
)
async def test_sec_41_a_socket_from_another_origin_is_never_accepted(
    server: ServerInProcess, app: LaboraApp, owner: httpx.AsyncClient, origin: str | None
) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in owner.cookies.items())
    sent = await open_socket(app, "/api/v1/files/x/room", origin=origin, cookie=cookie)
    assert [message["type"] for message in sent] == ["websocket.close"]


async def open_socket(app: LaboraApp, path: str, *, origin: str | None, cookie: str = "") -> list[dict[str, object]]:
    sent: list[dict[str, object]] = []
    headers = [(b"host", b"localhost:8000"), (b"cookie", cookie.encode())]
    if origin is not None:
        headers.append((b"origin", origin.encode()))

    async def receive() -> dict[str, object]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {"type": "websocket", "scheme": "ws", "path": path, "query_string": b"", "headers": headers}
    await app({**scope, "client": ("127.0.0.1", 1), "subprotocols": []}, receive, send)
    return sent

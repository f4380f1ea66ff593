"""The gate before everything: hosts, headers, limits, credentials, forgery. Pure ASGI, so streams stay streams.

Deny by default: nothing below ``/api/`` is reached without a credential unless :mod:`labora.api.public` lists it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from typing import Protocol

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labora.access import ANONYMOUS, Principal
from labora.access import Scope as TokenScope
from labora.api.cookies import cookie_name, read_cookie
from labora.api.errors import UNEXPECTED, send_error
from labora.api.headers import add_missing, api_headers, asset_headers, page_headers
from labora.api.hosts import Host, HostKind, Hosts
from labora.api.public import PREFIX, file_by_link, is_public
from labora.api.services import Services
from labora.api.sockets import Sockets
from labora.base.errors import (
    ForbiddenError,
    InvalidError,
    LaboraError,
    NotFoundError,
    RateLimitedError,
    TooLargeError,
    UnauthenticatedError,
)
from labora.base.logging import get_logger

MAX_BODY = 1024 * 1024
_UPLOADS = re.compile(rf"{PREFIX}/(?:files/(?:upload|[^/]+/content)|uploads/[^/]+|runtimes/[^/]+/content)")
"""Their verbs bound the body themselves, by the limit of uploads."""
_SOCKET_SCOPES = frozenset({TokenScope.READ, TokenScope.RUN})
"""A socket shows the whole notebook and moves a kernel; what else it may is decided frame by frame."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_MAX_PATH = 4096
NOT_SIGNED_IN = 4401

_log = get_logger("api")


class MisdirectedError(LaboraError):
    """The Host header names no host of this server."""

    code, status = "misdirected", 421


class OtherSite(Protocol):
    """What answers some requests by itself, also on hosts of the app."""

    def takes(self, host: Host, path: str) -> bool:
        """Returns whether a request is its own."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry for HTTP and WebSocket."""
        ...


class Gate:
    """Wraps the API, the pages, the content hosts and the ports of runtimes.

    Args:
        services: the container, put into every scope as ``labora.services``.
        api: serves ``/api/``.
        pages: serves every other path of the app host.
        content: serves the content hosts.
        ports: serves the ports of runtimes.
    """

    def __init__(
        self, services: Services, api: ASGIApp, pages: ASGIApp, content: ASGIApp, ports: OtherSite | None = None
    ) -> None:
        self._services = services
        self._settings = services.settings
        self._api, self._pages, self._content, self._ports = api, pages, content, ports
        self.hosts = Hosts(services.settings.server)
        self.sockets = Sockets(services.settings.limits.sockets_per_account)
        services.accounts.on_revoked(self.sockets.revoke)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry for HTTP and WebSocket."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        host = self.hosts.read(hosts[0] if len(hosts) == 1 else "", scope["scheme"])
        scope["labora.services"], scope["labora.host"] = self._services, host
        if self._ports is not None and self._ports.takes(host, scope["path"]):
            await self._ports(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send, host, headers)
            return
        if host.kind == HostKind.CONTENT:
            await self._content(scope, receive, send)
            return
        started = time.monotonic()
        sender = _Sender(send, self._default_headers(scope, host))
        try:
            await self._http(scope, receive, sender, host, headers)
        except LaboraError as error:
            if sender.started:
                raise
            await send_error(sender, error)
        except Exception as error:
            _log.error("request failed", path=scope["path"], error=repr(error), exc_info=True)
            if not sender.started:
                await send_error(sender, LaboraError(UNEXPECTED))
            elif not sender.ended:
                raise
        finally:
            principal: Principal = scope.get("labora.principal", ANONYMOUS)
            _log.debug(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=sender.status,
                account=principal.account_id,
                ms=round(1000 * (time.monotonic() - started)),
            )

    def _default_headers(self, scope: Scope, host: Host) -> list[tuple[bytes, bytes]]:
        if scope["path"].startswith("/api/"):
            return api_headers(host)
        if scope["path"].startswith("/assets/"):
            return asset_headers(host)
        return page_headers(self._settings.server, self.hosts, host)

    async def _http(self, scope: Scope, receive: Receive, send: Send, host: Host, headers: Headers) -> None:
        if host.kind == HostKind.REFUSED:
            raise MisdirectedError("This server does not go by that name. Use the address that its operator gave you.")
        if len(scope["path"]) > _MAX_PATH:
            raise InvalidError("The address is too long.")
        if not scope["path"].startswith("/api/"):
            if host.kind == HostKind.LOOPBACK:
                await _redirect(scope, send, host)
            else:
                await self._pages(scope, receive, send)
            return
        scope["labora.principal"] = await self._principal(scope["method"], scope["path"], host, headers)
        await self._api(scope, _bounded(scope, receive, headers), send)

    async def _principal(self, method: str, path: str, host: Host, headers: Headers) -> Principal:
        """Returns who asks, after the checks that need no route."""
        authorization = headers.get("authorization")
        if authorization is not None:
            principal: Principal | None = await self._of_token(authorization)
        else:
            _refuse_forgery(method, host, headers)
            principal = await self._of_cookie(host, headers)
        if principal is None and not is_public(method, path) and file_by_link(method, path) is None:
            raise UnauthenticatedError("Sign in first.")
        return principal or ANONYMOUS

    async def _of_token(self, authorization: str) -> Principal:
        kind, _, secret = authorization.partition(" ")
        principal = None
        if kind.lower() == "bearer" and secret:
            principal = await self._services.accounts.principal_of_token(secret.strip())
        if principal is None:
            raise UnauthenticatedError("This token is unknown, revoked or expired. Make a new one.", code="bad_token")
        return principal

    async def _of_cookie(self, host: Host, headers: Headers) -> Principal | None:
        secret = read_cookie(headers.get("cookie", ""), cookie_name(self._services.instance_id, host))
        return await self._services.accounts.principal_of_cookie(secret) if secret else None

    # -- WebSocket ----------------------------------------------------------------------------------------------------

    async def _websocket(self, scope: Scope, receive: Receive, send: Send, host: Host, headers: Headers) -> None:
        """Checks Origin and credential before anything is accepted; ends the socket when the credential dies."""
        await receive()
        try:
            if host.kind == HostKind.CONTENT:
                await self._content(scope, _replay(receive), send)
                return
            while True:
                ends = self.sockets.revocations
                principal = await self._socket_principal(scope["path"], host, headers)
                if ends == self.sockets.revocations:
                    break
                # A credential died while this one was looked up: from here to ``holding`` nothing waits.
        except UnauthenticatedError:
            # Accepted and closed at once: only so can a page tell "sign in again" from a network failure.
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": NOT_SIGNED_IN, "reason": "not signed in"})
            return
        except LaboraError as error:
            if isinstance(error, RateLimitedError) and "websocket.http.response" in scope.get("extensions", {}):
                # Before the socket is accepted there can be a whole answer, which says when to come again.
                await send_error(_refusing(send), error)
                return
            await send({"type": "websocket.close", "code": 1008, "reason": error.error_code})
            return
        scope["labora.principal"] = principal
        sender = _SocketSender(send)
        serving = asyncio.ensure_future(self._api(scope, _replay(receive), sender))
        with self.sockets.holding(principal, serving) as socket:
            try:
                await serving
            except asyncio.CancelledError:
                if not serving.done():
                    serving.cancel()
                    await asyncio.wait([serving])
                if not socket.revoked:
                    raise
                await sender.close(NOT_SIGNED_IN, "not signed in")

    async def _socket_principal(self, path: str, host: Host, headers: Headers) -> Principal:
        if host.kind == HostKind.REFUSED:
            raise MisdirectedError("This server does not go by that name.")
        authorization = headers.get("authorization")
        if authorization is not None:
            principal: Principal | None = await self._of_token(authorization)
            if principal is not None and not principal.scopes >= _SOCKET_SCOPES:
                raise ForbiddenError("A socket needs a token with the scopes 'read' and 'run'.", code="scope_missing")
        else:
            if headers.get("origin") != host.origin:
                raise ForbiddenError("Sockets open only from this server's own pages.", code="bad_origin")
            principal = await self._of_cookie(host, headers)
        if principal is None:
            principal = await self._of_link(path)
        self.sockets.check_room(principal)
        return principal

    async def _of_link(self, path: str) -> Principal:
        """Returns nobody in particular, where a link opens the room. Raises UnauthenticatedError elsewhere."""
        file_id = file_by_link("GET", path)
        if file_id is not None:
            with contextlib.suppress(NotFoundError):
                await self._services.drive.access(ANONYMOUS, file_id)
                return ANONYMOUS
        raise UnauthenticatedError("Sign in first.")


def _refusing(send: Send) -> Send:
    """Returns what sends an HTTP answer in place of a socket."""

    async def refuse(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    return refuse


def _refuse_forgery(method: str, host: Host, headers: Headers) -> None:
    """Refuses what another site made the browser send. Raises ForbiddenError.

    A change needs our header, which another origin cannot send without a preflight that is never granted, and an
    origin that is ours in full. A cookie on a read from elsewhere is not honoured either.
    """
    site = headers.get("sec-fetch-site")
    if method in _SAFE:
        if site not in {None, "same-origin", "none"} and "cookie" in headers:
            raise ForbiddenError("Another site asked for this.", code="cross_site")
        return
    origin = headers.get("origin")
    ours = origin == host.origin if origin is not None else site == "same-origin"
    if not ours or site not in {None, "same-origin"}:
        raise ForbiddenError("Another site asked for this, or the request does not say where from.", code="cross_site")
    if headers.get("x-labora") != "1":
        raise ForbiddenError("The request lacks the header 'X-Labora: 1'.", code="header_missing")


async def _redirect(scope: Scope, send: Send, host: Host) -> None:
    """Sends a page asked for by loopback address on to ``localhost``, where cookies and content labels work."""
    path = scope.get("raw_path", b"/").split(b"?")[0]
    query = b"?" + scope["query_string"] if scope["query_string"] else b""
    location = f"{host.scheme}://localhost{host.port}".encode() + path + query
    headers = [(b"location", location), (b"content-length", b"0"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 307, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _bounded(scope: Scope, receive: Receive, headers: Headers) -> Receive:
    """Returns a receive that refuses a body above the limit, by its declared length or while it comes."""
    if _UPLOADS.fullmatch(scope["path"]):
        return receive
    declared = headers.get("content-length", "0")
    if not declared.isdigit():
        raise InvalidError("Content-Length is not a number.")
    if int(declared) > MAX_BODY:
        raise _too_large(int(declared))
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY:
            # FastAPI turns what is raised while it reads into a plain 400; its handler looks here.
            scope["labora.too_large"] = _too_large(size)
            raise scope["labora.too_large"]
        return message

    return counted


def _too_large(actual: int) -> TooLargeError:
    return TooLargeError(
        f"The request's body is larger than {MAX_BODY:,} bytes.", details={"limit": MAX_BODY, "actual": actual}
    )


def _replay(receive: Receive) -> Receive:
    """Returns a receive that gives the connect message again, which the gate took."""
    first = True

    async def replayed() -> Message:
        nonlocal first
        if first:
            first = False
            return {"type": "websocket.connect"}
        return await receive()

    return replayed


class _Sender:
    """Adds the default headers and remembers whether the answer began and ended."""

    def __init__(self, send: Send, defaults: list[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._defaults = defaults
        self.started = self.ended = False
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            message["headers"] = add_missing(list(message.get("headers", [])), self._defaults)
        elif message["type"] == "http.response.body":
            self.ended = not message.get("more_body", False)
        await self._send(message)


class _SocketSender:
    """Remembers whether a socket was accepted or closed."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._state = "new"

    async def __call__(self, message: Message) -> None:
        if message["type"] == "websocket.accept":
            self._state = "open"
        elif message["type"] == "websocket.close":
            self._state = "closed"
        await self._send(message)

    async def close(self, code: int, reason: str) -> None:
        """Closes the socket unless it is closed."""
        if self._state != "closed":
            if self._state == "new":
                await self._send({"type": "websocket.accept"})
            await self({"type": "websocket.close", "code": code, "reason": reason})

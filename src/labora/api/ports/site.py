"""Serves the ports of runtimes: on labels of content hosts (modes A and B), and by path on the app's host (mode C).

A browser comes with a ticket, gets a cookie of that host for it, and is then connected with the program that listens.
One that comes without is sent to the app, which knows whether it is signed in, and back again with a ticket.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from urllib.parse import parse_qs, quote

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from labora.access import Principal
from labora.api.content import ContentLabels
from labora.api.errors import error_response
from labora.api.gate import MisdirectedError
from labora.api.hosts import Host, HostKind, Hosts
from labora.api.ports.access import Grant, PortAccess
from labora.api.ports.headers import Outside, own_headers, refuse_two_framings
from labora.api.ports.http import Exchange
from labora.api.ports.labels import Door, PortLabels
from labora.api.ports.notes import note, plain
from labora.api.ports.origins import Origins
from labora.api.ports.websocket import Conversation
from labora.api.services import Services
from labora.base.errors import (
    ForbiddenError,
    GoneError,
    InvalidError,
    LaboraError,
    NotFoundError,
    UnauthenticatedError,
    UnavailableError,
)
from labora.base.logging import get_logger
from labora.kernels.streams import GuestStream
from labora.runtimes.model import Runtime

ENTER = "/.labora/enter"
READY = "/.labora/ready"
BY_PATH = "/ports/"
"""Begins the paths of ports on the app's own host."""
COOKIE = "labora-port"
MAX_TARGET = 16 * 1024
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "PROPPATCH", "MKCOL"})
_PLACE = re.compile(rb"/ports/([a-z0-9-]{1,63})/([a-z0-9.]{1,80})(/.*)", re.DOTALL)

_log = get_logger("ports")


@dataclass(frozen=True, slots=True)
class PortAddress:
    """Where a browser finds a port.

    Attributes:
        url: lasting; fit to be printed, kept and appended to.
        ticket_url: lets in once, within half a minute, and leads to ``url``.
    """

    url: str
    ticket_url: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A request to a port, as far as it is understood before anything is believed.

    Attributes:
        raw: the app's own path, as asked for.
        app: origin of Labora's own pages.
        passes: values that may let in: cookies, or a part of the address.
    """

    door: Door
    outside: Outside
    raw: bytes
    app: str
    secure: bool
    passes: tuple[str, ...]


class PortSite:
    """The ASGI application of ports.

    Args:
        services: runtimes, kernels and accounts.
        labels: of content hosts.
        hosts: reads names.
    """

    def __init__(self, services: Services, labels: ContentLabels, hosts: Hosts) -> None:
        self._services = services
        self._settings = services.settings
        self._hosts, self._origins = hosts, Origins(labels, hosts)
        self._labels = PortLabels(labels)
        self._access = PortAccess(services, self._labels)

    # -- addresses ----------------------------------------------------------------------------------------------------

    async def address(
        self, host: Host, caller: Principal, runtime: Runtime, port: int, path: str, *, fallback: bool
    ) -> PortAddress:
        """Returns where a page of ``host`` finds a port of a runtime that is the caller's; ``fallback``: by path.

        Raises:
            ForbiddenError: ``port_refused``.
            InvalidError: ``path`` is none.
        """
        door = await self._labels.door(runtime.id, port)
        path = _clean(path)
        domain = self._settings.server.content_domain
        if fallback or not (domain or (host.name == "localhost" and host.scheme == "http")):
            value = await self._access.pass_for(caller, door)
            url = f"{host.origin}{BY_PATH}{door.label}/{value}{path}"
            return PortAddress(url, url)
        origin = f"{host.scheme}://{door.label}.{domain or 'localhost'}{host.port}"
        ticket = self._access.ticket(caller, door)
        return PortAddress(origin + path, f"{origin}{ENTER}?ticket={ticket}&to={quote(path, safe='/')}")

    # -- requests -----------------------------------------------------------------------------------------------------

    def takes(self, host: Host, path: str) -> bool:
        """Returns whether a request is to a port."""
        if host.kind is HostKind.CONTENT:
            return host.name.startswith("p-")
        return host.kind is HostKind.APP and path.startswith(BY_PATH)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers HTTP and WebSocket requests that :meth:`takes` says yes to."""
        try:
            visit = await self._read(scope)
        except LaboraError as error:
            await _refuse(error_response(error), scope, receive, send)
            return
        try:
            await self._answer(visit, scope, receive, send)
        except LaboraError as error:
            await _refuse(plain(visit.outside, error.status, error.message), scope, receive, send)

    async def _read(self, scope: Scope) -> Visit:
        headers, host = Headers(scope=scope), scope["labora.host"]
        if not self._settings.ports.enabled:
            raise NotFoundError("Ports of runtimes are switched off on this server.")
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        raw = raw.partition(b"?")[0]
        if not raw.startswith(b"/") or len(raw) + len(scope["query_string"]) > MAX_TARGET:
            raise InvalidError("The address cannot be read.")
        refuse_two_framings(scope["headers"])
        if host.kind is HostKind.CONTENT:
            label, base, passes = host.name.partition(".")[0], "", _cookies(headers, host)
        else:
            found = _PLACE.fullmatch(raw)
            if found is None:
                raise NotFoundError("There is nothing at this address.")
            label, value, raw = found[1].decode(), found[2].decode(), found[3]
            base, passes = f"{BY_PATH}{label}/{value}", (value,)
        door = await self._labels.read(label)
        if door is None:
            raise MisdirectedError("This address is not in use. Open the notebook again.")
        app = self._hosts.app_origin(host)
        near = self._hosts.content_sources(host)
        # Which of its cookies counts is known later; a page of ours is the same for both.
        outside = Outside(host.origin, base, door.port, [app, *near], framed=False)
        return Visit(door, outside, raw, app, host.secure, passes)

    async def _answer(self, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
        runtime = await self._access.runtime(visit.door)
        if runtime is None:
            await _refuse(_ended(visit), scope, receive, send)
            return
        if scope["type"] == "http" and visit.raw.decode("latin-1") == ENTER and not visit.outside.base:
            await (await self._enter(visit, scope))(scope, receive, send)
            return
        await self._check(visit, runtime, scope)
        grant = await self._grant(visit)
        try:
            if grant is None:
                raise UnauthenticatedError("Sign in first.")
            await self._serve(visit, runtime, grant, scope, receive, send)
        except UnauthenticatedError:
            await _refuse(_unknown(visit, scope), scope, receive, send)

    async def _check(self, visit: Visit, runtime: Runtime, scope: Scope) -> None:
        """Refuses what no page that may speak to a port sends. Raises LaboraError."""
        headers = Headers(scope=scope)
        if scope["type"] == "http" and scope["method"] not in _METHODS:
            raise InvalidError("This method is not passed on.", code="bad_method")
        if not await self._origins.may_ask(visit.outside, runtime.account_id, scope):
            raise ForbiddenError("Another site asked for this.", code="bad_origin")
        if not visit.outside.opaque:
            return
        worker = headers.get("sec-fetch-dest") in {"serviceworker", "sharedworker"} or "service-worker" in headers
        # Its own pages have an opaque origin: whatever is asked for as the app's own would run as the app.
        inside = headers.get("sec-fetch-site") == "same-origin"
        if worker or (inside and headers.get("sec-fetch-mode") not in {"navigate", "websocket"}):
            raise NotFoundError("There is nothing at this address.")

    async def _grant(self, visit: Visit) -> Grant | None:
        for value in visit.passes:
            grant = await self._access.admit(visit.door, value)
            if grant is not None:
                return grant
        return None

    async def _enter(self, visit: Visit, scope: Scope) -> Response:
        """Swaps a ticket for a cookie, and takes it out of the address."""
        asked = parse_qs(scope["query_string"].decode("latin-1"))
        headers = Headers(scope=scope)
        grant = self._access.redeem(asked.get("ticket", [""])[0], visit.door)
        try:
            to = _clean(asked.get("to", ["/"])[0])
        except InvalidError:
            to = "/"
        if grant is None:
            # It was used, or is old: whoever is signed in gets another one.
            return _unknown(visit, scope, to)
        framed = headers.get("sec-fetch-dest", "document") != "document"
        grant = Grant(grant.login_session_id, grant.token_id, framed)
        value = await self._access.cookie(visit.door, grant)
        fetched = headers.get("sec-fetch-mode", "navigate") != "navigate"
        response = Response(status_code=204) if fetched else Response(status_code=303, headers={"Location": to})
        response.headers["Set-Cookie"] = _cookie(value, visit.secure, framed=grant.framed)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.raw_headers += own_headers(visit.outside)
        return response

    # -- the app behind it --------------------------------------------------------------------------------------------

    async def _serve(
        self, visit: Visit, runtime: Runtime, grant: Grant, scope: Scope, receive: Receive, send: Send
    ) -> None:
        outside = Outside(
            visit.outside.origin, visit.outside.base, visit.door.port, visit.outside.ancestors, grant.framed
        )
        scope["labora.port_path"] = visit.raw
        begun = _Begun(send)

        async def work() -> None:
            try:
                stream = await self._open(visit.door)
            except LaboraError as error:
                if error.error_code != "nobody_listens":
                    raise
                await _refuse(_nobody(visit, scope), scope, receive, begun)
                return
            try:
                if visit.raw.decode("latin-1") == READY:
                    await _refuse(Response(status_code=204, headers=_open_to(outside)), scope, receive, begun)
                elif scope["type"] == "websocket":
                    await Conversation(stream, outside, self._settings.ports.message_bytes).run(scope, receive, begun)
                else:
                    await self._exchange(stream, outside).run(scope, receive, begun)
            finally:
                await stream.close()

        try:
            whole = await self._access.serve(runtime, grant, work)
        except LaboraError as error:
            if not begun.yet:
                raise
            whole = False
            _log.debug("an answer broke off", runtime_id=runtime.id, port=visit.door.port, error=error.message)
        if not whole:
            await _cut(scope, begun)

    def _exchange(self, stream: GuestStream, outside: Outside) -> Exchange:
        settings = self._settings.ports
        return Exchange(stream, outside, settings.body_bytes, settings.answer_s)

    async def _open(self, door: Door) -> GuestStream:
        runtime = await self._access.runtime(door)
        if runtime is None or self._services.kernels is None:
            raise GoneError("The runtime has ended.", code="runtime_ended")
        if runtime.status != "ready":
            raise UnavailableError("The runtime is starting.", code="nobody_listens")
        return await self._services.kernels.connection(runtime).open_stream("tcp", {"port": door.port})


class _Begun:
    """Remembers whether anything was sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.yet = False

    async def __call__(self, message: Message) -> None:
        self.yet = True
        await self._send(message)


async def _cut(scope: Scope, begun: _Begun) -> None:
    """Ends what is not whole, so that the browser sees it: an answer without its end costs its connection."""
    if scope["type"] == "websocket":
        code = 1011 if begun.yet else 1008
        if not begun.yet:
            await begun({"type": "websocket.accept"})
        with contextlib.suppress(RuntimeError):
            await begun({"type": "websocket.close", "code": code})
    elif not begun.yet:
        await begun({"type": "http.response.start", "status": 401, "headers": []})
        await begun({"type": "http.response.body"})


def _cookies(headers: Headers, host: Host) -> tuple[str, ...]:
    name = f"__Host-{COOKIE}" if host.secure else COOKIE
    pairs = (pair.strip().partition("=") for line in headers.getlist("cookie") for pair in line.split(";"))
    return tuple(value for key, _, value in pairs if key == name)[:4]


def _cookie(value: str, secure: bool, *, framed: bool) -> str:
    name = f"__Host-{COOKIE}" if secure else COOKIE
    # In a frame it is a third party's: kept apart for the page around it. Names of localhost count as secure.
    more = "; SameSite=None; Secure; Partitioned" if framed else "; SameSite=Lax" + ("; Secure" if secure else "")
    return f"{name}={value}; Path=/; HttpOnly{more}"


def _clean(path: str) -> str:
    """Returns a path with its query, percent-encoded, that stays on its host. Raises InvalidError."""
    if not path.startswith("/"):
        path = f"/{path}"
    if len(path) > MAX_TARGET // 2 or any(ord(character) < 0x20 or character == "\x7f" for character in path):
        raise InvalidError("The path cannot be read.", code="bad_path")
    # Two slashes, or what browsers take for them, would begin the name of another host.
    path = "/" + path.lstrip("/\\")
    return quote(path, safe="/%?&=+,;:@!$'()*~#[]")


def _navigates(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
        return False
    mode = headers.get("sec-fetch-mode")
    return mode == "navigate" if mode is not None else "text/html" in headers.get("accept", "")


def _unknown(visit: Visit, scope: Scope, to: str | None = None) -> Response:
    """Returns what somebody gets who holds no grant: the way to the app for a page, a refusal for the rest."""
    if not _navigates(scope):
        return plain(visit.outside, 401, "Sign in first.")
    query = scope["query_string"].decode("latin-1")
    wanted = to or _clean(visit.raw.decode("latin-1") + (f"?{query}" if query else ""))
    there = f"{visit.app}/port/{visit.door.runtime_id}/{visit.door.port}?to={quote(wanted, safe='/')}"
    if Headers(scope=scope).get("sec-fetch-dest", "document") == "document":
        response = Response(status_code=303, headers={"Location": there, "Cache-Control": "no-store"})
        response.raw_headers += own_headers(visit.outside)
        return response
    text = "This frame is not signed in any more. Run the cell again, or open the web app in a tab of its own."
    return note(visit.outside, 401, "Signed out", text, link=there)


def _ended(visit: Visit) -> Response:
    text = "The runtime of this web app has ended, and the app with it. Run the notebook again for a new one."
    response = note(visit.outside, 410, "The web app has ended", text)
    if not visit.outside.opaque:
        response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
    return response


def _nobody(visit: Visit, scope: Scope) -> Response:
    if visit.raw.decode("latin-1") == READY or not _navigates(scope):
        response = plain(visit.outside, 503, "No program listens on this port.")
    else:
        title = f"Nothing listens on port {visit.door.port} yet"
        text = "Start the web app in the notebook. This page loads it as soon as it is there."
        response = note(visit.outside, 503, title, text, ready=visit.outside.base + READY)
    response.headers["Retry-After"] = "2"
    return response


def _open_to(outside: Outside) -> dict[str, str]:
    return {"Cache-Control": "no-store"} | {
        name.decode(): value.decode() for name, value in own_headers(outside) if name.startswith(b"access-")
    }


async def _refuse(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Sends an answer; a WebSocket is refused with 403, more than which no page learns."""
    if scope["type"] == "http":
        await response(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1008})

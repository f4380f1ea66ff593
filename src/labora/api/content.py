"""Where active outputs live: the constant page of output frames and its assets, and nothing else.

Mode A serves it on ``{label}.<content domain>``, mode B on ``{label}.localhost``, mode C as ``/out.html`` of the app's
own host, sandboxed to an opaque origin (threat model, section 4). The page holds no data and asks for no credential:
what it shows comes through a MessagePort that the app's page hands it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import mimetypes
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from sqlalchemy import insert, select
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from labora.access import Ability, Principal
from labora.access import Scope as TokenScope
from labora.api.errors import error_response
from labora.api.gate import MisdirectedError
from labora.api.hosts import Host, HostKind
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services
from labora.base.errors import NotFoundError
from labora.base.settings import ServerSettings
from labora.db import Database
from labora.db.schema import instance

SANDBOX = (
    "allow-scripts allow-same-origin allow-forms allow-downloads allow-pointer-lock allow-popups "
    "allow-popups-to-escape-sandbox"
)
OPAQUE_SANDBOX = SANDBOX.replace("allow-same-origin ", "")
_FOREVER = "public, max-age=31536000, immutable"
_ENCODINGS = {"br": ".br", "gzip": ".gz"}
_ID_BYTES, _CHECK_BYTES = 16, 10
_ID_CHARS, _CHECK_CHARS = 26, 16
OWN = "own"
"""The kind of labels for outputs of an account's own live programs; :meth:`ContentLabels.is_own` knows them again."""


class ContentLabels:
    """Host labels of notebooks' frames, never given to another: per notebook, account and login session one for outputs
    that the account's running kernel made, and one for all others.

    A label is 128 bits of HMAC over what it is for, then 80 bits of HMAC over those: that a label is ours is checked
    without remembering it. Between the two, one of the kind :data:`OWN` has 80 bits of HMAC over its first part and its
    account, so that a port of this account's runtime knows whose it is.

    Args:
        load_key: returns the secret of this installation; called once.
    """

    def __init__(self, load_key: Callable[[], Awaitable[bytes]]) -> None:
        self._load_key = load_key
        self._key: bytes | None = None

    async def issue(self, kind: str, app_origin: str, file_id: str, account_id: str, credential_id: str) -> str:
        """Returns the label of a notebook as one login session sees it: at most 58 characters, fit for DNS."""
        subject = "\0".join((kind, app_origin, file_id, account_id, credential_id)).encode()
        name = _base32(await self._mac(b"label\0" + subject, _ID_BYTES))
        if kind == OWN:
            name += await self._owner(name, account_id)
        return name + await self._check(name)

    async def verify(self, label: str) -> bool:
        """Returns whether :meth:`issue` made this label."""
        name, check = label[:-_CHECK_CHARS], label[-_CHECK_CHARS:]
        return hmac.compare_digest(check.encode(), (await self._check(name)).encode())

    async def is_own(self, label: str, account_id: str) -> bool:
        """Returns whether :meth:`issue` made this label for outputs of the account's own live programs."""
        name, owner = label[:_ID_CHARS], label[_ID_CHARS:-_CHECK_CHARS]
        if not owner or not await self.verify(label):
            return False
        return hmac.compare_digest(owner.encode(), (await self._owner(name, account_id)).encode())

    async def sign(self, *subject: str) -> str:
        """Returns 128 bits of HMAC over what is given, as 26 characters fit for DNS; other uses have other keys."""
        return _base32(await self._mac(b"sign\0" + "\0".join(subject).encode(), _ID_BYTES))

    async def _owner(self, name: str, account_id: str) -> str:
        return _base32(await self._mac(f"owner\0{name}\0{account_id}".encode(), _CHECK_BYTES))

    async def _check(self, name: str) -> str:
        return _base32(await self._mac(b"check\0" + name.encode(), _CHECK_BYTES))

    async def _mac(self, message: bytes, size: int) -> bytes:
        if self._key is None:
            self._key = await self._load_key()
        return hmac.digest(self._key, message, "sha256")[:size]


def _base32(value: bytes) -> str:
    return base64.b32encode(value).decode().rstrip("=").lower()


def content_site(services: Services, static: Path) -> ContentSite:
    """Builds the content site of a server, whose labels' key lies in its database."""
    return ContentSite(services.settings.server, ContentLabels(lambda: content_key(services.database)), static)


async def content_key(database: Database) -> bytes:
    """Returns this installation's key for labels; makes it the first time."""
    async with database.transaction() as connection:
        value = await connection.scalar(select(instance.c.value).where(instance.c.key == "content_key"))
        if value is None:
            value = secrets.token_hex(32)
            await connection.execute(insert(instance).values(key="content_key", value=value))
        return bytes.fromhex(value)


class FrameLocation(BaseModel):
    """Where the frames of a notebook come from.

    Attributes:
        mode: A a domain of its own, B a label of localhost, C the app's host with an opaque origin.
        origin: what the frame's messages come from; ``null`` in mode C.
        url: the page that every frame loads.
        fallback: the page of mode C, for a browser that does not resolve labels of localhost.
        network: whether outputs may load from other sites.
    """

    mode: Literal["A", "B", "C"]
    origin: str
    url: str
    fallback: str
    network: bool


class ContentSite:
    """Serves the frame's page and assets, on content hosts (as an ASGI application) and on the app's (:meth:`beside`).

    Both expect the gate's ``labora.host`` in the scope.

    Args:
        settings: names and switches.
        labels: knows which labels are ours.
        static: folder with ``frame.html`` and ``frame/``, as the build of the front end leaves it.
    """

    def __init__(self, settings: ServerSettings, labels: ContentLabels, static: Path) -> None:
        self._settings = settings
        self.labels = labels
        self._static = static
        self._page = static / "frame.html"
        self._built_at = -1
        self._assets: dict[str, Path] = {}
        self._version = ""
        self._look()

    def _look(self) -> None:
        """Notices a front end that was built, or built anew, since the last request."""
        try:
            built_at = self._page.stat().st_mtime_ns
        except OSError:
            built_at = 0
        if built_at == self._built_at:
            return
        # Only names that are there now are served: no path of a request reaches the file system.
        self._assets = {f"/frame/{path.name}": path for path in (self._static / "frame").glob("*") if path.is_file()}
        self._version = hashlib.sha256(self._page.read_bytes() if built_at else b"").hexdigest()[:12]
        self._built_at = built_at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers on a content host."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4404})
            return
        response = await self._answer(scope)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response:
        headers = Headers(scope=scope)
        host: Host = scope["labora.host"]
        label = host.name.partition(".")[0]
        self._look()
        if host.kind is not HostKind.CONTENT or not await self.labels.verify(label):
            return error_response(MisdirectedError("This address is not in use. Open the notebook again."))
        found = self._find(scope["method"], scope["path"], headers, self._page_headers(host))
        return found or error_response(NotFoundError("There is nothing at this address."))

    def beside(self, pages: ASGIApp) -> ASGIApp:
        """Returns what serves ``/out.html`` and the frames' assets on the app's host, and ``pages`` for the rest."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            await (self._on_app(scope) or pages)(scope, receive, send)

        return serve

    def _on_app(self, scope: Scope) -> Response | None:
        path = "/frame.html" if scope["path"] == "/out.html" else scope["path"]
        if path.startswith("/frame"):
            self._look()
        if path == scope["path"] and path not in self._assets:
            return None
        return self._find(scope["method"], path, Headers(scope=scope), self._opaque_page_headers(scope["labora.host"]))

    def _find(self, method: str, path: str, headers: Headers, page_headers: Mapping[str, str]) -> Response | None:
        if method not in {"GET", "HEAD"}:
            return None
        # A worker would outlive the page that registered it and answer for it: there is none on these hosts.
        if headers.get("sec-fetch-dest") == "serviceworker" or "service-worker" in headers:
            return Response(status_code=403, headers=_common())
        if path == "/frame.html" and self._page.is_file():
            return FileResponse(self._page, headers=dict(page_headers), media_type="text/html; charset=utf-8")
        asset = self._assets.get(path)
        return None if asset is None else _asset(asset, headers)

    def _page_headers(self, host: Host) -> dict[str, str]:
        app = self._app_origin(host)
        # Its neighbours are the ports of runtimes: web apps that an output shows in a frame or asks.
        near = [f"{host.scheme}://*.{host.name.partition('.')[2]}{host.port}"]
        sockets = [source.replace("http", "ws", 1) for source in near]
        return {
            **_common(),
            "Content-Security-Policy": self._policy(SANDBOX, "'self'", ["'self'", *near, *sockets], near, app),
            "Origin-Agent-Cluster": "?1",
        }

    def _opaque_page_headers(self, host: Host) -> dict[str, str]:
        own = f"{host.origin}/frame/"
        near = [f"{host.origin}/ports/"]
        sockets = [source.replace("http", "ws", 1) for source in near]
        return {
            **_common(),
            "Content-Security-Policy": self._policy(OPAQUE_SANDBOX, own, [*near, *sockets], near, host.origin),
            # Said before the app's own defaults are: this page is there to be framed.
            "X-Frame-Options": "SAMEORIGIN",
            "Cross-Origin-Opener-Policy": "unsafe-none",
        }

    def _policy(self, sandbox: str, own: str, connect: list[str], near: list[str], app: str) -> str:
        outside = ["https:"] if self._settings.external_outputs else []
        sockets = ["wss:"] if outside else []
        sources = [own, *outside, "data:", "blob:", *near, "'unsafe-inline'", "'unsafe-eval'"]
        connections = [*connect, *outside, *sockets, "data:", "blob:"]
        return "; ".join(
            [
                f"sandbox {sandbox}",
                f"default-src {' '.join(sources)}",
                f"connect-src {' '.join(connections)}",
                "object-src 'none'",
                "base-uri 'none'",
                f"frame-ancestors {app}",
                f"form-action {outside[0] if outside else chr(39) + 'none' + chr(39)}",
            ]
        )

    def _app_origin(self, host: Host) -> str:
        if host.name.endswith(".localhost"):
            return f"{host.scheme}://localhost{host.port}"
        public = self._settings.public_url
        return public.rstrip("/") if public else "'none'"

    async def location(self, host: Host, principal: Principal, file_id: str, *, own: bool) -> FrameLocation:
        """Returns where the frames of a notebook come from, for a page of ``host``.

        Args:
            host: of the request.
            principal: who looks.
            file_id: the notebook.
            own: for outputs of the looker's own running kernel. What is saved or somebody else's shares no origin with
                them, or it could act in their name.
        """
        self._look()
        fallback, network = f"/out.html?v={self._version}", self._settings.external_outputs
        domain = self._settings.content_domain
        local = host.name == "localhost" and host.scheme == "http"
        if not domain and not local:
            return FrameLocation(mode="C", origin="null", url=fallback, fallback=fallback, network=network)
        credential = principal.login_session_id or principal.token_id or ""
        kind = OWN if own else "out"
        label = await self.labels.issue(kind, host.origin, file_id, principal.account_id or "", credential)
        origin = f"{host.scheme}://{label}.{domain or 'localhost'}{host.port}"
        url = f"{origin}/frame.html?v={self._version}"
        return FrameLocation(mode="A" if domain else "B", origin=origin, url=url, fallback=fallback, network=network)


def _common() -> dict[str, str]:
    return {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cache-Control": _FOREVER,
    }


def _asset(path: Path, headers: Headers) -> Response:
    # Frames of an opaque origin fetch modules and fonts across origins; the files are the same for everybody.
    extra = {**_common(), "Access-Control-Allow-Origin": "*", "Vary": "Accept-Encoding"}
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    accepted = {part.partition(";")[0].strip() for part in headers.get("accept-encoding", "").split(",")}
    for encoding, suffix in _ENCODINGS.items():
        packed = path.with_name(path.name + suffix)
        if encoding in accepted and packed.is_file():
            return FileResponse(packed, headers={**extra, "Content-Encoding": encoding}, media_type=media_type)
    return FileResponse(path, headers=extra, media_type=media_type)


router = APIRouter(prefix=PREFIX, tags=["outputs"])


@router.get("/files/{file_id}/frame-origin")
async def frame_origin(
    request: Request,
    file_id: str,
    caller: Annotated[Principal, Depends(Needs(TokenScope.READ, Ability.READ, link=True))],
    services: Annotated[Services, Depends(services_of)],
    own: bool = False,
) -> FrameLocation:
    """Returns where the frames of a notebook's active outputs come from, for the host of this request.

    With ``own`` for outputs of the caller's own running kernel, where the caller is signed in and may run the notebook;
    for everybody else these come from where all others do.
    """
    access = await services.drive.access(caller, file_id, Ability.READ)
    own = own and caller.login_session_id is not None and access.allows(Ability.EDIT)
    site: ContentSite = request.app.state.content_site
    return await site.location(request.scope["labora.host"], caller, file_id, own=own)

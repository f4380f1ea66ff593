"""The one door through which the server itself asks other sites (threat model, cases 52 to 54)."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import ssl
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit
from urllib.request import proxy_bypass

import certifi
import httpcore

from labora.base.errors import ForbiddenError, LaboraError, TooLargeError
from labora.base.settings import OutsideSettings
from labora.drive.exchange.vetting import Target, Vetting, refused

Resolve = Callable[[str, int], Awaitable[list[str]]]
_REDIRECTS = 5
_AT_ONCE = 8
_MOVED = frozenset({301, 302, 303, 307, 308})


class FetchError(LaboraError):
    """Another site did not give what was asked of it."""

    code, status = "fetch_failed", 424


@dataclass(frozen=True, slots=True)
class Answer:
    """What another site said. Names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Fetcher:
    """Asks other sites: vetted addresses only, bounded in size and time, without cookies.

    Args:
        settings: whether at all, the allow-list, the proxy.
        max_bytes: largest answer.
        resolve: looks names up; for tests.
    """

    def __init__(self, settings: OutsideSettings, max_bytes: int, resolve: Resolve | None = None) -> None:
        self._settings, self._max_bytes = settings, max_bytes
        self._resolve = resolve or _look_up
        self.vetting = Vetting(settings.allow)
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._context: ssl.SSLContext | None = None

    async def get(self, url: str, headers: Mapping[str, str] | None = None, *, max_bytes: int | None = None) -> Answer:
        """Returns the answer to GET, after up to five redirects; ``headers`` go to the first site alone.

        Raises:
            ForbiddenError: ``outside_off``, this server fetches nothing.
            InvalidError: ``address_refused``.
            TooLargeError: ``fetch_too_large``.
            FetchError: ``fetch_failed``, ``fetch_timeout``.
        """
        return await self._ask("GET", url, dict(headers or {}), None, max_bytes or self._max_bytes)

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Returns the answer to a request with a body, which no redirect carries elsewhere. Raises as :meth:`get`."""
        return await self._ask(method, url, dict(headers), body, self._max_bytes)

    async def _ask(self, method: str, url: str, headers: dict[str, str], body: bytes | None, most: int) -> Answer:
        if not self._settings.enabled:
            raise ForbiddenError(
                "This server fetches nothing from other sites. Download the file yourself and upload it.",
                code="outside_off",
            )
        first = target = self.vetting.target(url)
        async with self._turns:
            try:
                async with asyncio.timeout(self._settings.timeout_s):
                    for _ in range(_REDIRECTS + 1):
                        # What was given for one site goes to no other.
                        own = headers if target.origin == first.origin else {}
                        answer = await self._once(method, url, target, own, body, most)
                        if method != "GET" or answer.status not in _MOVED or "location" not in answer.headers:
                            return answer
                        url = urljoin(url, answer.headers["location"])
                        target = self.vetting.target(url)
            except TimeoutError:
                raise FetchError(
                    f"{target.host} took longer than {self._settings.timeout_s:.0f} seconds. Try again later, or "
                    "download the file yourself and upload it.",
                    code="fetch_timeout",
                ) from None
        raise FetchError(f"{target.host} sends from one address to the next without end.")

    async def _once(
        self, method: str, url: str, target: Target, headers: Mapping[str, str], body: bytes | None, most: int
    ) -> Answer:
        sent = {"User-Agent": "Labora", "Accept": "*/*", **headers, "Accept-Encoding": "gzip"}
        if body is not None:
            sent["Content-Length"] = str(len(body))
        host = f"[{target.host}]" if ":" in target.host else target.host
        usual = {"http": 80, "https": 443}[target.scheme] == target.port
        place = httpcore.URL(
            scheme=target.scheme.encode(),
            host=host.strip("[]").encode(),
            port=None if usual else target.port,
            target=_ascii(target.path),
        )
        fields = [(b"Host", (host if usual else f"{host}:{target.port}").encode())]
        fields += [(name.encode(), value.encode()) for name, value in sent.items()]
        try:
            async with (
                self._pool(target) as pool,
                pool.stream(method.encode(), place, headers=fields, content=body) as response,
            ):
                told = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                content = await _body(response.aiter_stream(), told, most)
                return Answer(response.status, told, content, url)
        except (
            httpcore.NetworkError,
            httpcore.ProtocolError,
            httpcore.ProxyError,
            httpcore.TimeoutException,
            OSError,
        ) as error:
            raise FetchError(
                f"{target.host} could not be reached: {_reason(error)}. Check the address, or try again later."
            ) from error

    def _pool(self, target: Target) -> Any:
        """Returns what connects: straight to a vetted address, or by the operator's proxy, which resolves itself."""
        if self._context is None:
            self._context = ssl.create_default_context()
            self._context.load_verify_locations(certifi.where())
        proxy = self._proxy(target)
        if proxy is None:
            return httpcore.AsyncConnectionPool(
                ssl_context=self._context, network_backend=_Backend(self.vetting, self._resolve, target.allowed)
            )
        parts = urlsplit(proxy)
        auth = None
        if parts.username is not None:
            auth = (unquote(parts.username).encode(), unquote(parts.password or "").encode())
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        return httpcore.AsyncHTTPProxy(bare, proxy_auth=auth, ssl_context=self._context)

    def _proxy(self, target: Target) -> str | None:
        # What the operator allowed by address or name is near: no proxy leads there.
        if self._settings.proxy == "off" or target.allowed:
            return None
        if self._settings.proxy != "auto":
            return self._settings.proxy
        if proxy_bypass(target.host):
            return None
        name = f"{target.scheme}_proxy"
        found = os.environ.get(name) or os.environ.get(name.upper()) or None
        return found if found is None or "://" in found else f"http://{found}"


class _Backend(httpcore.AsyncNetworkBackend):
    """Connects to the very addresses that were vetted: a name that changes its mind meanwhile gains nothing."""

    def __init__(self, vetting: Vetting, resolve: Resolve, allowed: bool) -> None:
        self._vetting, self._resolve, self._allowed = vetting, resolve, allowed
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._resolve(host, port)
        if not addresses:
            raise httpcore.ConnectError("there is no such name")
        for address in addresses:
            if not self._allowed and not self._vetting.permits(ipaddress.ip_address(address.partition("%")[0]), port):
                raise refused(host, "its name leads to this machine or a private network")
        problem: Exception | None = None
        for address in addresses[:4]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                problem = error
        raise problem or httpcore.ConnectError("no address answers")


async def _look_up(host: str, port: int) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        return []
    return list(dict.fromkeys(str(item[4][0]) for item in found))


async def _body(chunks: Any, headers: Mapping[str, str], most: int) -> bytes:
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        raise FetchError(f"The answer is packed in a way that was not asked for ({encoding[:40]}).")
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 16) if "gzip" in encoding else None
    pieces, size = [], 0
    async for chunk in chunks:
        try:
            piece = chunk if unpack is None else unpack.decompress(chunk, most + 1 - size)
        except zlib.error:
            raise FetchError("The answer is packed and broken.") from None
        size += len(piece)
        if size > most or (unpack is not None and unpack.unconsumed_tail):
            raise TooLargeError(
                f"The file is larger than {most:,} bytes, the limit of this server.",
                code="fetch_too_large",
                details={"limit": most, "actual": max(size, most + 1)},
            )
        pieces.append(piece)
    return b"".join(pieces)


def _ascii(path: str) -> bytes:
    return quote(path, safe="/%?#[]@!$&'()*+,;=:~").encode()


def _reason(error: Exception) -> str:
    text = str(error).strip().rstrip(".")
    return text[:200] or "the connection failed"

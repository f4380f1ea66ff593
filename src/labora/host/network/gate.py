"""Connecting outwards on behalf of a runtime: a name is resolved once, judged, and that very address connected to."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from labora.host.network.policy import Policy

CONNECT_S = 20.0
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class RefusedError(Exception):
    """The policy closes this way; the text says why and who can open it."""


class UnreachableError(Exception):
    """The way is open but leads nowhere: no such name, or nobody answers."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """The operator's own proxy; its password stays out here."""

    host: str
    port: int
    authorization: str | None

    @classmethod
    def parse(cls, url: str) -> Upstream | None:
        """Reads a proxy URL; None for one that is not plain HTTP."""
        parts = urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme != "http" or not parts.hostname:
            return None
        secret = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(secret.encode()).decode() if parts.username else None
        return cls(parts.hostname, parts.port or 80, authorization)


def operators_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the proxy URLs of an environment by scheme (``http``, ``https``)."""
    named = {name.lower(): value for name, value in environment.items() if value}
    every = named.get("all_proxy")
    found = {scheme: named.get(f"{scheme}_proxy") or every for scheme in ("http", "https")}
    return {scheme: url for scheme, url in found.items() if url and Upstream.parse(url) is not None}


def is_excepted(host: str, no_proxy: str) -> bool:
    """Says whether a ``no_proxy`` list takes ``host`` out: ``*``, a name, or the end of one after a dot."""
    name = host.rstrip(".").lower()
    for entry in no_proxy.split(","):
        word = entry.strip().lstrip(".").lower()
        if word and (word == "*" or name == word or name.endswith(f".{word}")):
            return True
    return False


def is_local(address: str) -> bool:
    """Says whether ``address`` is one of this machine's own, by whatever route the kernel knows it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((address, 0))
        except OSError:
            return False
    return True


class Gate:
    """Judges and connects for all runtimes of an installation.

    ``policy`` and ``closed`` may be set at any time; ``closed`` is why nothing at all is let through, or None.
    """

    def __init__(self) -> None:
        self.policy = Policy()
        self.closed: str | None = "this runtime has no network"
        self._upstreams = operators_proxies(os.environ)

    def upstream(self, scheme: str, host: str) -> Upstream | None:
        """Returns the operator's proxy for a URL of that scheme and host, or None for a direct connection."""
        url = self._upstreams.get(scheme)
        if url is None or is_excepted(host, os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""):
            return None
        return Upstream.parse(url)

    async def resolve(self, host: str, port: int) -> list[str]:
        """Returns the addresses of ``host`` that may be connected to, in the order of the resolver.

        Raises:
            RefusedError: none may.
            UnreachableError: there is no such name.
        """
        if self.closed is not None:
            raise RefusedError(self.closed)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_S):
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "not a name"
            raise UnreachableError(f"{host}: {reason}") from error
        # A zone (fe80::1%eth0) only comes with addresses that are closed anyway.
        addresses = list(dict.fromkeys(str(item[4][0]).split("%")[0] for item in found))
        if self.policy.names_it(host, port):
            return addresses
        refusals = {address: self.policy.refusal(address, port, local=is_local(address)) for address in addresses}
        allowed = [address for address, refusal in refusals.items() if refusal is None]
        if not allowed:
            why = next(refusal for refusal in refusals.values() if refusal is not None)
            raise RefusedError(f"{host} port {port} is {why}; the operator can open it with network.allow")
        return allowed

    async def connect(self, host: str, port: int) -> Streams:
        """Connects to ``host`` directly.

        Raises:
            RefusedError: the policy closes every address of it.
            UnreachableError: no such name, or no address answers.
        """
        problem: Exception | None = None
        for address in (await self.resolve(host, port))[:4]:
            try:
                async with asyncio.timeout(CONNECT_S):
                    return await asyncio.open_connection(address, port)
            except (OSError, TimeoutError) as error:
                problem = error
        reason = getattr(problem, "strerror", None) or "no answer in time"
        raise UnreachableError(f"{host} port {port}: {reason}") from problem

    async def connect_upstream(self, upstream: Upstream, host: str, port: int) -> Streams:
        """Connects to the operator's proxy, for ``host``; a name that only the proxy can resolve is left to it.

        Raises:
            RefusedError: the policy closes an address of ``host``.
            UnreachableError: the proxy does not answer.
        """
        try:
            await self.resolve(host, port)
        except UnreachableError:
            if _is_address(host):
                raise
        try:
            async with asyncio.timeout(CONNECT_S):
                return await asyncio.open_connection(upstream.host, upstream.port)
        except (OSError, TimeoutError) as error:
            reason = getattr(error, "strerror", None) or "no answer in time"
            raise UnreachableError(f"the operator's proxy {upstream.host}: {reason}") from error


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

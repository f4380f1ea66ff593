"""One port, routed by Host (docs/protocols.md, section 7).

DNS rebinding ends here: a name that is not on the list gets 421, whatever address it resolves to.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from labora.base.settings import ServerSettings

_LABEL = re.compile(r"[a-z0-9-]{1,63}")
_PORT = re.compile(r"[0-9]{1,5}")


class HostKind(Enum):
    """What a Host header stands for."""

    APP = "app"
    CONTENT = "content"
    LOOPBACK = "loopback"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Host:
    """A Host header, read.

    Attributes:
        kind: who serves it. LOOPBACK is ``127.0.0.1`` or ``[::1]``: pages are sent on to ``localhost``.
        name: host name without port.
        port: with its colon, or empty.
        scheme: http or https, as the browser sees it.
    """

    kind: HostKind
    name: str
    port: str
    scheme: str

    @property
    def origin(self) -> str:
        """The origin that pages of this host have."""
        return f"{self.scheme}://{self.name}{self.port}"

    @property
    def secure(self) -> bool:
        """Whether cookies may be marked Secure."""
        return self.scheme == "https"


class Hosts:
    """Reads Host headers by the settings."""

    def __init__(self, settings: ServerSettings) -> None:
        self._public = urlsplit(settings.public_url) if settings.public_url else None
        self._content_domain = settings.content_domain.lower() if settings.content_domain else None
        self._bound = settings.host.lower()
        self._open = not _is_loopback(self._bound)

    def read(self, header: str, scheme: str) -> Host:
        """Returns what a Host header stands for; ``scheme`` is that of the connection."""
        scheme = "https" if scheme in {"https", "wss"} else "http"
        name, port = _split(header.lower())
        if self._public is not None and header.lower() == self._public.netloc.lower():
            return Host(HostKind.APP, name, port, self._public.scheme)
        if self._is_content(name):
            public = self._public.scheme if self._public is not None and self._content_domain else scheme
            return Host(HostKind.CONTENT, name, port, public)
        return Host(self._kind(name), name, port, scheme)

    def _kind(self, name: str) -> HostKind:
        if name == "localhost":
            return HostKind.APP
        try:
            address = ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return HostKind.APP if self._open and name == self._bound else HostKind.REFUSED
        if address.is_loopback:
            return HostKind.LOOPBACK
        # Rebinding needs a name, so a bare address is safe; but it is only accepted
        # when the server listens beyond loopback.
        return HostKind.APP if self._open else HostKind.REFUSED

    def _is_content(self, name: str) -> bool:
        for domain in ("localhost", self._content_domain):
            if domain and name.endswith(f".{domain}") and _LABEL.fullmatch(name[: -len(domain) - 1]):
                return True
        return False

    def app_origin(self, host: Host) -> str:
        """Returns the origin of the app's own pages, for who asks on ``host``."""
        if host.kind is not HostKind.CONTENT:
            return host.origin
        if self._public is not None and not host.name.endswith(".localhost"):
            return f"{self._public.scheme}://{self._public.netloc}"
        return f"{host.scheme}://localhost{host.port}"

    def content_sources(self, host: Host) -> list[str]:
        """Returns the CSP sources of every content host that is a neighbour of ``host``; none where there are none."""
        if self._content_domain and not host.name.endswith("localhost"):
            return [f"{host.scheme}://*.{self._content_domain}{host.port}"]
        return [f"{host.scheme}://*.localhost{host.port}"] if host.name.endswith("localhost") else []

    def frame_sources(self, host: Host) -> list[str]:
        """Returns the CSP sources of content frames on a page of ``host``; ``'self'`` is for ``/out.html``."""
        if self._content_domain:
            return ["'self'", f"{host.scheme}://*.{self._content_domain}{host.port}"]
        if host.name == "localhost":
            return ["'self'", f"{host.scheme}://*.localhost{host.port}"]
        return ["'self'"]


def _split(header: str) -> tuple[str, str]:
    if header.startswith("["):
        name, bracket, port = header.partition("]")
        name += bracket
    else:
        name, colon, port = header.partition(":")
        port = colon + port
    if port and not (port.startswith(":") and _PORT.fullmatch(port[1:])):
        return "", ""
    return name, port


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"

"""Where the server itself may fetch from: pure rules over addresses, names and ports (threat model, cases 52, 53)."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from labora.base.errors import InvalidError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_PORTS = {"http": 80, "https": 443}
_LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NOT_PUBLIC: tuple[Network, ...] = tuple(
    map(
        ipaddress.ip_network,
        # A cloud's own services, relays of 6to4; of IPv6 local NAT64, documentation, site-local.
        ("168.63.129.16/32", "192.88.99.0/24", "64:ff9b:1::/48", "3fff::/20", "fec0::/10"),
    )
)
"""What Python's ``is_global`` takes for public, in some version, and is not."""
_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be asked, as far as its text tells.

    Attributes:
        allowed: the operator named it, so that whatever it resolves to is right.
    """

    scheme: str
    host: str
    port: int
    path: str
    allowed: bool

    @property
    def origin(self) -> tuple[str, str, int]:
        """What credentials belong to."""
        return self.scheme, self.host, self.port


class Vetting:
    """Judges addresses by the public internet and the operator's allow-list.

    Args:
        allow: networks, each with an optional port (``10.0.0.0/8``, ``10.1.2.3:8443``), and names with a port
            (``git.example.org:443``). A network without a port is opened for the web's own, 80 and 443.

    Raises:
        InvalidError: ``bad_setting``, an entry is neither.
    """

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self._names: set[tuple[str, int]] = set()
        self._networks: list[tuple[Network, int | None]] = []
        for entry in allow:
            self._add(entry.strip().lower())

    def _add(self, entry: str) -> None:
        host, colon, port = entry.rpartition(":")
        bare, number = (host.strip("[]"), int(port)) if colon and port.isdigit() else (entry.strip("[]"), None)
        if ":" in bare and not entry.startswith("["):
            bare, number = entry, None
        try:
            self._networks.append((ipaddress.ip_network(bare, strict=False), number))
        except ValueError:
            if number is None or not _HOST.fullmatch(bare):
                raise InvalidError(
                    f"Setting outside.allow: {entry!r} is neither a network nor a name with a port.", code="bad_setting"
                ) from None
            self._names.add((bare.rstrip("."), number))

    def target(self, url: str) -> Target:
        """Returns what ``url`` names. Raises InvalidError ``address_refused`` for what is never asked."""
        try:
            parts = urlsplit(url.strip())
            port = parts.port
            name = (parts.hostname or "").rstrip(".")
            host = name if ":" in name else name.encode("idna").decode().lower()
        except ValueError:
            raise refused(url, "it cannot be read as an address") from None
        if parts.scheme not in _PORTS or not host:
            raise refused(url, "only http and https addresses are fetched")
        if parts.username is not None or parts.password is not None:
            raise refused(url, "addresses with a user name are not fetched")
        number = port or _PORTS[parts.scheme]
        numeric = _numeric(host)
        allowed = (host, number) in self._names or (numeric is not None and self._listed(numeric, number))
        if not allowed:
            if number not in _PORTS.values():
                raise refused(url, f"port {number} is not one of the web's")
            self._refuse_host(url, host, numeric, number)
        path = parts.path or "/"
        return Target(parts.scheme, host, number, f"{path}?{parts.query}" if parts.query else path, allowed)

    def _refuse_host(self, url: str, host: str, numeric: Address | None, port: int) -> None:
        if numeric is not None:
            if not self.permits(numeric, port):
                raise refused(url, "it is an address of this machine or of a private network")
        elif not _HOST.fullmatch(host) or "." not in host or f".{host}".endswith(_LOCAL_ENDINGS):
            raise refused(url, "it is a name of this machine or of a private network")

    def permits(self, address: Address, port: int) -> bool:
        """Returns whether a connection to this address may be made."""
        return self._listed(address, port) or all(_public(one) for one in _meanings(address))

    def _listed(self, address: Address, port: int) -> bool:
        plain = address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address
        return any(
            plain in network and (port == number if number is not None else port in _PORTS.values())
            for network, number in self._networks
        )


def refused(url: str, why: str) -> InvalidError:
    """Returns the error for an address that the server does not ask."""
    return InvalidError(
        f"This address is not fetched: {why}. Download the file yourself and upload it.",
        code="address_refused",
        details={"url": url[:500]},
    )


def _numeric(host: str) -> Address | None:
    """Returns the address that a host spells in numbers, in any way that the system would understand it."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    if re.fullmatch(r"[0-9a-fx.]+", host) and host[0].isdigit():
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return None
    return None


def _meanings(address: Address) -> list[Address]:
    """Returns an address and those that it carries inside."""
    found: list[Address] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64 or int(address) >> 32 == 0:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        found += [one for one in inner if one is not None]
    return found


def _public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped or address in _NAT64):
        return True  # judged by what it carries
    if address.is_multicast or address.is_reserved or any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global

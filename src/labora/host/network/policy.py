"""Where a runtime may connect to: pure, the same for the packet filter and for the relay.

Everything on the public internet is open but mail; everything that is near (this machine, its networks, the
cloud's metadata) is closed. The operator's allow-list wins over both.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from labora.base.errors import InvalidError

IPv4 = ipaddress.IPv4Address
IPv6 = ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Each with the words that a person reads when a connection is refused.
BLOCKED: tuple[tuple[ipaddress.IPv4Network, str], ...] = tuple(
    (ipaddress.IPv4Network(text), why)
    for text, why in (
        ("0.0.0.0/8", "an address of this machine"),
        ("127.0.0.0/8", "an address of this machine"),
        ("10.0.0.0/8", "a private address"),
        ("172.16.0.0/12", "a private address"),
        ("192.168.0.0/16", "a private address"),
        ("100.64.0.0/10", "a private address"),
        ("192.0.0.0/24", "a private address"),
        ("169.254.0.0/16", "a link-local address, where clouds keep their metadata"),
        ("168.63.129.16/32", "a cloud's metadata address"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved or broadcast address"),
    )
)
MAIL_PORTS = (25, 465, 587)
_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?\Z")


@dataclass(frozen=True, slots=True)
class Rule:
    """One allowed network; ``port`` None means every port."""

    network: Network
    port: int | None = None

    def holds(self, address: IPv4 | IPv6, port: int) -> bool:
        """Says whether the rule names this address and port."""
        return address in self.network and self.port in (None, port)


@dataclass(frozen=True, slots=True)
class Policy:
    """What is allowed beyond the public internet.

    ``names`` are allowed by name, whatever address they have; ``resolved`` are the rules that they gave when they
    were last looked up.
    """

    rules: tuple[Rule, ...] = ()
    names: tuple[tuple[str, int], ...] = ()
    resolved: tuple[Rule, ...] = field(default=())

    @property
    def allowed(self) -> tuple[Rule, ...]:
        """Every rule in effect."""
        return (*self.rules, *self.resolved)

    def names_it(self, host: str, port: int) -> bool:
        """Says whether the operator allowed this very name and port."""
        return (_plain(host), port) in self.names

    def refusal(self, address: str, port: int, *, local: bool = False) -> str | None:
        """Returns None where a connection is allowed, else what the address is, in words.

        Args:
            address: numeric, IPv4 or IPv6.
            port: 1 to 65535.
            local: whether the address is one of this machine's own.

        Raises:
            ValueError: no address.
        """
        target = _unmapped(ipaddress.ip_address(address))
        if any(rule.holds(target, port) for rule in self.allowed):
            return None
        if local:
            return "an address of this machine"
        if isinstance(target, IPv6):
            return "an IPv6 address, which runtimes do not reach"
        for network, why in BLOCKED:
            if target in network:
                return why
        return "a mail port" if port in MAIL_PORTS else None

    def with_addresses(self, found: Mapping[tuple[str, int], Iterable[str]]) -> Policy:
        """Returns this policy with the addresses that its names have now."""
        rules = [
            Rule(ipaddress.ip_network(address), port)
            for (name, port), addresses in sorted(found.items())
            if (name, port) in self.names
            for address in sorted(addresses)
        ]
        return Policy(self.rules, self.names, tuple(dict.fromkeys(rules)))


def _unmapped(address: IPv4 | IPv6) -> IPv4 | IPv6:
    """An IPv4 address in an IPv6 coat is judged as what it is."""
    if isinstance(address, IPv6):
        return address.ipv4_mapped or address
    return address


def _plain(host: str) -> str:
    return host.rstrip(".").lower()


def _port(text: str, entry: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 65535:
        return int(text)
    raise InvalidError(f"Setting network.allow: {entry!r} has no port from 1 to 65535.", code="bad_setting")


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def parse(entries: Iterable[str]) -> Policy:
    """Reads an allow-list: ``10.0.0.0/8``, ``10.1.2.3:5432``, ``[fd00::/8]:443``, ``db.example.org:5432``.

    Raises:
        InvalidError: an entry is none of these; the message names it.
    """
    rules: list[Rule] = []
    names: list[tuple[str, int]] = []
    for entry in entries:
        text = entry.strip()
        whole = _network(text.strip("[]"))
        if whole is not None:
            rules.append(Rule(whole))
            continue
        host, colon, port = text.rpartition(":")
        network = _network(host.strip("[]")) if colon else None
        if network is not None:
            rules.append(Rule(network, _port(port, entry)))
        elif colon and _NAME.match(host):
            names.append((_plain(host), _port(port, entry)))
        else:
            raise InvalidError(
                f"Setting network.allow: {entry!r} is none of 10.0.0.0/8, 10.1.2.3:5432, name.example.org:443.",
                code="bad_setting",
            )
    return Policy(tuple(dict.fromkeys(rules)), tuple(dict.fromkeys(names)))


def check_subnet(text: str | None) -> None:
    """Raises InvalidError unless ``text`` is None or a private IPv4 network with room for some runtimes."""
    network = _network(text) if text is not None else None
    if text is not None and (
        not isinstance(network, ipaddress.IPv4Network)
        or not 8 <= network.prefixlen <= 26
        or not any(network.subnet_of(blocked) for blocked, why in BLOCKED if why == "a private address")
    ):
        raise InvalidError(
            f"Setting network.subnet: {text!r} is no private IPv4 network from /8 to /26, such as 10.99.0.0/16.",
            code="bad_setting",
        )

"""The sockets inside a runtime that the relay serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from labora.host.network import dns, proxy

Part = Literal["dns", "proxy"]


def requests(parts: Sequence[Part]) -> list[list[str]]:
    """Returns the requests (see ``enter.py``) for the parts' sockets, in the order that the relay takes them."""
    wanted: list[list[str]] = []
    for part in parts:
        if part == "dns":
            wanted += [[kind, dns.ADDRESS, str(dns.PORT)] for kind in ("udp", "tcp")]
        else:
            wanted.append(["tcp", proxy.ADDRESS, str(proxy.PORT)])
    return wanted

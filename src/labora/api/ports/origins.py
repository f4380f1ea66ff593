"""Which pages may use what a browser holds for a port (threat model, cases 31, 41, 55)."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import Scope

from labora.api.content import ContentLabels
from labora.api.hosts import HostKind, Hosts
from labora.api.ports.headers import Outside


class Origins:
    """Tells pages of a port, and live outputs of its account, from everybody else.

    The cookie goes along whoever asks: neighbours on content hosts, other people's outputs among them, are of the same
    site. By path the address itself is what lets in.

    Args:
        labels: knows whose outputs a content host holds.
        hosts: reads names.
    """

    def __init__(self, labels: ContentLabels, hosts: Hosts) -> None:
        self._labels, self._hosts = labels, hosts

    async def may_ask(self, outside: Outside, account_id: str, scope: Scope) -> bool:
        """Returns whether a request comes from a page that may ask; it still has to hold a grant.

        Anybody may lead a browser to a port by a link or in a frame, as that gives them nothing to read.

        Args:
            outside: how the browser sees the port.
            account_id: whose runtime it is.
            scope: of the request or WebSocket.
        """
        headers = Headers(scope=scope)
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if scope["type"] == "http":
            if outside.opaque or site in {"same-origin", "none"}:
                return True
            if origin is None:
                opens = headers.get("sec-fetch-mode") == "navigate" and scope["method"] in {"GET", "HEAD"}
                # Programs, and browsers too old to say it, do not tell the site.
                return opens or site is None
        return origin is not None and await self._is_near(outside, account_id, origin)

    async def _is_near(self, outside: Outside, account_id: str, origin: str) -> bool:
        """Returns whether an origin is the port's own or that of live outputs of the account."""
        if outside.opaque:
            return origin == "null"
        if origin == outside.origin:
            return True
        scheme, _, name = origin.partition("://")
        host = self._hosts.read(name, scheme)
        ours = host.origin == origin and origin.startswith(outside.origin.partition("//")[0])
        if not ours or host.kind is not HostKind.CONTENT:
            return False
        return await self._labels.is_own(host.name.partition(".")[0], account_id)

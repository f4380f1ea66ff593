"""What passes between a browser and a web app of a runtime, and what does not (threat model, cases 31, 55, 56).

Neither side learns the other's secrets: our cookies and tokens stay out of the runtime, and a runtime sets nothing that
reaches beyond its own host.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from labora.accounts.tokens import TOKEN_PREFIX
from labora.api.content import OPAQUE_SANDBOX
from labora.base.errors import InvalidError

Header = tuple[bytes, bytes]
OURS = re.compile(r"(?:__(?:host|secure)-)?labora-", re.IGNORECASE)
"""Begins the names of cookies that a runtime may neither read nor set."""
HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te"}
    | {b"trailer", b"transfer-encoding", b"upgrade"}
)
_FORWARDED = frozenset({b"forwarded", b"via", b"x-real-ip", b"true-client-ip", b"x-labora", b"x-labora-link"})
_NOT_UP = HOP | _FORWARDED | {b"host", b"content-length", b"expect", b"cookie", b"origin", b"referer", b"authorization"}
_NOT_DOWN = HOP | frozenset(
    # What holds for a whole site, for longer than the page, or takes our own rules back.
    {b"accept-ch", b"activate-storage-access", b"alt-svc", b"clear-site-data", b"content-security-policy"}
    | {b"critical-ch", b"date", b"expect-ct", b"nel", b"origin-agent-cluster", b"public-key-pins", b"referrer-policy"}
    | {b"report-to", b"reporting-endpoints", b"service-worker-allowed", b"set-cookie", b"set-login"}
    | {b"strict-transport-security", b"use-as-dictionary", b"x-frame-options", b"location", b"content-location"}
)
_DOWN_BY_PATH = frozenset(
    # On the app's own host only what describes the content.
    {b"accept-ranges", b"age", b"allow", b"cache-control", b"content-disposition", b"content-encoding"}
    | {b"content-language", b"content-length", b"content-range", b"content-type", b"etag", b"expires"}
    | {b"last-modified", b"retry-after", b"vary", b"x-robots-tag"}
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1", "::"})  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class Outside:
    """How the browser sees a port.

    Attributes:
        origin: scheme and host with port.
        base: path that stands before every path of the app; empty on a host of its own.
        port: of the app inside its runtime.
        ancestors: CSP sources that may frame it.
        framed: the browser was let in for a frame: cookies of the app are kept apart for the page around it.
    """

    origin: str
    base: str
    port: int
    ancestors: Sequence[str]
    framed: bool

    @property
    def opaque(self) -> bool:
        """Whether it shares the app's host and is therefore confined to an opaque origin."""
        return bool(self.base)

    @property
    def inner(self) -> str:
        """The origin that the app believes to have."""
        return f"http://localhost:{self.port}"


def upstream(headers: Iterable[Header], outside: Outside) -> list[Header]:
    """Returns the request's headers as the app gets them, without those that frame the body."""
    headers = list(headers)
    named = _named_hops(headers)
    kept: list[Header] = [(b"host", f"localhost:{outside.port}".encode())]
    kept += [
        (name, value)
        for name, value in headers
        if name not in _NOT_UP and name not in named and not name.startswith(b"x-forwarded-")
    ]
    for name, value in headers:
        if name == b"authorization" and TOKEN_PREFIX.encode() not in value:
            kept.append((name, value))
        elif name in (b"origin", b"referer"):
            kept += _inner(name, value.decode("latin-1"), outside)
    cookies = "" if outside.opaque else _cookies(value for name, value in headers if name == b"cookie")
    if cookies:
        kept.append((b"cookie", cookies.encode("latin-1")))
    scheme, _, host = outside.origin.partition("://")
    kept += [(b"x-forwarded-host", host.encode()), (b"x-forwarded-proto", scheme.encode())]
    if outside.base:
        kept.append((b"x-forwarded-prefix", outside.base.encode()))
    return kept


def _named_hops(headers: Iterable[Header]) -> set[bytes]:
    lines = (value for name, value in headers if name == b"connection")
    return {part.strip().lower() for line in lines for part in line.split(b",")}


def _inner(name: bytes, value: str, outside: Outside) -> list[Header]:
    """Returns an Origin or Referer as it is inside: what is the app's own is so there too."""
    own = outside.origin + outside.base
    if outside.opaque and name == b"origin":
        return [(name, outside.inner.encode())] if value in ("null", outside.origin) else []
    if value == own or value.startswith(f"{own}/"):
        return [(name, (outside.inner + value[len(own) :]).encode("latin-1"))]
    return [] if name == b"referer" else [(name, value.encode("latin-1"))]


def _cookies(lines: Iterable[bytes]) -> str:
    pairs = (pair.strip() for line in lines for pair in line.decode("latin-1").split(";"))
    return "; ".join(pair for pair in pairs if pair and not OURS.match(pair))


def downstream(headers: Iterable[Header], outside: Outside) -> list[Header]:
    """Returns the answer's headers as the browser gets them. Raises InvalidError for one that frames itself twice."""
    headers = [(name.lower(), value) for name, value in headers]
    refuse_two_framings(headers)
    named = _named_hops(headers)
    kept: list[Header] = []
    for name, value in headers:
        if outside.opaque:
            if name in _DOWN_BY_PATH:
                kept.append((name, value))
        elif name not in _NOT_DOWN and name not in named:
            kept.append((name, value))
        if name == b"set-cookie" and not outside.opaque:
            kept += _set_cookie(value.decode("latin-1"), outside)
        elif name in (b"location", b"content-location"):
            kept.append((name, _outer(value.decode("latin-1"), outside).encode("latin-1")))
        elif name == b"content-security-policy":
            kept += _policy(value.decode("latin-1"))
    return kept + own_headers(outside)


def refuse_two_framings(headers: Iterable[Header]) -> None:
    """Raises InvalidError where a message says two things about where it ends: the next one could hide in it."""
    names = [name.lower() for name, _ in headers if name.lower() in (b"content-length", b"transfer-encoding")]
    if len(names) > 1:
        raise InvalidError("The message says in two ways how long it is.", code="two_framings")


def own_headers(outside: Outside) -> list[Header]:
    """Returns what we say about every answer of a port, our own among them."""
    ancestors = " ".join(["'self'", *outside.ancestors])
    policy = f"frame-ancestors {ancestors}"
    found: list[Header] = [(b"referrer-policy", b"no-referrer" if outside.opaque else b"same-origin")]
    if outside.opaque:
        policy = f"sandbox {OPAQUE_SANDBOX}; {policy}"
        # Its pages have no origin, so everything that they fetch is from elsewhere; the address is the credential.
        found += [(b"access-control-allow-origin", b"*"), (b"x-content-type-options", b"nosniff")]
        found.append((b"cross-origin-opener-policy", b"unsafe-none"))
    return [*found, (b"content-security-policy", policy.encode())]


def _policy(value: str) -> list[Header]:
    """Returns the app's own policy without a say in who frames it: that is decided here."""
    directives = [part.strip() for part in value.split(";")]
    kept = "; ".join(part for part in directives if part and not part.lower().startswith("frame-ancestors"))
    return [(b"content-security-policy", kept.encode("latin-1"))] if kept else []


def _set_cookie(value: str, outside: Outside) -> list[Header]:
    """Returns a cookie of the app, of its own host alone."""
    pair, *attributes = [part.strip() for part in value.split(";")]
    # Browsers take a nameless cookie's value for its name, and blanks around either away.
    if "=" not in pair or OURS.match(pair.lstrip("= \t")):
        return []
    drop = ("domain", *(("samesite", "secure", "partitioned") if outside.framed else ()))
    kept = [part for part in attributes if part.partition("=")[0].strip().lower() not in drop]
    if outside.framed:
        # Inside a page of another site a cookie lives only so.
        kept += ["SameSite=None", "Secure", "Partitioned"]
    return [(b"set-cookie", "; ".join([pair, *kept]).encode("latin-1"))]


def _outer(value: str, outside: Outside) -> str:
    """Returns an address that the app gave, as it is outside."""
    if value.startswith("/") and not value.startswith("//"):
        return outside.base + value
    try:
        parts = urlsplit(value)
        inside = parts.hostname in _LOOPBACK and (parts.port or 80) == outside.port and parts.scheme in ("http", "ws")
    except ValueError:
        return value
    if inside:
        rest = parts._replace(scheme="", netloc="").geturl() or "/"
        return outside.base + rest if rest.startswith("/") and not rest.startswith("//") else outside.base + "/"
    return value

"""Security headers of the app origin (threat model, section 4, "App headers")."""

from __future__ import annotations

from labora.api.hosts import Host, Hosts
from labora.base.settings import ServerSettings

Header = tuple[bytes, bytes]
BLOB_POLICY = "default-src 'none'; sandbox"
_API_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"


def app_policy(settings: ServerSettings, hosts: Hosts, host: Host) -> str:
    """Returns the Content-Security-Policy of a page on ``host``."""
    images = ["'self'", "data:", "blob:", *(["https:"] if settings.external_images else [])]
    directives = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        f"img-src {' '.join(images)}",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        f"frame-src {' '.join(hosts.frame_sources(host))}",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types app sanitizer",
    ]
    if host.secure:
        directives.append("upgrade-insecure-requests")
    return "; ".join(directives)


def page_headers(settings: ServerSettings, hosts: Hosts, host: Host) -> list[Header]:
    """Returns the headers of every answer of the app host that is neither the API's nor an asset."""
    # A page cannot hand on what it does not have, so it is named itself; a frame gets each only by its `allow`, and
    # camera and microphone only once the person agreed. An opaque origin is no name: only `*` reaches it.
    frames = " ".join("self" if source == "'self'" else f'"{source}"' for source in hosts.frame_sources(host))
    features = f"fullscreen=*, autoplay=*, camera=({frames}), microphone=({frames})"
    closed = ", ".join(f"{name}=()" for name in ("geolocation", "payment", "usb"))
    headers = _common(host)
    headers.append((b"content-security-policy", app_policy(settings, hosts, host).encode()))
    headers.append((b"permissions-policy", f"{features}, {closed}".encode()))
    return headers


def asset_headers(host: Host) -> list[Header]:
    """Returns the headers of the built scripts, styles and fonts.

    A policy governs documents and workers, and these are neither: on each of twenty files it would be wasted.
    """
    return _common(host)


def api_headers(host: Host) -> list[Header]:
    """Returns the headers of every answer of the API; a route may set its own policy and cache rule."""
    return [
        *_common(host),
        (b"content-security-policy", _API_POLICY.encode()),
        (b"cache-control", b"no-store"),
        (b"vary", b"Cookie, Authorization"),
    ]


def _common(host: Host) -> list[Header]:
    headers = [
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"x-frame-options", b"DENY"),
    ]
    if host.secure:
        headers.append((b"strict-transport-security", b"max-age=31536000"))
    return headers


def add_missing(headers: list[Header], defaults: list[Header]) -> list[Header]:
    """Returns ``headers`` with the defaults that they do not set themselves."""
    present = {name.lower() for name, _ in headers}
    return [*headers, *(header for header in defaults if header[0] not in present)]

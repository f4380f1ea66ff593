"""The reviewed list of what is served without a credential. Everything else is refused before it is routed.

An entry needs a reason: what a stranger needs it for, and what keeps it harmless.
"""

from __future__ import annotations

import re

PREFIX = "/api/v1"

PUBLIC_ROUTES: frozenset[tuple[str, str]] = frozenset(
    {
        # The sign-in page must know whether a setup is due; tells nothing else but the version.
        ("GET", f"{PREFIX}/instance"),
        # Probes of proxies and process managers.
        ("GET", f"{PREFIX}/health"),
        # Making the owner: needs the secret of the one-time link.
        ("POST", f"{PREFIX}/setup"),
        # Signing in; guesses are limited.
        ("POST", f"{PREFIX}/login"),
        # Both need the secret of an invitation.
        ("GET", f"{PREFIX}/invitation"),
        ("POST", f"{PREFIX}/invitation/accept"),
        # Needs the secret of a reset link.
        ("POST", f"{PREFIX}/reset"),
        # The description of this API, the same on every server.
        ("GET", f"{PREFIX}/openapi.json"),
    }
)
"""(method, path) pairs. No WebSocket is public."""

_BY_LINK = re.compile(
    rf"{PREFIX}/files/(?P<file_id>[a-z2-7]{{20}})(?:/(?:ancestors|download|frame-origin|room|blobs/[0-9a-f]{{64}}))?"
)
"""Reading one file, its outputs and its live state: what "anyone with the link" means. Such a route says
``Needs(..., link=True)``; its verb finds the file through the one door. Who holds no link is told to sign in."""


def file_by_link(method: str, path: str) -> str | None:
    """Returns the file that a request without a credential may look at if a link opens it; None for other requests."""
    found = _BY_LINK.fullmatch(path) if method in {"GET", "HEAD"} else None
    return found["file_id"] if found else None


def is_public(method: str, path: str) -> bool:
    """Returns whether a request needs no credential. Public paths have no parameters, so this is a look-up."""
    return (("GET" if method == "HEAD" else method), path) in PUBLIC_ROUTES

"""The login cookie. Its name carries the instance's id, because cookies ignore ports."""

from __future__ import annotations

from starlette.requests import cookie_parser
from starlette.responses import Response

from labora.api.hosts import Host


def cookie_name(instance_id: str, host: Host) -> str:
    """Returns the cookie's name; on https the ``__Host-`` prefix keeps other hosts from setting it."""
    return f"__Host-labora-{instance_id}" if host.secure else f"labora-{instance_id}"


def read_cookie(header: str, name: str) -> str | None:
    """Returns the login secret in a Cookie header. A name that comes twice counts as absent: one was planted."""
    if header.count(f"{name}=") != 1:
        return None
    return cookie_parser(header).get(name) or None


def set_cookie(response: Response, instance_id: str, host: Host, secret: str, max_age_s: int) -> None:
    """Puts the login secret into an answer."""
    response.set_cookie(
        cookie_name(instance_id, host),
        secret,
        max_age=max_age_s,
        path="/",
        secure=host.secure,
        httponly=True,
        samesite="lax",
    )


def drop_cookie(response: Response, instance_id: str, host: Host) -> None:
    """Takes the login secret out of the browser, with what pages stored for offline use."""
    response.delete_cookie(cookie_name(instance_id, host), path="/", secure=host.secure, httponly=True, samesite="lax")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'

"""Pages in the place of a web app: they say what is the matter and repeat nothing that they were told."""

from __future__ import annotations

import secrets
from html import escape

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from labora.api.ports.headers import Outside, own_headers

_STYLE = """:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0;min-height:90vh;display:grid;
place-items:center;background:Canvas;color:CanvasText}main{max-width:34rem;padding:1.5rem}h1{font-size:1.35rem;
margin:0 0 .5rem}p{margin:.5rem 0}a{color:LinkText}.wait{display:inline-block;width:1em;height:1em;border:2px solid;
border-right-color:transparent;border-radius:50%;margin-right:.5em;vertical-align:-.1em;
animation:turn 1s linear infinite}
@keyframes turn{to{transform:rotate(1turn)}}@media(prefers-reduced-motion:reduce){.wait{animation:none}}"""
_WAIT = """const look=async()=>{try{if((await fetch(%s,{cache:'no-store'})).status===204){location.reload();return}}
catch{}setTimeout(look,1000)};setTimeout(look,1000)"""


def note(outside: Outside, status: int, title: str, text: str, *, ready: str = "", link: str = "") -> Response:
    """Returns a page for a person.

    Args:
        outside: of the port.
        status: of the answer.
        title: what is the matter.
        text: what to do.
        ready: path that answers 204 once the page should be loaded again.
        link: what "Open in a new tab" leads to.
    """
    nonce = secrets.token_urlsafe(16)
    wait = '<span class="wait" aria-hidden="true"></span>' if ready else ""
    more = f'<p><a href="{escape(link)}" target="_blank" rel="noopener">Open in a new tab</a></p>' if link else ""
    script = f'<script nonce="{nonce}">{_WAIT % _quoted(ready)}</script>' if ready else ""
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style nonce="{nonce}">{_STYLE}</style></head>'
        f"<body><main><h1>{wait}{escape(title)}</h1><p>{escape(text)}</p>{more}</main>{script}</body></html>"
    )
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src {outside.origin}"
    return _finished(HTMLResponse(page, status, {"Content-Security-Policy": policy}), outside)


def plain(outside: Outside, status: int, text: str) -> Response:
    """Returns an answer for a program."""
    return _finished(PlainTextResponse(text, status), outside)


def _finished(response: Response, outside: Outside) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Beside the page's own policy: both hold.
    response.raw_headers += [header for header in own_headers(outside) if header[0] != b"x-content-type-options"]
    return response


def _quoted(text: str) -> str:
    return "'" + "".join(character for character in text if character.isalnum() or character in "/._-") + "'"

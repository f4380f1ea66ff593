"""The built front end: hashed assets, and index.html for every page address."""

from __future__ import annotations

import asyncio
import re
from email.utils import formatdate
from mimetypes import guess_type
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

STATIC = Path(__file__).parents[1] / "web" / "static"
_PAGE = re.compile(
    r"/|/(shared|recent|starred|trash|settings|people|groups|runtimes|compare|login|setup|invite|reset|url|github)/?"
    r"|/(folders|drive)/[A-Za-z0-9]{1,64}/?|/drive/[A-Za-z0-9]{1,64}/history/?"
    r"|/(github|gist)/[^?#]{1,2000}|/port/[a-z2-7]{20}/[0-9]{1,5}"
)
_BADGE = "open-in-labora.svg"
_FILE = re.compile(r"/(assets/[A-Za-z0-9_.-]+|[A-Za-z0-9_-]+\.(js|css|svg|ico|png|webmanifest|txt|woff2))")
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
_IMMUTABLE = "public, max-age=31536000, immutable"

_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Labora: the front end is not built</title>
<style>body{font:16px/1.5 system-ui;max-width:40rem;margin:4rem auto;padding:0 1rem}</style>
<h1>The front end is not built</h1>
<p>The server runs, but this checkout has no built pages yet. Build them once, with Node 20 or newer:</p>
<pre>cd web
npm ci
npm run build</pre>
<p>Then reload this page. <code>scripts/serve</code> does this by itself, and the released wheel carries the pages.</p>
"""


class Pages:
    """Serves files below one folder, precompressed where the browser takes it.

    Args:
        folder: what the web workspace builds into.
    """

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["method"] not in {"GET", "HEAD"}:
            await PlainTextResponse("Method not allowed", 405, {"Allow": "GET, HEAD"})(scope, receive, send)
            return
        response = await asyncio.to_thread(self._response, scope["path"], Headers(scope=scope))
        await response(scope, receive, send)

    def _response(self, path: str, headers: Headers) -> Response:
        if _FILE.fullmatch(path) and ".." not in path:
            return self._file(path[1:], headers, hashed=path.startswith("/assets/"))
        found = self._file("index.html", headers, status=200 if _PAGE.fullmatch(path) else 404)
        if found.status_code == 404 and not (self._folder / "index.html").is_file():
            return Response(_NOT_BUILT, 503, {"Cache-Control": "no-store"}, "text/html")
        return found

    def _file(self, name: str, headers: Headers, *, hashed: bool = False, status: int = 200) -> Response:
        path = self._folder / name
        if not path.is_file():
            return PlainTextResponse("There is nothing at this address.", 404, {"Cache-Control": "no-store"})
        media_type = guess_type(name)[0] or "application/octet-stream"
        extra = {"Cache-Control": _IMMUTABLE if hashed else "no-cache", "Vary": "Accept-Encoding"}
        if name == _BADGE:
            # Other sites' pages show it.
            extra |= {"Cross-Origin-Resource-Policy": "cross-origin", "Cache-Control": "public, max-age=86400"}
        accepted = {part.split(";")[0].strip() for part in headers.get("accept-encoding", "").split(",")}
        for encoding, suffix in _ENCODINGS:
            smaller = path.with_name(path.name + suffix)
            if encoding in accepted and smaller.is_file():
                path = smaller
                extra["Content-Encoding"] = encoding
                break
        state = path.stat()
        etag = f'"{state.st_mtime_ns:x}-{state.st_size:x}"'
        if status == 200 and headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=extra | {"ETag": etag})
        extra |= {"ETag": etag, "Last-Modified": formatdate(state.st_mtime, usegmt=True)}
        return FileResponse(path, status, extra, media_type, stat_result=state)

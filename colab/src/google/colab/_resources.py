"""A small HTTP server in the kernel, for what elements of the output load."""

from __future__ import annotations

import os
import shutil
import threading
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable
from urllib.parse import unquote, urlsplit

_CHUNK = 1 << 20


class Resource:
    """Something that the kernel gives out over HTTP until it is deleted.

    Args:
        path: where it lies on the server.
        port: where the server listens.
        answer: returns the content: bytes or text, or a path of a file as :class:`os.PathLike`.
        headers: of the answer.
    """

    def __init__(self, path: str, port: int, answer: Callable[[str], Any], headers: Mapping[str, str]) -> None:
        self._path, self._port, self._answer, self._headers = path, port, answer, dict(headers)

    @property
    def url(self) -> str:
        """Where it is found: for the notebook's page, or inside the runtime where no page is open."""
        from google.colab import _message, output

        try:
            base = output.eval_js(f"google.colab.kernel.proxyPort({self._port})", timeout_sec=10)
        except (_message.MessageError, NotImplementedError):
            base = None
        return f"{(base or f'http://127.0.0.1:{self._port}').rstrip('/')}{self._path}"

    def delete(self) -> None:
        """Takes it back: its address answers 404 from now on."""
        _given.pop(self._path, None)

    def __repr__(self) -> str:
        return f"<Resource {self._path} at port {self._port}>"


_given: dict[str, Resource] = {}
_server: ThreadingHTTPServer | None = None
_lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        resource = _given.get(path)
        if resource is None:
            self.send_error(404)
            return
        try:
            content = resource._answer(self.path)
        except Exception as error:  # noqa: BLE001 - the program's own; the server goes on
            self.send_error(500, str(error)[:200].encode("latin-1", "replace").decode("latin-1"))
            return
        if isinstance(content, os.PathLike):
            self._send_file(os.fspath(content), resource._headers)
            return
        body = content.encode() if isinstance(content, str) else bytes(content)
        self._head(len(body), resource._headers)
        self.wfile.write(body)

    def _send_file(self, name: str, headers: Mapping[str, str]) -> None:
        try:
            file = open(name, "rb")
        except OSError:
            self.send_error(404)
            return
        with file:
            self._head(os.fstat(file.fileno()).st_size, headers)
            shutil.copyfileobj(file, self.wfile, _CHUNK)

    def _head(self, size: int, headers: Mapping[str, str]) -> None:
        self.send_response(200)
        for name, value in {"Access-Control-Allow-Origin": "*", **headers, "Content-Length": str(size)}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: it would be output of whatever cell runs."""


def give(answer: Callable[[str], Any], headers: Mapping[str, str] | None, extension: str, route: str) -> Resource:
    """Gives something out; the first one starts the server, on a port of its own on the loopback."""
    global _server
    with _lock:
        if _server is None:
            _server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
            _server.daemon_threads = True
            threading.Thread(target=_server.serve_forever, name="google.colab.html", daemon=True).start()
    path = f"/{route.lstrip('/')}" if route else f"/{uuid.uuid4().hex}{'.' * bool(extension)}{extension.lstrip('.')}"
    resource = _given[path] = Resource(path, _server.server_address[1], answer, headers or {})
    return resource

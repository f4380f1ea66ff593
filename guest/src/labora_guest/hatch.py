"""Where the programs of a runtime ask the server: HTTP on the runtime's own loopback (docs/protocols.md, section 8).

Small on purpose: one request a connection, every length bounded, and whoever closes the connection gives up.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import secrets
from collections.abc import Awaitable, Mapping
from typing import Any, Callable
from urllib.parse import quote, unquote, urlsplit

from labora_guest.kernel import Kernel

USUAL_PORT = 9000
HEAD_BYTES = 16 * 1024
BODY_BYTES = 8 * 1024 * 1024
READ_S = 30.0
LINGER_S = 5.0
SESSION_S = 3.0
MAX_CONNECTIONS = 64
REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
           405: "Method Not Allowed", 413: "Payload Too Large", 503: "Service Unavailable"}  # fmt: skip


class _HttpError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"ok": False, "code": code, "message": message}


class _Request:
    def __init__(self, method: str, path: str, headers: dict[str, str]) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = b""


class Hatch:
    """Answers programs of the kernels.

    Attributes:
        shared: whether the loopback is the machine's.

    Args:
        kernels: by id; the agent's own, as they are now.
        port: on the loopback of a network namespace of the runtime's own. 0 where the loopback is the machine's: any
            free port, and nobody is told anything without a kernel's secret.
        taken: whether the control plane takes what a kernel says, so that it can answer for its notebook.
    """

    def __init__(self, kernels: Mapping[str, Kernel], port: int, taken: Callable[[str], bool]) -> None:
        self._kernels = kernels
        self._taken = taken
        self._port = port
        self.shared = port == 0
        self._secrets: dict[str, str] = {}
        self._server: asyncio.AbstractServer | None = None
        self._open = 0

    async def open(self) -> None:
        """Begins to listen; where that is impossible, programs just cannot ask."""
        for port in dict.fromkeys((self._port, 0)):
            with contextlib.suppress(OSError):
                self._server = await asyncio.start_server(self._connected, "127.0.0.1", port, limit=HEAD_BYTES)
                self._port = self._server.sockets[0].getsockname()[1]
                return

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    def close(self) -> None:
        """Stops listening."""
        if self._server is not None:
            self._server.close()

    def environment(self, kernel_id: str) -> dict[str, str]:
        """Returns the variables by which the programs of a kernel find their way here."""
        if self._server is None:
            return {}
        secret = self._secrets.setdefault(kernel_id, secrets.token_urlsafe(24))
        found = {"LABORA_ASK": f"http://127.0.0.1:{self._port}", "LABORA_KERNEL": secret}
        if self._port != USUAL_PORT:
            # Where notebooks written for Colab look for sessions.
            found["KMP_TARGET_PORT"] = str(self._port)
        return found

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            try:
                if self._open > MAX_CONNECTIONS:
                    raise _HttpError(503, "too_many_asks", "Too many programs of this runtime ask at once.")
                request = await asyncio.wait_for(_read(reader), READ_S)
                status, body = await _unless_closed(self._answer(request), reader)
            except _HttpError as error:
                status, body = error.status, error.body
            _write(writer, status, body)
            await asyncio.wait_for(writer.drain(), READ_S)
            if status == 413:
                # Whoever still sends would not see the answer.
                writer.write_eof()
                await asyncio.wait_for(_discard(reader), LINGER_S)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.TimeoutError):
            # Whoever does not speak HTTP, or has gone, gets nothing.
            return
        finally:
            self._open -= 1
            writer.close()

    async def _answer(self, request: _Request) -> tuple[int, Any]:
        if request.path == "/labora/ask":
            if request.method != "POST":
                raise _HttpError(405, "bad_request", "Ask with POST.")
            return 200, await self._ask(self._kernel(request), request.body)
        if request.method != "GET":
            raise _HttpError(405, "bad_request", "This is read with GET.")
        if request.path == "/api/sessions":
            if self.shared:
                self._kernel(request)
            return 200, await self._sessions()
        if request.path.startswith("/labora/secrets/"):
            return await self._secret(self._kernel(request), unquote(request.path[len("/labora/secrets/") :]))
        raise _HttpError(404, "not_found", "There is nothing here.")

    def _kernel(self, request: _Request) -> Kernel:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            for kernel_id, secret in self._secrets.items():
                kernel = self._kernels.get(kernel_id)
                if kernel is not None and hmac.compare_digest(
                    secret.encode(), given.strip().encode("utf-8", "replace")
                ):
                    return kernel
        raise _HttpError(403, "bad_secret", "Send the header Authorization: Bearer $LABORA_KERNEL.")

    @staticmethod
    async def _ask(kernel: Kernel, body: bytes) -> dict[str, Any]:
        try:
            asked = json.loads(body)
            kind, content = asked["kind"], asked.get("content")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _HttpError(400, "bad_request", 'Send {"kind", "content", "timeout_s"}.') from error
        content = {} if content is None else content
        if not isinstance(kind, str) or not isinstance(content, dict):
            raise _HttpError(400, "bad_request", "kind is a text and content an object.")
        return await kernel.ask(kind, content, asked.get("timeout_s"))

    async def _secret(self, kernel: Kernel, name: str) -> tuple[int, Any]:
        answer = await kernel.ask("secret.get", {"name": name}, None)
        if not answer.get("ok"):
            raise _HttpError(503, str(answer.get("code")), str(answer.get("message")))
        found = answer.get("value")
        if not isinstance(found, dict) or not found.get("exists"):
            raise _HttpError(404, "no_secret", f"You have no secret named {name}.")
        if not found.get("access"):
            raise _HttpError(403, "no_access", f"This notebook may not read the secret {name}.")
        return 200, str(found.get("value") or "")

    async def _sessions(self) -> list[dict[str, Any]]:
        alive = [kernel for key, kernel in self._kernels.items() if kernel.alive and self._taken(key)]
        answers = await asyncio.gather(*(kernel.ask("notebook", {}, SESSION_S) for kernel in alive))
        found = []
        for kernel, answer in zip(alive, answers):
            about = answer.get("value")
            if not answer.get("ok") or not isinstance(about, dict):
                # A kernel that no notebook has yet.
                continue
            name, path = quote(str(about.get("name", ""))), f"fileId={quote(str(about.get('file_id', '')))}"
            state = {"id": kernel.kernel_id, "name": kernel.name, "execution_state": kernel.status}
            notebook = {"name": name, "path": path}
            found.append(
                {"id": kernel.kernel_id, "type": "notebook", "kernel": state, "notebook": notebook, **notebook}
            )
        return found


async def _read(reader: asyncio.StreamReader) -> _Request:
    """Reads one request. Raises _HttpError, or what asyncio's streams raise."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise _HttpError(400, "bad_request", "This is HTTP/1.1.")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    request = _Request(words[0].upper(), urlsplit(words[1]).path, headers)
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdecimal():
        raise _HttpError(400, "bad_request", "Send the body with its Content-Length.")
    if len(length) > 10 or int(length) > BODY_BYTES:
        raise _HttpError(413, "too_large", f"What is asked may have {BODY_BYTES // 1024 // 1024} MB at most.")
    request.body = await reader.readexactly(int(length))
    return request


async def _discard(reader: asyncio.StreamReader) -> None:
    while await reader.read(HEAD_BYTES):
        pass


async def _unless_closed(work: Awaitable[tuple[int, Any]], reader: asyncio.StreamReader) -> tuple[int, Any]:
    """Returns what ``work`` does. Raises ConnectionError, and gives ``work`` up, when the other side closes before."""
    task, closed = asyncio.ensure_future(work), asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait({task, closed}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ConnectionError("it has gone, or sends more than one request")
        return task.result()
    finally:
        for one in (task, closed):
            one.cancel()
        await asyncio.gather(task, closed, return_exceptions=True)


def _write(writer: asyncio.StreamWriter, status: int, body: Any) -> None:
    text = isinstance(body, str)
    data = body.encode() if text else json.dumps(body).encode("ascii")
    kind = "text/plain; charset=utf-8" if text else "application/json"
    writer.write(
        f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n".encode("ascii")
    )
    writer.write(data)

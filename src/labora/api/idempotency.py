"""``Idempotency-Key``: a request that makes something, sent again, makes nothing again and is answered the same."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labora.access import Principal
from labora.access import Scope as TokenScope
from labora.accounts.repeats import Answered, Repeats
from labora.api.public import PREFIX
from labora.base.errors import InvalidError, LaboraError
from labora.base.logging import get_logger

# What makes a file or gives a right. Answers that hold secrets (tokens, invitations) must not be kept: hence a list.
_KEPT = re.compile(rf"{PREFIX}/files(?:|/upload|/[^/]+/(?:copy|permissions|comments(?:/[^/]+/replies)?))")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_log = get_logger("api")


class KeyReusedError(LaboraError):
    """The key stands for another request."""

    code, status = "idempotency_key_reused", 422


class Idempotency:
    """Wraps the API.

    Args:
        api: does the requests.
        repeats: remembers the answers.
    """

    def __init__(self, api: ASGIApp, repeats: Repeats) -> None:
        self._api, self._repeats = api, repeats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry for HTTP, behind the checks of the credential."""
        key = Headers(scope=scope).get("idempotency-key") if scope["type"] == "http" else None
        principal: Principal = scope["labora.principal"]
        # Whoever may not write is refused by the route, and is told nothing that was answered to a writer.
        writer = principal.account_id is not None and TokenScope.WRITE in principal.scopes
        if key is None or not writer or scope["method"] != "POST" or not _KEPT.fullmatch(scope["path"]):
            await self._api(scope, receive, send)
            return
        if not _KEY.fullmatch(key):
            raise InvalidError(
                "An Idempotency-Key is 1 to 255 printable ASCII characters; a random UUID is a good one.",
                code="bad_idempotency_key",
            )
        await self._once(str(principal.account_id), key, scope, receive, send)

    async def _once(self, account_id: str, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        reading = _Reading(scope, receive)
        known = await self._repeats.claim(account_id, key)
        if known is not None:
            if await reading.rest() != known.request_sha256:
                raise KeyReusedError(
                    "This Idempotency-Key was sent with another request. Send each request with a key of its own."
                )
            await _answer(send, known)
            return
        answer = _Answer()
        settled = False
        try:
            await self._api(scope, reading, answer)
            if answer.made:
                settled = True
                await self._settle(account_id, key, Answered(await reading.rest(), answer.status, answer.kept()))
        finally:
            if not settled:
                await self._repeats.release(account_id, key)
        await answer.send(send)

    async def _settle(self, account_id: str, key: str, answered: Answered) -> None:
        try:
            await self._repeats.settle(account_id, key, answered)
        except LaboraError as error:
            # It is done, and its maker is told so; only a repeat will be answered with "unfinished".
            _log.error("answer not kept", error=repr(error))


class _Reading:
    """Passes the body on and takes its hash, together with what else makes the request."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive, self._more = receive, True
        self._hash = hashlib.sha256(f"{scope['method']} {scope['path']}?".encode() + scope["query_string"] + b"\n")

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._hash.update(message.get("body", b""))
            self._more = bool(message.get("more_body"))
        else:
            self._more = False
        return message

    async def rest(self) -> str:
        """Reads what is left of the body and returns the hash of the request."""
        while self._more:
            await self()
        return self._hash.hexdigest()


class _Answer:
    """Holds an answer back until it is kept; what makes something is answered with a little JSON."""

    def __init__(self) -> None:
        self._messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self._messages.append(message)

    @property
    def status(self) -> int:
        return int(self._messages[0]["status"]) if self._messages else 500

    @property
    def made(self) -> bool:
        return 200 <= self.status < 300

    def kept(self) -> Any:
        etag = Headers(raw=list(self._messages[0]["headers"])).get("etag")
        return {"etag": etag, "answer": json.loads(b"".join(part.get("body", b"") for part in self._messages[1:]))}

    async def send(self, send: Callable[[Message], Awaitable[None]]) -> None:
        for message in self._messages:
            await send(message)


async def _answer(send: Send, answered: Answered) -> None:
    body = json.dumps(answered.body["answer"]).encode()
    headers = [(b"content-type", b"application/json"), (b"idempotency-replayed", b"true")]
    if answered.body["etag"]:
        headers.append((b"etag", answered.body["etag"].encode()))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": answered.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""One request to a web app of a runtime: HTTP/1.1 over a stream of the guest channel, streamed both ways.

The app is as hostile as everything in a runtime: its answer is parsed strictly (h11), bounded, and framed anew on its
way out. Each request has a connection of its own, so nothing of one answer can be taken for the next.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import h11
from starlette.types import Message, Receive, Scope, Send

from labora.api.ports.headers import Header, Outside, downstream, refuse_two_framings, upstream
from labora.base.errors import InvalidError, LaboraError, TooLargeError, UnavailableError
from labora.kernels.streams import GuestStream

MAX_HEAD = 64 * 1024
_LAST_STATUS = 599


class BadGatewayError(LaboraError):
    """A web app answered with something that is no answer."""

    code, status = "bad_answer", 502


class Exchange:
    """A request and its answer.

    Args:
        stream: leads to the app; the caller closes it.
        outside: how the browser sees the app.
        body_bytes: longest body of the request.
        answer_s: longest wait for the answer's head, from when the last of the request went to the app.
    """

    def __init__(self, stream: GuestStream, outside: Outside, body_bytes: int, answer_s: float) -> None:
        self._stream, self._outside = stream, outside
        self._limit, self._patience = body_bytes, answer_s
        self._app = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._waiting: asyncio.Timeout | None = None

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on and the answer back; returns early when the browser goes away.

        Raises:
            LaboraError: nothing was sent yet, or the answer broke off.
        """
        self._begin(scope)
        asking = asyncio.ensure_future(self._ask(receive))
        answering = asyncio.ensure_future(self._answer(send))
        try:
            await asyncio.wait({asking, answering}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                answering.result()
            else:
                asking.result()
        finally:
            for task in (asking, answering):
                task.cancel()
            await asyncio.gather(asking, answering, return_exceptions=True)

    # -- the request --------------------------------------------------------------------------------------------------

    def _begin(self, scope: Scope) -> None:
        headers: Sequence[Header] = scope["headers"]
        refuse_two_framings(headers)
        found = dict(headers)
        wanted = upstream(headers, self._outside)
        wanted.append((b"connection", b"close"))
        length = found.get(b"content-length")
        if length is not None:
            if not length.isdigit() or int(length) > self._limit:
                raise self._too_large()
            wanted.append((b"content-length", length))
        elif b"transfer-encoding" in found:
            wanted.append((b"transfer-encoding", b"chunked"))
        try:
            self._head = self._bytes(h11.Request(method=scope["method"], target=target_of(scope), headers=wanted))
        except h11.LocalProtocolError as error:
            raise InvalidError("The request cannot be passed on.") from error

    def _bytes(self, event: Any) -> bytes:
        return self._app.send(event) or b""

    async def _ask(self, receive: Receive) -> None:
        """Sends the request, then waits for the browser to go away."""
        with contextlib.suppress(h11.LocalProtocolError):
            # That is said when the answer is over before the request is.
            await self._pass(self._head)
            size = 0
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                body, more = message.get("body", b""), message.get("more_body", False)
                size += len(body)
                if size > self._limit:
                    raise self._too_large()
                if body:
                    await self._pass(self._bytes(h11.Data(data=body)))
            await self._pass(self._bytes(h11.EndOfMessage()))
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _pass(self, data: bytes) -> None:
        """Sends a part of the request; the app's time to answer begins anew."""
        await self._stream.write(data)
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(asyncio.get_running_loop().time() + self._patience)

    def _too_large(self) -> TooLargeError:
        return TooLargeError(
            f"The request's body is larger than {self._limit:,} bytes.", details={"limit": self._limit}
        )

    # -- the answer ---------------------------------------------------------------------------------------------------

    async def _answer(self, send: Send) -> None:
        try:
            async with asyncio.timeout(self._patience) as self._waiting:
                head = await self._next()
                while isinstance(head, h11.InformationalResponse):
                    head = await self._next()
                self._waiting = None
        except TimeoutError:
            raise UnavailableError("The web app did not answer in time.", code="no_answer") from None
        if not isinstance(head, h11.Response):
            raise BadGatewayError("The web app closed the connection without an answer.")
        if head.status_code > _LAST_STATUS:
            raise BadGatewayError("The web app answered with a status that there is not.")
        try:
            headers = downstream(head.headers, self._outside)
        except InvalidError as error:
            raise BadGatewayError("The web app's answer says in two ways how long it is.") from error
        await send({"type": "http.response.start", "status": head.status_code, "headers": headers})
        while True:
            event = await self._next()
            if isinstance(event, h11.Data):
                await send(_body(bytes(event.data), more=True))
            elif isinstance(event, h11.EndOfMessage):
                await send(_body(b"", more=False))
                return
            else:
                raise BadGatewayError("The web app's answer broke off.")

    async def _next(self) -> Any:
        try:
            while (event := self._app.next_event()) is h11.NEED_DATA:
                self._app.receive_data(await self._stream.read())
        except h11.RemoteProtocolError as error:
            raise BadGatewayError("The web app's answer cannot be read.") from error
        return event


def _body(data: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


def target_of(scope: Scope) -> bytes:
    """Returns path and query as they were asked for, without what stands before the app's own paths."""
    raw: bytes = scope["labora.port_path"]
    query: bytes = scope.get("query_string", b"")
    return raw + b"?" + query if query else raw

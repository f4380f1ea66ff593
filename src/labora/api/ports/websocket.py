"""One WebSocket to a web app of a runtime: two handshakes, and messages passed on whole between them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, cast

from starlette.types import Message, Receive, Scope, Send
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from labora.api.ports.headers import Header, Outside, downstream, upstream
from labora.api.ports.http import BadGatewayError, target_of
from labora.base.errors import LaboraError, UnavailableError
from labora.kernels.streams import GuestStream

HANDSHAKE_S = 30.0
PART_S = 5.0
_NO_STATUS, _LOST = 1005, 1006
_GOING_AWAY, _BROKE = 1001, 1011


class Conversation:
    """A WebSocket that a browser opens, and the one to the app.

    Args:
        stream: leads to the app; the caller closes it.
        outside: how the browser sees the app.
        message_bytes: largest message from the app.
    """

    def __init__(self, stream: GuestStream, outside: Outside, message_bytes: int) -> None:
        self._stream, self._outside, self._limit = stream, outside, message_bytes
        self._parts: list[bytes] = []
        self._text = False

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes messages both ways until either side closes. Raises LaboraError before anything is accepted."""
        await receive()
        headers = await self._shake_hands(scope)
        protocol = str(self._app.subprotocol) if self._app.subprotocol else None
        await send({"type": "websocket.accept", "subprotocol": protocol, "headers": headers})
        tasks = [asyncio.ensure_future(self._to_app(receive)), asyncio.ensure_future(self._to_browser(send))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._part()

    async def _part(self) -> None:
        """Lets the app take leave: what was sent last has arrived once it closes the connection."""
        with contextlib.suppress(TimeoutError, LaboraError):
            async with asyncio.timeout(PART_S):
                while await self._stream.read():
                    pass

    # -- the app ------------------------------------------------------------------------------------------------------

    async def _shake_hands(self, scope: Scope) -> list[Header]:
        """Opens the socket to the app and returns the headers for the browser."""
        offered = [Subprotocol(name) for name in scope.get("subprotocols", [])]
        uri = parse_uri(f"ws://localhost:{self._outside.port}/")
        self._app = ClientProtocol(uri, subprotocols=offered or None, max_size=self._limit)
        request = self._app.connect()
        request.path = target_of(scope).decode("latin-1")
        incoming = [(name.lower(), value) for name, value in scope["headers"]]
        for name, value in upstream(incoming, self._outside):
            if name != b"host" and not name.startswith(b"sec-websocket-"):
                request.headers[name.decode("latin-1")] = value.decode("latin-1")
        self._app.send_request(request)
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                response = await self._response()
        except TimeoutError:
            raise UnavailableError("The web app did not answer in time.", code="no_answer") from None
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.raw_items()]
        return [(name, value) for name, value in downstream(raw, self._outside) if name == b"set-cookie"]

    async def _response(self) -> Response:
        await self._flush()
        while True:
            data = await self._stream.read()
            if data:
                self._app.receive_data(data)
            else:
                self._app.receive_eof()
            self._early = self._app.events_received()
            if self._app.handshake_exc is not None or (not data and self._app.state is not State.OPEN):
                raise _refused(self._app.handshake_exc)
            if self._early and isinstance(self._early[0], Response):
                return cast("Response", self._early.pop(0))

    async def _flush(self) -> None:
        for data in self._app.data_to_send():
            if data:
                await self._stream.write(data)

    async def _to_app(self, receive: Receive) -> None:
        """Sends what the browser says; ends when it closes."""
        while True:
            message = await receive()
            try:
                if message["type"] == "websocket.disconnect":
                    self._close_app(message)
                    await self._flush()
                    return
                text = message.get("text")
                if text is not None:
                    self._app.send_text(text.encode())
                else:
                    self._app.send_binary(message.get("bytes") or b"")
            except InvalidState:
                return
            await self._flush()

    def _close_app(self, message: Message) -> None:
        code = message.get("code", _NO_STATUS)
        if code == _NO_STATUS:
            self._app.send_close()
        else:
            self._app.send_close(_GOING_AWAY if code == _LOST else code, message.get("reason") or "")

    # -- the browser --------------------------------------------------------------------------------------------------

    async def _to_browser(self, send: Send) -> None:
        """Sends what the app says; ends when it closes or goes away."""
        events: list[Any] = self._early
        while True:
            for event in events:
                if isinstance(event, Frame):
                    await self._frame(event, send)
            await self._flush()
            if self._app.close_rcvd is not None or self._app.parser_exc is not None:
                break
            data = await self._stream.read()
            if not data:
                break
            self._app.receive_data(data)
            events = self._app.events_received()
        closed = self._app.close_rcvd
        if closed is None:
            await send({"type": "websocket.close", "code": _BROKE, "reason": ""})
        else:
            code = 1000 if closed.code == _NO_STATUS else closed.code
            await send({"type": "websocket.close", "code": code, "reason": closed.reason})

    async def _frame(self, frame: Frame, send: Send) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._text, self._parts = frame.opcode is Opcode.TEXT, []
        elif frame.opcode is not Opcode.CONT:
            return
        self._parts.append(bytes(frame.data))
        if not frame.fin:
            return
        data, self._parts = b"".join(self._parts), []
        if self._text:
            await send({"type": "websocket.send", "text": data.decode("utf-8", "replace")})
        else:
            await send({"type": "websocket.send", "bytes": data})


def _refused(error: Exception | None) -> BadGatewayError:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, InvalidHandshake) and isinstance(status, int) and 400 <= status < 600:
        return BadGatewayError(f"The web app refused the socket ({status}).", details={"status": status})
    return BadGatewayError("The web app does not speak WebSocket here.")

"""The room socket: frames between one page and its room (docs/protocols.md, section 1)."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from labora.access import ANONYMOUS, Principal
from labora.api.models import FileAnswer
from labora.base.errors import ForbiddenError, GoneError, InvalidError, LaboraError, NotFoundError, TooLargeError
from labora.notebook.jsontext import load_bounded
from labora.rooms import Close, Lane, Room, Rooms, Subscriber, handle_command

VERSION = 1
HELLO_TIMEOUT_S = 15.0
MAX_DEPTH = 100
_UPDATE_HEAD = 6
_COMM_HEAD = 4
_MAX_CLIENT_ID = 2**53 - 1


async def room_socket(websocket: WebSocket) -> None:
    """Serves ``/api/v1/files/{file_id}/room``. The gate has found the principal and checked the origin."""
    services, principal = websocket.scope["labora.services"], websocket.scope.get("labora.principal", ANONYMOUS)
    await serve_room(websocket, services.rooms, principal, websocket.path_params["file_id"])


async def serve_room(websocket: WebSocket, rooms: Rooms, principal: Principal, file_id: str) -> None:
    """Serves one room socket until either side ends it."""
    await websocket.accept()
    subscriber = room = None
    try:
        hello = await asyncio.wait_for(_hello(websocket), HELLO_TIMEOUT_S)
        if hello is None:
            await websocket.close(Close.VERSION, "This page is of another version. Reload it.")
            return
        room, subscriber, view = await rooms.subscriber(principal, file_id, hello["client_id"])
        room.join(subscriber, FileAnswer.of(view).model_dump(mode="json"))
        rooms.opened(room, subscriber)
    except (WebSocketDisconnect, TimeoutError):
        return
    except LaboraError as error:
        await websocket.close(_close_code(error), error.message[:120])
        return
    sending = asyncio.create_task(_send(websocket, subscriber))
    receiving = asyncio.create_task(_receive(websocket, rooms, room, subscriber))
    try:
        await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        room.leave(subscriber)
        for task in (sending, receiving):
            task.cancel()
        await asyncio.gather(sending, receiving, return_exceptions=True)


async def _hello(websocket: WebSocket) -> dict[str, Any] | None:
    """Returns the client's hello, or None when it speaks another version. Raises InvalidError."""
    data = await _received(websocket)
    hello = _json(data[1:]) if data[:1] == bytes([Lane.CONTROL]) else {}
    if hello.get("type") != "hello":
        raise InvalidError("The first frame must say hello.")
    if hello.get("version") != VERSION:
        return None
    client_id = hello.get("client_id")
    if not isinstance(client_id, int) or isinstance(client_id, bool) or not 0 <= client_id <= _MAX_CLIENT_ID:
        raise InvalidError("hello needs the Yjs client id.")
    return hello


async def _received(websocket: WebSocket) -> bytes:
    """Returns the next frame. Raises WebSocketDisconnect, or InvalidError for a frame of text."""
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    data = message.get("bytes")
    if not isinstance(data, bytes):
        raise InvalidError("Frames are binary.")
    return data


async def _send(websocket: WebSocket, subscriber: Subscriber) -> None:
    try:
        while frames := await subscriber.frames():
            for frame in frames:
                await websocket.send_bytes(frame)
                subscriber.sent(len(frame))
        await websocket.close(subscriber.close_code or Close.RESYNC, subscriber.close_reason[:120])
    except (WebSocketDisconnect, RuntimeError, OSError):
        # The page went away while something was on its way to it.
        return


async def _receive(websocket: WebSocket, rooms: Rooms, room: Room, subscriber: Subscriber) -> None:
    try:
        while subscriber.close_code is None:
            data = await _received(websocket)
            # While the journal cannot keep up, this page waits, and nothing of it is lost.
            await rooms.journal.writable()
            _frame(rooms, room, subscriber, data)
            room.touch()
        await asyncio.Event().wait()
    except WebSocketDisconnect:
        return
    except LaboraError as error:
        subscriber.close(_close_code(error), error.message)
        await asyncio.Event().wait()


def _frame(rooms: Rooms, room: Room, subscriber: Subscriber, data: bytes) -> None:
    lane, body = data[:1], data[1:]
    if lane == bytes([Lane.DOCUMENT]):
        _document(room, subscriber, body)
    elif lane == bytes([Lane.COMMS]):
        _comm(rooms, room, subscriber, body)
    elif len(data) > _limit(room, subscriber, lane):
        raise InvalidError("A frame is too large.", code="frame_too_large")
    elif lane == bytes([Lane.CONTROL]):
        handle_command(room, subscriber, rooms, _json(body))
    elif lane == bytes([Lane.PRESENCE]):
        room.presence.receive(subscriber, body)
    else:
        raise InvalidError("A frame is on no lane.")


def _limit(room: Room, subscriber: Subscriber, lane: bytes) -> int:
    limits = room.settings.limits
    # Only a page that was asked may answer with more than a command holds.
    return limits.answer_bytes if subscriber.asked and lane == bytes([Lane.CONTROL]) else limits.frame_bytes


def _comm(rooms: Rooms, room: Room, subscriber: Subscriber, body: bytes) -> None:
    if len(body) > room.settings.limits.comm_bytes:
        raise InvalidError("A frame is too large.", code="frame_too_large")
    size = struct.unpack_from(">I", body)[0] if len(body) >= _COMM_HEAD else len(body)
    if _COMM_HEAD + size > len(body) or size > room.settings.limits.frame_bytes:
        raise InvalidError("A frame of a comm is damaged.")
    header = _json(body[_COMM_HEAD : _COMM_HEAD + size])
    buffers: list[bytes] = []
    at, lengths = _COMM_HEAD + size, header.get("buffers", [])
    for length in lengths if isinstance(lengths, list) else ():
        if not isinstance(length, int) or isinstance(length, bool) or not 0 <= length <= len(body) - at:
            raise InvalidError("A buffer is longer than its frame.")
        buffers.append(body[at : at + length])
        at += length
    if at != len(body):
        raise InvalidError("A frame is longer than its header and buffers.")
    rooms.live.comm(room, subscriber, header, tuple(buffers))


def _document(room: Room, subscriber: Subscriber, body: bytes) -> None:
    if body[:1] == b"\x00":
        room.sync(subscriber, body[1:])
    elif body[:1] == b"\x02" and len(body) >= _UPDATE_HEAD - 1:
        (ref,) = struct.unpack(">I", body[1 : _UPDATE_HEAD - 1])
        room.update(subscriber, ref, body[_UPDATE_HEAD - 1 :])
    else:
        raise InvalidError("A document frame is damaged.")


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = load_bounded(body.decode(), max_depth=MAX_DEPTH)
    except (ValueError, InvalidError, TooLargeError) as error:
        raise InvalidError("A control frame is not JSON.") from error
    if not isinstance(value, dict):
        raise InvalidError("A control frame is not an object.")
    return value


def _close_code(error: LaboraError) -> Close:
    if isinstance(error, NotFoundError):
        return Close.NOT_FOUND
    if isinstance(error, ForbiddenError):
        return Close.FORBIDDEN
    if isinstance(error, GoneError):
        return Close.GONE
    return Close.RESTART if error.error_code == "stopping" else Close.RESYNC

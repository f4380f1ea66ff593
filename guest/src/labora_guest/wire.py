"""The Jupyter wire protocol over ZeroMQ (https://jupyter-client.readthedocs.io/en/stable/messaging.html).

Small on purpose: content is passed on as the bytes that the kernel sent, so the agent does not parse and rebuild
what it only carries.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hmac
import json
import traceback
import uuid
from collections.abc import Sequence
from typing import Any, Callable

import zmq

DELIMITER = b"<IDS|MSG>"
BATCH = 256
EXECUTION = "labora-exec-"
"""Begins the message id of a request that executes something; the id of the execution follows."""
CALL = "labora-comm-"
"""Begins the message id of what a page says to a comm or calls: its id follows, a dot, and the execution it is for."""


class Message:
    """One message of a kernel; ``content`` and ``metadata`` stay JSON bytes."""

    __slots__ = ("buffers", "content", "header", "metadata", "parent")

    def __init__(
        self, header: dict[str, Any], parent: dict[str, Any], metadata: bytes, content: bytes, buffers: list[bytes]
    ) -> None:
        self.header = header
        self.parent = parent
        self.metadata = metadata
        self.content = content
        self.buffers = buffers

    @property
    def type(self) -> str:
        """The message type, such as ``stream``."""
        return str(self.header.get("msg_type", ""))

    @property
    def parent_id(self) -> str:
        """Id of the request that caused this message; empty when there is none."""
        return str(self.parent.get("msg_id", ""))

    @property
    def execution_id(self) -> str | None:
        """Id of the execution that caused this message, when it was one of ours."""
        parent = self.parent_id
        return parent[len(EXECUTION) :] if parent.startswith(EXECUTION) else None

    @property
    def cause(self) -> tuple[str | None, str | None]:
        """Whose output this is: the execution, and the call or comm message of a page that caused it after its end."""
        parent = self.parent_id
        if not parent.startswith(CALL):
            return self.execution_id, None
        call, _, execution = parent[len(CALL) :].partition(".")
        return execution or None, call or None

    def load(self) -> dict[str, Any]:
        """Returns the content as a dictionary; an empty one when the kernel sent something else."""
        value = json.loads(self.content)
        return value if isinstance(value, dict) else {}


class Wire:
    """Signs and reads the messages of one life of one kernel."""

    def __init__(self, key: bytes, session: str) -> None:
        self._key = key
        self._session = session

    def request(
        self,
        kind: str,
        content: dict[str, Any],
        message_id: str | None = None,
        parent: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        buffers: Sequence[bytes] = (),
    ) -> tuple[str, list[bytes]]:
        """Returns the id and the frames of a new message."""
        message_id = message_id or uuid.uuid4().hex
        header = {
            "msg_id": message_id,
            "msg_type": kind,
            "username": "labora",
            "session": self._session,
            "date": dt.datetime.now(dt.timezone.utc).isoformat(),
            "version": "5.3",
        }
        parts = [json.dumps(value).encode("ascii") for value in (header, parent or {}, metadata or {}, content)]
        return message_id, [DELIMITER, self._sign(parts), *parts, *buffers]

    def parse(self, frames: list[bytes]) -> Message:
        """Reads one message. Raises ValueError when it is malformed or its signature does not fit."""
        at = frames.index(DELIMITER)
        signature, header, parent, metadata, content = frames[at + 1 : at + 6]
        if not hmac.compare_digest(signature, self._sign([header, parent, metadata, content])):
            raise ValueError("a kernel message with a wrong signature")
        head, above = json.loads(header), json.loads(parent)
        if not isinstance(head, dict) or not isinstance(above, dict):
            raise ValueError("a kernel message without header")
        return Message(head, above, metadata, content, frames[at + 6 :])

    def _sign(self, parts: list[bytes]) -> bytes:
        if not self._key:
            return b""
        digest = hmac.new(self._key, digestmod="sha256")
        for part in parts:
            digest.update(part)
        return digest.hexdigest().encode()


def clean(raw: bytes) -> bytes:
    """Returns ``raw`` when it is UTF-8 JSON, else what can be read of it. Raises ValueError when nothing can."""
    try:
        json.loads(raw.decode("utf-8"))
        return raw
    except UnicodeDecodeError:
        return json.dumps(json.loads(raw.decode("utf-8", "replace"))).encode("ascii")


class Socket:
    """A ZeroMQ socket in the event loop, read as soon as anything arrives and never waited for.

    ZeroMQ's descriptor is edge-triggered: after every send and after every full batch the socket is looked at again.
    """

    def __init__(self, socket: zmq.Socket[bytes], receive: Callable[[list[bytes]], None]) -> None:
        self._socket = socket
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._fd = int(socket.getsockopt(zmq.FD))
        self._loop.add_reader(self._fd, self._read)
        self._loop.call_soon(self._read)

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._socket.closed

    def send(self, frames: list[bytes]) -> None:
        """Queues one message; never blocks."""
        if not self.closed:
            self._socket.send_multipart(frames, zmq.NOBLOCK)
            self._loop.call_soon(self._read)

    def drain(self) -> bool:
        """Reads what is there now; returns whether anything was."""
        if self.closed:
            return False
        for count in range(BATCH):
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.ZMQError:
                return count > 0
            self._deliver(frames)
        return True

    def _deliver(self, frames: list[bytes]) -> None:
        try:
            self._receive(frames)
        except Exception:  # noqa: BLE001 - one bad message must not end the reading of all that follow
            traceback.print_exc()

    def _read(self) -> None:
        for _ in range(BATCH):
            if self.closed:
                return
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.ZMQError:
                return
            self._deliver(frames)
        self._loop.call_soon(self._read)

    def close(self) -> None:
        """Closes at once; what was not sent is dropped."""
        if not self.closed:
            self._loop.remove_reader(self._fd)
            self._socket.close(0)

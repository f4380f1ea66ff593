"""One open socket as its room sees it: who, with which rights, and a bounded queue of frames."""

from __future__ import annotations

import asyncio
import json
import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from labora.access import Principal, Scope
from labora.base.ids import new_id


class Lane(IntEnum):
    """First byte of every frame of a room socket (docs/protocols.md, section 1)."""

    CONTROL = 0
    EVENTS = 1
    DOCUMENT = 2
    PRESENCE = 3
    COMMS = 4


class Close(IntEnum):
    """Close codes of a room socket."""

    RESTART = 1012
    VERSION = 4400
    NOT_SIGNED_IN = 4401
    FORBIDDEN = 4403
    NOT_FOUND = 4404
    RESYNC = 4409
    GONE = 4410


def json_frame(lane: Lane, body: Any) -> bytes:
    """Returns a frame with a JSON body."""
    return bytes([lane]) + json.dumps(body, separators=(",", ":")).encode()


def control_frame(body: dict[str, Any]) -> bytes:
    """Returns a frame of the control lane."""
    return json_frame(Lane.CONTROL, body)


def comm_frame(header: dict[str, Any], buffers: Sequence[bytes] = ()) -> bytes:
    """Returns a frame of the lane of comms."""
    whole = {**header, "buffers": [len(buffer) for buffer in buffers]} if buffers else header
    data = json.dumps(whole, separators=(",", ":")).encode()
    return b"".join([bytes([Lane.COMMS]), struct.pack(">I", len(data)), data, *buffers])


def update_frame(seq: int, update: bytes) -> bytes:
    """Returns the document frame that tells a durable update of somebody else."""
    return b"\x02\x02" + struct.pack(">Q", seq) + update


@dataclass(eq=False, slots=True)
class Subscriber:
    """One socket of one room.

    Args:
        client_id: the Yjs client id that the page announced.
        limit_bytes: a reader further behind than this is closed for a resync; it never holds the others up. What it
            asked for itself is not counted.
    """

    principal: Principal
    client_id: int
    abilities: frozenset[str]
    limit_bytes: int
    id: str = field(default_factory=new_id)
    # After a refused update later ones of this socket may build on it: none is taken until it has reconnected.
    refused: bool = False
    synced: bool = False
    presence: dict[str, Any] | None = None
    commands: int = 0
    asked: set[str] = field(default_factory=set)
    """What programs asked this page and it has not answered."""
    comms: int = 0
    """Comm messages of this socket that its kernel has not dealt with."""
    looks: bool = False
    """Whether the page shows the meters of its account's runtime now."""
    close_code: int | None = None
    close_reason: str = ""
    _frames: deque[bytes] = field(default_factory=deque)
    _bytes: int = 0
    _asked: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def account_id(self) -> str:
        """Id of the account; a link's reader without an account gets one of its own."""
        return self.principal.account_id or f"guest-{self.id}"

    @property
    def account(self) -> dict[str, Any]:
        """The account as other clients see it; written by the server, never by the client."""
        name = self.principal.name or "Guest"
        return {"id": self.account_id, "name": name, "color": self.principal.color}

    @property
    def reads_comments(self) -> bool:
        """Whether it is told what people say: a link's reader without an account sees the content alone."""
        return self.principal.signed_in

    @property
    def backlog(self) -> int:
        """Bytes that wait for the reader."""
        return self._bytes

    def is_page_of(self, account_id: str) -> bool:
        """Returns whether a person of this account sits here, who may run code: no token's script."""
        mine = self.principal.account_id == account_id and self.principal.token_id is None
        return mine and Scope.RUN in self.principal.scopes

    @property
    def may_run(self) -> bool:
        """Returns whether its credential may run code."""
        return Scope.RUN in self.principal.scopes

    def may(self, ability: str) -> bool:
        """Returns whether the role of this socket includes ``ability``."""
        return ability in self.abilities

    def send(self, frame: bytes) -> None:
        """Queues a frame, or closes the socket when its reader is too far behind. Never waits."""
        if self.close_code is not None:
            return
        if self._bytes + len(frame) > self.limit_bytes + self._asked and self._frames:
            self.close(Close.RESYNC, "This page was too slow to read and starts again.")
            return
        self._queue(frame)

    def reply(self, *frames: bytes) -> None:
        """Queues what the client asked for, which may be larger than the limit: a notebook is as large as it is.

        A client that asks for more before it has read the last answer is closed.
        """
        if self.close_code is not None:
            return
        if self._bytes > self.limit_bytes:
            self.close(Close.RESYNC, "This page asked for more than it reads and starts again.")
            return
        for frame in frames:
            self._asked += len(frame)
            self._queue(frame)

    def _queue(self, frame: bytes) -> None:
        self._frames.append(frame)
        self._bytes += len(frame)
        self._wake.set()

    def control(self, body: dict[str, Any]) -> None:
        """Queues a control message."""
        self.send(control_frame(body))

    def close(self, code: int, reason: str = "") -> None:
        """Ends the socket; what is queued is dropped when the reader is too slow, else sent first."""
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
            if code == Close.RESYNC:
                self._frames.clear()
                self._bytes = self._asked = 0
        self._wake.set()

    async def frames(self) -> list[bytes]:
        """Waits for frames and takes them all; an empty list says that the socket shall close."""
        while not self._frames and self.close_code is None:
            self._wake.clear()
            await self._wake.wait()
        taken = list(self._frames)
        self._frames.clear()
        return taken

    def sent(self, size: int) -> None:
        """Says that ``size`` bytes have left for the network."""
        self._bytes = max(0, self._bytes - size)
        self._asked = min(self._asked, self._bytes)

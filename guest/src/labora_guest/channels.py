"""The channels of one life of a kernel: its folder, its connection file and the agent's sockets."""

from __future__ import annotations

import functools
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from typing import Any, Callable

import zmq

from labora_guest.wire import Message, Socket, Wire

OUR_HWM = 64
PORTS = {"shell": 1, "iopub": 2, "stdin": 3, "control": 4, "hb": 5}


class Channels:
    """Made before the kernel's process, which finds :attr:`connection_file` on its command line.

    Args:
        kernel_name: name of the kernelspec.

    Raises:
        OSError: there is no room for the folder.
    """

    def __init__(self, kernel_name: str) -> None:
        self._folder = tempfile.mkdtemp(prefix="labora-")
        self._key = secrets.token_hex(16)
        self._ip = os.path.join(self._folder, "s")
        self._wire = Wire(self._key.encode(), "")
        self._sockets: dict[str, Socket] = {}
        self.connection_file = os.path.join(self._folder, "kernel.json")
        connection: dict[str, Any] = {"transport": "ipc", "ip": self._ip, "key": self._key}
        connection.update({f"{channel}_port": port for channel, port in PORTS.items()})
        connection.update({"signature_scheme": "hmac-sha256", "kernel_name": kernel_name})
        with open(os.open(self.connection_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(connection, file)

    def connect(
        self,
        context: zmq.Context[Any],
        session: str,
        receivers: dict[str, Callable[[Message], None]],
        *,
        bounded: bool,
    ) -> None:
        """Opens the agent's sockets; the kernel need not be there yet.

        Args:
            context: the agent's ZeroMQ context.
            session: names the agent's side towards the kernel.
            receivers: takes the messages of each channel. What it raises over a malformed one is no error: a
                program can write to its own kernel's sockets.
            bounded: whether the kernel waits for its reader, so that the reader may bound what it takes in.
        """
        self._wire = Wire(self._key.encode(), session)
        for channel, receive in receivers.items():
            socket = context.socket(zmq.SUB if channel == "iopub" else zmq.DEALER)
            socket.set(zmq.LINGER, 0)
            socket.set(zmq.SNDHWM, 0)
            # Zero where the kernel drops what its reader does not take at once; ours waits instead, and a bound keeps
            # the agent small while a kernel writes faster than Python reads.
            socket.set(zmq.RCVHWM, OUR_HWM if bounded and channel == "iopub" else 0)
            socket.set(zmq.RECONNECT_IVL, 10)
            if channel == "iopub":
                socket.set(zmq.SUBSCRIBE, b"")
            else:
                socket.set(zmq.ROUTING_ID, session.encode())
            socket.connect(f"ipc://{self._ip}-{PORTS[channel]}")
            self._sockets[channel] = Socket(socket, functools.partial(self._received, receive))

    def send(
        self,
        channel: str,
        kind: str,
        content: dict[str, Any],
        message_id: str | None = None,
        parent: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        buffers: Sequence[bytes] = (),
    ) -> None:
        """Queues one request; never waits."""
        _, frames = self._wire.request(kind, content, message_id, parent, metadata, buffers)
        self._sockets[channel].send(frames)

    def _received(self, receive: Callable[[Message], None], frames: list[bytes]) -> None:
        try:
            receive(self._wire.parse(frames))
        except (ValueError, TypeError, RecursionError):
            return

    def drain(self, channel: str) -> bool:
        """Reads what is there now; returns whether anything was."""
        return self._sockets[channel].drain()

    def disconnect(self) -> None:
        """Closes the sockets at once. Safe to repeat."""
        for socket in self._sockets.values():
            socket.close()

    def remove(self) -> None:
        """Closes the sockets and removes the folder."""
        self.disconnect()
        shutil.rmtree(self._folder, ignore_errors=True)

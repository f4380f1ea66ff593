"""The connection to one guest: requests and answers, acknowledgements, resumption after a break."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from labora.base.errors import (
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    LaboraError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
)
from labora.base.logging import get_logger
from labora.kernels import channel
from labora.kernels.inbox import Inbox
from labora.kernels.model import Sink
from labora.kernels.streams import GuestStream, GuestStreams

CONNECT_S = 10.0
REQUEST_S = 30.0
BACKOFF_S = (0.02, 1.0)

_log = get_logger("kernels")


class RuntimeFullError(LaboraError):
    """The runtime's own disk is full."""

    code, status = "disk_full", 507


_ERRORS: dict[str, type[LaboraError]] = {
    "disk_full": RuntimeFullError,
    "denied": ForbiddenError,
    "outside": ForbiddenError,
    "port_refused": ForbiddenError,
    "no_such_file": NotFoundError,
    "not_a_file": ConflictError,
    "changed": ConflictError,
    "bad_path": InvalidError,
    "kernel_busy": ConflictError,
    "kernel_dead": GoneError,
    "no_such_ask": GoneError,
    "no_such_input": GoneError,
    "result_too_large": TooLargeError,
    "too_many_calls": ConflictError,
    "no_such_kernel": NotFoundError,
    "no_such_kernelspec": NotFoundError,
    "bad_request": InvalidError,
}
_REFUSED = ("bad_key", "stale_generation", "bad_version")


class GuestConnection:
    """One guest's channel, held open until :meth:`close`.

    Args:
        runtime_id: for logs and messages.
        path: unix socket on which the agent listens.
        key: shown in hello.
        generation: of the runtime.
    """

    def __init__(self, runtime_id: str, path: Path, key: str, generation: int) -> None:
        self.runtime_id = runtime_id
        self.path = path
        self.hello: dict[str, Any] | None = None
        self._key = key
        self._generation = generation
        self._writer: asyncio.StreamWriter | None = None
        self._connected = asyncio.Event()
        self._closed: LaboraError | None = None
        self._number = 0
        self._answers: dict[int, tuple[asyncio.Future[Any], Callable[[Any], None] | None]] = {}
        self._inboxes: dict[str, Inbox] = {}
        self._streams = GuestStreams(self._send_frame, self._post_frame, self._send, _refusal)
        self._task = asyncio.create_task(self._run(), name=f"guest-{runtime_id}")

    @property
    def connected(self) -> bool:
        """Whether the guest answers right now."""
        return self._connected.is_set()

    async def request(
        self, verb: str, args: dict[str, Any], *, timeout_s: float = REQUEST_S, buffers: Sequence[bytes] = ()
    ) -> Any:
        """Sends one request and returns its result; over a break it is sent again, as every verb is idempotent.

        Raises:
            UnavailableError: the guest did not answer in time.
            LaboraError: the guest refused; the code is the guest's.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    await self._wait_connected()
                    try:
                        return await self._send(verb, args, buffers=buffers)
                    except _BrokenError:
                        continue
        except TimeoutError:
            raise self._unreachable() from None

    async def open_stream(self, kind: str, args: Mapping[str, Any], *, timeout_s: float = REQUEST_S) -> GuestStream:
        """Opens a stream to a port or a file of the runtime; see :class:`GuestStreams`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._wait_connected()
                return await self._streams.open(kind, args)
        except _BrokenError:
            raise _broken_stream() from None
        except TimeoutError:
            raise self._unreachable() from None

    async def attach(self, kernel_id: str, after: int, sink: Sink, interval_s: float = 0.0) -> None:
        """Delivers the kernel's messages above ``after`` to ``sink``, also over breaks; replaces an earlier sink.

        A flood comes in batches ``interval_s`` seconds apart.
        """
        old = self._inboxes.pop(kernel_id, None)
        if old is not None:
            old.close()
        inbox = Inbox(kernel_id, after, sink, lambda: self._drop(kernel_id, inbox), interval_s)
        self._inboxes[kernel_id] = inbox
        try:
            async with asyncio.timeout(REQUEST_S):
                while True:
                    await self._wait_connected()
                    try:
                        await self._attach(inbox)
                    except _BrokenError:
                        continue
                    return
        except TimeoutError:
            raise self._unreachable() from None

    def detach(self, kernel_id: str) -> None:
        """Stops delivering a kernel's messages; the guest goes on keeping them."""
        inbox = self._inboxes.pop(kernel_id, None)
        if inbox is not None:
            inbox.close()

    def ack(self, kernel_id: str, n: int) -> None:
        """Tells the guest that everything up to ``n`` is durable. Lost in a break, it is made up for by the next."""
        inbox = self._inboxes.get(kernel_id)
        if inbox is not None:
            inbox.acked = max(inbox.acked, min(n, inbox.received))
        if self._writer is not None and self._connected.is_set():
            self._write({"t": "ack", "k": kernel_id, "n": n})

    async def close(self, error: LaboraError | None = None) -> None:
        """Ends the connection; requests that wait fail with ``error``."""
        self._closed = error or UnavailableError("The runtime has ended.", code="runtime_ended")
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        for inbox in self._inboxes.values():
            inbox.close()
        self._inboxes.clear()

    # -- the connection -----------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        delay = BACKOFF_S[0]
        try:
            while True:
                try:
                    await self._once()
                    delay = BACKOFF_S[0]
                except (OSError, asyncio.IncompleteReadError, TimeoutError):
                    pass
                except channel.ChannelError as error:
                    _log.warning("guest broke the protocol", runtime_id=self.runtime_id, error=str(error))
                if self._closed is not None:
                    return
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
                delay = min(delay * 2, BACKOFF_S[1])
        finally:
            self._broken()
            # Those that wait see why; without this they would wait for their time-out.
            self._closed = self._closed or UnavailableError("The runtime has ended.", code="runtime_ended")
            self._connected.set()

    async def _once(self) -> None:
        """One connection from connecting to its end."""
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_unix_connection(sock=_connect(self.path), limit=channel.WINDOW)
        tasks: set[asyncio.Task[None]] = set()
        try:
            self._writer = writer
            async with asyncio.timeout(CONNECT_S):
                await self._say_hello(reader)
            self._connected.set()
            for inbox in list(self._inboxes.values()):
                task = asyncio.create_task(self._reattach(inbox))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await self._read(reader)
        finally:
            for task in list(tasks):
                task.cancel()
            self._broken()
            writer.close()

    async def _say_hello(self, reader: asyncio.StreamReader) -> None:
        args = {"version": channel.VERSION, "key": self._key, "generation": self._generation}
        self._number += 1
        self._write({"t": "req", "id": self._number, "verb": "hello", "args": args})
        header, _, _ = await channel.read_frame(reader)
        if header.get("t") != "res" or header.get("id") != self._number:
            raise channel.ChannelError("no answer to hello")
        if header.get("ok") is not True:
            code = str(header.get("code"))
            if code in _REFUSED:
                self._closed = UnavailableError(f"The runtime refused this server: {header.get('message')}", code=code)
            raise channel.ChannelError(f"hello refused: {code}")
        result = header.get("result")
        if not isinstance(result, dict):
            raise channel.ChannelError("hello without result")
        self.hello = result

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            header, buffers, size = await channel.read_frame(reader)
            match header.get("t"):
                case "msg":
                    inbox = self._inboxes.get(str(header.get("k")))
                    if inbox is not None:
                        inbox.receive(header, buffers, size)
                case "res":
                    self._take_answer(header)
                case "data" | "window" | "end":
                    self._streams.take(header, buffers)
                case _:
                    # A newer agent may say more; what is not known is not needed.
                    continue

    def _take_answer(self, header: dict[str, Any]) -> None:
        number = header.get("id")
        future, at_once = self._answers.pop(number, (None, None)) if isinstance(number, int) else (None, None)
        if future is None or future.done():
            return
        if header.get("ok") is True:
            if at_once is not None:
                at_once(header.get("result"))
            future.set_result(header.get("result"))
        else:
            code, message = str(header.get("code", "guest_error"))[:64], str(header.get("message", ""))[:1000]
            future.set_exception(_refusal(code, message))

    def _broken(self) -> None:
        self._connected.clear()
        self._writer = None
        answers, self._answers = self._answers, {}
        self._streams.fail(self._closed or _broken_stream())
        for inbox in self._inboxes.values():
            inbox.broken()
        for future, _ in answers.values():
            if not future.done():
                future.set_exception(_BrokenError())
                # Whoever waited may be gone; that is no error.
                future.exception()

    async def _wait_connected(self) -> None:
        await self._connected.wait()
        if self._closed is not None:
            raise self._closed

    async def _send(
        self,
        verb: str,
        args: dict[str, Any],
        at_once: Callable[[Any], None] | None = None,
        buffers: Sequence[bytes] = (),
    ) -> Any:
        """Sends a request on this connection; ``at_once`` sees the result before the next frame is read."""
        if self._writer is None:
            raise _BrokenError
        self._number += 1
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        number = self._number
        self._answers[number] = (future, at_once)
        try:
            self._write({"t": "req", "id": number, "verb": verb, "args": args}, buffers)
            return await future
        finally:
            self._answers.pop(number, None)

    def _write(self, value: dict[str, Any], buffers: Sequence[bytes] = ()) -> None:
        if self._writer is None:
            raise _BrokenError
        if buffers:
            value["buffers"] = [len(buffer) for buffer in buffers]
        try:
            pieces = channel.encode_frame(channel.dump(value), buffers, channel.GUEST_REQUEST_BYTES)
        except ValueError as error:
            # The agent would close the connection, and would again whenever this was sent again.
            raise InvalidError(f"The request is too large for the runtime: {error}.", code="too_large") from error
        self._writer.write(b"".join(pieces))

    async def _send_frame(self, header: Mapping[str, Any], buffers: Sequence[bytes]) -> None:
        """Sends a frame of a stream, and waits while the guest is behind."""
        writer = self._post_frame(header, buffers)
        try:
            await writer.drain()
        except OSError:
            raise _broken_stream() from None

    def _post_frame(self, header: Mapping[str, Any], buffers: Sequence[bytes]) -> asyncio.StreamWriter:
        writer = self._writer
        if writer is None:
            raise _broken_stream()
        try:
            writer.writelines(channel.encode_frame(channel.dump(header), buffers))
        except OSError:
            raise _broken_stream() from None
        return writer

    async def _attach(self, inbox: Inbox) -> None:
        def resume(result: Any) -> None:
            first = result.get("first") if isinstance(result, dict) else None
            if not isinstance(first, int):
                raise channel.ChannelError("no answer to attach")
            inbox.resumed(first)

        # From what is durable, as the guest forgets everything before; the inbox drops what it has already.
        await self._send("kernel.attach", {"kernel_id": inbox.kernel_id, "after": inbox.acked}, resume)

    async def _reattach(self, inbox: Inbox) -> None:
        try:
            await self._attach(inbox)
        except (_BrokenError, LaboraError) as error:
            _log.info("not attached", runtime_id=self.runtime_id, kernel_id=inbox.kernel_id, error=str(error))

    def _drop(self, kernel_id: str, inbox: Inbox) -> None:
        if self._inboxes.get(kernel_id) is inbox:
            del self._inboxes[kernel_id]

    def _unreachable(self) -> UnavailableError:
        return UnavailableError(
            "The runtime does not answer. Reconnect, or delete it to start a fresh one.", code="runtime_unreachable"
        )


def _connect(path: Path) -> socket.socket:
    """Returns a socket connected to ``path``, also where that is longer than the 107 bytes of an address.

    Raises OSError when nobody listens, or at once when a guest does not accept.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            connection.connect(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)
    except BaseException:
        connection.close()
        raise
    return connection


def _refusal(code: str, message: str) -> LaboraError:
    if code == "unknown_verb":
        return UnavailableError(
            "This runtime was started by an older version of Labora that cannot do this. Delete it and connect again.",
            code="old_runtime",
        )
    return _ERRORS.get(code, UnavailableError)(message, code=code)


def _broken_stream() -> UnavailableError:
    return UnavailableError("The connection to the runtime broke. Try again.", code="stream_broken", retry_after=1)


class _BrokenError(Exception):
    """The connection went away under a request."""

"""The loop on a FUSE device: reads requests, answers them, most of them at once."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from labora.base.logging import get_logger
from labora.mount import fuse
from labora.mount.fuse import Op, ProtocolError, Request

BURST = 64
"""Requests that are answered before other work of the process gets its turn."""
MOST_PENDING = 512
_NO_ANSWER = {Op.FORGET, Op.BATCH_FORGET, Op.INTERRUPT}
_HARMLESS = {Op.LOOKUP, Op.GETATTR, Op.READDIR, Op.READDIRPLUS, Op.OPEN, Op.OPENDIR, Op.READ, Op.STATFS}
"""What may be dropped in the middle when its program is interrupted; all else runs to its end."""

log = get_logger("mount")

Answer = bytes | int | Coroutine[Any, Any, "bytes | int"]
Handler = Callable[[Request], Answer]
"""Returns the body of an answer, a negative errno, or work that does. Raises OSError for a failure."""


class Session:
    """One connection to the kernel.

    Args:
        device: descriptor of the mount, non-blocking; this owns it.
        handlers: by request.
        forget: called with (node, lookups) that the kernel gives back.
        passthrough: whether INIT may ask for it.
    """

    def __init__(
        self,
        device: int,
        handlers: dict[int, Handler],
        forget: Callable[[int, int], None],
        *,
        passthrough: bool = False,
    ) -> None:
        self._device = device
        self._handlers = handlers
        self._forget = forget
        self._passthrough = passthrough
        self._buffer = bytearray(fuse.BUFFER)
        self._view = memoryview(self._buffer)
        self._pending: dict[int, tuple[int, asyncio.Task[None]]] = {}
        self._paused = False
        self.init: fuse.Init | None = None
        self.ended = asyncio.Event()

    @property
    def passthrough(self) -> bool:
        """Whether the kernel takes passthrough."""
        return self._passthrough and self.init is not None and self.init.passthrough

    def start(self) -> None:
        """Begins to answer."""
        os.set_blocking(self._device, False)
        asyncio.get_running_loop().add_reader(self._device, self._readable)

    def close(self) -> None:
        """Stops; the kernel then fails what waits (ENOTCONN)."""
        if not self.ended.is_set():
            self.ended.set()
            asyncio.get_running_loop().remove_reader(self._device)
            for _, task in self._pending.values():
                task.cancel()
            os.close(self._device)

    def _readable(self) -> None:
        for _ in range(BURST):
            if self.ended.is_set() or self._hold():
                return
            try:
                length = os.readv(self._device, [self._buffer])
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.EINTR):
                    continue  # the request was taken back
                if error.errno != errno.EAGAIN:
                    self.close()  # ENODEV: unmounted
                return
            if length == 0:
                self.close()
                return
            self.take(self._view[:length])

    def _hold(self) -> bool:
        """Takes no more requests while very many wait for their answer; says whether that is so."""
        if len(self._pending) < MOST_PENDING:
            return False
        if not self._paused:
            self._paused = True
            asyncio.get_running_loop().remove_reader(self._device)
        return True

    def take(self, data: memoryview) -> None:
        """Handles one request. Whatever it holds, the loop goes on."""
        try:
            request = fuse.parse(data)
        except ProtocolError:
            return  # without a header there is nobody to answer
        try:
            answer = self._begin(request)
        except OSError as error:
            answer = -(error.errno or errno.EIO)
        except (ProtocolError, UnicodeDecodeError):
            answer = -errno.EINVAL
        except Exception:
            log.exception("request_failed", op=request.op)
            answer = -errno.EIO
        if isinstance(answer, bytes | int):
            self._reply(request, answer)
        elif answer is not None:
            task = asyncio.ensure_future(self._later(request, answer))
            self._pending[request.unique] = (request.op, task)
            task.add_done_callback(lambda _, work=answer: self._never_begun(request, work))  # type: ignore[misc]

    def _begin(self, request: Request) -> Answer | None:
        op = request.op
        if op in (Op.FORGET, Op.BATCH_FORGET):
            for nodeid, count in fuse.forgets(op, request.nodeid, request.body):
                self._forget(nodeid, count)
            return None
        if op == Op.INTERRUPT:
            self._interrupt(fuse.fields("<Q", request.body)[0])
            return None
        if op == Op.INIT:
            self.init = fuse.read_init(request.body)
            if self.init.major != 7 or self.init.minor < 31:
                return -errno.EPROTO
            return fuse.init_reply(self.init, passthrough=self._passthrough)
        if op == Op.DESTROY:
            return b""
        handler = self._handlers.get(op)
        return -errno.ENOSYS if handler is None else handler(request)

    def _interrupt(self, unique: int) -> None:
        op, task = self._pending.get(unique, (0, None))
        if task is not None and op in _HARMLESS:
            task.cancel()

    def _never_begun(self, request: Request, work: Coroutine[Any, Any, bytes | int]) -> None:
        """Answers a request that was interrupted in the same read: its task ended before its first step."""
        if request.unique in self._pending:
            work.close()
            self._answer(request, -errno.EINTR)

    async def _later(self, request: Request, work: Coroutine[Any, Any, bytes | int]) -> None:
        answer: bytes | int
        try:
            answer = await work
        except asyncio.CancelledError:
            answer = -errno.EINTR
        except OSError as error:
            answer = -(error.errno or errno.EIO)
        except (ProtocolError, UnicodeDecodeError):
            answer = -errno.EINVAL
        except Exception:
            log.exception("request_failed", op=request.op)
            answer = -errno.EIO
        self._answer(request, answer)

    def _answer(self, request: Request, answer: bytes | int) -> None:
        self._pending.pop(request.unique, None)
        self._reply(request, answer)
        if self._paused and not self.ended.is_set():
            self._paused = False
            asyncio.get_running_loop().add_reader(self._device, self._readable)

    def _reply(self, request: Request, answer: bytes | int) -> None:
        if self.ended.is_set() or request.op in _NO_ANSWER:
            return
        # ENOENT: the request was taken back meanwhile. Anything else shows at the next read.
        with suppress(OSError):
            if isinstance(answer, int):
                os.write(self._device, fuse.reply_head(request.unique, 0, answer))
            else:
                os.writev(self._device, [fuse.reply_head(request.unique, len(answer)), answer])

    def notify(self, message: bytes) -> None:
        """Tells the kernel that something changed; what it does not know of is no failure."""
        if not self.ended.is_set():
            with suppress(OSError):
                os.write(self._device, message)

"""The daemon's end of the connection: calls to the control plane, which may be away for a while."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

from labora.base.logging import get_logger
from labora.mount.wire import Peer

ANSWER_S = 20.0
"""What a program in the runtime waits for a control plane that is away; then it gets EIO."""
COMMIT_S = 600.0

log = get_logger("mount")

Asked = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


class Remote:
    """Calls verbs of the control plane over the newest connection.

    Args:
        asked: answers what the control plane asks of this daemon.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._peer: Peer | None = None
        self._connected = asyncio.Event()
        self._number = 0
        self._answers: dict[int, asyncio.Queue[tuple[dict[str, Any], list[int]] | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """Whether the control plane is there."""
        return self._connected.is_set()

    async def wait(self) -> None:
        """Waits for the control plane."""
        await self._connected.wait()

    async def serve(self, peer: Peer) -> None:
        """Uses a new connection until it breaks; an older one is closed."""
        if self._peer is not None:
            self._peer.close()
            self._broken()
        self._peer = peer
        self._connected.set()
        try:
            while True:
                message, descriptors = await peer.receive()
                self._take(message, descriptors)
        except EOFError:
            pass
        except ValueError as error:
            log.warning("control_plane_unreadable", error=str(error))
        finally:
            if self._peer is peer:
                self._peer = None
                self._connected.clear()
                self._broken()
            peer.close()

    def _broken(self) -> None:
        for queue in self._answers.values():
            queue.put_nowait(None)

    def _take(self, message: dict[str, Any], descriptors: list[int]) -> None:
        if "do" in message:
            task = asyncio.create_task(self._answer(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        queue = self._answers.get(message.get("id", 0))
        if queue is None:
            for descriptor in descriptors:  # of a call that nobody waits for any more
                os.close(descriptor)
        else:
            queue.put_nowait((message, descriptors))

    async def _answer(self, message: dict[str, Any]) -> None:
        result = await self._asked(str(message["do"]), message)
        if self._peer is not None:
            with contextlib.suppress(OSError):
                await self._peer.send({"done": message["n"], **result})

    async def call(
        self, verb: str, args: dict[str, Any], descriptors: Sequence[int] = (), *, wait_s: float = ANSWER_S
    ) -> tuple[dict[str, Any], list[int]]:
        """Returns the result of a verb and descriptors, which are the caller's. Over a break it is asked again.

        Raises:
            OSError: what the control plane answered, or EIO where it stayed away.
        """
        async with contextlib.aclosing(self.stream(verb, args, descriptors, wait_s=wait_s)) as parts:
            async for result, given in parts:
                return result, given
        raise OSError(errno.EIO, "no answer")

    async def stream(
        self, verb: str, args: dict[str, Any], descriptors: Sequence[int] = (), *, wait_s: float = ANSWER_S
    ) -> AsyncGenerator[tuple[dict[str, Any], list[int]], None]:
        """Yields the parts of an answer; asked again over a break, as long as no part has come."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        begun = False
        while True:
            self._number += 1
            number = self._number
            queue: asyncio.Queue[tuple[dict[str, Any], list[int]] | None] = asyncio.Queue()
            self._answers[number] = queue
            try:
                async with asyncio.timeout_at(deadline):
                    await self._connected.wait()
                    if self._peer is None:
                        continue
                    await self._peer.send({"id": number, "verb": verb, "args": args}, descriptors)
                while True:
                    async with asyncio.timeout_at(deadline):
                        part = await queue.get()
                    if part is None:
                        break
                    begun = True
                    message, given = part
                    if not message["ok"]:
                        raise OSError(int(message["errno"]), str(message["message"]))
                    yield message.get("result") or {}, given
                    if not message.get("more"):
                        return
            except TimeoutError as error:
                raise OSError(errno.EIO, "the drive does not answer") from error
            except (ConnectionResetError, BrokenPipeError):
                await asyncio.sleep(0.05)
            finally:
                self._answers.pop(number, None)
            if begun:
                raise OSError(errno.EIO, "the answer broke off")

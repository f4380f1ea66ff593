"""The control plane's end of one mount: connected to its daemon for as long as the mount is there."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from labora.base.errors import LaboraError, UnavailableError
from labora.base.logging import get_logger
from labora.host.unix import connect_unix
from labora.mount.verbs import Verbs, errno_of
from labora.mount.wire import Peer

MOST_AT_ONCE = 64
BEGIN_S = 20.0
FLUSH_S = 24 * 3600.0
PAUSES_S = (0.05, 0.2, 1.0)

log = get_logger("mount")


class MountServer:
    """Serves one daemon, over its deaths and ours.

    Args:
        path: where the daemon of the mount listens; after a death another one does.
        verbs: makes what answers a daemon, by the daemon's id.
        readonly: whether the mount is.
        limit: bytes that one file may have.
        gone: awaited when nobody listens there any more; says whether to try on.
    """

    def __init__(
        self,
        path: Path,
        verbs: Callable[[str], Awaitable[Verbs]],
        *,
        readonly: bool,
        limit: int,
        gone: Callable[[], Awaitable[bool]],
    ) -> None:
        self._path = path
        self._verbs_of = verbs
        self._readonly = readonly
        self._limit = limit
        self._gone = gone
        self._peer: Peer | None = None
        self._begun = asyncio.Event()
        self._number = 0
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)
        self.task = asyncio.create_task(self._run(), name="mount")

    async def ready(self) -> None:
        """Waits until the daemon answers programs. Raises UnavailableError when it does not."""
        waiting = asyncio.create_task(self._begun.wait())
        try:
            async with asyncio.timeout(BEGIN_S):
                await asyncio.wait({waiting, self.task}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            pass
        finally:
            waiting.cancel()
        if not self._begun.is_set():
            raise UnavailableError("The drive does not answer. Try again.", code="mount_failed")

    async def flush(self) -> list[str]:
        """Waits until everything that programs wrote and closed is in the drive. Returns names of what is not."""
        if self._peer is None:
            return []
        answer = await self._ask("flush", {}, FLUSH_S)
        return [str(name) for name in answer.get("unsaved", [])]

    async def close(self) -> None:
        """Lets go of the daemon, which waits for the next control plane."""
        self.task.cancel()
        await asyncio.gather(self.task, *self._tasks, return_exceptions=True)

    # -- the connection -------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                connection = connect_unix(self._path, 5.0, socket.SOCK_SEQPACKET)
            except OSError:
                failures += 1
                if failures > 2 and not await self._gone():
                    return
            else:
                failures = 0
                await self._converse(Peer(connection))
            await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)])

    async def _converse(self, peer: Peer) -> None:
        self._peer = peer
        reading = asyncio.current_task()
        try:
            first = asyncio.create_task(self._begin(peer))
            self._tasks.add(first)
            first.add_done_callback(self._tasks.discard)
            while True:
                message, descriptors = await peer.receive()
                for descriptor in descriptors:
                    os.close(descriptor)  # none is expected
                self._take(peer, message)
        except (EOFError, ValueError, KeyError) as error:
            log.info("mount_connection_ended", error=repr(error))
        finally:
            self._peer = None
            for future in self._asked.values():
                if not future.done():
                    future.set_exception(ConnectionResetError("the daemon is gone"))
            for task in [task for task in self._tasks if task is not reading]:
                task.cancel()
            peer.close()

    def _take(self, peer: Peer, message: dict[str, Any]) -> None:
        if "done" in message:
            future = self._asked.pop(int(message["done"]), None)
            if future is not None and not future.done():
                future.set_result(message)
            return
        task = asyncio.create_task(self._answer(peer, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, verb: str, more: dict[str, Any], wait_s: float) -> dict[str, Any]:
        if self._peer is None:
            raise UnavailableError("The drive does not answer. Try again.", code="mount_failed")
        self._number += 1
        number = self._number
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[number] = future
        try:
            await self._peer.send({"do": verb, "n": number, **more})
            async with asyncio.timeout(wait_s):
                return await future
        except (OSError, TimeoutError) as error:
            raise UnavailableError("The drive does not answer. Try again.", code="mount_failed") from error
        finally:
            self._asked.pop(number, None)

    async def _begin(self, peer: Peer) -> None:
        """Tells a daemon what it serves. It may know that already, from us or the control plane before."""
        try:
            hello = await self._ask("hello", {}, BEGIN_S)
            verbs = await self._verbs_of(str(hello["daemon"]))
            self._verbs = verbs
            home = await verbs.home()
            _, free = await verbs.space()
            about = {"home": home, "readonly": self._readonly, "limit": self._limit, "free": free}
            await self._ask("begin", about, BEGIN_S)
        except (LaboraError, OSError, KeyError) as error:
            log.warning("mount_not_begun", error=str(error))
            peer.close()
        else:
            self._begun.set()

    async def _answer(self, peer: Peer, message: dict[str, Any]) -> None:
        number = message["id"]
        async with self._slots:
            try:
                async for (result, descriptors), more in self._verbs.answer(str(message["verb"]), message["args"]):
                    try:
                        answer = {"id": number, "ok": True, "result": result, "more": more}
                        await peer.send(answer, descriptors)
                    finally:
                        for descriptor in descriptors:
                            os.close(descriptor)
            except (ConnectionResetError, BrokenPipeError):
                return  # the daemon asks again
            except asyncio.CancelledError:
                raise
            except Exception as error:
                code = errno_of(error)
                if not isinstance(error, LaboraError | OSError):
                    log.exception("mount_verb_failed", verb=message.get("verb"))
                text = error.message if isinstance(error, LaboraError) else type(error).__name__
                with suppress(OSError):
                    await peer.send({"id": number, "ok": False, "errno": code, "message": text})

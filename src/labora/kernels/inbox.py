"""Messages of one kernel between the channel and the one who takes them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any

from labora.base.logging import get_logger
from labora.base.pace import Pace
from labora.kernels import channel
from labora.kernels.model import KernelMessage, Sink

BATCH_BYTES = 512 * 1024
HEADS = frozenset({"execute_input"})
"""Messages that only say that a run began. What a short one does follows within milliseconds …"""
HEAD_S = 0.005
"""… and is waited for this long, so that both are made durable, and shown, together."""
AWAITED = frozenset(
    {("agent", "done"), ("agent", "died"), ("agent", "comm_done"), ("agent", "ask"), ("stdin", "input_request")}
)
"""Messages that somebody waits for, by channel and type: they are handed over without the pause of a flood."""
AWAITED_BATCH = 32
"""So many of them make a batch full: each may end an execution, which takes longer than to keep a line."""
AWAITED_S = 0.01
"""Seconds between two batches of a flood of them."""
BURST = 8
"""Batches that pass without a pause; a flood is slowed to the interval."""
# The window, one message that is larger than it, and what is under way when a connection is replaced.
HELD_BYTES = 2 * channel.WINDOW + channel.MAX_MESSAGE

_LEFT_OUT = (
    f"This output holds more than {channel.MAX_VALUES:,} JSON values and is not kept. "
    "Show less of the data, or write it to a file."
)

_log = get_logger("kernels")


class Inbox:
    """Holds what one kernel sent, in order, and delivers it to one sink in a task of its own.

    A sink that takes its time holds up its own kernel only: the agent stops sending at the window, because nothing
    is acknowledged.

    Args:
        after: number of the last message that the sink has.
        on_failed: called when the sink has raised: nothing more is delivered.
        interval_s: seconds between two batches of a flood.
    """

    def __init__(
        self, kernel_id: str, after: int, sink: Sink, on_failed: Callable[[], None], interval_s: float = 0.0
    ) -> None:
        self.kernel_id = kernel_id
        self.received = after
        self.acked = after
        self.attached = False
        self._sink = sink
        self._on_failed = on_failed
        self._waiting: deque[tuple[KernelMessage, int]] = deque()
        self._bytes = 0
        self._awaited = 0
        self._pace = Pace(BURST, interval_s)
        self._awaited_pace = Pace(4 * BURST, min(interval_s, AWAITED_S))
        self._wake = asyncio.Event()
        self._parts: list[bytes] = []
        self._task = asyncio.create_task(self._deliver(), name=f"inbox-{kernel_id}")

    def broken(self) -> None:
        """The connection went away: what comes before the next answer to attach is of another flow."""
        self.attached = False

    def resumed(self, first: int) -> None:
        """Takes note of what the agent still holds; messages that it no longer has are reported as ``lost``."""
        self.attached = True
        self._parts.clear()
        if first > self.received + 1:
            content = {"first": self.received + 1, "last": first - 1}
            self.received = first - 1
            self._put(KernelMessage(first - 1, None, "agent", "lost", content), 0)

    def receive(self, header: dict[str, Any], buffers: list[bytes], size: int) -> None:
        """Takes one frame. Raises ChannelError when it breaks the protocol."""
        n = header.get("n")
        if not isinstance(n, int) or isinstance(n, bool):
            raise channel.ChannelError("a message without number")
        if n <= self.received or not self.attached:
            return
        if n != self.received + 1:
            raise channel.ChannelError("messages are missing")
        if "parts" in header:
            whole = self._join(header, buffers)
            if whole is None:
                return
            content, metadata, buffers, size = whole
        else:
            content, metadata = header.get("content"), header.get("metadata")
        if self._bytes + size > HELD_BYTES:
            raise channel.ChannelError("more than the window is under way")
        message = _message(header, n, content, metadata, buffers, size)
        self.received = n
        self._put(message, size)

    def close(self) -> None:
        """Stops delivering."""
        self._task.cancel()

    def _join(self, header: dict[str, Any], buffers: list[bytes]) -> tuple[Any, Any, list[bytes], int] | None:
        self._parts.extend(buffers)
        if sum(map(len, self._parts)) > channel.MAX_MESSAGE:
            raise channel.ChannelError("a message is too large")
        if header.get("more") is True:
            return None
        whole, lengths = b"".join(self._parts), header["parts"]
        self._parts = []
        if not isinstance(lengths, list) or len(lengths) < 2:
            raise channel.ChannelError("a message without lengths")
        pieces, _ = channel.split(whole, 0, lengths)
        # A parser would stop the whole server for many seconds and take gigabytes.
        content, metadata = (None if channel.too_many_values(piece) else channel.load(piece) for piece in pieces[:2])
        if content is None:
            content = {"data": {"text/plain": _LEFT_OUT}, "metadata": {}}
        return content, metadata, pieces[2:], len(whole)

    def _put(self, message: KernelMessage, size: int) -> None:
        self._waiting.append((message, size))
        self._bytes += size
        self._awaited += _awaited(message)
        self._wake.set()

    async def _deliver(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._waiting and all(message.type in HEADS for message, _ in self._waiting):
                await self._more(HEAD_S)
            while self._waiting:
                while (delay := self._delay()) > 0:
                    await self._more(delay)
                batch, taken, awaited = [], 0, 0
                for message, size in self._waiting:
                    batch.append(message)
                    taken += size
                    awaited += _awaited(message)
                    if taken >= BATCH_BYTES or awaited >= AWAITED_BATCH:
                        break
                self._pace.take()
                if awaited:
                    self._awaited_pace.take()
                if not await self._hand_over(batch):
                    return
                for message in batch:
                    self._bytes -= self._waiting.popleft()[1]
                    self._awaited -= _awaited(message)

    def _delay(self) -> float:
        """Returns how many seconds from now the next batch may be handed over."""
        delay = self._pace.delay()
        return min(delay, self._awaited_pace.delay()) if self._awaited else delay

    async def _more(self, seconds: float) -> None:
        """Waits until something more has come, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
                self._wake.clear()

    async def _hand_over(self, batch: list[KernelMessage]) -> bool:
        try:
            await self._sink(batch)
        except Exception:  # noqa: BLE001 - whatever a sink raises ends its delivery, and nothing else
            # Going on would leave a gap: whoever takes the messages attaches again from what it holds.
            _log.exception("sink failed", kernel_id=self.kernel_id, first=batch[0].n)
            self._on_failed()
            return False
        return True


def _awaited(message: KernelMessage) -> bool:
    return (message.channel, message.type) in AWAITED


def _message(
    header: dict[str, Any], n: int, content: Any, metadata: Any, buffers: list[bytes], size: int
) -> KernelMessage:
    execution, call, on, kind = header.get("e"), header.get("c"), header.get("ch"), header.get("type")
    if not isinstance(execution, str | None) or not isinstance(call, str | None) or not isinstance(kind, str):
        raise channel.ChannelError("a message with a wrong head")
    if on not in ("iopub", "stdin", "agent"):
        raise channel.ChannelError("a message on an unknown channel")
    if not isinstance(content, dict):
        content = {}
    if not isinstance(metadata, dict):
        metadata = {}
    return KernelMessage(n, execution, on, kind, content, metadata, tuple(buffers), size, call)

"""What pages say to a kernel's comms and evaluate in it, between its executions."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Callable

from labora_guest.replies import dead
from labora_guest.spec import KernelError
from labora_guest.wire import CALL

MAX_WAITING = 128
MAX_WAITING_BYTES = 64 * 1024 * 1024
REMEMBERED = 1000
COMM_TYPES = ("comm_open", "comm_msg", "comm_close")

Send = Callable[..., None]
"""Sends on the shell channel: type, content, message id, then by name metadata and buffers."""


def message_id(call: str, execution: str | None) -> str:
    """Returns the id under which the kernel gets a call; what it causes is told apart by it."""
    return CALL + call + ("" if execution is None else "." + execution)


class Calls:
    """Comm messages and evaluations that are at the kernel.

    The kernel takes them in order, after the execution that runs. Each is sent once, however often it is asked for.

    Args:
        send: sends to the kernel.
        done: told of a comm message that the kernel has dealt with: its id and execution.
    """

    def __init__(self, send: Send, done: Callable[[str, str | None], None]) -> None:
        self._send = send
        self._done = done
        self._comms: dict[str, tuple[str, str | None, int]] = {}
        self._bytes = 0
        self._known: OrderedDict[str, None] = OrderedDict()
        self._evaluations: OrderedDict[str, asyncio.Future[dict[str, Any]]] = OrderedDict()

    def comm(
        self,
        call: str,
        execution: str | None,
        kind: str,
        content: dict[str, Any],
        metadata: dict[str, Any],
        buffers: Sequence[bytes],
        size: int,
    ) -> None:
        """Sends a comm message. Raises KernelError when too many wait."""
        if call in self._known:
            return
        if len(self._comms) >= MAX_WAITING or (self._comms and self._bytes + size > MAX_WAITING_BYTES):
            raise KernelError("too_many_calls", "The kernel is busy and too much waits for it already.")
        self._remember(call)
        self._comms[message_id(call, execution)] = (call, execution, size)
        self._bytes += size
        self._send(kind, content, message_id(call, execution), metadata=metadata, buffers=buffers)

    async def evaluate(self, call: str, execution: str | None, expressions: dict[str, str]) -> dict[str, Any]:
        """Evaluates expressions when the kernel comes to it and returns the reply's content.

        Raises:
            KernelError: ``kernel_dead`` when the kernel ends before; ``too_many_calls``.
        """
        key = message_id(call, execution)
        future = self._evaluations.get(key)
        if future is None:
            waiting = sum(not other.done() for other in self._evaluations.values())
            if waiting >= MAX_WAITING:
                raise KernelError("too_many_calls", "The kernel is busy and too many calls wait for it already.")
            future = self._evaluations[key] = asyncio.get_running_loop().create_future()
            for old in [known for known, other in self._evaluations.items() if other.done()][:-MAX_WAITING]:
                del self._evaluations[old]
            content = {
                "code": "",
                "silent": True,
                "store_history": False,
                "user_expressions": expressions,
                "allow_stdin": False,
                "stop_on_error": False,
            }
            self._send("execute_request", content, key)
        # Whoever asked may go away and come back for the same answer.
        return await asyncio.shield(future)

    def heard_reply(self, parent_id: str, content: dict[str, Any]) -> bool:
        """Takes the kernel's reply to an evaluation; returns False when it is to something else."""
        future = self._evaluations.get(parent_id)
        if future is None:
            return False
        if not future.done():
            future.set_result(content)
        return True

    def heard_idle(self, parent_id: str) -> None:
        """Notes that everything that a comm message caused has come."""
        found = self._comms.pop(parent_id, None)
        if found is not None:
            self._bytes -= found[2]
            self._done(found[0], found[1])

    def end(self) -> None:
        """Ends everything that waits: the kernel has ended."""
        self._comms.clear()
        self._bytes = 0
        for future in self._evaluations.values():
            if not future.done():
                future.set_exception(dead())
                # Whoever waited may be gone; that is no error.
                future.exception()

    def _remember(self, call: str) -> None:
        self._known[call] = None
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

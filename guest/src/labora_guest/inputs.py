"""What the programs of one kernel wait for at ``input()``."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Any

from labora_guest.spec import KernelError
from labora_guest.wire import Message

ANSWERS_REMEMBERED = 100


class Inputs:
    """Requests for input by ids of our own, until they are answered or their execution ends."""

    def __init__(self) -> None:
        self._waiting: dict[str, Message] = {}
        self._answered: OrderedDict[str, None] = OrderedDict()

    def add(self, message: Message) -> dict[str, Any]:
        """Notes the kernel's request; returns what the control plane is told of it."""
        content, request_id = message.load(), secrets.token_hex(8)
        self._waiting[request_id] = message
        return {
            "request_id": request_id,
            "prompt": str(content.get("prompt", "")),
            "password": content.get("password") is True,
        }

    def take(self, execution_id: str, request_id: str) -> dict[str, Any] | None:
        """Returns the header of the request that is to be answered now; None when it was answered before.

        Raises:
            KernelError: nothing waits for this answer.
        """
        if request_id in self._answered:
            return None
        message = self._waiting.get(request_id)
        if message is None or message.execution_id != execution_id:
            raise KernelError("no_such_input", "The program no longer waits for this input.")
        del self._waiting[request_id]
        self._answered[request_id] = None
        while len(self._answered) > ANSWERS_REMEMBERED:
            self._answered.popitem(last=False)
        return message.header

    def forget(self, execution_id: str) -> None:
        """Drops what an execution waited for."""
        self._waiting = {key: message for key, message in self._waiting.items() if message.execution_id != execution_id}

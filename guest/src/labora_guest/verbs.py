"""Arguments of the control plane's verbs, and what pages want of a kernel."""

from __future__ import annotations

import re
from typing import Any

from labora_guest import channel
from labora_guest.calls import COMM_TYPES
from labora_guest.kernel import Kernel
from labora_guest.spec import KernelError

RESULT_BYTES = 16 * 1024 * 1024
ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


def text(args: dict[str, Any], name: str, default: str | None = None) -> str:
    """Returns an argument that is a string. Raises KernelError."""
    value = args.get(name, default)
    if not isinstance(value, str):
        raise KernelError("bad_request", f"{name} must be a string.")
    return value


def cursor(args: dict[str, Any]) -> int:
    """Returns the argument ``cursor``. Raises KernelError."""
    value = args.get("cursor")
    if not isinstance(value, int) or value < 0:
        raise KernelError("bad_request", "cursor must be a number of code points.")
    return value


def call_of(args: dict[str, Any], name: str) -> tuple[str, str | None]:
    """Returns the id of a call or comm message and the execution that it is for. Raises KernelError."""
    call, execution = text(args, name), args.get("execution_id")
    for value in (call, execution):
        if value is not None and not (isinstance(value, str) and ID.match(value)):
            raise KernelError("bad_request", "An id has 1 to 64 letters, digits, - and _.")
    return call, execution


def comm(kernel: Kernel, args: dict[str, Any], buffers: list[bytes]) -> dict[str, Any]:
    """Sends a comm message of a page. Raises KernelError."""
    kind, content, metadata = text(args, "type"), args.get("content"), args.get("metadata") or {}
    if kind not in COMM_TYPES or not isinstance(content, dict) or not isinstance(metadata, dict):
        raise KernelError("bad_request", "This is no message of a comm.")
    size = sum(map(len, buffers)) + len(channel.dump(content))
    call, execution = call_of(args, "comm_message_id")
    kernel.comm(call, execution, kind, content, metadata, buffers, size)
    return {}


async def evaluate(kernel: Kernel, args: dict[str, Any]) -> dict[str, Any]:
    """Evaluates expressions for a page. Raises KernelError."""
    expressions = args.get("expressions")
    if not isinstance(expressions, dict) or not all(isinstance(value, str) for value in expressions.values()):
        raise KernelError("bad_request", "expressions is an object of expressions.")
    reply = await kernel.evaluate(*call_of(args, "call_id"), expressions)
    found = reply.get("user_expressions")
    if len(channel.dump(found)) > RESULT_BYTES:
        raise KernelError("result_too_large", f"A result may have {RESULT_BYTES // 1024 // 1024} MB at most.")
    return found if isinstance(found, dict) else {}


def answer(kernel: Kernel, args: dict[str, Any]) -> dict[str, Any]:
    """Gives a program its answer. Raises KernelError."""
    value = args.get("answer")
    if not isinstance(value, dict):
        raise KernelError("bad_request", "answer is an object.")
    if not kernel.asks.answer(text(args, "ask_id"), value):
        raise KernelError("no_such_ask", "The program no longer waits for this answer.")
    return {}

"""Messages of pages to the comms of their account's kernel, as they are read from a socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labora.base.errors import InvalidError

COMM_TYPES = ("comm_open", "comm_msg", "comm_close")
CONTROL_TARGET = "jupyter.widget.control"
MAX_ID = 128


@dataclass(frozen=True, slots=True)
class CommMessage:
    """What a page says to a comm of its account's kernel."""

    id: str
    type: str
    execution_id: str
    content: dict[str, Any]
    metadata: dict[str, Any]
    buffers: tuple[bytes, ...]


def read_comm(header: dict[str, Any], buffers: tuple[bytes, ...]) -> CommMessage:
    """Reads what a page sent. Raises InvalidError."""
    kind, execution_id, content = header.get("type"), header.get("execution_id"), header.get("content")
    metadata = header.get("metadata") or {}
    if kind not in COMM_TYPES or not isinstance(content, dict) or not isinstance(metadata, dict):
        raise InvalidError("This is no message of a comm.", code="bad_comm")
    comm_id, data, target = content.get("comm_id"), content.get("data"), content.get("target_name")
    if not isinstance(comm_id, str) or not 0 < len(comm_id) <= MAX_ID or not isinstance(execution_id, str):
        raise InvalidError("A message of a comm names the comm and its cell's execution.", code="bad_comm")
    made: dict[str, Any] = {"comm_id": comm_id, "data": data if isinstance(data, dict) else {}}
    if kind == "comm_open":
        if not isinstance(target, str) or not 0 < len(target) <= MAX_ID or target == CONTROL_TARGET:
            raise InvalidError("A comm is opened for a target.", code="bad_comm")
        made["target_name"] = target
        if isinstance(content.get("target_module"), str):
            made["target_module"] = content["target_module"]
    return CommMessage(str(header.get("id")), kind, execution_id, made, metadata, buffers)

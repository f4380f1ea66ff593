"""What programs ask of the server over the guest channel (docs/protocols.md, section 8, "Asks")."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from labora.base.errors import TooLargeError
from labora.kernels import channel

PAGE_KINDS = frozenset({"javascript", "upload", "download", "view", "scratch_cell", "add_cell"})
"""What only a page can do."""
ASK_PREFIX = "ask-"
"""Begins the id of every ask."""
IPYNB_BYTES = 12 * 1024 * 1024
"""A larger notebook is given without its outputs; what a program gets fits into one frame of the guest channel."""
MAX_NAME = 256
LONGEST_S = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class KernelAsk:
    """One ask. ``content`` comes from the program, and nothing in it is checked."""

    ask_id: str
    execution_id: str | None
    kind: str
    content: dict[str, Any]
    timeout_s: float | None

    def text(self, name: str, limit: int = MAX_NAME) -> str:
        """Returns a text of the content, cut; empty when there is none."""
        value = self.content.get(name)
        return value[:limit] if isinstance(value, str) else ""


def read_ask(content: dict[str, Any], execution_id: str | None) -> KernelAsk | None:
    """Reads message ``ask``; None when it is none."""
    ask_id, kind, asked, wait = (content.get(key) for key in ("ask_id", "kind", "content", "timeout_s"))
    if not isinstance(ask_id, str) or not ask_id.startswith(ASK_PREFIX) or len(ask_id) > MAX_NAME:
        return None
    whole = asked if isinstance(asked, dict) else {}
    return KernelAsk(ask_id, execution_id, str(kind)[:MAX_NAME], whole, _seconds(wait))


def _seconds(value: Any) -> float | None:
    """Returns how long somebody waits; None, as long as it takes, for what is no positive number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return min(seconds, LONGEST_S) if math.isfinite(seconds) and seconds > 0 else None


def granted(value: Any = None) -> dict[str, Any]:
    """Returns the answer of an ask that is done."""
    return {"ok": True, "value": value}


def refused(code: str, message: str) -> dict[str, Any]:
    """Returns the answer of an ask that is not done."""
    return {"ok": False, "code": code, "message": message}


def nobody_asked() -> dict[str, Any]:
    """Returns the answer where no page is open that could be asked."""
    return refused(
        "nobody_asked", "No page of this notebook is open that could do this. Open the notebook and run the cell there."
    )


def no_google() -> dict[str, Any]:
    """Returns the answer to ``request_auth``."""
    return refused(
        "no_google",
        "This server does not sign in to Google. Your drive here needs no sign-in: google.colab.drive.mount() mounts "
        "it. For Google's own services use a service account's key, kept as a secret (google.colab.userdata).",
    )


def unknown_ask(kind: str) -> dict[str, Any]:
    """Returns the answer to what nobody knows."""
    return refused("unknown_ask", f"This server does not know what the program asks for ({kind[:64]}).")


def fitting_ipynb(data: bytes) -> Any | None:
    """Returns a notebook file as a value, or None where it is too large on the guest channel, whose JSON is ASCII."""
    ipynb = json.loads(data)
    return ipynb if len(channel.dump(ipynb)) <= IPYNB_BYTES else None


def ipynb_too_large() -> TooLargeError:
    """Returns the error for a notebook that does not even fit without its outputs."""
    return TooLargeError("This notebook is too large to be given to a program.")

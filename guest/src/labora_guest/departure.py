"""Whether a kernel ended because its program wanted it to, as notebooks do to begin anew."""

from __future__ import annotations

import os
import re
import signal
from typing import Any

MESSAGE = "The program ended its kernel."

_KILLS = re.compile(
    r"os\.kill\(\s*(os\.)?getpid\(\)|os\.killpg\(|^\s*[!%].*\bkill\s+-(9|KILL|SIGKILL)\s+-1\b", re.MULTILINE
)


def announced(content: dict[str, Any]) -> bool:
    """Returns whether a reply says that its kernel ends now: ``exit()``, ``do_shutdown()``."""
    payloads = content.get("payload")
    return isinstance(payloads, list) and any(
        isinstance(payload, dict) and payload.get("source") == "ask_exit" and not payload.get("keepkernel")
        for payload in payloads
    )


def by_program(status: int, code: str) -> bool:
    """Returns whether a kernel ended on purpose.

    Args:
        status: how its process ended, as ``wait`` tells.
        code: what ran; a signal is the program's own where it stands there that it sends one to itself.
    """
    if os.WIFEXITED(status):
        return os.WEXITSTATUS(status) == 0
    return (
        os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGKILL, signal.SIGTERM) and bool(_KILLS.search(code))
    )

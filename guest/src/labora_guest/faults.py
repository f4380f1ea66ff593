"""Named fault points of the agent, for tests: ``LABORA_FAULT=agent.sent:3`` kills it at the third message it sends."""

from __future__ import annotations

import os
import signal

_POINT, _, _COUNT = os.environ.get("LABORA_FAULT", "").partition(":")
_left = int(_COUNT or "1") if _POINT else 0


def reach(point: str) -> None:
    """Marks that ``point`` is reached; the agent dies when the armed count runs out."""
    global _left
    if point == _POINT:
        _left -= 1
        if _left <= 0:
            # Nobody can send SIGKILL to the first process of a pid namespace from inside, itself included.
            os._exit(128 + signal.SIGKILL)

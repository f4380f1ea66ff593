"""Asks the server that runs this notebook, over HTTP on the runtime's own loopback.

``LABORA_ASK`` in the environment is the address of the runtime's agent, ``LABORA_KERNEL`` what proves that this kernel
asks. Programs that a notebook starts inherit both and may ask too.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from typing import Any
from urllib.parse import urlsplit

SLACK_S = 10.0
"""How much longer than the server an answer is waited for: what was said before is taken first."""
LEAVE_S = 60.0


class RefusedError(RuntimeError):
    """The server or the account said no.

    Args:
        message: says what to do next.
        code: stable; ``timeout`` where nobody answered in time, ``nobody_asked`` where no page is open.
    """

    def __init__(self, message: str, code: str = "refused") -> None:
        super().__init__(message)
        self.code = code


def let_leave() -> None:
    """Returns when everything that this kernel printed and showed has left it."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    # Also the kernel's own streams, which %%capture and redirect_stdout have put aside.
    for stream in (sys.stdout, sys.stderr, *getattr(shell, "_labora_streams", ())):
        try:
            stream.flush()
        except Exception:  # noqa: BLE001, S112, PERF203 - whatever the program put in its place
            continue
    thread = getattr(getattr(shell, "kernel", None), "iopub_thread", None)
    runs = getattr(thread, "thread", None)
    if thread is None or runs is None or not runs.is_alive() or runs is threading.current_thread():
        return
    left = threading.Event()
    # What is scheduled from there comes behind the sending of all that was shown.
    thread.schedule(lambda: thread.schedule(left.set))
    left.wait(LEAVE_S)


def ask(kind: str, timeout_s: float | None = None, **content: Any) -> Any:
    """Returns the value of the server's answer. May be called from any thread; an interrupt takes the question back.

    Args:
        kind: what is asked (docs/protocols.md, section 8).
        timeout_s: seconds after which the server gives up; None for as long as it takes.
        content: what belongs to the question.

    Raises:
        NotImplementedError: this is no program of a notebook.
        RefusedError: the answer is no, nobody could be asked, or nobody answered in time.
    """
    address, secret = os.environ.get("LABORA_ASK"), os.environ.get("LABORA_KERNEL")
    if not address or not secret:
        raise NotImplementedError(
            "This works in a notebook of Labora and in programs that it starts; here is none (LABORA_ASK is not set)."
        )
    let_leave()
    answer = _post(address, secret, {"kind": kind, "content": content, "timeout_s": timeout_s}, timeout_s)
    if not isinstance(answer, dict):
        raise RefusedError("This server does not know what the notebook asks for.", "unknown_ask")
    if not answer.get("ok"):
        raise RefusedError(str(answer.get("message") or "The server said no."), str(answer.get("code") or "refused"))
    return answer.get("value")


def _post(address: str, secret: str, question: dict[str, Any], timeout_s: float | None) -> Any:
    # Imported with the first question: kernels start without.
    from http.client import HTTPConnection, HTTPException

    place = urlsplit(address)
    limit = None if timeout_s is None else timeout_s + SLACK_S
    connection = HTTPConnection(place.hostname or "127.0.0.1", place.port or 80, timeout=limit)
    try:
        body = json.dumps(question).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {secret}"}
        connection.request("POST", f"{place.path.rstrip('/')}/labora/ask", body, headers)
        response = connection.getresponse()
        text = response.read()
    except socket.timeout:
        raise RefusedError("Nobody answered in time. Run the cell again.", "timeout") from None
    except (OSError, HTTPException) as error:
        raise RefusedError(
            f"The runtime's agent does not answer ({error or type(error).__name__}). Restart the runtime.", "no_agent"
        ) from None
    finally:
        # Whoever closes gives up: also on an interrupt.
        connection.close()
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if response.status != 200:
        about = answer if isinstance(answer, dict) else {}
        message = about.get("message") or f"The runtime's agent refused the question ({response.status})."
        raise RefusedError(str(message), str(about.get("code") or "refused"))
    return answer

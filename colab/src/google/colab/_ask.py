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


class Question:
    """One that was put to the server. Raises what :func:`ask` raises.

    Args:
        kind: what is asked.
        timeout_s: seconds after which the server gives up; None for as long as it takes.
        content: what belongs to the question.
    """

    def __init__(self, kind: str, timeout_s: float | None = None, **content: Any) -> None:
        address, secret = os.environ.get("LABORA_ASK"), os.environ.get("LABORA_KERNEL")
        if not address or not secret:
            raise NotImplementedError(
                "This works in a notebook of Labora and in programs that it starts; here is none (LABORA_ASK is not "
                "set)."
            )
        let_leave()
        # Imported with the first question: kernels start without.
        from http.client import HTTPConnection

        place = urlsplit(address)
        limit = None if timeout_s is None else timeout_s + SLACK_S
        self._connection = HTTPConnection(place.hostname or "127.0.0.1", place.port or 80, timeout=limit)
        body = json.dumps({"kind": kind, "content": content, "timeout_s": timeout_s}).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {secret}"}
        try:
            self._connection.request("POST", f"{place.path.rstrip('/')}/labora/ask", body, headers)
        except BaseException as error:
            # On an interrupt too: the question may have left already.
            self.close()
            if isinstance(error, OSError):
                raise _no_agent(error) from None
            raise

    def fileno(self) -> int:
        """Returns the descriptor that becomes readable with the answer."""
        return int(self._connection.sock.fileno())

    def answer(self) -> Any:
        """Waits for the answer and returns its value."""
        from http.client import HTTPException

        try:
            response = self._connection.getresponse()
            status, text = response.status, response.read()
        except socket.timeout:
            raise RefusedError("Nobody answered in time. Run the cell again.", "timeout") from None
        except (OSError, HTTPException) as error:
            raise _no_agent(error) from None
        return _value(status, text)

    def close(self) -> None:
        """Takes the question back, where it was not answered. Safe to repeat."""
        self._connection.close()


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
    question = Question(kind, timeout_s, **content)
    try:
        return question.answer()
    finally:
        # Whoever closes gives up: also on an interrupt.
        question.close()


def _no_agent(error: Exception) -> RefusedError:
    about = error or type(error).__name__
    return RefusedError(f"The runtime's agent does not answer ({about}). Restart the runtime.", "no_agent")


def _value(status: int, text: bytes) -> Any:
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    about = answer if isinstance(answer, dict) else {}
    if status != 200:
        message = about.get("message") or f"The runtime's agent refused the question ({status})."
        raise RefusedError(str(message), str(about.get("code") or "refused"))
    if not isinstance(answer, dict):
        raise RefusedError("This server does not know what the notebook asks for.", "unknown_ask")
    if not about.get("ok"):
        raise RefusedError(str(about.get("message") or "The server said no."), str(about.get("code") or "refused"))
    return about.get("value")

"""Requests to the front end by their names in Colab, which notebooks that look at themselves call."""

from __future__ import annotations

import itertools
import threading
from typing import Any, Callable

from google.colab import _ask, errors


class MessageError(errors.Error):
    """The request was refused, or failed in the page."""


DEFAULT_TIMEOUT_S = 5

_ids = itertools.count(1)
_waiting: dict[int, _Reply] = {}


class _Reply:
    """One that comes later."""

    def __init__(self) -> None:
        self.there = threading.Event()
        self.value: Any = None
        self.error: BaseException | None = None

    def fetch(self, get: Callable[[], Any]) -> None:
        try:
            self.value = get()
        except BaseException as error:  # noqa: BLE001 - raised where the reply is read
            self.error = error
        self.there.set()


def _notebook(_request: Any, timeout: float | None) -> Any:
    found = _ask.ask("get_ipynb", timeout)
    notebook = found.get("ipynb") if isinstance(found, dict) else None
    if isinstance(notebook, dict):
        about = notebook.setdefault("metadata", {}).setdefault("colab", {})
        if isinstance(about, dict) and "name" not in about:
            # Programs look for its name there.
            about["name"] = _ask.ask("notebook", timeout)["name"]
        for cell in notebook.get("cells", ()):
            if isinstance(cell.get("source"), str):
                # As lists of lines, which programs count on.
                cell["source"] = cell["source"].splitlines(keepends=True)
    return found


def _script(request: Any, timeout: float | None) -> Any:
    script = str(request.get("script", "")) if isinstance(request, dict) else str(request)
    return value_of(_ask.ask("javascript", timeout, script=script))


def _secret(request: Any, timeout: float | None) -> Any:
    found = _ask.ask("secret.get", timeout, name=str(request.get("key", "")))
    return {"exists": found.get("exists"), "access": found.get("access"), "payload": found.get("value")}


def _auth(request: Any, timeout: float | None) -> Any:
    return _ask.ask("request_auth", timeout, auth_type=str(request.get("authType", "")))


def _scratch(request: Any, timeout: float | None) -> Any:
    bottom = bool(request.get("openInBottomPane"))
    return _ask.ask("scratch_cell", timeout, content=str(request.get("content", "")), bottom_pane=bottom)


_REQUESTS: dict[str, Callable[[Any, float | None], Any]] = {
    "get_ipynb": _notebook,
    "cell_javascript_eval": _script,
    "GetSecret": _secret,
    "request_auth": _auth,
    "add_scratch_cell": _scratch,
}


def value_of(answer: Any) -> Any:
    """Returns what a script came to."""
    return answer.get("value") if isinstance(answer, dict) else None


def blocking_request(
    request_type: str, request: Any = "", timeout_sec: float | None = DEFAULT_TIMEOUT_S, parent: Any = None
) -> Any:
    """Returns the front end's reply; None when there is none in time.

    Args:
        request_type: ``get_ipynb``, ``cell_javascript_eval``, ``GetSecret``, ``request_auth`` or ``add_scratch_cell``.
        request: what the request is about, by its type.
        timeout_sec: seconds to wait; None for as long as it takes.
        parent: taken and not needed.

    Raises:
        MessageError: the request is not known here, was refused, or failed.
    """
    get = _REQUESTS.get(request_type)
    if get is None:
        raise MessageError(f"This notebook's page knows no request {request_type!r}; known: {', '.join(_REQUESTS)}.")
    try:
        return get(request if isinstance(request, dict) else {"script": request}, timeout_sec)
    except _ask.RefusedError as error:
        if error.code == "timeout":
            return None
        raise MessageError(str(error)) from None


def send_request(request_type: str, request: Any = "", parent: Any = None, expect_reply: bool = False) -> int | None:
    """Sends a request and returns at once: the number that its reply is read by, or None where none is expected.

    Raises MessageError for a request that is not known here.
    """
    if request_type not in _REQUESTS:
        blocking_request(request_type, request)
    number, reply = next(_ids), _Reply()
    _ask.let_leave()
    thread = threading.Thread(
        target=reply.fetch, args=(lambda: blocking_request(request_type, request, None),), daemon=True
    )
    if expect_reply:
        _waiting[number] = reply
    thread.start()
    return number if expect_reply else None


def read_reply_from_input(message_id: int, timeout_sec: float | None = None) -> Any:
    """Returns the reply to a request that :func:`send_request` sent; None when there is none in time.

    Raises:
        MessageError: the request was refused or failed, or there is none of this number.
    """
    reply = _waiting.get(message_id)
    if reply is None:
        raise MessageError(f"No reply is expected to {message_id}.")
    if not reply.there.wait(timeout_sec):
        return None
    del _waiting[message_id]
    if reply.error is not None:
        raise reply.error
    return reply.value

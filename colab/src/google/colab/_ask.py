"""Asks the server that runs this notebook, through the kernel's ``input()``, which every front end carries."""

from __future__ import annotations

import json
import sys
from typing import Any

PREFIX = "\x00labora:"
"""A prompt that begins so is for the server, not for a person."""


class RefusedError(RuntimeError):
    """The server or the account said no."""


def ask(kind: str, **content: Any) -> dict[str, Any]:
    """Returns the server's answer.

    Raises:
        NotImplementedError: this is no cell of a notebook.
        RefusedError: the answer is no, or nobody could be asked.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    kernel = getattr(shell, "kernel", None)
    if kernel is None or not hasattr(kernel, "raw_input"):
        raise NotImplementedError("This works in a cell of a notebook, not in a script or a process of its own.")
    try:
        text = kernel.raw_input(PREFIX + json.dumps(dict(content, kind=kind)))
    except Exception as error:
        if type(error).__name__ != "StdinNotImplementedError":
            raise
        raise RefusedError("Nobody can be asked here: this notebook runs without a page. Run it in its page.") from None
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise RefusedError("This server does not know what the notebook asks for.")
    if not answer.get("ok"):
        raise RefusedError(str(answer.get("message") or "The server said no."))
    return answer

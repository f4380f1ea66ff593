"""Python asks JavaScript, and JavaScript asks Python."""

from __future__ import annotations

import json
from typing import Any, Callable

from google.colab import _ask, _message

_callbacks: dict[str, Callable[..., Any]] = {}


def eval_js(script: str, ignore_result: bool = False, timeout_sec: float | None = None) -> Any:
    """Evaluates JavaScript in the cell's output, awaits it if it is a promise, and returns its value.

    Args:
        script: the code; its value must be what JSON can say.
        ignore_result: start it and do not wait; nothing is returned, also where no page is open.
        timeout_sec: seconds to wait; None for as long as it takes.

    Raises:
        MessageError: the script failed, or no page is open to run it.
    """
    if ignore_result:
        # The script by itself, so that the answer comes at once whatever it goes on to do.
        script = f"setTimeout(() => (0, eval)({_literal(script)}), 0); null"
    try:
        return _message.value_of(_ask.ask("javascript", timeout_sec, script=script))
    except _ask.RefusedError as error:
        if error.code == "timeout" or (ignore_result and error.code == "nobody_asked"):
            return None
        raise _message.MessageError(str(error)) from None


def _literal(value: Any) -> str:
    """Returns a value as JavaScript that may also stand in a page's ``<script>``."""
    return json.dumps(value).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def register_callback(function_name: str, callback: Callable[..., Any]) -> None:
    """Lets scripts in outputs call a function: ``google.colab.kernel.invokeFunction(function_name, args, kwargs)``.

    What it returns is shown to JavaScript as a cell would show it; return ``IPython.display.JSON(…)`` for data.
    """
    _callbacks[function_name] = callback


def unregister_callback(function_name: str) -> None:
    """Takes back what :func:`register_callback` allowed. Raises KeyError for a name that is not registered."""
    del _callbacks[function_name]


def _invoke_function(function_name: str, json_args: str, json_kwargs: str) -> Any:
    """Calls a registered function with what a script gave it; the notebook's server runs this.

    Raises ValueError for a name that is not registered, and what the function raises.
    """
    callback = _callbacks.get(function_name)
    if callback is None:
        raise ValueError(f"Function not found: {function_name}. Run the cell that registers it.")
    return callback(*json.loads(json_args), **json.loads(json_kwargs))

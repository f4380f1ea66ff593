"""JavaScript written as Python: ``Js('document').querySelector('#x').innerHTML = 'hello'``."""

from __future__ import annotations

import itertools
import os
import re
from typing import Any

from google.colab.output import _js, _publish

EVAL = "EVAL"
"""Evaluated in the page and not kept."""
PERSISTENT = "PERSISTENT"
"""Kept in the cell's output, so that it runs again where the saved notebook is opened."""

_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*")
_ids = itertools.count(1)
_prefix = f"labora_js_{os.urandom(4).hex()}"


class Js:
    """A JavaScript expression. Attributes, items and calls make further ones.

    A call or an assignment is done at once; what a call gives can be used in what follows.

    Args:
        expression: nothing for the global object.
        mode: :data:`PERSISTENT` or :data:`EVAL`.
    """

    __slots__ = ("_expression", "_mode")

    def __init__(self, expression: str = "", mode: str = PERSISTENT) -> None:
        object.__setattr__(self, "_expression", expression)
        object.__setattr__(self, "_mode", mode)

    def __getattr__(self, name: str) -> Js:
        if name.startswith("__") and name.endswith("__"):
            # What Python itself looks for: copying, showing.
            raise AttributeError(name)
        return Js(self._member(name), self._mode)

    def __getitem__(self, key: Any) -> Js:
        return Js(f"{self._expression or 'window'}[{_written(key)}]", self._mode)

    def __setattr__(self, name: str, value: Any) -> None:
        self._run(f"{self._member(name)} = {_written(value)}")

    def __setitem__(self, key: Any, value: Any) -> None:
        self._run(f"{self._expression or 'window'}[{_written(key)}] = {_written(value)}")

    def __call__(self, *arguments: Any) -> Js:
        result = f"window.{_prefix}_{next(_ids)}"
        self._run(f"{result} = {self._expression}({', '.join(map(_written, arguments))})")
        return Js(result, self._mode)

    def __iter__(self) -> Any:
        raise TypeError("A JavaScript expression is not iterable from Python; use eval().")

    def __repr__(self) -> str:
        return f"Js({self._expression!r})"

    def __str__(self) -> str:
        return self._expression

    def eval(self) -> Any:
        """Returns the expression's value, as far as JSON can say it. Raises MessageError where it fails."""
        return _js.eval_js(self._expression or "null")

    def _member(self, name: str) -> str:
        if not self._expression:
            return name
        return f"{self._expression}.{name}" if _IDENTIFIER.fullmatch(name) else f"{self._expression}[{_written(name)}]"

    def _run(self, script: str) -> None:
        if self._mode == EVAL:
            # Awaited, so that what follows finds it done; the value may be what JSON cannot say.
            _js.eval_js(f"{script}; null")
        else:
            _publish.javascript(f"{script};")


def _written(value: Any) -> str:
    """Returns a value as JavaScript."""
    if isinstance(value, Js):
        return value._expression or "window"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_written(str(key))}: {_written(item)}' for key, item in value.items())}}}"
    return _js._literal(value)


js_global = Js()

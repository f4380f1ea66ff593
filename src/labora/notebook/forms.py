"""What a ``$form`` may hold when it comes out of a document.

The notes of how a file was spelled travel through the document, which every editor's client may write. Whatever there
is not of the shape that :mod:`labora.notebook.cellform` and :mod:`labora.notebook.codec` make is left out: a notebook
can always be written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from labora.notebook.model import CELL_KINDS

_MAX_INDENT = 64
_Check = Callable[[Any], bool]


def cell_form(value: Any) -> dict[str, Any]:
    """Returns the sound part of a cell's ``$form``."""
    return _sound(value, _CELL)


def notebook_form(value: Any) -> dict[str, Any]:
    """Returns the sound part of a notebook's ``$form``."""
    form = _sound(value, _NOTEBOOK)
    if "cells" in form:
        form["cells"] = {kind: _sound(usual, _USUAL) for kind, usual in form["cells"].items() if kind in CELL_KINDS}
    return form


def _sound(value: Any, checks: Mapping[str, _Check]) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    return {key: part for key, part in value.items() if key in checks and checks[key](part)}


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _raw(value: Any) -> bool:
    return isinstance(value, dict) and "raw" in value


def _spelling(value: Any) -> bool:
    if isinstance(value, list):
        return all(type(item) is int and item >= 0 for item in value)
    return value in ("str", "lines", "splitlines") if isinstance(value, str) else _raw(value)


def _indent(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _MAX_INDENT and not value.strip("\t")
    return value is None or (type(value) is int and 0 <= value <= _MAX_INDENT)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


_CELL: Mapping[str, _Check] = {
    "kind": lambda value: isinstance(value, str),
    "order": _names,
    "keys": _names,
    "type": _raw,
    "source": _spelling,
    "metadata": _raw,
    "count": _raw,
    "outputs": _raw,
    "id": lambda value: isinstance(value, dict) and isinstance(value.get("source"), str),
}
_USUAL: Mapping[str, _Check] = {"order": _names, "source": lambda value: value == "str"}
_NOTEBOOK: Mapping[str, _Check] = {
    "indent": _indent,
    "tight": _flag,
    "crlf": _flag,
    "open_end": _flag,
    "ascii": _flag,
    "cells": lambda value: isinstance(value, dict),
    "ids": lambda value: value in ("cell", "metadata", "none") if isinstance(value, str) else False,
    "metadata": _raw,
    "keys": _names,
    "order": _names,
    "nbformat": _raw,
    "nbformat_minor": _raw,
}

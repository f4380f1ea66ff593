"""Parameters of a run: values set by whoever starts it, as a cell of code.

The convention is papermill's (https://papermill.readthedocs.io/en/latest/usage-parameterize.html): the cell tagged
``parameters`` holds the defaults, and a cell tagged ``injected-parameters`` right below it holds the values.
"""

from __future__ import annotations

import json
import keyword
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from labora.base.errors import InvalidError
from labora.base.ids import new_id
from labora.notebook.model import Cell, Notebook, kernelspec_of, tags_of

DEFAULTS, INJECTED = "parameters", "injected-parameters"


def read_parameter(text: str) -> tuple[str, Any]:
    """Reads ``name=value`` of a command line: the value is JSON where it is valid JSON, else text.

    Raises:
        InvalidError: ``bad_parameter``.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidError(f"A parameter is spelled name=value, not {text!r}.", code="bad_parameter")
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value


def with_parameters(notebook: Notebook, parameters: Mapping[str, Any]) -> Notebook:
    """Returns ``notebook`` with a cell that sets ``parameters``, in place of one that an earlier run injected.

    Args:
        notebook: a notebook whose language is Python.
        parameters: JSON values by name.

    Raises:
        InvalidError: ``bad_parameter`` for a name that Python cannot assign to or another language.
    """
    if not parameters:
        return notebook
    language = kernelspec_of(notebook.metadata).get("language") or "python"
    if language != "python":
        raise InvalidError(f"Parameters can be set in Python notebooks, not in {language}.", code="bad_parameter")
    for name in parameters:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise InvalidError(f"{name!r} cannot be the name of a variable.", code="bad_parameter")
    source = "# Parameters\n" + "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    injected = Cell(id=new_id(), kind="code", source=source, metadata={"tags": [INJECTED]})
    cells = [cell for cell in notebook.cells if INJECTED not in tags_of(cell.metadata)]
    at = next((index + 1 for index, cell in enumerate(cells) if DEFAULTS in tags_of(cell.metadata)), 0)
    return replace(notebook, cells=(*cells[:at], injected, *cells[at:]))

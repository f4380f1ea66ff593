"""Data frames as tables to look through: pages, sorting, a filter.

What is shown works by itself, also in a saved notebook and without a network, on the rows that it holds. While the
kernel runs it asks for the others, and has them sorted and filtered there.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections import OrderedDict
from typing import Any

__all__ = [
    "DataTable",
    "disable_dataframe_formatter",
    "display_dataframe",
    "enable_dataframe_formatter",
    "load_ipython_extension",
    "unload_ipython_extension",
]

_HELD_ROWS = 1000
"""How many rows a shown table holds by itself."""
_REMEMBERED = 20
_CALLBACK = "google.colab.data_table.rows"
_MAX_TEXT = 1000
_MODULES = ("pandas.core.frame", "pandas")
"""Where the class of data frames says that it comes from, before and since pandas 3."""

_ids = itertools.count(1)
_prefix = os.urandom(4).hex()
_tables: OrderedDict[str, DataTable] = OrderedDict()


class DataTable:
    """A data frame as a table with pages. Show it as a cell's result or with ``display``.

    Args:
        dataframe: the data frame.
        include_index: show its index too.
        num_rows_per_page: how many rows a page has.
        max_rows: only the first so many rows can be looked at.
        max_columns: with more columns, or several levels of them, it is shown as pandas does.
        min_width: CSS width that a column has at least.
    """

    include_index = True
    num_rows_per_page = 25
    max_rows = 20000
    max_columns = 20
    min_width = "130px"

    def __init__(
        self,
        dataframe: Any,
        include_index: bool | None = None,
        num_rows_per_page: int | None = None,
        max_rows: int | None = None,
        max_columns: int | None = None,
        min_width: str | None = None,
    ) -> None:
        given = {
            "include_index": include_index,
            "num_rows_per_page": num_rows_per_page,
            "max_rows": max_rows,
            "max_columns": max_columns,
            "min_width": min_width,
        }
        for name, value in given.items():
            if value is not None:
                setattr(self, name, value)
        self._dataframe = dataframe
        self._ordered: tuple[Any, Any] = (None, None)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        shown = self._repr_html_()
        plain = {"text/plain": repr(self._dataframe)}
        return plain if shown is None else {"text/html": shown, **plain}

    def _repr_html_(self) -> str | None:
        """Returns the table as HTML with a script; as pandas shows it where this cannot."""
        frame = self._dataframe
        if not self._fits():
            return frame._repr_html_()
        key = f"{_prefix}-{next(_ids)}"
        total = min(len(frame), self.max_rows)
        if total > _HELD_ROWS:
            _remember(key, self)
        about = {
            "key": key,
            "columns": self._columns(),
            "rows": self._rows(frame.head(min(total, _HELD_ROWS))),
            "total": total,
            "all": len(frame),
            "page": self.num_rows_per_page,
            "minimum": self.min_width,
            "callback": _CALLBACK,
        }
        from google.colab.output import _js

        return _page().replace("__KEY__", key).replace("__ABOUT__", _js._literal(about))

    def _fits(self) -> bool:
        frame = self._dataframe
        several = getattr(frame.columns, "nlevels", 1) > 1 or getattr(frame.index, "nlevels", 1) > 1
        return not several and len(frame.columns) <= self.max_columns

    def _columns(self) -> list[dict[str, Any]]:
        frame = self._dataframe
        found = [{"name": str(name), "number": _is_number(frame.iloc[:, at])} for at, name in enumerate(frame.columns)]
        if self.include_index:
            found.insert(
                0, {"name": str(frame.index.name or "index"), "number": _is_number(frame.index), "index": True}
            )
        return found

    def _series(self, frame: Any) -> list[Any]:
        series = [frame.iloc[:, at] for at in range(len(frame.columns))]
        return [frame.index.to_series(), *series] if self.include_index else series

    def _rows(self, frame: Any) -> list[list[Any]]:
        columns = [[_cell(value) for value in column] for column in self._series(frame)]
        return [list(row) for row in zip(*columns)] if columns else []

    def _some_rows(self, start: int, count: int, column: int | None, down: bool, text: str) -> dict[str, Any]:
        """Returns rows in an order and those only that hold ``text``, with their number: what the page asks for."""
        wanted = (column, down, text)
        if self._ordered[0] != wanted:
            self._ordered = (wanted, self._order(*wanted))
        frame = self._ordered[1]
        count = max(0, min(int(count), _HELD_ROWS))
        return {"rows": self._rows(frame.iloc[start : start + count]), "total": len(frame)}

    def _order(self, column: int | None, down: bool, text: str) -> Any:
        frame = self._dataframe.head(self.max_rows)
        if text:
            holds = None
            for series in self._series(frame):
                here = series.astype(str).str.contains(text, case=False, regex=False).to_numpy()
                holds = here if holds is None else holds | here
            frame = frame if holds is None else frame[holds]
        if column is not None:
            series = self._series(frame)[column].reset_index(drop=True)
            try:
                order = series.sort_values(ascending=not down, kind="stable").index
            except TypeError:
                order = series.astype(str).sort_values(ascending=not down, kind="stable").index
            frame = frame.iloc[order]
        return frame


def _is_number(column: Any) -> bool:
    return getattr(getattr(column, "dtype", None), "kind", "O") in "iufc"


def _cell(value: Any) -> Any:
    """Returns a value as JSON has it: numbers as such, others as text, None for what is missing."""
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if _is_missing(value):
        return None
    if isinstance(value, (bool, str)):
        return str(value)[:_MAX_TEXT]
    if isinstance(value, (int, float)) and abs(value) < 2**53:
        return value
    return str(value)[:_MAX_TEXT]


def _is_missing(value: Any) -> bool:
    try:
        return value is None or bool(value != value)
    except (TypeError, ValueError):
        # What pandas says is missing is neither true nor false, and no more is what has several values.
        return type(value).__name__ == "NAType"


def _remember(key: str, table: DataTable) -> None:
    from google.colab import output

    _tables[key] = table
    while len(_tables) > _REMEMBERED:
        _tables.popitem(last=False)
    output.register_callback(_CALLBACK, _asked)


def _asked(key: str, start: int, count: int, column: int | None, down: bool, text: str) -> Any:
    from IPython.display import JSON

    table = _tables.get(key)
    return JSON(None if table is None else table._some_rows(start, count, column, down, text))


def _page() -> str:
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "_data_table.html"), encoding="utf-8") as file:
        return file.read()


def display_dataframe(df: Any) -> None:
    """Shows a data frame as a :class:`DataTable`."""
    from IPython.display import display

    display(DataTable(df))


def _shown(dataframe: Any) -> str | None:
    return DataTable(dataframe)._repr_html_()


def _formatter() -> Any:
    from IPython import get_ipython

    shell = get_ipython()
    return None if shell is None else shell.display_formatter.formatters["text/html"]


def enable_dataframe_formatter() -> None:
    """Shows data frames of pandas as :class:`DataTable` from now on."""
    formatter = _formatter()
    if formatter is None:
        return
    if "pandas" in sys.modules:
        formatter.for_type(sys.modules["pandas"].DataFrame, _shown)
        return
    for module in _MODULES:
        formatter.for_type_by_name(module, "DataFrame", _shown)


def disable_dataframe_formatter() -> None:
    """Shows data frames as pandas does again."""
    formatter = _formatter()
    if formatter is None:
        return
    if "pandas" in sys.modules:
        formatter.pop(sys.modules["pandas"].DataFrame, None)
    for module in _MODULES:
        formatter.pop(f"{module}.DataFrame", None)


def load_ipython_extension(ipython: Any) -> None:
    """``%load_ext google.colab.data_table``: see :func:`enable_dataframe_formatter`."""
    enable_dataframe_formatter()


def unload_ipython_extension(ipython: Any) -> None:
    """``%unload_ext google.colab.data_table``."""
    disable_dataframe_formatter()

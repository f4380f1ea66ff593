"""A table whose cells take output."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Callable

from google.colab.errors import WidgetException
from google.colab.widgets._widget import OutputAreaWidget

_STYLE = """#{id} {{ border-collapse: collapse; }}
#{id} > tbody > tr > * {{ padding: 4px 8px; text-align: start; vertical-align: top; font-weight: inherit;
  border: 1px solid var(--colab-border-color, #8886); }}
#{id} > tbody > tr > th {{ font-weight: 600; background: var(--colab-secondary-surface-color, #8882); }}"""


class Grid(OutputAreaWidget):
    """A table of ``rows`` by ``columns`` cells.

    ``with grid.output_to(1, 2):`` directs output into a cell; ``for row, column in grid:`` into one after the other.

    Args:
        rows, columns: how many.
        header_row, header_column: whether the first of them is a header.
        style: CSS of the table.
    """

    def __init__(
        self, rows: int, columns: int, header_row: bool = False, header_column: bool = False, style: str = ""
    ) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns
        self.header_row, self.header_column = header_row, header_column
        self._style = style

    def _html(self) -> str:
        style = html.escape(self._style)
        table = [f"<style>{_STYLE.format(id=self._id)}</style>", f'<table id="{self._id}" style="{style}"><tbody>']
        for row in range(self.rows):
            table.append("<tr>")
            for column in range(self.columns):
                above = self.header_row and row == 0
                kind = "th" if above or (self.header_column and column == 0) else "td"
                scope = f' scope="{"col" if above else "row"}"' if kind == "th" else ""
                table.append(f'<{kind}{scope}><div id="{self._place(row, column)}"></div></{kind}>')
            table.append("</tr>")
        return "".join([*table, "</tbody></table>"])

    def _check(self, row: int, col: int) -> str:
        if not (0 <= row < self.rows and 0 <= col < self.columns):
            raise WidgetException(f"Cell {row}, {col} does not exist: the grid has {self.rows} by {self.columns}.")
        return self._place(row, col)

    @contextlib.contextmanager
    def output_to(self, row: int, col: int) -> Iterator[None]:
        """Directs output into a cell; counted from 0. Raises WidgetException for one that is not there."""
        with self._output_to(self._check(row, col)):
            yield

    def clear_cell(self, row: int | None = None, col: int | None = None) -> None:
        """Empties a cell, by default the one that output goes into."""
        self._clear(None if row is None or col is None else self._check(row, col))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for row in range(self.rows):
            for column in range(self.columns):
                with self.output_to(row, column):
                    # Meanwhile one may also be chosen by hand.
                    self._passing = True
                    yield row, column
                    self._passing = False


def create_grid(
    row_data: Iterable[Any],
    col_data: Iterable[Any],
    render: Callable[[Any, Any], Any],
    header_render: Callable[[Any], Any] | None = None,
    header_row: bool = True,
    header_column: bool = True,
) -> Grid:
    """Shows a grid with a row for each of ``row_data`` and a column for each of ``col_data``.

    Args:
        row_data, col_data: what the rows and columns are about.
        render: called with one of each, shows what belongs into the cell.
        header_render: shows one of them in a header; by default it is printed.
        header_row, header_column: whether there are headers.

    Returns:
        The grid, for more.
    """
    rows, columns = list(row_data), list(col_data)
    down, right = int(header_row), int(header_column)
    grid = Grid(len(rows) + down, len(columns) + right, header_row, header_column)
    show: Callable[[Any], Any] = header_render or print
    headers: Sequence[tuple[int, int, Any]] = [
        *([(0, at + right, about) for at, about in enumerate(columns)] if header_row else []),
        *([(at + down, 0, about) for at, about in enumerate(rows)] if header_column else []),
    ]
    for row, column, about in headers:
        with grid.output_to(row, column):
            show(about)
    for at, of_row in enumerate(rows):
        for across, of_column in enumerate(columns):
            with grid.output_to(at + down, across + right):
                render(of_row, of_column)
    return grid

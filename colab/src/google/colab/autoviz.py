"""Charts of a data frame, to see what is in it."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from typing import Any

__all__ = ["MplChart", "get_df", "quickchart"]

_MAX_COLUMNS = 4
_MAX_BARS = 20
_MAX_POINTS = 10_000


class MplChart:
    """One chart by Matplotlib, drawn when it is shown.

    Args:
        df: the data frame.
        kind: ``hist``, ``bar``, ``scatter`` or ``line``.
        columns: the columns that it is about, one or two.
    """

    def __init__(self, df: Any, kind: str, columns: list[Any]) -> None:
        self._df, self._kind, self._columns = df, kind, columns

    def get_code(self) -> str:
        """Returns code that draws it from a data frame ``df``."""
        names = [repr(name) for name in self._columns]
        if self._kind == "bar":
            return f"df[{names[0]}].value_counts().head({_MAX_BARS}).plot.barh()"
        if self._kind == "scatter":
            return f"df.plot.scatter(x={names[0]}, y={names[1]}, s=16, alpha=.6)"
        return f"df[{names[0]}].plot.{self._kind}(title={names[0]})"

    def _draw(self, axes: Any) -> None:
        data, title = self._df, " × ".join(map(str, self._columns))
        column = data[self._columns[0]]
        if self._kind == "hist":
            column.plot.hist(ax=axes, bins=20)
        elif self._kind == "bar":
            column.value_counts().head(_MAX_BARS).iloc[::-1].plot.barh(ax=axes)
        elif self._kind == "scatter":
            data.head(_MAX_POINTS).plot.scatter(*self._columns, ax=axes, s=16, alpha=0.6)
        else:
            column.head(_MAX_POINTS).plot.line(ax=axes)
        axes.set_title(title)
        axes.spines[["top", "right"]].set_visible(False)

    def display(self) -> None:
        """Shows it."""
        _show([self])

    def _ipython_display_(self) -> None:
        self.display()


def quickchart(df: Any, max_chart_instances: int | None = None) -> None:
    """Shows how the columns of a data frame are distributed and go together.

    Args:
        df: the data frame.
        max_chart_instances: how many charts of a kind at most, 4 by default.

    Raises:
        ImportError: Matplotlib is not installed.
    """
    charts = list(_charts(df, max_chart_instances or _MAX_COLUMNS))
    if not charts:
        print("There is nothing to draw: the data frame has no rows, or no columns of numbers or categories.")
    for kind, found in itertools.groupby(charts, key=lambda chart: chart._kind):
        _show(list(found), {"hist": "Distributions", "bar": "Categories", "scatter": "Pairs", "line": "Values"}[kind])


def get_df(*args: Any, **settings: Any) -> Any:
    """Raises ValueError: data frames are not kept by name here."""
    raise ValueError("Data frames are not kept by name here. Use the variable that holds yours.")


def _charts(df: Any, most: int) -> Iterator[MplChart]:
    if not len(df):
        return
    numbers = list(df.select_dtypes("number").columns)[:most]
    texts = [name for name in df.select_dtypes(exclude=["number", "datetime"]).columns if _few(df[name])][:most]
    yield from (MplChart(df, "hist", [name]) for name in numbers)
    yield from (MplChart(df, "bar", [name]) for name in texts)
    yield from (MplChart(df, "scatter", list(pair)) for pair in zip(numbers, numbers[1:]))
    yield from (MplChart(df, "line", [name]) for name in numbers)


def _few(column: Any) -> bool:
    try:
        return 1 <= column.nunique() <= max(_MAX_BARS, len(column) // 4)
    except TypeError:
        return False


def _show(charts: list[MplChart], title: str = "") -> None:
    from IPython.display import Image, display
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(charts), 3), layout="constrained")
    for axes, chart in zip(figure.subplots(1, len(charts), squeeze=False)[0], charts):
        chart._draw(axes)
    if title:
        figure.suptitle(title)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=96)
    display(Image(data=file.getvalue(), format="png"))

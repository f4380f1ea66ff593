"""A table to look through, by its newer name."""

from __future__ import annotations

from typing import Any

from google.colab.data_table import DataTable


class InteractiveTable(DataTable):
    """A data frame as a table with pages, sorting and a filter: see :class:`google.colab.data_table.DataTable`.

    Args:
        df: the data frame.
    """

    def __init__(self, df: Any, **settings: Any) -> None:
        super().__init__(df, **settings)
        self.df = df

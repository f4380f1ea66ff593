"""Parts of a cell's output that other output goes into."""

from __future__ import annotations

from google.colab.errors import WidgetException
from google.colab.widgets._grid import Grid, create_grid
from google.colab.widgets._interactive_table import InteractiveTable
from google.colab.widgets._tabbar import TabBar

__all__ = ["Grid", "InteractiveTable", "TabBar", "WidgetException", "create_grid"]

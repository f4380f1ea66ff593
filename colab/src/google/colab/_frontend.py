"""What the notebook's page does beside showing outputs."""

from __future__ import annotations

from google.colab import _ask


def create_scratch_cell(content: str, bottom_pane: bool = False) -> None:
    """Opens a cell beside the notebook with ``content`` in it. Raises RuntimeError where no page is open."""
    _ask.ask("scratch_cell", content=content, bottom_pane=bool(bottom_pane))

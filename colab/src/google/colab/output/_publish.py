"""Shows HTML, styles and scripts in the cell's output, where they stay when the notebook is saved."""

from __future__ import annotations

import html as _html
from typing import Any


def _show(data: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
    from IPython.display import publish_display_data

    publish_display_data(data, metadata or {})


def html(content: str) -> None:
    """Shows HTML."""
    _show({"text/html": content})


def css(content: str = "", url: str = "") -> None:
    """Adds a style sheet to the cell's output: its text, or its address."""
    if url:
        html(f'<link rel="stylesheet" href="{_html.escape(url)}">')
    if content:
        html(f"<style>{content}</style>")


def javascript(content: str = "", url: str = "", script_id: str = "") -> None:
    """Runs a script in the cell's output: its text, or its address.

    Args:
        content: the script.
        url: where to load one from instead; it runs before what follows.
        script_id: the ``id`` of its element.
    """
    if url or script_id:
        name = f' id="{_html.escape(script_id)}"' if script_id else ""
        source = f' src="{_html.escape(url)}"' if url else ""
        html(f"<script{name}{source}>{'' if url else content}</script>")
        content = content if url else ""
    if content:
        _show({"application/javascript": content})

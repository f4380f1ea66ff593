"""Notebooks of code snippets."""

from __future__ import annotations

import sys

from google.colab import _ask

__all__ = ["register"]


def register(url: str) -> None:
    """Adds a notebook of snippets to the page, where the page can; says so where it cannot.

    Raises ValueError for what is no address.
    """
    if not isinstance(url, str) or "://" not in url:
        raise ValueError("A notebook of snippets is named by its address, https://…")
    try:
        _ask.ask("register_snippets", url=url)
    except _ask.RefusedError as error:
        print(f"The snippets of {url} were not added: {error}", file=sys.stderr)

"""Where in the cell's output things are shown."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator

from google.colab.output import _js, _js_builder, _publish

_ids = itertools.count(1)
_prefix = f"window.labora_area_{os.urandom(4).hex()}"


@contextlib.contextmanager
def redirect_to_element(selector: str | _js_builder.Js) -> Iterator[None]:
    """Shows what comes within in an element of the cell's output.

    Args:
        selector: a selector of CSS, or an expression of :class:`_js_builder.Js`.
    """
    element = f"document.querySelector({_js._literal(selector)})" if isinstance(selector, str) else str(selector)
    with _shown_in(element):
        yield


@contextlib.contextmanager
def to_header_area() -> Iterator[None]:
    """Shows what comes within above the cell's other outputs."""
    with redirect_to_element("#output-header"):
        yield


@contextlib.contextmanager
def to_footer_area() -> Iterator[None]:
    """Shows what comes within below the cell's other outputs."""
    with redirect_to_element("#output-footer"):
        yield


@contextlib.contextmanager
def to_default_area() -> Iterator[None]:
    """Shows what comes within where outputs are shown by default."""
    with _shown_in("google.colab.output.getDefaultOutputArea()"):
        yield


@contextlib.contextmanager
def _shown_in(element: str) -> Iterator[None]:
    before = f"{_prefix}_{next(_ids)}"
    _publish.javascript(
        f"{before} = google.colab.output.getActiveOutputArea();\ngoogle.colab.output.setActiveOutputArea({element});"
    )
    try:
        yield
    finally:
        _publish.javascript(f"google.colab.output.setActiveOutputArea({before});")

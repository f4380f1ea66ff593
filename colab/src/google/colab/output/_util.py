"""Small things about output."""

from __future__ import annotations

from google.colab import _ask
from google.colab.output import _publish


def flush_all() -> None:
    """Returns when everything that was printed and shown so far has left the kernel."""
    _ask.let_leave()


def no_vertical_scroll() -> None:
    """Lets the output of this cell take the height it needs, rather than scroll."""
    _publish.javascript("google.colab.output.setIframeHeight(-1, true, {maxHeight: 99999})")

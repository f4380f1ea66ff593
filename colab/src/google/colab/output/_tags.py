"""Tags of outputs, by which some of a cell's outputs can be cleared."""

from __future__ import annotations

import contextlib
import sys
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from google.colab import _ask

_active: set[str] = set()


def _named(tags: str | Iterable[str]) -> set[str]:
    return {tags} if isinstance(tags, str) else {str(tag) for tag in tags}


def get_active_tags() -> set[str]:
    """Returns the tags that outputs get now."""
    return set(_active)


def reset_tags() -> None:
    """Takes all tags off the outputs to come."""
    _set(set())


def _set(tags: set[str]) -> None:
    """Makes ``tags`` those of the outputs to come; an output without data tells the notebook."""
    from IPython.display import publish_display_data

    global _active
    added, removed = tags - _active, _active - tags
    _active = set(tags)
    if added or removed:
        about = {"nodisplay": True, "add_tags": sorted(added), "remove_tags": sorted(removed)}
        publish_display_data({}, {"outputarea": about})


@contextlib.contextmanager
def use_tags(tags: str | Iterable[str], append: bool = True) -> Iterator[None]:
    """Gives tags to what is shown within.

    Args:
        tags: one, or several.
        append: besides those that are in use; otherwise instead of them.
    """
    before = get_active_tags()
    _set(before | _named(tags) if append else _named(tags))
    try:
        yield
    finally:
        _set(before)


@contextlib.contextmanager
def temporary() -> Iterator[None]:
    """Takes away at the end what is shown within."""
    tag = f"temporary-{uuid.uuid4().hex}"
    with use_tags(tag):
        try:
            yield
        finally:
            clear(output_tags=tag)


def clear(wait: bool = False, output_tags: str | Iterable[str] = ()) -> None:
    """Takes the cell's outputs away.

    Args:
        wait: once there is something new to show.
        output_tags: only outputs that have all of these tags.
    """
    tags = sorted(_named(output_tags))
    if not tags:
        from IPython.display import clear_output

        clear_output(wait=wait)
        return
    _ask.let_leave()
    content = {"wait": bool(wait), "output_tags": tags}
    kernel = _kernel()
    if kernel is not None:
        kernel.send_response(kernel.iopub_socket, "clear_output", content, ident=kernel._topic("clear_output"))


def _kernel() -> Any:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None)

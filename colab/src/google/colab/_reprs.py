"""How values of some types are shown. They are shown as IPython shows them, so there is nothing to switch."""

from __future__ import annotations


def enable_string_repr() -> None:
    """Does nothing."""


def disable_string_repr() -> None:
    """Does nothing."""


def enable_ndarray_repr() -> None:
    """Does nothing."""


def disable_ndarray_repr() -> None:
    """Does nothing."""


def enable_function_repr() -> None:
    """Does nothing."""


def disable_function_repr() -> None:
    """Does nothing."""

"""The errors that this package raises."""

from __future__ import annotations

__all__ = ["AuthorizationError", "Error", "RuntimeManagementError", "WidgetException"]


class Error(Exception):
    """Whatever goes wrong in here, as far as a program may want to tell it from other errors."""


class AuthorizationError(Error):
    """There is no permission for it."""


class RuntimeManagementError(Error):
    """The runtime could not be changed as asked."""


class WidgetException(Error):  # noqa: N818 - the name that notebooks know
    """A widget was used in a way that it is not made for."""

"""The machine that this notebook runs on."""

from __future__ import annotations

from google.colab import _ask, errors

__all__ = ["unassign"]


def unassign() -> None:
    """Ends your runtime, and with it this kernel. Files outside of your drive go with it as the server's rules say.

    Raises:
        RuntimeManagementError: the server did not end it; the error says why.
    """
    try:
        _ask.ask("unassign")
    except _ask.RefusedError as error:
        raise errors.RuntimeManagementError(str(error)) from None

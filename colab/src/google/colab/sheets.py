"""Google Sheets, which this server has no part in."""

from __future__ import annotations

from typing import Any

from google.colab import errors

__all__ = ["InteractiveSheet"]


class InteractiveSheet:
    """A spreadsheet of Google's in the notebook. There are none here: making one raises AuthorizationError."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        raise errors.AuthorizationError(
            "InteractiveSheet needs an account of Google, which this server does not use. To look through a table use "
            "google.colab.data_table.DataTable(df); to work on one elsewhere, df.to_csv(…) and files.download(…)."
        )

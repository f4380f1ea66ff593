"""BigQuery, which this server has no part in."""

from __future__ import annotations

from typing import Any

from google.colab import errors

__all__ = ["run", "set_credentials", "validate"]

_HOW = (
    "google.colab.sql.bigquery needs an account of Google, which this server does not use. With the key of a service "
    "account use the library itself: google.cloud.bigquery.Client.from_service_account_json(…).query(sql). For tables "
    "that you have, duckdb and sqlite3 read SQL here."
)


def set_credentials(*args: Any, **settings: Any) -> None:
    """Raises AuthorizationError, which says what to use instead."""
    raise errors.AuthorizationError(_HOW)


def validate(*args: Any, **settings: Any) -> Any:
    """Raises AuthorizationError, which says what to use instead."""
    raise errors.AuthorizationError(_HOW)


def run(*args: Any, **settings: Any) -> Any:
    """Raises AuthorizationError, which says what to use instead."""
    raise errors.AuthorizationError(_HOW)

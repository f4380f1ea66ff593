"""What every table shares: the registry with its naming rules, and the columns' types."""

from __future__ import annotations

from typing import Any

from sqlalchemy import MetaData, String

from labora.base.text import folded

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = String(32)
Moment = String(24)


def folded_name(context: Any) -> str:
    """Returns what the name of a new row is searched and sorted by."""
    return folded(context.get_current_parameters()["name"])

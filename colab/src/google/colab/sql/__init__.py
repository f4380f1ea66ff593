"""Databases of Google's in SQL."""

from __future__ import annotations

from google.colab.sql import bigquery

__all__ = ["bigquery"]

"""The description of the REST API, from which the TypeScript client is generated."""

from __future__ import annotations

from typing import Any

from labora.api.app import create_api


def document() -> dict[str, Any]:
    """Returns the OpenAPI document of this version; needs neither settings nor a database."""
    return create_api().openapi()

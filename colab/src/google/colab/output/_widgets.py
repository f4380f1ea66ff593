"""Widgets of third parties, which are shown here without being switched on."""

from __future__ import annotations


def enable_custom_widget_manager(version: str = "5.0.0a") -> None:
    """Does nothing: widgets of third parties work from the start, whatever the version."""


def disable_custom_widget_manager() -> None:
    """Does nothing."""

"""Providers of runtimes, one module each, found by name."""

from __future__ import annotations

from importlib.metadata import entry_points

from labora.base.errors import InvalidError
from labora.base.settings import Settings
from labora.runtimes.ports import Provider, ProviderFactory

GROUP = "labora.runtime_providers"


def load_provider(settings: Settings) -> Provider:
    """Makes the provider that ``runtimes.provider`` names.

    Raises:
        InvalidError: ``unknown_provider``; the message names those that are installed.
    """
    name = settings.runtimes.provider
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise InvalidError(
            f"Setting runtimes.provider: there is no provider named {name}. Installed: {known}.",
            code="unknown_provider",
        )
    factory: ProviderFactory = found[name].load()
    return factory(settings)

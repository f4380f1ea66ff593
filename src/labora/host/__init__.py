"""The host supervisor: its own process, with few verbs, that outlives the control plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labora.base.settings import Settings

__all__ = ["ensure_host"]


def ensure_host(settings: Settings, *, until_pid: int | None = None) -> dict[str, Any]:
    """See :func:`labora.host.spawn.ensure_host`. Imported late: the launcher of every sandbox passes through here."""
    from labora.host.spawn import ensure_host as ensure

    return ensure(settings, until_pid=until_pid)

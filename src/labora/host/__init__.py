"""The host supervisor: its own process, with few verbs, that outlives the control plane."""

from labora.host.spawn import ensure_host

__all__ = ["ensure_host"]

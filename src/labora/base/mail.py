"""What those who write letters and the one that sends them agree on."""

from __future__ import annotations

SITE = "{labora:site}"
"""Stands in bodies for the address of this server, which only the sender knows."""
WAITS = "mail"
"""Topic under which it is noted that letters were written."""

"""pasta: a runtime's network carried out of its namespace by a process of an ordinary user."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from labora.host.network import rules
from labora.host.network.policy import Policy

_TUN = Path("/dev/net/tun")


def missing() -> tuple[str, str] | None:
    """Returns what is missing and the remedy, None where all is there."""
    if not os.access(_TUN, os.R_OK | os.W_OK):
        return f"{_TUN} is closed to this user", f"chmod 666 {_TUN}"
    if shutil.which("pasta") is None:
        return "pasta is missing", "install the package passt"
    if rules.find_nft() is None:
        return "nft is missing", "install the package nftables"
    return None


async def trial(pid: int) -> None:
    """Raises OSError."""
    raise OSError(0, f"not tried {pid}")


async def prepare(pid: int, policy: Policy) -> list[str]:
    """Raises OSError."""
    raise OSError(0, f"{pid} {policy}")

"""What the runtime and each kernel use, read from inside."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_shares: dict[int, tuple[str, int, int]] = {}
_CGROUP_V2 = "/sys/fs/cgroup"


def read(kernels: dict[str, Any]) -> dict[str, Any]:
    """Returns bytes and CPU seconds of everything visible here and of each kernel.

    Args:
        kernels: process id (and session id) of each kernel by kernel id; None for a dead one.
    """
    pids = set(_pids())
    for gone in _shares.keys() - pids:
        del _shares[gone]
    processes = [entry for entry in map(_process, pids) if entry is not None]
    result = {
        "memory_bytes": _cgroup_memory() or sum(entry["memory"] for entry in processes),
        "cpu_seconds": round(sum(entry["cpu"] for entry in processes), 2),
        "kernels": {},
    }
    for kernel_id, pid in kernels.items():
        own = [entry for entry in processes if pid is not None and entry["session"] == pid]
        result["kernels"][kernel_id] = {
            "memory_bytes": sum(entry["memory"] for entry in own),
            "cpu_seconds": round(sum(entry["cpu"] for entry in own), 2),
            "processes": len(own),
            "peak_bytes": 0 if pid is None else _peak(pid),
        }
    return result


def _pids() -> Iterable[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _process(pid: int) -> Any:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            # The name in parentheses may hold spaces and parentheses itself.
            fields = file.read().rpartition(")")[2].split()
        return {
            "session": int(fields[3]),
            "cpu": (int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])) / _TICK,
            "memory": _memory(pid, fields[19], int(fields[21])),
        }
    except (OSError, ValueError, IndexError):
        return None


def _memory(pid: int, started: str, resident: int) -> int:
    """Returns bytes of a process. Its share is read anew only when its size has changed: the system walks all of it."""
    known = _shares.get(pid)
    if known is not None and known[:2] == (started, resident):
        return known[2]
    memory = _pss(pid) or resident * _PAGE
    _shares[pid] = (started, resident, memory)
    return memory


def _pss(pid: int) -> int:
    """Returns the proportional share in bytes, which does not count shared pages twice; 0 when it is not shown."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0


def _peak(pid: int) -> int:
    """Returns the most that a process has held at a time; 0 when it is not shown."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0


def _cgroup_memory() -> int:
    """Returns the cgroup's use without its reclaimable cache, when the runtime sees a cgroup of its own; else 0."""
    if os.getpid() != 1:
        return 0
    try:
        with open(os.path.join(_CGROUP_V2, "memory.current"), encoding="ascii") as file:
            used = int(file.read())
        with open(os.path.join(_CGROUP_V2, "memory.stat"), encoding="ascii") as file:
            stat = dict(line.split() for line in file)
        return max(0, used - int(stat.get("inactive_file", 0)))
    except (OSError, ValueError):
        return 0

"""Memory limits and meters where no cgroup can be had: by sampling the process tree.

It bounds a slow leak and reports truthfully; it cannot stop a process that fills the memory within one sample,
which is why the host says ``no_cgroup`` in its notes.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from labora.base.logging import get_logger
from labora.host.model import Handle
from labora.host.process import send_signal

_log = get_logger("host")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process tree uses now."""

    memory_bytes: int
    cpu_seconds: float
    processes: int


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    parent: int
    started: int
    cpu_seconds: float
    threads: int
    resident_bytes: int


def _table() -> dict[int, _Process]:
    found = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            stat = Path("/proc", entry, "stat").read_text(errors="replace")
            fields = stat[stat.rindex(")") + 2 :].split()
            found[int(entry)] = _Process(
                pid=int(entry),
                parent=int(fields[1]),
                started=int(fields[19]),
                cpu_seconds=sum(int(fields[index]) for index in (11, 12, 13, 14)) / _TICKS,
                threads=int(fields[17]),
                resident_bytes=int(fields[21]) * _PAGE,
            )
    return found


def _tree(table: dict[int, _Process], root: int) -> list[_Process]:
    """Returns ``root`` and all below it. In a pid namespace orphans fall to its first process, so nothing escapes."""
    children: dict[int, list[_Process]] = {}
    for process in table.values():
        children.setdefault(process.parent, []).append(process)
    found, pending = [], [table[root]] if root in table else []
    while pending:
        process = pending.pop()
        found.append(process)
        pending += children.get(process.pid, [])
    return found


def _memory(process: _Process) -> int:
    """Returns the proportional set size, or the resident size where the process hides its maps."""
    try:
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return process.resident_bytes


def processes_below(root: int) -> list[int]:
    """Returns the pids of ``root`` and all below it. Blocks for some milliseconds."""
    return [process.pid for process in _tree(_table(), root)]


def _preference(pid: int) -> int:
    """Returns how much of the limit, in thousandths, a process counts beyond its size when one must go."""
    try:
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())
    except (OSError, ValueError):
        return 0


class Watchdog:
    """Samples process trees and kills one process of a tree that is over its limit, as the system would choose it."""

    def __init__(self) -> None:
        self._kills: dict[str, int] = {}

    def adopt(self, handle: Handle) -> None:
        """Goes on counting where an earlier host stopped."""
        self._kills[handle.runtime_id] = handle.memory_kills

    def forget(self, runtime_id: str) -> None:
        """Drops what is known of a runtime that is gone."""
        self._kills.pop(runtime_id, None)

    def kills(self, runtime_id: str) -> int:
        """Returns how many processes were killed for memory."""
        return self._kills.get(runtime_id, 0)

    def usage(self, handle: Handle) -> Usage:
        """Returns what the runtime uses now. Blocks for some milliseconds."""
        tree = _tree(_table(), handle.pid) if handle.alive else []
        return Usage(
            sum(_memory(process) for process in tree),
            sum(process.cpu_seconds for process in tree),
            sum(process.threads for process in tree),
        )

    def enforce(self, handles: Iterable[Handle]) -> None:
        """Kills one process of every runtime that is over its limit. Blocks for some milliseconds."""
        table = _table()
        for handle in handles:
            sizes = [(_memory(process), process) for process in _tree(table, handle.pid)]
            if not sizes or sum(size for size, _ in sizes) <= handle.limits.memory_bytes:
                continue
            # As the system chooses: by size, and by what the agent says of its kernels. The agent itself dies last, so
            # that it can report.
            limit = handle.limits.memory_bytes
            size, largest = max(
                sizes, key=lambda pair: (pair[1].pid != handle.pid, pair[0] + _preference(pair[1].pid) * limit // 1000)
            )
            self._kills[handle.runtime_id] = self.kills(handle.runtime_id) + 1
            _log.warning("memory_limit", runtime_id=handle.runtime_id, pid=largest.pid, bytes=size)
            send_signal(largest.pid, largest.started, signal.SIGKILL)

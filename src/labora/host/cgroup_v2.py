"""Control groups, version 2."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
from pathlib import Path

from labora.host.cgroup_files import CPU_PERIOD_US, pids_of, read_int, read_table, remove_group
from labora.host.model import CgroupVersion, Limits, Note


class CgroupV2:
    """The unified hierarchy, delegated to this process.

    Args:
        root: folder in which the memory, cpu and pids controllers are enabled for children.
    """

    version: CgroupVersion = "v2"

    def __init__(self, root: Path) -> None:
        self._root = root
        enabled = (root / "cgroup.subtree_control").read_text().split()
        self.notes = [
            Note("cgroup_partial", f"The cgroup controller {name} is not delegated: that limit is not enforced.")
            for name in ("memory", "cpu", "pids")
            if name not in enabled
        ]

    def _write(self, name: str, file: str, value: str) -> None:
        path = self._root / name / file
        if path.exists():
            path.write_text(value)

    def create(self, name: str, limits: Limits) -> list[str]:
        (self._root / name).mkdir(exist_ok=True)
        self.limit(name, limits)
        return [str(self._root / name / "cgroup.procs")]

    def limit(self, name: str, limits: Limits) -> None:
        if limits.memory_bytes < self.memory(name):
            # Version 1 refuses by itself; this one would take the limit and kill for it.
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        self._write(name, "memory.swap.max", "0")
        self._write(name, "memory.max", str(limits.memory_bytes))
        # The kernel that grew must die alone, so that the agent lives to report it.
        self._write(name, "memory.oom.group", "0")
        self._write(name, "cpu.max", f"{int(limits.cpus * CPU_PERIOD_US)} {CPU_PERIOD_US}")
        # The kernel refuses a weight for a group that is idle.
        self.yields(name, False)
        self._write(name, "cpu.weight", str(limits.weight))
        self._write(name, "pids.max", str(limits.processes))

    def memory(self, name: str) -> int:
        used = read_int(self._root / name / "memory.current")
        return max(0, used - read_table(self._root / name / "memory.stat").get("inactive_file", 0))

    def cpu_seconds(self, name: str) -> float:
        return read_table(self._root / name / "cpu.stat").get("usage_usec", 0) / 1e6

    def processes(self, name: str) -> int:
        return read_int(self._root / name / "pids.current")

    def oom_kills(self, name: str) -> int:
        return read_table(self._root / name / "memory.events").get("oom_kill", 0)

    def yields(self, name: str, on: bool) -> None:
        self._write(name, "cpu.idle", str(int(on)))

    def kill(self, name: str) -> None:
        switch = self._root / name / "cgroup.kill"
        if switch.exists():  # Linux 5.14
            switch.write_text("1")
            return
        for _ in range(100):
            pids = pids_of(self._root / name / "cgroup.procs")
            if not pids:
                return
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def remove(self, name: str) -> None:
        remove_group(self._root / name)

    def names(self) -> list[str]:
        return sorted(entry.name for entry in self._root.iterdir() if entry.is_dir() and entry.name != "host")

    def path(self, name: str) -> str | None:
        return str(self._root / name)

    def discard(self) -> None:
        # The leaf "host" holds this very process and goes with the surrounding group.
        with contextlib.suppress(OSError):
            self._root.rmdir()

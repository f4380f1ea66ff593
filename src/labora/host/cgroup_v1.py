"""Control groups, version 1, with the version 2 hierarchy beside it where the machine is hybrid."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from labora.host.cgroup_files import CPU_PERIOD_US, pids_of, read_int, read_table, remove_group
from labora.host.model import CgroupVersion, Limits, Note

V1_SHARES = 1024
"""What version 1 calls the usual weight."""


class CgroupV1:
    """Version 1 hierarchies, with the version 2 one beside them (hybrid) used for ``cgroup.kill`` where present.

    Args:
        bases: controller → the folder below which runtimes get their groups.
        label: name of the folder that holds them all.
    """

    version: CgroupVersion = "v1"

    def __init__(self, bases: dict[str, Path], label: str) -> None:
        self._roots = {controller: base / label for controller, base in bases.items()}
        for root in self._roots.values():
            root.mkdir(exist_ok=True)
        self.notes = [
            Note("cgroup_partial", f"The cgroup controller {name} is missing: that limit is not enforced.")
            for name in ("memory", "cpu", "pids")
            if name not in bases
        ]

    def _file(self, controller: str, name: str, file: str) -> Path:
        root = self._roots.get(controller)
        return Path("/nonexistent") if root is None else root / name / file

    def create(self, name: str, limits: Limits) -> list[str]:
        for root in self._roots.values():
            (root / name).mkdir(exist_ok=True)
        self.limit(name, limits)
        return [str(root / name / "cgroup.procs") for root in self._roots.values()]

    def limit(self, name: str, limits: Limits) -> None:
        if "memory" in self._roots:
            bound = self._file("memory", name, "memory.limit_in_bytes")
            swap = self._file("memory", name, "memory.memsw.limit_in_bytes")
            # memsw may never be below the limit: raise it first when growing, lower it last when shrinking.
            with contextlib.suppress(OSError):
                swap.write_text("-1")
            bound.write_text(str(limits.memory_bytes))
            with contextlib.suppress(OSError):  # absent where the kernel does not account for swap
                swap.write_text(str(limits.memory_bytes))
        if "cpu" in self._roots:
            self._file("cpu", name, "cpu.cfs_period_us").write_text(str(CPU_PERIOD_US))
            self._file("cpu", name, "cpu.cfs_quota_us").write_text(str(int(limits.cpus * CPU_PERIOD_US)))
            # The kernel refuses a weight for a group that is idle.
            self.yields(name, False)
            self._file("cpu", name, "cpu.shares").write_text(str(max(2, limits.weight * V1_SHARES // 100)))
        if "pids" in self._roots:
            self._file("pids", name, "pids.max").write_text(str(limits.processes))

    def memory(self, name: str) -> int:
        used = read_int(self._file("memory", name, "memory.usage_in_bytes"))
        return max(0, used - read_table(self._file("memory", name, "memory.stat")).get("total_inactive_file", 0))

    def cpu_seconds(self, name: str) -> float:
        return read_int(self._file("cpuacct", name, "cpuacct.usage")) / 1e9

    def processes(self, name: str) -> int:
        return read_int(self._file("pids", name, "pids.current"))

    def oom_kills(self, name: str) -> int:
        # failcnt stays 0 when the kernel kills; oom_kill (Linux 4.13) counts kills.
        return read_table(self._file("memory", name, "memory.oom_control")).get("oom_kill", 0)

    def yields(self, name: str, on: bool) -> None:
        switch = self._file("cpu", name, "cpu.idle")
        if switch.exists():
            switch.write_text(str(int(on)))

    def kill(self, name: str) -> None:
        switch = self._file("unified", name, "cgroup.kill")
        if switch.exists():
            switch.write_text("1")
            return
        frozen = self._file("freezer", name, "freezer.state")
        # Frozen first, a fork bomb cannot outrun the loop; the signals take effect on thawing.
        with contextlib.suppress(OSError):
            frozen.write_text("FROZEN")
        for root in self._roots.values():
            for pid in pids_of(root / name / "cgroup.procs"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            frozen.write_text("THAWED")

    def remove(self, name: str) -> None:
        for root in self._roots.values():
            remove_group(root / name)

    def names(self) -> list[str]:
        return sorted({entry.name for root in self._roots.values() for entry in root.iterdir() if entry.is_dir()})

    def path(self, name: str) -> str | None:
        root = self._roots.get("memory") or next(iter(self._roots.values()))
        return str(root / name)

    def discard(self) -> None:
        for root in self._roots.values():
            with contextlib.suppress(OSError):
                root.rmdir()

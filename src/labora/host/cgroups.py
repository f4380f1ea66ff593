"""Limits and meters by control groups: version 2, version 1 or none, behind one interface.

One group per runtime, below this process's own group wherever the kernel allows, so that limits set on the host by
its surroundings (a container, a unit) hold for the runtimes too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Protocol

from labora.host.model import CgroupVersion, Limits, Note

V1_CONTROLLERS = ("memory", "cpu", "cpuacct", "pids", "freezer")
CPU_PERIOD_US = 100_000


class CgroupDriver(Protocol):
    """What the supervisor asks of control groups. ``name`` is a runtime id."""

    version: CgroupVersion
    notes: list[Note]

    def create(self, name: str, limits: Limits) -> list[str]:
        """Makes the group (or takes the one that is there) and returns the ``cgroup.procs`` files to join it by."""
        ...

    def limit(self, name: str, limits: Limits) -> None:
        """Changes the limits of a living group."""
        ...

    def memory(self, name: str) -> int:
        """Returns bytes in use without the page cache that can be dropped at once."""
        ...

    def cpu_seconds(self, name: str) -> float: ...

    def processes(self, name: str) -> int: ...

    def oom_kills(self, name: str) -> int:
        """Returns how many processes the kernel has killed for memory in this group."""
        ...

    def kill(self, name: str) -> None:
        """Kills every process of the group."""
        ...

    def remove(self, name: str) -> None:
        """Removes the empty group."""
        ...

    def names(self) -> list[str]:
        """Returns the groups that exist, also those of an earlier host."""
        ...

    def path(self, name: str) -> str | None:
        """Returns where the group lies, for people."""
        ...

    def discard(self) -> None:
        """Removes what holds the groups, when no runtime is left and the host ends for good."""
        ...


def _read_int(path: Path) -> int:
    try:
        text = path.read_text().strip()
    except OSError:
        return 0
    return 0 if text in {"", "max"} else int(text)


def _read_table(path: Path) -> dict[str, int]:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    return {key: int(value) for key, _, value in (line.partition(" ") for line in lines) if value.isdigit()}


def _pids(path: Path) -> list[int]:
    try:
        return [int(line) for line in path.read_text().split()]
    except OSError:
        return []


def _rmdir(path: Path) -> None:
    """Removes a group and the groups that the runtime made below it; waits up to 2 s for its last process to go."""
    if not path.is_dir():
        return
    for child in path.iterdir():
        if child.is_dir():
            _rmdir(child)
    for _ in range(200):
        try:
            path.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.01)
        else:
            return


def mounts(table: str) -> dict[str, tuple[Path, str]]:
    """Reads ``/proc/self/mountinfo``: controller (or ``unified``) → (mount point, root of that mount)."""
    found: dict[str, tuple[Path, str]] = {}
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, _source, options) = before.split(), after.split(" ", 2)
        if kind == "cgroup2":
            found.setdefault("unified", (Path(fields[4]), fields[3]))
        elif kind == "cgroup":
            for option in options.split(","):
                found.setdefault(option, (Path(fields[4]), fields[3]))
    return found


def memberships(table: str) -> dict[str, str]:
    """Reads ``/proc/self/cgroup``: controller (or ``unified``) → path of the own group."""
    found: dict[str, str] = {}
    for line in table.splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            found["unified"] = path
        for controller in filter(None, controllers.split(",")):
            found[controller] = path
    return found


def own_group(controller: str, mount_table: str, membership: str) -> Path | None:
    """Returns the folder of this process's own group, or None where it is not mounted or lies outside the mount."""
    place = mounts(mount_table).get(controller)
    path = memberships(membership).get(controller)
    if place is None or path is None:
        return None
    point, root = place
    if root != "/":
        if path != root and not path.startswith(root.rstrip("/") + "/"):
            return None
        path = path[len(root.rstrip("/")) :]
    folder = point / path.lstrip("/")
    return folder if folder.is_dir() else None


class NoCgroups:
    """No usable groups: RLIMITs and the watchdog do what they can (see ``watchdog.py``)."""

    version: CgroupVersion = "none"

    def __init__(self, why: str) -> None:
        self.notes = [
            Note("no_cgroup", f"No usable cgroup ({why}): memory is watched by sampling, cpu is not limited."),
        ]

    def create(self, name: str, limits: Limits) -> list[str]:
        return []

    def limit(self, name: str, limits: Limits) -> None: ...

    def memory(self, name: str) -> int:
        return 0

    def cpu_seconds(self, name: str) -> float:
        return 0.0

    def processes(self, name: str) -> int:
        return 0

    def oom_kills(self, name: str) -> int:
        return 0

    def kill(self, name: str) -> None: ...

    def remove(self, name: str) -> None: ...

    def names(self) -> list[str]:
        return []

    def path(self, name: str) -> str | None:
        return None

    def discard(self) -> None: ...


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
        if "pids" in self._roots:
            self._file("pids", name, "pids.max").write_text(str(limits.processes))

    def memory(self, name: str) -> int:
        used = _read_int(self._file("memory", name, "memory.usage_in_bytes"))
        return max(0, used - _read_table(self._file("memory", name, "memory.stat")).get("total_inactive_file", 0))

    def cpu_seconds(self, name: str) -> float:
        return _read_int(self._file("cpuacct", name, "cpuacct.usage")) / 1e9

    def processes(self, name: str) -> int:
        return _read_int(self._file("pids", name, "pids.current"))

    def oom_kills(self, name: str) -> int:
        # failcnt stays 0 when the kernel kills; oom_kill (Linux 4.13) counts kills.
        return _read_table(self._file("memory", name, "memory.oom_control")).get("oom_kill", 0)

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
            for pid in _pids(root / name / "cgroup.procs"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            frozen.write_text("THAWED")

    def remove(self, name: str) -> None:
        for root in self._roots.values():
            _rmdir(root / name)

    def names(self) -> list[str]:
        return sorted({entry.name for root in self._roots.values() for entry in root.iterdir() if entry.is_dir()})

    def path(self, name: str) -> str | None:
        root = self._roots.get("memory") or next(iter(self._roots.values()))
        return str(root / name)

    def discard(self) -> None:
        for root in self._roots.values():
            with contextlib.suppress(OSError):
                root.rmdir()


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
        self._write(name, "memory.swap.max", "0")
        self._write(name, "memory.max", str(limits.memory_bytes))
        # The kernel that grew must die alone, so that the agent lives to report it.
        self._write(name, "memory.oom.group", "0")
        self._write(name, "cpu.max", f"{int(limits.cpus * CPU_PERIOD_US)} {CPU_PERIOD_US}")
        self._write(name, "pids.max", str(limits.processes))

    def memory(self, name: str) -> int:
        used = _read_int(self._root / name / "memory.current")
        return max(0, used - _read_table(self._root / name / "memory.stat").get("inactive_file", 0))

    def cpu_seconds(self, name: str) -> float:
        return _read_table(self._root / name / "cpu.stat").get("usage_usec", 0) / 1e6

    def processes(self, name: str) -> int:
        return _read_int(self._root / name / "pids.current")

    def oom_kills(self, name: str) -> int:
        return _read_table(self._root / name / "memory.events").get("oom_kill", 0)

    def kill(self, name: str) -> None:
        switch = self._root / name / "cgroup.kill"
        if switch.exists():  # Linux 5.14
            switch.write_text("1")
            return
        for _ in range(100):
            pids = _pids(self._root / name / "cgroup.procs")
            if not pids:
                return
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def remove(self, name: str) -> None:
        _rmdir(self._root / name)

    def names(self) -> list[str]:
        return sorted(entry.name for entry in self._root.iterdir() if entry.is_dir() and entry.name != "host")

    def path(self, name: str) -> str | None:
        return str(self._root / name)

    def discard(self) -> None:
        # The leaf "host" holds this very process and goes with the surrounding group.
        with contextlib.suppress(OSError):
            self._root.rmdir()


def _open_v1(label: str, mount_table: str, membership: str) -> CgroupV1 | None:
    bases = {}
    for controller in (*V1_CONTROLLERS, "unified"):
        group = own_group(controller, mount_table, membership)
        if group is not None and os.access(group, os.W_OK):
            bases[controller] = group
    if not {"memory", "pids"} & bases.keys():
        return None
    return CgroupV1(bases, label)


def _enable(folder: Path) -> bool:
    """Enables the three controllers for the children of ``folder``. False where the kernel refuses."""
    offered = (folder / "cgroup.controllers").read_text().split()
    wanted = [name for name in ("memory", "cpu", "pids") if name in offered]
    if "memory" not in wanted:
        return False
    try:
        (folder / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in wanted))
    except OSError:
        return False
    return True


def _open_v2(label: str, own: Path, top: Path) -> CgroupV2 | None:
    """A group that holds processes cannot have limited children (except the root), so the host steps into a leaf.

    Where others share the own group, a sibling below the same parent is the next best place. A container's top group
    has no parent here: everything in it steps into the leaf, as container engines inside containers do.
    """
    for base in (own, own.parent):
        root = base / label
        try:
            root.mkdir(exist_ok=True)
        except OSError:
            continue
        if base == own and not _enable(base):
            leaf = root / "host"
            try:
                leaf.mkdir(exist_ok=True)
                for pid in _pids(own / "cgroup.procs") if own == top else [os.getpid()]:
                    with contextlib.suppress(ProcessLookupError):
                        (leaf / "cgroup.procs").write_text(str(pid))
            except OSError:
                continue
        if _enable(base) and _enable(root):
            return CgroupV2(root)
        # Undo: an empty group left behind would say that limits hold where they do not.
        with contextlib.suppress(OSError):
            for pid in _pids(root / "host" / "cgroup.procs"):
                (base / "cgroup.procs").write_text(str(pid))
            _rmdir(root)
    return None


def open_driver(label: str) -> CgroupDriver:
    """Finds the best driver for this process.

    Args:
        label: folder name of this installation's runtimes; the same one over restarts of the host.
    """
    try:
        mount_table = Path("/proc/self/mountinfo").read_text()
        membership = Path("/proc/self/cgroup").read_text()
    except OSError as error:
        return NoCgroups(f"/proc is not readable: {error.strerror}")
    driver: CgroupDriver | None = None
    try:
        driver = _open_v1(label, mount_table, membership)
        own = own_group("unified", mount_table, membership)
        if driver is None and own is not None and "memory" in (own / "cgroup.controllers").read_text().split():
            driver = _open_v2(label, own, mounts(mount_table)["unified"][0])
    except OSError as error:
        return NoCgroups(f"{error.filename}: {error.strerror}")
    return driver or NoCgroups("no group that this user may write to; delegate one, or start as root")

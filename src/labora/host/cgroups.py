"""Limits and meters by control groups: version 2, version 1 or none, behind one interface.

One group per runtime, below this process's own group wherever the kernel allows, so that limits set on the host by
its surroundings (a container, a unit) hold for the runtimes too.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Protocol

from labora.host.cgroup_files import pids_of, remove_group
from labora.host.cgroup_v1 import CgroupV1
from labora.host.cgroup_v2 import CgroupV2
from labora.host.model import CgroupVersion, Limits, Note

V1_CONTROLLERS = ("memory", "cpu", "cpuacct", "pids", "freezer")


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

    def yields(self, name: str, on: bool) -> None:
        """Lets the group's processes run only where no other runtime's have work, or takes that back (Linux 5.15)."""
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

    def yields(self, name: str, on: bool) -> None: ...

    def kill(self, name: str) -> None: ...

    def remove(self, name: str) -> None: ...

    def names(self) -> list[str]:
        return []

    def path(self, name: str) -> str | None:
        return None

    def discard(self) -> None: ...


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
    for folder in (own, *own.parents):
        # A host that was started from the leaf of an earlier one: the runtimes' groups lie beside that leaf.
        if folder.name == label and folder.is_relative_to(top) and _enable(folder):
            return CgroupV2(folder)
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
                for pid in pids_of(own / "cgroup.procs") if own == top else [os.getpid()]:
                    with contextlib.suppress(ProcessLookupError):
                        (leaf / "cgroup.procs").write_text(str(pid))
            except OSError:
                continue
        if _enable(base) and _enable(root):
            return CgroupV2(root)
        # Undo: an empty group left behind would say that limits hold where they do not.
        with contextlib.suppress(OSError):
            for pid in pids_of(root / "host" / "cgroup.procs"):
                (base / "cgroup.procs").write_text(str(pid))
            remove_group(root)
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
    return choose_driver(label, mount_table, membership)


def choose_driver(label: str, mount_table: str, membership: str) -> CgroupDriver:
    """The same for a process with this ``/proc/self/mountinfo`` and ``/proc/self/cgroup``."""
    driver: CgroupDriver | None = None
    try:
        driver = _open_v1(label, mount_table, membership)
        own = own_group("unified", mount_table, membership)
        if driver is None and own is not None and "memory" in (own / "cgroup.controllers").read_text().split():
            driver = _open_v2(label, own, mounts(mount_table)["unified"][0])
    except OSError as error:
        return NoCgroups(f"{error.filename}: {error.strerror}")
    return driver or NoCgroups("no group that this user may write to; delegate one, or start as root")

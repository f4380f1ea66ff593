"""Version 2 control groups as far as files tell: where runtimes get their groups, limits, meters, ends."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from labora.host import cgroups
from labora.host.cgroup_v2 import CgroupV2
from labora.host.model import Limits

from .fake_cgroups import FakeHierarchy

MIB = 1 << 20
LIMITS = Limits(300 * MIB, 1.5, 64)
OTHERS = 4_000_001
SCOPE = "/user.slice/user-1000.slice/user@1000.service/app.slice/labora.scope"


@pytest.fixture
def hierarchy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeHierarchy:
    (tmp_path / "cgroup").mkdir()
    return FakeHierarchy(monkeypatch, tmp_path / "cgroup")


def choose(hierarchy: FakeHierarchy, own: str) -> cgroups.CgroupDriver:
    mounted = f"30 24 0:26 / {hierarchy.top} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"
    return cgroups.choose_driver("labora-x", mounted, f"0::{own}\n")


def delegated(hierarchy: FakeHierarchy, *pids: int, controllers: str = "cpu memory pids") -> Path:
    """The group of a unit with ``Delegate=yes``, all its parents without processes."""
    parts = SCOPE.strip("/").split("/")
    hierarchy.group("/", controllers=controllers)
    for end in range(1, len(parts)):
        hierarchy.group("/".join(parts[:end]), controllers=controllers)
    return hierarchy.group(SCOPE, *pids)


def enabled(group: Path) -> list[str]:
    return (group / "cgroup.subtree_control").read_text().split()


def test_a_host_alone_in_its_group_steps_into_a_leaf(hierarchy: FakeHierarchy) -> None:
    own = delegated(hierarchy, os.getpid())
    driver = choose(hierarchy, SCOPE)
    assert (driver.version, driver.notes, driver.names()) == ("v2", [], [])
    assert hierarchy.read(own, "cgroup.procs") == ""
    assert hierarchy.read(own / "labora-x" / "host", "cgroup.procs") == f"{os.getpid()}\n"
    assert enabled(own) == enabled(own / "labora-x") == ["cpu", "memory", "pids"]
    assert driver.create("rt", LIMITS) == [str(own / "labora-x" / "rt" / "cgroup.procs")]
    # The next host of this folder starts where the last one was, and finds the same runtimes.
    again = choose(hierarchy, f"{SCOPE}/labora-x/host")
    assert (again.version, again.names(), again.path("rt")) == ("v2", ["rt"], driver.path("rt"))


def test_a_host_beside_others_takes_a_group_next_to_theirs(hierarchy: FakeHierarchy) -> None:
    own = delegated(hierarchy, os.getpid(), OTHERS)
    driver = choose(hierarchy, SCOPE)
    assert driver.version == "v2"
    assert driver.path("rt") == str(own.parent / "labora-x" / "rt")
    assert hierarchy.read(own, "cgroup.procs").split() == [str(OTHERS), str(os.getpid())], "nobody was moved for good"
    assert not (own / "labora-x").exists()


def test_in_a_container_everybody_steps_into_the_leaf(hierarchy: FakeHierarchy) -> None:
    hierarchy.contained = True
    hierarchy.set(hierarchy.top, "cgroup.procs", f"1\n{os.getpid()}\n")
    driver = choose(hierarchy, "/")
    assert driver.version == "v2"
    assert enabled(hierarchy.top / "labora-x") == ["cpu", "memory", "pids"]
    again = choose(hierarchy, "/labora-x/host")
    assert (again.version, again.path("rt")) == ("v2", driver.path("rt")), again.notes


@pytest.mark.parametrize("controllers", ["", "cpu pids"])
def test_without_the_memory_controller_there_is_none(hierarchy: FakeHierarchy, controllers: str) -> None:
    delegated(hierarchy, os.getpid(), controllers=controllers)
    driver = choose(hierarchy, SCOPE)
    assert (driver.version, [note.code for note in driver.notes]) == ("none", ["no_cgroup"])


def test_a_controller_that_is_not_delegated_is_told(hierarchy: FakeHierarchy) -> None:
    delegated(hierarchy, os.getpid(), controllers="cpu memory")
    driver = choose(hierarchy, SCOPE)
    assert [(note.code, "pids" in note.message) for note in driver.notes] == [("cgroup_partial", True)]
    group = Path(driver.create("rt", LIMITS)[0]).parent
    assert not (group / "pids.max").exists()
    assert driver.processes("rt") == 0


@pytest.fixture
def group(hierarchy: FakeHierarchy) -> tuple[CgroupV2, Path]:
    delegated(hierarchy, os.getpid())
    driver = choose(hierarchy, SCOPE)
    assert isinstance(driver, CgroupV2)
    return driver, Path(driver.create("rt", LIMITS)[0]).parent


def test_limits_are_written_as_the_kernel_reads_them(group: tuple[CgroupV2, Path]) -> None:
    driver, folder = group
    files = ("memory.max", "memory.swap.max", "memory.oom.group", "cpu.max", "pids.max")
    assert [(folder / name).read_text() for name in files] == [
        f"{300 * MIB}\n",
        "0\n",
        "0\n",
        "150000 100000\n",
        "64\n",
    ]
    driver.limit("rt", Limits(512 * MIB, 0.25, 10))
    assert [(folder / name).read_text() for name in files[:1] + files[3:]] == [
        f"{512 * MIB}\n",
        "25000 100000\n",
        "10\n",
    ]


def test_meters_read_what_the_kernel_writes(hierarchy: FakeHierarchy, group: tuple[CgroupV2, Path]) -> None:
    driver, folder = group
    assert (driver.memory("rt"), driver.cpu_seconds("rt"), driver.processes("rt"), driver.oom_kills("rt")) == (
        0,
        0,
        0,
        0,
    )
    hierarchy.set(folder, "memory.current", f"{100 * MIB}\n")
    stat = hierarchy.read(folder, "memory.stat").replace("inactive_file 0", f"inactive_file {30 * MIB}")
    hierarchy.set(folder, "memory.stat", stat)
    hierarchy.set(folder, "cpu.stat", "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\nnr_periods 9\n")
    hierarchy.set(folder, "pids.current", "7\n")
    hierarchy.set(
        folder, "memory.events", "low 0\nhigh 0\nmax 812\noom 3\noom_kill 2\noom_group_kill 0\nsock_throttled 0\n"
    )
    assert driver.memory("rt") == 70 * MIB, "page cache that can be dropped does not count"
    assert (driver.cpu_seconds("rt"), driver.processes("rt"), driver.oom_kills("rt")) == (2.5, 7, 2)
    assert driver.memory("unknown") == driver.oom_kills("unknown") == 0


def test_a_group_yields_and_takes_it_back(group: tuple[CgroupV2, Path]) -> None:
    driver, folder = group
    driver.yields("rt", True)
    assert (folder / "cpu.idle").read_text() == "1\n"
    driver.yields("rt", False)
    assert (folder / "cpu.idle").read_text() == "0\n"
    driver.yields("rt", True)
    driver.limit("rt", Limits(512 * MIB, 0.25, 10, weight=50))
    assert [(folder / name).read_text() for name in ("cpu.idle", "cpu.weight")] == ["0\n", "50\n"]
    (folder / "cpu.idle").unlink()  # before Linux 5.15
    driver.yields("rt", True)
    assert not (folder / "cpu.idle").exists()


def test_a_limit_below_what_is_used_is_refused_and_kills_nobody(
    hierarchy: FakeHierarchy, group: tuple[CgroupV2, Path]
) -> None:
    driver, folder = group
    hierarchy.set(folder, "memory.current", f"{200 * MIB}\n")
    with pytest.raises(OSError, match="busy"):
        driver.limit("rt", Limits(100 * MIB, 1.0, 64))
    assert hierarchy.read(folder, "memory.max") == f"{300 * MIB}\n"


def test_all_processes_are_killed_with_and_without_the_kernels_switch(
    hierarchy: FakeHierarchy, group: tuple[CgroupV2, Path]
) -> None:
    driver, folder = group
    driver.kill("rt")
    assert hierarchy.read(folder, "cgroup.kill") == "1\n"
    (folder / "cgroup.kill").unlink()  # before Linux 5.14
    process = subprocess.Popen(["sleep", "600"])
    hierarchy.set(folder, "cgroup.procs", f"{process.pid}\n")
    driver.kill("rt")
    assert process.wait(10) == -9


def test_a_group_is_removed_with_those_that_the_runtime_made_in_it(
    hierarchy: FakeHierarchy, group: tuple[CgroupV2, Path]
) -> None:
    driver, folder = group
    (folder / "made" / "inside").mkdir(parents=True)
    driver.create("other", LIMITS)
    assert driver.names() == ["other", "rt"]
    driver.remove("rt")
    assert driver.names() == ["other"]
    driver.remove("rt")

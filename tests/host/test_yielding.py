"""Who computes without pause yields to the others, and only as long."""

from __future__ import annotations

import os
from pathlib import Path

from labora.host import cgroups
from labora.host.model import Limits
from labora.host.yielding import Yielding

MIB = 1 << 20


class Groups:
    """Groups whose use of processors the test says."""

    def __init__(self) -> None:
        self.used: dict[str, float] = {}
        self.yielding: dict[str, bool] = {}

    def cpu_seconds(self, name: str) -> float:
        return self.used.get(name, 0.0)

    def yields(self, name: str, on: bool) -> None:
        self.yielding[name] = on


def test_only_who_computes_for_a_while_yields_until_it_rests() -> None:
    groups, now = Groups(), 100.0
    looks = Yielding(groups)

    def pass_by(**rates: float) -> dict[str, bool]:
        nonlocal now
        now += 1
        for name, rate in rates.items():
            groups.used[name] = groups.used.get(name, 0.0) + rate
        looks.look(rates, now)
        return dict(groups.yielding)

    assert pass_by(hog=0.0, cell=0.0) == {}
    assert pass_by(hog=2.0, cell=0.9) == {}, "a short cell is no hog"
    assert pass_by(hog=2.0, cell=0.0) == {"hog": True}
    assert pass_by(hog=0.2, cell=0.9) == {"hog": True}, "it had less because it yielded"
    assert pass_by(hog=0.0, cell=0.0) == {"hog": False}
    assert pass_by(hog=1.0, cell=0.0) == {"hog": False}
    assert pass_by(cell=0.0) == {"hog": False}
    groups.yielding.clear()
    assert pass_by(hog=1.0, cell=0.0) == {}, "who comes anew is looked at anew"
    assert pass_by(hog=1.0, cell=0.0) == {}
    assert pass_by(hog=1.0, cell=0.0) == {"hog": True}


def test_the_real_groups_of_this_machine_take_it() -> None:
    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        return  # a version 2 driver would move this very process; test_cgroup_v2.py has its files
    driver = cgroups.open_driver(f"labora-test-{os.getpid()}")
    if driver.version == "none":
        driver.yields("rt", True)  # there is nothing to write, and nothing fails
        assert [note.code for note in driver.notes] == ["no_cgroup"]
        return
    try:
        driver.create("rt", Limits(256 * MIB, 1.0, 64))

        own = cgroups.own_group("cpu", Path("/proc/self/mountinfo").read_text(), Path("/proc/self/cgroup").read_text())

        def idle() -> set[str]:
            file = own / f"labora-test-{os.getpid()}/rt/cpu.idle" if own is not None else None
            return {file.read_text().strip()} if file is not None and file.exists() else set()

        before = idle()
        assert before <= {"0"}
        driver.yields("rt", True)
        assert idle() == ({"1"} if before else set()), "every Linux from 5.15 on has it"
        driver.yields("rt", False)
        assert idle() == before
    finally:
        driver.remove("rt")
        driver.discard()

"""The doctor tells the truth about this machine."""

from __future__ import annotations

import os

import pytest

from labora.host.doctor import checks


@pytest.mark.sandbox
def test_every_finding_has_a_message_and_a_failed_one_a_remedy(tmp_path):
    found = {check.name: check for check in checks(tmp_path / "not there yet")}
    assert {"isolation", "bubblewrap", "seccomp", "cgroup", "fuse", "tun", "python", "disk"} <= found.keys()
    for check in found.values():
        assert check.message
        assert check.ok or check.remedy
    assert found["isolation"].ok
    assert ("level a" in found["isolation"].message) == (os.geteuid() == 0)

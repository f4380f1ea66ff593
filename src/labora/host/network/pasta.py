"""pasta: a runtime's network carried out of its namespace by a process of an ordinary user.

The filter is loaded inside the namespace before pasta joins it; nobody in the sandbox may change it. pasta runs
below the relay and is known by its pid file, since it must be found again when the relay has died.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

from labora.host.network import inside, rules
from labora.host.network.netlink import Netlink
from labora.host.network.policy import Policy
from labora.host.process import start_time

_TUN = Path("/dev/net/tun")
_NS_GET_USERNS = 0xB701
_INTERFACE = "eth0"
_READY_S = 10.0
_FLAGS = [
    "--foreground", "--quiet", "--ipv4-only", "--config-net", "--no-map-gw", "--ns-ifname", _INTERFACE,
    "--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none",
]  # fmt: skip


def missing() -> tuple[str, str] | None:
    """Returns what is missing and the remedy, None where all is there."""
    if not os.access(_TUN, os.R_OK | os.W_OK):
        return f"{_TUN} is closed to this user", f"chmod 666 {_TUN}"
    if shutil.which("pasta") is None:
        return "pasta is missing", "install the package passt"
    if rules.find_nft() is None:
        return "nft is missing", "install the package nftables"
    return None


class Carrier:
    """One pasta.

    Args:
        pid: a process in the sandbox.
        record: the pid file that it is known by.

    Raises:
        OSError: it could not be started.
    """

    def __init__(self, pid: int, record: Path) -> None:
        self._record = record
        end(record)
        network = os.open(inside.namespace_of(pid), os.O_RDONLY | os.O_CLOEXEC)
        try:
            # bubblewrap's own user namespace, which owns the network; it has no path but this descriptor's.
            owner = fcntl.ioctl(network, _NS_GET_USERNS)
            try:
                self._process = subprocess.Popen(
                    [
                        "pasta", *_FLAGS, "--pid", str(record),
                        "--userns", f"/proc/self/fd/{owner}", "--netns", inside.namespace_of(pid),
                    ],
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=(owner,),
                )  # fmt: skip
            finally:
                os.close(owner)
        finally:
            os.close(network)

    def close(self) -> None:
        """Ends it. Blocks for a moment."""
        self._process.kill()
        self._process.wait()
        self._record.unlink(missing_ok=True)


def end(record: Path) -> None:
    """Kills the pasta that a pid file names, if it is that one still."""
    try:
        pid = int(record.read_text())
        named = str(record).encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        named = False
    if named:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    record.unlink(missing_ok=True)


def record_of(run: Path, runtime_id: str) -> Path:
    """Returns the pid file of a runtime's pasta."""
    return run / f"pasta-{runtime_id}.pid"


def sweep(run: Path, living: Iterable[str]) -> None:
    """Kills what carries for runtimes that are gone."""
    kept = {record_of(run, runtime_id) for runtime_id in living}
    for record in set(run.glob("pasta-*.pid")) - kept:
        end(record)


async def protect(pid: int, policy: Policy) -> None:
    """Loads the filter inside a sandbox that does not run yet. Raises OSError."""
    nft = rules.find_nft()
    if nft is None:
        raise OSError(0, "nft is missing; install the package nftables")
    with Netlink() as machine:
        own = [address for _, address in machine.addresses()]
    load = ["run", json.dumps([nft, "-f", "-"]), rules.inside_table(policy, own)]
    await inside.perform(inside.namespace_of(pid), [load])


async def ready(pid: int) -> None:
    """Returns when the interface is there and leads out. Raises OSError."""
    (connection,) = await inside.perform(inside.namespace_of(pid), [["netlink"]])
    with Netlink(socket.socket(fileno=connection)) as netlink:
        try:
            async with asyncio.timeout(_READY_S):
                while not any(route.prefix == 0 for route in netlink.routes()):
                    if start_time(pid) is None:
                        raise OSError(0, "the sandbox has ended")
                    await asyncio.sleep(0.005)
        except TimeoutError as error:
            raise OSError(0, "pasta gave no interface; run/network.log may say why") from error


async def trial(pid: int, record: Path) -> None:
    """Does it all for a scratch namespace. Raises OSError."""
    await protect(pid, Policy())
    carrier = Carrier(pid, record)
    try:
        await ready(pid)
    finally:
        await asyncio.to_thread(carrier.close)

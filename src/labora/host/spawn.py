"""Finding the living host of a data folder, or starting one that outlives its starter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from labora import __version__
from labora.base.errors import UnavailableError
from labora.base.settings import Settings
from labora.host import keeper
from labora.host.model import NetworkOptions
from labora.host.network import policy
from labora.host.process import is_alive, start_time
from labora.host.unix import connect_unix

START_TIMEOUT_S = 30.0
MAX_LOG = 8 * 1024 * 1024


def call_host(socket_path: Path, verb: str, timeout_s: float = 5.0) -> Any:
    """Calls a verb without arguments, blocking. Raises OSError where no host answers."""
    with connect_unix(socket_path, timeout_s) as connection, connection.makefile("rwb") as stream:
        stream.write(json.dumps({"verb": verb, "args": {}}).encode() + b"\n")
        stream.flush()
        line = stream.readline()
    if not line:
        raise ConnectionResetError("the host closed the connection")
    return json.loads(line)["result"]


def network_options(settings: Settings) -> NetworkOptions:
    """Returns the host's view of the section ``network``."""
    network = settings.network
    return NetworkOptions(network.egress, network.means, tuple(network.allow), network.subnet, network.relay_uid)


def host_command(settings: Settings, until_pid: int | None = None) -> list[str]:
    """Returns the command line of the host for these settings.

    Raises:
        InvalidError: the network's allow-list or subnet makes no sense.
    """
    runtimes, network = settings.runtimes, network_options(settings)
    policy.parse(network.allow)
    policy.check_subnet(network.subnet)
    return [
        sys.executable, "-m", "labora.host",
        "--data-dir", str(settings.storage.data_dir.absolute()),
        "--images-dir", str(settings.images_dir),
        "--isolation", runtimes.isolation,
        "--base-uid", str(runtimes.base_uid),
        "--log-level", settings.log.level,
        "--egress", network.egress,
        "--network-means", network.means,
        "--relay-uid", str(network.uid),
        "--mount-uid", str(runtimes.mount_uid),
        *(word for entry in network.allow for word in ("--allow", entry)),
        *(["--subnet", network.subnet] if network.subnet else []),
        *(["--control-uid", str(runtimes.control_uid)] if os.geteuid() == 0 and runtimes.control_uid else []),
        *(["--until-pid", str(until_pid)] if until_pid is not None else []),
    ]  # fmt: skip


def _spawn(settings: Settings, command: list[str]) -> None:
    """Starts the host below its keeper, in its own session: nobody's job, nobody's zombie, no terminal."""
    log = settings.run_dir / "host.log"
    if log.exists() and log.stat().st_size > MAX_LOG:
        log.rename(log.with_suffix(".log.1"))
    with log.open("ab") as sink:
        subprocess.run(
            [sys.executable, "-I", "-S", keeper.__file__, *command],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            cwd="/",
            check=True,
        )


def ensure_host(settings: Settings, *, until_pid: int | None = None) -> dict[str, Any]:
    """Returns the answer of ``ping`` from the host of the data folder, starting one where none lives.

    A host of another version, or with other settings of the network, hands its runtimes over to a new one. Blocks up
    to 30 s; call it before the control plane gives its privileges up, since a root host is started by root only.

    Args:
        until_pid: a host that is started here ends, with its runtimes, when this process does; None: it outlives all.

    Raises:
        InvalidError: a setting makes no sense.
        UnavailableError: the host does not come up; the message carries the end of its log.
    """
    command = host_command(settings, until_pid)  # before a living host is asked to leave for what makes no sense
    path = settings.run_dir / "host.sock"
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + START_TIMEOUT_S
    spawned_at = float("-inf")
    while time.monotonic() < deadline:
        try:
            info: dict[str, Any] = call_host(path, "ping")
        except (OSError, ValueError, KeyError):
            # Anew now and then: an old host may just be ending and still hold the lock.
            if time.monotonic() - spawned_at > 3.0:
                _spawn(settings, command)
                spawned_at = time.monotonic()
            time.sleep(0.03)
            continue
        if info["version"] == __version__ and info.get("network_settings") == network_options(settings).fingerprint:
            return info
        leaving = start_time(info["pid"])
        call_host(path, "leave")
        # It holds the lock until its end; a new one that came earlier would give up.
        while leaving is not None and is_alive(info["pid"], leaving) and time.monotonic() < deadline:
            time.sleep(0.02)
    lines = (settings.run_dir / "host.log").read_text(errors="replace").splitlines()[-5:]
    raise UnavailableError("The host supervisor did not start:\n" + "\n".join(lines), code="host_unreachable")

"""``python -m labora.host --data-dir DIR``: the supervisor's process."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import os
import signal
import sys
from pathlib import Path

from labora.base.logging import configure_logging, get_logger
from labora.host.model import HostOptions, NetworkOptions
from labora.host.process import start_time, wait_exit
from labora.host.server import HostServer
from labora.host.supervisor import Supervisor

ALREADY_RUNNING = 75


def parse(arguments: list[str]) -> HostOptions:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m labora.host", description="Labora's host supervisor.")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--images-dir", type=Path, help="DATA_DIR/images by default")
    parser.add_argument("--isolation", choices=("auto", "a", "b", "none"), default="auto")
    parser.add_argument("--base-uid", type=int, default=200_000, help="first uid of runtime slots, as root")
    parser.add_argument("--control-uid", type=int, help="uid that may use the socket, as root")
    parser.add_argument("--log-level", default="info")
    parser.add_argument("--until-pid", type=int, help="end every runtime and the host when this process has ended")
    parser.add_argument("--egress", choices=("auto", "off"), default="auto")
    parser.add_argument("--network-means", choices=("auto", "veth", "pasta", "relay"), default="auto")
    parser.add_argument("--allow", action="append", default=[], help="10.0.0.0/8, 10.1.2.3:5432 or name:443")
    parser.add_argument("--subnet", help="private network of runtimes, as root")
    parser.add_argument("--relay-uid", type=int, default=199_998, help="uid of the network relay, as root")
    parser.add_argument("--mount-uid", type=int, default=199_997, help="uid of what serves drive mounts, as root")
    given = parser.parse_args(arguments)
    data = given.data_dir.absolute()
    return HostOptions(
        run_dir=str(data / "run"),
        runtimes_dir=str(data / "runtimes"),
        images_dir=str((given.images_dir or data / "images").absolute()),
        isolation=given.isolation,
        base_uid=given.base_uid,
        control_uid=given.control_uid,
        log_level=given.log_level,
        until_pid=given.until_pid,
        mount_uid=given.mount_uid,
        network=NetworkOptions(
            egress=given.egress,
            means=given.network_means,
            allow=tuple(given.allow),
            subnet=given.subnet,
            uid=given.relay_uid,
        ),
    )


def take_lock(run: Path) -> bool:
    """Takes the lock that one host per data folder holds until its process ends. False: another one has it."""
    run.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(run / "host.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    return True


async def serve(options: HostOptions) -> None:
    """Runs until ``stop``, ``leave`` or SIGTERM, or the end of ``until_pid``.

    The runtimes go on after ``leave`` and SIGTERM.
    """
    supervisor = Supervisor(options)
    await supervisor.open()
    server = HostServer(supervisor, Path(options.run_dir) / "host.sock")
    await server.open()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.ended.set)
    info = supervisor.ping()
    get_logger("host").info("host_ready", level=info.level, cgroup=info.cgroup, network=info.network, pid=info.pid)
    following = asyncio.create_task(_follow(options.until_pid, supervisor, server))
    await server.ended.wait()
    following.cancel()
    await server.close()
    await supervisor.close()


async def _follow(pid: int | None, supervisor: Supervisor, server: HostServer) -> None:
    """Ends everything, files too, once the process that this host was started for has ended."""
    if pid is None:
        return
    await wait_exit(pid, start_time(pid) or 0)
    for handle in supervisor.list():
        await supervisor.kill(handle.runtime_id, wipe=True)
    await supervisor.kill_all()
    server.ended.set()


def main() -> int:
    """Runs the host. Returns 75 when another host serves this data folder already."""
    options = parse(sys.argv[1:])
    configure_logging(level=options.log_level)
    os.umask(0o022)
    if not take_lock(Path(options.run_dir)):
        return ALREADY_RUNNING
    # A host started from a terminal outlives it.
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    asyncio.run(serve(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())

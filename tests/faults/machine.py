"""A machine that loses power, in so far as processes can play it: everything ends at once, and the boot is another."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
from pathlib import Path

import psutil

from labora.testing.process import ServerProcess
from labora.testing.recorder import eventually

ANOTHER_BOOT = "00000000-0000-4000-8000-000000000000"


def processes_of(server: ServerProcess, part: str = "") -> list[psutil.Process]:
    """Returns the processes outside of sandboxes that name the server's data folder; ``part`` tells which."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if any(str(server.data_dir) in word for word in words) and any(part in word for word in words):
                found.append(process)
    return found


def handles_of(server: ServerProcess) -> list[Path]:
    """Returns the files of the host's handles."""
    return sorted((server.data_dir / "run" / "runtimes").glob("*.json"))


async def kill_all(processes: list[psutil.Process]) -> None:
    """Kills processes, keepers first so that nobody is started again, and waits until they are gone."""
    for process in sorted(processes, key=lambda one: not any("keeper.py" in word for word in one.cmdline())):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)

    def gone() -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)
        return False

    await eventually(gone, 90)


async def power_off(server: ServerProcess) -> None:
    """Ends every process of the server and its sandboxes at once, and makes what lies on disk that of another boot."""
    sandboxes = []
    for path in handles_of(server):
        handle = json.loads(path.read_text())
        for pid in (handle["monitor_pid"], handle["pid"]):
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                sandboxes += [process, *process.children(recursive=True)]
    outside = processes_of(server)
    for process in (*outside, *sandboxes):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()  # nobody sees anybody else end
    await kill_all(outside + sandboxes)
    await server.died()
    for path in handles_of(server):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"boot_id": ANOTHER_BOOT}))
    (server.data_dir / "run" / "boot").write_text(ANOTHER_BOOT)


def groups_named(name: str) -> list[Path]:
    """Returns the control groups of this name, of any hierarchy."""
    return [path for path in Path("/sys/fs/cgroup").glob(f"**/labora-*/{name}") if path.is_dir()]


def loop_devices_of(folder: Path) -> list[str]:
    """Returns the loop devices that show a file below ``folder``. Needs losetup."""
    assert shutil.which("losetup")
    lines = subprocess.run(["losetup", "-ln", "-O", "NAME,BACK-FILE"], capture_output=True, text=True, check=True)
    return [line.split()[0] for line in lines.stdout.splitlines() if str(folder) in line]

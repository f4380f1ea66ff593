"""How a runtime ended, read from what bubblewrap left behind."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path

from labora.host.model import Exit
from labora.host.process import send_signal, start_time, wait_exit
from labora.host.starter import read_status


def exit_of(status: Path, reason: str | None, oom_kills: int) -> Exit:
    """Returns how the agent ended.

    Args:
        status: bubblewrap's status file.
        reason: why the host ended the runtime, None where it did not.
        oom_kills: how many of the runtime's processes were killed for memory.
    """
    code = read_status(status).get("exit-code")
    number = code - 128 if code is not None and code > 128 else None
    if code is None and reason is not None:
        number = int(signal.SIGKILL)  # the whole group was killed, the process that would have told among it
    oom = reason is None and number == signal.SIGKILL and oom_kills > 0
    return Exit(None if number else code, number, oom, reason)


async def end_by_status(status: Path, wait_s: float) -> None:
    """Kills the sandbox that a status file names, if it is still that one: its namespace is the proof.

    Returns when it has ended, since two sandboxes never share a disk, or after ``wait_s`` seconds.
    """
    found = read_status(status)
    pid = found.get("child-pid", 0)
    started = start_time(pid) if pid else None
    if started is None:
        return
    with contextlib.suppress(OSError, TimeoutError):
        if Path(f"/proc/{pid}/ns/pid").stat().st_ino == found.get("pid-namespace"):  # noqa: ASYNC240 - not on a disk
            send_signal(pid, started, signal.SIGKILL)
            async with asyncio.timeout(wait_s):
                await wait_exit(pid, started)

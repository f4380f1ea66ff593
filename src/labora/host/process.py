"""Processes that are not our children: identity, waiting, ending.

A process is named by (pid, start time, boot id): a pid alone may be another process a moment later.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from functools import cache
from pathlib import Path


@cache
def boot_id() -> str:
    """Returns the kernel's random id of this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_time(pid: int) -> int | None:
    """Returns when ``pid`` started, in clock ticks since boot (field 22 of ``/proc/PID/stat``).

    None where there is no such process or it is a zombie.
    """
    try:
        # A process gives itself any name, also one that is no text.
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may itself hold spaces and parentheses; fields count from after the last one.
    fields = stat[stat.rindex(")") + 2 :].split()
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def is_alive(pid: int, started: int) -> bool:
    """Says whether the process that started at ``started`` still runs under ``pid``."""
    return pid > 0 and start_time(pid) == started


def send_signal(pid: int, started: int, number: signal.Signals) -> None:
    """Signals exactly that process, never a later one with the same pid; does nothing when it has ended."""
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            if is_alive(pid, started):
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


async def wait_exit(pid: int, started: int) -> None:
    """Returns when that process has ended, be it a child or not; reaps it when it is a child."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def on_exit() -> None:
        if not ended.done():
            ended.set_result(None)

    try:
        if not is_alive(pid, started):
            return
        loop.add_reader(handle, on_exit)
        try:
            await ended
        finally:
            loop.remove_reader(handle)
    finally:
        os.close(handle)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)  # noqa: ASYNC222 - does not wait

"""Whether somebody reads from a terminal: asked of the system, process by process of its foreground."""

from __future__ import annotations

import fcntl
import os
import platform
import struct
import termios

READ = {"x86_64": {0, 19}, "aarch64": {63, 65}}
"""The numbers of read and readv; their first argument is the descriptor."""
WAIT = {"x86_64": {7, 23, 232, 270, 271, 281, 441}, "aarch64": {22, 72, 73, 441}}
"""Those of poll, select and epoll_wait, which take many."""
TIOCGPTN = 0x80045430
"""Asks for the number of a terminal; Linux."""
SELECT = {"x86_64": {23, 270}, "aarch64": {72}}
"""select and pselect6, whose first argument is one more than the highest descriptor: 1 where it is the input alone."""
GUESS_S = 1.0
"""After how long without output a command is taken to read where the system does not say."""


def foreground(master: int) -> int:
    """Returns the process group in the foreground of a terminal; 0 when there is none. Raises OSError."""
    return int(struct.unpack("i", fcntl.ioctl(master, termios.TIOCGPGRP, b"\0" * 4))[0])


def who_waits(master: int, by_line: bool, quiet_s: float) -> str | None:
    """Returns which program of the foreground waits for the keyboard, and since which of its sleeps; None for nobody.

    Args:
        master: the terminal's other end.
        by_line: whether the terminal gives whole lines; programs that draw themselves wait in poll, without.
        quiet_s: for how many seconds nothing was printed.
    """
    try:
        group, number = foreground(master), struct.unpack("i", fcntl.ioctl(master, TIOCGPTN, b"\0" * 4))[0]
    except OSError:
        return None
    terminals = {f"/dev/pts/{number}", "/dev/tty"}
    unknown = False
    for process in _group(group):
        reads = _reads(process, terminals, by_line)
        if reads:
            return reads
        unknown = unknown or reads is None
    return f"somebody after {quiet_s}" if unknown and quiet_s >= GUESS_S else None


def _group(group: int) -> list[str]:
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                if int(file.read().rpartition(b")")[2].split()[2]) == group:
                    found.append(name)
        except (OSError, ValueError, IndexError):
            continue
    return found


def _reads(process: str, terminals: set[str], by_line: bool) -> str | None:
    """Returns which thread of a process waits for one of the terminals; empty for none, None where it is not seen."""
    machine = platform.machine()
    if machine not in READ:
        return None
    try:
        threads = os.listdir(f"/proc/{process}/task")[:64]
    except OSError:
        return ""
    for thread in threads:
        try:
            with open(f"/proc/{process}/task/{thread}/syscall", encoding="ascii") as file:
                words = file.read().split()
        except FileNotFoundError:
            # It has ended, or this system has no such file.
            if os.path.exists(f"/proc/{process}/task/{thread}/stat"):
                return None
            continue
        except ProcessLookupError:
            continue
        except OSError:
            return None
        if not words or not words[0].isdigit():
            continue
        call = int(words[0])
        reads = call in READ[machine] and _is_terminal(process, int(words[1], 16), terminals)
        alone = call in SELECT[machine] and int(words[1], 16) == 1
        waits = call in WAIT[machine] and (alone or not by_line) and _is_terminal(process, 0, terminals)
        if reads or waits:
            return f"{process}/{thread}/{_sleeps(process, thread)}"
    return ""


def _sleeps(process: str, thread: str) -> str:
    """Returns how often a thread has gone to sleep: one that was given something since has once more."""
    try:
        with open(f"/proc/{process}/task/{thread}/status", encoding="utf-8", errors="replace") as file:
            return "".join(line.split()[1] for line in file if line.startswith("voluntary_ctxt_switches"))
    except OSError:
        return ""


def _is_terminal(process: str, descriptor: int, terminals: set[str]) -> bool:
    try:
        return os.readlink(f"/proc/{process}/fd/{descriptor}") in terminals
    except OSError:
        return False

"""The keeper: starts the host and starts it again when it is killed.

As root only root can start a host, and the control plane has given root up; so a process of a few megabytes that
does nothing else stays behind. It is run as a file by ``python -I -S`` and imports nothing but the standard library.

``python -I -S keeper.py COMMAND…`` returns at once; a grandchild in its own session goes on. It ends when the host
ends on purpose (exit code 0, or 75: another host serves this folder), or has failed many times in a row.
"""

from __future__ import annotations

import os
import signal
import sys
import time

ENDED = {0, 75}
STEADY_S = 10.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10.0
MOST_FAILURES = 20


def keep(command: list[str]) -> None:
    """Runs ``command`` until it ends on purpose; SIGTERM is passed on."""
    child = 0

    def forward(number: int, _frame: object) -> None:
        if child:
            os.kill(child, number)

    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    failures, pause = 0, FIRST_PAUSE_S
    while failures < MOST_FAILURES:
        started = time.monotonic()
        child = os.posix_spawn(command[0], command, os.environ, setsigdef=[signal.SIGTERM])
        _, status = os.waitpid(child, 0)
        child = 0
        if os.waitstatus_to_exitcode(status) in ENDED:
            return
        steady = time.monotonic() - started > STEADY_S
        failures, pause = (0, FIRST_PAUSE_S) if steady else (failures + 1, min(pause * 2, LONGEST_PAUSE_S))
        time.sleep(pause)


def main() -> None:
    """Leaves the starter's process tree and keeps the host."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    keep(sys.argv[1:])


if __name__ == "__main__":
    main()

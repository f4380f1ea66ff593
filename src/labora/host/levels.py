"""Which isolation this machine gives, found by making a sandbox, not by guessing."""

from __future__ import annotations

import os
import socket
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from labora.base.errors import UnavailableError
from labora.host import sandbox, seccomp
from labora.host.model import HostOptions, Level, Note
from labora.host.process import start_time as process_start_time
from labora.host.process import wait_exit
from labora.host.starter import base_spec, last_line, launch, read_status


@dataclass(frozen=True, slots=True)
class Isolation:
    """What sandboxes are made with. ``why`` says what is missing where the level is ``none``."""

    level: Level
    bwrap: str | None = None
    bwrap_libraries: str | None = None
    seccomp: bytes | None = None
    disable_userns: bool = False
    allowed: bool = True
    why: str = ""
    notes: tuple[Note, ...] = ()


async def _try(isolation: Isolation, uid: int | None, scratch: Path) -> str | None:
    """Starts ``/bin/true`` in a sandbox. Returns None on success, else what went wrong."""
    binds, links = sandbox.system_binds()
    spec = replace(
        base_spec(["/bin/true"]),
        bwrap=isolation.bwrap,
        bwrap_libraries=isolation.bwrap_libraries,
        binds=binds,
        symlinks=links,
        uid=uid,
        disable_userns=isolation.disable_userns,
    )
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            started = await launch(
                spec,
                listener=listener.fileno(),
                key=b"\n",
                status=scratch / "status",
                log=scratch / "log",
                seccomp=isolation.seccomp,
            )
        except UnavailableError as error:
            return error.message
    started.release()
    pid = started.monitor.pid
    await wait_exit(pid, process_start_time(pid) or 0)
    started.monitor.wait()
    if read_status(scratch / "status").get("exit-code") == 0:
        return None
    return last_line(scratch / "log") or f"bubblewrap ended with {started.monitor.returncode}"


def _refused(options: HostOptions, why: str) -> Isolation:
    loud = options.isolation == "none"
    message = (
        f"Code runs WITHOUT isolation, with the rights of the host's user ({why}). Let nobody else sign in."
        if loud
        else f"No runtime can start: {why}. `labora doctor` names what would help."
    )
    return Isolation("none", allowed=loud, why=why, notes=(Note("no_isolation", message),))


async def probe(options: HostOptions) -> Isolation:
    """Finds the level in effect. Never raises: what is missing is in the result, and ``start`` refuses by it."""
    root = os.geteuid() == 0
    wanted = options.isolation
    if wanted == "none":
        return _refused(options, "the setting runtimes.isolation is none")
    if wanted == "a" and not root:
        return _refused(options, "isolation a needs a host that runs as root")
    if wanted == "b" and root:
        return _refused(options, "isolation b is for an ordinary user; start Labora as one, or set a")
    found = sandbox.find_bwrap()
    if found is None:
        return _refused(options, "bubblewrap is missing; install the package bubblewrap")
    program = seccomp.assemble()
    notes = []
    if program is None:
        notes.append(Note("no_seccomp", "No system-call filter for this architecture: sandboxes run without one."))
    uid = options.base_uid if root else None
    problem: str | None = None
    with tempfile.TemporaryDirectory(prefix="labora-probe-") as scratch:
        for disable_userns in (True, False):
            isolation = Isolation("a" if root else "b", *found, program, disable_userns, notes=tuple(notes))
            problem = await _try(isolation, uid, Path(scratch))
            if problem is None:
                return isolation
    return _refused(options, f"a trial sandbox failed ({problem})")

"""Which isolation this machine gives, found by making a sandbox, not by guessing."""

from __future__ import annotations

import asyncio
import contextlib
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
from labora.host.rootfs.box import overlay_problem
from labora.host.rootfs.userns import slot_uid
from labora.host.starter import base_spec, last_line, launch, read_status


@dataclass(frozen=True, slots=True)
class Isolation:
    """What sandboxes are made with. ``why`` says what is missing where the level is ``none``."""

    level: Level
    bwrap: str | None = None
    bwrap_libraries: str | None = None
    seccomp: bytes | None = None
    rooted_seccomp: bytes | None = None
    """The filter for runtimes that have a root file system of their own."""
    overlay: bool = False
    """Whether runtimes can have one."""
    disk: bool = False
    """Whether they can have a disk of bounded size."""
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


def _with_storage(isolation: Isolation, options: HostOptions) -> Isolation:
    """Finds out, by starting one, which root file system and disk a sandbox can have. Blocks."""
    owner = options.base_uid if isolation.level == "a" else None
    notes = [*isolation.notes]
    with contextlib.ExitStack() as stack:
        folder = options.runtimes_dir or stack.enter_context(tempfile.TemporaryDirectory(prefix="labora-probe-"))
        problem = disk_problem = None
        if owner is not None:
            disk_problem = overlay_problem(owner, Path(folder), disk=True)
        if owner is None or disk_problem is not None:
            problem = overlay_problem(owner, Path(folder))
    if problem is not None:
        message = f"Runtimes see this machine's own software, read-only: apt-get does not work in them ({problem})."
        notes.append(Note("no_overlay", message))
    if owner is None:
        why = "that needs a host that runs as root"
        notes.append(Note("disk_sampled", f"The disk of runtimes is watched by sampling, not bounded: {why}."))
    elif disk_problem is not None:
        notes.append(Note("disk_sampled", f"The disk of runtimes is watched by sampling, not bounded: {disk_problem}."))
    return replace(
        isolation,
        overlay=problem is None,
        disk=owner is not None and disk_problem is None,
        rooted_seccomp=seccomp.assemble(pretend_owners=owner is None, allow_chroot=owner is not None),
        notes=tuple(notes),
    )


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
    uid = slot_uid(options.base_uid, 0) if root else None
    problem: str | None = None
    with tempfile.TemporaryDirectory(prefix="labora-probe-") as scratch:
        for disable_userns in (True, False):
            isolation = Isolation(
                "a" if root else "b", *found, program, disable_userns=disable_userns, notes=tuple(notes)
            )
            problem = await _try(isolation, uid, Path(scratch))
            if problem is None:
                return await asyncio.to_thread(_with_storage, isolation, options)
    return _refused(options, f"a trial sandbox failed ({problem})")

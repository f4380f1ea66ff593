"""What a conversion may use of the machine: its input, its own program, and bounded memory and time."""

from __future__ import annotations

import os
import resource
import sys
import sysconfig
from pathlib import Path
from typing import Any

_REFUSED = (
    "socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "os.remove", "os.rename",
    "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.chown", "os.truncate", "shutil.", "ctypes.",
    "ftplib.", "http.", "smtplib.", "urllib.", "webbrowser.", "pty.",
)  # fmt: skip


def limit(memory_bytes: int, seconds: int) -> None:
    """Bounds memory, processor time, open files, and forbids writing files."""
    for what, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (value, value))


def lock_down() -> None:
    """Refuses, for the rest of the process, network, other programs, and files that are not Python's own.

    The parsers work on what strangers wrote, and a notebook may name files and addresses wherever it likes. It holds
    against what Python code can be led to do, which is what reads here; not against a broken interpreter.
    """
    places = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    places |= {entry for entry in sys.path if entry}
    roots = tuple({str(Path(place).resolve()) + os.sep for place in places if place})

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = any(letter in str(mode or "r") for letter in "wax+") or flags & (os.O_WRONLY | os.O_RDWR)
            if isinstance(path, int):
                return
            if not writes and os.path.realpath(os.fsdecode(path)).startswith(roots):
                return
        elif not event.startswith(_REFUSED):
            return
        raise PermissionError(f"A conversion may not do this: {event}.")

    sys.addaudithook(refuse)

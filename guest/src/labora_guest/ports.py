"""Which programs of the runtime listen on TCP ports, and which ports are nobody's to ask for."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Sequence
from typing import Any

from labora_guest.spec import KernelError

RESERVED = frozenset({53, 3128, 9000})
"""The runtime's own: its name server, its way out, and where programs ask the server."""
_LISTENS = "0A"
_CHOSEN_BY_THE_SYSTEM = 32_768
_SOCKET = re.compile(r"socket:\[(\d+)\]")
_ANY_OR_LOOPBACK = re.compile(
    # In the byte order of the machine, as the kernel writes them: 127.x.x.x, any, ::, ::1 and ::ffff:127.x.x.x.
    r"[0-9A-F]{6}7F|0{8}|0{32}|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F"
)


def check(port: Any, agents: int = 0) -> int:
    """Returns the number of a port that a program may have; ``agents`` is where the agent itself listens.

    Raises KernelError ``port_refused``.
    """
    known = isinstance(port, int) and not isinstance(port, bool) and 1 <= port <= 65_535
    if not known or port in RESERVED or port == agents:
        raise KernelError("port_refused", "This port is not one of a program of yours.")
    return int(port)


def check_listed(port: int, found: dict[str, Any]) -> None:
    """Raises KernelError ``nobody_listens`` unless :func:`listing` found the port."""
    if all(row["port"] != port for row in found["ports"]):
        raise KernelError("nobody_listens", "No program of the runtime listens on this port.")


def listing(kernels: Collection[int | None] = ()) -> dict[str, Any]:
    """Returns the ports on which programs of this runtime listen, each with the name of its process.

    Args:
        kernels: processes of kernels, which listen for themselves on ports that the system chose.
    """
    waiting = _listening()
    ports: dict[int, str] = {}
    for inode, (pid, process) in _owners(set(waiting)).items():
        if pid not in kernels or waiting[inode] < _CHOSEN_BY_THE_SYSTEM:
            ports.setdefault(waiting[inode], process)
    found = [{"port": port, "process": ports[port]} for port in sorted(ports) if port not in RESERVED]
    return {"ports": found}


def _listening() -> dict[str, int]:
    """Returns the port of each listening socket that answers on the loopback interface, by the socket's inode."""
    found = {}
    for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        for line in _lines(table)[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == _LISTENS:
                address, _, port = fields[1].partition(":")
                if _ANY_OR_LOOPBACK.fullmatch(address):
                    found[fields[9]] = int(port, 16)
    return found


def _owners(inodes: set[str]) -> dict[str, tuple[int, str]]:
    """Returns id and name of the process that has a socket open, for processes that came from this one."""
    parents, names = _processes()
    found: dict[str, tuple[int, str]] = {}
    for pid, name in names.items():
        if not inodes or not _descends(pid, parents):
            continue
        with contextlib.suppress(OSError):
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    match = _SOCKET.fullmatch(os.readlink(entry.path))
                    if match and match.group(1) in inodes:
                        found.setdefault(match.group(1), (pid, name))
    return found


def _processes() -> tuple[dict[int, int], dict[int, str]]:
    parents, names = {}, {}
    for entry in os.listdir("/proc"):
        lines = _lines(f"/proc/{entry}/stat") if entry.isdigit() else []
        if lines:
            head, _, rest = lines[0].rpartition(")")
            with contextlib.suppress(ValueError, IndexError):
                parents[int(entry)] = int(rest.split()[1])
                names[int(entry)] = head.partition("(")[2]
    return parents, names


def _descends(pid: int, parents: dict[int, int]) -> bool:
    for _ in range(100):
        pid = parents.get(pid, 0)
        if pid == os.getpid():
            return True
        if pid == 0:
            return False
    return False


def _lines(path: str) -> Sequence[str]:
    """Returns the lines of a file of the system; none when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []

"""User namespaces with a range of uids, made by root for a process that is not root."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from labora.host import syscalls

# As many as a Debian system uses: 0 to nobody (65534).
UIDS = 65_536


def slot_uid(base_uid: int, slot: int) -> int:
    """Returns the host uid that is 0 in the runtimes of ``slot``; the first range owns the files of images."""
    return base_uid + (slot + 1) * UIDS


def make_user_namespace(inside: int, outside: int, owner: int | None = None) -> int:
    """Makes a user namespace in which ``UIDS`` uids (and gids) from ``inside`` on are those from ``outside`` on.

    No further user namespace can be made in it. Needs CAP_SETUID and a single-threaded process, since it forks.

    Args:
        inside: first number in the namespace.
        outside: first number on the host.
        owner: uid that owns the namespace and so may enter it; our own by default.

    Returns:
        A descriptor; the namespace lives as long as it, or a process in it.

    Raises:
        OSError: the kernel refused.
    """
    made_read, made_write = os.pipe2(os.O_CLOEXEC)
    go_read, go_write = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        os.close(go_write)
        _hold(owner, made_write, go_read)
    os.close(made_write)
    os.close(go_read)
    try:
        answer = os.read(made_read, 8)
        if answer != b"made":
            number = int(answer or b"1")
            raise OSError(number, f"user namespace: {os.strerror(number)}")
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{child}/{name}").write_text(f"{inside} {outside} {UIDS}\n")
        namespace = os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        os.write(go_write, b"1")
        return namespace
    finally:
        os.close(made_read)
        os.close(go_write)
        os.waitpid(child, 0)


def _hold(owner: int | None, made: int, go: int) -> None:
    """In the child: makes the namespace, says so, and holds it until the parent has it. Does not return."""
    try:
        if owner is not None:
            os.setgroups([])
            os.setresgid(owner, owner, owner)
            os.setresuid(owner, owner, owner)
        syscalls.unshare(syscalls.CLONE_NEWUSER)
        os.write(made, b"made")
        if os.read(go, 1):
            with contextlib.suppress(OSError):  # the filter of system calls refuses further namespaces too
                Path("/proc/sys/user/max_user_namespaces").write_text("0")
    except OSError as error:
        os.write(made, str(error.errno or 1).encode())
    finally:
        os._exit(0)

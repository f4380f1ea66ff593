"""Asking for sockets inside another network namespace; ``enter.py`` does it in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from labora.host.network import enter

_ANSWER_S = 20.0
# Stands for a sandbox in trials: its own namespaces, and nothing in them until its standard input closes.
_SCRATCH = """
import ctypes, fcntl, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
user, group = os.geteuid(), os.getegid()
flags = 0x40000000 | (0x10000000 if user else 0)
if libc.unshare(flags):
    sys.exit("no network namespace: " + os.strerror(ctypes.get_errno()))
if user:
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
SIOCSIFFLAGS, UP = 0x8914, 1
fcntl.ioctl(socket.socket(), SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", UP))
print("ready", flush=True)
sys.stdin.read()
"""


def namespace_of(pid: int) -> str:
    """Returns the path of a process's network namespace."""
    return f"/proc/{pid}/ns/net"


def namespace_at(descriptor: int) -> str:
    """Returns the path of the namespace behind a descriptor of this process."""
    return f"/proc/{os.getpid()}/fd/{descriptor}"


async def perform(namespace: str, requests: Sequence[Sequence[str]]) -> list[int]:
    """Does requests (see ``enter.py``) in the network namespace at that path, or in a new one (``new``).

    Returns:
        The descriptors, in the order of the requests that open one.

    Raises:
        OSError: it could not be done; the text says what.
    """
    if os.geteuid() != 0:
        return await _perform_apart(namespace, requests)
    executor = ThreadPoolExecutor(max_workers=1)  # of one use: its thread ends in that namespace
    try:
        return await asyncio.get_running_loop().run_in_executor(executor, enter.serve, namespace, requests)
    finally:
        executor.shutdown(wait=False)


async def _perform_apart(namespace: str, requests: Sequence[Sequence[str]]) -> list[int]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", enter.__file__, namespace, str(theirs.fileno()),
                stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), cwd="/",
            )  # fmt: skip
        try:
            ours.send(json.dumps(requests).encode())
            async with asyncio.timeout(_ANSWER_S):
                await process.wait()
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise OSError(0, "a network namespace could not be entered in time") from error
        ours.setblocking(False)
        try:
            text, descriptors, _, _ = socket.recv_fds(ours, 1 << 16, 16)
        except BlockingIOError:
            text, descriptors = b"", []
    problem = json.loads(text)["error"] if text else "a network namespace could not be entered"
    if problem is None:
        return descriptors
    for descriptor in descriptors:
        os.close(descriptor)
    raise OSError(0, problem)


@contextlib.asynccontextmanager
async def scratch() -> AsyncIterator[int]:
    """Yields the pid of a process that waits in namespaces like those of a sandbox. Raises OSError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", "-c", _SCRATCH,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
    )  # fmt: skip
    assert process.stdout is not None  # noqa: S101 - asked for
    try:
        if (await process.stdout.readline()).strip() != b"ready":
            raise OSError(0, (await process.communicate())[1].decode().strip() or "no network namespace")
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()

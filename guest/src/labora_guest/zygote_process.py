"""A zygote: has imported what an idle IPython kernel needs, and forks a kernel for each request of the agent.

Runs in the kernels' own Python by path, in the place of ``kernel_launcher.py`` and with the same environment. What it
does before the fork must leave nothing behind that belongs to one process: no thread, no ZeroMQ context, no event
loop, no descriptor. Each kernel comes back from :func:`serve` and goes on exactly like one that was started plainly.

It never runs old code: when a folder that modules come from, or a file that it has imported, has changed since, it
ends instead of forking, and so it does whenever it is in doubt. The agent then starts a kernel plainly.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import signal
import site
import socket
import sys
import time
from typing import Any

PR_SET_PDEATHSIG = 1
REQUEST_BYTES = 64 * 1024
ADOPTION_S = 5.0
IDLE_KERNEL = (
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "faulthandler",
    "sqlite3",
    "tornado.platform.asyncio",
    "tornado.queues",
)
"""What ipykernel imports only when a kernel starts, or at its first cell. One that is missing is left out."""


def stamp(path: str) -> tuple[int, int] | None:
    """Returns what changes when a file or folder does; None when there is none."""
    try:
        about = os.stat(path)
    except OSError:
        return None
    # The time of the last change of whatever kind: that of the content can be set, and installers set it.
    return about.st_ctime_ns, about.st_size


def folder_stamps() -> dict[str, tuple[int, int] | None]:
    """Returns the stamps of the interpreter and of all folders that it looks for modules and ``.pth`` files in."""
    folders = {sys.executable, *sys.path, *site.getsitepackages(), site.getusersitepackages()}
    return {folder: stamp(folder) for folder in folders}


def module_stamps() -> dict[str, tuple[int, int] | None]:
    """Returns the stamps of the files that were imported."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return {file: stamp(file) for file in files if file}


def load_idle_kernel() -> None:
    """Imports what an idle kernel has imported."""
    for name in IDLE_KERNEL:
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001, PERF203, S112 - other versions of ipykernel do without, and so do we
            continue


def single_threaded() -> bool:
    """Whether this process may be forked: other threads would not be there afterwards, but their locks would."""
    return len(os.listdir("/proc/self/task")) == 1


def become_kernel(request: dict[str, Any], reply: socket.socket, output: int, agent: int) -> None:
    """Makes this fork what a newly started kernel is. Waits for the agent to know it; ends when it does not."""
    os.setsid()
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.chdir(request["cwd"])
    until = time.monotonic() + ADOPTION_S
    while os.getppid() != agent:
        # The process between us and the zygote ends at this moment.
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.0002)
    if agent != 1:
        # Without a pid namespace a killed agent must not leave kernels behind.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    reply.send(str(os.getpid()).encode())
    if reply.recv(16) != b"go":
        raise ConnectionError
    reply.close()
    if hasattr(sys, "orig_argv"):
        sys.orig_argv = [*sys.orig_argv[: -len(sys.argv)], *request["argv"]]
    sys.argv = list(request["argv"])
    os.environ.update(request["env"])
    importlib.invalidate_caches()


def fork_kernel(channel: socket.socket, request: dict[str, Any], reply: socket.socket, output: int, agent: int) -> bool:
    """Forks a kernel that is the agent's child, not ours. Returns whether this is the kernel."""
    between = os.fork()
    if between:
        os.waitpid(between, 0)
        return False
    try:
        if os.fork():
            os._exit(0)
        channel.close()
        become_kernel(request, reply, output, agent)
    except BaseException:  # noqa: BLE001 - whatever it was, this fork must not go on as a zygote
        os._exit(1)
    return True


def serve(channel: socket.socket, stamps: dict[str, tuple[int, int] | None], agent: int) -> None:
    """Forks kernels until the agent closes its end, or a file or folder in ``stamps`` changes; returns in each."""
    channel.send(b"ready")
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, REQUEST_BYTES, 2, socket.MSG_CMSG_CLOEXEC)
        changed = any(stamp(path) != known for path, known in stamps.items())
        if len(descriptors) != 2 or changed or not single_threaded():
            os._exit(0)
        reply, output = socket.socket(fileno=descriptors[0]), descriptors[1]
        if fork_kernel(channel, json.loads(message), reply, output, agent):
            return
        reply.close()
        os.close(output)


def main() -> None:
    """Serves on the descriptor that is named on the command line, then starts a kernel in each fork."""
    gc.disable()
    agent, channel = os.getppid(), socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    if not single_threaded():
        # Something that every Python imports here has started one already.
        sys.exit(1)
    here = os.path.dirname(os.path.abspath(__file__))
    if sys.path[:1] == [here]:
        del sys.path[0]
    # Before anything is imported, so that no change in between is missed.
    stamps = folder_stamps()
    sys.path.insert(0, here)
    launcher = importlib.import_module("kernel_launcher")
    del sys.modules["kernel_launcher"]
    kernelapp = launcher.prepare()
    load_idle_kernel()
    if not single_threaded():
        sys.exit(1)
    # What is there now is never garbage; left out of collections, its pages stay shared.
    gc.collect()
    gc.freeze()
    stamps.update(module_stamps())
    serve(channel, stamps, agent)
    gc.enable()
    launcher.launch(kernelapp)


if __name__ == "__main__":
    main()

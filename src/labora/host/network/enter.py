"""Opens sockets inside a network namespace and hands them out.

Root does it in a thread of its own (:func:`serve`). An ordinary user must join a user namespace first, which takes a
process of one thread, so this is run as a file by ``python -I -S`` too.

``enter.py NAMESPACE CHANNEL``: NAMESPACE is a path, or ``new`` for a fresh one. A JSON list of requests is read from
descriptor CHANNEL, a sequenced-packet unix socket, and answered with one packet: a JSON object and the descriptors.
Requests: ``["udp", address, port]``, ``["tcp", address, port]``, ``["netlink"]`` and ``["namespace"]`` open one;
``["set", key below /proc/sys/net, value]`` and ``["run", JSON command, standard input]`` do not.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_NS_GET_USERNS = 0xB701
_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS = 0x8913
_LOOPBACK_S = 5.0
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def enter(path: str) -> None:
    """Joins the network namespace at ``path``, as the owner of it where we are not root. Raises OSError."""
    if path == "new":
        _check(_libc.unshare(_CLONE_NEWNET))
        return
    network = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    if os.geteuid() != 0:
        # bubblewrap's own user namespace owns the network, not the one that the agent ends up in.
        owner = fcntl.ioctl(network, _NS_GET_USERNS)
        _check(_libc.setns(owner, 0))
        os.close(owner)
    _check(_libc.setns(network, 0))
    os.close(network)


def _loopback_is_up(opened: socket.socket) -> bool:
    answer = fcntl.ioctl(opened, _SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
    return bool(struct.unpack("16sh14x", answer)[1] & 1)


def _bind(opened: socket.socket, address: tuple[str, int]) -> None:
    """Binds as soon as the loopback is up: bubblewrap tells of the sandbox some milliseconds before it sees to that.

    Without the wait the kernel may take the address for a broadcast and the socket would answer from another one.
    """
    deadline = time.monotonic() + _LOOPBACK_S
    while True:
        try:
            if _loopback_is_up(opened):
                opened.bind(address)
                return
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                opened.close()
                raise
        if time.monotonic() > deadline:
            opened.close()
            raise OSError(errno.ENETDOWN, "the sandbox's loopback does not come up")
        time.sleep(0.002)


def _opened(verb: str, arguments: list[str]) -> socket.socket:
    if verb == "udp":
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        _bind(opened, (arguments[0], int(arguments[1])))
    elif verb == "tcp":
        opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # A relay that was started again takes the place of one whose connections still fade away.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(opened, (arguments[0], int(arguments[1])))
        opened.listen(128)
    else:
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        opened.bind((0, 0))
    return opened


def perform(verb: str, arguments: list[str]) -> int | None:
    """Does one request; returns the descriptor that it opened, if any. Raises OSError."""
    if verb in ("udp", "tcp", "netlink"):
        return _opened(verb, arguments).detach()
    if verb == "namespace":
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    if verb == "set":
        path = f"/proc/sys/net/{arguments[0]}"
        # A machine without IPv6 has nothing to be switched off.
        with contextlib.suppress(FileNotFoundError), open(path, "w", encoding="ascii") as setting:  # noqa: PTH123
            setting.write(arguments[1])
        return None
    if verb == "run":
        command: list[str] = json.loads(arguments[0])
        done = subprocess.run(command, input=arguments[1], capture_output=True, text=True, timeout=20, check=False)
        if done.returncode:
            raise OSError(done.returncode, f"{command[0]}: {(done.stderr or done.stdout).strip()[-300:]}")
        return None
    raise ValueError(verb)


def serve(path: str, requests: Sequence[Sequence[str]]) -> list[int]:
    """Joins the namespace, for as long as the calling thread lives, and does the requests.

    Returns:
        The descriptors, in the order of the requests that open one.

    Raises:
        OSError: something was refused; nothing stays open.
    """
    opened: list[int] = []
    try:
        enter(path)
        for verb, *arguments in requests:
            made = perform(verb, arguments)
            if made is not None:
                opened.append(made)
    except BaseException:
        for descriptor in opened:
            os.close(descriptor)
        raise
    return opened


def main() -> None:
    """Serves one list of requests."""
    path, channel = sys.argv[1], socket.socket(fileno=int(sys.argv[2]))
    try:
        opened = serve(path, json.loads(channel.recv(1 << 18)))
    except (OSError, ValueError) as error:
        channel.send(json.dumps({"error": getattr(error, "strerror", None) or str(error)}).encode())
        sys.exit(1)
    socket.send_fds(channel, [b'{"error": null}'], opened)


if __name__ == "__main__":
    main()

"""Opens sockets inside the network namespace of a sandbox and hands them out.

Run as a file by ``python -I -S`` (some 20 ms), since joining a user namespace takes a process of one thread.

``enter.py PID CHANNEL`` reads a JSON list of requests from descriptor CHANNEL, a sequenced-packet unix socket, and
answers with one packet: a JSON object and the descriptors. Requests: ``["udp", address, port]``,
``["tcp", address, port]``, ``["netlink"]``, ``["no_ipv6", interface]``, ``["run", command, standard input]``.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import socket
import subprocess
import sys

_NS_GET_USERNS = 0xB701
_libc = ctypes.CDLL(None, use_errno=True)


def _join(descriptor: int) -> None:
    if _libc.setns(descriptor, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def enter(pid: int) -> None:
    """Joins the network namespace of ``pid``, as the owner of it where we are not root. Raises OSError."""
    network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    if os.geteuid() != 0:
        # bubblewrap's own user namespace owns the network, not the one that the agent ends up in.
        owner = fcntl.ioctl(network, _NS_GET_USERNS)
        _join(owner)
        os.close(owner)
    _join(network)
    os.close(network)


def perform(request: list[str]) -> socket.socket | None:
    """Does one request; returns the socket that it opened, if any. Raises OSError."""
    verb, *arguments = request
    if verb == "udp":
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind((arguments[0], int(arguments[1])))
        return opened
    if verb == "tcp":
        opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # A relay that was started again takes the place of one whose connections still fade away.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((arguments[0], int(arguments[1])))
        opened.listen(128)
        return opened
    if verb == "netlink":
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        opened.bind((0, 0))
        return opened
    if verb == "no_ipv6":
        with (
            contextlib.suppress(FileNotFoundError),
            open(  # noqa: PTH123 - pathlib is slow to import
                f"/proc/sys/net/ipv6/conf/{arguments[0]}/disable_ipv6", "w", encoding="ascii"
            ) as setting,
        ):
            setting.write("1")
        return None
    if verb == "run":
        done = subprocess.run(
            json.loads(arguments[0]), input=arguments[1], capture_output=True, text=True, timeout=20, check=False
        )
        if done.returncode:
            raise OSError(done.returncode, (done.stderr or done.stdout).strip()[-300:])
        return None
    raise ValueError(verb)


def main() -> None:
    """Serves one list of requests."""
    pid, channel = int(sys.argv[1]), socket.socket(fileno=int(sys.argv[2]))
    requests = json.loads(channel.recv(1 << 16))
    opened: list[socket.socket] = []
    try:
        enter(pid)
        for request in requests:
            made = perform(request)
            if made is not None:
                opened.append(made)
    except (OSError, ValueError) as error:
        channel.send(json.dumps({"error": str(error)}).encode())
        sys.exit(1)
    socket.send_fds(channel, [b'{"error": null}'], [made.fileno() for made in opened])


if __name__ == "__main__":
    main()

"""Interfaces, addresses and routes by rtnetlink: the few requests that a runtime's network takes.

Blocks for microseconds to some milliseconds. A socket acts in the network namespace in which it was opened,
whoever uses it, so the inside of a sandbox is set up through a socket that was opened there.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_NEWLINK, _DELLINK, _GETLINK, _NEWADDR, _GETADDR, _NEWROUTE, _GETROUTE = 16, 17, 18, 20, 22, 24, 26
_REQUEST, _ACK, _DUMP, _CREATE, _EXCLUSIVE = 0x1, 0x4, 0x300, 0x400, 0x200
_ERROR, _DONE = 2, 3
_IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 3, 18, 28
_IFLA_INFO_KIND, _IFLA_INFO_DATA, _VETH_INFO_PEER = 1, 2, 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_DST, _RTA_OIF, _RTA_GATEWAY = 1, 4, 5
_IFF_UP = 1
_NESTED = 0x8000
_RT_TABLE_MAIN, _RTPROT_STATIC, _RT_SCOPE_UNIVERSE, _RTN_UNICAST = 254, 4, 0, 1


@dataclass(frozen=True, slots=True)
class Link:
    """One interface."""

    index: int
    name: str


@dataclass(frozen=True, slots=True)
class Route:
    """One IPv4 route: destination as (address, prefix length) and the interface that it leaves by."""

    destination: str
    prefix: int
    index: int


def open_socket() -> socket.socket:
    """Returns a routing socket of the network namespace that the calling thread is in."""
    connection = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    connection.bind((0, 0))
    return connection


def _attribute(kind: int, payload: bytes) -> bytes:
    length = 4 + len(payload)
    return struct.pack("=HH", length, kind) + payload + b"\0" * (-length % 4)


def _link(index: int = 0, flags: int = 0, change: int = 0) -> bytes:
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, flags, change)


class Netlink:
    """Requests over one routing socket.

    Every method raises OSError as the kernel answers it.
    """

    def __init__(self, connection: socket.socket | None = None) -> None:
        self._socket = connection or open_socket()
        self._sequence = 0

    def __enter__(self) -> Netlink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the socket."""
        self._socket.close()

    def _send(self, kind: int, flags: int, body: bytes) -> None:
        self._sequence += 1
        header = struct.pack("=IHHII", 16 + len(body), kind, _REQUEST | flags, self._sequence, 0)
        self._socket.send(header + body)

    def _messages(self) -> Iterator[tuple[int, bytes]]:
        """Yields the answer's messages until its end. Raises OSError on an error answer."""
        while True:
            data = self._socket.recv(1 << 18)
            offset = 0
            while offset + 16 <= len(data):
                length, kind, _, sequence, _ = struct.unpack_from("=IHHII", data, offset)
                body = data[offset + 16 : offset + length]
                offset += (length + 3) & ~3
                if sequence != self._sequence:
                    continue
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    number = -struct.unpack_from("=i", body)[0]
                    if number:
                        raise OSError(number, os.strerror(number))
                    return
                yield kind, body

    def _do(self, kind: int, flags: int, body: bytes) -> None:
        self._send(kind, flags | _ACK, body)
        for _ in self._messages():
            pass

    def make_veth(self, name: str, peer: str, namespace: int) -> None:
        """Makes a pair of interfaces in one step: ``name`` here, ``peer`` in the namespace of that descriptor."""
        other = _link() + _attribute(_IFLA_IFNAME, peer.encode() + b"\0")
        other += _attribute(_IFLA_NET_NS_FD, struct.pack("=I", namespace))
        info = _attribute(_IFLA_INFO_KIND, b"veth\0")
        info += _attribute(_IFLA_INFO_DATA | _NESTED, _attribute(_VETH_INFO_PEER | _NESTED, other))
        body = _link() + _attribute(_IFLA_IFNAME, name.encode() + b"\0") + _attribute(_IFLA_LINKINFO | _NESTED, info)
        self._do(_NEWLINK, _CREATE | _EXCLUSIVE, body)

    def remove(self, name: str) -> None:
        """Removes an interface, and with it the other end of its pair; does nothing where there is none."""
        try:
            self._do(_DELLINK, 0, _link() + _attribute(_IFLA_IFNAME, name.encode() + b"\0"))
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise

    def set_up(self, index: int) -> None:
        """Switches an interface on."""
        self._do(_NEWLINK, 0, _link(index, _IFF_UP, _IFF_UP))

    def add_address(self, index: int, address: str, prefix: int) -> None:
        """Gives an interface an IPv4 address."""
        raw = socket.inet_aton(address)
        body = struct.pack("=BBBBi", socket.AF_INET, prefix, 0, _RT_SCOPE_UNIVERSE, index)
        body += _attribute(_IFA_LOCAL, raw) + _attribute(_IFA_ADDRESS, raw)
        self._do(_NEWADDR, _CREATE | _EXCLUSIVE, body)

    def add_default_route(self, gateway: str) -> None:
        """Sends what has no other way to ``gateway``."""
        body = struct.pack(
            "=BBBBBBBBI",
            socket.AF_INET, 0, 0, 0, _RT_TABLE_MAIN, _RTPROT_STATIC, _RT_SCOPE_UNIVERSE, _RTN_UNICAST, 0,
        )  # fmt: skip
        body += _attribute(_RTA_GATEWAY, socket.inet_aton(gateway))
        self._do(_NEWROUTE, _CREATE | _EXCLUSIVE, body)

    def links(self) -> list[Link]:
        """Returns every interface."""
        self._send(_GETLINK, _DUMP, _link())
        found = []
        for kind, body in self._messages():
            if kind == _NEWLINK:
                name = _attributes(body[16:]).get(_IFLA_IFNAME, b"").rstrip(b"\0").decode()
                found.append(Link(struct.unpack_from("=i", body, 4)[0], name))
        return found

    def addresses(self) -> list[tuple[int, str]]:
        """Returns every IPv4 address of this namespace with the interface's index."""
        self._send(_GETADDR, _DUMP, struct.pack("=BBBBi", socket.AF_INET, 0, 0, 0, 0))
        found = []
        for kind, body in self._messages():
            attributes = _attributes(body[8:])
            raw = attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS)
            if kind == _NEWADDR and raw is not None and len(raw) == 4:
                found.append((struct.unpack_from("=i", body, 4)[0], socket.inet_ntoa(raw)))
        return found

    def routes(self) -> list[Route]:
        """Returns every IPv4 unicast route out of an interface, of all tables."""
        self._send(_GETROUTE, _DUMP, struct.pack("=BBBBBBBBI", socket.AF_INET, 0, 0, 0, 0, 0, 0, 0, 0))
        found = []
        for kind, body in self._messages():
            if kind != _NEWROUTE or body[7] != _RTN_UNICAST:
                continue
            attributes = _attributes(body[12:])
            if _RTA_OIF in attributes:
                destination = socket.inet_ntoa(attributes.get(_RTA_DST, b"\0\0\0\0"))
                found.append(Route(destination, body[1], struct.unpack("=i", attributes[_RTA_OIF])[0]))
        return found


def _attributes(data: bytes) -> dict[int, bytes]:
    found, offset = {}, 0
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found

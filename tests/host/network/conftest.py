"""A machine and an internet of one's own: two network namespaces, so that nothing leaves them and nothing of the
real machine's network changes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import pytest_asyncio

from labora.host.network import enter

PUBLIC, ELSEWHERE = "198.51.100.10", "203.0.113.9"
METADATA, PRIVATE, LAN, SHARED = "169.254.169.254", "10.1.2.3", "192.168.7.7", "100.64.0.9"
LAB, RESOLVER, MACHINE, ROUTER = "10.9.9.9", "10.0.53.53", "192.0.2.2", "192.0.2.1"
NAMES = {"site.test": PUBLIC, "rebind.test": PRIVATE, "lab.test": LAB, "metadata.test": METADATA}
HELLO = b"hello from outside\n"

_HOLD = """
import ctypes, os, sys
if ctypes.CDLL(None, use_errno=True).unshare(0x40000000):
    sys.exit(os.strerror(ctypes.get_errno()))
print("ready", flush=True)
sys.stdin.read()
"""


class Namespace:
    """A network namespace that lives as long as its holder."""

    def __init__(self):
        self.holder = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.holder.stdout.readline() == b"ready\n"
        self.path = f"/proc/{self.holder.pid}/ns/net"

    def ip(self, *arguments):
        """Runs iproute2 in here."""
        done = self.run("ip", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, *command, text=None):
        return subprocess.run(
            ["nsenter", f"--net={self.path}", *command], capture_output=True, text=True, check=False, input=text
        )

    def socket(self, kind, address, port):
        """A socket bound in here (and listening), to be used from out there."""
        found = []
        thread = threading.Thread(target=lambda: found.extend(enter.serve(self.path, [[kind, address, str(port)]])))
        thread.start()
        thread.join()
        return socket.socket(fileno=found[0])

    def state(self):
        """Interfaces, addresses and routes: what a program that watches the network sees."""
        links = json.loads(self.ip("-j", "addr"))
        addresses = [(link["ifname"], sorted(str(a.get("local")) for a in link["addr_info"])) for link in links]
        return addresses, sorted(json.dumps(route, sort_keys=True) for route in json.loads(self.ip("-j", "route")))

    def tables(self):
        done = self.run("nft", "-j", "list", "tables")
        return [item["table"]["name"] for item in json.loads(done.stdout)["nftables"] if "table" in item]

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class World:
    """The machine, the internet and the servers in both."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.machine, self.internet = Namespace(), Namespace()
        self.asked = []
        self._servers = []
        self._files = []
        self._transports = []
        machine, internet = self.machine, self.internet
        for namespace in (machine, internet):
            # Else addresses change by themselves, seconds after they were given.
            assert namespace.run("sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad").returncode == 0
            namespace.ip("link", "set", "lo", "up")
        machine.ip("link", "add", "wan0", "type", "veth", "peer", "name", "up0", "netns", str(internet.holder.pid))
        machine.ip("addr", "add", f"{MACHINE}/24", "dev", "wan0")
        machine.ip("-6", "addr", "add", "2001:db8::2/64", "dev", "wan0", "nodad")
        machine.ip("link", "set", "wan0", "up")
        internet.ip("addr", "add", f"{ROUTER}/24", "dev", "up0")
        internet.ip("-6", "addr", "add", "2001:db8::1/64", "dev", "up0", "nodad")
        internet.ip("link", "set", "up0", "up")
        for address in (PUBLIC, ELSEWHERE, METADATA, PRIVATE, LAN, SHARED, LAB, RESOLVER):
            internet.ip("addr", "add", f"{address}/32", "dev", "lo")
        machine.ip("route", "add", "default", "via", ROUTER)
        machine.ip("-6", "route", "add", "default", "via", "2001:db8::1")
        published = f"chain p {{ type nat hook prerouting priority -100; tcp dport 7002 dnat to {PRIVATE}:7000; }};"
        assert machine.run("nft", "-f", "-", text=f"table ip published {{ {published} }}").returncode == 0
        (folder / "resolv.conf").write_text(f"nameserver {RESOLVER}\n")

    async def open(self):
        """Starts the greeters, everywhere, and the name server."""
        everywhere = [(address, port) for address in (PUBLIC, PRIVATE, LAB) for port in (25, 465, 587, 7000)]
        everywhere += [(address, 7000) for address in (METADATA, LAN, SHARED)]
        for address, port in everywhere:
            await self.greeter(self.internet, address, port)
        for address in ("127.0.0.1", MACHINE):
            await self.greeter(self.machine, address, 7000)
        await self._name_server()

    async def greeter(self, namespace, address, port):
        """A server that says hello and then says everything back."""

        async def greet(reader, writer):
            writer.write(HELLO)
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(65536):
                    writer.write(data)
                    await writer.drain()
            writer.close()

        self._servers.append(await asyncio.start_server(greet, sock=namespace.socket("tcp", address, port)))

    async def _name_server(self):
        world = self

        class Answers(asyncio.DatagramProtocol):
            def connection_made(self, transport):
                self.transport = transport

            def datagram_received(self, data, addr):
                self.transport.sendto(world.answer(data, 512), addr)

        udp, tcp = (self.internet.socket(kind, RESOLVER, 53) for kind in ("udp", "tcp"))
        udp.setblocking(False)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Answers, sock=udp)
        self._transports.append(transport)

        async def serve(reader, writer):
            size = struct.unpack("!H", await reader.readexactly(2))[0]
            answer = self.answer(await reader.readexactly(size), 65535)
            writer.write(struct.pack("!H", len(answer)) + answer)
            await writer.drain()
            writer.close()

        self._servers.append(await asyncio.start_server(serve, sock=tcp))

    def answer(self, question, room):
        """An answer as RFC 1035 has it: A records of NAMES; many.test has more than a datagram holds."""
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]].decode())
            at += question[at] + 1
        name, kind = ".".join(labels).lower(), struct.unpack("!H", question[at + 1 : at + 3])[0]
        self.asked.append(name)
        found = [NAMES[name]] if name in NAMES else []
        if name == "many.test":
            found = [f"198.51.100.{number}" for number in range(1, 101)]
        records = b"".join(
            struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton(address) for address in found if kind == 1
        )
        code = 0x8580 if found else 0x8583
        count = len(records) // 16
        if 12 + len(records) + at > room:
            records, count, code = b"", 0, code | 0x0200
        head = question[:2] + struct.pack("!HHHHH", code, 1, count, 0, 0)
        return head + question[12 : at + 5] + records

    def files(self, address, port, folder):
        """A web server of a folder."""
        server = ThreadingHTTPServer(
            (address, port),
            lambda *arguments: _Files(*arguments, directory=str(folder)),
            bind_and_activate=False,
        )
        server.socket.close()
        server.socket = self.internet.socket("tcp", address, port)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._files.append(server)

    def prefix(self, *, tun=None, hidden=()):
        """What comes before a command that shall run on the machine."""
        target = os.path.realpath("/etc/resolv.conf")
        script = f'mount --make-rprivate / && mount --bind "{self.folder}/resolv.conf" "{target}"'
        if tun is not None:
            script += f' && mount --bind "{tun}" /dev/net/tun'
        for path in hidden:
            script += f' && mount --bind /dev/null "{path}"'
        return ["nsenter", f"--net={self.machine.path}", "unshare", "-m", "sh", "-c", script + ' && exec "$@"', "sh"]

    async def close(self):
        for server in self._servers:
            server.close()
        for transport in self._transports:
            transport.close()
        for server in self._files:
            await asyncio.to_thread(server.shutdown)
            server.server_close()
        self.machine.close()
        self.internet.close()


@pytest_asyncio.fixture
async def world(tmp_path):
    """Two fresh namespaces with servers. Root only."""
    if os.geteuid() != 0:
        pytest.skip("makes network namespaces")
    made = World(tmp_path)
    await made.open()
    yield made
    await made.close()


# What tests run inside. ``reach`` says how far a connection gets, by the means that this runtime has.
REACH = """
import os, socket
from urllib.parse import urlsplit
def direct(host, port, timeout=3):
    try:
        with socket.create_connection((host, port), timeout) as connection:
            return "reached" if connection.recv(5) == b"hello" else "silent"
    except socket.gaierror:
        return "no name"
    except OSError as error:
        return "closed"
def opened(host, port, timeout=5):
    proxy = urlsplit(os.environ["https_proxy"])
    connection = socket.create_connection((proxy.hostname, proxy.port), timeout)
    connection.sendall(f"CONNECT {host}:{port} HTTP/1.1\\r\\n\\r\\n".encode())
    head = b""
    while b"\\r\\n\\r\\n" not in head:
        more = connection.recv(1)
        if not more:
            break
        head += more
    return connection, head.decode()
def reach(host, port):
    if "https_proxy" not in os.environ:
        return direct(host, port)
    connection, head = opened(f"[{host}]" if ":" in host else host, port)
    with connection:
        if " 200 " not in head.splitlines()[0]:
            return "closed"
        return "reached" if connection.recv(5) == b"hello" else "silent"
"""


@pytest.fixture
def tun(data_folder):
    """A tun device that everybody may open, as most machines have it."""
    if os.geteuid() != 0:
        pytest.skip("makes a device")
    path = data_folder / "tun"
    os.mknod(path, 0o666 | 0o020000, os.makedev(10, 200))
    path.chmod(0o666)
    return path

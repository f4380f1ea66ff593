"""The router: a network namespace of the installation that all runtimes of a root host are joined to.

The machine's own namespace is touched once, when the host starts: one pair of interfaces, one table, one /30. What
comes and goes with runtimes does so in the router, so that no program of the machine (a browser above all, which
drops its connections when interfaces change) takes notice. The namespace lives as long as somebody holds it: the
host, and the relay, which outlives it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ipaddress
import json
import os
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path

from labora.base.logging import get_logger
from labora.host.network import inside, rules
from labora.host.network.netlink import Netlink
from labora.host.network.policy import Policy
from labora.host.process import boot_id
from labora.host.registry import write_atomically

_log = get_logger("network")
INSIDE, UPLINK = "eth0", "up0"
_IPV4, _IPV6 = Path("/proc/sys/net/ipv4"), Path("/proc/sys/net/ipv6")
_PREFIX = 30
_TABLES = "labora_"
# The router forwards and knows no IPv6; set before it has an interface, so that every later one begins so.
_SETTINGS = [
    ["set", "ipv4/ip_forward", "1"],
    ["set", "ipv6/conf/all/disable_ipv6", "1"],
    ["set", "ipv6/conf/default/disable_ipv6", "1"],
]


def interface_of(label: str) -> str:
    """Returns the name of the machine's end of an installation's router; names have at most 15 letters."""
    return f"lb{hashlib.sha256(label.encode()).hexdigest()[:10]}"


class Router:
    """The network of all runtimes of one root host.

    Args:
        label: of the installation; the table in the machine's namespace is named by it.
        run: the host's run folder, where what was changed on the machine is written down.
        nft: path of nft.
        subnet: a /16 or smaller for runtimes, None to choose one that is free.
    """

    def __init__(self, label: str, run: Path, nft: str, subnet: str | None) -> None:
        self.table = label.replace("-", "_")
        self.interface = interface_of(label)
        self._record = run / "network.json"
        self._nft = nft
        self._wanted = subnet
        self._subnet = ipaddress.IPv4Network("10.64.0.0/16")
        self._namespace: int | None = None
        self._netlink: Netlink | None = None
        self._machine_loaded: tuple[object, ...] | None = None
        self._router_loaded: Policy | None = None
        self._lock = asyncio.Lock()

    @property
    def namespace(self) -> int | None:
        """Descriptor of the router's namespace, for whoever should hold it too."""
        return self._namespace

    # -- the router --------------------------------------------------------------------------------------------------

    async def open(self, policy: Policy, held: int | None) -> None:
        """Takes the router that somebody held for us, or makes one. Raises OSError; nothing is left then.

        Args:
            policy: in effect.
            held: descriptor of the namespace of an earlier host's router; taken over.
        """
        try:
            await self._check()
            if held is None or not await self._adopt(held):
                await self._make()
            await self.load(policy)
        except BaseException:
            with contextlib.suppress(OSError):
                await self.remove()
            raise

    async def _adopt(self, held: int) -> bool:
        with Netlink() as machine:
            names = {link.index: link.name for link in machine.links()}
            mine = [address for index, address in machine.addresses() if names.get(index) == self.interface]
        size = 16 if self._wanted is None else ipaddress.IPv4Network(self._wanted, strict=False).prefixlen
        subnet = ipaddress.IPv4Network(f"{mine[0]}/{size}", strict=False) if mine else None
        wanted = subnet if self._wanted is None else ipaddress.IPv4Network(self._wanted, strict=False)
        # The machine's end has the last /30 of the subnet; with another one, runtimes are joined anew.
        if subnet is None or subnet != wanted or str(subnet[-3]) != mine[0]:
            os.close(held)
            return False
        self._subnet = subnet
        (connection,) = await inside.perform(inside.namespace_at(held), [["netlink"]])
        self._namespace, self._netlink = held, Netlink(socket.socket(fileno=connection))
        return True

    async def _make(self) -> None:
        await self.remove()
        self._namespace, connection = await inside.perform("new", [*_SETTINGS, ["namespace"], ["netlink"]])
        self._netlink = Netlink(socket.socket(fileno=connection))
        await asyncio.to_thread(self._join, Netlink(), self._netlink, self._namespace)

    def _join(self, machine: Netlink, router: Netlink, namespace: int) -> None:
        """Joins the router to the machine's namespace, which ``machine`` acts in; closes ``machine``."""
        with machine:
            self._subnet = self._choose(machine)
            near, far = str(self._subnet[-3]), str(self._subnet[-2])
            machine.make_veth(self.interface, UPLINK, namespace)
            index = next(link.index for link in machine.links() if link.name == self.interface)
            with contextlib.suppress(FileNotFoundError):
                (_IPV6 / "conf" / self.interface / "disable_ipv6").write_text("1")
            machine.add_address(index, near, _PREFIX)
            machine.set_up(index)
        up = next(link.index for link in router.links() if link.name == UPLINK)
        router.add_address(up, far, _PREFIX)
        router.set_up(up)
        router.add_default_route(near)

    def _choose(self, machine: Netlink) -> ipaddress.IPv4Network:
        """Returns the subnet that is wanted, or one that no route of this machine touches."""
        if self._wanted is not None:
            return ipaddress.IPv4Network(self._wanted, strict=False)
        taken = [
            ipaddress.IPv4Network(f"{route.destination}/{route.prefix}", strict=False)
            for route in machine.routes()
            if route.prefix > 0
        ]
        start = int(hashlib.sha256(self.interface.encode()).hexdigest(), 16)
        for step in range(190):
            candidate = ipaddress.IPv4Network(f"10.{64 + (start + step) % 190}.0.0/16")
            if not any(candidate.overlaps(network) for network in taken):
                return candidate
        raise OSError(0, "every private network is in use on this machine; set network.subnet")

    async def load(self, policy: Policy) -> None:
        """Makes filters and forwarding what they must be now. Raises OSError."""
        async with self._lock:
            # What another installation has switched on is guarded here too, since that one may end first.
            guarded = await asyncio.to_thread(self._forward, bool(await self._others()))
            if self._machine_loaded != (guarded, policy):
                text = rules.machine_table(self.table, self.interface, str(self._subnet[-2]), policy, guarded)
                await rules.load(self._nft, text)
                self._machine_loaded = guarded, policy
            if self._router_loaded != policy and self._namespace is not None:
                await self._load_router(policy)

    async def _others(self) -> list[str]:
        """Returns the tables of other installations that live; those without an interface are left over and go."""
        names = [name for name in await rules.tables(self._nft) if name.startswith(_TABLES) and name != self.table]
        with Netlink() as machine:
            links = {link.name for link in machine.links()}
        for name in names:
            if interface_of(name.replace("_", "-")) not in links:
                await rules.remove(self._nft, name)
        return [name for name in names if interface_of(name.replace("_", "-")) in links]

    async def _load_router(self, policy: Policy) -> None:
        assert self._namespace is not None  # noqa: S101 - seen before
        load = ["run", json.dumps([self._nft, "-f", "-"]), rules.router_table(UPLINK, policy)]
        await inside.perform(inside.namespace_at(self._namespace), [load])
        self._router_loaded = policy

    def _forward(self, others: bool) -> tuple[str, ...]:
        """Lets the machine forward packets; returns the interfaces that must be guarded for it."""
        if (_IPV4 / "ip_forward").read_text().strip() == "1":
            return ()
        with Netlink() as machine:
            names = {link.index: link.name for link in machine.links()}
            ways = {names.get(route.index, "") for route in machine.routes()} - {"", "lo"}
        # Single interfaces, where nobody forwards yet, so that the machine becomes nobody else's router.
        changed = set(self._changed())
        for name in ways - changed:
            setting = _IPV4 / "conf" / name / "forwarding"
            if others or setting.read_text().strip() == "0":
                changed.add(name)
                write_atomically(self._record, json.dumps({"boot_id": boot_id(), "forwarding": sorted(changed)}))
        for name in changed & ways:
            (_IPV4 / "conf" / name / "forwarding").write_text("1")
        return tuple(sorted(changed - {self.interface}))

    def _changed(self) -> list[str]:
        try:
            record = json.loads(self._record.read_text())
            return [str(name) for name in record["forwarding"]] if record["boot_id"] == boot_id() else []
        except (OSError, ValueError, KeyError, TypeError):
            return []

    async def remove(self) -> None:
        """Takes router, interfaces, table and forwarding away. Raises OSError."""
        async with self._lock:
            with Netlink() as machine:
                await asyncio.to_thread(machine.remove, self.interface)
            if self._netlink is not None:
                self._netlink.close()
            if self._namespace is not None:
                os.close(self._namespace)
            self._netlink = self._namespace = self._machine_loaded = self._router_loaded = None
            await rules.remove(self._nft, self.table)
            if not await self._others():
                for name in self._changed():
                    with contextlib.suppress(OSError):
                        (_IPV4 / "conf" / name / "forwarding").write_text("0")
            self._record.unlink(missing_ok=True)

    async def _check(self) -> None:
        """Raises OSError where packets of ours would go nowhere."""
        if not os.access(_IPV4 / "ip_forward", os.W_OK):
            raise OSError(0, f"{_IPV4} is read-only here")
        other = await rules.blocked_by(self._nft)
        if other is not None:
            raise OSError(0, f"the firewall's chain {other} drops forwarded packets")

    async def trial(self, pid: int) -> None:
        """Does what :meth:`open` does with the namespace of ``pid`` in the place of the machine's. Raises OSError."""
        await self._check()
        table = rules.machine_table(self.table, self.interface, "10.64.255.254", Policy(), ("lo",))
        load = ["run", json.dumps([self._nft, "-f", "-"]), table]
        (machine,) = await inside.perform(inside.namespace_of(pid), [["netlink"], load])
        self._namespace, router = await inside.perform("new", [*_SETTINGS, ["namespace"], ["netlink"]])
        try:
            with Netlink(socket.socket(fileno=router)) as far:
                await asyncio.to_thread(self._join, Netlink(socket.socket(fileno=machine)), far, self._namespace)
            await self._load_router(Policy())
        finally:
            os.close(self._namespace)
            self._namespace = None

    # -- one runtime -------------------------------------------------------------------------------------------------

    def slots(self) -> set[int]:
        """Returns the slots that have an interface. Raises OSError."""
        if self._netlink is None:
            return set()
        names = {link.name for link in self._netlink.links()}
        return {int(name[1:]) for name in names if name[:1] == "r" and name[1:].isdigit()}

    async def sweep(self, slots: Iterable[int]) -> None:
        """Removes interfaces of other slots. Raises OSError."""
        for slot in self.slots() - set(slots):
            _log.info("stale_interface_removed", slot=slot)
            await self.detach(slot)

    async def attach(self, slot: int, pid: int, requests: Sequence[Sequence[str]]) -> list[int]:
        """Gives a sandbox that does not run yet its interface.

        Returns:
            The descriptors inside it that ``requests`` open (see ``enter.py``).

        Raises:
            OSError: something was refused; nothing is left of it.
        """
        if (slot + 2) << (32 - _PREFIX) > self._subnet.num_addresses:
            raise OSError(0, f"the network {self._subnet} has no room for another runtime")
        first = slot << (32 - _PREFIX)
        gateway, own = str(self._subnet[first + 1]), str(self._subnet[first + 2])
        # Every later interface begins without IPv6; the loopback, which is there already, keeps it.
        setup = [["set", "ipv6/conf/default/disable_ipv6", "1"], ["netlink"]]
        connection, *opened = await inside.perform(inside.namespace_of(pid), [*setup, *requests])
        try:
            with Netlink(socket.socket(fileno=connection)) as netlink:
                netlink.remove(INSIDE)  # of a router that has died
                await self._pair(slot, pid, gateway)
                index = next(link.index for link in netlink.links() if link.name == INSIDE)
                netlink.add_address(index, own, _PREFIX)
                netlink.set_up(index)
                netlink.add_default_route(gateway)
        except BaseException:
            for descriptor in opened:
                os.close(descriptor)
            await self.detach(slot)
            raise
        return opened

    async def _pair(self, slot: int, pid: int, gateway: str) -> None:
        async with self._lock:  # one socket, one request at a time
            if self._netlink is None:
                raise OSError(0, "the router is gone")
            namespace = os.open(inside.namespace_of(pid), os.O_RDONLY | os.O_CLOEXEC)
            try:
                await asyncio.to_thread(_make_pair, self._netlink, f"r{slot}", namespace, gateway)
            finally:
                os.close(namespace)

    async def detach(self, slot: int) -> None:
        """Removes the slot's interface at once; by itself it would go when the kernel has buried the namespace."""
        async with self._lock:
            if self._netlink is not None:
                with contextlib.suppress(OSError):
                    await asyncio.to_thread(self._netlink.remove, f"r{slot}")


def _make_pair(router: Netlink, name: str, namespace: int, gateway: str) -> None:
    router.remove(name)
    router.make_veth(name, INSIDE, namespace)
    index = next(link.index for link in router.links() if link.name == name)
    router.add_address(index, gateway, _PREFIX)
    router.set_up(index)

"""A pair of interfaces per runtime and one packet filter per installation, on a root host."""

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
INSIDE = "eth0"
_IPV4 = Path("/proc/sys/net/ipv4")
_IPV6 = Path("/proc/sys/net/ipv6")
_SLOT_PREFIX = 30
_TABLES = "labora_"


def interface_prefix(label: str) -> str:
    """Returns what the names of an installation's interfaces begin with; names have at most 15 letters."""
    return f"lb{hashlib.sha256(label.encode()).hexdigest()[:6]}x"


class Veth:
    """The machine's side of all runtimes' networks.

    Args:
        label: of the installation; the table is named by it.
        run: the host's run folder, where what was changed on the machine is written down.
        nft: path of nft.
        subnet: a /16 or smaller for runtimes, None to choose one that is free.
    """

    def __init__(self, label: str, run: Path, nft: str, subnet: str | None) -> None:
        self.table = label.replace("-", "_")
        self.prefix = interface_prefix(label)
        self._record = run / "network.json"
        self._nft = nft
        self._wanted = subnet
        self._subnet: ipaddress.IPv4Network | None = None
        self._loaded: tuple[object, ...] | None = None
        self._lock = asyncio.Lock()

    def _name(self, slot: int) -> str:
        return f"{self.prefix}{slot}"

    # -- the machine -------------------------------------------------------------------------------------------------

    async def prepare(self, policy: Policy) -> None:
        """Makes filter and forwarding what they must be now. Raises OSError."""
        async with self._lock:
            await self._prepare(policy)

    async def _prepare(self, policy: Policy) -> None:
        # What another installation has switched on is guarded here too, since that one may end first.
        others = any(name.startswith(_TABLES) for name in await rules.tables(self._nft) if name != self.table)
        subnet, guarded = await asyncio.to_thread(self._prepare_machine, others)
        wanted = (subnet, guarded, policy)
        if self._loaded != wanted:
            await rules.load(self._nft, rules.machine_table(self.table, self.prefix, str(subnet), policy, guarded))
            self._loaded = wanted

    def _prepare_machine(self, others: bool) -> tuple[ipaddress.IPv4Network, tuple[str, ...]]:
        with Netlink() as netlink:
            names = {link.index: link.name for link in netlink.links()}
            if self._subnet is None:
                self._subnet = self._choose(netlink, names)
            ways = {names.get(route.index, "") for route in netlink.routes()} - {"", "lo"}
        ways = {name for name in ways if not name.startswith(self.prefix)}
        if (_IPV4 / "ip_forward").read_text().strip() == "1":
            return self._subnet, ()
        # Only where nobody forwards yet: single interfaces, guarded, so that the machine becomes nobody's router.
        changed = set(self._changed())
        for name in ways - changed:
            setting = _IPV4 / "conf" / name / "forwarding"
            if others or setting.read_text().strip() == "0":
                changed.add(name)
                write_atomically(self._record, json.dumps({"boot_id": boot_id(), "forwarding": sorted(changed)}))
                setting.write_text("1")
        return self._subnet, tuple(sorted(changed))

    def _changed(self) -> list[str]:
        try:
            record = json.loads(self._record.read_text())
            return [str(name) for name in record["forwarding"]] if record["boot_id"] == boot_id() else []
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def _choose(self, netlink: Netlink, names: dict[int, str]) -> ipaddress.IPv4Network:
        """Returns the subnet of living runtimes, the wanted one, or one that no route of this machine touches."""
        for index, address in netlink.addresses():
            if names.get(index, "").startswith(self.prefix):
                living = ipaddress.ip_address(address)
                if self._wanted is None or living not in ipaddress.ip_network(self._wanted):
                    return ipaddress.IPv4Network(f"{address}/16", strict=False)
        if self._wanted is not None:
            return ipaddress.IPv4Network(self._wanted)
        taken = [
            ipaddress.IPv4Network(f"{route.destination}/{route.prefix}", strict=False)
            for route in netlink.routes()
            if route.prefix > 0
        ]
        start = int(hashlib.sha256(self.prefix.encode()).hexdigest(), 16)
        for step in range(190):
            candidate = ipaddress.IPv4Network(f"10.{64 + (start + step) % 190}.0.0/16")
            if not any(candidate.overlaps(network) for network in taken):
                return candidate
        raise OSError(0, "every private network is in use on this machine; set network.subnet")

    async def trial(self, pid: int) -> None:
        """Makes and removes a table and a pair of interfaces, without forwarding. Raises OSError."""
        for setting in ("ip_forward", "conf/all/forwarding"):
            if not os.access(_IPV4 / setting, os.W_OK):
                raise OSError(0, f"{_IPV4 / setting} is read-only here")
        other = await rules.blocked_by(self._nft)
        if other is not None:
            raise OSError(0, f"the firewall's chain {other} drops forwarded packets")
        self._subnet = ipaddress.IPv4Network("10.255.255.0/30")
        await rules.load(self._nft, rules.machine_table(self.table, self.prefix, str(self._subnet), Policy(), ()))
        try:
            await asyncio.to_thread(self._make_pair, 0, pid)
        finally:
            await self.detach(0)
            await rules.remove(self._nft, self.table)

    async def clear(self) -> None:
        """Takes filter, interfaces and forwarding away: no runtime is left. Raises OSError."""
        async with self._lock:
            await asyncio.to_thread(self._remove_all_but, set())
            tables = await rules.tables(self._nft)
            if self.table in tables:
                await rules.remove(self._nft, self.table)
            self._loaded = self._subnet = None
            if not any(name.startswith(_TABLES) for name in tables if name != self.table):
                for name in self._changed():
                    with contextlib.suppress(OSError):
                        (_IPV4 / "conf" / name / "forwarding").write_text("0")
            self._record.unlink(missing_ok=True)

    async def sweep(self, slots: Iterable[int]) -> None:
        """Removes interfaces of runtimes that are gone. Raises OSError."""
        async with self._lock:
            await asyncio.to_thread(self._remove_all_but, {self._name(slot) for slot in slots})

    def _remove_all_but(self, kept: set[str]) -> None:
        with Netlink() as netlink:
            for link in netlink.links():
                if link.name.startswith(self.prefix) and link.name not in kept:
                    netlink.remove(link.name)
                    _log.info("stale_interface_removed", interface=link.name)

    # -- one runtime -------------------------------------------------------------------------------------------------

    async def attach(
        self, slot: int, pid: int, policy: Policy, requests: Sequence[Sequence[str]]
    ) -> list[socket.socket]:
        """Gives a sandbox that does not run yet its interface.

        Returns:
            The sockets inside it that ``requests`` open (see ``enter.py``).

        Raises:
            OSError: something was refused; nothing is left of it.
        """
        await self.prepare(policy)
        try:
            gateway, own = await asyncio.to_thread(self._make_pair, slot, pid)
            sockets = await inside.perform(pid, [["no_ipv6", INSIDE], ["netlink"], *requests])
            await asyncio.to_thread(_configure, Netlink(sockets[0]), INSIDE, own, gateway)
            return sockets[1:]
        except BaseException:
            await self.detach(slot)
            raise

    def has(self, slot: int) -> bool:
        """Says whether the slot's interface is there."""
        with contextlib.suppress(OSError):
            socket.if_nametoindex(self._name(slot))
            return True
        return False

    def _make_pair(self, slot: int, pid: int) -> tuple[str, str]:
        assert self._subnet is not None  # noqa: S101 - prepared before
        size = 1 << (32 - _SLOT_PREFIX)
        if (slot + 1) * size > self._subnet.num_addresses:
            raise OSError(0, f"the network {self._subnet} has no room for another runtime")
        gateway, own = str(self._subnet[slot * size + 1]), str(self._subnet[slot * size + 2])
        name = self._name(slot)
        namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            with Netlink() as netlink:
                netlink.remove(name)
                netlink.make_veth(name, INSIDE, namespace)
                index = socket.if_nametoindex(name)
                with contextlib.suppress(FileNotFoundError):
                    (_IPV6 / "conf" / name / "disable_ipv6").write_text("1")
                (_IPV4 / "conf" / name / "forwarding").write_text("1")
                netlink.add_address(index, gateway, _SLOT_PREFIX)
                netlink.set_up(index)
        finally:
            os.close(namespace)
        return gateway, own

    async def detach(self, slot: int) -> None:
        """Removes the slot's interface at once; by itself it would go when the kernel has buried the namespace."""

        def remove() -> None:
            with Netlink() as netlink:
                netlink.remove(self._name(slot))

        with contextlib.suppress(OSError):
            await asyncio.to_thread(remove)


def _configure(netlink: Netlink, name: str, address: str, gateway: str) -> None:
    with netlink:
        index = next(link.index for link in netlink.links() if link.name == name)
        netlink.add_address(index, address, _SLOT_PREFIX)
        netlink.set_up(index)
        netlink.add_default_route(gateway)

"""Where a runtime can get to and where not, as code in real sandboxes, by every means (security case 60)."""

from __future__ import annotations

import asyncio
import json
import os

import pytest
import pytest_asyncio

from .conftest import ELSEWHERE, HELLO, LAB, LAN, MACHINE, METADATA, PRIVATE, PUBLIC, REACH, SHARED

pytestmark = pytest.mark.sandbox
MEANS = [("a", "veth"), ("a", "relay"), ("b", "relay"), ("b", "pasta")]


@pytest_asyncio.fixture(params=MEANS, ids="-".join)
async def placed(request, make_host, world, tun):
    """A running host on the test's machine, once for each means."""
    level, means = request.param
    host = make_host(level)
    host.prefix = world.prefix(tun=tun)
    info = await host.start("--network-means", means, "--allow", f"{LAB}:7000", "--allow", "lab.test:25")
    assert (info.level, info.network) == (level, means), info
    return host


async def ask(guest, code):
    return json.loads(await guest.run(REACH + code))


async def test_sec_60_near_is_closed_and_far_is_open(placed):
    guest = await placed.guest(await placed.runtime())
    targets = {
        "public": (PUBLIC, 7000),
        "mail": (PUBLIC, 25),
        "mail with tls": (PUBLIC, 465),
        "submission": (PUBLIC, 587),
        "metadata": (METADATA, 7000),
        "private": (PRIVATE, 7000),
        "lan": (LAN, 7000),
        "shared": (SHARED, 7000),
        "the machine's address": (MACHINE, 7000),
        "a port that it publishes": (MACHINE, 7002),
        "its loopback": ("127.0.0.1", 7000),
        "its loopback by another name": ("0.0.0.0", 7000),
        "its loopback as IPv6": ("::ffff:127.0.0.1", 7000),
        "private as IPv6": (f"::ffff:{PRIVATE}", 7000),
        "IPv6": ("2001:db8::1", 7000),
        "allowed": (LAB, 7000),
        "another port of the allowed": (LAB, 465),
        "name": ("site.test", 7000),
        "name of a private address": ("rebind.test", 7000),
        "name of the metadata": ("metadata.test", 7000),
        "allowed by name": ("lab.test", 25),
        "no such name": ("nowhere.test", 7000),
    }
    found = await ask(
        guest, f"import json; print(json.dumps({{name: reach(*to) for name, to in {targets!r}.items()}}))"
    )
    assert {name for name, result in found.items() if result == "reached"} == {
        "public",
        "allowed",
        "name",
        "allowed by name",
    }, json.dumps(found)


async def test_sec_60_around_the_relay_there_is_no_way(make_host, world):
    host = make_host("b")
    host.prefix = world.prefix()
    await host.start("--network-means", "relay")
    guest = await host.guest(await host.runtime())
    found = await ask(
        guest,
        f"import json; print(json.dumps([direct(to, 7000) for to in {(PUBLIC, PRIVATE, MACHINE, 'site.test')!r}]))",
    )
    assert set(found) <= {"closed", "no name"}


async def test_sec_60_the_relay_opens_on_the_machine_what_is_allowed_only(make_host):
    """Without namespaces of the test's own, so as an ordinary user too."""

    async def greet(reader, writer):
        writer.write(HELLO)
        await writer.drain()
        writer.close()

    one, two = [await asyncio.start_server(greet, "127.0.0.1", 0) for _ in range(2)]
    async with one, two:
        allowed, other = (server.sockets[0].getsockname()[1] for server in (one, two))
        host = make_host("a" if os.geteuid() == 0 else "b")
        await host.start("--network-means", "relay", "--allow", f"127.0.0.1:{allowed}")
        guest = await host.guest(await host.runtime())
        ways = [("127.0.0.1", allowed), ("localhost", allowed), ("127.0.0.1", other), ("localhost", other)]
        found = await ask(guest, f"import json; print(json.dumps([reach(*to) for to in {ways!r}]))")
        assert found == ["reached", "reached", "closed", "closed"]


async def test_sec_60_nobody_inside_changes_interfaces_rules_or_addresses(placed):
    guest = await placed.guest(await placed.runtime())
    out = await guest.run(
        """
        import subprocess
        for command in ("ip link set lo down", "ip addr add 10.1.1.1/24 dev lo", "ip route add 10.1.2.0/24 dev lo",
                        "/usr/sbin/nft flush ruleset", "/usr/sbin/nft add table inet mine"):
            done = subprocess.run(command, shell=True, capture_output=True, text=True)
            print(command, "DONE" if done.returncode == 0 else "refused", done.stderr.strip()[-60:])
        try:
            open("/proc/sys/net/ipv4/ip_forward", "w").write("1")
            print("sysctl DONE")
        except OSError:
            print("sysctl refused")
        """
    )
    assert "DONE" not in out, out


async def test_sec_60_runtimes_do_not_reach_each_other(placed):
    one = await placed.guest(await placed.runtime("one"))
    two = await placed.guest(await placed.runtime("two"))
    addresses = await one.run(
        """
        import json, socket, subprocess, sys
        sys.kept = socket.create_server(("0.0.0.0", 7100))
        shown = json.loads(subprocess.run(["ip", "-j", "addr"], capture_output=True, text=True).stdout)
        print(json.dumps([a["local"] for link in shown for a in link["addr_info"] if a["family"] == "inet"]))
        """,
        fork=False,
    )
    assert "127.0.0.1" in addresses
    for address in json.loads(addresses):
        # With pasta both have the machine's address, each for itself.
        assert await ask(two, f"import json; print(json.dumps(reach({address!r}, 7100)))") == "closed"


async def test_sec_60_other_protocols_obey_too(make_host, world):
    """Datagrams, and packets with a borrowed sender's address."""
    host = make_host("a")
    host.prefix = world.prefix()
    await host.start("--network-means", "veth")
    guest = await host.guest(await host.runtime())
    public, private = (world.internet.socket("udp", address, 7300) for address in (ELSEWHERE, PRIVATE))
    with public, private:
        await guest.run(
            f"""
            import socket
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            for target in {(PRIVATE, ELSEWHERE)!r}:
                try:
                    sender.sendto(b"datagram", (target, 7300))
                except OSError:
                    pass
            """
        )
        public.settimeout(5)
        assert public.recvfrom(100)[0] == b"datagram"
        private.setblocking(False)
        with pytest.raises(BlockingIOError):
            private.recv(100)


async def test_sec_60_large_answers_of_the_name_server_come_over_tcp(make_host, world):
    host = make_host("a")
    host.prefix = world.prefix()
    await host.start("--network-means", "veth")
    guest = await host.guest(await host.runtime())
    found = await guest.run("import socket; print(len(socket.gethostbyname_ex('many.test')[2]))")
    assert found == "100"
    assert "many.test" in world.asked


@pytest.mark.parametrize(("level", "means"), [("a", "veth"), ("b", "relay")])
async def test_off_is_off_and_says_so(make_host, world, level, means):
    host = make_host(level)
    host.prefix = world.prefix()
    info = await host.start("--network-means", means, "--egress", "off", "--allow", LAB)
    assert info.network == "off"
    assert ["network.egress" in note.message for note in info.notes if note.code == "network_off"] == [True]
    guest = await host.guest(await host.runtime())
    targets = [(PUBLIC, 7000), ("site.test", 7000), (LAB, 7000), (MACHINE, 7000)]
    found = await ask(guest, f"import json; print(json.dumps([(direct(*to), opened(*to)[1]) for to in {targets!r}]))")
    for straight, told in found:
        assert straight in ("closed", "no name")
        assert told.startswith("HTTP/1.1 403 Labora: this runtime has no network: network.egress is off")
    assert "network.egress is off" in await guest.run("print(open('/etc/resolv.conf').read())")

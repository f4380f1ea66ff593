"""The network of runtimes over the death of the host, of its relay and of the machine."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from labora.host.network.router import interface_of
from labora.host.process import start_time, wait_exit

from .conftest import LAB, PUBLIC, REACH

pytestmark = pytest.mark.sandbox
MEANS = [("a", "veth"), ("b", "relay"), ("b", "pasta")]
CONNECT = """
import os, socket, sys
sys.kept = opened({host!r}, 7000)[0] if "https_proxy" in os.environ else socket.create_connection(({host!r}, 7000), 5)
sys.kept.settimeout(10)
print(sys.kept.recv(100))
"""
SPEAK = """
import sys
sys.kept.sendall(b"still there\\n")
print(sys.kept.recv(100))
"""


def relays(folder):
    """The relay of a data folder: whoever listens on its socket, told by the log that it writes to."""
    log = str(folder / "run" / "network.log")
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                if b"labora.host.network.relay" in command and str((entry / "fd" / "1").readlink()) == log:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


async def gone(pid):
    async with asyncio.timeout(90):
        await wait_exit(pid, start_time(pid) or 0)


async def eventually(condition):
    async with asyncio.timeout(90):
        while not await condition():  # noqa: ASYNC110 - what another process does
            await asyncio.sleep(0.02)


async def open_host(make_host, world, tun, level, means):
    host = make_host(level)
    host.prefix = world.prefix(tun=tun)
    arguments = ("--network-means", means, "--allow", f"{LAB}:7000")
    assert (await host.start(*arguments)).network == means
    return host, arguments


@pytest.mark.parametrize(("level", "means"), MEANS)
async def test_a_connection_outlives_the_host(make_host, world, tun, level, means):
    host, arguments = await open_host(make_host, world, tun, level, means)
    guest = await host.guest(await host.runtime())
    assert await guest.run(REACH + CONNECT.format(host=PUBLIC), fork=False) == "b'hello from outside\\n'"
    host.kill()
    assert await guest.run(SPEAK, fork=False) == "b'still there\\n'"
    await host.start(*arguments)
    assert [handle.alive for handle in await host.client.list()] == [True]
    assert await guest.run(SPEAK, fork=False) == "b'still there\\n'"
    assert await guest.run(REACH + f"print(reach({LAB!r}, 7000), reach('site.test', 7000))") == "reached reached"


@pytest.mark.parametrize(("level", "means"), MEANS)
async def test_a_relay_that_dies_is_started_again_for_everybody(make_host, world, tun, level, means):
    host, _ = await open_host(make_host, world, tun, level, means)
    guest = await host.guest(await host.runtime())
    (relay,) = relays(host.folder)
    if means == "veth":
        await guest.run(REACH + CONNECT.format(host=PUBLIC), fork=False)
    os.kill(relay, signal.SIGKILL)

    async def reached():
        return (await guest.ask(REACH + "print(reach('site.test', 7000))"))["out"].strip() == "reached"

    await eventually(reached)
    assert len(relays(host.folder)) == 1
    if means == "veth":  # what the relay does not carry does not notice
        assert await guest.run(SPEAK, fork=False) == "b'still there\\n'"


async def test_when_host_and_relay_die_together_runtimes_are_joined_anew(make_host, world, tun):
    host, arguments = await open_host(make_host, world, tun, "a", "veth")
    guest = await host.guest(await host.runtime())
    (relay,) = relays(host.folder)
    host.kill()
    os.kill(relay, signal.SIGKILL)
    await gone(relay)
    await host.start(*arguments)
    assert await guest.run(REACH + f"print(reach({LAB!r}, 7000), reach('site.test', 7000))") == "reached reached"


@pytest.mark.parametrize(("level", "means"), MEANS[:2])
async def test_switching_the_network_off_and_on_reaches_living_runtimes(make_host, world, tun, level, means):
    host, arguments = await open_host(make_host, world, tun, level, means)
    guest = await host.guest(await host.runtime())
    for more, expected in (("off", "closed"), ("auto", "reached")):
        await host.client.leave()
        host.process.wait(20)
        await host.start(*arguments, "--egress", more)
        assert await guest.run(REACH + f"print(reach({PUBLIC!r}, 7000))") == expected


async def test_another_subnet_reaches_living_runtimes(make_host, world, tun):
    host, arguments = await open_host(make_host, world, tun, "a", "veth")
    guest = await host.guest(await host.runtime())
    await host.client.leave()
    host.process.wait(20)
    await host.start(*arguments, "--subnet", "10.200.0.0/20")
    assert await guest.run(REACH + f"print(reach({PUBLIC!r}, 7000), reach('site.test', 7000))") == "reached reached"
    assert "10.200.0.2/30" in await guest.run(
        "import os; os.system('ip -br addr > /tmp/x'); print(open('/tmp/x').read())"
    )
    assert "10.200.15.253/30" in world.machine.ip("-br", "addr")


async def test_runtimes_come_and_go_unnoticed_by_the_machine(make_host, world, tun):
    """A browser on the machine drops its connections when interfaces or addresses change."""
    before_host = world.machine.state(), world.machine.tables()
    host, _ = await open_host(make_host, world, tun, "a", "veth")
    before = world.machine.state()
    assert before != before_host[0]
    watch = await asyncio.create_subprocess_exec(
        "nsenter", f"--net={world.machine.path}", "ip", "monitor", "link", "address", "route", stdout=-1
    )
    for generation in (1, 2):
        guest = await host.guest(await host.runtime(generation=generation))
        assert await guest.run(REACH + f"print(reach({PUBLIC!r}, 7000))") == "reached"
        guest.close()
    await host.client.kill("rt", wipe=True)
    assert world.machine.state() == before
    # Something that it must see, so that its silence before means something.
    world.machine.ip("addr", "add", "192.0.2.77/32", "dev", "lo")
    assert b"192.0.2.77" in await asyncio.wait_for(watch.stdout.readline(), 60)
    watch.terminate()
    await watch.wait()
    world.machine.ip("addr", "del", "192.0.2.77/32", "dev", "lo")
    (relay,) = relays(host.folder)
    await host.client.stop()
    host.process.wait(20)
    host.process = None
    assert (world.machine.state(), world.machine.tables()) == before_host
    assert world.machine.run("cat", "/proc/sys/net/ipv4/conf/wan0/forwarding").stdout == "0\n"
    await gone(relay)


async def test_a_wiped_runtime_leaves_nothing_in_the_router(make_host, world, tun):
    host, _ = await open_host(make_host, world, tun, "a", "veth")
    for runtime_id in ("one", "two"):
        await host.runtime(runtime_id)
    router = f"/proc/{host.process.pid}/fd/{router_descriptor(host.process.pid)}"

    def interfaces():
        done = world.machine.run("nsenter", f"--net={router}", "ip", "-j", "link")
        return sorted(link["ifname"] for link in json.loads(done.stdout))

    assert interfaces() == ["lo", "r0", "r1", "up0"]
    await host.client.kill("one", wipe=True)
    assert interfaces() == ["lo", "r1", "up0"]
    await host.client.kill("two", wipe=True)
    assert interfaces() == ["lo", "up0"]


def router_descriptor(pid):
    """The host's descriptor of the router's namespace."""
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        if str(entry.readlink()).startswith("net:["):
            return entry.name
    raise AssertionError("the host holds no namespace")


async def test_what_a_dead_machine_left_is_cleared_away(make_host, world, tun):
    """As after a power cut in the middle of everything: interface and table are there, and nobody behind them."""
    host, arguments = await open_host(make_host, world, tun, "a", "veth")
    guest = await host.guest(await host.runtime())
    handle = json.loads((host.folder / "run" / "runtimes" / "rt.json").read_text())
    (relay,) = relays(host.folder)
    (table,) = set(world.machine.tables()) - {"published"}
    name = interface_of(table.replace("_", "-"))
    host.kill()
    for pid in (relay, handle["monitor_pid"], handle["pid"]):
        os.kill(pid, signal.SIGKILL)
        await gone(pid)
    guest.close()

    async def vanished():
        return world.machine.run("ip", "link", "show", name).returncode != 0

    await eventually(vanished)
    world.machine.ip("link", "add", name, "type", "veth", "peer", "name", "stale0")
    world.machine.run("nft", "-f", "-", text="table inet labora_000000000000 { }")
    assert (await host.start(*arguments)).network == "veth"
    assert set(world.machine.tables()) == {table, "published"}
    assert world.machine.run("ip", "link", "show", "stale0").returncode != 0
    guest = await host.guest(await host.runtime(generation=2))
    assert await guest.run(REACH + f"print(reach({PUBLIC!r}, 7000))") == "reached"


async def test_without_nft_root_gets_the_relay_and_is_told(make_host, world):
    host = make_host("a")
    host.prefix = world.prefix(hidden=["/usr/sbin/nft"])
    info = await host.start("--network-means", "auto")
    assert info.network == "relay"
    assert [note.message for note in info.notes if note.code == "network_relay" and "nftables" in note.message]
    guest = await host.guest(await host.runtime())
    assert await guest.run(REACH + f"print(reach({PUBLIC!r}, 7000))") == "reached"


async def test_behind_a_firewall_that_drops_forwarded_packets_root_gets_the_relay(make_host, world):
    chain = "table ip other { chain FORWARD { type filter hook forward priority 0; policy drop; }; }"
    assert world.machine.run("nft", "-f", "-", text=chain).returncode == 0
    host = make_host("a")
    host.prefix = world.prefix()
    info = await host.start("--network-means", "auto")
    assert info.network == "relay"
    assert any("other FORWARD" in note.message for note in info.notes)

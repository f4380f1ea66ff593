"""Memory, processes and cpu of a runtime are bounded, and its end for memory is proved (cases 62, 63)."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from labora.base.errors import LaboraError
from labora.host.model import Limits

pytestmark = pytest.mark.sandbox

MIB = 1024 * 1024


async def test_sec_63_a_kernel_that_takes_too_much_memory_dies_alone(host):
    handle = await host.runtime(limits=Limits(128 * MIB, 2.0, 64))
    guest = await host.guest(handle)
    # Grows slowly enough for a watchdog that samples, where there is no cgroup.
    answer = await guest.ask("import time; kept = []\nwhile True: kept.append(bytearray(2 << 20)); time.sleep(0.02)")
    assert (answer["error"], answer.get("status")) == ("died", 9)
    assert await guest.run("print('agent lives')") == "agent lives"
    meter = await host.client.meter("rt")
    assert meter.oom_kills >= 1
    assert meter.memory_limit == 128 * MIB
    assert (await host.client.list())[0].alive


async def test_sec_63_an_agent_killed_for_memory_is_told_with_proof(host):
    guest = await host.guest(await host.runtime(limits=Limits(128 * MIB, 2.0, 64)))
    with pytest.raises(json.JSONDecodeError):  # the connection just ends
        await guest.ask(
            "import time; kept = []\nwhile True: kept.append(bytearray(2 << 20)); time.sleep(0.02)", fork=False
        )
    ended = await host.until_ended()
    assert (ended.exit.signal, ended.exit.oom, ended.exit.reason) == (9, True, None)


async def test_sec_63_files_in_memory_are_bounded(host):
    guest = await host.guest(await host.runtime(limits=Limits(128 * MIB, 2.0, 64)))
    answer = await guest.ask(
        """
        with open("/dev/shm/x", "wb") as file:
            for _ in range(600):
                file.write(bytes(1 << 20))
        """
    )
    assert answer["error"] == "died" or "No space left" in answer["error"]
    assert await guest.run("print('agent lives')") == "agent lives"


async def test_sec_62_a_fork_bomb_meets_the_limit_and_the_agent_lives(host):
    guest = await host.guest(await host.runtime(limits=Limits(256 * MIB, 2.0, 24)))
    out = await guest.run(
        """
        import os, signal
        children = []
        try:
            while len(children) < 200:
                pid = os.fork()
                if pid == 0:
                    signal.pause()
                    os._exit(0)
                children.append(pid)
        except BlockingIOError:
            print("EAGAIN at", len(children))
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        """
    )
    assert out.startswith("EAGAIN at")
    assert 5 < int(out.split()[-1]) < 24
    assert await guest.run("print('agent lives')") == "agent lives"


async def test_cpu_is_shared_by_quota(host):
    if (await host.client.ping()).cgroup == "none":
        assert any("cpu is not limited" in note.message for note in (await host.client.ping()).notes)
        return
    guest = await host.guest(await host.runtime(limits=Limits(256 * MIB, 0.2, 64)))
    before, started = (await host.client.meter("rt")).cpu_seconds, time.monotonic()
    await guest.run("import time; end = time.monotonic() + 2\nwhile time.monotonic() < end: pass")
    used = (await host.client.meter("rt")).cpu_seconds - before
    assert used / (time.monotonic() - started) < 0.35


async def test_who_yields_to_others_can_be_brought_forward(host):
    low = Limits(128 * MIB, 1.0, 64, weight=5)
    handle = await host.runtime(limits=low)
    assert shares_of(handle.pid) in (None, 51)
    await host.client.limit("rt", replace(low, weight=100))
    assert shares_of(handle.pid) in (None, 1024)
    assert (await host.client.list())[0].limits.weight == 100
    with pytest.raises(LaboraError, match="weight"):
        await host.client.limit("rt", replace(low, weight=0))


def shares_of(pid):
    """What version 1 gives the group of a process; None where there is no such group of ours."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        file = Path(f"/sys/fs/cgroup/cpu{path}/cpu.shares")
        if "cpu" in controllers.split(",") and "labora-" in path and file.exists():
            return int(file.read_text())
    return None


async def test_limits_change_while_it_runs(host):
    await host.runtime(limits=Limits(128 * MIB, 1.0, 64))
    await host.client.limit("rt", Limits(512 * MIB, 1.0, 64))
    assert (await host.client.meter("rt")).memory_limit == 512 * MIB
    await host.client.limit("rt", Limits(200 * MIB, 1.0, 64))
    assert (await host.client.list())[0].limits.memory_bytes == 200 * MIB


async def test_meters_tell_what_is_used(host):
    guest = await host.guest(await host.runtime())
    await guest.run("import sys; sys.kept = b'x' * (50 << 20)", fork=False)
    await guest.run("open('/content/x', 'wb').write(b'x' * (3 << 20))")
    meter = await host.client.meter("rt")
    assert 50 * MIB < meter.memory_bytes < 150 * MIB
    assert meter.processes >= 1
    assert meter.cpu_seconds > 0
    assert meter.disk_bytes >= 3 * MIB

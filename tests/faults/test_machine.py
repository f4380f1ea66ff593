"""What may befall a machine while a cell runs, each fault once and on purpose (faults 15 to 22 of the threat model).

``test_kills.py`` kills at random points; here every fault has a test that names it, and what the notebook says
afterwards is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from labora.base.errors import LaboraError
from labora.testing.client import RoomClient
from labora.testing.process import ServerProcess, notebook_of
from labora.testing.recorder import eventually

from .machine import groups_named, handles_of, kill_all, loop_devices_of, power_off, processes_of

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

LINES = 150
PRINTER = f"import time\nfor number in range({LINES}):\n    print('line', number, flush=True)\n    time.sleep(0.01)\n"
PRINTED = "".join(f"line {number}\n" for number in range(LINES))
SLEEPER = "import time\nprint('asleep', flush=True)\ntime.sleep(600)"
SILENT_S = 10.0


async def begin(page: RoomClient, cell_id: str, said: str) -> str:
    """Runs a cell until it has said something; returns the execution."""
    (key,) = await page.execute(cell_id)
    await page.until(lambda: said in page.text(cell_id))
    return key


def runtime_of(page: RoomClient) -> dict[str, object]:
    (runtime,) = page.state["runtimes"].values()
    return dict(runtime)


def lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


async def host_answers(server: ServerProcess) -> bool:
    with contextlib.suppress(LaboraError):
        return bool((await server.host.ping()).pid)
    return False


async def test_fault_15_the_browser_is_closed_during_a_run(server: ServerProcess) -> None:
    await server.invite("bob")
    file_id = await server.upload(notebook_of(printer=PRINTER))
    await server.api().post(f"/files/{file_id}/permissions", json={"login": "bob", "role": "viewer"})
    async with server.page(file_id).open() as page:
        key = await begin(page, "printer", "line 3\n")
    # Nobody looks now. Somebody else opens it, and sees all of it in order.
    async with server.page(file_id, "bob").open() as other:
        assert (await other.finished(key))["status"] == "ok"
        assert other.text("printer") == PRINTED


@pytest.mark.parametrize("victims", [["control"], ["host"], ["control", "host"], ["control", "keeper", "host"]])
async def test_fault_16_a_run_outlives_whoever_manages_it(server: ServerProcess, victims: list[str]) -> None:
    cells = {"keep": "import os\nkept = os.getpid()", "printer": PRINTER, "probe": "print(kept == os.getpid())"}
    file_id = await server.upload(notebook_of(**cells))
    async with server.page(file_id).open() as page:
        await page.run("keep")
        key = await begin(page, "printer", "line 3\n")
        (guest,) = server.guests()
        # A keeper is named like the host that it keeps, and kept apart by the name of its program.
        parts = {"host": "labora.host", "keeper": "keeper.py"}
        fallen = [one for victim in victims if victim in parts for one in processes_of(server, parts[victim])]
        keepers = processes_of(server, "keeper.py")
        if "keeper" not in victims:
            fallen = [one for one in fallen if one not in keepers]
        if "control" in victims:
            os.kill(server.pid, 9)
        await kill_all(fallen)
        if "control" in victims:
            await server.died()
            await server.start()
            await page.disconnect()
            await page.connect()
        assert (await page.finished(key))["status"] == "ok"
        assert page.text("printer") == PRINTED
        assert await page.run("probe") == "True\n"
        await eventually(lambda: host_answers(server), 90)
        (same,) = server.guests()
        assert (same.pid, same.create_time()) == (guest.pid, guest.create_time())


async def test_fault_17_the_agent_is_killed(server: ServerProcess) -> None:
    file_id = await server.upload(notebook_of(sleeper=SLEEPER, after="print('again')"))
    async with server.page(file_id).open() as page:
        key = await begin(page, "sleeper", "asleep")
        (guest,) = server.guests()
        family = [guest, *guest.children(recursive=True)]
        handle = handles_of(server)[0].stem
        guest.kill()
        ended = await page.finished(key, SILENT_S)
        assert ended["status"] in ("lost", "aborted")
        assert ended["reason"]
        assert page.text("sleeper") == "asleep\n"
        runtime = runtime_of(page)
        assert (runtime["status"], runtime["reason"]) == ("ended", "crash")
        assert "ended unexpectedly" in str(runtime["message"])
        await eventually(lambda: not any(map(lives, family)), SILENT_S)
        await eventually(
            lambda: groups_named(handle) == [] and not (server.data_dir / "runtimes" / handle).exists(), 20
        )
        assert await page.run("after") == "again\n"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import ctypes\nctypes.string_at(0)", "SIGSEGV"),
        ("import os\nos._exit(3)", "exit"),
        ("import os, signal\nme = os.getpid()\nos.kill(me, signal.SIGKILL)", "SIGKILL"),
    ],
    ids=["segfault", "exit", "killed"],
)
async def test_fault_18_a_kernel_dies_and_says_why(server: ServerProcess, code: str, says: str) -> None:
    """Out of memory is in tests/rooms/test_memory.py, a full disk in test_limits.py."""
    # What was printed is on its way in a thread of ZeroMQ's, which a death does not wait for.
    die = f"import time\nprint('before', flush=True)\ntime.sleep(0.5)\n{code}"
    file_id = await server.upload(notebook_of(keep="kept = 1", die=die, after="6 * 7"))
    async with server.page(file_id).open() as page:
        await page.run("keep")
        first, second = await page.execute("die", "after")
        ended = await page.finished(first, SILENT_S)
        assert ended["status"] == "aborted"
        assert says in ended["reason"], ended
        assert (await page.finished(second, SILENT_S))["status"] == "aborted", "what waited is cancelled"
        runtime = runtime_of(page)
        assert (runtime["status"], runtime["kernel"], runtime["cell_id"]) == ("ready", "dead", "die")
        assert runtime["reason"] is None, "neither memory nor disk is blamed"
        assert page.text("die") == "before\n"
        (key,) = await page.execute("after")
        assert (await page.finished(key))["status"] == "ok"


async def test_fault_19_code_that_no_interrupt_reaches_is_ended_by_a_restart(server: ServerProcess) -> None:
    deaf = (
        "import signal, time\nfor number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):\n"
        "    signal.signal(number, signal.SIG_IGN)\nprint('deaf', flush=True)\nwhile True:\n    time.sleep(1)"
    )
    file_id = await server.upload(notebook_of(deaf=deaf, after="print('again')"))
    async with server.page(file_id).open() as page:
        key = await begin(page, "deaf", "deaf")
        assert (await page.command("interrupt"))["type"] == "ack"
        assert (await page.command("restart"))["type"] == "ack"
        assert (await page.finished(key, SILENT_S))["status"] in ("aborted", "error")
        assert await page.run("after") == "again\n"


@contextmanager
def left_behind(server: ServerProcess, runtime_id: str) -> Iterator[Path]:
    """What a dead machine may leave that dies with no process: mounts, a loop device, sockets, folders, groups."""
    runtimes, sockets = server.data_dir / "runtimes", server.data_dir / "run" / "runtimes"
    (runtimes / "unknown" / "disk").mkdir(parents=True)
    (runtimes / "unknown" / "disk" / "file").write_text("x")
    (runtimes / "lost+found").mkdir()
    (sockets / "unknown.sock").touch()
    mounted = runtimes / runtime_id / "disk"
    groups = []
    if os.geteuid() == 0:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(mounted)], check=True)
        subprocess.run(["losetup", "-f", str(runtimes / runtime_id / "disk.ext4")], check=True)
        groups = [path.parent / "unknown" for path in groups_named(runtime_id)]
        for group in groups:
            group.mkdir()
    try:
        yield mounted
    finally:
        subprocess.run(["umount", "-q", "-l", str(mounted)], check=False)
        for device in loop_devices_of(runtimes) if os.geteuid() == 0 else []:
            subprocess.run(["losetup", "-d", device], check=False)


async def test_fault_20_the_machine_is_restarted_during_a_run(images_dir: Path) -> None:
    async with ServerProcess(images_dir) as server:
        cells = {"notes": "", "sleeper": SLEEPER, "waits": "print('never')", "after": "print('again')"}
        file_id = await server.upload(notebook_of(**cells))
        async with server.page(file_id).open() as page:
            page.type("notes", "<typed before>")
            await page.until(lambda: page.unsaved == 0)
            key = await begin(page, "sleeper", "asleep")
            (queued,) = await page.execute("waits")
            (handle,) = handles_of(server)
            runtime_id = handle.stem
            await page.disconnect()
            await power_off(server)
            stale = [path.name for path in (server.data_dir / "run").rglob("*.sock")]
            assert f"{runtime_id}.sock" in stale
            with left_behind(server, runtime_id):
                await server.start()
                await page.connect()
                # The notebook says what happened, and everything that was acknowledged or printed is there.
                for execution in (key, queued):
                    ended = await page.finished(execution, SILENT_S)
                    assert ended["status"] in ("lost", "aborted")
                    assert "machine was restarted" in ended["reason"], ended
                assert page.source("notes") == "<typed before>"
                assert page.text("sleeper") == "asleep\n"
                runtime = runtime_of(page)
                assert (runtime["status"], runtime["reason"]) == ("ended", "lost")
                assert runtime["message"] == "The machine was restarted, and the runtime ended with it."
                await check_cleaned(server, runtime_id)
                assert await page.run("after") == "again\n"
        (known,) = (await server.api().get("/runtimes/history")).json()["runtimes"]
        assert (known["id"], known["reason"]) == (runtime_id, "lost")
        file = await server.download(file_id)
        assert "".join(file["cells"][0]["source"]) == "<typed before>"


async def check_cleaned(server: ServerProcess, runtime_id: str) -> None:
    """Nothing of a runtime of the last boot is left, and nothing of runtimes that nobody knows."""
    runtimes, sockets = server.data_dir / "runtimes", server.data_dir / "run" / "runtimes"
    await eventually(lambda: not (runtimes / runtime_id).exists(), 90)
    assert str(runtimes / runtime_id) not in Path("/proc/mounts").read_text()
    assert [path.name for path in runtimes.iterdir()] == ["lost+found"], "what is not ours stays"
    assert not (sockets / "unknown.sock").exists()
    assert not (sockets / f"{runtime_id}.sock").exists()
    assert groups_named(runtime_id) == groups_named("unknown") == []
    if os.geteuid() == 0:
        assert loop_devices_of(runtimes) == []
    answer = await server.api().get("/runtimes")
    assert answer.json()["runtimes"] == []


async def test_fault_20_a_runtime_whose_traces_are_all_gone(images_dir: Path) -> None:
    """As where the run folder lies in memory: no handle tells of the last boot."""
    async with ServerProcess(images_dir) as server:
        file_id = await server.upload(notebook_of(sleeper=SLEEPER, after="print('again')"))
        async with server.page(file_id).open() as page:
            key = await begin(page, "sleeper", "asleep")
            (handle,) = handles_of(server)
            await page.disconnect()
            await power_off(server)
            shutil.rmtree(server.data_dir / "run")
            await server.start()
            await page.connect()
            ended = await page.finished(key, SILENT_S)
            assert ended["status"] in ("lost", "aborted")
            assert "runtime is gone" in ended["reason"]
            await eventually(lambda: list((server.data_dir / "runtimes").iterdir()) == [], 90)
            assert groups_named(handle.stem) == []
            assert await page.run("after") == "again\n"


async def test_fault_21_a_lifetime_ends_without_a_control_plane(images_dir: Path) -> None:
    """The host's own deadline, and the reason is told by the control plane that comes back."""
    async with ServerProcess(images_dir) as server:
        file_id = await server.upload(notebook_of(sleeper=SLEEPER))
        async with server.page(file_id).open() as page:
            key = await begin(page, "sleeper", "asleep")
            (handle,) = handles_of(server)
            await page.disconnect()
            await server.kill()
            await server.host.deadline(handle.stem, 1.0)
            await eventually(lambda: json.loads(handle.read_text())["exit"] is not None, 90)
            assert json.loads(handle.read_text())["exit"]["reason"] == "deadline"
            await server.start()
            await page.connect()
            ended = await page.finished(key, SILENT_S)
            assert ended["reason"], ended
            assert "longest lifetime" in ended["reason"]
            assert runtime_of(page)["reason"] == "lifetime"
            assert page.text("sleeper") == "asleep\n"


async def test_fault_22_a_page_reconnects_during_a_flood(server: ServerProcess) -> None:
    count = 40_000
    flood = f"print('began', flush=True)\nfor number in range({count}):\n    print('flood', number)\nprint('end')"
    file_id = await server.upload(notebook_of(flood=flood, after="print('again')"))
    async with server.page(file_id).open() as page:
        key = await begin(page, "flood", "began")
        for _ in range(5):
            await page.disconnect()
            await page.connect()
        assert (await page.finished(key))["status"] == "ok"
        async with server.page(file_id).open() as fresh:
            await asyncio.gather(page.command("ping"), fresh.command("ping"))
            assert page.state["cells"]["flood"] == fresh.state["cells"]["flood"]
        assert await page.run("after") == "again\n"
    stored = await server.download(file_id)
    text = "".join("".join(output.get("text", "")) for output in stored["cells"][0]["outputs"])
    assert text == "began\n" + "".join(f"flood {number}\n" for number in range(count)) + "end\n"

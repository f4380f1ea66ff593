"""Second and further kernels of a runtime come from a zygote, and nobody can tell but by the clock."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from labora.base.errors import LaboraError
from labora.testing.recorder import Recorder, eventually
from labora.testing.runtime import LocalRuntime

# What a program can see of the kernel's process.
FACTS = """
import builtins, gc, json, locale, os, resource, signal, sys, threading
def described(stream):
    about = [stream.encoding, stream.errors, stream.line_buffering, stream.writable(), stream.seekable()]
    return [*about, stream.fileno()]
def reached(number):
    path = f"/proc/self/fd/{number}"
    return os.readlink(path).split(":")[0] if os.path.lexists(path) else ""
with open("/proc/self/stat") as file:
    parent, group, session = file.read().rpartition(")")[2].split()[1:4]
facts = {
    "cwd": os.getcwd(), "env": dict(os.environ), "path": sys.path, "flags": list(sys.flags), "options": sys._xoptions,
    "argv": sys.argv[:2] + [os.path.basename(sys.argv[2])], "orig_argv": sys.orig_argv[:3],
    "prefix": [sys.prefix, sys.base_prefix, sys.executable], "parent": parent,
    "leads": [group == str(os.getpid()) == session], "umask": [(mask := os.umask(0)), os.umask(mask)][0],
    "nice": os.nice(0), "streams": [reached(number) for number in (0, 1, 2)],
    "own": [described(sys.__stdin__), described(sys.__stdout__), described(sys.__stderr__)],
    "limits": [resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")],
    "signals": {int(number): str(signal.getsignal(number)) for number in signal.valid_signals()},
    "blocked": [int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
    "locale": locale.setlocale(locale.LC_ALL), "main": sys.modules["__main__"].__dict__ is globals(), "name": __name__,
    "names": sorted(name for name in globals() if not name.startswith("_i")), "builtins": sorted(dir(builtins)),
    "gc": [gc.isenabled(), gc.get_threshold()], "recursion": sys.getrecursionlimit(),
    "threads": [thread.name.split("(")[-1] for thread in threading.enumerate()],
    "main_thread": threading.current_thread() is threading.main_thread(),
    "switch": sys.getswitchinterval(), "hooks": [sys.excepthook.__qualname__, sys.displayhook.__class__.__name__],
    "paths": [type(finder).__name__ for finder in sys.meta_path], "adj": open("/proc/self/oom_score_adj").read(),
    "debugger": "debugpy" in sys.modules, "magics": sorted(get_ipython().magics_manager.magics["line"]),
    "pipes": sum(reached(number) in ("pipe", "socket") for number in os.listdir("/proc/self/fd")),
}
print(json.dumps(facts, default=str))
"""


async def started(local: LocalRuntime, kernel_id: str, **more: Any) -> Recorder:
    """Starts a kernel and takes what it says."""
    session = local.session(kernel_id, more.pop("name", "python3"))
    await session.start(cwd=local.cwd, **more)
    recorder = Recorder(session)
    await recorder.attach()
    return recorder


@pytest.fixture
async def first(local: LocalRuntime) -> Recorder:
    return await started(local, "first")


@pytest.fixture
async def second(local: LocalRuntime, first: Recorder) -> Recorder:
    """A kernel that was forked."""
    recorder = await started(local, "second")
    assert forked(local) == 1
    return recorder


def command_lines(local: LocalRuntime) -> list[tuple[psutil.Process, str]]:
    """Returns the agent's children, each with its command line."""
    found = []
    for child in psutil.Process(local.handle.record["pid"]).children():
        with contextlib.suppress(psutil.Error):
            found.append((child, " ".join(child.cmdline())))
    return found


def zygotes(local: LocalRuntime) -> list[psutil.Process]:
    """Returns the zygotes: the oldest process of each such command line, which is no kernel."""
    found: dict[str, psutil.Process] = {}
    for child, line in command_lines(local):
        if "zygote_process.py" in line and (line not in found or child.create_time() < found[line].create_time()):
            found[line] = child
    return list(found.values())


def forked(local: LocalRuntime) -> int:
    """Returns how many kernels were forked."""
    return sum("zygote_process.py" in line for _, line in command_lines(local)) - len(zygotes(local))


async def said(recorder: Recorder, execution_id: str, code: str) -> str:
    """Runs code and returns what it printed."""
    done = await recorder.run(execution_id, code)
    assert done.content["status"] == "ok", recorder.of_type("error")
    return recorder.text(execution_id)


async def pid_of(recorder: Recorder) -> int:
    pid = (await recorder.session.info()).pid
    assert pid is not None
    return pid


async def test_the_first_kernel_is_plain_and_all_others_are_forked(local: LocalRuntime, first: Recorder) -> None:
    await first.run("e1", "1")
    assert zygotes(local) == []
    for number in range(3):
        recorder = await started(local, f"k{number}")
        assert await said(recorder, "e1", "import os; print(os.getpid())") == f"{await pid_of(recorder)}\n"
    assert len(zygotes(local)) == 1
    assert forked(local) == 3


async def test_a_program_sees_the_same_process(first: Recorder, second: Recorder) -> None:
    plain: dict[str, Any] = json.loads(await said(first, "e1", FACTS))
    fork: dict[str, Any] = json.loads(await said(second, "e1", FACTS))
    assert plain["env"].pop("LABORA_KERNEL") != fork["env"].pop("LABORA_KERNEL"), "each has its own"
    launcher, zygote = plain["argv"][0], fork["argv"][0]
    assert launcher == zygote
    assert fork == plain


async def test_what_is_random_differs(local: LocalRuntime, second: Recorder) -> None:
    third = await started(local, "third")
    code = """
import multiprocessing, os, random, secrets, tempfile, uuid
print(random.random(), uuid.uuid4(), uuid.uuid1(), secrets.token_hex(), tempfile.mktemp(), os.urandom(8).hex())
"""
    assert (await said(second, "e1", code)).split() != (await said(third, "e1", code)).split()
    words = zip(second.text("e1").split(), third.text("e1").split(), strict=True)
    assert all(one != other for one, other in words)


async def test_kernels_share_no_names_and_run_at_once(local: LocalRuntime, first: Recorder, second: Recorder) -> None:
    third = await started(local, "third")
    for recorder in (second, third):
        await recorder.run("e1", "import json\njson.mark = seen = True")
    fourth = await started(local, "fourth")
    assert await said(fourth, "e1", "import json; print(hasattr(json, 'mark'), 'seen' in globals())") == "False False\n"
    for recorder, mine, other in ((second, "a", "b"), (third, "b", "a")):
        await recorder.session.execute(
            "e2",
            f"import os, time; os.mkfifo('{mine}') if not os.path.exists('{mine}') else None\nopen('{mine}-up', 'w')\n"
            f"while not os.path.exists('{other}-up'): time.sleep(0.01)\nprint('met')",
        )
    await asyncio.gather(second.done("e2"), third.done("e2"))
    assert second.text("e2") == third.text("e2") == "met\n"


async def test_interrupt_reaches_only_its_kernel(local: LocalRuntime, second: Recorder) -> None:
    third = await started(local, "third")
    for recorder in (second, third):
        await recorder.session.execute("e1", "import time\nprint('up', flush=True)\ntime.sleep(600)")
        await recorder.until(lambda m: m.type == "stream")
    await second.session.interrupt()
    assert (await second.done("e1")).content["ename"] == "KeyboardInterrupt"
    assert (await third.session.info()).status == "busy"
    await third.session.interrupt()
    assert (await third.done("e1")).content["ename"] == "KeyboardInterrupt"
    assert await said(await started(local, "fourth"), "e1", "print('here')") == "here\n"


async def test_a_restart_is_a_new_process_with_nothing_of_the_old(local: LocalRuntime, second: Recorder) -> None:
    await second.run("e1", "x = 1")
    before = await pid_of(second)
    info = await second.session.restart()
    assert info.life == 2
    assert await said(second, "e2", "print('x' in globals())") == "False\n"
    assert await pid_of(second) != before
    assert forked(local) == 1


async def test_the_first_kernel_is_restarted_from_the_zygote(
    local: LocalRuntime, first: Recorder, second: Recorder
) -> None:
    await first.run("e1", "x = 1")
    await first.session.restart()
    assert await said(first, "e2", "print('x' in globals())") == "False\n"
    assert forked(local) == 2


@pytest.mark.parametrize(
    ("code", "exit_code", "sign"),
    [
        ("import os; os._exit(7)", 7, None),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", None, "SIGKILL"),
        ("import ctypes; ctypes.string_at(0)", None, "SIGSEGV"),
    ],
)
async def test_how_it_died_is_told(second: Recorder, code: str, exit_code: int | None, sign: str | None) -> None:
    await second.session.execute("e1", code)
    died = await second.until(lambda m: m.type == "died")
    assert (died.content["exit_code"], died.content["signal"]) == (exit_code, sign)
    # What the cell itself sends to its kernel is no crash.
    assert (await second.done("e1")).content["reason"] == ("ended" if sign == "SIGKILL" else "died")
    await second.session.restart()
    assert await said(second, "e2", "print('here')") == "here\n"


async def test_processes_and_threads_work(second: Recorder) -> None:
    code = """
import asyncio, concurrent.futures, multiprocessing, os, subprocess, sys, threading
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(abs, [-1, -2]))
with multiprocessing.get_context("spawn").Pool(1) as pool:
    print(pool.map(abs, [-3]))
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    print(sorted(pool.map(abs, range(-3, 0))))
thread = threading.Thread(target=print, args=("thread",)); thread.start(); thread.join()
print(subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True).stdout.strip())
await asyncio.sleep(0)
if os.fork() == 0:
    os._exit(3)
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    await second.run("e1", code)
    assert second.text("e1") == "[1, 2]\n[3]\n[1, 2, 3]\nthread\n42\n3\n"
    await second.run("e2", "!echo shell")
    assert second.text("e2").split() == ["shell"]


async def test_the_meter_knows_it(local: LocalRuntime, second: Recorder) -> None:
    await second.run("e1", "import subprocess; child = subprocess.Popen(['sleep', '600'])")
    measured = (await local.kernels.meter(local.runtime))["kernels"]["second"]
    assert measured["processes"] == 2
    assert measured["memory_bytes"] > 1 << 20
    assert measured["peak_bytes"] > measured["memory_bytes"]


async def test_a_run_that_comes_with_the_start_waits_for_the_fork(local: LocalRuntime, first: Recorder) -> None:
    session = local.session("early")
    recorder = Recorder(session)

    async def run() -> None:
        await eventually(lambda: bool(zygotes(local)))
        await session.execute("e1", "print('first')")

    await asyncio.gather(session.start(cwd=local.cwd), run())
    await recorder.attach()
    await recorder.done("e1")
    assert recorder.text() == "first\n"


async def test_kernels_that_start_at_once_are_all_there(local: LocalRuntime) -> None:
    recorders = await asyncio.gather(*(started(local, f"k{number}") for number in range(5)))
    texts = await asyncio.gather(*(said(recorder, "e1", "print('here')") for recorder in recorders))
    assert texts == ["here\n"] * 5
    assert forked(local) == 4


async def test_a_start_that_fails_can_be_tried_again(local: LocalRuntime, second: Recorder) -> None:
    session = local.session("third")
    for cwd in ("a\0b", "/proc/no-such-folder"):
        with pytest.raises(LaboraError):
            await session.start(cwd=cwd)
        assert (await session.info()).status == "dead"
    third = await started(local, "third")
    assert await said(third, "e1", "print('here')") == "here\n"
    assert (await third.session.info()).life == 1


# -- when the environment changes ---------------------------------------------------------------------------------


async def test_code_that_changed_is_run_by_the_next_kernel(local: LocalRuntime, tmp_path: Path) -> None:
    # Imported by every Python at its start, so also by a zygote, which must not give its old state to new kernels.
    start, env = tmp_path / "sitecustomize.py", {"PYTHONPATH": str(tmp_path)}
    start.write_text("import sys; sys.mark = 1")
    one, two = await started(local, "one", env=env), await started(local, "two", env=env)
    assert await said(one, "e1", "import sys; print(sys.mark)") == "1\n"
    assert await said(two, "e1", "import sys; print(sys.mark)") == "1\n"
    assert forked(local) == 1
    start.write_text("import sys; sys.mark = 2")
    await two.session.restart()
    assert await said(two, "e2", "import sys; print(sys.mark)") == "2\n"
    assert forked(local) == 1


async def test_an_installed_package_replaces_the_zygote(local: LocalRuntime, tmp_path: Path) -> None:
    env = {"PYTHONPATH": str(tmp_path)}
    await started(local, "one", env=env)
    two = await started(local, "two", env=env)
    (before,) = zygotes(local)
    (tmp_path / "thing-1.0.dist-info").mkdir()
    (tmp_path / "thing-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
    await two.session.restart()
    assert await said(two, "e1", "import importlib.metadata as m; print(m.version('thing'))") == "1.0\n"
    (after,) = zygotes(local)
    assert after.pid != before.pid
    assert forked(local) == 1
    await two.session.restart()
    await two.run("e2", "1")
    assert zygotes(local) == [after]


async def test_kernels_of_another_environment_have_another_zygote(local: LocalRuntime, second: Recorder) -> None:
    for kernel_id in ("one", "two"):
        recorder = await started(local, kernel_id, env={"FLAVOUR": "mint"})
        assert await said(recorder, "e1", "import os; print(os.environ['FLAVOUR'])") == "mint\n"
    assert await said(second, "e1", "import os; print('FLAVOUR' in os.environ)") == "False\n"
    assert len(zygotes(local)) == 2


async def test_what_starts_a_thread_is_never_forked(local: LocalRuntime, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    for kernel_id in ("one", "two", "three"):
        recorder = await started(local, kernel_id, env={"PYTHONPATH": str(tmp_path)})
        assert await said(recorder, "e1", "print('here')") == "here\n"
    assert forked(local) == 0


async def test_other_programs_are_started_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "kernels" / "other"
    folder.mkdir(parents=True)
    argv = ["python", "-c", "from ipykernel.kernelapp import launch_new_instance as l; l()", "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Other", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    async with LocalRuntime() as local:
        for kernel_id in ("one", "two"):
            recorder = await started(local, kernel_id, name="other")
            assert await said(recorder, "e1", "print('here')") == "here\n"
        assert zygotes(local) == []


# -- when the zygote fails ----------------------------------------------------------------------------------------


async def test_its_death_costs_nobody_anything(local: LocalRuntime, second: Recorder) -> None:
    await second.run("e1", "x = 1")
    (zygote,) = zygotes(local)
    zygote.kill()
    third = await started(local, "third")
    assert await said(third, "e1", "print('here')") == "here\n"
    assert await said(second, "e2", "print(x)") == "1\n"
    await second.session.restart()
    assert await said(second, "e3", "print('x' in globals())") == "False\n"
    assert second.of_type("died") == third.of_type("died") == []


async def test_its_death_while_it_starts_costs_nobody_anything(local: LocalRuntime, first: Recorder) -> None:
    await first.run("e1", "1")

    async def kill() -> None:
        await eventually(lambda: bool(zygotes(local)))
        for zygote in zygotes(local):
            zygote.kill()

    second, _ = await asyncio.gather(started(local, "second"), kill())
    assert await said(second, "e1", "print('here')") == "here\n"


@pytest.mark.slow
async def test_one_that_hangs_is_not_waited_for(local: LocalRuntime, second: Recorder) -> None:
    (zygote,) = zygotes(local)
    zygote.suspend()
    third = await started(local, "third")
    assert await said(third, "e1", "print('here')") == "here\n"
    assert zygote not in zygotes(local)


async def test_it_goes_when_one_kernel_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABORA_ZYGOTE_LINGER_S", "0.1")
    async with LocalRuntime() as local:
        await started(local, "first")
        second = await started(local, "second")
        await second.run("e1", "x = 1")
        assert len(zygotes(local)) == 1
        await local.session("first").shutdown()
        assert await said(second, "e2", "print(x)") == "1\n"
        await eventually(lambda: len(command_lines(local)) == 1)
        third = await started(local, "third")
        assert await said(third, "e1", "print('here')") == "here\n"


async def test_it_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABORA_ZYGOTES", "off")
    async with LocalRuntime() as local:
        for kernel_id in ("one", "two"):
            recorder = await started(local, kernel_id)
            assert await said(recorder, "e1", "print('here')") == "here\n"
        assert zygotes(local) == []


async def test_nothing_outlives_a_killed_agent(local: LocalRuntime, second: Recorder) -> None:
    await second.run("e1", "1")
    children = [child for child, _ in command_lines(local)]
    assert len(children) == 3
    os.kill(local.handle.record["pid"], signal.SIGKILL)
    await eventually(lambda: not any(child.is_running() and child.status() != "zombie" for child in children))


async def test_nothing_is_left_of_kernels_that_ended(local: LocalRuntime, second: Recorder) -> None:
    agent = psutil.Process(local.handle.record["pid"])
    await second.session.restart()
    await second.run("e1", "1")
    before = agent.num_fds()
    for number in range(3):
        await second.session.restart()
        await second.run(f"r{number}", "1")
    await eventually(lambda: agent.num_fds() <= before)
    assert not [child for child in agent.children(recursive=True) if child.status() == psutil.STATUS_ZOMBIE]

"""What whoever runs code sees of a real kernel."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal

import psutil
import pytest

from labora.base.errors import ConflictError, GoneError, LaboraError, NotFoundError
from labora.testing.recorder import Recorder, eventually
from labora.testing.runtime import LocalRuntime

SCALE = float(os.environ.get("LABORA_TEST_FLOOD", "0.1"))
"""Of the floods; scripts/soak takes 1.0."""
DISPLAYS = int(60_000 * SCALE)
# More than an agent may use, whatever the scale: one that keeps what it passes on is found out.
MEGABYTES = max(200, int(1000 * SCALE))


async def test_an_execution_ends_after_its_last_output(kernel: Recorder) -> None:
    done = await kernel.run("e1", "print('hello'); 6 * 7")
    assert done.content["status"] == "ok"
    assert done.content["execution_count"] == 1
    kinds = [message.type for message in kernel.messages if message.execution_id == "e1"]
    assert kinds == ["execute_input", "stream", "execute_result", "done"]
    assert kernel.text("e1") == "hello\n"
    assert await kernel.session.executions() == {"e1": "ok"}


async def test_the_kernel_says_what_it_is(kernel: Recorder) -> None:
    started = await kernel.until(lambda m: m.type == "started")
    assert started.content["life"] == 1
    assert started.content["language"]["name"] == "python"


async def test_an_error_names_its_exception(kernel: Recorder) -> None:
    done = await kernel.run("e1", "1/0")
    assert done.content["status"] == "error"
    assert done.content["ename"] == "ZeroDivisionError"
    (error,) = kernel.of_type("error")
    assert error.content["evalue"] == "division by zero"


async def test_the_help_pager_comes_with_the_end(kernel: Recorder) -> None:
    done = await kernel.run("e1", "len?")
    (page,) = done.content["payload"]
    assert "Return the number of items" in page["data"]["text/plain"]


async def test_a_repeated_execute_runs_once(kernel: Recorder) -> None:
    await kernel.run("e0", "n = 0")
    for _ in range(3):
        await kernel.session.execute("e1", "n += 1")
    await kernel.done("e1")
    await kernel.session.execute("e1", "n += 1")
    await kernel.run("e2", "print(n)")
    assert kernel.text("e2") == "1\n"


async def test_a_run_before_the_kernel_is_ready_is_queued(local: LocalRuntime) -> None:
    session = local.session("early")
    recorder = Recorder(session)
    info = await session.start(cwd=local.cwd)
    assert info.status == "starting"
    await session.execute("e1", "print('first')")
    await recorder.attach()
    await recorder.done("e1")
    assert recorder.text("e1") == "first\n"
    assert (await session.start(cwd=local.cwd)).pid == info.pid


async def test_an_unknown_kernelspec_is_refused(local: LocalRuntime) -> None:
    with pytest.raises(NotFoundError) as caught:
        await local.session("k", "no-such-language").start(cwd=local.cwd)
    assert caught.value.error_code == "no_such_kernelspec"


async def test_fast_displays_arrive_complete_and_in_order_at_a_slow_reader(local: LocalRuntime) -> None:
    # More than ZeroMQ's queue of 1,000 holds, at a reader that takes nothing until all is written.
    session = local.session("k")
    await session.start(cwd=local.cwd)
    recorder = Recorder(session)
    recorder.open.clear()
    await recorder.attach()
    await session.execute("e1", "for i in range(6000): display(i)")
    await session.execute("e2", "print('end')")

    async def all_written() -> bool:
        return (await session.executions()).get("e2") == "ok"

    await eventually(all_written)
    recorder.open.set()
    await recorder.done("e2")
    shown = [int(m.content["data"]["text/plain"]) for m in recorder.of_type("display_data")]
    assert shown == list(range(6000))
    assert recorder.numbers == list(range(1, len(recorder.numbers) + 1))


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["plain"], indirect=True)
async def test_a_storm_of_displays_arrives(kernel: Recorder) -> None:
    await kernel.run("e1", f"for i in range({DISPLAYS}): display(i)", timeout_s=600)
    shown = [int(m.content["data"]["text/plain"]) for m in kernel.of_type("display_data")]
    assert shown == list(range(DISPLAYS))


async def test_a_large_print_leaves_the_agent_small() -> None:
    megabytes = MEGABYTES
    async with LocalRuntime(spool_bytes=8 << 20) as local:
        session = local.session("k")
        await session.start(cwd=local.cwd)
        digest, size, ended, peak = hashlib.sha256(), 0, asyncio.Event(), 0
        agent = psutil.Process(local.handle.record["pid"])

        async def sink(batch: list) -> None:
            nonlocal size, peak
            for message in batch:
                if message.type == "stream":
                    data = message.content["text"].encode()
                    digest.update(data)
                    size += len(data)
                if message.type == "done":
                    ended.set()
            peak = max(peak, agent.memory_info().rss)
            await session.ack(batch[-1].n)

        await session.attach(0, sink)
        line = "x" * 99 + "\n"
        await session.execute("e1", f"print({line!r} * {megabytes * 10_000}, end='')")
        async with asyncio.timeout(600):
            await ended.wait()
    expected = hashlib.sha256()
    for _ in range(megabytes):
        expected.update(line.encode() * 10_000)
    assert size == megabytes * 1_000_000
    assert digest.digest() == expected.digest()
    assert peak < 120 << 20


async def test_a_full_spool_stops_the_kernel_and_room_lets_it_go_on() -> None:
    async with LocalRuntime(spool_bytes=256 << 10) as local:
        session = local.session("k")
        info = await session.start(cwd=local.cwd)
        recorder = Recorder(session)
        recorder.open.clear()
        await recorder.attach()
        await session.execute("e1", "for i in range(2000): display('x' * 10_000)")
        process = psutil.Process(info.pid)
        await eventually(lambda: process.status() == psutil.STATUS_STOPPED)
        recorder.open.set()
        await recorder.done("e1")
        assert len(recorder.of_type("display_data")) == 2000


async def test_interrupt_reaches_a_stopped_kernel() -> None:
    async with LocalRuntime(spool_bytes=256 << 10) as local:
        session = local.session("k")
        info = await session.start(cwd=local.cwd)
        recorder = Recorder(session)
        recorder.open.clear()
        await recorder.attach()
        await session.execute("e1", "while True: display('x' * 10_000)")
        process = psutil.Process(info.pid)
        await eventually(lambda: process.status() == psutil.STATUS_STOPPED)
        await session.interrupt()
        recorder.open.set()
        done = await recorder.done("e1")
        assert done.content["ename"] == "KeyboardInterrupt"


async def test_interrupt_ends_a_sleep_and_what_waits_behind_it(kernel: Recorder) -> None:
    await kernel.session.execute("e1", "print('in'); import time; time.sleep(60)")
    await kernel.session.execute("e2", "print('never')")
    await kernel.until(lambda m: m.type == "stream" and m.execution_id == "e1")
    await kernel.session.interrupt()
    assert (await kernel.done("e1")).content["ename"] == "KeyboardInterrupt"
    assert (await kernel.done("e2")).content["status"] == "aborted"
    await kernel.run("e3", "print('alive')")
    assert kernel.text() == "in\nalive\n"


async def test_restart_ends_code_that_ignores_interrupts(kernel: Recorder) -> None:
    code = """
        import signal, time
        signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print('deaf')
        while True: time.sleep(1)
    """
    await kernel.session.execute("e1", "if True:\n" + code)
    await kernel.session.execute("e2", "1")
    await kernel.until(lambda m: m.type == "stream")
    await kernel.session.interrupt()
    async with asyncio.timeout(60):
        info = await kernel.session.restart()
    assert info.life == 2
    done = await kernel.done("e1")
    assert done.content["status"] == "aborted"
    assert done.content["reason"] == "restart"
    assert (await kernel.done("e2")).content["status"] == "aborted"
    assert (await kernel.until(lambda m: m.type == "started" and m.content["life"] == 2)).n > done.n
    await kernel.run("e3", "print('fresh')")
    assert kernel.numbers == list(range(1, len(kernel.numbers) + 1))
    assert await kernel.session.executions() == {"e3": "ok"}


@pytest.mark.parametrize("code", ["import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "import os; os._exit(7)"])
async def test_a_killed_kernel_is_explained_after_its_output(kernel: Recorder, code: str) -> None:
    # It dies once its words are out: what a process holds back when it is killed, nobody can have.
    await kernel.session.execute("e1", f"print('last words', flush=True)\ninput()\n{code}")
    await kernel.session.execute("e2", "1")
    await kernel.until(lambda m: m.type == "stream")
    asked = await kernel.until(lambda m: m.type == "input_request")
    await kernel.session.input("e1", asked.content["request_id"], "")
    died = await kernel.until(lambda m: m.type == "died", 10)
    assert kernel.text("e1") == "last words\n"
    if "_exit" in code:
        assert died.content["exit_code"] == 7
    else:
        assert died.content["signal"] == "SIGKILL"
        # It stands in the cell: no crash, but what the program wanted.
        assert (died.content["by"], died.content["message"]) == ("program", "The program ended its kernel.")
    assert (await kernel.done("e1")).content["status"] == "aborted"
    assert (await kernel.done("e2")).content["status"] == "aborted"
    with pytest.raises(GoneError):
        await kernel.session.execute("e3", "1")
    await kernel.session.restart()
    await kernel.run("e4", "print('again')")
    assert kernel.text("e4") == "again\n"


async def test_a_kernel_killed_from_outside_is_noticed(kernel: Recorder) -> None:
    started = await kernel.until(lambda m: m.type == "started")
    os.kill(started.content["pid"], signal.SIGSEGV)
    died = await kernel.until(lambda m: m.type == "died", 5)
    assert died.content["signal"] == "SIGSEGV"


async def test_input_and_password_are_asked_and_answered(kernel: Recorder) -> None:
    await kernel.session.execute("e1", "import getpass\nprint(input('name? '), getpass.getpass('secret? '))")
    asked = await kernel.until(lambda m: m.type == "input_request")
    assert asked.channel == "stdin"
    assert asked.content["prompt"] == "name? "
    assert asked.content["password"] is False
    await kernel.session.input("e1", asked.content["request_id"], "Ada")
    secret = await kernel.until(lambda m: m.type == "input_request" and m.n > asked.n)
    assert secret.content["password"] is True
    await kernel.session.input("e1", asked.content["request_id"], "a repeat is ignored")
    await kernel.session.input("e1", secret.content["request_id"], "é😀")
    await kernel.done("e1")
    assert kernel.text("e1") == "Ada é😀\n"
    with pytest.raises(GoneError):
        await kernel.session.input("e1", "unknown", "x")


async def test_completion_of_a_busy_kernel_is_a_typed_error(kernel: Recorder) -> None:
    await kernel.run("e0", "pass")
    assert "print" in (await kernel.session.complete("pri", 3))["matches"]
    await kernel.session.execute("e1", "import time; print(1); time.sleep(30)")
    await kernel.until(lambda m: m.type == "stream")
    with pytest.raises(ConflictError) as caught:
        await kernel.session.complete("pri", 3)
    assert caught.value.error_code == "kernel_busy"
    await kernel.session.interrupt()
    await kernel.done("e1")
    found = await kernel.session.inspect("len", 3)
    assert found["found"] is True


async def test_one_slow_reader_does_not_hold_up_another_kernel(local: LocalRuntime, kernel: Recorder) -> None:
    kernel.open.clear()
    await kernel.session.execute("e1", "for i in range(400): display('x' * 100_000)")
    other = Recorder(local.session("other"))
    await other.session.start(cwd=local.cwd)
    await other.attach()
    await other.run("e1", "print('quick')", 30)
    kernel.open.set()
    await kernel.done("e1")
    assert len(kernel.of_type("display_data")) == 400


async def test_a_message_larger_than_a_frame_arrives_whole(kernel: Recorder) -> None:
    await kernel.run("e1", "from IPython.display import HTML, display; display(HTML('é' * 35_000_000))")
    (shown,) = kernel.of_type("display_data")
    assert shown.content["data"]["text/html"] == "é" * 35_000_000


async def test_threads_and_forks_still_print(kernel: Recorder) -> None:
    code = """
import threading, os, sys
t = threading.Thread(target=lambda: print('thread ' + 'x' * 200_000)); t.start(); t.join()
pid = os.fork()
if pid == 0:
    print('child', flush=True); os._exit(0)
os.waitpid(pid, 0)
"""
    await kernel.run("e1", code)
    await kernel.run("e2", "import time; time.sleep(0.3)")
    assert "thread " + "x" * 200_000 in kernel.text()
    assert "child" in kernel.text()


async def test_the_meter_knows_the_kernel(local: LocalRuntime, kernel: Recorder) -> None:
    await kernel.run("e1", "data = bytearray(200_000_000)")
    meter = await local.kernels.meter(local.runtime)
    assert meter["kernels"]["k"]["memory_bytes"] > 200_000_000
    assert meter["kernels"]["k"]["status"] == "idle"
    assert await local.kernels.busy(local.runtime) is False


async def test_shutdown_ends_the_kernel_and_start_counts_on(kernel: Recorder, local: LocalRuntime) -> None:
    await kernel.run("e1", "x = 1")
    await kernel.session.shutdown()
    await kernel.until(lambda m: m.type == "status" and m.content["status"] == "dead")
    assert not kernel.of_type("died")
    info = await kernel.session.start(cwd=local.cwd)
    assert info.life == 2
    await kernel.run("e2", "print('x' in globals())")
    assert kernel.text("e2") == "False\n"
    assert kernel.numbers == list(range(1, len(kernel.numbers) + 1))


async def test_a_runtime_that_is_gone_is_said_so(local: LocalRuntime, kernel: Recorder) -> None:
    await kernel.run("e1", "1")
    await local.kernels.forget(local.runtime.id)
    with pytest.raises(LaboraError) as caught:
        await kernel.session.execute("e2", "1")
    assert caught.value.error_code == "runtime_ended"


async def test_sec_63_a_message_of_millions_of_values_is_replaced_by_a_notice(kernel: Recorder) -> None:
    """Parsed, it would stop the whole server for a minute and take gigabytes."""
    code = (
        "from IPython.display import publish_display_data as show\n"
        "show({'application/json': [[]] * 1_500_000})\n"
        "show({'text/html': '[,{' * 1_000_000})\n"
        "print('after')"
    )
    done = await kernel.run("e1", code)
    shown = [message.content["data"] for message in kernel.of_type("display_data")]
    assert done.content["status"] == "ok"
    assert "JSON values and is not kept" in shown[0]["text/plain"]
    assert len(shown[1]["text/html"]) == 3_000_000, "text is kept, whatever it holds"
    assert kernel.text("e1") == "after\n"

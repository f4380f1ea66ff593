"""Asks, comms and evaluations of a real kernel at its agent: HTTP, bounds, order, and every way in which they end."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from labora.base.errors import ConflictError, GoneError, InvalidError, UnavailableError
from labora.testing.recorder import Recorder
from labora.testing.runtime import LocalRuntime

ASK = """
import json, os, threading, urllib.request, urllib.error
def send(path, body=None, secret=os.environ["LABORA_KERNEL"], **more):
    head = {"Authorization": "Bearer " + secret, **more}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(os.environ["LABORA_ASK"] + path, data, head)) as got:
            return got.status, got.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())["code"]
def ask(kind, timeout_s=None, **content):
    return json.loads(send("/labora/ask", {"kind": kind, "content": content, "timeout_s": timeout_s})[1])
"""


async def started(local: LocalRuntime, kernel_id: str) -> Recorder:
    session = local.session(kernel_id)
    await session.start(cwd=local.cwd)
    recorder = Recorder(session)
    await recorder.attach()
    assert (await recorder.run("setup", ASK)).content["status"] == "ok"
    return recorder


async def asked(recorder: Recorder, kind: str) -> Any:
    return await recorder.until(lambda m: m.type == "ask" and m.content["kind"] == kind)


async def test_asks_over_http_and_how_they_end(local: LocalRuntime) -> None:
    kernel = await started(local, "k")
    await refusals(kernel)
    await order(kernel)
    await endings(kernel)
    await looked_up(local, kernel)


async def refusals(kernel: Recorder) -> None:
    code = """
print(send("/labora/ask", {"kind": "a"}, secret="wrong"), send("/labora/ask"), send("/api/sessions", secret="x"))
print(send("/elsewhere"), send("/labora/ask", {"content": {}}), send("/labora/ask", {"kind": "a", "content": []}))
print(send("/labora/ask", "x" * (8 * 1024 * 1024)))
import socket
with socket.create_connection(("127.0.0.1", int(os.environ["LABORA_ASK"].rpartition(":")[2]))) as raw:
    raw.sendall(b"GET / HTTP/1.1\\r\\nX: " + b"x" * 20000 + b"\\r\\n\\r\\n")
    try:
        print(raw.recv(100))
    except ConnectionResetError:
        print(b"")
print(ask("late", timeout_s=0.01)["code"])
threading.Thread(target=ask, args=("patient", 10**400), daemon=True).start()
"""
    await kernel.run("refusals", code)
    assert kernel.text("refusals").splitlines() == [
        "(403, 'bad_secret') (405, 'bad_request') (403, 'bad_secret')",
        "(404, 'not_found') (400, 'bad_request') (400, 'bad_request')",
        "(413, 'too_large')",
        "b''",
        "timeout",
    ]
    patient = (await asked(kernel, "patient")).content
    assert patient["timeout_s"] is None
    await kernel.session.answer(patient["ask_id"], {"ok": True})
    gone = [m.content["ask_id"] for m in kernel.of_type("ask_gone")]
    assert gone == [(await asked(kernel, "late")).content["ask_id"]]


async def order(kernel: Recorder) -> None:
    """What was printed stands before the question, however much it was."""
    await kernel.session.execute("order", "for i in range(2000): print(i)\nprint(ask('value', x=1))")
    question = await asked(kernel, "value")
    assert (question.execution_id, question.content["content"]) == ("order", {"x": 1})
    said = "".join(
        m.content["text"] for m in kernel.of_type("stream") if m.n < question.n and m.execution_id == "order"
    )
    assert said.endswith("1999\n")
    # A server that was started anew attaches again, and is asked again.
    await kernel.attach(question.n)
    again = await kernel.until(lambda m: m.n > question.n and m.type == "ask")
    assert again.content == question.content
    await kernel.session.answer(question.content["ask_id"], {"ok": True, "value": [1, None, "é"]})
    with pytest.raises(GoneError):
        await kernel.session.answer(question.content["ask_id"], {"ok": True})
    await kernel.done("order")
    assert kernel.text("order").endswith("{'ok': True, 'value': [1, None, 'é']}\n")


async def endings(kernel: Recorder) -> None:
    await kernel.session.execute("stopped", "ask('stopped')")
    question = await asked(kernel, "stopped")
    await kernel.session.interrupt()
    assert (await kernel.done("stopped")).content["ename"] == "KeyboardInterrupt"
    await kernel.until(lambda m: m.type == "ask_gone" and m.content == {"ask_id": question.content["ask_id"]})
    # Whoever asks from a process of its own outlives the kernel, and is told that it has ended.
    child = f"""
import subprocess, sys
code = {ASK!r} + "print(ask('child')['code'], file=open('told', 'w'))"
subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
"""
    await kernel.session.execute("child", child)
    question = await asked(kernel, "child")
    await kernel.session.restart()
    await kernel.until(lambda m: m.type == "ask_gone" and m.content == {"ask_id": question.content["ask_id"]})
    await kernel.run("told", "import time\nwhile not open('told').read(): time.sleep(0.01)\nprint(open('told').read())")
    assert kernel.text("told").strip() == "kernel_dead"


async def looked_up(local: LocalRuntime, kernel: Recorder) -> None:
    """Sessions and secrets are read with GET; a kernel that no notebook has is none."""
    await kernel.run("again", ASK)
    nobody = local.session("nobody")
    await nobody.start(cwd=local.cwd)
    code = "print(send('/api/sessions')[1]); print(send('/labora/secrets/A%20B'))"
    await kernel.session.execute("sessions", code)
    question = await asked(kernel, "notebook")
    await kernel.session.answer(
        question.content["ask_id"], {"ok": True, "value": {"file_id": "f", "name": "Mein Heft.ipynb"}}
    )
    secret = await asked(kernel, "secret.get")
    assert secret.content["content"] == {"name": "A B"}
    value = {"exists": True, "access": True, "value": "geheim"}
    await kernel.session.answer(secret.content["ask_id"], {"ok": True, "value": value})
    await kernel.done("sessions")
    listed, read = kernel.text("sessions").splitlines()
    (found,) = json.loads(listed)
    assert (found["name"], found["path"], found["kernel"]["id"]) == ("Mein%20Heft.ipynb", "fileId=f", "k")
    assert read == "(200, 'geheim')"


async def test_evaluations_and_comms_wait_and_end_with_the_kernel(local: LocalRuntime) -> None:
    kernel = await started(local, "k")
    session = kernel.session
    await session.execute(
        "busy", "import time\nx = 1\ntry:\n    print('on', flush=True)\n    time.sleep(600)\nfinally:\n    x = 2"
    )
    await kernel.until(lambda m: m.type == "stream" and m.execution_id == "busy")
    waits = asyncio.create_task(session.evaluate("c1", {"r": "x"}, execution_id="setup"))
    again = asyncio.create_task(session.evaluate("c1", {"r": "x"}, execution_id="setup"))
    await session.comm("m1", "comm_open", {"comm_id": "i", "target_name": "nobody", "data": {}}, execution_id="setup")
    await session.comm("m1", "comm_open", {"comm_id": "i", "target_name": "nobody", "data": {}}, execution_id="setup")
    assert not waits.done()
    await session.interrupt()
    assert (await waits)["r"]["data"] == {"text/plain": "2"} == (await again)["r"]["data"]
    await kernel.until(lambda m: m.type == "comm_done" and m.content == {"id": "m1"})
    assert len(kernel.of_type("comm_close")) == 1
    asks = "[print('said'), input('? ')]"
    assert (await session.evaluate("c2", {"r": asks}, execution_id="setup"))["r"]["status"] == "error"
    said = await kernel.until(lambda m: m.type == "stream" and m.call_id == "c2")
    assert (said.execution_id, said.parent_id) == ("setup", "labora-comm-c2.setup")
    stopped = asyncio.create_task(session.evaluate("c3", {"r": "[print('now', flush=True), time.sleep(600)]"}))
    await kernel.until(lambda m: m.type == "stream" and m.call_id == "c3")
    await session.interrupt()
    assert (await stopped)["r"]["ename"] == "KeyboardInterrupt"
    with pytest.raises(InvalidError):
        await session.evaluate("bad id", {"r": "1"})
    dies = asyncio.create_task(session.evaluate("c4", {"r": "__import__('os')._exit(1)"}))
    with pytest.raises(GoneError, match="ended"):
        await dies
    with pytest.raises(GoneError):
        await session.comm("m2", "comm_msg", {"comm_id": "i", "data": {}})


async def test_what_waits_at_a_busy_kernel_is_bounded(local: LocalRuntime) -> None:
    kernel = await started(local, "k")
    await kernel.session.execute("busy", "import time\nprint('on', flush=True)\ntime.sleep(600)")
    await kernel.until(lambda m: m.type == "stream" and m.execution_id == "busy")
    for number in range(128):
        await kernel.session.comm(f"m{number}", "comm_msg", {"comm_id": "i", "data": {}})
    with pytest.raises(ConflictError) as refused:
        await kernel.session.comm("more", "comm_msg", {"comm_id": "i", "data": {}})
    assert refused.value.error_code == "too_many_calls"


async def test_what_an_older_agent_does_not_know_is_refused_clearly(local: LocalRuntime) -> None:
    with pytest.raises(UnavailableError, match="older version") as refused:
        await local.kernels.connection(local.runtime).request("kernel.dance", {})
    assert refused.value.error_code == "old_runtime"

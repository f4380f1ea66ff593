"""Live outputs with a real kernel: calls, comms, asks. Threat model, cases 18, 29 and 30."""

from __future__ import annotations

from typing import Any

from labora.access import Principal, Role, Scope
from labora.testing.runtime import LocalRuntime
from tests.rooms.test_real_kernel import OneRuntime

ADA = Principal("ada", "Ada", scopes=frozenset(Scope))
BOB = Principal("bob", "Bob", scopes=frozenset(Scope))

MODULE = """
import sys, types, json
module = types.ModuleType("google.colab.output._js")
functions = {}
def _invoke_function(name, args, kwargs):
    return functions[name](*json.loads(args), **json.loads(kwargs))
module._invoke_function = _invoke_function
for name in ("google", "google.colab", "google.colab.output"):
    sys.modules.setdefault(name, types.ModuleType(name))
sys.modules["google.colab.output._js"] = module
def join(*parts, end=""):
    print("joining")
    return "".join(parts) + end
functions["join"] = join
functions["big"] = lambda: "x" * 6_000_000
"""
COMM = """
import comm
made = comm.create_comm("echo", data={"a": 1}, buffers=[b"123"])
@made.on_msg
def heard(message):
    print("heard", message["content"]["data"], bytes(message["buffers"][0]))
    made.send({"b": 2}, buffers=[b"45"])
"""
ASK = """
import json, os, urllib.request
def ask(kind, **content):
    body = json.dumps({"kind": kind, "content": content, "timeout_s": 60}).encode()
    head = {"Authorization": "Bearer " + os.environ["LABORA_KERNEL"]}
    with urllib.request.urlopen(urllib.request.Request(os.environ["LABORA_ASK"] + "/labora/ask", body, head)) as got:
        return json.load(got)
print("before", flush=True)
print(ask("notebook")["value"]["name"], ask("get_ipynb")["value"]["ipynb"]["nbformat"], ask("nonsense")["code"])
print(ask("javascript", script="1 + 1"))
"""


async def run(page: Any, cell: str) -> str:
    answer = await page.command("execute", cells=[cell])
    found: str = answer["result"]["executions"][0]["id"]
    assert (await page.finished(found))["status"] == "ok", page.state["cells"][cell]
    return found


async def test_calls_comms_and_asks_of_a_real_kernel(house: Any) -> None:
    file_id = await house.notebook(MODULE, COMM, ASK)
    await house.drive.sharing.add(ADA, file_id, role=Role.EDITOR, account_id="bob")
    async with LocalRuntime() as local:
        await house.rooms.close()
        house.compute = OneRuntime(local)
        await house.start()
        async with house.page(file_id) as page, house.page(file_id, BOB) as bob:
            await calls(page, bob)
            await comms(page, bob)
            await asks(page)
            await ends(page)
        await house.rooms.close()
        await house.start()


async def calls(page: Any, bob: Any) -> None:
    """Case 30: only registered names, arguments as data. Cases 18, 29: nobody else, and nothing else than live."""
    run_id = await run(page, "c0")
    nasty = ["'); import os; ('", '"""', "\\", "é\u2028"]
    answer = await page.command("call", execution_id=run_id, name="join", args=nasty, kwargs={"end": "!"})
    assert answer["result"]["data"]["text/plain"] == repr("".join(nasty) + "!")
    assert page.text("c0") == "joining\n"
    missing = await page.command("call", execution_id=run_id, name="os.system", args=["true"])
    assert (missing["result"]["status"], missing["result"]["ename"]) == ("error", "KeyError")
    too_large = await page.command("call", execution_id=run_id, name="big")
    assert too_large["code"] == "result_too_large"
    assert (await bob.command("call", execution_id=run_id, name="join"))["code"] == "not_live"
    assert (await page.command("call", execution_id="forged", name="join"))["code"] == "not_live"


async def comms(page: Any, bob: Any) -> None:
    run_id = await run(page, "c1")
    await page.until(lambda: bool(page.said("comm_open")))
    (opened, buffers) = next(found for found in page.comms if found[0]["type"] == "comm_open")
    assert (opened["content"]["target_name"], opened["execution_id"], buffers) == ("echo", run_id, [b"123"])
    comm_id = opened["content"]["comm_id"]
    page.comm("m1", "comm_msg", run_id, (b"abc",), comm_id=comm_id, data={"x": "y"})
    await page.until(lambda: bool(page.told("comm_done", id="m1")))
    assert page.text("c1") == "heard {'x': 'y'} b'abc'\n"
    (said, back) = page.comms[-1]
    assert (said["content"]["data"], said["parent_id"], back) == ({"b": 2}, "m1", [b"45"])
    await bob.until(lambda: bool(bob.said("comm_msg")))
    assert "parent_id" not in bob.said("comm_msg")[0]
    bob.comm("m2", "comm_msg", run_id, (b"abc",), comm_id=comm_id, data={})
    await bob.until(lambda: bool(bob.told("comm_refused", id="m2", code="not_live")))


async def asks(page: Any) -> None:
    answer = await page.command("execute", cells=["c2"])
    run_id = answer["result"]["executions"][0]["id"]
    await page.until(lambda: bool(page.told("ask")))
    (asked,) = page.told("ask")
    assert (asked["kind"], asked["content"], asked["cell_id"]) == ("javascript", {"script": "1 + 1"}, "c2")
    assert page.text("c2") == "before\nn.ipynb 4 unknown_ask\n"
    await page.command("answer", ask_id=asked["ask_id"], ok=True, value={"value": 2})
    assert (await page.finished(run_id))["status"] == "ok"
    assert page.text("c2").endswith("{'ok': True, 'value': {'value': 2}}\n")
    again = await page.command("answer", ask_id=asked["ask_id"], ok=True, value=1)
    assert again["code"] == "no_such_ask"


async def ends(page: Any) -> None:
    """What a restarted kernel's cells show is live no more, and says so."""
    run_id = page.state["cells"]["c0"]["execution_id"]
    await page.command("restart")
    await page.until(lambda: bool(page.said("comms_gone")))
    await page.until(lambda: page.state["runtimes"]["ada"]["kernel"] == "idle")
    assert (await page.command("call", execution_id=run_id, name="join"))["code"] == "not_live"

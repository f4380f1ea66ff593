"""The package in a real kernel, started as runtimes start it: one kernel for all that is asked of it here."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from tests.colab.conftest import SECRET, SOURCES, Agent

LAUNCHER = SOURCES.parents[1] / "guest" / "src" / "labora_guest" / "kernel_launcher.py"


class Kernel:
    """A kernel, and what it said last."""

    def __init__(self, manager: KernelManager, agent: Agent) -> None:
        self.manager, self.agent = manager, agent
        self.client = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)
        self.said: list[dict[str, Any]] = []

    def run(self, code: str, **more: Any) -> str:
        """Runs code and returns what it printed. Raises AssertionError where it fails."""
        self.said = []
        reply = self.client.execute_interactive(code, output_hook=self.said.append, timeout=120, **more)
        assert reply["content"]["status"] == "ok", reply["content"]
        self.expressions = reply["content"]["user_expressions"]
        return "".join(message["content"]["text"] for message in self.said if message["msg_type"] == "stream")

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message["content"] for message in self.said if message["msg_type"] == kind]


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    agent = Agent()
    manager = KernelManager(transport="ipc")
    command = [sys.executable, str(LAUNCHER), "-f", "{connection_file}"]
    manager._kernel_spec = KernelSpec(argv=command, language="python", display_name="")
    manager.start_kernel(
        env={**os.environ, "PYTHONPATH": str(SOURCES), "LABORA_ASK": agent.address, "LABORA_KERNEL": SECRET}
    )
    found = None
    try:
        found = Kernel(manager, agent)
        yield found
    finally:
        if found is not None:
            found.client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
        # Who waits for its kernel's questions must go before the agent does.
        agent.close()


def test_programs_that_look_for_colab_find_it(kernel: Kernel) -> None:
    assert (
        kernel.run(
            "import sys, IPython\n"
            "print('google.colab' in sys.modules, 'google.colab' in str(get_ipython()))\n"
            "print('google.colab' in str(type(get_ipython())), IPython.get_ipython().kernel is not None)\n"
            "from ipykernel.zmqshell import ZMQInteractiveShell\n"
            "print(isinstance(get_ipython(), ZMQInteractiveShell), 'IPKernelApp' in get_ipython().config)\n"
        )
        == "True True\nTrue True\nTrue True\n"
    )
    assert "one TensorFlow" in kernel.run("%tensorflow_version 2.x")
    assert (
        kernel.run("%load_ext google.colab\n%load_ext google.colab.data_table\n%unload_ext google.colab.data_table")
        == ""
    )


def test_what_was_printed_and_shown_leaves_before_a_question(kernel: Kernel) -> None:
    left: list[str] = []

    def notebook(_: Any) -> Any:
        with contextlib.suppress(Exception):
            while "shown" not in "".join(left):
                message = kernel.client.get_iopub_msg(timeout=60)
                left.append(str(message["content"].get("text") or message["content"].get("data") or ""))
        return {"ok": True, "value": {"ipynb": "".join(left)}}

    kernel.agent.answers["get_ipynb"] = notebook
    code = (
        "from google.colab import _message\nfrom IPython.utils.capture import capture_output\n"
        "print('printed', end='')\ndisplay({'text/plain': 'shown'}, raw=True)\n"
        "with capture_output():\n    there = _message.blocking_request('get_ipynb', timeout_sec=None)"
    )
    message_id = kernel.client.execute(code)
    assert kernel.client.get_shell_msg(timeout=120)["parent_header"]["msg_id"] == message_id
    assert "printed" in "".join(left)


def test_a_question_can_be_interrupted_and_is_taken_back(kernel: Kernel) -> None:
    kernel.agent.gone.clear()
    kernel.agent.is_silent_about("javascript")
    kernel.client.execute(
        "from google.colab import output\noutput.eval_js('new Promise(() => {})')", stop_on_error=False
    )
    until = time.monotonic() + 120
    while not any(question["kind"] == "javascript" for question in kernel.agent.asked):
        assert time.monotonic() < until
        time.sleep(0.01)
    kernel.manager.interrupt_kernel()
    assert kernel.client.get_shell_msg(timeout=120)["content"]["ename"] == "KeyboardInterrupt"
    assert kernel.agent.gone.wait(120)


def test_functions_are_called_as_the_server_calls_them(kernel: Kernel) -> None:
    call = "google.colab.output._js._invoke_function('add', '[1]', '{\"b\": 2}')"
    kernel.run(
        "import google.colab.output\nfrom IPython.display import JSON\n"
        "google.colab.output.register_callback('add', lambda a, b: JSON({'sum': a + b}))"
    )
    kernel.run("", silent=True, user_expressions={"it": call})
    assert kernel.expressions["it"]["data"]["application/json"] == {"sum": 3}
    kernel.run("google.colab.output.unregister_callback('add')")
    kernel.run("", silent=True, user_expressions={"it": call})
    assert kernel.expressions["it"]["status"] == "error"
    assert "Function not found: add" in kernel.expressions["it"]["evalue"]


def test_tags_areas_and_scripts_are_told_in_order(kernel: Kernel) -> None:
    kernel.run(
        "from google.colab import output\n"
        "with output.use_tags('a'):\n    print('tagged')\n"
        "    with output.redirect_to_element('#x'):\n        print('there')\n"
        "output.clear(output_tags='a')"
    )
    told = [
        message["content"].get("text") or message["content"].get("data") or message["content"].get("output_tags")
        for message in kernel.said
        if message["msg_type"] in ("stream", "display_data", "clear_output")
    ]
    marks = [
        message["content"]["metadata"].get("outputarea")
        for message in kernel.said
        if message["msg_type"] == "display_data"
    ]
    assert told[0] is None
    assert told[1] == "tagged\n"
    assert 'setActiveOutputArea(document.querySelector("#x"))' in told[2]["application/javascript"]
    assert told[3] == "there\n"
    assert "setActiveOutputArea(window.labora_area_" in told[4]["application/javascript"]
    assert told[5:] == [None, ["a"]]
    assert marks[0] == {"nodisplay": True, "add_tags": ["a"], "remove_tags": []}
    assert marks[-1] == {"nodisplay": True, "add_tags": [], "remove_tags": ["a"]}


def test_javascript_is_built_from_python(kernel: Kernel) -> None:
    kernel.run(
        "from google.colab.output import _js_builder as js\n"
        "element = js.Js('document').querySelector('#x')\n"
        "element.innerHTML = '</script>'\nelement['data-x'] = [1, None, element]\n"
    )
    scripts = [content["data"]["application/javascript"] for content in kernel.of("display_data")]
    result, _, call = scripts[0].partition(" = ")
    assert call == 'document.querySelector("#x");'
    assert scripts[1:] == [
        f'{result}.innerHTML = "\\u003c/script>";',
        f'{result}["data-x"] = [1, null, {result}];',
    ]
    kernel.agent.says("javascript", {"value": 5})
    assert kernel.run("print(js.Js('window', mode=js.EVAL).innerWidth.eval())") == "5\n"


def test_grids_and_tabs_take_output_and_refuse_what_is_not_there(kernel: Kernel) -> None:
    assert (
        kernel.run(
            "from google.colab import widgets, errors\n"
            "grid = widgets.Grid(2, 2, header_row=True)\n"
            "for row, column in grid:\n    print(row, column)\n"
            "tabs = widgets.TabBar(['one', '<two>'], location='start')\n"
            "with tabs.output_to('<two>'):\n    print('in two')\n    tabs.clear_tab()\n"
        )
        == "0 0\n0 1\n1 0\n1 1\nin two\n"
    )
    shown = "".join(content["data"].get("text/html", "") for content in kernel.of("display_data"))
    assert shown.count("<th scope=") == 2
    assert "&lt;two&gt;" in shown
    assert kernel.of("clear_output")[0]["output_tags"][1].endswith("-1-content")
    assert kernel.run(
        "for wrong in ('grid.output_to(2, 0)', 'tabs.output_to(2)', 'tabs.output_to(\"x\")', 'tabs.clear_tab()'):\n"
        "    try:\n        made = eval(wrong)\n        made and made.__enter__()\n"
        "    except errors.WidgetException as error:\n        print(error)\n"
        "with grid.output_to(0, 0):\n    try:\n        grid.output_to(1, 1).__enter__()\n"
        "    except errors.WidgetException as error:\n        said = error\n"
        "print(said)"
    ).splitlines() == [
        "Cell 2, 0 does not exist: the grid has 2 by 2.",
        "There is no tab 2: there are 2, counted from 0.",
        "There is no tab 'x'; there are one, <two>.",
        "Say which one, or do it within output_to().",
        "Already inside a component",
    ]


def test_resources_are_given_out_while_the_kernel_runs(kernel: Kernel) -> None:
    kernel.agent.refuses("javascript", "nobody_asked")
    assert kernel.run(
        "import urllib.request, pathlib\nfrom google.colab import html\n"
        "def get(resource):\n"
        "    with urllib.request.urlopen(resource.url) as answer:\n"
        "        print(answer.headers['Content-Type'], answer.read())\n"
        "get(html.create_resource('hé', extension='txt'))\n"
        "pathlib.Path('/tmp/labora-resource.json').write_text('{}')\n"
        "get(html.create_resource(filepath='/tmp/labora-resource.json'))\n"
        "pathlib.Path('/tmp/labora-resource.json').unlink()\n"
        "given = html.create_resource(handler=lambda path: path.upper(), route='a', headers={'Content-Type': 'x/y'})\n"
        "get(given)\ngiven.delete()\n"
        "try:\n    get(given)\nexcept urllib.error.HTTPError as error:\n    print(error.code)"
    ).splitlines() == ["text/plain b'h\\xc3\\xa9'", "application/json b'{}'", "x/y b'/A'", "404"]

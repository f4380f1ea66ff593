"""The package in a real kernel of a real agent, which has it preloaded: one kernel for all that is asked of it here."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from labora.kernels.model import KernelMessage
from labora.testing.recorder import Recorder
from labora.testing.runtime import LocalRuntime
from tests.colab.conftest import SOURCES

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Kernel:
    """A kernel, and what it said last."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder, self.session = recorder, recorder.session
        self._ids = itertools.count()
        self.execution = ""

    async def begin(self, code: str) -> None:
        """Runs code without waiting for it."""
        self.execution = f"e{next(self._ids)}"
        await self.session.execute(self.execution, code)

    async def run(self, code: str) -> str:
        """Runs code and returns what it printed. Raises AssertionError where it fails."""
        await self.begin(code)
        return await self.end()

    async def end(self) -> str:
        done = await self.recorder.done(self.execution)
        assert done.content["status"] == "ok", self.of("error")
        return self.recorder.text(self.execution)

    async def asked(self, kind: str) -> KernelMessage:
        """Returns the question of the code that runs."""
        return await self.recorder.until(
            lambda m: m.type == "ask" and m.execution_id == self.execution and m.content["kind"] == kind
        )

    async def answer(self, kind: str, value: Any) -> None:
        asked = await self.asked(kind)
        await self.session.answer(asked.content["ask_id"], {"ok": True, "value": value})

    def said(self) -> list[KernelMessage]:
        return [message for message in self.recorder.messages if message.execution_id == self.execution]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message.content for message in self.said() if message.type == kind]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kernel() -> AsyncIterator[Kernel]:
    async with LocalRuntime() as runtime:
        session = runtime.session()
        await session.start(cwd=runtime.cwd, env={"PYTHONPATH": str(SOURCES)})
        recorder = Recorder(session)
        await recorder.attach()
        yield Kernel(recorder)


async def test_programs_that_look_for_colab_find_it(kernel: Kernel) -> None:
    assert (
        await kernel.run(
            "import sys, IPython\n"
            "print('google.colab' in sys.modules, 'google.colab' in str(get_ipython()))\n"
            "print('google.colab' in str(type(get_ipython())), IPython.get_ipython().kernel is not None)\n"
            "from ipykernel.zmqshell import ZMQInteractiveShell\n"
            "print(isinstance(get_ipython(), ZMQInteractiveShell), 'IPKernelApp' in get_ipython().config)\n"
        )
        == "True True\nTrue True\nTrue True\n"
    )
    assert "one TensorFlow" in await kernel.run("%tensorflow_version 2.x")
    assert (
        await kernel.run(
            "%load_ext google.colab\n%load_ext google.colab.data_table\n%unload_ext google.colab.data_table"
        )
        == ""
    )


async def test_what_was_printed_and_shown_leaves_before_a_question(kernel: Kernel) -> None:
    await kernel.begin(
        "from google.colab import _message\nfrom IPython.utils.capture import capture_output\n"
        "print('printed')\ndisplay({'text/plain': 'shown'}, raw=True)\n"
        "with capture_output():\n    there = _message.blocking_request('get_ipynb', timeout_sec=None)\n"
        "print(there)"
    )
    await kernel.answer("get_ipynb", {"ipynb": 1})
    assert await kernel.end() == "printed\n{'ipynb': 1}\n"
    assert [message.type for message in kernel.said() if message.type in ("stream", "display_data", "ask")] == [
        "stream", "display_data", "ask", "stream"
    ]  # fmt: skip


async def test_a_question_can_be_interrupted_and_is_taken_back(kernel: Kernel) -> None:
    await kernel.begin("from google.colab import output\noutput.eval_js('new Promise(() => {})')")
    asked = await kernel.asked("javascript")
    await kernel.session.interrupt()
    done = await kernel.recorder.done(kernel.execution)
    assert done.content["status"] == "error"
    assert kernel.of("error")[0]["ename"] == "KeyboardInterrupt"
    gone = await kernel.recorder.until(lambda m: m.type == "ask_gone")
    assert gone.content["ask_id"] == asked.content["ask_id"]


async def test_functions_are_called_as_the_server_calls_them(kernel: Kernel) -> None:
    call = {"it": "google.colab.output._js._invoke_function('add', '[1]', '{\"b\": 2}')"}
    await kernel.run(
        "import google.colab.output\nfrom IPython.display import JSON\n"
        "google.colab.output.register_callback('add', lambda a, b: JSON({'sum': a + b}))"
    )
    found = await kernel.session.evaluate("call-1", call)
    assert found["it"]["data"]["application/json"] == {"sum": 3}
    await kernel.run("google.colab.output.unregister_callback('add')")
    found = await kernel.session.evaluate("call-2", call)
    assert found["it"]["status"] == "error"
    assert "Function not found: add" in found["it"]["evalue"]


async def test_tags_areas_and_scripts_are_told_in_order(kernel: Kernel) -> None:
    await kernel.run(
        "from google.colab import output\n"
        "with output.use_tags('a'):\n    print('tagged')\n"
        "    with output.redirect_to_element('#x'):\n        print('there')\n"
        "output.clear(output_tags='a')"
    )
    told = [
        message.content.get("text") or message.content.get("data") or message.content.get("output_tags")
        for message in kernel.said()
        if message.type in ("stream", "display_data", "clear_output")
    ]
    marks = [content["metadata"].get("outputarea") for content in kernel.of("display_data")]
    assert told[0] is None
    assert told[1] == "tagged\n"
    assert 'setActiveOutputArea(document.querySelector("#x"))' in told[2]["application/javascript"]
    assert told[3] == "there\n"
    assert "setActiveOutputArea(window.labora_area_" in told[4]["application/javascript"]
    assert told[5:] == [None, ["a"]]
    assert marks[0] == {"nodisplay": True, "add_tags": ["a"], "remove_tags": []}
    assert marks[-1] == {"nodisplay": True, "add_tags": [], "remove_tags": ["a"]}


async def test_javascript_is_built_from_python(kernel: Kernel) -> None:
    await kernel.run(
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
    await kernel.begin("print(js.Js('window', mode=js.EVAL).innerWidth.eval())")
    await kernel.answer("javascript", {"value": 5})
    assert await kernel.end() == "5\n"


async def test_grids_and_tabs_take_output_and_refuse_what_is_not_there(kernel: Kernel) -> None:
    assert (
        await kernel.run(
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
    said = await kernel.run(
        "for wrong in ('grid.output_to(2, 0)', 'tabs.output_to(2)', 'tabs.output_to(\"x\")', 'tabs.clear_tab()'):\n"
        "    try:\n        made = eval(wrong)\n        made and made.__enter__()\n"
        "    except errors.WidgetException as error:\n        print(error)\n"
        "with grid.output_to(0, 0):\n    try:\n        grid.output_to(1, 1).__enter__()\n"
        "    except errors.WidgetException as error:\n        said = error\n"
        "print(said)"
    )
    assert said.splitlines() == [
        "Cell 2, 0 does not exist: the grid has 2 by 2.",
        "There is no tab 2: there are 2, counted from 0.",
        "There is no tab 'x'; there are one, <two>.",
        "Say which one, or do it within output_to().",
        "Already inside a component",
    ]


async def test_resources_are_given_out_while_the_kernel_runs(kernel: Kernel) -> None:
    await kernel.run(
        "import urllib.request, pathlib\nfrom google.colab import html\n"
        "pathlib.Path('given.json').write_text('{}')\n"
        "given = [html.create_resource('hé', extension='txt'), html.create_resource(filepath='given.json'),\n"
        "  html.create_resource(handler=str.upper, route='a', headers={'Content-Type': 'x/y'})]"
    )
    for number, expected in enumerate([r"text/plain b'h\xc3\xa9'", "application/json b'{}'", "x/y b'/A'"]):
        await kernel.begin(
            f"with urllib.request.urlopen(given[{number}].url) as answer:\n"
            "    print(answer.headers['Content-Type'], answer.read())"
        )
        asked = await kernel.asked("javascript")
        assert asked.content["content"]["script"].startswith("google.colab.kernel.proxyPort(")
        refusal = {"ok": False, "code": "nobody_asked", "message": "Nobody is there."}
        await kernel.session.answer(asked.content["ask_id"], refusal)
        assert await kernel.end() == expected + "\n"


async def test_commands_and_magics_of_the_shell(kernel: Kernel) -> None:
    assert await kernel.run("!echo hi; exit 3\nprint(_exit_code)") == "hi\n3\n"
    assert await kernel.run("%cd -q /tmp\na = 'A'\n!pwd; echo $a {a * 3} \\\n  more") == "/tmp\nA AAA more\n"
    assert await kernel.run("found = !printf '1\\n2'\nprint(found.n, type(found).__name__)") == "1\n2 SList\n"
    assert await kernel.run("%%shell --ignore-errors\necho $HOME/x | grep -c x\nexit 4") == "1\n"
    assert await kernel.run("print(_exit_code)\nit = %shell echo ü\nprint(it.returncode, it.output)") == "4\nü\n0 ü\n\n"
    await kernel.begin("%%shell\nexit 4")
    assert (await kernel.recorder.done(kernel.execution)).content["status"] == "error"
    assert kernel.of("error")[0]["ename"] == "CalledProcessError"
    assert await kernel.run("!sleep 30 &\nprint('at once')") == "at once\n"
    assert "pip" in await kernel.run("%pip --version")
    await kernel.begin("%%bigquery\nselect 1")
    await kernel.recorder.done(kernel.execution)
    assert "Google Cloud" in kernel.recorder.text(kernel.execution, "stderr")


async def test_a_command_asks_below_its_cell(kernel: Kernel) -> None:
    await kernel.begin("!read -p 'Name: ' n; read -s n2; echo; echo $n/$n2")
    asked = await kernel.asked("stdin")
    assert asked.content["content"] == {"prompt": "", "password": False}
    await kernel.answer("stdin", "Ada")
    secret = await kernel.recorder.until(lambda m: m.type == "ask" and m.content["content"].get("password") is True)
    await kernel.session.answer(secret.content["ask_id"], {"ok": True, "value": "secret"})
    assert await kernel.end() == "Name: Ada\n\nAda/secret\n"
    # Nobody can be asked by a run that has no page: the end of input.
    execution = "headless"
    await kernel.session.execute(execution, "!cat; echo over", allow_stdin=False)
    await kernel.recorder.done(execution)
    assert kernel.recorder.text(execution) == "over\n"


async def test_the_usual_magics(kernel: Kernel) -> None:
    said = await kernel.run(
        "import tempfile\n%cd -q {tempfile.mkdtemp()}\n%env SAID=b\n!echo $SAID\n%load_ext google.colab.data_table\n"
        "%time 1\n%timeit -n1 -r1 1\n%who_ls str\n"
    )
    assert said.startswith("env: SAID=b\nb\n")
    assert await kernel.run("%%writefile shell_try.py\nprint('one')") == "Writing shell_try.py\n"
    assert await kernel.run("%%writefile -a shell_try.py\nprint('two')") == "Appending to shell_try.py\n"
    assert await kernel.run("%run shell_try.py") == "one\ntwo\n"
    assert await kernel.run("%%bash\necho in bash") == "in bash\n"
    assert await kernel.run("%%capture kept\n!echo kept") == ""
    assert await kernel.run("print(kept.stdout)") == "kept\n\n"
    shown = {"html": "text/html", "svg": "image/svg+xml", "latex": "text/latex", "markdown": "text/markdown"}
    for magic, mime in {**shown, "javascript": "application/javascript"}.items():
        await kernel.run(f"%%{magic}\n<svg xmlns='http://www.w3.org/2000/svg'></svg>")
        assert mime in kernel.of("display_data")[0]["data"]


@pytest.mark.parametrize("code", ["exit()", "import IPython\nIPython.Application.instance().kernel.do_shutdown(True)"])
async def test_a_program_that_ends_its_kernel_stops_what_waits(kernel: Kernel, code: str) -> None:
    # Last in this module: it ends the kernel of all the others.
    await kernel.begin(f"print('kept')\nimport sys\ntry:\n    sys.exit()\nexcept SystemExit:\n    pass\n{code}")
    first = kernel.execution
    await kernel.begin("print('never')")
    died = await kernel.recorder.until(lambda m: m.type == "died" and m.content.get("seen") is None)
    assert (died.content["by"], died.content["exit_code"]) == ("program", 0)
    died.content["seen"] = True
    assert (await kernel.recorder.done(first)).content["status"] == "ok"
    assert kernel.recorder.text(first) == "kept\n"
    assert (await kernel.recorder.done(kernel.execution)).content["status"] == "aborted"
    assert kernel.recorder.text(kernel.execution) == ""
    await kernel.session.restart()
    assert await kernel.run("print('anew')") == "anew\n"

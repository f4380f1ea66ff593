"""A notebook written for Colab, run unmodified and headless: what needs no page works, what needs one says so."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from labora.base.settings import Settings
from labora.cli.answers import RunAnswers
from labora.cli.embedded import NotebookRun
from labora.kernels.model import KernelMessage

from .test_run import labora_run, notebook_of

CELLS = {
    "looks": """
import os, sys, socket
checks = [
    'google.colab' in sys.modules, 'google.colab' in str(get_ipython()), os.path.isdir('/content'),
    bool(os.environ.get('COLAB_RELEASE_TAG')), 'COLAB_GPU' in os.environ, os.path.exists('/var/colab/hostname'),
    os.environ['PAGER'] == 'cat', os.environ['TERM'] == 'xterm-color', 'inline' in os.environ['MPLBACKEND'],
    os.getcwd() == '/content', os.environ['HOME'] == '/root',
]
try:
    import google.colab
    IN_COLAB = True
except ImportError:
    IN_COLAB = False
print(IN_COLAB, checks.count(False), open('/var/colab/hostname').read().strip() == socket.gethostname())
""",
    "name": """
import urllib.request
address = f"http://{os.environ['COLAB_JUPYTER_IP']}:{os.environ['KMP_TARGET_PORT']}/api/sessions"
found = json.load(urllib.request.urlopen(address))[0] if (json := __import__('json')) else None
print(urllib.parse.unquote(found['name']), found['path'].startswith('fileId='))
""",
    "self": """
from google.colab import _message
there = _message.blocking_request('get_ipynb', request='', timeout_sec=60)['ipynb']
print(len(there['cells']), ''.join(there['cells'][0]['source']).strip().splitlines()[0])
try:
    _message.blocking_request('make_tea', request='', timeout_sec=None)
except _message.MessageError as error:
    print('refused')
""",
    "secret": """
from google.colab import userdata
try:
    userdata.get('NOT_THERE')
except (userdata.SecretNotFoundError, userdata.NotebookAccessError) as error:
    print(type(error).__name__)
""",
    "files": """
from google.colab import files, auth, output
open('model.bin', 'wb').write(bytes(10))
files.download('model.bin')
auth.authenticate_user()
try:
    files.upload()
except RuntimeError as error:
    print('upload:', type(error).__name__)
try:
    output.eval_js('1 + 1')
except _message.MessageError as error:
    print('eval_js:', type(error).__name__)
""",
    "script": """
open('s.py', 'w').write('from google.colab import userdata, _ask; print(_ask.ask("notebook")["name"])')
import subprocess
print(subprocess.run([sys.executable, 's.py'], capture_output=True, text=True))
""",
    "tags": """
from google.colab import output, widgets
with output.use_tags('some'):
    print('gone')
print('stays')
output.clear(output_tags='some')
with output.temporary():
    print('gone too')
""",
}


@pytest.mark.sandbox
def test_a_notebook_for_colab_runs_headless(tmp_path: Path, images_dir: Path) -> None:
    done, out = labora_run(tmp_path, notebook_of(*CELLS.values()), images_dir)
    assert done.returncode == 0, done.stderr
    said, errors = {}, {}
    for name, cell in zip(CELLS, json.loads(out.read_bytes())["cells"], strict=True):
        text = dict.fromkeys(("stdout", "stderr"), "")
        for shown in cell["outputs"]:
            text[shown.get("name", "stdout")] += "".join(shown.get("text", ""))
        said[name], errors[name] = text["stdout"], text["stderr"]
    assert said["looks"] == "True 0 True\n", said
    assert said["name"] == "in.ipynb True\n"
    assert said["self"] == "7 import os, sys, socket\nrefused\n"
    assert said["secret"] == "SecretNotFoundError\n"
    assert said["files"] == "upload: RefusedError\neval_js: MessageError\n"
    assert "no page of yours is open" in errors["files"]
    assert "does not sign in to Google" in errors["files"]
    assert "in.ipynb" in said["script"]
    assert said["tags"] == "stays\n"


@pytest.mark.sandbox
def test_secrets_of_a_file_are_read_and_left_nowhere(tmp_path: Path, images_dir: Path) -> None:
    (tmp_path / "keys.env").write_text("# mine\nexport KEY='pa$$ ${HOME}'\nSECOND=two\n")
    source = """
from google.colab import userdata
print(userdata.get('KEY')[::-1], userdata.get('SECOND') == 'two')
try:
    userdata.get('THIRD')
except userdata.SecretNotFoundError:
    print('no third')
"""
    done, out = labora_run(tmp_path, notebook_of(source), images_dir, "--secrets", str(tmp_path / "keys.env"))
    assert done.returncode == 0, done.stderr
    (cell,) = json.loads(out.read_bytes())["cells"]
    assert "".join(cell["outputs"][0]["text"]) == "}EMOH{$ $$ap True\nno third\n"
    assert b"pa$$" not in out.read_bytes() + done.stderr.encode()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--secrets", "missing.env"), "There is no file missing.env."),
        (("--secrets", "missing.env", "--server", "http://localhost:1", "--token", "x"), "leave out --secrets"),
    ],
)
def test_secrets_that_cannot_be_given_are_refused(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    done, _ = labora_run(tmp_path, notebook_of("1"), tmp_path, *options)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())


@pytest.mark.sandbox
def test_a_notebook_of_many_large_outputs_is_given_without_them(tmp_path: Path, images_dir: Path) -> None:
    # Six bytes a character on the way to the program, and less than what one cell may show it: 14 MiB in all.
    printing = ["print('\u65e5' * 41_000)"] * 60
    reading = "from google.colab import _message\nthere = _message.blocking_request('get_ipynb')['ipynb']['cells']\n"
    telling = "print(len(there), [cell['outputs'] for cell in there if cell['outputs']])"
    done, out = labora_run(tmp_path, notebook_of(*printing, reading + telling), images_dir)
    assert done.returncode == 0, done.stderr
    cells = json.loads(out.read_bytes())["cells"]
    assert "".join(cells[-1]["outputs"][0]["text"]) == "61 []\n"
    assert cells[0]["outputs"]


async def test_a_run_answers_also_when_it_fails_at_the_question() -> None:
    told: asyncio.Queue[Any] = asyncio.Queue()

    class Kernel:
        async def ack(self, number: int) -> None:
            pass

        async def answer(self, ask_id: str, answer: Any) -> None:
            told.put_nowait((ask_id, answer["ok"], answer["code"]))

    def broken(outputs: bool) -> bytes:
        raise KeyError("an output that is gone")

    run = NotebookRun(Kernel(), (), lambda *_: {}, Settings(), RunAnswers("n.ipynb", broken))  # type: ignore[arg-type, return-value, typeddict-item]
    content = {"ask_id": "ask-1", "kind": "get_ipynb", "content": {}, "timeout_s": None}
    await run.take([KernelMessage(1, "e", "agent", "ask", content)])
    async with asyncio.timeout(30):
        assert await told.get() == ("ask-1", False, "internal")

"""``labora run`` as a person uses it: the real command, a real sandbox."""

from __future__ import annotations

import base64
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from labora.base.errors import InvalidError
from labora.host.spawn import call_host
from labora.notebook.model import Cell, new_notebook
from labora.notebook.parameters import read_parameter, with_parameters

from ..host.packages import make_deb, make_wheel


def notebook_of(*sources: str, tags: dict[int, list[str]] | None = None) -> bytes:
    cells = [
        {
            "cell_type": "code", "id": f"cell-{index}", "metadata": {"tags": (tags or {}).get(index, [])},
            "execution_count": None, "outputs": [], "source": source,
        }
        for index, source in enumerate(sources)
    ]  # fmt: skip
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps({"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}).encode()


def labora_run(folder: Path, data: bytes, images: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    (folder / "in.ipynb").write_bytes(data)
    out = folder / "out.ipynb"
    command = [sys.executable, "-m", "labora.cli", "run", str(folder / "in.ipynb"), "-o", str(out), *options]
    env = {"LABORA_STORAGE__IMAGES_DIR": str(images), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    done = subprocess.run(
        [*command, "--data-dir", str(folder / "data")],
        capture_output=True,
        text=True,
        env=env,
        check=False,
        timeout=300,
    )
    return done, out


ASKS = """
import json, os, urllib.request
def ask(kind):
    head = {"Authorization": "Bearer " + os.environ["LABORA_KERNEL"]}
    asked = urllib.request.Request(os.environ["LABORA_ASK"] + "/labora/ask", json.dumps({"kind": kind}).encode(), head)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked) as got:
        return json.load(got)
print(os.environ["LABORA_ASK"], ask("notebook")["value"]["name"], ask("javascript")["code"])
print(len(ask("get_ipynb")["value"]["ipynb"]["cells"]), ask("secret.get")["value"]["exists"])
"""
WIDGET = """
import comm
state = {"_model_name": "OutputModel", "_model_module": "@jupyter-widgets/output", "msg_id": "", "outputs": []}
widget = comm.create_comm("jupyter.widget", comm_id="w", data={"state": state}, metadata={"version": "2.1.0"})
def catch(msg_id):
    widget.send({"method": "update", "state": {"msg_id": msg_id}, "buffer_paths": []})
catch(get_ipython().kernel.get_parent()["header"]["msg_id"])
print("inside", flush=True)
catch("")
print("outside")
"""


@pytest.mark.sandbox
def test_run_sets_parameters_and_writes_outputs(tmp_path: Path, images_dir: Path) -> None:
    data = notebook_of("epochs = 1", "print('epochs', epochs)", "epochs * 2", ASKS, WIDGET, tags={0: ["parameters"]})
    done, out = labora_run(tmp_path, data, images_dir, "--param", "epochs=21", "--param", "name=a b")
    assert done.returncode == 0, done.stderr
    cells = json.loads(out.read_bytes())["cells"]
    assert "".join(cells[1]["source"]) == "# Parameters\nepochs = 21\nname = 'a b'"
    assert "".join(cells[2]["outputs"][0]["text"]) == "epochs 21\n"
    assert "".join(cells[3]["outputs"][0]["data"]["text/plain"]) == "42"
    asked = "http://127.0.0.1:9000 in.ipynb nobody_asked\n6 False\n"
    assert "".join(cells[4]["outputs"][0]["text"]) == asked
    assert "".join(cells[5]["outputs"][0]["text"]) == "outside\n"
    widgets = json.loads(out.read_bytes())["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]
    assert widgets["state"]["w"]["model_name"] == "OutputModel"
    assert [shown["text"] for shown in widgets["state"]["w"]["state"]["outputs"]] == ["inside\n"]
    assert "cell 6 of 6" in done.stderr


@pytest.mark.sandbox
def test_run_stops_at_an_error_and_says_so(tmp_path: Path, images_dir: Path) -> None:
    done, out = labora_run(tmp_path, notebook_of("1 / 0", "print('never')"), images_dir)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    cells = json.loads(out.read_bytes())["cells"]
    assert cells[0]["outputs"][0]["ename"] == "ZeroDivisionError"
    assert cells[1]["outputs"] == []


@pytest.mark.sandbox
def test_run_writes_no_outputs_of_a_notebook_that_omits_them(tmp_path: Path, images_dir: Path) -> None:
    content = json.loads(notebook_of("print('private')"))
    content["metadata"]["colab"] = {"private_outputs": True}
    done, out = labora_run(tmp_path, json.dumps(content).encode(), images_dir)
    assert done.returncode == 0, done.stderr
    assert "none are written" in done.stderr
    assert json.loads(out.read_bytes())["cells"][0]["outputs"] == []


@pytest.mark.sandbox
def test_run_explains_a_kernel_that_dies(tmp_path: Path, images_dir: Path) -> None:
    done, _ = labora_run(tmp_path, notebook_of("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"), images_dir)
    assert done.returncode == 1
    assert "cell 1 of 1" in done.stderr


@pytest.mark.sandbox
def test_pip_and_apt_work_in_the_default_image(tmp_path: Path, images_dir: Path) -> None:
    files = {
        "thing-1.0-py3-none-any.whl": make_wheel("thing", tmp_path),
        "alpha.deb": make_deb(tmp_path, "alpha"),
    }
    texts = {name: base64.b64encode(content).decode() for name, content in files.items()}
    data = notebook_of(
        f"import base64\nfor name, text in {texts!r}.items():\n    open(name, 'wb').write(base64.b64decode(text))",
        "%pip install --no-index ./thing-1.0-py3-none-any.whl",
        "import thing, numpy\nprint(thing.NAME, thing.__file__)",
        "!apt-get install -y ./alpha.deb && alpha && id -un _alpha",
    )
    done, out = labora_run(tmp_path, data, images_dir)
    assert done.returncode == 0, done.stderr
    cells = json.loads(out.read_bytes())["cells"]
    text = ["".join("".join(output["text"]) for output in cell["outputs"]) for cell in cells[2:]]
    assert text[0].startswith("thing /opt/python/lib/")
    assert text[1].endswith("alpha runs\n_alpha\n"), text[1]


def test_run_of_a_missing_file_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "labora.cli", "run", str(tmp_path / "none.ipynb")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 2
    assert done.stderr.startswith("✗ There is no file ")
    assert done.stderr.count("\n") == 1


def test_parameters_replace_an_earlier_injection() -> None:
    once = with_parameters(new_notebook([Cell(id="a", kind="code", source="x")]), {"n": 1})
    twice = with_parameters(once, {"n": 2})
    assert [cell.source for cell in twice.cells] == ["# Parameters\nn = 2", "x"]


@pytest.mark.parametrize("name", ["", "1x", "class", "a-b", "x;import os"])
def test_parameters_refuse_what_is_no_variable(name: str) -> None:
    with pytest.raises(InvalidError):
        with_parameters(new_notebook(), {name: 1})


def test_parameter_values_are_json_or_text() -> None:
    assert read_parameter("a=1.5") == ("a", 1.5)
    assert read_parameter("a=[1, null]") == ("a", [1, None])
    assert read_parameter("a=x=y") == ("a", "x=y")
    with pytest.raises(InvalidError):
        read_parameter("a")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every uid can walk through, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="labora-cli-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.sandbox
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_goes_on_when_the_run_is_ended(
    tmp_path: Path, open_folder: Path, images_dir: Path, number: signal.Signals
) -> None:
    (tmp_path / "in.ipynb").write_bytes(notebook_of("1", "import time\nwhile True:\n    time.sleep(0.1)"))
    env = {"LABORA_STORAGE__IMAGES_DIR": str(images_dir), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    env["TMPDIR"] = str(open_folder)
    command = [sys.executable, "-m", "labora.cli", "run", str(tmp_path / "in.ipynb")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env) as process:
        assert process.stderr is not None
        while "cell 1 of 2" not in process.stderr.readline():
            assert process.poll() is None
        (folder,) = open_folder.iterdir()
        host = Path("/proc", str(call_host(folder / "run" / "host.sock", "ping")["pid"]))
        handle = json.loads(next((folder / "run" / "runtimes").glob("*.json")).read_text())
        process.send_signal(number)
        assert process.wait(60) != 0
    for pid in (host, Path("/proc", str(handle["pid"]))):
        assert eventually_gone(pid), f"{pid} goes on"
    assert not (folder / "runtimes" / handle["runtime_id"]).exists()


def eventually_gone(path: Path) -> bool:
    """Waits for a process that is none of ours to be gone, up to 20 s."""
    for _ in range(400):
        if not path.exists():
            return True
        time.sleep(0.05)
    return False

"""Images are prepared by a real pip from a folder of small wheels: no network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labora.base.errors import ConflictError, NotFoundError, UnavailableError
from labora.host.image import ImageProgress, Recipe, image_folder, image_status, prepare_image
from labora.host.model import Handle, Limits
from labora.host.pip_output import PipReader, explain, project_name
from labora.host.registry import Registry
from labora.host.stock import list_images, remove_image


def make_wheel(folder: Path, name: str, version: str = "1.0", needs=(), script: str | None = None) -> None:
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{module}/__init__.py", f"def main():\n    print({name!r}, __file__)\n")
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        wheel.writestr(f"{info}/METADATA", metadata + "".join(f"Requires-Dist: {need}\n" for need in needs))
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        if script:
            wheel.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{script} = {module}:main\n")
        if name == "ipykernel":
            spec = {"argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], "language": "python"}
            path = f"{module}-{version}.data/data/share/jupyter/kernels/python3/kernel.json"
            wheel.writestr(path, json.dumps(spec))
        wheel.writestr(f"{info}/RECORD", "")


def recipe(*packages: str) -> Recipe:
    """An image over this machine's own software: no root file system is made."""
    return Recipe(packages, base="host")


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip takes for the whole world."""
    folder = tmp_path / "wheels with space"
    folder.mkdir()
    for name in ("pip", "jupyter-client", "pyzmq"):
        make_wheel(folder, name, "99.0")
    make_wheel(folder, "ipykernel", needs=["pyzmq"])
    make_wheel(folder, "useful", "2.0", needs=["helper"], script="useful-tool")
    make_wheel(folder, "helper")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", folder.as_uri())
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    return folder


def test_an_image_is_made_told_and_found_again_without_pip(index, tmp_path, monkeypatch):
    images, steps = tmp_path / "images", []
    assert image_status(images, recipe("useful")).status == "missing"
    folder = prepare_image(images, recipe("useful"), steps.append)
    assert folder == image_folder(images, recipe("useful"))
    assert image_status(images, recipe("useful")).as_json() == {
        "name": folder.name,
        "status": "ready",
        "progress": {"label": "Ready", "fraction": 1.0},
        "message": None,
    }
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert any("of 5: useful" in step.label for step in steps), steps
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["packages"]["useful"] == "2.0"
    assert (images / manifest["agent"] / "bin" / "python").exists()
    assert list((images / manifest["agent"]).glob("lib/python*/site-packages/labora_guest/__main__.py"))
    # Offline from here on: whatever would need the index fails.
    for wheel in index.iterdir():
        wheel.unlink()
    assert prepare_image(images, recipe("useful"), steps.append) == folder


def test_scripts_and_kernels_name_the_interpreter_of_the_runtime(index, tmp_path):
    folder = prepare_image(tmp_path / "images with space", recipe("useful"), lambda _: None)
    script = (folder / "env" / "bin" / "useful-tool").read_text()
    assert script.startswith("#!/opt/python/bin/python\n")
    assert "images with space" not in script
    kernel = json.loads((folder / "env" / "share/jupyter/kernels/python3/kernel.json").read_text())
    assert kernel["argv"][0] == "/opt/python/bin/python"
    assert list(folder.glob("env/lib/python*/site-packages/useful/__pycache__/*.pyc"))


def test_a_failure_is_told_and_the_next_try_succeeds(index, tmp_path):
    images = tmp_path / "images"
    with pytest.raises(UnavailableError) as failed:
        prepare_image(images, recipe("useful", "absent-package"), lambda _: None)
    assert failed.value.error_code == "image_failed"
    status = image_status(images, recipe("useful", "absent-package"))
    assert status.status == "failed"
    assert "labora image build" in status.message
    make_wheel(index, "absent-package")
    prepare_image(images, recipe("useful", "absent-package"), lambda _: None)
    assert image_status(images, recipe("useful", "absent-package")).status == "ready"
    assert not list(images.glob(".build-*"))


def test_two_preparations_at_once_make_one_image(index, tmp_path):
    results: list[Path] = []
    threads = [
        threading.Thread(
            target=lambda: results.append(prepare_image(tmp_path / "images", recipe("useful"), lambda _: None))
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    assert len(set(results)) == 1


def test_an_interrupted_preparation_is_not_called_preparing_for_ever(tmp_path):
    folder = image_folder(tmp_path, recipe("useful"))
    folder.mkdir()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    text = {"status": "preparing", "progress": {"label": "x", "fraction": 0.5}, "pid": ended.pid, "start_time": 1}
    (folder / "status.json").write_text(json.dumps(text))
    status = image_status(tmp_path, recipe("useful"))
    assert status.status == "failed"
    assert "interrupted" in status.message


def test_the_name_depends_on_what_is_in_it(tmp_path):
    assert image_folder(tmp_path, recipe("a", "b")) == image_folder(tmp_path, recipe("b", "a"))
    assert image_folder(tmp_path, recipe("a")) != image_folder(tmp_path, recipe("a", "b"))


def test_pip_lines_become_counts():
    reader = PipReader("Fetching", 0.0, 1.0, total=4)
    assert reader.feed("Collecting numpy==2.1.0") == ImageProgress("Fetching packages (1 of 4: numpy)", 0.0)
    assert reader.feed("  Downloading numpy-2.1.0-cp311-cp311-manylinux.whl (16.3 MB)").label == (
        "Fetching packages (1 of 4: numpy, 16.3 MB)"
    )
    assert reader.feed("Processing /mirror/Flask_Cors-1.0-py3-none-any.whl").label.endswith("(2 of 4: flask-cors)")
    assert reader.feed("Installing collected packages: numpy") is None


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]))))
def test_no_line_breaks_the_reader_and_fractions_stay_in_range(lines):
    reader = PipReader("Fetching", 0.1, 0.6, total=3)
    for progress in filter(None, map(reader.feed, lines)):
        assert 0.1 <= progress.fraction <= 0.6


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("WARNING: Retrying ... NewConnectionError('Name or service not known')", "cannot be reached"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: No matching distribution found for nonsense==9", "no nonsense==9"),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))", "certificate is not trusted"),
        ("ERROR: something new", "something new"),
    ],
)
def test_failures_say_what_to_do(line, said):
    message = explain([line], 1)
    assert said in message
    assert "labora image build" in message


def test_names_are_normalised():
    assert project_name("Scikit_Learn>=1.0") == "scikit-learn"


def test_without_a_root_file_system_the_machines_software_serves_and_says_so(index, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")  # as on a machine that is no Debian
    wanted = Recipe(("useful",))
    folder = prepare_image(tmp_path / "images", wanted, lambda _: None)
    assert folder == image_folder(tmp_path / "images", wanted)
    assert (folder / "env" / "bin" / "python").exists()
    status = image_status(tmp_path / "images", wanted)
    assert status.status == "ready"
    assert "apt-get" in status.message
    assert "labora image build" in status.message
    (entry,) = list_images(tmp_path / "images", tmp_path / "run")
    assert (entry.base, entry.message) == ("host", status.message)
    with pytest.raises(UnavailableError) as refused:
        prepare_image(tmp_path / "images", Recipe(("useful",), base="debian"), lambda _: None)
    assert refused.value.error_code == "image_failed"
    assert image_folder(tmp_path / "images", wanted) == folder


def handle_of(image: Path, *, alive: bool) -> Handle:
    return Handle(
        runtime_id="rt", generation=1, pid=1, start_time=1, socket="", level="b", cgroup=None, slot=0, started_at=0.0,
        alive=alive, exit=None, monitor_pid=1, monitor_start_time=1, boot_id="", deadline=None,
        limits=Limits(256 << 20, 1.0, 64), image=str(image),
    )  # fmt: skip


def test_images_are_listed_and_removed_but_not_while_they_are_used(index, tmp_path):
    images, run = tmp_path / "images", tmp_path / "run"
    one = prepare_image(images, recipe("useful"), lambda _: None)
    two = prepare_image(images, recipe("helper"), lambda _: None)
    (run / "runtimes").mkdir(parents=True)
    registry = Registry(run / "runtimes")
    registry.save(handle_of(one, alive=True))
    found = {entry.name: entry for entry in list_images(images, run)}
    assert found.keys() == {one.name, two.name}
    assert (found[one.name].used_by, found[two.name].used_by) == (("rt",), ())
    assert found[one.name].packages == found[two.name].packages + 1
    assert found[one.name].bytes > 0
    with pytest.raises(ConflictError) as refused:
        remove_image(images, run, one.name)
    assert refused.value.error_code == "image_in_use"
    agent = images / json.loads((one / "manifest.json").read_text())["agent"]
    assert remove_image(images, run, two.name) == [two.name]
    assert agent.is_dir()
    registry.save(handle_of(one, alive=False))
    assert set(remove_image(images, run, one.name)) == {one.name, agent.name}
    assert list_images(images, run) == []
    assert [path.name for path in images.iterdir()] == [".lock"]
    for name in (one.name, "../images", "", ".lock"):
        with pytest.raises(NotFoundError):
            remove_image(images, run, name)

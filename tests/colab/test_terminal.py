"""Commands on a terminal of their own, without a kernel: what they print, read and end with."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.colab.conftest import SOURCES


class Keyboard:
    """Types what it was given, as soon as it is asked; then the end of input."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.asked: list[bool] = []
        self.withdrawn = 0
        self._ready, self._typed = os.pipe()

    def ask(self, password: bool) -> None:
        self.asked.append(password)
        if self.lines != ["never"]:
            os.write(self._typed, b"x")

    def fileno(self) -> int:
        return self._ready

    def answer(self) -> str | None:
        os.read(self._ready, 1)
        return self.lines.pop(0) if self.lines else None

    def withdraw(self) -> None:
        self.withdrawn += 1


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SOURCES))
    monkeypatch.setenv("COLUMNS", "100")


def run(command: str, keyboard: Any = None, on_text: Any = None) -> tuple[int, str, Any]:
    from google.colab._terminal import Terminal

    printed: list[str] = []

    def write(text: str) -> None:
        printed.append(text)
        if on_text is not None:
            on_text("".join(printed))

    terminal = Terminal(command, write, keyboard)
    return terminal.run(), "".join(printed), terminal


def test_what_a_command_prints_on_its_terminal_and_how_it_ends() -> None:
    code, printed, _ = run(r"tty; stty size; printf '\303'; sleep 0.1; printf '\251\r\n50%%\r100%%\r'; exit 3")
    assert code == 3
    assert printed.startswith("/dev/pts/")
    assert printed.endswith("\n24 100\né\n50%\r100%\r")
    assert run("kill -TERM $$")[0] == -signal.SIGTERM
    assert run("no-such-program")[0] == 127


def test_a_command_is_asked_for_what_it_reads_and_passwords_are_not_echoed() -> None:
    keyboard = Keyboard("Ada", "secret")
    code, printed, _ = run('read -p "Name: " a; read -s -p "Key: " b </dev/tty; echo; echo "$a/$b"', keyboard)
    assert (code, keyboard.asked) == (0, [False, True])
    assert printed == "Name: Ada\nKey: \nAda/secret\n"


def test_without_anybody_to_ask_a_command_finds_the_end_of_its_input() -> None:
    assert run("cat; read x || echo nothing")[1] == "nothing\n"
    keyboard = Keyboard()
    assert run("cat", keyboard)[0] == 0
    assert keyboard.asked == [False]


def test_a_question_is_taken_back_when_the_command_reads_no_longer() -> None:
    keyboard = Keyboard("never")
    assert run("read -t 2 x; echo late", keyboard)[1] == "late\n"
    assert (keyboard.asked, keyboard.withdrawn) == ([False], 1)
    # One that computes in silence is asked nothing.
    busy = Keyboard("never")
    run("sleep 1.5", busy)
    assert busy.asked == []


def _interrupting(times: int) -> Any:
    """Interrupts this process once ``go`` was printed, and again when the first one was noticed."""

    def on_text(text: str) -> None:
        if text.endswith("go\n") or (times > 1 and text.endswith("again\n")):
            os.kill(os.getpid(), signal.SIGINT)

    return on_text


def test_an_interrupt_is_the_commands_and_a_second_one_ends_it() -> None:
    before = signal.getsignal(signal.SIGINT)
    code, _, terminal = run("echo go; sleep 60", on_text=_interrupting(1))
    assert (code, terminal.interrupts) == (-signal.SIGINT, 1)
    code, printed, _ = run(
        "trap 'echo saved; exit 5' INT; echo go; while :; do sleep 0.05; done", on_text=_interrupting(1)
    )
    assert (code, printed) == (5, "go\nsaved\n")
    stubborn = "trap 'echo again' INT; trap '' TERM; echo go; while :; do sleep 0.05; done"
    code, _, terminal = run(stubborn, on_text=_interrupting(2))
    assert (code, terminal.interrupts) == (-signal.SIGKILL, 2)
    assert signal.getsignal(signal.SIGINT) is before


def test_what_goes_on_behind_does_not_hold_the_cell_nor_lose_its_terminal(tmp_path: Path) -> None:
    mark, end = tmp_path / "mark", tmp_path / "end"
    os.mkfifo(mark)
    os.mkfifo(end)
    behind = f"(read x <{end}; echo late; echo alive >{mark}) & echo started"
    assert run(behind)[:2] == (0, "started\n")
    end.write_text("go\n")
    assert mark.read_text() == "alive\n"
    for thread in threading.enumerate():
        if thread.name == "terminal":
            thread.join()


def test_a_flood_waits_for_its_reader() -> None:
    enough: list[int] = []

    def slow(text: str) -> None:
        if not enough and len(text) > 2 * 1024 * 1024:
            enough.append(len(text))
            os.kill(os.getpid(), signal.SIGINT)

    code, printed, _ = run("yes", on_text=slow)
    assert code == -signal.SIGINT
    # What was on its way at the interrupt, and no more.
    assert len(printed) < enough[0] + 1024 * 1024


def test_packages_that_were_replaced_are_told_when_they_are_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from google.colab import _pip

    shown: list[list[str]] = []
    monkeypatch.setattr(_pip, "_show", shown.append)
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(version: str) -> None:
        for old in tmp_path.glob("*.dist-info"):
            old.rename(tmp_path / "gone")
        about = tmp_path / f"some_package-{version}.dist-info"
        about.mkdir()
        (about / "RECORD").write_text("some_package/__init__.py,,\nnever_used.py,,\n")
        (tmp_path / "some_package").mkdir(exist_ok=True)
        (tmp_path / "some_package" / "__init__.py").write_text(f"__version__ = {version!r}")

    first = _pip.Installs("pip install some-package")
    install("1.0")
    first.tell()
    assert shown == []
    import some_package  # type: ignore[import-not-found]

    assert some_package.__version__ == "1.0"
    for command, told in (("echo", []), ("pip install -U some-package", [["some_package"]])):
        installs = _pip.Installs(command)
        install("2.0" if command == "echo" else "3.0")
        installs.tell()
        assert shown == told
        for left in tmp_path.glob("gone"):
            (left / "RECORD").unlink()
            left.rmdir()

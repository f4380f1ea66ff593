"""``!``, ``%shell``, ``%%shell`` and ``%pip``: commands on a terminal, whose input is asked for below the cell."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from typing import Any

from google.colab import _ask, _pip, _terminal

KEPT = 1024 * 1024
"""How many characters of a command's output its result holds: the last ones."""


class ShellResult:
    """What ``%shell`` and ``%%shell`` came to. A cell shows nothing of it: what the command printed stands there."""

    def __init__(self, args: str, returncode: int, output: str) -> None:
        self.args = args
        self.returncode = returncode
        self.output = output

    def check_returncode(self) -> None:
        """Raises CalledProcessError where the command failed."""
        if self.returncode:
            raise subprocess.CalledProcessError(self.returncode, self.args, output=self.output)

    def __repr__(self) -> str:
        return f"ShellResult(args={self.args!r}, returncode={self.returncode})"

    def _ipython_display_(self) -> None:
        pass


class _Person:
    """Asks whoever runs the cell, below it."""

    def __init__(self) -> None:
        self._question: _ask.Question | None = None
        self._no = os.memfd_create("no") if hasattr(os, "memfd_create") else os.open(os.devnull, os.O_RDONLY)

    def ask(self, password: bool) -> None:
        try:
            self._question = _ask.Question("stdin", prompt="", password=password)
        except (NotImplementedError, _ask.RefusedError):
            # Nobody can be asked: readable at once, without an answer.
            self._question = None

    def fileno(self) -> int:
        return self._no if self._question is None else self._question.fileno()

    def answer(self) -> str | None:
        question, self._question = self._question, None
        if question is None:
            return None
        try:
            value = question.answer()
        except _ask.RefusedError:
            return None
        finally:
            question.close()
        return value if isinstance(value, str) and value != "\x04" else None

    def withdraw(self) -> None:
        if self._question is not None:
            self._question.close()
            self._question = None

    def close(self) -> None:
        self.withdraw()
        os.close(self._no)


class _Tail:
    """Passes text on and keeps the end of it."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0

    def write(self, text: str) -> None:
        sys.stdout.write(text)
        self._pieces.append(text)
        self._size += len(text)
        if self._size > 2 * KEPT:
            self._pieces = [self.text()]
            self._size = len(self._pieces[0])

    def text(self) -> str:
        return "".join(self._pieces)[-KEPT:]


def run(shell: Any, command: str) -> ShellResult:
    """Runs a command and streams what it prints to ``sys.stdout``.

    Args:
        shell: IPython's; its ``_exit_code`` is set.
        command: for bash, its variables put in already.

    Raises:
        KeyboardInterrupt: the cell was interrupted more than once. The first one is the command's to deal with.
    """
    installs = _pip.Installs(command)
    person = _Person() if _asks(shell) else None
    tail = _Tail()
    terminal = _terminal.Terminal(command, tail.write, person)
    try:
        code = terminal.run()
    finally:
        if person is not None:
            person.close()
    shell.user_ns["_exit_code"] = code
    if terminal.interrupts and code in (-signal.SIGINT, -signal.SIGTERM, -signal.SIGKILL):
        sys.stdout.write("^C\n")
    installs.tell()
    if terminal.interrupts > 1:
        raise KeyboardInterrupt
    return ShellResult(command, code, tail.text())


def _asks(shell: Any) -> bool:
    """Returns whether somebody can be asked: not in a run that has no page."""
    allowed = getattr(getattr(shell, "kernel", None), "_allow_stdin", True)
    return bool(allowed) and "COLAB_DISABLE_STDIN_FOR_SHELL_MAGICS" not in os.environ


def shell_line(shell: Any, line: str) -> ShellResult | None:
    """``%shell command``: as ``!command``, and returns its result."""
    if not line.strip():
        return None
    return run(shell, line)


def shell_cell(shell: Any, line: str, cell: str) -> ShellResult | None:
    """``%%shell [--ignore-errors]``: runs the cell in bash.

    Raises:
        CalledProcessError: it failed, and ``--ignore-errors`` is not there.
        UsageError: there is another option.
    """
    options = shlex.split(line, comments=True)
    unknown = [option for option in options if option != "--ignore-errors"]
    if unknown:
        from IPython.core.error import UsageError

        raise UsageError(f"%%shell knows no {unknown[0]!r}; it takes --ignore-errors.")
    if not cell.strip():
        return None
    result = run(shell, cell)
    if not options:
        result.check_returncode()
    return result


def pip(shell: Any, line: str) -> None:
    """``%pip …``: the pip of this kernel's Python."""
    run(shell, f"{shlex.quote(sys.executable)} -m pip {line}")

"""Runs a command on a terminal of its own, as ``!`` does: streamed, with a keyboard behind it, and interruptible.

The command gets a session with a controlling terminal, so that programs which ask on ``/dev/tty`` find somebody. Its
leader is a small shell that outlives the command: without it, what was started with ``&`` would be hung up with the
end of the command, and lose the terminal that it writes to.
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import select
import shutil
import signal
import socket
import struct
import subprocess
import termios
import threading
import time
from typing import Any, Callable, Protocol

from google.colab import _readers

PIECE = 64 * 1024
ROWS, COLUMNS = 24, 100
LOOK_S, LOOK_MOST_S = 0.3, 1.0
"""After how long without output it is looked whether the command reads from its terminal, and how seldom at most."""
GRACE_S = 2.0
"""What a command has between SIGTERM and SIGKILL."""
BACKGROUND_S, BACKGROUND_MOST_S = 0.05, 1.0
"""How long the last words of a command are waited for where others hold its terminal, at a time and in all."""
PATIENCE = 20
"""How often a command may read on after the end of its input."""
LEADER = (
    'trap : INT TERM QUIT HUP; true <>"$0"; exec 2>/dev/null; "$BASH" -c "$1" 2>&1 {fd}<&-; code=$?; '
    "exec </dev/null >/dev/null; echo $code >&{fd}; read -r _ <&{fd}"
)


class Keyboard(Protocol):
    """Who answers what a command reads."""

    def ask(self, password: bool) -> None:
        """Begins to ask; does not wait."""

    def fileno(self) -> int:
        """Returns what becomes readable with the answer."""

    def answer(self) -> str | None:
        """Returns what was typed, without the line's end; None for the end of input."""

    def withdraw(self) -> None:
        """Takes the question back."""


class Terminal:
    """A command on its terminal.

    Args:
        command: for bash.
        write: takes the text that the command prints; may wait.
        keyboard: answers what it reads; None: it finds the end of its input.
    """

    def __init__(self, command: str, write: Callable[[str], Any], keyboard: Keyboard | None) -> None:
        self._command, self._write, self._keyboard = command, write, keyboard
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._typed = b""
        self._asked: bool | None = None
        self._waits: str | None = None
        self._served: str | None = None
        self._ends = 0
        self.interrupts = 0
        self._kill_at = 0.0
        self._code: int | None = None
        self._over = False

    def run(self) -> int:
        """Runs the command. Returns its exit code; a signal that ended it as a negative number.

        Raises:
            FileNotFoundError: there is no bash.
            OSError: there is no terminal to be had, or no process.
        """
        with self._interruptible():
            self._start()
            try:
                self._attend()
            finally:
                self._end_question()
                self._leave()
        return -signal.SIGKILL if self._code is None else self._code

    # -- life ---------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        bash = shutil.which("bash")
        if bash is None:
            raise FileNotFoundError("There is no bash in this runtime.")
        self._master, slave = pty.openpty()
        try:
            # Lines end as in a file, not with a carriage return before.
            about = termios.tcgetattr(slave)
            about[1] &= ~termios.ONLCR
            termios.tcsetattr(slave, termios.TCSANOW, about)
            columns = os.environ.get("COLUMNS", "")
            size = struct.pack("HHHH", ROWS, int(columns) if columns.isdigit() else COLUMNS, 0, 0)
            fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
            os.set_blocking(self._master, False)
            ours, theirs = socket.socketpair()
            with theirs:
                self._report = ours
                self._leader = subprocess.Popen(
                    [bash, "-c", LEADER.format(fd=theirs.fileno()), os.ttyname(slave), self._command],
                    stdin=slave,
                    stdout=slave,
                    stderr=slave,
                    start_new_session=True,
                    pass_fds=[theirs.fileno()],
                )
            ours.setblocking(False)
        except BaseException:
            os.close(self._master)
            raise
        finally:
            os.close(slave)

    def _attend(self) -> None:
        quiet_since, look = time.monotonic(), LOOK_S
        while not self._over:
            reads: list[Any] = [self._master]
            if self._code is None:
                reads.append(self._report)
            if self._asked is not None and self._keyboard is not None:
                reads.append(self._keyboard)
            ready, writable, _ = select.select(reads, [self._master] if self._typed else [], [], look)
            if self._kill_at and time.monotonic() > self._kill_at:
                self._signal(signal.SIGKILL)
            if self._report in ready:
                self._heard_end()
                quiet_since, look = time.monotonic(), BACKGROUND_S
            if self._master in ready:
                if self._code is None:
                    quiet_since, look = time.monotonic(), LOOK_S
                self._take()
                if self._code is None or time.monotonic() - quiet_since < BACKGROUND_MOST_S:
                    continue
            if self._code is not None:
                # The terminal is held by what goes on behind.
                self._over = self._report not in ready
                continue
            if writable:
                self._type()
            if self._keyboard in ready:
                self._answered()
                look = LOOK_S
            elif not ready and not self._typed:
                look = min(look * 1.5, LOOK_MOST_S)
                self._look(time.monotonic() - quiet_since)

    def _heard_end(self) -> None:
        self._end_question()
        said = b""
        with contextlib.suppress(OSError):
            said = self._report.recv(16)
        # The leader itself was killed where it says nothing.
        code = int(said) if said.strip().isdigit() else 128 + signal.SIGKILL
        self._code = code if code <= 128 else 128 - code

    def _take(self) -> None:
        try:
            data = os.read(self._master, PIECE)
        except BlockingIOError:
            return
        except OSError:
            # Nobody holds the terminal any more; the leader let go of it before it told the end.
            data = b""
        text = self._held + self._decoder.decode(data, final=not data)
        self._held = ""
        if data and text.endswith("\r"):
            text, self._held = text[:-1], "\r"
        if text:
            self._write(text.replace("\r\n", "\n"))
        if not data:
            if self._code is None:
                select.select([self._report], [], [], GRACE_S)
                self._heard_end()
            self._over = True

    def _leave(self) -> None:
        if self._code is None:
            # An error of ours: nobody is left to attend the command.
            self._signal(signal.SIGKILL)
        if self._held:
            self._write(self._held)
        master, report, leader = self._master, self._report, self._leader
        # Mostly nobody holds the terminal any more; else those who do can go on writing.
        end = threading.Thread(target=_drain, args=(master, report, leader), name="terminal", daemon=True)
        end.start()

    # -- input --------------------------------------------------------------------------------------------------------

    def _look(self, quiet_s: float) -> None:
        """Asks where the command waits for its terminal, and no longer where it does not."""
        by_line = bool(termios.tcgetattr(self._master)[3] & termios.ICANON)
        waits = _readers.who_waits(self._master, by_line, quiet_s)
        if waits is None:
            self._end_question()
            return
        if waits == self._served:
            # What was typed is still on its way to it.
            return
        # Now that it reads, the terminal is as the command wants it.
        flags = termios.tcgetattr(self._master)[3]
        password = bool(flags & termios.ICANON) and not flags & termios.ECHO
        self._waits = waits
        if self._asked == password:
            return
        self._end_question()
        if self._keyboard is None:
            self._end_input()
        else:
            self._asked = password
            self._keyboard.ask(password)

    def _answered(self) -> None:
        assert self._keyboard is not None  # noqa: S101 - it was asked
        self._asked = None
        typed = self._keyboard.answer()
        if typed is None:
            self._end_input()
        else:
            self._ends, self._served = 0, self._waits
            self._typed += typed.encode() + b"\n"

    def _end_input(self) -> None:
        self._ends += 1
        self._served = self._waits
        if self._ends > PATIENCE:
            self._signal(signal.SIGHUP)
            self._kill_at = self._kill_at or time.monotonic() + GRACE_S
            return
        self._typed += b"\x04"

    def _type(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._typed = self._typed[os.write(self._master, self._typed[:1024]) :]

    def _end_question(self) -> None:
        if self._asked is not None and self._keyboard is not None:
            self._asked = None
            self._keyboard.withdraw()

    # -- signals ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _interruptible(self) -> Any:
        """An interrupt of the cell goes to the command: the second one more urgently."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _interrupt(self, *_: Any) -> None:
        self.interrupts += 1
        if self.interrupts == 1:
            self._signal(signal.SIGINT)
        elif self.interrupts == 2:
            self._signal(signal.SIGTERM)
            self._kill_at = time.monotonic() + GRACE_S
        else:
            self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        leader = getattr(self, "_leader", None)
        if leader is None:
            return
        with contextlib.suppress(OSError):
            group = _readers.foreground(self._master)
            os.killpg(group or leader.pid, number)


def _drain(master: int, report: Any, leader: subprocess.Popen[bytes]) -> None:
    """Takes what is still written to the terminal, until nobody holds it; then lets the leader end."""
    os.set_blocking(master, True)
    with contextlib.suppress(OSError):
        while os.read(master, PIECE):
            pass
    os.close(master)
    report.close()
    leader.wait()

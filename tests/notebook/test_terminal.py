"""Stream text against a simple terminal that keeps a grid of (character, colours)."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labora.notebook.style import BASE_STYLE, next_style
from labora.notebook.terminal import MAX_LINE, Terminal, fold

PIECES = [
    "a",
    "bc",
    "é😀",
    "\r",
    "\b",
    "\n",
    "\x1b[31m",
    "\x1b[1m",
    "\x1b[0m",
    "\x1b[39m",
    "\x1b[1;38;5;7m",
    "\x1b[K",
    " ",
]
TOKEN = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])|(.)", re.DOTALL)


def screen(text: str) -> list[list[tuple[str, str]]]:
    """Reads ``text`` one character at a time."""
    lines: list[list[tuple[str, str]]] = [[]]
    column, pen = 0, BASE_STYLE
    for match in TOKEN.finditer(text):
        parameters, final, character = match.groups()
        line = lines[-1]
        if final == "m":
            pen = next_style(pen, parameters)
        elif final == "K":
            del line[column:]
        elif character == "\n":
            lines.append([])
            column = 0
        elif character == "\r":
            column = 0
        elif character == "\b":
            column = max(0, column - 1)
        elif character:
            line.extend([(" ", BASE_STYLE)] * (column - len(line)))
            line[column : column + 1] = [(character, pen)]
            column += 1
    return lines


def looks(text: str) -> list[list[tuple[str, str]]]:
    """Returns a grid in which a style counted from a reset and one from the line's start look the same."""
    plain = {"0": "", "39": "", "0;39": ""}

    def look(style: str) -> str:
        codes = [code for code in style.split(";") if code not in ("0", "39")]
        return plain.get(style, ";".join(codes))

    return [[(character, look(style)) for character, style in line] for line in screen(text)]


@given(st.lists(st.sampled_from(PIECES), max_size=30), st.integers(1, 5))
@settings(max_examples=1500, deadline=None)
@example(["a", "\x1b[31m", "bc", "\x1b[0m", "\r", "a"], 1)
@example(["bc", "\x1b[31m", "\r", "\x1b[0m", "a", "\n", "a"], 2)
def test_text_looks_as_on_a_terminal(pieces: list[str], size: int) -> None:
    raw = "".join(pieces)
    terminal = Terminal()
    for at in range(0, len(raw), size):
        terminal.feed(raw[at : at + size])
    shown = terminal.finish()
    assert not {"\r", "\b"} & set(shown)
    assert looks(shown) == looks(raw)


@given(st.lists(st.sampled_from(PIECES), max_size=20), st.lists(st.sampled_from(PIECES), max_size=20))
@settings(max_examples=500, deadline=None)
def test_a_terminal_goes_on_after_a_restart(first: list[str], second: list[str]) -> None:
    one = Terminal()
    one.feed("".join(first))
    done, line = one.take(), one.line
    other = Terminal.restored(line, one.state())
    one.feed("".join(second))
    other.feed("".join(second))
    assert looks(done + other.finish()) == looks(done + one.finish())


@given(st.text(max_size=60).filter(lambda text: not {"\r", "\b"} & set(text)))
def test_text_without_controls_is_verbatim(text: str) -> None:
    assert fold(text) == text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("10%\r20%", "20%"),
        ("abc\rX", "Xbc"),
        ("abc\bX", "abX"),
        ("abc\b\b\b\bX", "Xbc"),
        ("abc\r\ndef\r\n", "abc\ndef\n"),
        ("50%\r", "50%"),
        ("\rlong line\r\x1b[Kab", "ab"),
        ("\x1b[2Kgone\x1b[2K\rab\n", "ab  \n"),
        ("\r\x1b[32m##\x1b[0m  |\r\x1b[32m####\x1b[0m|", "\x1b[32m####\x1b[0m|"),
        ("a\nb\rc\nd", "a\nc\nd"),
    ],
)
def test_usual_cases(raw: str, shown: str) -> None:
    assert fold(raw) == shown


@pytest.mark.parametrize(
    "raw",
    [
        "x" * (3 * MAX_LINE),
        "ab\b" * 300_000,
        "\r" + "x" * 5000 + "\rab" * 100_000,
        "\x1b[1m\x1b[31mx\r" * 50_000,
        "".join(f"\x1b[{n % 110}mx" for n in range(100_000)) + "\rab",
        "\x1b]" + "x" * 300_000 + "\ra",
        "a\r" + "\x1b[" * 100_000,
    ],
    ids=["endless line", "backspaces", "rewrites", "colours", "many colours", "open escape", "broken escapes"],
)
def test_hostile_streams_take_linear_time(raw: str) -> None:
    started = time.process_time()
    terminal = Terminal()
    for at in range(0, len(raw), 50_000):
        terminal.feed(raw[at : at + 50_000])
        assert len(terminal.line) < 4 * MAX_LINE
    terminal.finish()
    assert time.process_time() - started < 30  # quadratic would be minutes

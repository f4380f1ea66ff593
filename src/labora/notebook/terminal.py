"""What a terminal would show of a stream: carriage returns, backspaces and erase-in-line applied, colours kept.

The model is one line with a cursor (ECMA-48: CR, BS, SGR and EL): ``\\r`` moves to its beginning, ``\\b`` one to the
left, characters overwrite what stands there, ``\\n`` ends the line whole. Lines without such characters pass verbatim.
Every code point takes one column.
"""

from __future__ import annotations

import re
from typing import Any

from labora.notebook.style import BASE_STYLE, next_style, transition

MAX_LINE = 256 * 1024
"""Characters after which an endless line is cut: its beginning can no longer be overwritten."""
_ESCAPE = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\r\n]*(?:\x07|\x1b\\)|[0-Z\\^_=>])"
_ESCAPES = re.compile(_ESCAPE)
_TOKEN = re.compile(rf"({_ESCAPE})|([\r\x08\x1b])|([^\x1b\r\x08]+)")
_OPEN_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b\r\n]{0,4096}\x1b?)?\Z")
_CONTROL = re.compile(r"[\r\x08]")
_ERASE = re.compile(r"\x1b\[([0-2]?)K")
_SGR = re.compile(r"\x1b\[([0-9;:]*)m")
_PLAIN_WIDTH = 1024

_Styled = tuple[str, str]


class Terminal:
    """The growing text of one stream.

    Attributes:
        _text: the current line as written, while nothing was overwritten behind escapes.
        _cells: the current line as (style, character) once that happened; it then stands for ``_text``.
        _cursor: column of the cursor; None for the end of the line.
        _pen: style of the next character, kept only next to ``_cells``.
        _base: style in which the current line begins.
    """

    def __init__(self) -> None:
        self._done: list[str] = []
        self._text = ""
        self._cells: list[_Styled] | None = None
        self._cursor: int | None = None
        self._pen = BASE_STYLE
        self._base = BASE_STYLE
        self._carry = ""

    def feed(self, raw: str) -> None:
        """Takes the next characters of the stream."""
        raw, self._carry = self._carry + raw, ""
        if self._cursor is None and self._cells is None and not _CONTROL.search(raw):
            end = raw.rfind("\n") + 1
            if end:
                done = self._text + raw[:end]
                self._done.append(done)
                self._base = _style_after(self._base, done)
                self._text = raw[end:]
            else:
                self._text += raw
        else:
            *whole, rest = raw.split("\n")
            for segment in whole:
                self._segment(segment.rstrip("\r"))
                self._end_line("\n")
            self._segment(rest, hold=True)
        if len(self._text) > MAX_LINE or (self._cells is not None and len(self._cells) > MAX_LINE):
            self._end_line("")

    @property
    def line(self) -> str:
        """The current line, which may still change."""
        if self._cells is None:
            return self._text
        return _render(self._cells, self._base, self._pen)

    def take(self) -> str:
        """Returns the lines that were finished since the last call."""
        done, self._done = "".join(self._done), []
        return done

    def finish(self) -> str:
        """Returns everything that is left: finished lines, the current line and an unfinished escape."""
        self._end_line(self._carry)
        self._carry = ""
        return self.take()

    def state(self) -> dict[str, Any]:
        """Returns what the text itself does not tell, as JSON."""
        return {
            "line": len(self.line),
            "base": self._base,
            "cells": self._cells is not None,
            "cursor": self._cursor,
            "pen": self._pen,
            "carry": self._carry,
        }

    @classmethod
    def restored(cls, line: str, state: dict[str, Any]) -> Terminal:
        """Returns the terminal that showed ``line`` as its current line and told ``state``."""
        self = cls()
        self._text, self._cursor, self._carry, self._base = line, state["cursor"], state["carry"], state["base"]
        if state["cells"]:
            self._to_cells()
            self._pen = state["pen"]
        return self

    def _end_line(self, end: str) -> None:
        self._done.append(self.line + end)
        self._base = _style_after(self._base, self._text) if self._cells is None else self._pen
        self._text, self._cells, self._cursor = "", None, None

    def _segment(self, segment: str, *, hold: bool = False) -> None:
        """Takes characters of one line; ``hold`` keeps an escape that is not finished for the next call."""
        if not segment:
            return
        if self._cells is None and self._cursor is None:
            first = _CONTROL.search(segment)
            if first is None:
                self._text += segment
                return
            self._text += segment[: first.start()]
            segment = segment[first.start() :]
        if hold and (unfinished := _OPEN_ESCAPE.search(segment)):
            self._carry = segment[unfinished.start() :]
            segment = segment[: unfinished.start()]
        if self._cells is None and "\x08" not in segment and "\x1b" in self._text + segment:
            segment = self._rewrite(segment)
        for token in _TOKEN.finditer(segment):
            escape, control, plain = token.groups()
            if plain:
                self._write(plain)
            elif control == "\r":
                self._cursor = 0
            elif control == "\x08":
                self._back()
            else:
                self._escape(escape or control)

    def _rewrite(self, segment: str) -> str:
        """Takes a whole coloured line over another one without looking at its characters: progress bars.

        Returns what is left to be written the long way.
        """
        frames = segment.rstrip("\r").split("\r")
        if self._cursor not in (0, None) or len(frames) + (self._cursor == 0) < 2:
            return segment
        last = frames.pop()
        covered = [self._text, *frames]
        if _ERASE.search(self._text + segment) or not all(_is_closed(frame, self._base) for frame in covered):
            return segment
        visible = _ESCAPES.sub("", last)
        if "\x1b" in visible or len(visible) < max(len(_ESCAPES.sub("", frame)) for frame in covered):
            return segment
        self._text, self._cursor = last, 0 if segment.endswith("\r") else None
        return ""

    def _write(self, plain: str) -> None:
        if self._cells is None and self._cursor is None:
            self._text += plain
            return
        if self._cells is None and "\x1b" not in self._text and len(self._text) <= _PLAIN_WIDTH:
            at = self._cursor or 0
            self._text = self._text[:at] + plain + self._text[at + len(plain) :]
            self._cursor = at + len(plain)
            if self._cursor >= len(self._text):
                self._cursor = None
            return
        cells = self._to_cells()
        at = len(cells) if self._cursor is None else self._cursor
        cells.extend([(BASE_STYLE, " ")] * (at - len(cells)))
        cells[at : at + len(plain)] = [(self._pen, character) for character in plain]
        self._cursor = at + len(plain)

    def _back(self) -> None:
        if self._cells is None and "\x1b" in self._text:
            self._to_cells()
        if self._cursor is None:
            self._cursor = len(self._text if self._cells is None else self._cells)
        self._cursor = max(0, self._cursor - 1)

    def _escape(self, escape: str) -> None:
        if self._cells is None and self._cursor is None:
            self._text += escape
            return
        cells = self._to_cells()
        at = len(cells) if self._cursor is None else self._cursor
        if erase := _ERASE.fullmatch(escape):
            if erase[1] in ("", "0"):
                del cells[at:]
            elif erase[1] == "2":
                self._cursor = at
                cells.clear()
            else:
                cells[: at + 1] = [(BASE_STYLE, " ")] * min(at + 1, len(cells))
        elif escape.startswith("\x1b[") and escape.endswith("m"):
            self._pen = next_style(self._pen, escape[2:-1])

    def _to_cells(self) -> list[_Styled]:
        if self._cells is not None:
            return self._cells
        self._cells = []
        pen = self._base
        for escape, _, plain in _TOKEN.findall(self._text):
            if plain:
                self._cells.extend((pen, character) for character in plain)
            elif escape.startswith("\x1b[") and escape.endswith("m"):
                pen = next_style(pen, escape[2:-1])
            elif (erase := _ERASE.fullmatch(escape)) and erase[1] in ("1", "2"):
                self._cells[:] = [(BASE_STYLE, " ")] * len(self._cells)
        self._pen = pen
        return self._cells


def _is_closed(text: str, base: str) -> bool:
    """Tells whether ``text``, begun in style ``base``, ends in it too."""
    found = [escape for escape in _ESCAPES.findall(text) if escape.endswith("m")]
    return not found or (base in (BASE_STYLE, "0") and found[-1] in ("\x1b[0m", "\x1b[m"))


def _style_after(style: str, text: str) -> str:
    if "\x1b" in text:
        for parameters in _SGR.findall(text):
            style = next_style(style, parameters)
    return style


def _render(cells: list[_Styled], style: str, pen: str) -> str:
    pieces: list[str] = []
    for cell_style, character in cells:
        if cell_style != style:
            pieces.append(transition(style, cell_style))
            style = cell_style
        pieces.append(character)
    if style != pen:
        pieces.append(transition(style, pen))
    return "".join(pieces)


def fold(text: str) -> str:
    """Returns ``text`` as a terminal would show it in the end."""
    if not _CONTROL.search(text):
        return text
    terminal = Terminal()
    terminal.feed(text)
    return terminal.finish()


def plain(text: str) -> str:
    """Returns what :func:`fold` returns, without colours and other escapes."""
    return _ESCAPES.sub("", fold(text)) if _CONTROL.search(text) or "\x1b" in text else text

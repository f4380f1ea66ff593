"""Terminal text with colours (SGR sequences) as HTML."""

from __future__ import annotations

import re
from html import escape

_SEQUENCE = re.compile(r"\x1b\[([0-9;:]*)([A-Za-z])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-Z\\^_]")
_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")


def strip_ansi(text: str) -> str:
    """Returns ``text`` without its escape sequences."""
    return _SEQUENCE.sub("", text)


def ansi_to_html(text: str) -> str:
    """Returns ``text`` as HTML, with a ``span`` for each run of colour or weight."""
    written: list[str] = []
    style: dict[str, str] = {}
    start = 0
    for match in _SEQUENCE.finditer(text):
        _write(written, text[start : match.start()], style)
        start = match.end()
        if match[2] == "m":
            _apply(style, match[1])
    _write(written, text[start:], style)
    return "".join(written)


def _write(written: list[str], text: str, style: dict[str, str]) -> None:
    if not text:
        return
    plain = escape(text, quote=False)
    written.append(f'<span style="{";".join(style.values())}">{plain}</span>' if style else plain)


def _apply(style: dict[str, str], codes: str) -> None:
    numbers = [int(code) for code in re.split("[;:]", codes) if code.isdigit() and len(code) <= 4] or [0]
    while numbers:
        code = numbers.pop(0)
        if code == 0:
            style.clear()
        elif code == 1:
            style["weight"] = "font-weight:bold"
        elif code in (3, 4):
            style[str(code)] = "font-style:italic" if code == 3 else "text-decoration:underline"
        elif code == 22:
            style.pop("weight", None)
        elif code in (23, 24):
            style.pop(str(code - 20), None)
        elif code in (38, 48):
            _paint(style, "color" if code == 38 else "background-color", _extended(numbers))
        elif code in (39, 49):
            style.pop("color" if code == 39 else "background-color", None)
        elif 30 <= code <= 37 or 90 <= code <= 97:
            _paint(style, "color", f"var(--ansi-{_NAMES[code % 10]})")
        elif 40 <= code <= 47 or 100 <= code <= 107:
            _paint(style, "background-color", f"var(--ansi-{_NAMES[code % 10]})")


def _paint(style: dict[str, str], name: str, color: str | None) -> None:
    if color is not None:
        style[name] = f"{name}:{color}"


def _extended(numbers: list[int]) -> str | None:
    """Takes the rest of a 38 or 48: ``5;n`` or ``2;r;g;b``."""
    kind = numbers.pop(0) if numbers else 0
    if kind == 5 and numbers:
        return _palette(numbers.pop(0))
    if kind == 2 and len(numbers) >= 3:
        red, green, blue = (min(numbers.pop(0), 255) for _ in range(3))
        return f"rgb({red},{green},{blue})"
    return None


def _palette(index: int) -> str | None:
    if index < 16:
        return f"var(--ansi-{_NAMES[index % 8]})"
    if index < 232:
        index -= 16
        red, green, blue = (0 if part == 0 else 55 + 40 * part for part in (index // 36, index // 6 % 6, index % 6))
        return f"rgb({red},{green},{blue})"
    if index < 256:
        grey = 8 + 10 * (index - 232)
        return f"rgb({grey},{grey},{grey})"
    return None

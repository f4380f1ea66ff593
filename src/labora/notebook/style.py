"""Select Graphic Rendition (ECMA-48 8.3.117): the colours in effect at a character, in bounded size.

A style is the codes in effect, joined by ``;``, one per attribute. The empty style means "whatever was before this
line"; a style that begins with ``0`` is counted from a reset.
"""

from __future__ import annotations

from functools import lru_cache

BASE_STYLE = ""
_RESET_OF = {22: "weight", 23: "italic", 24: "underline", 25: "blink", 27: "inverse", 28: "hidden", 29: "strike"}
_SET = {
    1: "weight",
    2: "weight",
    3: "italic",
    4: "underline",
    5: "blink",
    6: "blink",
    7: "inverse",
    8: "hidden",
    9: "strike",
}
_MAX_PARAMETERS = 32


def _attribute(code: int) -> str | None:
    if code in _SET:
        return _SET[code]
    if code in _RESET_OF:
        return _RESET_OF[code]
    if 30 <= code <= 39 or 90 <= code <= 97:
        return "foreground"
    if 40 <= code <= 49 or 100 <= code <= 107:
        return "background"
    return None


@lru_cache(4096)
def _parse(style: str) -> tuple[bool, tuple[tuple[str, str], ...]]:
    """Returns whether the style is counted from a reset, and code by attribute."""
    is_reset, attributes = _follow(False, {}, style) if style else (False, {})
    return is_reset, tuple(sorted(attributes.items()))


def _follow(is_reset: bool, attributes: dict[str, str], parameters: str) -> tuple[bool, dict[str, str]]:
    codes = parameters.replace(":", ";").split(";")[:_MAX_PARAMETERS]
    numbers = [int(code) if code.isascii() and code.isdigit() and len(code) < 5 else 0 for code in codes]
    at = 0
    while at < len(numbers):
        code, spelled = numbers[at], str(numbers[at])
        if code in (38, 48):
            width = {5: 3, 2: 5}.get(numbers[at + 1] if at + 1 < len(numbers) else 0, 2)
            spelled = ";".join(map(str, numbers[at : at + width]))
            at += width - 1
        at += 1
        if code == 0:
            is_reset, attributes = True, {}
        elif (attribute := _attribute(code)) is not None:
            if is_reset and (code in _RESET_OF or code in (39, 49)):
                attributes.pop(attribute, None)
            else:
                attributes[attribute] = spelled
    return is_reset, attributes


def _spelled(is_reset: bool, attributes: dict[str, str]) -> str:
    codes = [attributes[key] for key in sorted(attributes)]
    return ";".join(["0", *codes] if is_reset else codes)


@lru_cache(4096)
def next_style(style: str, parameters: str) -> str:
    """Returns the style in effect after an SGR sequence with ``parameters``."""
    is_reset, attributes = _parse(style)
    return _spelled(*_follow(is_reset, dict(attributes), parameters))


@lru_cache(4096)
def transition(old: str, new: str) -> str:
    """Returns the escape sequence that leads from style ``old`` to ``new``."""
    old_reset, old_attributes = _parse(old)
    new_reset, new_attributes = _parse(new)
    if old_reset == new_reset and set(dict(old_attributes)) <= set(dict(new_attributes)):
        added = dict(item for item in new_attributes if item not in old_attributes)
        return f"\x1b[{_spelled(False, added)}m"
    return f"\x1b[{_spelled(True, dict(new_attributes))}m"

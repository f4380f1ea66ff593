"""Fractional string keys that order cells (docs/protocols.md, section 2).

A position reads as the digits of a fraction in base 62. Between any two there is always another; a random suffix keeps
two authors who insert at the same place at the same time from choosing the same key.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BASE = len(DIGITS)
POSITION = re.compile(r"[0-9A-Za-z]*[1-9A-Za-z]")
MAX_LENGTH = 1024
_VALUES = {digit: value for value, digit in enumerate(DIGITS)}
_STEP_WIDTH = 4


def random_suffix() -> str:
    """Returns three random digits of which the last is not zero."""
    return "".join(map(secrets.choice, (DIGITS, DIGITS, DIGITS[1:])))


def _number(position: str, width: int) -> int:
    number = 0
    for digit in position[:width].ljust(width, "0"):
        number = number * BASE + _VALUES[digit]
    return number


def _digits(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, value = divmod(number, BASE)
        digits.append(DIGITS[value])
    return "".join(reversed(digits))


def position_between(before: str | None, after: str | None, *, suffix: Callable[[], str] = random_suffix) -> str:
    """Returns a position above ``before`` and below ``after``; None stands for the beginning or the end.

    Raises:
        ValueError: ``before`` is not below ``after``.
    """
    low, high = before or "", after
    if high is not None and low >= high:
        raise ValueError(f"No position lies between {before!r} and {after!r}.")
    if high is None:
        return _step_above(low) + suffix()
    if not low and (first := _number(high, _STEP_WIDTH)) > 0:
        return _digits(first - 1, _STEP_WIDTH) + suffix()
    width = 1
    while _number(high, width) - _number(low, width) < 2:
        width += 1
    return _digits((_number(low, width) + _number(high, width)) // 2, width) + suffix()


def _step_above(low: str) -> str:
    """Returns a short key above ``low`` that leaves room for many more above it."""
    width = _STEP_WIDTH
    if not low:
        return _digits(BASE**width // 2, width)
    while _number(low, width) + 1 >= BASE**width:
        width += _STEP_WIDTH
    return _digits(_number(low, width) + 1, width)


def spread(count: int, *, suffix: Callable[[], str] = random_suffix) -> list[str]:
    """Returns ``count`` positions in order, evenly spread."""
    width = _STEP_WIDTH
    while BASE**width <= 2 * count:
        width += 1
    step = BASE**width // (count + 1)
    # In the middle and close together: room is wanted at the end, where most cells are added.
    step = min(step, BASE ** (width - 2))
    start = (BASE**width - step * count) // 2
    return [_digits(start + step * number, width) + suffix() for number in range(count)]

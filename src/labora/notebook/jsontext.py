"""JSON as it comes from files: bounded, repaired where that is safe, compared with its types."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

from labora.base.errors import InvalidError, TooLargeError

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_NOT_STRUCTURE = bytes(set(range(256)) - set(b"[]{}"))
_CONFLICT = re.compile(rb"^(?:<<<<<<<|>>>>>>>)(?: |\r?$)", re.MULTILINE)
_LONE = re.compile("[\ud800-\udfff]")
_BYTES_PER_CONTAINER = 25


@dataclass(slots=True)
class Parsed:
    """A JSON value and what had to be repaired to get it, as sentences for a person."""

    value: Any
    repairs: list[str] = field(default_factory=list)


def typed_equal(one: Any, other: Any) -> bool:
    """Tells whether two JSON values are the same with their types: 1, 1.0 and true differ; key order does not count."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(typed_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(typed_equal, one, other))
    if isinstance(one, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return bool(one == other)


def dump_compact(value: Any) -> str:
    """Returns the shortest JSON text of ``value``, in key order as given. Raises ValueError for NaN."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def load_bounded(text: str, *, max_depth: int) -> Any:
    """Parses one JSON value from an untrusted ``text`` of bounded length; half surrogate pairs become U+FFFD.

    Raises:
        InvalidError: it is not JSON, or holds NaN or an infinite number.
        TooLargeError: it is nested deeper than ``max_depth``.
    """
    try:
        check_depth(text.encode(), max_depth=max_depth, max_containers=len(text) + 1)
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise InvalidError("A value is not valid JSON text.", code="bad_json") from error
    return mend(value)[0] if "\\ud" in text.lower() else value


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return number


def check_depth(data: bytes, *, max_depth: int, max_containers: int) -> None:
    """Measures nesting without building anything, in linear time.

    Raises:
        TooLargeError: deeper than ``max_depth`` (code ``too_deep``) or more than ``max_containers`` lists and objects
            (``too_many_values``); a parser would recurse or spend many times the file's size in memory.
    """
    if data.count(b"[") + data.count(b"{") <= max_depth:
        return
    brackets = _STRING.sub(b"", data).translate(None, _NOT_STRUCTURE)
    containers = brackets.count(b"[") + brackets.count(b"{")
    if containers > max_containers:
        raise TooLargeError(
            f"The file holds {containers} lists and objects; at most {max_containers} are read.",
            code="too_many_values",
            details={"limit": max_containers, "actual": containers},
        )
    depth = 0
    for byte in brackets:
        depth += 1 if byte in b"[{" else -1
        if depth > max_depth:
            raise TooLargeError(
                f"The JSON is nested deeper than {max_depth} levels.", code="too_deep", details={"limit": max_depth}
            )


def load_file(data: bytes, *, max_bytes: int, max_depth: int) -> Parsed:
    """Parses the JSON file ``data``.

    Repaired, and told in ``repairs``: a byte order mark, UTF-16 and UTF-32, NaN and infinite numbers (null), half
    surrogate pairs (U+FFFD), a key that comes twice in one object (the last one counts, as everywhere).

    Raises:
        InvalidError: codes ``empty_file``, ``not_utf8``, ``conflict_markers``, ``truncated``, ``not_json``.
        TooLargeError: codes ``file_too_large``, ``too_deep``, ``too_many_values``.
    """
    if len(data) > max_bytes:
        raise TooLargeError(
            f"The file is {len(data)} bytes long; notebooks of up to {max_bytes} bytes are opened.",
            code="file_too_large",
            details={"limit": max_bytes, "actual": len(data)},
        )
    repairs: list[str] = []
    data = _as_utf8(data, repairs)
    if not data.strip():
        raise InvalidError(
            "The file is empty. Delete it and create a new notebook, or restore an older revision.", code="empty_file"
        )
    check_depth(data, max_depth=max_depth, max_containers=max(len(data), max_bytes) // _BYTES_PER_CONTAINER)
    value = _parse(data, repairs)
    if b"\\ud" in data or b"\\uD" in data:
        value, mended = mend(value)
        if mended:
            repairs.append("Half surrogate pairs were replaced by U+FFFD.")
    return Parsed(value, repairs)


def _as_utf8(data: bytes, repairs: list[str]) -> bytes:
    encoding = json.detect_encoding(data)
    try:
        if encoding == "utf-8-sig":
            data = data[3:]
        elif encoding != "utf-8":
            repairs.append(f"The file was encoded as {encoding.upper()}; it will be saved as UTF-8.")
            return data.decode(encoding).encode()
        data.decode()
    except UnicodeError as error:
        raise InvalidError(
            "The file is not UTF-8 text. Save it as UTF-8 and upload it again.", code="not_utf8"
        ) from error
    return data


def _parse(data: bytes, repairs: list[str]) -> Any:
    seen: set[str] = set()

    def constant(name: str) -> None:
        seen.add(f"{name} is not JSON and was replaced by null.")

    def number(text: str) -> float | None:
        value = float(text)
        if math.isinf(value):
            seen.add("Numbers beyond the range of a double were replaced by null.")
            return None
        return value

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            seen.add("A key came twice in one object; the last one was kept.")
        return found

    try:
        value = json.loads(data, parse_constant=constant, parse_float=number, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        raise _explain(data, error) from error
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"The file is not readable JSON: {error}.", code="not_json") from error
    repairs.extend(sorted(seen))
    return value


def _explain(data: bytes, error: json.JSONDecodeError) -> InvalidError:
    where = {"line": error.lineno, "column": error.colno}
    if _CONFLICT.search(data):
        return InvalidError(
            "The file holds unresolved merge conflicts (<<<<<<< and >>>>>>> lines). Resolve them and upload it again.",
            code="conflict_markers",
            details=where,
        )
    if error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string"):
        return InvalidError(
            "The file ends in the middle of its JSON; it was cut off while being saved or copied. "
            "Restore an older revision or upload it again.",
            code="truncated",
            details=where,
        )
    return InvalidError(
        f"The file is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.",
        code="not_json",
        details=where,
    )


def mend(value: Any, *, max_depth: int = 1_000_000) -> tuple[Any, bool]:
    """Returns ``value`` as JSON that everybody can read, and whether anything was changed.

    Half surrogate pairs become U+FFFD, numbers that are not finite and what is nested deeper than ``max_depth`` null.
    """
    if isinstance(value, str):
        mended = without_lone_surrogates(value)
        return mended, mended != value
    if isinstance(value, float) and not math.isfinite(value):
        return None, True
    if not isinstance(value, (list, dict)):
        return value, False
    if not max_depth:
        return None, True
    if isinstance(value, list):
        results = [mend(item, max_depth=max_depth - 1) for item in value]
        return [item for item, _ in results], any(changed for _, changed in results)
    pairs = {without_lone_surrogates(key): mend(item, max_depth=max_depth - 1) for key, item in value.items()}
    changed = pairs.keys() != value.keys() or any(flag for _, flag in pairs.values())
    return {key: item for key, (item, _) in pairs.items()}, changed


def without_lone_surrogates(text: str) -> str:
    """Returns ``text`` with every half of a surrogate pair replaced by U+FFFD, so that it can be encoded."""
    return text if text.isascii() else _LONE.sub("\ufffd", text)

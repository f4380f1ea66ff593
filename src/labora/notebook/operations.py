"""Operations on the list of a cell's outputs (docs/protocols.md, section 1, "OutputOp")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from labora.base.errors import InvalidError
from labora.notebook.model import FORM, Output

OutputOp = dict[str, Any]


def utf16_length(text: str) -> int:
    """Returns how many UTF-16 code units ``text`` has."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf16_index(text: str, units: int) -> int:
    """Returns the code point index after ``units`` UTF-16 code units."""
    if text.isascii():
        return min(units, len(text))
    return len(text.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "ignore"))


def apply_output_ops(outputs: Sequence[Output], ops: Iterable[OutputOp]) -> list[Output]:
    """Returns ``outputs`` after ``ops``; neither the list nor an output in it is changed.

    Raises:
        InvalidError: code ``bad_output_op``; an index lies outside or the operation is unknown.
    """
    result = list(outputs)
    for op in ops:
        kind, at = op["op"], op["at"]
        if kind == "splice":
            if not 0 <= at <= at + op["remove"] <= len(result):
                raise InvalidError("An output operation lies outside of the outputs.", code="bad_output_op")
            result[at : at + op["remove"]] = op["insert"]
        elif 0 <= at < len(result) and kind in ("text", "spill"):
            result[at] = _changed_stream(result[at], op)
        else:
            raise InvalidError("An output operation is unknown or lies outside.", code="bad_output_op")
    return result


def _changed_stream(output: Output, op: Mapping[str, Any]) -> Output:
    if output.get("output_type") != "stream":
        raise InvalidError("A text operation meets an output that is no stream.", code="bad_output_op")
    text = output["text"]
    # The noted spelling was that of the text before.
    changed = {key: value for key, value in output.items() if key != FORM}
    if op["op"] == "text":
        changed["text"] = text[: utf16_index(text, op["keep"])] + op["text"]
    else:
        changed["parts"] = [*output.get("parts", ()), op["part"]]
        changed["text"] = text[utf16_index(text, op["drop"]) :]
    return changed

"""Outputs between nbformat's spelling and the protocol's (docs/protocols.md, section 1 "Output"), both ways.

Whatever cannot be understood is kept whole under ``$raw`` and shown as unknown, so that it is written back as it came.
A value that looks like a reference is itself put into a blob: no file and no kernel can name somebody else's bytes.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable
from typing import Any

from labora.notebook.jsontext import dump_compact
from labora.notebook.model import FORM, BlobRef, Output, Resolve, Store, part_ref
from labora.notebook.terminal import fold
from labora.notebook.textform import Lines, Spelling, join_text, lines_of, spell, spelling_of

PART_CHARACTERS = 64 * 1024
"""Length at which the whole lines of a stream become a part."""
LONG_TEXT = 256 * 1024
"""Length from which a stream is written line by line, without a list of its lines."""
_BESIDE_LIMIT = 64 * 1024
_ERROR_LIMIT = 256 * 1024
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}")
_SPLIT_TYPES = {"application/javascript", "image/svg+xml"}
_KEPT_LARGE = 1024 * 1024


def is_json_type(media_type: str) -> bool:
    """Tells whether nbformat keeps values of this type as JSON."""
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def is_binary_type(media_type: str) -> bool:
    """Tells whether Jupyter sends values of this type in base64."""
    if media_type.startswith(("image/", "audio/", "video/", "font/", "model/")):
        return not media_type.endswith(("+xml", "+json"))
    return media_type in {"application/pdf", "application/octet-stream", "application/zip"}


def import_output(raw: Any, *, output_id: str, store: Store | None, inline_bytes: int) -> Output:
    """Returns the protocol's form of an output of an ``.ipynb`` file.

    Args:
        raw: the value in the cell's ``outputs``.
        output_id: identifier of the output in the room.
        store: takes values above ``inline_bytes``; None keeps everything inline.
        inline_bytes: largest value that stays in the output.
    """
    reader = _Importer(output_id, store, inline_bytes)
    output = reader.read(raw)
    if store is not None and rough_size(raw) > _KEPT_LARGE:
        # What the file already held is written back whatever the export limit says.
        output[FORM] = {**output.get(FORM, {}), "keep": True}
    return output


class _Importer:
    def __init__(self, output_id: str, store: Store | None, inline_bytes: int) -> None:
        self._id, self._store, self._inline = output_id, store, inline_bytes

    def read(self, raw: Any) -> Output:
        if not isinstance(raw, dict) or not self._light(raw):
            return self._opaque(raw)
        if "parts" in raw or any(key.startswith("$") for key in raw):
            # These keys are ours: taken from a file they would be references that nobody checked.
            return self._opaque(raw)
        kind = raw.get("output_type")
        if kind == "stream":
            output = self._stream(raw)
        elif kind in ("display_data", "execute_result"):
            output = self._display(raw)
        elif kind == "error":
            output = self._error(raw)
        else:
            return self._opaque(raw)
        if output is None:
            return self._opaque(raw)
        if "id" in raw:
            output.setdefault(FORM, {})["id"] = raw["id"]
        output["id"] = self._id
        return output

    def _light(self, raw: dict[str, Any]) -> bool:
        """Tells whether what lies beside the values is small: only values go by reference."""
        beside = {key: value for key, value in raw.items() if key not in ("data", "text", "traceback", "evalue")}
        return rough_size(beside) <= _BESIDE_LIMIT

    def _opaque(self, raw: Any) -> Output:
        kind = raw.get("output_type") if isinstance(raw, dict) else None
        known = kind in ("stream", "display_data", "execute_result", "error", "labora_notice")
        shown = kind if isinstance(kind, str) and not known and len(kind) < 100 else "unknown"
        return {"id": self._id, "output_type": shown, "$raw": self._kept(raw)}

    def _kept(self, value: Any) -> dict[str, Any]:
        if self._store is not None and rough_size(value) > self._inline:
            return {"$blob": self._store(dump_compact(value).encode(), "application/json")}
        return {"value": value}

    def _stream(self, raw: dict[str, Any]) -> Output | None:
        text, name = join_text(raw.get("text", "")), raw.get("name", "stdout")
        if text is None or not isinstance(name, str):
            return None
        form: dict[str, Any] = {}
        missing = [key for key in ("name", "text") if key not in raw]
        if missing:
            form["missing"] = missing
        folded = fold(text)
        if folded != text:
            form["raw"] = self._kept(raw["text"])
        elif "text" in raw and (spelling := spelling_of(raw["text"], text)) != "lines":
            form["text"] = spelling
        pieces, rest = ([], folded) if self._store is None else cut_parts(folded)
        parts = [stream_part(piece, self._store) for piece in pieces if self._store is not None]
        output = {**raw, "name": name, "parts": parts, "text": rest}
        if form:
            output[FORM] = form
        return output

    def _display(self, raw: dict[str, Any]) -> Output | None:
        data = raw.get("data", {})
        if not isinstance(data, dict) or not isinstance(raw.get("metadata", {}), dict):
            return None
        values: dict[str, Any] = {}
        forms: dict[str, Any] = {}
        for media_type, value in data.items():
            if self._store is None and isinstance(value, dict) and "$blob" in value:
                return None
            values[media_type], form = import_value(media_type, value, self._store, self._inline)
            if form:
                forms[media_type] = form
        output = {**raw, "data": values}
        form = {key: value for key, value in (("data", forms), ("missing", _missing(raw, "data", "metadata"))) if value}
        output.setdefault("metadata", {})
        if form:
            output[FORM] = form
        return output

    def _error(self, raw: dict[str, Any]) -> Output | None:
        trace = raw.get("traceback", [])
        texts = [raw.get("ename", ""), raw.get("evalue", ""), *(trace if isinstance(trace, list) else [None])]
        if not all(isinstance(text, str) for text in texts):
            return None
        output = {"ename": "", "evalue": "", "traceback": [], **raw}
        form: dict[str, Any] = {}
        if missing := _missing(raw, "ename", "evalue", "traceback"):
            form["missing"] = missing
        if self._store is not None and sum(map(len, texts)) > _ERROR_LIMIT:
            output |= short_error(output)
            output["$raw"] = self._kept(raw)
        if form:
            output[FORM] = form
        return output


def _missing(raw: dict[str, Any], *keys: str) -> list[str]:
    return [key for key in keys if key not in raw]


def rough_size(value: Any) -> int:
    """Returns about how many bytes ``value`` takes as JSON."""
    total, stack = 0, [value]
    while stack:
        item = stack.pop()
        total += 8
        if isinstance(item, str):
            total += len(item)
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            total += sum(map(len, item))
            stack.extend(item.values())
    return total


def cut_parts(text: str) -> tuple[list[str], str]:
    """Cuts what is beyond two parts' length off the beginning of ``text``: whole lines, about 64 KiB each.

    Returns the pieces and the rest, which is longer than one part.
    """
    pieces, start = [], 0
    while len(text) - start > 2 * PART_CHARACTERS:
        end = text.rfind("\n", start, start + PART_CHARACTERS) + 1 or start + PART_CHARACTERS
        pieces.append(text[start:end])
        start = end
    return pieces, text[start:]


def stream_part(text: str, store: Store) -> dict[str, Any]:
    """Stores one part of a stream and returns its entry."""
    ref = store(text.encode(), "text/plain")
    return {"sha256": ref["sha256"], "size": ref["size"], "lines": text.count("\n")}


def short_error(error: dict[str, Any]) -> dict[str, Any]:
    """Returns an error's texts cut to what a page can show."""

    def short(text: str, room: int) -> str:
        left_out = len(text) - room
        return text if left_out <= 0 else f"{text[: room // 2]}\n… {left_out} characters …\n{text[-room // 2 :]}"

    trace = error["traceback"]
    if len(trace) > 100:
        trace = [*trace[:50], f"… {len(trace) - 100} entries …", *trace[-50:]]
    return {
        "ename": short(error["ename"], 1000),
        "evalue": short(error["evalue"], 8192),
        "traceback": [short(entry, 2000) for entry in trace],
    }


def import_value(
    media_type: str, value: Any, store: Store | None, inline_bytes: int, *, from_file: bool = True
) -> tuple[Any, dict[str, Any] | None]:
    """Returns the protocol's form of one value of a MIME bundle and what is needed to spell it as it came.

    A kernel sends every text as one string, which says nothing about how files spell it: ``from_file`` is then False.
    """
    text = None if is_json_type(media_type) else join_text(value)
    if text is None:
        kept_json = None if is_json_type(media_type) else {"json": True}
        if store is not None and (_is_marked(value) or rough_size(value) > inline_bytes):
            return {"$blob": store(dump_compact(value).encode(), _served_type(media_type))}, kept_json
        return value, kept_json
    form: dict[str, Any] = {}
    spelling = spelling_of(value, text)
    if from_file and spelling != _usual(media_type, text):
        form["as"] = spelling
    if store is None or len(text) <= inline_bytes // 4 or len(data := text.encode()) <= inline_bytes:
        return text, form or None
    if is_binary_type(media_type):
        decoded = _decode(text)
        if decoded is None:
            return {"$blob": store(data, "text/plain")}, {**form, "undecoded": True}
        data, wrap = decoded
        if wrap != [0, ""]:
            form["wrap"] = wrap
    return {"$blob": store(data, _served_type(media_type))}, form or None


def _is_marked(value: Any) -> bool:
    return isinstance(value, dict) and "$blob" in value


def _usual(media_type: str, text: str) -> Spelling:
    """Returns how nbformat itself writes a text of this type."""
    if not (media_type.startswith("text/") or media_type in _SPLIT_TYPES):
        return "str"
    return "lines" if lines_of(text) == text.splitlines(keepends=True) else "splitlines"


def _served_type(media_type: str) -> str:
    return media_type if _MEDIA_TYPE.fullmatch(media_type) else "application/octet-stream"


def _decode(text: str) -> tuple[bytes, list[Any]] | None:
    """Decodes base64; returns the bytes with [line width or 0, end], or None when it would not come back the same."""
    first, newline, _ = text.partition("\n")
    end = "\n" if text.endswith("\n") else ""
    width = len(first) if newline and len(first) < len(text) - 1 else 0
    try:
        data = base64.b64decode(text.replace("\n", ""), validate=True)
    except (ValueError, binascii.Error):
        return None
    wrap: list[Any] = [width, end]
    return (data, wrap) if _encode(data, wrap) == text else None


def _encode(data: bytes, wrap: list[Any]) -> str:
    text = base64.b64encode(data).decode()
    width, end = wrap
    if width:
        text = "\n".join(text[start : start + width] for start in range(0, len(text), width))
    return text + str(end)


def export_output(output: Output, resolve: Resolve) -> Any:
    """Returns nbformat's form of ``output``. Whatever ``resolve`` raises passes through."""
    form = output.get(FORM, {})
    if "$raw" in output:
        return _unkept(output["$raw"], resolve)
    raw = {key: value for key, value in output.items() if key not in ("id", "parts") and not key.startswith("$")}
    if output["output_type"] == "stream":
        raw["text"] = _export_stream(output, form, resolve)
    elif "data" in raw:
        forms = form.get("data", {})
        raw["data"] = {
            media_type: export_value(media_type, value, forms.get(media_type) or {}, resolve)
            for media_type, value in raw["data"].items()
        }
    for key in form.get("missing", ()):
        if not raw.get(key) or (key, raw[key]) == ("name", "stdout"):
            raw.pop(key, None)
    if "id" in form:
        raw["id"] = form["id"]
    return raw


def _unkept(kept: dict[str, Any], resolve: Resolve) -> Any:
    return json.loads(resolve(kept["$blob"])) if "$blob" in kept else kept["value"]


def _export_stream(output: Output, form: dict[str, Any], resolve: Resolve) -> Any:
    if "raw" in form:
        return _unkept(form["raw"], resolve)
    parts = [resolve(part_ref(part)).decode() for part in output.get("parts") or ()]
    text = "".join([*parts, output["text"]])
    if len(text) > LONG_TEXT and form.get("text") is None:
        return Lines(text)
    return spell(text, form.get("text"))


def export_value(media_type: str, value: Any, form: dict[str, Any], resolve: Resolve) -> Any:
    """Returns one value of a MIME bundle as nbformat writes it."""
    is_json = is_json_type(media_type) or form.get("json")
    if _is_marked(value):
        ref: BlobRef = value["$blob"]
        data = resolve(ref)
        if is_json:
            return json.loads(data)
        binary = is_binary_type(media_type) and not form.get("undecoded")
        value = _encode(data, form.get("wrap", [0, ""])) if binary else data.decode()
    if is_json or not isinstance(value, str):
        return value
    return spell(value, form.get("as", _usual(media_type, value)))


def output_size(output: Output) -> int:
    """Returns how many bytes ``output`` keeps, here and by reference, plus a share for itself."""
    total = rough_size({key: value for key, value in output.items() if key not in ("parts", FORM)})
    total += sum(part["size"] for part in output.get("parts") or ())
    data = output.get("data")
    for value in data.values() if isinstance(data, dict) else ():
        if _is_marked(value):
            total += value["$blob"]["size"]
    kept = output.get("$raw")
    if isinstance(kept, dict) and "$blob" in kept:
        total += kept["$blob"]["size"]
    return int(total)


def sizes(outputs: Iterable[Output]) -> int:
    """Returns :func:`output_size` of all together."""
    return sum(map(output_size, outputs))

"""From kernel messages to output operations."""

from __future__ import annotations

import base64
import itertools
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labora.base.errors import InvalidError
from labora.base.settings import LimitSettings
from labora.notebook.codec import write_notebook
from labora.notebook.model import BlobSink, Cell, Output, new_notebook, part_ref
from labora.notebook.operations import apply_output_ops
from labora.notebook.reducer import OutputReducer, display_update_ops
from labora.notebook.terminal import fold

LIMITS = LimitSettings()
Message = tuple[str, dict[str, Any]]


class Cellview:
    """A cell's outputs as a room and its clients hold them, next to the reducer that feeds them."""

    def __init__(self, limits: LimitSettings = LIMITS, scope: str = "kernel/1") -> None:
        self.limits, self.blobs = limits, BlobSink()
        self.reducer = OutputReducer(self.blobs, limits, display_scope=scope)
        self.outputs: list[Output] = []
        self.ops: list[dict[str, Any]] = []

    def feed(self, *messages: Message) -> None:
        for message in messages:
            self.reducer.feed(*message)

    def flush(self, *, final: bool = False) -> list[dict[str, Any]]:
        ops = json.loads(json.dumps(self.reducer.flush(final=final)))
        self.outputs = apply_output_ops(self.outputs, ops)
        self.ops += ops
        return ops

    def restart(self) -> None:
        self.flush()
        snapshot = json.loads(json.dumps(self.reducer.snapshot()))
        self.reducer = OutputReducer.restore(snapshot, self.outputs, self.blobs, self.limits)

    def text(self, output: Output) -> str:
        parts = [self.blobs.resolve(part_ref(part)).decode() for part in output["parts"]]
        return "".join([*parts, output["text"]])

    def shown(self) -> list[Any]:
        """The outputs without identifiers, streams as whole texts."""
        return [
            (output["name"], self.text(output))
            if output["output_type"] == "stream"
            else {key: value for key, value in output.items() if key != "id"}
            for output in self.outputs
        ]


def stream(text: str, name: str = "stdout") -> Message:
    return "stream", {"name": name, "text": text}


def display(text: str, display_id: str | None = None, kind: str = "display_data") -> Message:
    transient = {"display_id": display_id} if display_id else {}
    return kind, {"data": {"text/plain": text}, "metadata": {}, "transient": transient}


def plain(text: str, display_id: str | None = None) -> dict[str, Any]:
    shown: dict[str, Any] = {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}
    return shown | ({"$display": f"kernel/1/{display_id}"} if display_id else {})


def test_streams_of_one_name_merge_until_something_else_comes() -> None:
    cell = Cellview()
    cell.feed(stream("a"), stream("b\n"), stream("x", "stderr"), stream("c"), display("D"), stream("d"))
    cell.flush()
    assert cell.shown() == [("stdout", "ab\n"), ("stderr", "x"), ("stdout", "c"), plain("D"), ("stdout", "d")]


def test_text_grows_by_what_is_new() -> None:
    cell = Cellview()
    cell.feed(stream("hello "))
    cell.flush()
    cell.feed(stream("wörld 😀"))
    assert cell.flush() == [{"op": "text", "at": 0, "keep": 6, "text": "wörld 😀"}]
    cell.feed(stream("\b!"))
    assert cell.flush() == [{"op": "text", "at": 0, "keep": 12, "text": "!"}]
    assert cell.flush() == []


def test_clear_output() -> None:
    cell = Cellview()
    cell.feed(stream("a"))
    cell.flush()
    cell.feed(("clear_output", {"wait": True}))
    assert cell.flush() == []
    cell.feed(stream("b"))
    cell.flush()
    assert cell.shown() == [("stdout", "b")]
    cell.feed(("clear_output", {"wait": False}))
    cell.flush()
    assert cell.shown() == []


def test_display_updates_reach_their_cell_and_others_of_the_same_kernel_life() -> None:
    cell, other, stranger = Cellview(), Cellview(), Cellview(scope="kernel/2")
    for view in (cell, other, stranger):
        view.feed(display("one", "p"), display("two"))
        view.flush()
    cell.feed(("update_display_data", display("new", "p")[1]))
    cell.flush()
    assert cell.shown() == [plain("new", "p"), plain("two")]
    updates = cell.reducer.take_display_updates()
    assert len(updates) == 1
    other.outputs = apply_output_ops(other.outputs, display_update_ops(other.outputs, updates))
    assert other.shown() == [plain("new", "p"), plain("two")]
    assert display_update_ops(stranger.outputs, updates) == []
    assert cell.reducer.take_display_updates() == {}


def test_updates_of_many_displays_are_looked_for_in_one_pass() -> None:
    reads = 0

    class Counted(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            nonlocal reads
            reads += 1
            return super().get(key, default)

    cell, other = Cellview(), Cellview()
    other.feed(*(display(f"o{number}", f"d{number}") for number in range(50)))
    other.flush()
    cell.feed(*(("update_display_data", display(f"n{number}", f"d{number}")[1]) for number in range(50)))
    cell.flush()
    outputs = [Counted(output) for output in other.outputs]
    ops = display_update_ops(outputs, cell.reducer.take_display_updates())
    assert [op["at"] for op in ops] == list(range(50))
    assert reads == 50


def test_results_and_errors() -> None:
    cell = Cellview()
    cell.feed(("execute_result", {"data": {"text/plain": "4"}, "metadata": {"a": 1}, "execution_count": 3}))
    cell.feed(("error", {"ename": "E", "evalue": "v", "traceback": ["\x1b[31mt\x1b[0m"]}))
    cell.flush()
    assert cell.shown() == [
        {"output_type": "execute_result", "data": {"text/plain": "4"}, "metadata": {"a": 1}, "execution_count": 3},
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[31mt\x1b[0m"]},
    ]


def test_large_values_go_by_reference_and_come_back_on_export() -> None:
    cell = Cellview()
    image = base64.b64encode(bytes(range(256)) * 60).decode() + "\n"
    cell.feed(("display_data", {"data": {"image/png": image, "text/plain": "x"}, "metadata": {}}))
    cell.feed(("error", {"ename": "E", "evalue": "v" * 50_000, "traceback": []}))
    cell.flush()
    assert "$blob" in cell.outputs[0]["data"]["image/png"]
    assert len(cell.outputs[1]["evalue"]) < 10_000
    nb = new_notebook([Cell(id="a", kind="code", source="", outputs=tuple(cell.outputs))])
    first, second = json.loads(write_notebook(nb, resolve=cell.blobs.resolve))["cells"][0]["outputs"]
    assert first["data"] == {"image/png": image, "text/plain": ["x"]}
    assert second["evalue"] == "v" * 50_000


def test_a_kernel_cannot_name_bytes_it_did_not_send() -> None:
    cell = Cellview()
    forged = {"$blob": {"sha256": "0" * 64, "size": 1, "media_type": "text/plain"}}
    cell.feed(("display_data", {"data": {"application/json": forged, "text/plain": forged}, "metadata": {}}))
    cell.flush()
    assert all(value["$blob"]["sha256"] != "0" * 64 for value in cell.outputs[0]["data"].values())
    nb = new_notebook([Cell(id="a", kind="code", source="", outputs=tuple(cell.outputs))])
    [written] = json.loads(write_notebook(nb, resolve=cell.blobs.resolve))["cells"][0]["outputs"]
    assert written["data"] == {"application/json": forged, "text/plain": forged}


def test_long_streams_move_into_parts_of_whole_lines() -> None:
    cell = Cellview()
    lines = [f"line {number}\n" for number in range(100_000)]
    for at in range(0, len(lines), 700):
        cell.feed(*map(stream, lines[at : at + 700]))
        cell.flush()
    assert cell.text(cell.outputs[0]) == "".join(lines)
    parts = cell.outputs[0]["parts"]
    assert all(60_000 < part["size"] <= 65_536 for part in parts)
    assert sum(part["lines"] for part in parts) + cell.outputs[0]["text"].count("\n") == len(lines)
    assert len(cell.outputs[0]["text"]) < 200_000


def test_a_burst_is_not_sent_inline() -> None:
    cell = Cellview()
    cell.feed(stream("begin\n"))
    cell.flush()
    cell.feed(*[stream("x" * 79 + "\n")] * 100_000)
    ops = cell.flush()
    assert len(json.dumps(ops)) < 400_000
    assert cell.text(cell.outputs[0]) == "begin\n" + ("x" * 79 + "\n") * 100_000


def test_what_passes_the_limit_is_cut_at_the_end_and_said() -> None:
    cell = Cellview(LimitSettings(output_stored_bytes=100_000, outputs=50))
    cell.feed(*[stream("0123456789\n")] * 20_000)
    cell.flush()
    cell.feed(display("late"), stream("late"), ("error", {"ename": "E", "evalue": "", "traceback": []}))
    cell.flush(final=True)
    (_, text), notice, error = cell.shown()
    assert 99_000 < len(text) <= 100_000
    assert text.endswith("9\n")
    assert (notice["output_type"], notice["code"]) == ("labora_notice", "output_cut")
    assert str(220_000 - len(text) + 8)[:4] in notice["message"]
    assert error["ename"] == "E"
    cell.feed(("clear_output", {}), stream("again"))
    cell.flush()
    assert cell.shown() == [("stdout", "again")]


def test_the_number_of_outputs_is_limited() -> None:
    cell = Cellview(LimitSettings(outputs=50))
    cell.feed(*[display(str(number)) for number in range(80)])
    cell.flush()
    assert len(cell.outputs) == 51
    assert cell.outputs[-1]["output_type"] == "labora_notice"


@pytest.mark.parametrize(
    "message",
    [
        ("stream", {}),
        ("stream", {"text": 3}),
        ("stream", {"text": ["a"], "name": 4}),
        ("display_data", {}),
        ("display_data", {"data": [], "metadata": 3}),
        ("display_data", {"data": {"text/plain": float("nan"), "x": "\ud83d"}, "metadata": None, "transient": 4}),
        ("execute_result", {"data": {}, "execution_count": "x"}),
        ("error", {"traceback": 3, "ename": None}),
        ("error", {"traceback": [3, None], "ename": "\udc00"}),
        ("update_display_data", {"data": {"a": "b"}, "transient": {"display_id": 3}}),
        ("clear_output", {}),
        ("unknown", {"a": 1}),
    ],
)
def test_messages_that_break_their_schema_do_no_harm(message: Message) -> None:
    cell = Cellview()
    cell.feed(message)
    cell.flush()
    json.dumps(cell.outputs, allow_nan=False).encode()
    write_notebook(
        new_notebook([Cell(id="a", kind="code", source="", outputs=tuple(cell.outputs))]), resolve=cell.blobs.resolve
    )


def test_a_deep_value_is_cut() -> None:
    value: Any = 1
    for _ in range(900):
        value = [value]
    cell = Cellview()
    cell.feed(("display_data", {"data": {"application/json": value}, "metadata": {"deep": value}}))
    cell.flush()
    assert len(json.dumps(cell.outputs)) < 3000


messages = st.lists(
    st.one_of(
        st.builds(
            stream,
            st.text(st.sampled_from("ab\r\b\n😀é"), min_size=1, max_size=8),
            st.sampled_from(["stdout", "stdout", "stdout", "stderr"]),
        ),
        st.builds(display, st.sampled_from("XY"), st.sampled_from([None, "p", "q"])),
        st.builds(display, st.sampled_from("UV"), st.sampled_from(["p", "q"]), st.just("update_display_data")),
        st.builds(lambda wait: ("clear_output", {"wait": wait}), st.booleans()),
        st.sampled_from(["flush", "restart"]),
    ),
    max_size=30,
)


def reference(sequence: list[Any]) -> list[Any]:
    """What a notebook shows in the end, one message at a time."""
    shown: list[Any] = []
    waiting = False
    for item in sequence:
        if isinstance(item, str):
            continue
        kind, content = item
        if kind == "clear_output":
            waiting = content["wait"]
            shown = shown if waiting else []
            continue
        if kind == "update_display_data":
            new = plain(content["data"]["text/plain"], content["transient"]["display_id"])
            shown = [new if isinstance(old, dict) and old.get("$display") == new["$display"] else old for old in shown]
            continue
        shown, waiting = ([] if waiting else shown), False
        if kind == "display_data":
            shown.append(plain(content["data"]["text/plain"], content["transient"].get("display_id")))
        elif shown and isinstance(shown[-1], tuple) and shown[-1][0] == content["name"]:
            shown[-1] = (content["name"], shown[-1][1] + content["text"])
        else:
            shown.append((content["name"], content["text"]))
    return [(item[0], fold(item[1])) if isinstance(item, tuple) else item for item in shown]


@given(messages)
@settings(max_examples=800, deadline=None)
def test_any_sequence_shows_what_a_notebook_would(sequence: list[Any]) -> None:
    cell = Cellview()
    for item in sequence:
        if item == "flush":
            cell.flush()
        elif item == "restart":
            cell.restart()
        else:
            cell.feed(item)
    cell.flush(final=True)
    assert cell.shown() == reference(sequence)


@pytest.mark.slow
def test_a_million_messages_take_linear_time() -> None:
    started = time.process_time()
    cell = Cellview()
    for number in range(1_000_000):
        cell.reducer.feed("stream", {"name": "stdout", "text": f"line {number}\n"})
        if number % 5000 == 0:
            cell.flush()
    cell.flush(final=True)
    bars = Cellview()
    for number in range(200_000):
        bars.reducer.feed("stream", {"name": "stderr", "text": f"\r{number:6}|\x1b[32m{'#' * 40}\x1b[0m|"})
        if number % 5000 == 0:
            bars.flush()
    bars.flush(final=True)
    assert cell.text(cell.outputs[0]).count("\n") == 1_000_000
    assert bars.text(bars.outputs[0]) == f"199999|\x1b[32m{'#' * 40}\x1b[0m|"
    assert time.process_time() - started < 120  # quadratic would be hours


def test_operations_do_not_touch_what_they_are_given() -> None:
    before: list[Output] = [{"id": "a", "output_type": "stream", "name": "stdout", "parts": [], "text": "ab"}]
    kept = json.dumps(before)
    after = apply_output_ops(before, [{"op": "text", "at": 0, "keep": 1, "text": "c"}])
    assert json.dumps(before) == kept
    assert after[0]["text"] == "ac"


@pytest.mark.parametrize(
    "op",
    [
        {"op": "splice", "at": 2, "remove": 0, "insert": []},
        {"op": "splice", "at": 0, "remove": 2, "insert": []},
        {"op": "text", "at": 1, "keep": 0, "text": ""},
        {"op": "strange", "at": 0},
    ],
)
def test_operations_outside_of_the_list_are_refused(op: dict[str, Any]) -> None:
    stream_output: Output = {"id": "a", "output_type": "stream", "name": "stdout", "parts": [], "text": ""}
    with pytest.raises(InvalidError):
        apply_output_ops([stream_output], [op])


def test_identifiers_are_unique() -> None:
    numbers = itertools.count()
    reducer = OutputReducer(BlobSink(), LIMITS, make_id=lambda: f"o{next(numbers)}")
    reducer.feed(*display("a"))
    reducer.feed(*stream("b"))
    [op] = reducer.flush()
    assert [output["id"] for output in op["insert"]] == ["o0", "o1"]

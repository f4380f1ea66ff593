"""States of widgets: merging with binary values, bounds, what is saved, and output widgets."""

from __future__ import annotations

import base64
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from labora.notebook.widget_outputs import OutputWidgets, read_shown
from labora.notebook.widgets import (
    VIEW_TYPE,
    WidgetStates,
    put_at,
    reachable,
    read_message,
    saved_model,
    saved_models,
    shown_models,
    take_buffers,
)

PLENTY = 1 << 20


def told(states: WidgetStates, kind: str, data: Any, *buffers: bytes, comm_id: str = "m") -> Any:
    content = {"comm_id": comm_id, "target_name": "jupyter.widget", "data": data}
    return states.hear(kind, content, {"version": "2.1.0"}, read_message(content, buffers), "e")


VALUES = st.recursive(
    st.sampled_from([None, True, 1, 1.5, "", "x", b"", b"\x00\xff"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=6,
)
STATES = st.dictionaries(st.sampled_from(["value", "children", "data"]), VALUES, max_size=3)


@given(st.lists(STATES, min_size=1, max_size=4))
def test_what_is_told_in_updates_is_what_a_newcomer_is_told(updates: list[dict[str, Any]]) -> None:
    states, expected = WidgetStates(PLENTY), {}
    for number, update in enumerate(updates):
        plain, paths, buffers = take_buffers(update)
        kind = "comm_open" if number == 0 else "comm_msg"
        told(states, kind, {"method": "update", "state": plain, "buffer_paths": paths}, *buffers)
        expected |= update
    model = states.get("m")
    assert model is not None
    assert model.state == expected
    plain, paths, buffers = take_buffers(model.state)
    for path, buffer in zip(paths, buffers, strict=True):
        assert put_at(plain, path, buffer)
    assert plain == expected
    assert states.size == model.size
    told(states, "comm_close", {})
    assert (len(states), states.size) == (0, 0)


PATHS = st.lists(st.sampled_from(["value", "a", 0, -1, 5, True, None, ["x"]]), max_size=3) | st.sampled_from([None, 1])


@given(STATES, st.lists(PATHS, max_size=4))
def test_paths_that_lead_nowhere_change_nothing(state: dict[str, Any], paths: list[Any]) -> None:
    states = WidgetStates(PLENTY)
    plain, _, _ = take_buffers(state)
    told(states, "comm_open", {"state": plain, "buffer_paths": paths}, b"1", b"2", b"3", b"4")
    model = states.get("m")
    assert model is not None
    assert states.size == model.size
    assert saved_model(model.state)["state"] is not None


def test_a_binary_value_and_a_plain_one_replace_each_other() -> None:
    states = WidgetStates(PLENTY)
    told(states, "comm_open", {"state": {"value": "text", "rows": [1, None]}, "buffer_paths": [["rows", 1]]}, b"r")
    told(states, "comm_msg", {"method": "update", "state": {}, "buffer_paths": [["value"]]}, b"\x00\x01")
    model = states.get("m")
    assert model is not None
    assert model.state == {"value": b"\x00\x01", "rows": [1, b"r"]}
    told(states, "comm_msg", {"method": "echo_update", "state": {"value": "again", "rows": []}, "buffer_paths": []})
    assert model.state == {"value": "again", "rows": []}
    assert told(states, "comm_msg", {"method": "custom", "content": {"state": 1}}) is None


def test_what_does_not_fit_is_not_kept_and_the_rest_is() -> None:
    states = WidgetStates(10_000)
    told(states, "comm_open", {"state": {"value": 1}}, comm_id="small")
    told(states, "comm_open", {"state": {"value": "x" * 4_000}}, comm_id="grows")
    edge = states.size
    assert {model.model_id for model in states} == {"small", "grows"}
    update = {"method": "update", "state": {}, "buffer_paths": [["more"]]}
    told(states, "comm_msg", update, b"x" * (10_000 - edge - 4), comm_id="grows")
    assert states.size == 10_000
    told(states, "comm_msg", {"method": "update", "state": {"one": 1}}, comm_id="grows")
    assert [model.model_id for model in states] == ["small"]
    told(states, "comm_msg", {"method": "update", "state": {"value": 2}}, comm_id="grows")
    assert [model.model_id for model in states] == ["small"]


def test_all_states_at_once_after_a_restart() -> None:
    states = WidgetStates(PLENTY)
    told(states, "comm_open", {"state": {"value": 1}}, comm_id="a")
    whole = {"a": {"state": {"value": 2}}, "b": {"state": {"_model_name": "ImageModel"}}, "c": None}
    paths = [["b", "state", "value"], ["nobody", "state", "value"], ["b"]]
    found = states.replace_all(whole, paths, [b"png", b"x", b"y"])
    assert [model.model_id for model in found] == ["b"]
    (one, two) = (states.get("a"), states.get("b"))
    assert one is not None
    assert one.state == {"value": 2}
    assert two is not None
    assert two.state == {"_model_name": "ImageModel", "value": b"png"}


def test_what_is_saved_follows_references_from_what_is_shown() -> None:
    states = WidgetStates(PLENTY)
    about = {"_model_name": "BoxModel", "_model_module": "m", "_model_module_version": "1"}
    told(states, "comm_open", {"state": {**about, "children": ["IPY_MODEL_kid"]}}, comm_id="box")
    told(states, "comm_open", {"state": {"data": [None]}, "buffer_paths": [["data", 0]]}, b"\x01", comm_id="kid")
    told(states, "comm_open", {"state": {}}, comm_id="other")
    saved = saved_models(states.copies())
    assert saved["box"]["model_name"] == "BoxModel"
    encoded = base64.b64encode(b"\x01").decode()
    assert saved["kid"]["buffers"] == [{"path": ["data", 0], "encoding": "base64", "data": encoded}]
    shown = list(shown_models([{"data": {VIEW_TYPE: {"model_id": "box"}}}, {"data": None}, {}]))
    assert list(reachable(saved, shown)) == ["box", "kid"]


def output_widget(states: WidgetStates, outputs: OutputWidgets, msg_id: str) -> None:
    kind = "comm_msg" if states.get("m") else "comm_open"
    state = {"_model_name": "OutputModel", "msg_id": msg_id}
    outputs.follow(told(states, kind, {"method": "update", "state": state}))


def test_an_output_widget_catches_what_its_parent_shows() -> None:
    states = WidgetStates(PLENTY)
    outputs = OutputWidgets(states, 2000)
    output_widget(states, outputs, "labora-exec-e")
    assert outputs.catches("labora-exec-other") is None
    model = outputs.catches("labora-exec-e")
    assert model is not None
    for text in ("a\n", "b\n"):
        outputs.show(model, read_shown("stream", {"name": "stdout", "text": text}))
    outputs.show(model, read_shown("display_data", {"data": {"text/plain": "1"}, "metadata": {}}))
    outputs.settle()
    stream = {"output_type": "stream", "name": "stdout", "text": "a\nb\n"}
    assert model.state["outputs"] == [
        stream,
        {"output_type": "display_data", "data": {"text/plain": "1"}, "metadata": {}},
    ]
    outputs.show(model, read_shown("clear_output", {"wait": True}))
    outputs.settle()
    assert len(model.state["outputs"]) == 2
    outputs.show(model, read_shown("error", {"ename": "E", "evalue": "v", "traceback": ["t"]}))
    outputs.settle()
    assert [output["output_type"] for output in model.state["outputs"]] == ["error"]
    for _ in range(3):
        outputs.show(model, read_shown("stream", {"name": "stdout", "text": "x" * 800}))
    outputs.settle()
    assert len(model.state["outputs"]) == 3
    assert "shows no more" in model.state["outputs"][-1]["text"]
    outputs.show(model, read_shown("clear_output", {"wait": False}))
    outputs.settle()
    assert model.state["outputs"] == []
    output_widget(states, outputs, "")
    assert outputs.catches("labora-exec-e") is None


SAID = st.sampled_from(
    [
        ("stream", {"name": "stdout", "text": "one\n"}),
        ("stream", {"name": "stderr", "text": "two\n"}),
        ("stream", {"name": "stdout", "text": "ü" * 100}),
        ("display_data", {"data": {"text/plain": "d" * 300}}),
        ("display_data", {"data": None}),
        ("error", {"ename": "E", "evalue": "v", "traceback": ["t"]}),
        ("clear_output", {"wait": True}),
        ("clear_output", {"wait": False}),
    ]
)


@given(st.lists(st.tuples(SAID, st.booleans()), max_size=20))
def test_merging_at_once_shows_what_merging_one_by_one_shows(said: list[tuple[Any, bool]]) -> None:
    shown = []
    for at_once in (False, True):
        states = WidgetStates(PLENTY)
        outputs = OutputWidgets(states, 1500)
        output_widget(states, outputs, "p")
        model = outputs.catches("p")
        assert model is not None
        for (kind, content), settles in said:
            outputs.show(model, read_shown(kind, content))
            if settles or not at_once:
                outputs.settle()
        outputs.take_changed()
        assert outputs.take_changed() == []
        assert states.size == model.size
        assert model.sizes.get("outputs", 0) <= 1500 + 200
        shown.append(model.state.get("outputs"))
    assert shown[0] == shown[1]

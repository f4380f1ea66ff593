"""Outputs with tags, and clearing some of them."""

from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from labora.base.settings import LimitSettings
from labora.notebook.codec import write_notebook
from labora.notebook.model import BlobSink, Cell, Output, new_notebook
from labora.notebook.operations import apply_output_ops
from labora.notebook.reducer import OutputReducer


class View:
    """A cell's outputs as clients hold them."""

    def __init__(self) -> None:
        self.blobs = BlobSink()
        self.reducer = OutputReducer(self.blobs, LimitSettings())
        self.outputs: list[Output] = []

    def feed(self, kind: str, **content: Any) -> None:
        self.reducer.feed(kind, content)

    def show(self, text: str) -> None:
        self.feed("display_data", data={"text/plain": text}, metadata={})

    def say(self, text: str) -> None:
        self.feed("stream", name="stdout", text=text)

    def retag(self, add: list[str] = [], remove: list[str] = []) -> None:  # noqa: B006
        area = {"nodisplay": True, "add_tags": add, "remove_tags": remove}
        self.feed("display_data", data={}, metadata={"outputarea": area})

    def clear(self, *tags: str, wait: bool = False) -> None:
        self.feed("clear_output", wait=wait, output_tags=list(tags))

    def flush(self) -> None:
        ops = json.loads(json.dumps(self.reducer.flush()))
        self.outputs = apply_output_ops(self.outputs, ops)

    def restart(self) -> None:
        self.flush()
        snapshot = json.loads(json.dumps(self.reducer.snapshot()))
        self.reducer = OutputReducer.restore(snapshot, self.outputs, self.blobs, LimitSettings())

    def shown(self) -> list[str]:
        self.flush()
        return [output["text"] if "text" in output else output["data"]["text/plain"] for output in self.outputs]


def test_only_outputs_with_all_of_the_tags_go_and_the_others_stay_untouched() -> None:
    view = View()
    view.say("before\n")
    view.retag(["a"])
    view.say("a\n")
    view.retag(["b"])
    view.show("ab")
    view.retag(remove=["a"])
    view.show("b")
    view.retag(remove=["b"])
    view.say("after\n")
    assert view.shown() == ["before\n", "a\n", "ab", "b", "after\n"]
    ids = [output["id"] for output in view.outputs]
    view.clear("a", "b")
    assert view.shown() == ["before\n", "a\n", "b", "after\n"]
    assert [output["id"] for output in view.outputs] == [ids[0], ids[1], ids[3], ids[4]]
    view.clear("a")
    view.say("more\n")
    assert view.shown() == ["before\n", "b", "after\nmore\n"]


def test_clearing_can_wait_for_what_comes_next() -> None:
    view = View()
    view.retag(["a"])
    view.show("old")
    view.retag(remove=["a"])
    view.clear("a", wait=True)
    assert view.shown() == ["old"]
    view.restart()
    view.show("new")
    assert view.shown() == ["new"]


def test_tags_are_in_the_saved_notebook_and_marks_are_not() -> None:
    view = View()
    view.retag(["a"])
    view.show("tagged")
    view.retag(remove=["a"])
    view.flush()
    notebook = new_notebook([Cell("c", "code", "", outputs=tuple(view.outputs))])
    saved = json.loads(write_notebook(notebook, resolve=view.blobs.resolve))
    assert saved["cells"][0]["outputs"] == [
        {"output_type": "display_data", "data": {"text/plain": ["tagged"]}, "metadata": {"tags": ["a"]}}
    ]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "say", "show", "clear", "wait", "flush", "restart"]),
        st.sets(st.sampled_from("abc"), min_size=1, max_size=2),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_whatever_the_order_clients_hold_what_a_plain_list_would(steps: list[tuple[str, set[str]]]) -> None:
    view, numbers = View(), itertools.count()
    model: list[tuple[set[str], str]] = []
    active: set[str] = set()
    waiting: set[str] = set()
    for step, tags in steps:
        if step == "add":
            view.retag(sorted(tags))
            active = active | tags
        elif step == "remove":
            view.retag(remove=sorted(tags))
            active = active - tags
        elif step in ("say", "show"):
            text = f"{next(numbers)}\n"
            view.say(text) if step == "say" else view.show(text)
            model = [(own, old) for own, old in model if not waiting or not waiting <= own]
            waiting = set()
            model.append((active, text))
        elif step == "clear":
            view.clear(*sorted(tags))
            model = [(own, old) for own, old in model if not tags <= own]
        elif step == "wait":
            view.clear(*sorted(tags), wait=True)
            waiting = tags
        elif step == "flush":
            view.flush()
        else:
            view.restart()
    assert "".join(view.shown()) == "".join(text for _, text in model)

"""Pure: what a program shows while an ``Output`` widget is open goes into the widget, as nbclient does it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labora.notebook.jsontext import mend
from labora.notebook.widgets import MAX_DEPTH, Model, Values, WidgetStates

TYPES = frozenset({"stream", "display_data", "execute_result", "error", "clear_output"})
FULL = "This widget shows no more: it holds as much as is kept of one.\n"
SHOWN_BYTES = 2 * 1024 * 1024
"""JSON that one output widget shows; pages and the kernel are told all of it at every change."""
WAITING_BYTES = 256 * 1024
"""What is said to a widget is merged into its state at the latest when this much waits."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What one message shows: a kind of TYPES, its output, how large that is as JSON, and whether a clearing waits."""

    kind: str
    made: dict[str, Any] | None
    size: int
    wait: bool


@dataclass(slots=True)
class _Waiting:
    model: Model
    said: list[Shown] = field(default_factory=list)
    size: int = 0


def read_shown(kind: str, content: Mapping[str, Any]) -> Shown:
    """Reads a message of TYPES; for a large one that takes long."""
    made = None if kind == "clear_output" else _made(kind, content)
    return Shown(kind, made, 0 if made is None else len(json.dumps(made)), bool(content.get("wait")))


def replaces(kind: str, values: Values | None) -> bool:
    """Returns whether a message of a comm sets what its widget shows, or makes or ends the widget."""
    return kind != "comm_msg" or (values is not None and "outputs" in values.state)


class OutputWidgets:
    """Which output widgets catch what, and what they show.

    What is said to one is collected and merged at once: a widget that shows much would else be copied at every line.

    Args:
        widgets: their states.
        limit: bytes that one of them may show.
    """

    def __init__(self, widgets: WidgetStates, limit: int) -> None:
        self._widgets = widgets
        self._limit = limit
        self._caught: dict[str, str] = {}
        self._clears: set[str] = set()
        self._full: set[str] = set()
        self._waiting: dict[str, _Waiting] = {}
        self._changed: dict[str, Model] = {}

    def clear(self) -> None:
        """Forgets everything: the kernel has ended."""
        self._caught.clear()
        self._clears.clear()
        self._full.clear()
        self._waiting.clear()
        self._changed.clear()

    def follow(self, model: Model) -> None:
        """Takes note of a widget whose state has changed."""
        if model.state.get("_model_name") != "OutputModel":
            return
        parent = model.state.get("msg_id")
        if not isinstance(parent, str) or not parent:
            self._caught.pop(model.model_id, None)
        elif self._caught.get(model.model_id) != parent:
            # The one that was opened last catches.
            self._caught.pop(model.model_id, None)
            self._caught[model.model_id] = parent

    def replaced(self, model_id: str) -> None:
        """What a widget shows is about to be set, or the widget to go: what was said to it before counts no more."""
        self._waiting.pop(model_id, None)
        self._changed.pop(model_id, None)
        self._full.discard(model_id)

    def catches(self, parent_id: str) -> Model | None:
        """Returns the widget into which what a message of the kernel's ``parent_id`` shows goes."""
        if not self._caught or not parent_id:
            return None
        for model_id in reversed(self._caught):
            if self._caught[model_id] == parent_id and (model := self._widgets.get(model_id)) is not None:
                return model
        return None

    def show(self, model: Model, shown: Shown) -> None:
        """Puts one message into a widget; its state says so after the next :meth:`settle`."""
        waiting = self._waiting.setdefault(model.model_id, _Waiting(model))
        waiting.said.append(shown)
        waiting.size += shown.size
        if waiting.size > WAITING_BYTES:
            self.settle()

    def settle(self) -> None:
        """Merges what was said into the states."""
        waiting, self._waiting = self._waiting, {}
        for model_id, one in waiting.items():
            if self._widgets.get(model_id) is one.model and self._merge(one):
                self._changed[model_id] = one.model

    def take_changed(self) -> list[Model]:
        """Returns the widgets that show something else than when this was called last."""
        self.settle()
        changed, self._changed = self._changed, {}
        return [model for model in changed.values() if self._widgets.get(model.model_id) is model]

    def _merge(self, waiting: _Waiting) -> bool:
        """Puts into one widget what waits; returns whether it shows something else now."""
        model, key = waiting.model, waiting.model.model_id
        shown = _List(_outputs(model), model.sizes.get("outputs", 0))
        for one in waiting.said:
            if one.kind == "clear_output" and one.wait:
                self._clears.add(key)
                continue
            if one.kind == "clear_output" or (one.made is not None and key in self._clears):
                self._clears.discard(key)
                self._full.discard(key)
                shown.clear()
            if one.made is None or key in self._full:
                continue
            if shown.size + one.size > self._limit:
                self._full.add(key)
                shown.add({"output_type": "stream", "name": "stderr", "text": FULL}, len(FULL))
            else:
                shown.add(one.made, one.size)
        if not shown.changed:
            return False
        values = Values({"outputs": shown.joined()}, {"outputs": shown.size})
        return self._widgets.update(key, values) is not None


class _List:
    """Outputs of one widget while some are added; lines that follow each other become one text at the end."""

    def __init__(self, outputs: list[Any], size: int) -> None:
        self._outputs = list(outputs)
        self._lines: list[str] = []
        self.size = size
        self.changed = False

    def clear(self) -> None:
        self._outputs, self._lines, self.size, self.changed = [], [], len("outputs"), True

    def add(self, made: dict[str, Any], size: int) -> None:
        last = self._outputs[-1] if self._outputs and isinstance(self._outputs[-1], dict) else {}
        same = all(last.get(key) == made.get(key) for key in ("output_type", "name"))
        if made["output_type"] == "stream" and same and isinstance(last.get("text"), str):
            self._lines.append(made["text"])
        else:
            self.joined()
            self._outputs.append(made)
        self.size += size
        self.changed = True

    def joined(self) -> list[Any]:
        """Returns the outputs, none of which is changed afterwards."""
        if self._lines:
            last = self._outputs[-1]
            self._outputs[-1] = {**last, "text": last["text"] + "".join(self._lines)}
            self._lines = []
        return self._outputs


def _outputs(model: Model) -> list[Any]:
    outputs = model.state.get("outputs")
    return outputs if isinstance(outputs, list) else []


def _made(kind: str, content: Mapping[str, Any]) -> dict[str, Any] | None:
    if kind == "stream":
        text = content.get("text")
        name = "stderr" if content.get("name") == "stderr" else "stdout"
        return {"output_type": "stream", "name": name, "text": text} if isinstance(text, str) else None
    if kind == "error":
        trace = content.get("traceback")
        lines = [line for line in trace if isinstance(line, str)] if isinstance(trace, list) else []
        about = {key: str(content.get(key, "")) for key in ("ename", "evalue")}
        return {"output_type": "error", **about, "traceback": lines}
    data, metadata = content.get("data"), content.get("metadata")
    if not isinstance(data, dict):
        return None
    shown = mend({"data": data, "metadata": metadata if isinstance(metadata, dict) else {}}, max_depth=MAX_DEPTH)[0]
    if kind == "execute_result":
        count = content.get("execution_count")
        return {"output_type": kind, **shown, "execution_count": count if type(count) is int else None}
    return {"output_type": kind, **shown}

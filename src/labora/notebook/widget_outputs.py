"""Pure: what a program shows while an ``Output`` widget is open goes into the widget, as nbclient does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labora.notebook.jsontext import mend
from labora.notebook.outputs import rough_size
from labora.notebook.widgets import MAX_DEPTH, Model, Values, WidgetStates

TYPES = frozenset({"stream", "display_data", "execute_result", "error", "clear_output"})
FULL = "This widget shows no more: it holds as much as is kept of one.\n"


class OutputWidgets:
    """Which output widgets catch what, and what they show.

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
        self.changed: dict[str, Model] = {}
        """Those that show something else than their pages and the kernel know."""

    def clear(self) -> None:
        """Forgets everything: the kernel has ended."""
        self._caught.clear()
        self._clears.clear()
        self._full.clear()
        self.changed.clear()

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

    def catches(self, parent_id: str) -> Model | None:
        """Returns the widget into which what a message of the kernel's ``parent_id`` shows goes."""
        if not self._caught or not parent_id:
            return None
        for model_id in reversed(self._caught):
            if self._caught[model_id] == parent_id and (model := self._widgets.get(model_id)) is not None:
                return model
        return None

    def show(self, model: Model, kind: str, content: Mapping[str, Any]) -> None:
        """Puts one message into a widget."""
        key, outputs = model.model_id, list(_outputs(model))
        if kind == "clear_output":
            if content.get("wait"):
                self._clears.add(key)
                return
            outputs = []
        else:
            if key in self._clears:
                outputs = []
            made = _made(kind, content)
            if made is None:
                return
            size = rough_size(made)
            if outputs and model.sizes.get("outputs", 0) + size > self._limit:
                if key in self._full:
                    return
                self._full.add(key)
                made = {"output_type": "stream", "name": "stderr", "text": FULL}
            _add(outputs, made)
        if not outputs:
            self._full.discard(key)
        self._clears.discard(key)
        if self._widgets.update(key, _values(outputs)) is not None:
            self.changed[key] = model


def _values(outputs: list[Any]) -> Values:
    return Values({"outputs": outputs}, {"outputs": len("outputs") + rough_size(outputs)})


def _outputs(model: Model) -> list[Any]:
    outputs = model.state.get("outputs")
    return outputs if isinstance(outputs, list) else []


def _add(outputs: list[Any], made: dict[str, Any]) -> None:
    last = outputs[-1] if outputs and isinstance(outputs[-1], dict) else {}
    same = all(last.get(key) == made.get(key) for key in ("output_type", "name"))
    if made["output_type"] == "stream" and same and isinstance(last.get("text"), str):
        outputs[-1] = {**last, "text": last["text"] + made["text"]}
    else:
        outputs.append(made)


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

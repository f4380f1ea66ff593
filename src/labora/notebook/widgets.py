"""Pure: the state of Jupyter widgets, merged from the messages of their comms.

Message semantics: https://github.com/jupyter-widgets/ipywidgets/blob/main/packages/schema/messages.md. Binary values
stand in the state as :class:`bytes`, where their paths say, and are taken out again when it is told or saved.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labora.notebook.jsontext import mend
from labora.notebook.outputs import rough_size

WIDGET_TARGET = "jupyter.widget"
STATE_TYPE = "application/vnd.jupyter.widget-state+json"
VIEW_TYPE = "application/vnd.jupyter.widget-view+json"
REFERENCE = "IPY_MODEL_"
UPDATES = ("update", "echo_update")
MAX_DEPTH = 100
MODEL_BYTES = 512
"""What a model costs beside its values."""

State = dict[str, Any]
Path = Sequence[Any]


@dataclass(slots=True)
class Model:
    """One widget; ``execution_id`` is of the cell that made it, ``state`` with bytes in their places."""

    model_id: str
    execution_id: str | None
    metadata: dict[str, Any]
    state: State = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    frame: bytes | None = None
    """How it is told to newcomers, once somebody has made it; none after a change."""

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return MODEL_BYTES + sum(self.sizes.values())


@dataclass(frozen=True, slots=True)
class Values:
    """Values for a widget's state, checked and measured; for large ones that takes long."""

    state: State
    sizes: dict[str, int]


def read_values(state: Any, paths: Any, buffers: Sequence[bytes]) -> Values | None:
    """Reads what a message says of a state; None when it says nothing."""
    if not isinstance(state, dict):
        return None
    state = mend(state, max_depth=MAX_DEPTH)[0]
    sizes = {key: len(key) + rough_size(value) for key, value in state.items()}
    for path, buffer in zip(_paths(paths), buffers, strict=False):
        if put_at(state, path, buffer):
            sizes[path[0]] = sizes.get(path[0], len(path[0])) + len(buffer)
    return Values(state, sizes)


def read_message(content: Mapping[str, Any], buffers: Sequence[bytes]) -> Values | None:
    """Does that with a message of a comm."""
    data = content.get("data")
    if not isinstance(data, dict):
        return None
    return read_values(data.get("state"), data.get("buffer_paths"), buffers)


class WidgetStates:
    """The widgets of one kernel, in the order in which they were opened.

    Args:
        limit: bytes kept. A widget that does not fit is not kept, and nothing of it is from then on.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._models: dict[str, Model] = {}
        self.size = 0

    def __len__(self) -> int:
        return len(self._models)

    def __iter__(self) -> Iterator[Model]:
        return iter(list(self._models.values()))

    def get(self, model_id: str) -> Model | None:
        """Returns a widget that lives and is kept."""
        return self._models.get(model_id)

    def clear(self) -> None:
        """Forgets everything: the kernel has ended."""
        self._models.clear()
        self.size = 0

    def hear(
        self,
        kind: str,
        content: Mapping[str, Any],
        metadata: Mapping[str, Any],
        values: Values | None,
        execution_id: str | None,
    ) -> Model | None:
        """Takes a message of a comm, from either side; returns the widget whose state it changed.

        Args:
            kind: its type.
            content: its content.
            metadata: its metadata.
            values: what :func:`read_message` made of it.
            execution_id: of the cell that caused it.
        """
        model_id, data = content.get("comm_id"), content.get("data")
        if not isinstance(model_id, str):
            return None
        if kind == "comm_close":
            self._drop(model_id)
            return None
        if not isinstance(data, dict):
            return None
        if kind == "comm_open":
            if content.get("target_name") != WIDGET_TARGET:
                return None
            self._drop(model_id)
            self._models[model_id] = Model(model_id, execution_id, mend(dict(metadata), max_depth=MAX_DEPTH)[0])
            self.size += MODEL_BYTES
        elif data.get("method") not in UPDATES:
            return None
        return self.update(model_id, values)

    def update(self, model_id: str, values: Values | None) -> Model | None:
        """Merges values into a widget's state; returns it unless it is unknown, or no longer kept."""
        model = self._models.get(model_id)
        if model is None or values is None:
            return None
        before = model.size
        # Values are replaced and never changed in place: whoever copied the state may read it beside the event loop.
        model.state.update(values.state)
        model.sizes.update(values.sizes)
        model.frame = None
        self.size += model.size - before
        if self.size > self._limit:
            self._drop(model_id)
            return None
        return model

    def replace_all(self, states: Any, paths: Any, buffers: Sequence[bytes]) -> list[Model]:
        """Takes what ``request_states`` was answered with; returns the widgets that were not known before."""
        found: list[Model] = []
        by_model: dict[str, list[tuple[Path, bytes]]] = {}
        for path, buffer in zip(_paths(paths), buffers, strict=False):
            # [model id, "state", key, …]
            if len(path) > 2 and path[1] == "state":
                by_model.setdefault(path[0], []).append((path[2:], buffer))
        for model_id, about in states.items() if isinstance(states, dict) else ():
            if not isinstance(about, dict):
                continue
            if model_id not in self._models:
                self._models[model_id] = Model(model_id, None, {"version": "2.1.0"})
                self.size += MODEL_BYTES
                found.append(self._models[model_id])
            own = by_model.get(model_id, [])
            paths_here, buffers_here = [path for path, _ in own], [buffer for _, buffer in own]
            self.update(model_id, read_values(about.get("state"), paths_here, buffers_here))
        return [model for model in found if model.model_id in self._models]

    def copies(self) -> dict[str, State]:
        """Returns the states by model id, as they are now."""
        return {model.model_id: dict(model.state) for model in self._models.values()}

    def _drop(self, model_id: str) -> None:
        model = self._models.pop(model_id, None)
        if model is not None:
            self.size -= model.size


def _paths(paths: Any) -> list[list[Any]]:
    """Returns buffer paths; one that is none comes out as a path that leads nowhere."""
    if not isinstance(paths, list):
        return []
    return [path if isinstance(path, list) and path and isinstance(path[0], str) else [""] for path in paths]


def put_at(state: State, path: Path, buffer: bytes) -> bool:
    """Puts a binary value where its path says; returns False where the path leads nowhere."""
    place: Any = state
    for step in path[:-1]:
        place = _step(place, step)
    if not path or path == [""]:
        return False
    last = path[-1]
    if isinstance(place, dict) and isinstance(last, str):
        place[last] = buffer
        return True
    if isinstance(place, list) and type(last) is int and 0 <= last < len(place):
        place[last] = buffer
        return True
    return False


def _step(place: Any, step: Any) -> Any:
    if isinstance(place, dict) and isinstance(step, str):
        return place.get(step)
    if isinstance(place, list) and type(step) is int and 0 <= step < len(place):
        return place[step]
    return None


def take_buffers(state: State) -> tuple[State, list[list[Any]], list[bytes]]:
    """Returns a state as JSON and what is binary in it: paths and values. In objects it is left out, in lists null."""
    paths: list[list[Any]] = []
    buffers: list[bytes] = []

    def without(value: Any, path: list[Any]) -> Any:
        if isinstance(value, dict):
            made: State = {}
            for key, item in value.items():
                if isinstance(item, bytes):
                    paths.append([*path, key])
                    buffers.append(item)
                else:
                    made[key] = without(item, [*path, key])
            return made
        if isinstance(value, list):
            items: list[Any] = []
            for index, item in enumerate(value):
                if isinstance(item, bytes):
                    paths.append([*path, index])
                    buffers.append(item)
                    items.append(None)
                else:
                    items.append(without(item, [*path, index]))
            return items
        return value

    return without(state, []), paths, buffers


def saved_models(states: Mapping[str, State]) -> dict[str, Any]:
    """Returns widgets as they are kept in a notebook's metadata."""
    return {model_id: saved_model(state) for model_id, state in states.items()}


def saved_model(state: State) -> dict[str, Any]:
    """Returns one widget as it is kept in a notebook."""
    plain, paths, buffers = take_buffers(state)
    saved: dict[str, Any] = {
        "model_name": state.get("_model_name"),
        "model_module": state.get("_model_module"),
        "model_module_version": state.get("_model_module_version"),
        "state": plain,
    }
    if buffers:
        saved["buffers"] = [
            {"path": path, "encoding": "base64", "data": base64.b64encode(buffer).decode("ascii")}
            for path, buffer in zip(paths, buffers, strict=True)
        ]
    return saved


def reachable(saved: Mapping[str, Any], shown: Iterable[str]) -> dict[str, Any]:
    """Returns of saved widgets those that are ``shown`` and all that these refer to."""
    found: dict[str, Any] = {}
    waiting = list(shown)
    while waiting:
        model_id = waiting.pop()
        if model_id in found or model_id not in saved:
            continue
        found[model_id] = saved[model_id]
        waiting.extend(_references(saved[model_id]))
    return {model_id: saved[model_id] for model_id in saved if model_id in found}


def _references(value: Any) -> Iterator[str]:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if item.startswith(REFERENCE):
                yield item.removeprefix(REFERENCE)
        elif isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def shown_models(outputs: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yields the widgets that outputs show."""
    for output in outputs:
        data = output.get("data")
        view = data.get(VIEW_TYPE) if isinstance(data, dict) else None
        model_id = view.get("model_id") if isinstance(view, dict) else None
        if isinstance(model_id, str):
            yield model_id

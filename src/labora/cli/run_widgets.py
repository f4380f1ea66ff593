"""Widgets of a notebook that runs without a page: their states go into the notebook that is written."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from labora.base.errors import LaboraError
from labora.base.ids import new_id
from labora.base.settings import LimitSettings
from labora.kernels.model import KernelMessage, KernelSession
from labora.notebook.widget_outputs import SHOWN_BYTES, TYPES, OutputWidgets, read_shown, replaces
from labora.notebook.widgets import STATE_TYPE, WidgetStates, read_message, saved_models, take_buffers

_COMMS = ("comm_open", "comm_msg", "comm_close")


class RunWidgets:
    """The widgets of one run."""

    def __init__(self, limits: LimitSettings) -> None:
        self._states = WidgetStates(limits.widget_bytes)
        self._outputs = OutputWidgets(self._states, min(SHOWN_BYTES, limits.widget_bytes // 4))

    def take(self, message: KernelMessage) -> bool:
        """Takes a message that is of a comm, or goes into an output widget; returns False for any other."""
        if message.type in _COMMS:
            with suppress(RecursionError):
                values = read_message(message.content, message.buffers)
                if replaces(message.type, values):
                    self._outputs.replaced(str(message.content.get("comm_id")))
                about = message.content, message.metadata, values, message.execution_id
                model = self._states.hear(message.type, *about)
                if model is not None:
                    self._outputs.follow(model)
            return True
        model = self._outputs.catches(message.parent_id) if message.type in TYPES else None
        if model is not None:
            self._outputs.show(model, read_shown(message.type, message.content))
        return model is not None

    async def tell(self, kernel: KernelSession) -> None:
        """Tells the kernel what its output widgets show."""
        for model in self._outputs.take_changed():
            state, paths, buffers = take_buffers({"outputs": model.state["outputs"]})
            data = {"method": "update", "state": state, "buffer_paths": paths}
            with suppress(LaboraError):
                # A kernel that has ended shows nothing any more.
                await kernel.comm(new_id(), "comm_msg", {"comm_id": model.model_id, "data": data}, buffers=buffers)

    def saved(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """Returns a notebook's metadata with the widgets' states, unless there are none."""
        if not len(self._states):
            return metadata
        self._outputs.settle()
        sections = metadata.get("widgets")
        whole = {"version_major": 2, "version_minor": 0, "state": saved_models(self._states.copies())}
        return {**metadata, "widgets": {**(sections if isinstance(sections, dict) else {}), STATE_TYPE: whole}}

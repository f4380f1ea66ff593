"""From a kernel's messages to output operations: what one execution shows in its cell.

Merging, ``\\r`` and ``\\b``, ``clear_output``, ``update_display_data``, large values by reference, a cap on what is
kept.
Time is linear in the messages: work is put off until :meth:`OutputReducer.flush`, which the room calls every 50 to
100 ms, when ``pending_bytes`` has grown, and before an execution is told to be done. Message semantics: Jupyter's
messaging specification, https://jupyter-client.readthedocs.io/en/stable/messaging.html.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labora.base.ids import new_id
from labora.base.settings import LimitSettings
from labora.notebook.jsontext import mend, without_lone_surrogates
from labora.notebook.model import FORM, Output, Store
from labora.notebook.operations import OutputOp
from labora.notebook.outputs import import_value, output_size, rough_size, short_error
from labora.notebook.streams import StreamText
from labora.notebook.tags import Tags, retagged, tag, tags_of, tags_to_clear

_MAX_ERRORS = 16
_MAX_METADATA = 64 * 1024
_MAX_DEPTH = 150
MESSAGE_TYPES = frozenset({"stream", "display_data", "execute_result", "error", "clear_output", "update_display_data"})
"""The message types that :meth:`OutputReducer.feed` takes notice of."""


@dataclass(frozen=True, slots=True)
class DisplayUpdate:
    """An ``update_display_data`` for outputs of other cells: see :func:`display_update_ops`."""

    data: dict[str, Any]
    metadata: dict[str, Any]
    form: dict[str, Any] | None


class OutputReducer:
    """The outputs of one execution.

    Args:
        store: takes values that do not stay inline.
        limits: ``inline_bytes``, ``output_stored_bytes`` and ``outputs`` count.
        display_scope: identity of the KernelSession's current life; display ids mean nothing outside of it.
        outputs: what the cell's slot holds already.
        make_id: makes the outputs' identifiers.
    """

    def __init__(
        self,
        store: Store,
        limits: LimitSettings,
        *,
        display_scope: str = "",
        outputs: Sequence[Output] = (),
        make_id: Callable[[], str] = new_id,
    ) -> None:
        self._store, self._limits, self._make_id, self._scope = store, limits, make_id, display_scope
        self._slots: list[Output | StreamText] = list(outputs)
        self._committed = len(self._slots)
        self._dirty: set[int] = set()
        self._displays: dict[str, list[int]] = {}
        self._elsewhere: dict[str, DisplayUpdate] = {}
        self._cleared = False
        self._waiting = False
        self._tags: Tags = frozenset()
        self._waiting_tags: Tags = frozenset()
        self._early: list[OutputOp] = []
        """Operations that come before those of the next flush."""
        self._start_count()
        for index, output in enumerate(outputs):
            self._stored += output_size(output)
            self._remember_display(output, index)

    def _start_count(self) -> None:
        self._stored = self._errors = self._dropped = 0
        self._notice: int | None = None
        self.pending_bytes = 0

    # -- messages --------------------------------------------------------------------------------------------------

    def feed(self, message_type: str, content: Mapping[str, Any]) -> None:
        """Takes one message of the execution; others than :data:`MESSAGE_TYPES` change nothing."""
        if message_type == "stream":
            text = content.get("text")
            if isinstance(text, str) and text:
                self._stream("stderr" if content.get("name") == "stderr" else "stdout", text)
        elif message_type in ("display_data", "execute_result"):
            self._display(message_type, content)
        elif message_type == "update_display_data":
            self._update_display(content)
        elif message_type == "error":
            self._error(content)
        elif message_type == "clear_output":
            self._clear(tags_to_clear(content), wait=bool(content.get("wait")))

    def _clear(self, tags: Tags, *, wait: bool) -> None:
        if wait:
            self._waiting, self._waiting_tags = self._waiting or not tags, tags
        elif tags:
            self._clear_tagged(tags)
        else:
            self.clear()

    def _clear_waiting(self) -> None:
        """Does what was put off until something new is shown."""
        if self._waiting:
            self.clear()
        elif self._waiting_tags:
            tags, self._waiting_tags = self._waiting_tags, frozenset()
            self._clear_tagged(tags)

    def clear(self) -> None:
        """Empties the cell, as ``clear_output`` does and as people do by hand."""
        self._slots.clear()
        self._dirty.clear()
        self._displays.clear()
        self._cleared, self._waiting, self._waiting_tags = True, False, frozenset()
        self._start_count()

    def _clear_tagged(self, tags: Tags) -> None:
        """Removes the outputs that have all of ``tags``; the others stay as they are, pages keep them untouched."""
        gone = [at for at, slot in enumerate(self._slots) if tags <= _slot_tags(slot)]
        if not gone:
            return
        self._early = self._pending_ops(final=False)
        last = self._slots[-1]
        for at in reversed(gone):
            slot = self._slots.pop(at)
            self._stored -= slot.size if isinstance(slot, StreamText) else output_size(slot)
            self._early.append({"op": "splice", "at": at, "remove": 1, "insert": []})
        if self._slots and self._slots[-1] is not last and isinstance(self._slots[-1], StreamText):
            # It was over when another output followed, and stays so.
            self._slots[-1] = self._slots[-1].output()
        if self._notice is not None:
            self._notice -= sum(at < self._notice for at in gone)
        self._committed = len(self._slots)
        self._displays.clear()
        for index, output in enumerate(self._slots):
            if isinstance(output, dict):
                self._remember_display(output, index)

    def _stream(self, name: str, text: str) -> None:
        self._clear_waiting()
        if self._notice is not None:
            self._drop(len(text))
            return
        last = self._slots[-1] if self._slots else None
        if not isinstance(last, StreamText) or (last.name, last.tags) != (name, self._tags):
            if not self._has_room(0):
                self._drop(len(text))
                return
            last = StreamText(self._make_id(), name, self._tags)
            self._add(last)
        last.feed(text)
        self._dirty.add(len(self._slots) - 1)
        self.pending_bytes += len(text)

    def _display(self, message_type: str, content: Mapping[str, Any]) -> None:
        data, metadata = _bundle(content)
        if data is None:
            return
        if (tags := retagged(self._tags, metadata)) is not None:
            self._tags = tags
            if not data:
                return
        self._clear_waiting()
        size = rough_size(data)
        if not self._has_room(size):
            self._drop(size)
            return
        output: Output = {"id": self._make_id(), "output_type": message_type, "data": {}, "metadata": metadata}
        if message_type == "execute_result":
            count = content.get("execution_count")
            output["execution_count"] = count if type(count) is int else None
        tag(output, self._tags)
        self._fill(output, data)
        if (display := self._display_key(content)) is not None:
            output["$display"] = display
        self._stored += output_size(output)
        self.pending_bytes += min(size, self._limits.inline_bytes)
        self._add(output)

    def _fill(self, output: Output, data: dict[str, Any]) -> None:
        forms = {}
        for media_type, value in data.items():
            output["data"][media_type], form = import_value(
                media_type, value, self._store, self._limits.inline_bytes, from_file=False
            )
            if form:
                forms[media_type] = form
        if forms:
            output[FORM] = {"data": forms}

    def _display_key(self, content: Mapping[str, Any]) -> str | None:
        transient = content.get("transient")
        display = transient.get("display_id") if isinstance(transient, dict) else None
        if not isinstance(display, str) or not display or len(display) > 1000:
            return None
        return f"{self._scope}/{without_lone_surrogates(display)}"

    def _update_display(self, content: Mapping[str, Any]) -> None:
        display = self._display_key(content)
        data, metadata = _bundle(content)
        if display is None or data is None:
            return
        made: Output = {"data": {}, "metadata": metadata}
        self._fill(made, data)
        self._elsewhere[display] = DisplayUpdate(made["data"], metadata, made.get(FORM))
        for index in self._displays.get(display, ()):
            old = self._slots[index]
            if isinstance(old, StreamText):
                continue
            new = _updated(old, self._elsewhere[display])
            growth = output_size(new) - output_size(old)
            if growth > 0 and not self._has_room(growth):
                self._drop(growth)
                continue
            self._stored += growth
            self._slots[index] = new
            self._dirty.add(index)
        self.pending_bytes += min(rough_size(data), self._limits.inline_bytes)

    def _error(self, content: Mapping[str, Any]) -> None:
        self._clear_waiting()
        self._errors += 1
        if self._errors > _MAX_ERRORS and not self._has_room(0):
            return
        trace = content.get("traceback")
        error = {
            "ename": _text(content.get("ename")),
            "evalue": _text(content.get("evalue")),
            "traceback": [_text(entry) for entry in trace] if isinstance(trace, list) else [],
        }
        shown: Output = {"id": self._make_id(), "output_type": "error", **short_error(error)}
        if any(shown[key] != error[key] for key in error):
            whole, _ = import_value("application/json", {**error, "output_type": "error"}, self._store, 0)
            shown["$raw"] = whole
        tag(shown, self._tags)
        self._stored += output_size(shown)
        self.pending_bytes += rough_size(shown)
        self._add(shown)

    # -- limits ----------------------------------------------------------------------------------------------------

    def _has_room(self, size: int) -> bool:
        if self._notice is not None:
            return False
        return self._stored + size <= self._limits.output_stored_bytes and len(self._slots) < self._limits.outputs

    def _drop(self, size: int) -> None:
        """Counts what is not kept, and says so in a notice behind the last output that is."""
        self._dropped += size
        if self._notice is None:
            self._notice = len(self._slots)
            self._add({"id": self._make_id(), "output_type": "labora_notice", "code": "output_cut"})
        self._dirty.add(self._notice)

    def _write_notice(self) -> None:
        if self._notice is None or self._notice not in self._dirty:
            return
        kept = self._limits.output_stored_bytes // (1024 * 1024)
        message = (
            f"This cell's output passed what is kept of one cell ({kept} MB or {self._limits.outputs} outputs). "
            f"About {self._dropped} bytes after this point were not kept."
        )
        notice = self._slots[self._notice]
        if isinstance(notice, dict):
            self._slots[self._notice] = {**notice, "message": message}

    def _add(self, slot: Output | StreamText) -> None:
        if isinstance(slot, dict):
            self._remember_display(slot, len(self._slots))
        if self._slots and isinstance(self._slots[-1], StreamText):
            self._dirty.add(len(self._slots) - 1)  # it is over: what it held back comes out
        self._slots.append(slot)

    def _remember_display(self, output: Output, index: int) -> None:
        if display := output.get("$display"):
            self._displays.setdefault(display, []).append(index)

    # -- committing ------------------------------------------------------------------------------------------------

    def flush(self, *, final: bool = False) -> list[OutputOp]:
        """Returns the operations that bring the cell's outputs up to date, and counts them as done.

        Args:
            final: nothing more will come; an unfinished escape sequence is let through.
        """
        ops = self._pending_ops(final=final)
        self.pending_bytes = 0
        return ops

    def _pending_ops(self, *, final: bool) -> list[OutputOp]:
        if final and self._slots:
            self._dirty.add(len(self._slots) - 1)
        for index in sorted(self._dirty):
            self._settle(index, final=final)
        self._write_notice()
        ops, self._early = self._early, []
        if self._cleared:
            if self._committed or self._slots:
                ops.append({"op": "splice", "at": 0, "remove": self._committed, "insert": self._made(0)})
        else:
            for index in sorted(self._dirty):
                if index < self._committed:
                    ops += self._changes(index)
            if len(self._slots) > self._committed:
                made = self._made(self._committed)
                ops.append({"op": "splice", "at": self._committed, "remove": 0, "insert": made})
        self._committed = len(self._slots)
        self._dirty.clear()
        self._cleared = False
        return ops

    def _settle(self, index: int, *, final: bool) -> None:
        """Works a stream's new text in, as far as there is room."""
        slot = self._slots[index]
        if not isinstance(slot, StreamText):
            return
        ends = final or index != len(self._slots) - 1
        room = self._limits.output_stored_bytes - self._stored
        before = slot.size
        left_out = slot.settle(self._store, room=room, ends=ends)
        self._stored += slot.size - before
        if left_out:
            self._drop(left_out)

    def _made(self, start: int) -> list[Output]:
        return [slot.output() if isinstance(slot, StreamText) else slot for slot in self._slots[start:]]

    def _changes(self, index: int) -> list[OutputOp]:
        slot = self._slots[index]
        if isinstance(slot, StreamText):
            return slot.changes(index)
        return [{"op": "splice", "at": index, "remove": 1, "insert": [slot]}]

    def take_display_updates(self) -> dict[str, DisplayUpdate]:
        """Returns the updates for outputs of other cells since the last call; see :func:`display_update_ops`."""
        updates, self._elsewhere = self._elsewhere, {}
        return updates

    # -- over a restart --------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """Returns, right after a flush, what the committed outputs do not tell; JSON for :meth:`restore`."""
        last = self._slots[-1] if self._slots else None
        return {
            "version": 1,
            "waiting": self._waiting,
            "waiting_tags": sorted(self._waiting_tags),
            "tags": sorted(self._tags),
            "errors": self._errors,
            "dropped": self._dropped,
            "notice": self._notice,
            "scope": self._scope,
            "stream": last.state() if isinstance(last, StreamText) else None,
        }

    @classmethod
    def restore(
        cls,
        snapshot: Mapping[str, Any],
        outputs: Sequence[Output],
        store: Store,
        limits: LimitSettings,
        *,
        make_id: Callable[[], str] = new_id,
    ) -> OutputReducer:
        """Returns the reducer that told ``snapshot`` when the cell's slot held ``outputs``."""
        self = cls(store, limits, display_scope=snapshot["scope"], outputs=outputs, make_id=make_id)
        self._waiting, self._errors = snapshot["waiting"], snapshot["errors"]
        self._tags = frozenset(snapshot.get("tags", ()))
        self._waiting_tags = frozenset(snapshot.get("waiting_tags", ()))
        self._dropped, self._notice = snapshot["dropped"], snapshot["notice"]
        if snapshot["stream"] is not None and outputs:
            self._slots[-1] = StreamText.restored(outputs[-1], snapshot["stream"])
        return self


def display_update_ops(outputs: Sequence[Output], updates: Mapping[str, DisplayUpdate]) -> list[OutputOp]:
    """Returns the operations that bring updates, by display, into the outputs of another cell, in one pass."""
    return [
        {"op": "splice", "at": index, "remove": 1, "insert": [_updated(output, updates[display])]}
        for index, output in enumerate(outputs)
        if (display := output.get("$display")) is not None and display in updates
    ]


def _slot_tags(slot: Output | StreamText) -> Tags:
    return slot.tags if isinstance(slot, StreamText) else tags_of(slot)


def _updated(output: Output, update: DisplayUpdate) -> Output:
    new = {key: value for key, value in output.items() if key != FORM}
    new |= {"data": update.data, "metadata": update.metadata}
    return new | {FORM: update.form} if update.form else new


def _bundle(content: Mapping[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    data, metadata = content.get("data"), content.get("metadata")
    if not isinstance(data, dict):
        return None, {}
    data = mend(data, max_depth=_MAX_DEPTH)[0]
    metadata = mend(metadata, max_depth=_MAX_DEPTH)[0] if isinstance(metadata, dict) else {}
    if (size := rough_size(metadata)) > _MAX_METADATA:
        metadata = {"labora": {"left_out": size}}
    return data, metadata


def _text(value: Any) -> str:
    return without_lone_surrogates(value) if isinstance(value, str) else ""

"""The comms of one account's kernel in one room: who is told what, and the state of its widgets.

Nothing of it is durable. The kernel has the widgets; what is kept here is for pages that come later, and is asked of
the kernel again after a restart of the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from labora.base.errors import ConflictError, LaboraError
from labora.base.ids import new_id
from labora.base.logging import get_logger
from labora.kernels.model import KernelMessage, KernelSession
from labora.notebook.outputs import rough_size
from labora.notebook.widget_outputs import SHOWN_BYTES, TYPES, OutputWidgets, read_shown, replaces
from labora.notebook.widgets import WIDGET_TARGET, Model, State, WidgetStates, read_message, take_buffers
from labora.rooms.comm_messages import COMM_TYPES, CONTROL_TARGET, MAX_ID, CommMessage
from labora.rooms.liveness import require_live
from labora.rooms.privacy import Privacy
from labora.rooms.room import Room
from labora.rooms.subscriber import Subscriber, comm_frame

HEAVY_BYTES = 256 * 1024
"""JSON of more bytes is read and written beside the event loop."""
MAX_WAITING = 64
"""Comm messages of one socket that its kernel has not dealt with."""
OUTGOING_BYTES = 32 * 1024 * 1024
"""Comm messages of all sockets that are held for one kernel."""

log = get_logger("rooms")


@dataclass(frozen=True, slots=True)
class _Outgoing:
    message_id: str
    execution_id: str | None
    type: str
    content: dict[str, Any]
    metadata: dict[str, Any]
    buffers: Sequence[bytes]
    size: int


class Comms:
    """Carries messages between a kernel and the sockets of a room.

    Args:
        room: the notebook.
        account_id: whose kernel it is.
        session: returns the kernel's door as it is now; None without one.
    """

    def __init__(self, room: Room, account_id: str, session: Callable[[], KernelSession | None]) -> None:
        self._room = room
        self._account_id = account_id
        self._session = session
        limits = room.settings.limits
        self._limit = limits.comm_sent_bytes
        self.widgets = WidgetStates(limits.widget_bytes)
        self._outputs = OutputWidgets(self.widgets, min(SHOWN_BYTES, limits.widget_bytes // 4))
        self._privacy = Privacy(room, account_id)
        # Output widgets whose contents the kernel does not know yet, and the messages that tell it.
        self._unsynced: dict[str, None] = {}
        self._syncs: set[str] = set()
        # Message id in the kernel → the socket that waits and its own id.
        self._waiting: dict[str, tuple[Subscriber, str]] = {}
        self._control: str | None = None
        self._anything = False
        self._outgoing: asyncio.Queue[_Outgoing] = asyncio.Queue()
        self._outgoing_bytes = 0

    # -- from the kernel ----------------------------------------------------------------------------------------------

    async def hear(self, messages: list[KernelMessage]) -> list[KernelMessage]:
        """Takes what comms say and what goes into output widgets; returns a batch in which these say nothing more."""
        rest: list[KernelMessage] = []
        for message in messages:
            if message.channel == "iopub" and message.type in COMM_TYPES:
                try:
                    await self._from_kernel(message)
                except RecursionError:
                    # Nested deeper than anything that widgets say.
                    log.info("comm_left_out", file_id=self._room.file_id)
            elif message.channel == "iopub" and message.type in TYPES and await self._catch(message):
                pass
            else:
                if message.channel == "agent" and message.type in ("started", "died") and message.execution_id is None:
                    self.gone()
                rest.append(message)
                continue
            rest.append(replace(message, channel="agent", type="taken", content={}, metadata={}, buffers=(), size=0))
        await self._show_outputs()
        return rest

    def done(self, messages: list[KernelMessage]) -> None:
        """What a batch did is durable: tells pages which of their messages the kernel has dealt with."""
        for message in messages:
            if message.channel != "agent" or message.type not in ("comm_done", "done"):
                continue
            if message.type == "comm_done":
                self._syncs.discard(str(message.content.get("id")))
                found = self._waiting.pop(str(message.content.get("id")), None)
                if found is not None:
                    found[0].comms -= 1
                    found[0].control({"type": "comm_done", "id": found[1]})
            self._sync_outputs()

    async def _from_kernel(self, message: KernelMessage) -> None:
        content, buffers = message.content, message.buffers
        comm_id = content.get("comm_id")
        if not isinstance(comm_id, str) or not 0 < len(comm_id) <= MAX_ID:
            return
        if comm_id == self._control:
            self._states_came(message)
            return
        if message.call_id in self._syncs and _method(content) == "echo_update":
            # It says what the kernel was told, and newer output may have come since.
            return
        large = message.size > HEAVY_BYTES + sum(map(len, buffers))
        values = await asyncio.to_thread(read_message, content, buffers) if large else read_message(content, buffers)
        private = self._heard(comm_id, message.execution_id)
        if replaces(message.type, values):
            self._outputs.replaced(comm_id)
        model = self.widgets.hear(message.type, content, message.metadata, values, message.execution_id)
        if message.type == "comm_close":
            self._privacy.ended(comm_id)
        if model is not None:
            self._outputs.follow(model)
        if message.size > self._limit:
            log.info("comm_too_large", file_id=self._room.file_id, bytes=message.size)
            return
        about = {key: content[key] for key in ("target_name", "target_module") if content.get(key) is not None}
        header = {
            "type": message.type,
            "account_id": self._account_id,
            "execution_id": message.execution_id,
            "content": {"comm_id": comm_id, **about, "data": content.get("data") or {}},
            "metadata": message.metadata,
        }
        frame = await asyncio.to_thread(comm_frame, header, buffers) if large else None
        sender = self._waiting.get(message.call_id or "")
        self._tell(header, buffers, private=private, sender=sender, frame=frame)

    def _heard(self, comm_id: str, execution_id: str | None) -> bool:
        """Takes note of what a comm carries for an execution; returns whether it is told to its account alone."""
        model = self.widgets.get(comm_id)
        return self._privacy.hears(comm_id, execution_id, model.execution_id if model is not None else None)

    async def _catch(self, message: KernelMessage) -> bool:
        model = self._outputs.catches(message.parent_id)
        if model is None:
            return False
        large = message.size > HEAVY_BYTES
        about = message.type, message.content
        shown = await asyncio.to_thread(read_shown, *about) if large else read_shown(*about)
        self._heard(model.model_id, message.execution_id)
        self._outputs.show(model, shown)
        return True

    async def _show_outputs(self) -> None:
        for model in self._outputs.take_changed():
            self._unsynced[model.model_id] = None
            await self._tell_outputs(model)

    def _sync_outputs(self) -> None:
        """Tells the kernel what its output widgets show; once what they caught has ended, not at every line."""
        for model_id in list(self._unsynced):
            model = self.widgets.get(model_id)
            if model is not None:
                state, paths, buffers = take_buffers({"outputs": model.state["outputs"]})
                data = {"method": "update", "state": state, "buffer_paths": paths}
                self._syncs.add(self._put(None, "comm_msg", {"comm_id": model_id, "data": data}, {}, buffers))
        self._unsynced.clear()

    # -- to the pages -------------------------------------------------------------------------------------------------

    def snapshot(self, subscriber: Subscriber) -> list[bytes]:
        """Returns the frames that tell a new socket of the widgets that live."""
        own = subscriber.account_id == self._account_id
        shown = [model for model in self.widgets if own or not self._is_private(model)]
        return [self._frame(model) for model in shown]

    def public_states(self) -> dict[str, State]:
        """Returns the states of the widgets that everybody may see, by model id, as they are now."""
        states = self.widgets.copies()
        return {model.model_id: states[model.model_id] for model in self.widgets if not self._is_private(model)}

    def _frame(self, model: Model) -> bytes:
        if model.frame is None:
            model.frame = comm_frame(*self._opened(model))
        return model.frame

    def _opened(self, model: Model) -> tuple[dict[str, Any], list[bytes]]:
        state, paths, buffers = take_buffers(model.state)
        content = {"comm_id": model.model_id, "target_name": WIDGET_TARGET}
        header = {
            "type": "comm_open",
            "account_id": self._account_id,
            "execution_id": model.execution_id,
            "content": {**content, "data": {"state": state, "buffer_paths": paths}},
            "metadata": model.metadata,
            "snapshot": True,
        }
        return header, buffers

    async def _tell_outputs(self, model: Model) -> None:
        """Tells what an output widget shows, all of it."""
        state, began = {"outputs": model.state["outputs"]}, self._room.clock.monotonic()

        def make() -> tuple[dict[str, Any], list[bytes], bytes]:
            plain, paths, buffers = take_buffers(state)
            data = {"method": "update", "state": plain, "buffer_paths": paths}
            header = {
                "type": "comm_msg",
                "account_id": self._account_id,
                "execution_id": model.execution_id,
                "content": {"comm_id": model.model_id, "data": data},
                "metadata": {},
            }
            return header, buffers, comm_frame(header, buffers)

        large = model.sizes.get("outputs", 0) > HEAVY_BYTES
        header, buffers, frame = await asyncio.to_thread(make) if large else make()
        if self.widgets.get(model.model_id) is not model or model.state["outputs"] is not state["outputs"]:
            # It has ended meanwhile, or a page has set it, and that was told.
            return
        self._tell(header, buffers, private=self._is_private(model), frame=frame)
        if large:
            # All of it is told again with every batch: the others shall not wait for that.
            await asyncio.sleep(self._room.clock.monotonic() - began)

    def _tell(
        self,
        header: dict[str, Any],
        buffers: Sequence[bytes],
        *,
        private: bool,
        sender: tuple[Subscriber, str] | None = None,
        but: Subscriber | None = None,
        frame: bytes | None = None,
    ) -> None:
        """Sends to every socket that may know; to the one that caused it with the id of its message."""
        self._anything = True
        for subscriber in list(self._room.subscribers.values()):
            if subscriber is but or (private and subscriber.account_id != self._account_id):
                continue
            if sender is not None and subscriber is sender[0]:
                subscriber.reply(comm_frame({**header, "parent_id": sender[1]}, buffers))
                continue
            frame = frame or comm_frame(header, buffers)
            subscriber.reply(frame)

    def _is_private(self, model: Model) -> bool:
        return self._privacy.is_private(model.model_id, model.execution_id)

    def gone(self) -> None:
        """The kernel ended, or begins anew: its comms are no more."""
        self.widgets.clear()
        self._outputs.clear()
        self._privacy.clear()
        self._unsynced.clear()
        self._syncs.clear()
        self._control = None
        while not self._outgoing.empty():
            self._outgoing_bytes -= self._outgoing.get_nowait().size
        for subscriber, own_id in self._waiting.values():
            subscriber.comms -= 1
            refusal = {"code": "kernel_dead", "message": "The kernel has ended."}
            subscriber.control({"type": "comm_refused", "id": own_id, **refusal})
        self._waiting.clear()
        if self._anything:
            self._tell({"type": "comms_gone", "account_id": self._account_id}, (), private=False)
        self._anything = False

    # -- to the kernel ------------------------------------------------------------------------------------------------

    def take(self, subscriber: Subscriber, message: CommMessage) -> None:
        """Takes what a page says; its answer is ``comm_done`` or ``comm_refused``, later.

        Raises:
            ForbiddenError: ``not_live``.
            ConflictError: there is no kernel, or too much waits for it.
        """
        require_live(self._room.seen_by(self._account_id), subscriber.account_id, message.execution_id)
        if self._session() is None:
            raise ConflictError("You have no kernel here. Connect first.", code="no_runtime")
        if subscriber.comms >= MAX_WAITING:
            raise ConflictError("The kernel is busy and too much waits for it already.", code="too_many_calls")
        about = message.execution_id, message.type, message.content, message.metadata, message.buffers
        message_id = self._put(*about, limit=OUTGOING_BYTES)
        comm_id = message.content["comm_id"]
        private = self._heard(comm_id, message.execution_id)
        values = read_message(message.content, message.buffers)
        if replaces(message.type, values):
            self._outputs.replaced(comm_id)
        model = self.widgets.hear(message.type, message.content, message.metadata, values, message.execution_id)
        if model is not None:
            self._outputs.follow(model)
            header = {
                "type": message.type,
                "account_id": self._account_id,
                "execution_id": message.execution_id,
                "content": message.content,
                "metadata": message.metadata,
            }
            self._tell(header, message.buffers, private=private, but=subscriber)
        subscriber.comms += 1
        self._waiting[message_id] = (subscriber, message.id)

    def recover(self) -> None:
        """Asks the kernel for the states of its widgets; for a server that was started anew."""
        self._control = f"labora-{new_id()}"
        opening = {"comm_id": self._control, "target_name": CONTROL_TARGET, "data": {}}
        asking = {"comm_id": self._control, "data": {"method": "request_states"}}
        for kind, content in (("comm_open", opening), ("comm_msg", asking)):
            self._put(None, kind, content, {"version": "1.0.0"}, ())

    def _states_came(self, message: KernelMessage) -> None:
        data = message.content.get("data")
        if message.type == "comm_msg" and isinstance(data, dict) and data.get("method") == "update_states":
            for model in self.widgets.replace_all(data.get("states"), data.get("buffer_paths"), message.buffers):
                self._outputs.follow(model)
                header, buffers = self._opened(model)
                self._tell(header, buffers, private=self._privacy.recovers(model.model_id))
            self._put(None, "comm_close", {"comm_id": message.content["comm_id"], "data": {}}, {}, ())
        elif message.type == "comm_close":
            self._control = None

    def _put(
        self,
        execution_id: str | None,
        kind: str,
        content: dict[str, Any],
        metadata: dict[str, Any],
        buffers: Sequence[bytes],
        limit: int | None = None,
    ) -> str:
        """Queues a message for the kernel and returns its id. Raises ConflictError where more than ``limit`` waits."""
        size = rough_size(content) + rough_size(metadata) + sum(map(len, buffers))
        if limit is not None and self._outgoing_bytes + size > limit:
            raise ConflictError("The kernel is busy and too much waits for it already.", code="too_many_calls")
        message_id = new_id()
        self._outgoing_bytes += size
        self._outgoing.put_nowait(_Outgoing(message_id, execution_id, kind, content, metadata, buffers, size))
        return message_id

    async def send_forever(self) -> None:
        """Sends to the kernel, one message after the other and in order."""
        while True:
            out = await self._outgoing.get()
            session = self._session()
            try:
                if session is None:
                    raise ConflictError("You have no kernel here. Connect first.", code="no_runtime")
                await session.comm(
                    out.message_id,
                    out.type,
                    out.content,
                    execution_id=out.execution_id,
                    metadata=out.metadata,
                    buffers=out.buffers,
                )
            except LaboraError as error:
                self._refused(out.message_id, error)
            finally:
                self._outgoing_bytes -= out.size

    def _refused(self, message_id: str, error: LaboraError) -> None:
        self._syncs.discard(message_id)
        found = self._waiting.pop(message_id, None)
        if found is None:
            log.info("comm_not_sent", file_id=self._room.file_id, code=error.error_code)
            return
        found[0].comms -= 1
        found[0].control({"type": "comm_refused", "id": found[1], "code": error.error_code, "message": error.message})


def _method(content: dict[str, Any]) -> Any:
    data = content.get("data")
    return data.get("method") if isinstance(data, dict) else None

"""What the frames of live outputs do: call functions, speak to comms, answer asks, and save widgets."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from typing import Any

from labora.base.errors import ConflictError, ForbiddenError, InvalidError, LaboraError, TooLargeError
from labora.notebook.widgets import STATE_TYPE, reachable, saved_models, shown_models
from labora.rooms.comm_messages import read_comm
from labora.rooms.kernel import KernelWorker
from labora.rooms.liveness import require_live
from labora.rooms.room import EMPTY_UPDATE, Room
from labora.rooms.subscriber import Subscriber, comm_frame, control_frame

MAX_NAME = 256
MAX_ID = 64

FindWorker = Callable[[Room, str], KernelWorker | None]


class Live:
    """The verbs of live outputs.

    Args:
        find: returns the worker of an account's kernel in a room.
        workers: returns those of all accounts.
    """

    def __init__(self, find: FindWorker, workers: Callable[[Room], list[KernelWorker]]) -> None:
        self._find = find
        self._workers = workers

    # -- sockets ------------------------------------------------------------------------------------------------------

    def greeting(self, room: Room, subscriber: Subscriber) -> list[bytes]:
        """Returns what a new socket is told of the asks that wait and the widgets that live."""
        frames = [frame for worker in self._workers(room) for frame in worker.comms.snapshot(subscriber)]
        return [*self._waiting(room, subscriber), *frames, comm_frame({"type": "comms_ready"})]

    def _waiting(self, room: Room, subscriber: Subscriber) -> list[bytes]:
        worker = self._find(room, subscriber.account_id)
        if worker is not None and worker.session is not None:
            return [control_frame({"type": "asks", "ids": worker.asks.of_pages()})]
        runtime = room.state["runtimes"].get(subscriber.account_id)
        # After a start of this server the agent has yet to say what waits there: nothing is known to be over.
        known = runtime is None or runtime["status"] != "ready"
        return [control_frame({"type": "asks", "ids": []})] if known else []

    def moved(self, room: Room, subscriber: Subscriber, joined: bool) -> None:
        """A socket joined or left a room."""
        worker = self._find(room, subscriber.account_id)
        if worker is not None:
            worker.asks.moved(subscriber, joined=joined)

    # -- verbs --------------------------------------------------------------------------------------------------------

    async def call(
        self, room: Room, subscriber: Subscriber, key: str, execution_id: str, name: str, args: Any, kwargs: Any
    ) -> dict[str, Any]:
        """Calls a function that the account's program registered, once its kernel is free.

        Args:
            room: the notebook.
            subscriber: who calls.
            key: the same call has the same, also when it is sent again.
            execution_id: of the cell whose output calls.
            name: under which it was registered.
            args: positional arguments, a list.
            kwargs: named ones, an object.

        Returns:
            The result's data, or the error that it raised, as in Jupyter's ``user_expressions``.

        Raises:
            ForbiddenError: ``not_live``.
            ConflictError: there is no kernel, it speaks another language, or too many calls wait for it.
            GoneError: the kernel died, or was restarted, before it came to an answer.
            TooLargeError: the result is larger than ``limits.call_bytes``.
        """
        account_id = subscriber.account_id
        require_live(room.seen_by(account_id), account_id, execution_id)
        if not isinstance(args, list) or not isinstance(kwargs, dict) or not 0 < len(name) <= MAX_NAME:
            raise InvalidError("A call has a name, a list of arguments and an object of named ones.")
        worker = self._find(room, account_id)
        if worker is None or worker.session is None:
            raise ConflictError("You have no kernel here. Connect first.", code="no_runtime")
        language = room.state["runtimes"][account_id]["language"]
        if language is not None and language["name"] != "python":
            raise ConflictError("Only Python kernels have functions that outputs can call.", code="no_functions")
        call_id = hashlib.sha256(key.encode()).hexdigest()[:MAX_ID]
        found = await worker.session.evaluate(
            call_id, {"result": invocation(name, args, kwargs)}, execution_id=execution_id
        )
        result = found.get("result")
        if not isinstance(result, dict):
            raise ConflictError("The kernel gave no result.", code="no_result")
        limit = room.settings.limits.call_bytes
        if (size := len(json.dumps(result))) > limit:
            raise TooLargeError(
                f"The result has {size:,} bytes, at most {limit:,} are passed on. Return less, or write it to a file.",
                code="result_too_large",
                details={"limit": limit, "actual": size},
            )
        # What the function printed stands below its cell before the caller has the result.
        await worker.drain()
        return result

    async def answer(self, room: Room, subscriber: Subscriber, ask_id: str, answer: dict[str, Any]) -> dict[str, Any]:
        """Answers what a program asked this page. Raises NotFoundError ``no_such_ask``, GoneError."""
        worker = self._find(room, subscriber.account_id)
        if worker is None:
            raise ConflictError("You have no kernel here. Connect first.", code="no_runtime")
        await worker.asks.answer(subscriber, ask_id, answer)
        return {}

    def comm(self, room: Room, subscriber: Subscriber, header: dict[str, Any], buffers: tuple[bytes, ...]) -> None:
        """Takes a frame of the lane of comms. Raises InvalidError for one that cannot be answered."""
        own_id = header.get("id")
        if not isinstance(own_id, str) or not 0 < len(own_id) <= MAX_ID:
            raise InvalidError("A message of a comm needs an id of at most 64 characters.")
        try:
            message = read_comm(header, buffers)
            if not subscriber.may_run:
                raise ForbiddenError("This credential was made without the right to run.", code="forbidden")
            # Whoever has no kernel here has no live output either.
            require_live(room.seen_by(subscriber.account_id), subscriber.account_id, message.execution_id)
            worker = self._find(room, subscriber.account_id)
            if worker is None:
                raise ConflictError("You have no kernel here. Connect first.", code="no_runtime")
            worker.comms.take(subscriber, message)
        except LaboraError as error:
            refusal = {"code": error.error_code, "message": error.message}
            subscriber.control({"type": "comm_refused", "id": own_id, **refusal})

    async def save_widgets(self, room: Room, subscriber: Subscriber) -> dict[str, Any]:
        """Writes the state of the account's live widgets into the notebook; returns how many there are.

        Of those that were saved before the ones go that no output shows any more.

        Raises:
            ForbiddenError: the notebook cannot be edited, or omits its outputs.
            ConflictError: the account has no live widgets here.
            TooLargeError: they are larger than ``limits.widgets_saved_bytes``.
        """
        document = room.require_document()
        if room.omits:
            raise ForbiddenError("This notebook omits its outputs; widgets are outputs too.", code="outputs_omitted")
        worker = self._find(room, subscriber.account_id)
        if worker is None or not len(worker.comms.widgets):
            raise ConflictError("You have no live widgets in this notebook. Run its cells first.", code="no_widgets")
        await room.settled()
        limit = room.settings.limits.widgets_saved_bytes
        states = worker.comms.public_states()
        if not states:
            raise ForbiddenError(
                "Your live widgets were made while this notebook omitted its outputs, so they are not saved. Run their "
                "cells again first.",
                code="outputs_omitted",
            )
        if worker.comms.widgets.size > 2 * limit:
            raise _too_large(worker.comms.widgets.size, limit)
        present = document.metadata_value("widgets")
        sections = present if isinstance(present, dict) else {}
        before = sections.get(STATE_TYPE)
        old = before.get("state") if isinstance(before, dict) else None
        deleted = {cell.id for cell in document.cells() if cell.deleted}
        outputs = [out for key, cell in room.state["cells"].items() if key not in deleted for out in cell["outputs"]]
        kept = reachable(old, shown_models(outputs)) if isinstance(old, dict) else {}
        whole, size = await asyncio.to_thread(_saved, kept, states)
        if size > limit:
            raise _too_large(size, limit)
        await room.settled()
        update = document.set_metadata({"widgets": {**sections, STATE_TYPE: whole}})
        if update != EMPTY_UPDATE:
            room.add_update(update, author=subscriber.account_id)
            await room.settled()
        return {"widgets": len(states)}


def _saved(kept: dict[str, Any], states: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Returns what is kept in the metadata, and its size as JSON."""
    whole = {"version_major": 2, "version_minor": 0, "state": {**kept, **saved_models(states)}}
    return whole, len(json.dumps(whole))


def _too_large(size: int, limit: int) -> TooLargeError:
    return TooLargeError(
        f"The widgets have {size:,} bytes, at most {limit:,} are kept in a notebook.",
        code="widgets_too_large",
        details={"limit": limit, "actual": size},
    )


def invocation(name: str, args: list[Any], kwargs: dict[str, Any]) -> str:
    """Returns the expression that calls a registered function. Name and arguments are data in it, never code."""
    data = ", ".join(ascii(text) for text in (name, json.dumps(args), json.dumps(kwargs)))
    return f"__import__('importlib').import_module('google.colab.output._js')._invoke_function({data})"

"""The control lane: every verb of a client, the ability it needs, and its answer (docs/protocols.md, section 1)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from labora.access import Scope
from labora.base.errors import ConflictError, ForbiddenError, InvalidError, LaboraError, NotFoundError, RateLimitedError
from labora.base.ids import new_id
from labora.base.logging import get_logger
from labora.kernels.asks import granted, refused
from labora.notebook.document import CellView
from labora.notebook.model import tags_of
from labora.rooms import operations as op
from labora.rooms.live import MAX_NAME, Live
from labora.rooms.model import Note, Person
from labora.rooms.room import Room
from labora.rooms.subscriber import Subscriber

MAX_IN_FLIGHT = 64
MAX_CODE = 1024 * 1024
MAX_MESSAGE = 4096

log = get_logger("rooms")


class RoomServices(Protocol):
    """What commands need beyond the room; :class:`labora.rooms.service.Rooms` is one."""

    async def complete(self, room: Room, account_id: str, code: str, cursor: int) -> dict[str, Any]: ...

    async def inspect(self, room: Room, account_id: str, code: str, cursor: int, detail: int) -> dict[str, Any]: ...

    async def consent(
        self, room: Room, account_id: str, execution_id: str, request_id: str, *, allow: bool, always: bool
    ) -> dict[str, Any]: ...

    @property
    def live(self) -> Live: ...

    async def checkpoint(self, room: Room, *, name: str | None, author: str | None) -> str | None: ...

    def look(self) -> None: ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> None: ...


@dataclass(frozen=True, slots=True)
class _Call:
    room: Room
    subscriber: Subscriber
    services: RoomServices
    message: dict[str, Any]
    key: str

    @property
    def account(self) -> Person:
        return {"id": self.subscriber.account_id, "name": self.subscriber.account["name"]}

    def perform(self, operation: op.Operation) -> dict[str, Any]:
        """Performs an operation whose answer is kept: a retry gets it again, also after a restart."""

        def notes(result: dict[str, Any]) -> list[Note]:
            return [{"type": "command", "id": self.key, "answer": result}]

        return self.room.perform(operation, author=self.account["id"], notes=notes, then=self.answer)

    def answer(self, result: dict[str, Any]) -> None:
        self.subscriber.control({"type": "ack", "id": self.message["id"], "result": result})

    def texts(self, name: str, *, required: bool = True) -> tuple[str, ...]:
        """Returns a list of strings. Raises InvalidError."""
        value = self.message.get(name)
        if value is None and not required:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise InvalidError(f"{name} is a list of ids.", details={"argument": name})
        if len(value) > self.room.settings.limits.cells:
            raise InvalidError(f"{name} is too long.", details={"argument": name})
        return tuple(dict.fromkeys(value))

    def text(self, name: str, limit: int = 128) -> str:
        """Returns a string. Raises InvalidError."""
        value = self.message.get(name)
        if not isinstance(value, str) or len(value) > limit:
            raise InvalidError(f"{name} is a text of at most {limit} characters.", details={"argument": name})
        return value

    def cursor(self) -> int:
        value = self.message.get("cursor")
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise InvalidError("cursor is a number of UTF-16 units.", details={"argument": "cursor"})
        return value


def _cell(room: Room, cell_id: str) -> CellView:
    if room.document is not None:
        with suppress(NotFoundError):
            cell = room.document.cell(cell_id)
            if not cell.deleted:
                return cell
    raise NotFoundError("This cell was deleted.", code="no_such_cell", details={"cell_id": cell_id})


def _execute(call: _Call) -> None:
    cells = codes([_cell(call.room, cell_id) for cell_id in call.texts("cells")])
    stop = call.message.get("stop_on_error", True) is not False
    result = call.perform(op.Execute(call.account, cells, call.key, stop))
    call.room.sent_by([execution["id"] for execution in result["executions"]], call.subscriber)


def codes(cells: Iterable[CellView]) -> tuple[op.CellCode, ...]:
    """Returns what runs of ``cells``: the code cells, as they stand now. A cell tagged as expected to fail may."""
    return tuple(
        op.CellCode(
            cell.id,
            cell.source,
            hashlib.sha256(cell.source.encode("utf-8", "surrogatepass")).hexdigest(),
            new_id(),
            may_fail="raises-exception" in tags_of(cell.metadata),
        )
        for cell in cells
        if cell.kind == "code"
    )


def _cancel(call: _Call) -> None:
    executions, cells = call.texts("executions", required=False), call.texts("cells", required=False)
    call.perform(op.Cancel(call.subscriber.account_id, executions, cells))


def _interrupt(call: _Call) -> None:
    call.perform(op.Interrupt(call.subscriber.account_id))


def _restart(call: _Call) -> None:
    call.perform(op.Restart(call.subscriber.account_id))


def _connect(call: _Call) -> None:
    call.perform(op.Connect(call.account))


def _disconnect(call: _Call) -> None:
    call.perform(op.Disconnect(call.subscriber.account_id))


def _input(call: _Call) -> None:
    value = call.text("value", MAX_CODE)
    call.perform(
        op.AnswerInput(call.subscriber.account_id, call.text("execution_id"), call.text("request_id", 256), value)
    )


def _clear_outputs(call: _Call) -> None:
    every = call.message.get("all") is True
    outputs = None if call.message.get("outputs") is None else call.texts("outputs")
    if every and outputs is not None:
        raise InvalidError("Name the cell whose outputs these are.", details={"argument": "cells"})
    cells = () if every else call.texts("cells")
    call.perform(op.ClearOutputs(cells, call.subscriber.account_id, every, outputs))


def _copy_outputs(call: _Call) -> None:
    source, target = call.text("from"), call.text("to")
    _cell(call.room, target)
    call.perform(op.CopyOutputs(source, target, call.subscriber.account_id))


def _watch(call: _Call) -> None:
    call.subscriber.looks = call.message.get("on") is True
    if call.subscriber.looks:
        call.services.look()
    call.answer({})


def _ping(call: _Call) -> None:
    call.answer({})


async def _complete(call: _Call) -> dict[str, Any]:
    code = call.text("code", MAX_CODE)
    return await call.services.complete(call.room, call.subscriber.account_id, code, call.cursor())


async def _inspect(call: _Call) -> dict[str, Any]:
    code, detail = call.text("code", MAX_CODE), 1 if call.message.get("detail") == 1 else 0
    return await call.services.inspect(call.room, call.subscriber.account_id, code, call.cursor(), detail)


async def _consent(call: _Call) -> dict[str, Any]:
    allow, always = call.message.get("allow") is True, call.message.get("always") is True
    execution_id, request_id = call.text("execution_id"), call.text("request_id", 256)
    account_id = call.subscriber.account_id
    return await call.services.consent(call.room, account_id, execution_id, request_id, allow=allow, always=always)


async def _call_function(call: _Call) -> dict[str, Any]:
    execution_id, name = call.text("execution_id"), call.text("name", MAX_NAME)
    args, kwargs = call.message.get("args") or [], call.message.get("kwargs") or {}
    return await call.services.live.call(call.room, call.subscriber, call.key, execution_id, name, args, kwargs)


async def _answer_ask(call: _Call) -> dict[str, Any]:
    if call.message.get("ok") is True:
        answer = granted(call.message.get("value"))
    else:
        answer = refused(call.text("code"), call.text("message", MAX_MESSAGE))
    return await call.services.live.answer(call.room, call.subscriber, call.text("ask_id"), answer)


async def _save_widgets(call: _Call) -> dict[str, Any]:
    return await call.services.live.save_widgets(call.room, call.subscriber)


async def _checkpoint(call: _Call) -> dict[str, Any]:
    name = None if call.message.get("name") is None else call.text("name", 255)
    if call.room.document is None:
        raise ConflictError("This notebook is read-only: there is nothing to save.", code="read_only")
    revision_id = await call.services.checkpoint(call.room, name=name, author=call.subscriber.account_id)
    return {"revision_id": revision_id}


@dataclass(frozen=True, slots=True)
class Command:
    """A verb. ``ability`` is what the role on the file must include, ``scope`` what the credential must.

    ``in_order``: it sees the document with every edit that was sent before it, so it waits until those are durable.
    """

    ability: str
    scope: Scope
    now: Callable[[_Call], None] | None = None
    later: Callable[[_Call], Awaitable[dict[str, Any]]] | None = None
    in_order: bool = False


COMMANDS: dict[str, Command] = {
    "execute": Command("edit", Scope.RUN, _execute, in_order=True),
    "cancel": Command("edit", Scope.RUN, _cancel, in_order=True),
    # What touches only the account's own runtime stays possible for those who may no longer edit.
    "interrupt": Command("read", Scope.RUN, _interrupt),
    "restart": Command("read", Scope.RUN, _restart),
    "disconnect": Command("read", Scope.RUN, _disconnect),
    "connect": Command("edit", Scope.RUN, _connect),
    "input": Command("read", Scope.RUN, _input),
    # Only a person who signed in gives code a drive, never a token.
    "consent": Command("read", Scope.ACCOUNT, later=_consent),
    "complete": Command("read", Scope.RUN, later=_complete),
    "inspect": Command("read", Scope.RUN, later=_inspect),
    "call": Command("read", Scope.RUN, later=_call_function),
    "answer": Command("read", Scope.RUN, later=_answer_ask),
    "save_widgets": Command("edit", Scope.WRITE, later=_save_widgets),
    "clear_outputs": Command("edit", Scope.WRITE, _clear_outputs, in_order=True),
    "copy_outputs": Command("edit", Scope.WRITE, _copy_outputs, in_order=True),
    "checkpoint": Command("edit", Scope.WRITE, later=_checkpoint),
    "watch": Command("read", Scope.READ, _watch),
    "ping": Command("read", Scope.READ, _ping),
}


def handle(room: Room, subscriber: Subscriber, services: RoomServices, message: dict[str, Any]) -> None:
    """Carries out a client's command and answers it, now or later. A repeated id gets the first answer again.

    Raises InvalidError for a message without a usable id: such a client cannot be answered.
    """
    command_id, verb = message.get("id"), message.get("type")
    if not isinstance(command_id, str) or not 0 < len(command_id) <= 64:
        raise InvalidError("A command needs an id of at most 64 characters.")
    key = f"{subscriber.account_id}:{command_id}"
    call = _Call(room, subscriber, services, message, key)
    try:
        command = COMMANDS.get(verb) if isinstance(verb, str) else None
        if command is None:
            raise InvalidError("This server does not know that command. Reload the page.", code="unknown_command")
        _check(room, subscriber, command)
        if command.now is not None:
            if command.in_order:
                room.when_durable(lambda: _run(call, command))
            else:
                _run(call, command)
        elif command.later is not None:
            if subscriber.commands >= MAX_IN_FLIGHT:
                raise RateLimitedError("Too many commands wait for an answer.", retry_after=1)
            subscriber.commands += 1
            services.spawn(_answer_later(call, command.later))
    except LaboraError as error:
        _refuse(call, error)


def _run(call: _Call, command: Command) -> None:
    known = call.room.staged.ledger["commands"].get(call.key)
    try:
        # Once more: the rights may have changed while it waited for the edits before it.
        _check(call.room, call.subscriber, command)
        if known is not None:
            call.room.when_durable(lambda: call.answer(known))
        elif command.now is not None:
            command.now(call)
    except LaboraError as error:
        _refuse(call, error)


def _check(room: Room, subscriber: Subscriber, command: Command) -> None:
    if not subscriber.may(command.ability):
        raise ForbiddenError(
            "Your role on this notebook does not allow this. Ask its owner, or save a copy.",
            details={"ability": command.ability},
        )
    if command.scope not in subscriber.principal.scopes and command.scope is not Scope.READ:
        raise ForbiddenError("This token was made without the right to do this.", details={"scope": command.scope})
    if room.read_only_reason is not None and command.ability == "edit":
        raise ForbiddenError(room.read_only_reason, code="read_only")


def _refuse(call: _Call, error: LaboraError) -> None:
    call.subscriber.control({"type": "refused", "id": call.message["id"], **error.as_json()})


async def _answer_later(call: _Call, work: Callable[[_Call], Awaitable[dict[str, Any]]]) -> None:
    try:
        call.answer(await work(call))
    except LaboraError as error:
        _refuse(call, error)
    except asyncio.CancelledError:
        raise
    except Exception:
        log.exception("command_failed", file_id=call.room.file_id, verb=call.message["type"])
        _refuse(call, LaboraError("This did not work because of an error in Labora. Its log says more."))
    finally:
        call.subscriber.commands -= 1

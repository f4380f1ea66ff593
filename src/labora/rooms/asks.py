"""What the programs of one account ask in one room, until it is answered. The guest is hostile, the account decides.

The server answers what it knows; a person what only a person may permit, such as the account's drive; a page what only
a page can do. Whoever cannot be asked is said at once. How long a program waits is the agent's to say: ``ask_gone``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from labora.base.errors import ConflictError, ForbiddenError, GoneError, InvalidError, LaboraError, NotFoundError
from labora.base.logging import get_logger
from labora.kernels import asks
from labora.kernels.asks import KernelAsk
from labora.rooms import operations as op
from labora.rooms.model import InputRequest
from labora.rooms.ports import Answers, Drives
from labora.rooms.room import Room
from labora.rooms.subscriber import Subscriber, control_frame

MOUNT, UNMOUNT, STDIN, UNASSIGN = "drive.mount", "drive.unmount", "stdin", "unassign"
MAX_PATH = 1000
MAX_PROMPT = 16 * 1024
MAX_PENDING = 64
GRACE_S = 10.0
"""How long a page that went away may take to come back, where no other one can be asked."""

log = get_logger("rooms")


@dataclass(slots=True, eq=False)
class _Pending:
    ask: KernelAsk
    subscriber: Subscriber | None = None
    told: set[int] = field(default_factory=set)
    """Client ids of the pages that were asked: one that connects anew keeps its own."""
    timer: asyncio.TimerHandle | None = None


class Asks:
    """Answers what the code of one account asks in one room.

    Args:
        room: the notebook.
        account_id: whose code it is; nobody else decides.
        answers: what the server itself answers.
        drives: mounts; None in a server that has none.
        send: takes an answer to the kernel. Raises LaboraError when nobody waits there any more.
        spawn: runs work beside, as long as the room has this kernel.
    """

    def __init__(
        self,
        room: Room,
        account_id: str,
        answers: Answers,
        drives: Drives | None,
        send: Callable[[str, dict[str, Any]], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._room = room
        self._account_id = account_id
        self._answers = answers
        self._drives = drives
        self._to_kernel = send
        self._spawn = spawn
        self._pending: dict[str, _Pending] = {}
        # Those whose answers are under way: after a break the agent may ask them again meanwhile.
        self._delivering: set[str] = set()
        self._lock = asyncio.Lock()

    # -- from the kernel ----------------------------------------------------------------------------------------------

    def take(self, content: dict[str, Any], execution_id: str | None, runtime_id: str) -> None:
        """Takes an ask; one that comes again is the same."""
        ask = asks.read_ask(content, execution_id)
        if ask is None or ask.ask_id in self._pending or ask.ask_id in self._delivering:
            return
        if len(self._pending) >= MAX_PENDING:
            self._reply(ask.ask_id, asks.refused("too_many_asks", "Too many questions of this notebook wait already."))
            return
        self._pending[ask.ask_id] = _Pending(ask)
        self._spawn(self._consider(ask, runtime_id))

    def gone(self, ask_id: Any) -> None:
        """Nobody waits for this any more."""
        pending = self._pending.pop(ask_id, None) if isinstance(ask_id, str) else None
        if pending is not None:
            self._take_back(pending)
            self._settle(pending)
        for execution_id, request in list(self._room.staged.state["inputs"].items()):
            if request["request_id"] == ask_id and request["account_id"] == self._account_id:
                self._perform(op.RequestInput(execution_id, None))

    def all_gone(self) -> None:
        """The kernel, or all of its runtime, has ended."""
        for ask_id in list(self._pending):
            self.gone(ask_id)

    def close(self) -> None:
        """Forgets everything; the agent asks again whoever attaches next."""
        for pending in self._pending.values():
            self._settle(pending)
        self._pending.clear()

    # -- answers ------------------------------------------------------------------------------------------------------

    async def _consider(self, ask: KernelAsk, runtime_id: str) -> None:
        """Answers, or sees to it that somebody does. Whatever fails is an answer: a program must not wait for ever."""
        if ask.ask_id not in self._pending:
            # It was taken back before its turn came.
            return
        try:
            await self._carry_out(ask, runtime_id)
        except LaboraError as error:
            self._reply(ask.ask_id, asks.refused(error.error_code, error.message))
        except Exception:
            log.exception("ask_failed", file_id=self._room.file_id, kind=ask.kind[:64])
            self._reply(ask.ask_id, asks.refused("internal", "The server failed at this; its log says why."))

    async def _carry_out(self, ask: KernelAsk, runtime_id: str) -> None:
        if ask.kind in asks.PAGE_KINDS:
            self._ask_page(self._pending[ask.ask_id])
        elif ask.kind == STDIN:
            self._ask_person(ask, ask.text("prompt", MAX_PROMPT), password=ask.content.get("password") is True)
        elif ask.kind == MOUNT:
            await self._consider_mount(ask, runtime_id)
        elif ask.kind == UNMOUNT:
            await self._unmount(ask, runtime_id)
        elif ask.kind == UNASSIGN:
            self._reply(ask.ask_id, asks.granted())
            self._perform(op.Disconnect(self._account_id))
        else:
            answer = await self._answers.answer(self._room, self._account_id, ask)
            if ask.ask_id in self._pending:
                self._tell_refused_secret(ask, answer.get("value"))
                self._reply(ask.ask_id, answer)

    def _tell_refused_secret(self, ask: KernelAsk, value: Any) -> None:
        """Tells the account's pages that a program wanted a secret that it does not get, so that they can permit it."""
        if ask.kind != "secret.get" or not isinstance(value, dict) or value.get("access"):
            return
        told = {"type": "secret_refused", "name": ask.text("name"), "exists": value.get("exists") is True}
        for subscriber in list(self._room.subscribers.values()):
            if subscriber.is_page_of(self._account_id):
                subscriber.control(told)

    def _ask_person(self, ask: KernelAsk, prompt: str, *, password: bool = False, about: Any = None) -> None:
        """Shows a question below the running cell; its answer comes by ``input`` or ``consent``."""
        if ask.ask_id not in self._pending:
            return
        execution = self._room.staged.state["executions"].get(ask.execution_id or "")
        mine = execution is not None and execution["account"]["id"] == self._account_id
        if execution is None or not mine or execution["status"] != "running":
            self._reply(ask.ask_id, asks.nobody_asked())
            return
        request: InputRequest = {
            "request_id": ask.ask_id,
            "prompt": prompt,
            "password": password,
            "account_id": self._account_id,
        }
        if about is not None:
            request["ask"] = about
        self._perform(op.RequestInput(execution["id"], request))

    # -- the drive ----------------------------------------------------------------------------------------------------

    async def _consider_mount(self, ask: KernelAsk, runtime_id: str) -> None:
        if self._drives is None:
            self._reply(ask.ask_id, asks.refused("no_drive", "This server cannot mount drives."))
        elif await self._drives.granted(self._account_id, self._room.file_id):
            await self._mount(ask.ask_id, ask.text("mountpoint", MAX_PATH), runtime_id, _readonly(ask))
        elif not any(one.account_id == self._account_id for one in self._room.subscribers.values()):
            refusal = asks.refused(
                "nobody_asked",
                "No page of this notebook is open in which you could permit this. Run the cell there once and choose "
                "to allow it always for this notebook; then it works without a page too.",
            )
            self._reply(ask.ask_id, refusal)
        else:
            about = {"mountpoint": ask.text("mountpoint", MAX_PATH), "readonly": _readonly(ask)}
            about |= {"kind": MOUNT, "timeout_s": ask.timeout_s or 0.0}
            self._ask_person(ask, "", about=about)

    async def decide(
        self, execution_id: str, request_id: str, runtime_id: str, *, allow: bool, always: bool
    ) -> dict[str, Any]:
        """Does what the account decided about its drive in its page. Returns ``{"mounted", "message"}``.

        Raises:
            ConflictError: the question was answered already.
            ForbiddenError: it is somebody else's.
            InvalidError: it is no question for the drive.
        """
        request = self._room.staged.state["inputs"].get(execution_id)
        if request is None or request["request_id"] != request_id:
            raise ConflictError("This question was answered already.", code="input_answered")
        if request["account_id"] != self._account_id:
            raise ForbiddenError("Only the account that runs this cell can answer it.", code="not_your_execution")
        ask = request.get("ask")
        if ask is None or ask["kind"] != MOUNT or self._drives is None:
            raise InvalidError("This is no question for your drive.", code="no_consent_asked")
        if not allow:
            self._reply(request_id, asks.refused("denied", "Access to your drive was not permitted."))
            return {"mounted": False, "message": None}
        if always:
            await self._drives.grant(self._account_id, self._room.file_id)
        return await self._mount(request_id, ask["mountpoint"], runtime_id, ask["readonly"])

    async def _mount(self, ask_id: str, mountpoint: str, runtime_id: str, readonly: bool) -> dict[str, Any]:
        assert self._drives is not None  # noqa: S101 - callers saw to it
        async with self._lock:
            if ask_id not in self._pending:
                return {"mounted": False, "message": "This question was answered already."}
            try:
                await self._drives.mount(
                    self._account_id, runtime_id, mountpoint, file_id=self._room.file_id, readonly=readonly
                )
            except LaboraError as error:
                self._reply(ask_id, asks.refused(error.error_code, error.message))
                return {"mounted": False, "message": error.message}
            self._reply(ask_id, asks.granted())
        return {"mounted": True, "message": None}

    async def _unmount(self, ask: KernelAsk, runtime_id: str) -> None:
        if self._drives is None:
            self._reply(ask.ask_id, asks.refused("no_drive", "This server cannot mount drives."))
            return
        unsaved = await self._drives.unmount(self._account_id, runtime_id, ask.text("mountpoint", MAX_PATH))
        self._reply(ask.ask_id, asks.granted({"unsaved": list(unsaved)}))

    # -- pages --------------------------------------------------------------------------------------------------------

    def _ask_page(self, pending: _Pending) -> None:
        """Asks the page that sent the ``execute``, else the account's newest one; says so where there is none."""
        ask = pending.ask
        execution = self._room.staged.state["executions"].get(ask.execution_id or "")
        if execution is not None and execution["account"]["id"] != self._account_id:
            execution = None
        origin = self._room.origins.get(ask.execution_id or "")
        pages = [one for one in self._room.subscribers.values() if one.is_page_of(self._account_id)]
        chosen = next((page for page in pages if page.client_id == origin), pages[-1] if pages else None)
        if chosen is None:
            self._reply(ask.ask_id, asks.nobody_asked())
            return
        self._settle(pending)
        pending.subscriber = chosen
        pending.told.add(chosen.client_id)
        chosen.asked.add(ask.ask_id)
        message = {
            "type": "ask",
            "ask_id": ask.ask_id,
            "execution_id": None if execution is None else execution["id"],
            "cell_id": None if execution is None else execution["cell_id"],
            "kind": ask.kind,
            "content": ask.content,
        }
        chosen.reply(control_frame(message))

    async def answer(self, subscriber: Subscriber, ask_id: str, answer: dict[str, Any]) -> None:
        """Takes the answer of a page that was asked, over whichever connection of its own; others need not answer then.

        Raises NotFoundError for what it was not asked, or no more.
        """
        pending = self._pending.get(ask_id)
        asked = pending is not None and subscriber.client_id in pending.told
        if pending is None or not asked or not subscriber.is_page_of(self._account_id):
            raise NotFoundError("The program no longer waits for this.", code="no_such_ask")
        del self._pending[ask_id]
        self._settle(pending)
        self._take_back(pending, besides=subscriber)
        await self._send(ask_id, answer)

    def of_pages(self) -> list[str]:
        """Returns the ids of the asks that wait for a page: what else a page has open is over."""
        return [ask_id for ask_id, pending in self._pending.items() if pending.ask.kind in asks.PAGE_KINDS]

    def moved(self, subscriber: Subscriber, *, joined: bool) -> None:
        """A socket joined or left: what the one was asked goes to the other."""
        if not subscriber.is_page_of(self._account_id):
            return
        for pending in list(self._pending.values()):
            if pending.ask.kind not in asks.PAGE_KINDS:
                continue
            if joined and pending.subscriber is None:
                self._ask_page(pending)
            elif not joined and pending.subscriber is subscriber:
                self._settle(pending)
                if any(one.is_page_of(self._account_id) for one in self._room.subscribers.values()):
                    self._ask_page(pending)
                else:
                    loop, ask_id = asyncio.get_running_loop(), pending.ask.ask_id
                    pending.timer = loop.call_later(GRACE_S, self._reply, ask_id, asks.nobody_asked())

    # -- helpers ------------------------------------------------------------------------------------------------------

    async def _send(self, ask_id: str, answer: dict[str, Any]) -> None:
        """Sends an answer; one that cannot be sent is made a refusal. Raises LaboraError, also after that."""
        self._delivering.add(ask_id)
        try:
            await self._to_kernel(ask_id, answer)
        except GoneError:
            raise
        except LaboraError as error:
            with contextlib.suppress(LaboraError):
                await self._to_kernel(ask_id, asks.refused(error.error_code, error.message))
            raise
        finally:
            self._delivering.discard(ask_id)

    def _reply(self, ask_id: str, answer: dict[str, Any]) -> None:
        """Answers for good, and takes the question away from whoever saw it."""
        pending = self._pending.pop(ask_id, None)
        if pending is not None:
            self._settle(pending)
        self._delivering.add(ask_id)
        self._spawn(self._deliver(ask_id, answer))

    async def _deliver(self, ask_id: str, answer: dict[str, Any]) -> None:
        try:
            await self._send(ask_id, answer)
        except LaboraError as error:
            # Nobody waits there any more, or was told that this cannot be answered.
            log.info("ask_not_answered", file_id=self._room.file_id, code=error.error_code)
        self.gone(ask_id)

    def _take_back(self, pending: _Pending, besides: Subscriber | None = None) -> None:
        for page in list(self._room.subscribers.values()):
            if page.client_id in pending.told and page is not besides:
                page.control({"type": "ask_gone", "ask_id": pending.ask.ask_id})

    def _settle(self, pending: _Pending) -> None:
        if pending.timer is not None:
            pending.timer.cancel()
        if pending.subscriber is not None:
            pending.subscriber.asked.discard(pending.ask.ask_id)
        pending.timer = pending.subscriber = None

    def _perform(self, operation: op.Operation) -> None:
        try:
            self._room.perform(operation)
        except LaboraError as error:
            log.info("ask_not_shown", file_id=self._room.file_id, code=error.error_code)


def _readonly(ask: KernelAsk) -> bool:
    return ask.content.get("readonly") is True

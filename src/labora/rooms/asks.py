"""What code asks of the server itself, over ``input()``: its drive. The guest is hostile, the account decides.

A program in a cell prompts with :data:`PREFIX` and JSON; the answer is JSON too. Nothing is mounted unless the account
said so in the page, now or for this notebook for good. Where nobody could be asked the program is told at once.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from labora.base.errors import ConflictError, ForbiddenError, InvalidError, LaboraError
from labora.base.logging import get_logger
from labora.rooms import operations as op
from labora.rooms.model import Ask, InputRequest
from labora.rooms.ports import Drives
from labora.rooms.room import Room

PREFIX = "\x00labora:"
MOUNT, UNMOUNT = "drive.mount", "drive.unmount"
MAX_PATH = 1000
LONGEST_S = 24 * 3600.0

log = get_logger("rooms")


def read_ask(prompt: str) -> Ask | None:
    """Returns what a prompt asks of the server; None for a question to a person."""
    if not prompt.startswith(PREFIX):
        return None
    try:
        given = json.loads(prompt.removeprefix(PREFIX))
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        given = {}
    wait = given.get("timeout_s")
    known = isinstance(wait, int | float) and 0 < wait <= LONGEST_S
    return {
        "kind": str(given.get("kind", ""))[:64],
        "mountpoint": str(given.get("mountpoint", ""))[:MAX_PATH],
        "readonly": given.get("readonly") is True,
        "timeout_s": float(wait) if known and wait is not None else 120.0,
    }


class Asks:
    """Answers what the code of one account asks in one room.

    Args:
        room: the notebook.
        account_id: whose code it is; nobody else decides.
        drives: mounts; None in a server that has none.
    """

    def __init__(self, room: Room, account_id: str, drives: Drives | None) -> None:
        self._room = room
        self._account_id = account_id
        self._drives = drives
        self._lock = asyncio.Lock()

    def pending(self, execution_id: str | None = None) -> list[tuple[str, InputRequest]]:
        """Returns this account's asks that wait, of one execution or of all."""
        inputs = self._room.staged.state["inputs"].items()
        return [
            (key, request)
            for key, request in inputs
            if request.get("ask") and request["account_id"] == self._account_id and execution_id in (None, key)
        ]

    async def consider(self, execution_id: str, request: InputRequest, runtime_id: str) -> None:
        """Answers what needs no person; else waits for one, as long as the program does."""
        ask = request.get("ask")
        if ask is None:
            return
        if self._drives is None:
            self._refuse(execution_id, request, "no_drive", "This server cannot mount drives.")
        elif ask["kind"] == UNMOUNT:
            await self._unmount(execution_id, request, ask, runtime_id)
        elif ask["kind"] != MOUNT:
            self._refuse(execution_id, request, "unknown", "This server does not know what the program asks for.")
        elif await self._drives.granted(self._account_id, self._room.file_id):
            await self._mount(execution_id, request, ask, runtime_id)
        elif not any(one.account_id == self._account_id for one in self._room.subscribers.values()):
            self._refuse(
                execution_id,
                request,
                "nobody_asked",
                "No page of this notebook is open in which you could permit this. Run the cell there once and choose "
                "to allow it always for this notebook; then it works without a page too.",
            )
        else:
            await asyncio.sleep(ask["timeout_s"])
            if self._waits(execution_id, request):
                self._refuse(execution_id, request, "timeout", "Nobody answered the question for your drive in time.")

    async def decide(
        self, execution_id: str, request_id: str, runtime_id: str, *, allow: bool, always: bool
    ) -> dict[str, Any]:
        """Does what the account decided in its page. Returns ``{"mounted", "message"}``.

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
            self._refuse(execution_id, request, "denied", "Access to your drive was not permitted.")
            return {"mounted": False, "message": None}
        if always:
            await self._drives.grant(self._account_id, self._room.file_id)
        return await self._mount(execution_id, request, ask, runtime_id)

    async def _mount(self, execution_id: str, request: InputRequest, ask: Ask, runtime_id: str) -> dict[str, Any]:
        assert self._drives is not None  # noqa: S101 - callers saw to it
        async with self._lock:
            if not self._waits(execution_id, request):
                return {"mounted": False, "message": "This question was answered already."}
            try:
                await self._drives.mount(
                    self._account_id,
                    runtime_id,
                    ask["mountpoint"],
                    file_id=self._room.file_id,
                    readonly=ask["readonly"],
                )
            except LaboraError as error:
                self._refuse(execution_id, request, error.error_code, error.message)
                return {"mounted": False, "message": error.message}
            self._answer(execution_id, request, {"ok": True})
        return {"mounted": True, "message": None}

    async def _unmount(self, execution_id: str, request: InputRequest, ask: Ask, runtime_id: str) -> None:
        assert self._drives is not None  # noqa: S101 - callers saw to it
        try:
            unsaved = await self._drives.unmount(self._account_id, runtime_id, ask["mountpoint"])
        except LaboraError as error:
            self._refuse(execution_id, request, error.error_code, error.message)
        else:
            self._answer(execution_id, request, {"ok": True, "unsaved": list(unsaved)})

    # -- answering ------------------------------------------------------------------------------------------------

    def _waits(self, execution_id: str, request: InputRequest) -> bool:
        found = self._room.staged.state["inputs"].get(execution_id)
        return not self._room.closed and found is not None and found["request_id"] == request["request_id"]

    def _refuse(self, execution_id: str, request: InputRequest, code: str, message: str) -> None:
        self._answer(execution_id, request, {"ok": False, "code": code, "message": message})

    def _answer(self, execution_id: str, request: InputRequest, value: dict[str, Any]) -> None:
        if not self._waits(execution_id, request):
            return
        try:
            self._room.perform(op.AnswerInput(self._account_id, execution_id, request["request_id"], json.dumps(value)))
        except LaboraError as error:
            log.info("ask_not_answered", file_id=self._room.file_id, code=error.error_code)

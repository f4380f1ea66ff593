"""What the server answers programs itself: the notebook they are in, its content, the account's secrets."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urljoin
from weakref import WeakValueDictionary

from labora.access import Principal, Scope
from labora.drive import Drive
from labora.kernels import asks
from labora.kernels.asks import KernelAsk
from labora.rooms.checkpoints import Checkpoints
from labora.rooms.ports import Secrets
from labora.rooms.room import Room

EXPORTS = 2
"""So many notebooks are written for programs at once."""


class ServerAnswers:
    """Answers for every room.

    Args:
        url: address of the app, before its paths.
        secrets: None in a server that keeps none.
    """

    def __init__(self, drive: Drive, checkpoints: Checkpoints, url: str, secrets: Secrets | None) -> None:
        self._drive = drive
        self._checkpoints = checkpoints
        self._url = url
        self._secrets = secrets
        self._exports = asyncio.Semaphore(EXPORTS)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def answer(self, room: Room, account_id: str, ask: KernelAsk) -> dict[str, Any]:
        """Returns the answer to an ask of the account's own program. Raises LaboraError."""
        match ask.kind:
            case "notebook":
                return asks.granted(await self._about(room, account_id))
            case "get_ipynb":
                return asks.granted({"ipynb": await self._ipynb(room, account_id)})
            case "secret.get":
                return asks.granted(await self._secret(room, account_id, ask.text("name")))
            case "request_auth":
                return asks.no_google()
        return asks.unknown_ask(ask.kind)

    async def _about(self, room: Room, account_id: str) -> dict[str, str]:
        # By the account's own rights: a program learns no more than its account.
        view = await self._drive.get(Principal(account_id, "", scopes=frozenset({Scope.READ})), room.file_id)
        return {"file_id": room.file_id, "name": view.name, "url": urljoin(self._url, f"/drive/{room.file_id}")}

    async def _ipynb(self, room: Room, account_id: str) -> Any:
        await self._drive.access(Principal(account_id, "", scopes=frozenset({Scope.READ})), room.file_id)
        # One notebook that asks again and again takes one of the places, however many wait behind it.
        lock = self._locks.setdefault(room.file_id, asyncio.Lock())
        async with lock, self._exports:
            await room.settled()
            for outputs in (True, False):
                data = await self._checkpoints.export(room, outputs=outputs)
                if (ipynb := await asyncio.to_thread(asks.fitting_ipynb, data)) is not None:
                    return ipynb
        raise asks.ipynb_too_large()

    async def _secret(self, room: Room, account_id: str, name: str) -> dict[str, Any]:
        if self._secrets is None or not name:
            return {"exists": False, "access": False, "value": None}
        return await self._secrets.get(account_id, room.file_id, name)

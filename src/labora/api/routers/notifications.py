"""What an account is told: lists, and a socket that says at once how much is unread."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.websockets import WebSocket, WebSocketDisconnect

from labora.access import ANONYMOUS, Principal, Scope
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services
from labora.api.sharing_models import Letters, LettersBody, NoticeList, ReadBody, Unread
from labora.drive.notifications import Notifications

router = APIRouter(prefix=PREFIX, tags=["notifications"])
Container = Annotated[Services, Depends(services_of)]
Reader = Annotated[Principal, Depends(Needs(Scope.READ))]
Writer = Annotated[Principal, Depends(Needs(Scope.WRITE))]
Holder = Annotated[Principal, Depends(Needs(Scope.ACCOUNT))]


@router.get("/notifications")
async def notifications(
    caller: Reader,
    services: Container,
    page_token: Annotated[str | None, Query(alias="pageToken", max_length=256)] = None,
    page_size: Annotated[int, Query(alias="pageSize", ge=1, le=100)] = 30,
    unread: Annotated[bool, Query()] = False,
) -> NoticeList:
    """Lists what the account was told, newest first, and how much of it is unread."""
    page = await services.drive.notifications.page(
        caller, page_token=page_token, page_size=page_size, unread_only=unread
    )
    return NoticeList.of(page)


@router.post("/notifications/read")
async def read_notifications(body: ReadBody, caller: Writer, services: Container) -> Unread:
    """Marks notices as read, all of them without ``ids``."""
    return Unread(unread=await services.drive.notifications.mark_read(caller, body.ids))


@router.get("/me/letters")
async def letters(caller: Holder, services: Container) -> Letters:
    """Returns where the account gets notices by e-mail, and whether it wants them."""
    address, wanted = await services.accounts.letters(caller)
    return Letters(address=address, wanted=wanted)


@router.put("/me/letters")
async def want_letters(body: LettersBody, caller: Holder, services: Container) -> Letters:
    """Says whether the account wants notices by e-mail too."""
    address, wanted = await services.accounts.want_letters(caller, wanted=body.wanted)
    return Letters(address=address, wanted=wanted)


async def notifications_socket(websocket: WebSocket) -> None:
    """Serves ``/api/v1/notifications/live``: ``{"unread": n}`` at first and whenever it may have changed."""
    services: Services = websocket.scope["labora.services"]
    principal: Principal = websocket.scope.get("labora.principal", ANONYMOUS)
    await websocket.accept()
    telling = asyncio.create_task(_tell(websocket, services.drive.notifications, str(principal.account_id)))
    try:
        while (await websocket.receive())["type"] != "websocket.disconnect":
            # A page has nothing to say here; what it says is not kept.
            continue
    finally:
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling


async def _tell(websocket: WebSocket, notices: Notifications, account_id: str) -> None:
    with notices.watching(account_id) as changed, contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
        while True:
            changed.clear()
            await websocket.send_json({"unread": await notices.unread(account_id)})
            await changed.wait()

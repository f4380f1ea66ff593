"""One change of many items: each by itself, so that what cannot be changed keeps nothing else from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from labora.access import Principal
from labora.base.errors import LaboraError, NotFoundError
from labora.drive.service import Drive

MAX_ITEMS = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item; ``error`` is None where it was changed."""

    file_id: str
    error: LaboraError | None = None


async def change_each(
    drive: Drive,
    principal: Principal,
    ids: Sequence[str],
    *,
    parent_id: str | None = None,
    trashed: bool | None = None,
    starred: bool | None = None,
) -> list[Outcome]:
    """Moves, trashes or restores, stars items, one transaction each; see :meth:`Drive.change`."""

    async def change(file_id: str) -> None:
        await drive.change(principal, file_id, parent_id=parent_id, trashed=trashed, starred=starred)

    return await _each(ids, change)


async def delete_each(drive: Drive, principal: Principal, ids: Sequence[str]) -> list[Outcome]:
    """Ends items for ever. What is gone already counts as done: it may have been below another one of them."""

    async def delete(file_id: str) -> None:
        try:
            await drive.delete(principal, file_id)
        except NotFoundError as error:
            if error.error_code != "no_such_file":
                raise

    return await _each(ids, delete)


async def _each(ids: Sequence[str], change: Callable[[str], Awaitable[None]]) -> list[Outcome]:
    outcomes = []
    for file_id in ids:
        try:
            await change(file_id)
        except LaboraError as error:
            outcomes.append(Outcome(file_id, error))
        else:
            outcomes.append(Outcome(file_id))
    return outcomes

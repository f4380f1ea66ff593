"""What people do with the revisions of a file: look through them, name them, pin them; and how they thin out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Ability, Principal
from labora.base.clock import parse_timestamp
from labora.base.errors import InvalidError, NotFoundError, UnsupportedError
from labora.base.logging import get_logger
from labora.base.settings import HistorySettings
from labora.blobs import BlobRef
from labora.drive import store
from labora.drive.base import DriveContext
from labora.drive.model import Revision, RevisionPage
from labora.drive.revisions import Revisions
from labora.drive.thinning import AUTOMATIC, Dated, keep

_FILES = 100
_NAME = 255


class History:
    """The revisions of files as people see them."""

    def __init__(self, context: DriveContext, revisions: Revisions, rules: HistorySettings) -> None:
        self._context = context
        self._revisions = revisions
        self._rules = rules

    async def page(
        self, principal: Principal, file_id: str, *, page_size: int = 100, page_token: str | None = None
    ) -> RevisionPage:
        """Returns one page of the revisions of a file, newest first. Needs ``read_history``.

        Raises InvalidError with code ``bad_page_token``.
        """
        before = None if page_token is None else _number(page_token)
        async with self._context.reading(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.READ_HISTORY)
            found = await store.revisions_of(connection, access.file_id, before=before, limit=page_size + 1)
        token = str(found[page_size - 1].number) if len(found) > page_size else None
        return RevisionPage(found[:page_size], token)

    async def change(self, principal: Principal, file_id: str, revision_id: str, changes: dict[str, Any]) -> Revision:
        """Names, renames, pins or unpins a revision. Needs ``edit``.

        Args:
            changes: ``name`` (None takes it away) and ``pinned``, as far as they change.

        Raises NotFoundError for the revision of another file, InvalidError for a name that is none.
        """
        if changes.get("name") is not None:
            changes = {**changes, "name": _name(changes["name"])}
        async with self._context.writing(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.EDIT)
            found = await store.revisions_of(connection, access.file_id, only=revision_id)
            if not found:
                raise NotFoundError("There is no such revision of this file.", code="no_such_revision")
            if changes:
                await store.change_revision(connection, revision_id, changes)
                details = {"number": found[0].number, **changes}
                await self._context.audit(connection, principal, "revision.changed", access.file_id, details)
            return (await store.revisions_of(connection, access.file_id, only=revision_id))[0]

    async def save(self, principal: Principal, file_id: str, *, name: str | None, pinned: bool) -> Revision:
        """Keeps the present state of a file as a revision with a name, a pin or both. Needs ``edit``.

        The newest revision gets them when it is the present state and has no name of its own yet.
        Raises UnsupportedError for what has no content.
        """
        name = None if name is None else _name(name)
        async with self._context.reading(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.EDIT)
        file_id = access.file_id
        if access.file["kind"] not in ("notebook", "file"):
            raise UnsupportedError("Only files and notebooks have revisions.", code="folder_content")
        saved = await self._context.live.save(principal, file_id) if access.file["kind"] == "notebook" else None
        async with self._context.writing(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.EDIT)
            wanted = saved.id if saved is not None else access.file["head_revision_id"]
            found = await store.revisions_of(connection, file_id, only=wanted)
            if not found:
                raise NotFoundError("This file has no content yet.", code="no_such_revision")
            revision = found[0]
            if name is not None and revision.name not in (None, name):
                ref = BlobRef(revision.sha256, revision.size)
                return await self._revisions.add_in(
                    connection,
                    file_id,
                    ref,
                    kind="named",
                    author_id=principal.account_id,
                    epoch=revision.epoch,
                    seq=revision.seq,
                    name=name,
                    pinned=pinned,
                )
            changes = {"name": name or revision.name, "pinned": pinned or revision.pinned}
            await store.change_revision(connection, revision.id, changes)
            return (await store.revisions_of(connection, file_id, only=revision.id))[0]

    async def thin(self) -> int:
        """Drops automatic revisions that the rules no longer keep; returns how many. A later sweep frees their bytes.

        Who contributed to a revision that goes is told with the next one that stays.
        """
        now = self._context.clock.now()
        dropped, last = 0, ""
        while True:
            async with self._context.database.read() as connection:
                batch = await store.files_with_old_revisions(connection, AUTOMATIC, self._context.now(), last, _FILES)
            for file_id in batch:
                async with self._context.database.read() as connection:
                    going, _ = await self._going(connection, file_id, now)
                if going:
                    async with self._context.database.transaction() as connection:
                        dropped += await self._drop(connection, file_id, now)
            if len(batch) < _FILES:
                break
            last = batch[-1]
        if dropped:
            get_logger("drive").info("revisions_thinned", count=dropped)
        return dropped

    async def _going(self, connection: AsyncConnection, file_id: str, now: datetime) -> tuple[set[str], list[Revision]]:
        row = await store.row_of(connection, file_id)
        found = await store.revisions_of(connection, file_id)
        head = row["head_revision_id"] if row else None
        dated = [
            Dated(
                revision.id,
                revision.number,
                parse_timestamp(revision.created_at),
                revision.kind not in AUTOMATIC or revision.name is not None or revision.pinned or revision.id == head,
            )
            for revision in found
        ]
        return {revision.id for revision in dated} - keep(dated, now, self._rules), found

    async def _drop(self, connection: AsyncConnection, file_id: str, now: datetime) -> int:
        # Looked at again within the transaction: somebody may have named one meanwhile.
        going, found = await self._going(connection, file_id, now)
        waiting: list[str] = []
        for revision in reversed(found):
            people = [person.id for person in revision.contributors]
            if revision.id in going:
                waiting += people
            elif waiting:
                merged = list(dict.fromkeys([*people, *waiting]))
                if merged != people:
                    await store.change_revision(connection, revision.id, {"contributors": merged})
                waiting = []
        await store.delete_revisions(connection, sorted(going))
        return len(going)


def _number(token: str) -> int:
    if not (token.isascii() and token.isdigit() and len(token) <= 18):
        raise InvalidError("This page token is not one of this list. Start from the first page.", code="bad_page_token")
    return int(token)


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > _NAME:
        raise InvalidError(f"The name of a revision has 1 to {_NAME} characters.", code="bad_name")
    return name

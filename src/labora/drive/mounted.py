"""The drive as a mount sees it: whole folders at a time, names that are unique, many new files in one transaction.

Rights of a list are those of its folder with what is given on the items themselves; whatever is opened or changed goes
through the one door of ``access`` again.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Ability, FileAccess, Grant, Principal, Reach, Role, access_rows
from labora.access.rules import abilities_of, applies
from labora.base.clock import parse_timestamp
from labora.base.errors import ConflictError, LaboraError, NotFoundError
from labora.base.ids import new_id
from labora.base.text import folded
from labora.blobs import BlobRef
from labora.db.schema import files, permissions, revisions
from labora.drive import store
from labora.drive.base import account_of
from labora.drive.listing import ListQuery
from labora.drive.model import ROOT
from labora.drive.names import clean_name, is_notebook, media_type_of
from labora.drive.service import Drive

PAGE = 5000
MAX_BYTES = 255
READ, WRITE, RENAME, TRASH = 1, 2, 4, 8
"""Bits of an item's rights: its content, new content, its name and place, the trash."""

_COLUMNS = (
    files.c.id, files.c.kind, files.c.name, files.c.size, files.c.modified_at, files.c.head_revision_id,
    files.c.owner_id, files.c.shortcut_target_id, files.c.created_at, files.c.folded_name,
)  # fmt: skip
_MARK = re.compile(r"(?P<stem>.*) \((?P<id>[a-z2-7]{10})\)(?P<ending>\.[^.]*)?\Z", re.DOTALL)
_UNFIT = {ord("/"): "_", 0: "_"}

Entry = list[Any]
"""``[id, kind, name, size, modified_ms, created_ms, rights, revision, target, owned]`` of one item."""


@dataclass(slots=True)
class NewFile:
    """A file that a mount made. ``error`` is set where it could not be made."""

    id: str
    parent_id: str
    name: str
    ref: BlobRef
    reason: str | None = None
    error: LaboraError | None = None


@dataclass(slots=True)
class _Names:
    """Makes the names of one folder unique: the oldest item keeps its name, others carry a part of their id."""

    group: str | None = None
    taken: set[str] = field(default_factory=set)

    def of(self, item_id: str, name: str, group: str) -> str:
        if group != self.group:
            self.group, self.taken = group, set()
        fitting = name if "/" not in name and "\0" not in name else name.translate(_UNFIT)
        if fitting in self.taken or (not fitting.isascii() and len(fitting.encode()) > MAX_BYTES):
            return marked(fitting, item_id)
        self.taken.add(fitting)
        return fitting


def marked(name: str, item_id: str) -> str:
    """Returns a name of at most 255 bytes that no other item of the folder has."""
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > 16:
        stem, dot, ending = name, "", ""
    mark = f" ({item_id[:10]}){dot}{ending}"
    room = MAX_BYTES - len(mark.encode())
    return stem.encode()[:room].decode(errors="ignore") + mark


class MountedDrive:
    """What a mount asks of one account's drive.

    Args:
        drive: the drive.
        inspect: says why stored bytes are no notebook that can be edited.
    """

    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        self._context = drive.context

    # -- looking --------------------------------------------------------------------------------------------------

    async def root(self, principal: Principal) -> Entry:
        """Returns the account's My Drive."""
        async with self._context.reading(principal) as connection:
            access = await self._context.access(connection, principal, ROOT)
            return _entry_of(access, "MyDrive")

    async def folder(
        self, principal: Principal, folder_id: str, etag: str | None = None
    ) -> AsyncIterator[tuple[list[Entry], str]]:
        """Yields what is in a folder, in pages, each with the folder's state; nothing where it still is ``etag``.

        Raises NotFoundError, or ConflictError for what is no folder.
        """
        names = _Names()

        async def first(connection: AsyncConnection) -> tuple[FileAccess, str, dict[str, Role]]:
            access = await self._context.access(connection, principal, folder_id)
            if access.file["kind"] != "folder":
                raise ConflictError("This is no folder.", code="not_a_folder")
            state = await _state(connection, principal, access)
            given = await _own_grants(connection, access.file_id, principal, self._context.clock.now())
            return access, state, given

        access, state, given = await self._context.database.look(first)
        if state == etag:
            return
        query = select(*_COLUMNS).where(*_inside(access.file_id)).limit(PAGE)
        more = query = query.order_by(files.c.folded_name, files.c.created_at, files.c.id)

        async def page(connection: AsyncConnection) -> tuple[list[Entry], Any]:
            rows = (await connection.execute(more)).all()
            return _entries(rows, access, principal, names, given), rows[-1] if len(rows) == PAGE else None

        while True:
            entries, last = await self._context.database.look(page)
            yield entries, state
            if last is None:
                return
            more = query.where(
                tuple_(files.c.folded_name, files.c.created_at, files.c.id)
                > (last.folded_name, last.created_at, last.id)
            )

    async def shared(self, principal: Principal) -> list[Entry]:
        """Returns what others shared with the account, at most as many items as one page of a list holds."""
        page = await self._drive.list_files(principal, ListQuery(view="shared", page_size=1000))
        groups: dict[str, _Names] = {}
        found = []
        for view in sorted(page.files, key=lambda view: (str(view.row["created_at"]), view.id)):
            group = str(view.row["folded_name"])
            name = groups.setdefault(group, _Names()).of(view.id, view.name, group)
            found.append(_entry_of(view.access, name))
        return found

    async def find(self, principal: Principal, folder_id: str, name: str) -> Entry | None:
        """Returns the item of a folder that a path names so, None where there is none. Raises NotFoundError."""

        async def look(connection: AsyncConnection) -> Entry | None:
            access = await self._context.access(connection, principal, folder_id)
            query = select(*_COLUMNS).where(*_inside(access.file_id), files.c.folded_name == folded(name))
            rows = (await connection.execute(query.order_by(files.c.created_at, files.c.id))).all()
            row = next((row for row in rows if row.name.translate(_UNFIT) == name), None)
            mark = _MARK.match(name) if row is None else None
            if mark is not None:
                like = select(*_COLUMNS).where(*_inside(access.file_id), files.c.id.startswith(mark["id"]))
                found = (await connection.execute(like)).all()
                row = next((row for row in found if marked(row.name.translate(_UNFIT), row.id) == name), None)
            if row is None:
                return None
            given = await _own_grants(connection, access.file_id, principal, self._context.clock.now(), row.id)
            entry = _entries([row], access, principal, _Names(), given)[0]
            entry[2] = name
            return entry

        return await self._context.database.look(look)

    async def stat(self, principal: Principal, ids: Sequence[str]) -> dict[str, Entry]:
        """Returns items that the principal may read, by id."""

        async def look(connection: AsyncConnection) -> list[FileAccess]:
            query = select(files).where(files.c.id.in_(list(ids)))
            rows = [dict(row) for row in (await connection.execute(query)).mappings()]
            return await access_rows(connection, principal, rows, now=self._context.clock.now())

        accesses = await self._context.database.look(look)
        # What lies in the trash is gone for a path.
        present = [a for a in accesses if not a.file["trashed_at"] and not a.file["ancestor_trashed_at"]]
        return {access.file_id: _entry_of(access, str(access.file["name"]).translate(_UNFIT)) for access in present}

    async def access(self, principal: Principal, file_id: str, ability: Ability) -> FileAccess:
        """Returns the item, not one in the trash. Raises NotFoundError or ForbiddenError."""
        async with self._context.database.read() as connection:
            return await self._access(connection, principal, file_id, ability)

    async def _access(
        self, connection: AsyncConnection, principal: Principal, file_id: str, ability: Ability
    ) -> FileAccess:
        access = await self._context.access(connection, principal, file_id, ability)
        if access.file["trashed_at"] or access.file["ancestor_trashed_at"]:
            raise NotFoundError("This item is in the trash.", code="no_such_file")
        return access

    async def content(self, principal: Principal, file_id: str) -> tuple[FileAccess, BlobRef | None]:
        """Returns the item and its stored bytes. Needs ``download``. Raises NotFoundError or ForbiddenError."""

        async def look(connection: AsyncConnection) -> tuple[FileAccess, BlobRef | None]:
            access = await self._access(connection, principal, file_id, Ability.DOWNLOAD)
            query = select(revisions.c.sha256, revisions.c.size)
            query = query.where(revisions.c.id == access.file["head_revision_id"])
            row = (await connection.execute(query)).one_or_none()
            return access, None if row is None else BlobRef(row.sha256, row.size)

        return await self._context.database.look(look)

    # -- changing -------------------------------------------------------------------------------------------------

    async def add(self, principal: Principal, items: Sequence[NewFile]) -> None:
        """Makes files in one transaction; what an item's folder refuses is noted on the item. Idempotent by id."""
        account_id, now = account_of(principal), self._context.now()
        async with self._context.writing(principal) as connection:
            folders: dict[str, FileAccess | LaboraError] = {}
            known = await store.existing(connection, [item.id for item in items])
            rows: list[dict[str, Any]] = []
            for item in items:
                try:
                    folder = await self._folder_for(connection, principal, item.parent_id, folders)
                    name = clean_name(item.name)
                except LaboraError as error:
                    item.error = error
                    continue
                if item.id in known:
                    continue  # made by a request whose answer was lost
                rows.append(
                    {
                        "id": item.id,
                        "kind": "notebook" if is_notebook(name) else "file",
                        "name": name,
                        "media_type": media_type_of(name),
                        "owner_id": account_id,
                        "parent_id": folder.file_id,
                        "path": store.prefix_of(folder.file),
                        "size": item.ref.size,
                        "head_revision_id": new_id(),
                        "created_at": now,
                        "modified_at": now,
                        "modified_by": account_id,
                        "read_only_reason": item.reason,
                        "settings": {},
                    }
                )
            blobs = {item.id: item.ref.sha256 for item in items}
            await store.add_files(connection, rows, {row["id"]: blobs[row["id"]] for row in rows}, "upload")

    async def _folder_for(
        self,
        connection: AsyncConnection,
        principal: Principal,
        folder_id: str,
        known: dict[str, FileAccess | LaboraError],
    ) -> FileAccess:
        if folder_id not in known:
            try:
                access = await self._context.access(connection, principal, folder_id, Ability.EDIT)
                if access.file["kind"] != "folder" or access.file["trashed_at"] or access.file["ancestor_trashed_at"]:
                    raise NotFoundError("The folder is in the trash.", code="no_such_file")
                known[folder_id] = access
            except LaboraError as error:
                known[folder_id] = error
        found = known[folder_id]
        if isinstance(found, LaboraError):
            raise found
        return found

    async def replace(self, principal: Principal, file_id: str, ref: BlobRef) -> None:
        """Adds stored bytes as the newest revision of a plain file. Raises NotFoundError or ForbiddenError."""
        async with self._context.writing(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.EDIT)
            account_id = account_of(principal)
            await self._drive.revisions.add_in(connection, access.file_id, ref, kind="mount", author_id=account_id)


def _inside(folder_id: str) -> tuple[Any, ...]:
    return (
        files.c.parent_id == folder_id,
        files.c.trashed_at.is_(None),
        files.c.ancestor_trashed_at.is_(None),
    )


async def _state(connection: AsyncConnection, principal: Principal, access: FileAccess) -> str:
    """Returns what changes whenever a list of the folder would."""
    query = select(
        func.count(), func.coalesce(func.sum(files.c.version), 0), func.max(files.c.modified_at),
        func.max(files.c.created_at),
    ).where(*_inside(access.file_id))  # fmt: skip
    count, versions, modified, created = (await connection.execute(query)).one()
    rank = case({role.value: role.rank for role in Role}, value=permissions.c.role, else_=0)
    rights = select(func.count(), func.coalesce(func.sum(rank), 0), func.max(permissions.c.expires_at))
    given = (await connection.execute(rights.where(*_given_to(principal, access.file_id)))).one()
    return f"{access.role}:{access.file['version']}:{count}:{versions}:{modified}:{created}:{given[0]}:{given[1]}"


def _given_to(principal: Principal, folder_id: str) -> tuple[Any, ...]:
    """Returns the condition for permissions on items of a folder that may speak of a principal.

    They are few, so they are found first; a folder may hold a hundred thousand items.
    """
    mine = permissions.c.account_id == principal.account_id
    # No column of its own on the left: else a database may walk through the whole folder by its index.
    inside = func.coalesce(files.c.parent_id, "") == folder_id
    return or_(mine, permissions.c.account_id.is_(None)), files.c.id == permissions.c.file_id, inside


async def _own_grants(
    connection: AsyncConnection, folder_id: str, principal: Principal, now: datetime, only: str | None = None
) -> dict[str, Role]:
    """Returns the strongest role that is given on items of a folder themselves, beside what they inherit."""
    query = select(permissions).where(*_given_to(principal, folder_id))
    if only is not None:
        query = query.where(permissions.c.file_id == only)
    roles: dict[str, Role] = {}
    for row in await connection.execute(query):
        expires = parse_timestamp(row.expires_at) if row.expires_at else None
        role = Role(row.role)
        grant = Grant(row.file_id, Reach(row.kind), role, row.account_id, row.group_id, expires)
        if applies(grant, principal, now) and (row.file_id not in roles or role.rank > roles[row.file_id].rank):
            roles[row.file_id] = role
    return roles


def _entries(
    rows: Iterable[Any], access: FileAccess, principal: Principal, names: _Names, given: Mapping[str, Role]
) -> list[Entry]:
    inherited = Role.EDITOR if access.role is Role.OWNER else access.role
    bits = {role: _rights(abilities_of(role, principal)) for role in Role}
    moment = _moments()
    me = principal.account_id
    found = []
    for item_id, kind, name, size, modified, revision, owner, target, created, group in rows:
        if owner == me:
            role = Role.OWNER
        else:
            own = given.get(item_id)
            role = own if own is not None and own.rank > inherited.rank else inherited
        shown = names.of(item_id, name, group)
        found.append(
            [item_id, kind, shown, size, moment(modified), moment(created), bits[role], revision, target, owner == me]
        )
    return found


def _entry_of(access: FileAccess, name: str) -> Entry:
    row, moment = access.file, _moments()
    mine = row["owner_id"] == access.principal.account_id
    return [
        access.file_id, row["kind"], name, row["size"], moment(row["modified_at"]), moment(row["created_at"]),
        _rights(access.abilities), row["head_revision_id"], row["shortcut_target_id"], mine,
    ]  # fmt: skip


def _rights(abilities: Iterable[Ability]) -> int:
    known = frozenset(abilities)
    bits = {Ability.DOWNLOAD: READ, Ability.EDIT: WRITE, Ability.RENAME: RENAME, Ability.TRASH: TRASH}
    return sum(bit for ability, bit in bits.items() if ability in known)


def _moments() -> Callable[[str], int]:
    """Returns a reader of stored times, in milliseconds; items of a folder often share one."""
    known: dict[str, int] = {}

    def read(text: str) -> int:
        found = known.get(text)
        if found is None:
            found = known[text] = round(datetime.fromisoformat(text).timestamp() * 1000)
        return found

    return read

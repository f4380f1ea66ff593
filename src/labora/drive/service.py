"""Verbs of files and folders; one transaction each, access checked inside it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Ability, FileAccess, Principal, access_rows
from labora.base.clock import Clock
from labora.base.errors import ConflictError, InvalidError, LaboraError, NotFoundError, UnsupportedError
from labora.base.ids import new_id
from labora.base.settings import CommentSettings, DriveSettings, HistorySettings, LimitSettings
from labora.base.text import folded
from labora.blobs import BlobRef, Blobs
from labora.db import Database
from labora.drive import store
from labora.drive.base import DriveContext, account_of
from labora.drive.comments import Comments
from labora.drive.compare import Compare
from labora.drive.filters import Filters, mentions, parents_in
from labora.drive.history import History
from labora.drive.language import parse
from labora.drive.listing import VIEWS, ListQuery, count_rows, list_rows
from labora.drive.model import FOLDER_TYPE, NOTEBOOK_TYPE, SHORTCUT_TYPE, FilePage, FileView, FolderContents, Revision
from labora.drive.names import MAX_LENGTH, clean_name, is_notebook, media_type_of
from labora.drive.notifications import Notifications
from labora.drive.playgrounds import Playgrounds
from labora.drive.ports import NotebookInspector
from labora.drive.requests import Requests
from labora.drive.revisions import Revisions
from labora.drive.sharing import Sharing
from labora.drive.shortcuts import target_for
from labora.drive.stripping import Stripping
from labora.drive.trash import Trash
from labora.drive.tree import MAX_DEPTH, Tree, require_version

_NEW_NOTEBOOK = {
    "cells": [
        {"cell_type": "code", "execution_count": None, "id": "start", "metadata": {}, "outputs": [], "source": ""}
    ],
    "metadata": {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    },
    "nbformat": 4,
    "nbformat_minor": 5,
}


class Drive:
    """Files and folders.

    Args:
        database: tree and revisions.
        blobs: contents.
        limits: sizes.
        inspect: reads notebooks far enough to say whether they can be edited.
        clock: for tests.
        history: which automatic revisions stay.
        comments: how much may be said about a file.
        rules: what accounts may keep, and for how long.
        playground_days: playgrounds that nobody uses are deleted after this time.

    Attributes:
        context: what the parts share; rooms set ``context.live``.
        tree: moves, trash, deletion. revisions, sharing: as named. trash: empties itself.
        requests: of access. notifications: what accounts are told.
        history: revisions as people see them. compare: two notebooks by cell. comments: as named.
        playgrounds: private copies to try a notebook on. stripping: outputs out of old revisions.
    """

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        limits: LimitSettings,
        inspect: NotebookInspector,
        clock: Clock | None = None,
        history: HistorySettings | None = None,
        comments: CommentSettings | None = None,
        rules: DriveSettings | None = None,
        *,
        playground_days: float = 14.0,
    ) -> None:
        self.context = DriveContext(database, clock, rules)
        self.revisions = Revisions(self.context, blobs, limits, inspect)
        self.history = History(self.context, self.revisions, history or HistorySettings())
        self.compare = Compare(self.context, blobs, self.revisions, limits)
        self.sharing = Sharing(self.context)
        self.requests = Requests(self.context, self.sharing)
        self.notifications = Notifications(self.context)
        self.comments = Comments(self.context, comments or CommentSettings())
        self.tree = Tree(self.context)
        self.trash = Trash(self.context, self.tree, rules or DriveSettings())
        self.playgrounds = Playgrounds(self.context, blobs, self.revisions, playground_days)
        self.stripping = Stripping(self.context, blobs, limits)
        self._blobs = blobs

    # -- reading ------------------------------------------------------------------------------------------------------

    async def get(self, principal: Principal, file_id: str, ability: Ability = Ability.READ) -> FileView:
        """Returns a file as ``principal`` sees it. Raises NotFoundError, or ForbiddenError without ``ability``."""

        async def look(connection: AsyncConnection) -> FileView:
            access = await self.context.access(connection, principal, file_id, ability)
            return await self.context.view(connection, access)

        return await self.context.look(principal, look)

    async def access(self, principal: Principal, file_id: str, ability: Ability = Ability.READ) -> FileAccess:
        """Returns what ``principal`` may do with a file right now; rooms ask again whenever rights changed."""

        async def look(connection: AsyncConnection) -> FileAccess:
            return await self.context.access(connection, principal, file_id, ability)

        return await self.context.look(principal, look)

    async def list_files(self, principal: Principal, query: ListQuery) -> FilePage:
        """Returns one page of a list; see :class:`ListQuery`."""
        async with self._listed(principal, query) as (connection, query, conditions, trashed_too):
            now = self.context.clock.now()
            rows, token = await list_rows(connection, principal, query, now, *conditions, trashed_too=trashed_too)
            accesses = await access_rows(connection, principal, rows, now=now)
            return FilePage(await self.context.views(connection, principal, accesses), token)

    async def count_files(self, principal: Principal, query: ListQuery) -> int:
        """Returns how many items all pages of a list have together."""
        async with self._listed(principal, query) as (connection, query, conditions, trashed_too):
            now = self.context.clock.now()
            return await count_rows(connection, principal, query, now, *conditions, trashed_too=trashed_too)

    @asynccontextmanager
    async def _listed(
        self, principal: Principal, query: ListQuery
    ) -> AsyncIterator[tuple[AsyncConnection, ListQuery, list[ColumnElement[bool]], bool]]:
        """Opens a list: its query with the folder found, the conditions of ``q``, and whether those speak of trash."""
        if query.view not in VIEWS:
            raise InvalidError(f"view is one of {', '.join(VIEWS)}.", code="bad_view")
        condition = parse(query.q) if query.q else None
        full_text = condition is not None and mentions(condition, "fullText")
        async with self.context.reading(principal, full_text=full_text) as connection:
            if query.view == "drive":
                if query.folder_id is None and (query.text or query.q):
                    query = _with(query, view="search")
                else:
                    folder = await self.context.access(connection, principal, query.folder_id or "root")
                    query = _with(query, folder_id=folder.file_id)
            if condition is None:
                yield connection, query, [], False
                return
            parents = await self.context.readable(connection, principal, parents_in(condition))
            filters = Filters(principal, self.context.clock.now(), self.context.index, parents)
            yield connection, query, [filters.sql(condition)], mentions(condition, "trashed")

    async def contents(self, principal: Principal, file_id: str) -> FolderContents:
        """Returns how much lies below a folder, at any depth; nothing below what is no folder."""
        async with self.context.reading(principal) as connection:
            access = await self.context.access(connection, principal, file_id)
            return await store.contents_of(connection, access.file)

    async def ancestors(self, principal: Principal, file_id: str) -> list[FileView]:
        """Returns the folders above an item that ``principal`` may read, the highest first, for breadcrumbs."""
        async with self.context.reading(principal) as connection:
            access = await self.context.access(connection, principal, file_id)
            ids = [part for part in str(access.file["path"]).split("/") if part]
            found = [row for row in [await store.row_of(connection, ancestor) for ancestor in ids] if row]
            accesses = await access_rows(connection, principal, found, now=self.context.clock.now())
            return await self.context.views(connection, principal, accesses)

    async def open_content(self, principal: Principal, file_id: str) -> tuple[FileView, int, AsyncIterator[bytes]]:
        """Returns a file, its size and its bytes in pieces; of a notebook the live state. Needs ``download``."""
        view = await self.get(principal, file_id, Ability.DOWNLOAD)
        if view.kind == "folder":
            raise UnsupportedError("A folder cannot be downloaded yet; download its files.", code="folder_download")
        if view.kind == "shortcut":
            raise UnsupportedError("A shortcut has no content; download what it leads to.", code="shortcut_content")
        if view.kind == "notebook":
            exported = await self.context.live.export(view.id)
            if exported is not None:
                return view, len(exported), _once(exported)
        head = await self.revisions.head(view.id)
        if head is None:
            return view, 0, _once(b"")
        return view, head.size, await self._blobs.open(head.sha256)

    async def blob(self, principal: Principal, file_id: str, sha256: str) -> BlobRef:
        """Returns a blob of the file's outputs, as far as ``principal`` may see them.

        Raises NotFoundError for one that they do not refer to.
        """
        async with self.context.reading(principal) as connection:
            await self.context.access(connection, principal, file_id)
            known = await store.has_blob(connection, file_id, sha256)
            if not known and not await store.has_private_blob(connection, file_id, principal.account_id, sha256):
                raise no_such_output()
        return await self._blobs.stat(sha256)

    async def mark_opened(self, principal: Principal, file_id: str) -> None:
        """Puts a file at the top of the account's recent ones. The caller has checked access."""
        async with self.context.writing(principal) as connection:
            await store.note_recent(connection, account_of(principal), file_id, opened_at=self.context.now())

    # -- making -------------------------------------------------------------------------------------------------------

    async def create_folder(self, principal: Principal, name: str, parent_id: str = "root") -> FileView:
        """Makes an empty folder. Needs ``edit`` on the folder it goes into."""
        return await self._create(principal, clean_name(name), parent_id, "folder", FOLDER_TYPE, None)

    async def create_shortcut(
        self, principal: Principal, target_id: str, name: str | None = None, parent_id: str = "root"
    ) -> FileView:
        """Makes an item that leads to another one, by the other's name unless one is given. The other must be readable.

        Raises ConflictError as :func:`labora.drive.shortcuts.target_for`.
        """
        async with self.context.reading(principal) as connection:
            access = await self.context.access(connection, principal, target_id)
            target = await target_for(connection, access)
        title = clean_name(name or str(access.file["name"]))
        return await self._create(principal, title, parent_id, "shortcut", SHORTCUT_TYPE, None, target_id=target)

    async def create_notebook(
        self, principal: Principal, name: str, parent_id: str = "root", *, content: bytes | None = None
    ) -> FileView:
        """Makes a notebook, empty unless ``content`` is given."""
        name = clean_name(name)
        if not is_notebook(name):
            name = clean_name(f"{name[: MAX_LENGTH - 6]}.ipynb")
        data = content if content is not None else json.dumps(_NEW_NOTEBOOK, indent=1).encode() + b"\n"
        ref = await self._blobs.put(data, NOTEBOOK_TYPE)
        return await self._create(
            principal, name, parent_id, "notebook", NOTEBOOK_TYPE, ref, reason=await self.revisions.reason(ref)
        )

    async def upload(
        self,
        principal: Principal,
        name: str,
        parent_id: str,
        chunks: AsyncIterator[bytes],
        *,
        declared_size: int | None = None,
    ) -> FileView:
        """Stores a stream as a new file; ``.ipynb`` becomes a notebook, kept byte for byte even when it is broken.

        Raises TooLargeError before anything is read when the declared size is over the limit, else as soon as the
        stream is; nothing is kept then.
        """
        name = clean_name(name)
        await self.require_place(principal, parent_id, declared_size or 0)
        ref = await self.revisions.receive(chunks, media_type_of(name), declared_size)
        return await self.take(principal, name, parent_id, ref)

    async def require_place(self, principal: Principal, parent_id: str, size: int, *, arriving: bool = False) -> None:
        """Looks before many bytes come: raises what making a file of this size in the folder would.

        ``arriving``: what lies here of unfinished uploads takes room too.
        """
        async with self.context.reading(principal) as connection:
            await self._folder(connection, principal, parent_id)
            await self.context.quotas.require(connection, account_of(principal), size, arriving=arriving)

    async def take(
        self, principal: Principal, name: str, parent_id: str, ref: BlobRef, *, file_id: str | None = None
    ) -> FileView:
        """Makes a file of stored bytes, under a given id where the caller chose one."""
        name = clean_name(name)
        kind = "notebook" if is_notebook(name) else "file"
        reason = await self.revisions.reason(ref) if kind == "notebook" else None
        return await self._create(
            principal, name, parent_id, kind, media_type_of(name), ref, reason=reason, file_id=file_id
        )

    async def copy(
        self, principal: Principal, file_id: str, *, name: str | None = None, parent_id: str | None = None
    ) -> FileView:
        """Makes a copy that belongs to the asker, beside the original where they may edit, else in their My Drive."""
        source = await self.get(principal, file_id, Ability.COPY)
        if source.kind == "folder":
            raise UnsupportedError("A folder cannot be copied yet; copy its files.", code="folder_copy")
        new_name = clean_name(name or f"Copy of {source.name}"[:MAX_LENGTH])
        _, _, pieces = await self.open_content(principal, source.id)
        ref = await self._blobs.put_stream(pieces, source.row["media_type"])
        if parent_id is None:
            parent_id = await self._place_for_copy(principal, source)
        return await self._create(
            principal,
            new_name,
            parent_id,
            source.kind,
            source.row["media_type"],
            ref,
            reason=source.row["read_only_reason"],
            revision_kind="import",
        )

    async def _place_for_copy(self, principal: Principal, source: FileView) -> str:
        if source.parent_id is None:
            return "root"
        parent = await self.access(principal, source.parent_id)
        return parent.file_id if parent.allows(Ability.EDIT) else "root"

    async def _create(
        self,
        principal: Principal,
        name: str,
        parent_id: str,
        kind: str,
        media_type: str,
        ref: BlobRef | None,
        *,
        reason: str | None = None,
        revision_kind: str = "upload",
        file_id: str | None = None,
        target_id: str | None = None,
    ) -> FileView:
        account_id, file_id, now = account_of(principal), file_id or new_id(), self.context.now()
        async with self.context.writing(principal) as connection:
            parent = await self._folder(connection, principal, parent_id)
            if ref is not None:
                await self.context.quotas.require(connection, account_id, ref.size, sha256=ref.sha256)
            row: dict[str, Any] = {
                "id": file_id,
                "kind": kind,
                "name": name,
                "media_type": media_type,
                "owner_id": account_id,
                "parent_id": parent.file_id,
                "path": store.prefix_of(parent.file),
                "created_at": now,
                "modified_at": now,
                "modified_by": account_id,
                "read_only_reason": reason,
                "shortcut_target_id": target_id,
                "settings": {},
            }
            await store.add_file(connection, row)
            if ref is not None:
                await self.revisions.add_in(connection, file_id, ref, kind=revision_kind, author_id=account_id)
            await self.context.audit(connection, principal, "file.made", file_id, {"kind": kind})
            return await self.context.view(connection, await self.context.access(connection, principal, file_id))

    async def _folder(self, connection: AsyncConnection, principal: Principal, folder_id: str) -> FileAccess:
        access = await self.context.access(connection, principal, folder_id, Ability.EDIT)
        if access.file["kind"] != "folder":
            raise ConflictError("Items can only be put into a folder.", code="not_a_folder")
        if store.prefix_of(access.file).count("/") > MAX_DEPTH:
            raise ConflictError(f"Folders can be nested {MAX_DEPTH} deep at most.", code="too_deep")
        return access

    # -- changing -----------------------------------------------------------------------------------------------------

    async def change(
        self,
        principal: Principal,
        file_id: str,
        *,
        name: str | None = None,
        parent_id: str | None = None,
        trashed: bool | None = None,
        starred: bool | None = None,
        expected_version: int | None = None,
    ) -> FileView:
        """Renames, moves, trashes or restores, stars: what is given, together or not at all.

        Raises:
            VersionConflictError: the item is not at ``expected_version`` any more.
            ConflictError: the move would put a folder into itself.
        """
        touched = False
        async with self.context.writing(principal) as connection:
            access = await self.context.access(connection, principal, file_id)
            file_id = access.file_id
            require_version(access, expected_version)
            if trashed is False and access.file["trashed_at"]:
                touched = True
                await self.tree.untrash(connection, principal, access)
                access = await self.context.access(connection, principal, file_id)
            if name is not None and clean_name(name) != access.file["name"]:
                access.require(Ability.RENAME)
                await self._rename(connection, principal, access, clean_name(name))
            if parent_id is not None:
                touched = await self.tree.move(connection, principal, access, parent_id) or touched
            if trashed is True and not access.file["trashed_at"]:
                touched = True
                await self.tree.trash(connection, principal, await self.context.access(connection, principal, file_id))
            if starred is not None:
                await store.note_recent(connection, account_of(principal), file_id, starred=starred)
            view = await self.context.view(connection, await self.context.access(connection, principal, file_id))
        if touched:
            await self.context.live.rights_changed([file_id])
        return view

    async def _rename(self, connection: AsyncConnection, principal: Principal, access: FileAccess, name: str) -> None:
        row = access.file
        if row["kind"] == "notebook" and not is_notebook(name):
            name = clean_name(f"{name[: MAX_LENGTH - 6]}.ipynb")
        changes = {
            "name": name,
            "folded_name": folded(name),
            "modified_at": self.context.now(),
            "modified_by": principal.account_id,
        }
        if row["kind"] == "file":
            changes["media_type"] = media_type_of(name)
        await store.bump(connection, access.file_id, changes)

    async def delete(self, principal: Principal, file_id: str, *, expected_version: int | None = None) -> None:
        """Ends an item for ever, with everything below it. Needs ``delete``.

        What others own inside a deleted folder moves to their own My Drive. Raises VersionConflictError when the item
        is not at ``expected_version`` any more.
        """
        ended = await self.tree.delete(principal, file_id, expected_version)
        await self.context.live.ended(ended)

    async def empty_trash(self, principal: Principal) -> int:
        """Ends everything in the account's trash; returns how many items."""
        count = 0
        while page := (await self.list_files(principal, ListQuery(view="trash"))).files:
            for view in page:
                await self.delete(principal, view.id)
                count += 1
        return count

    async def add_revision(self, file_id: str, content: bytes | BlobRef, **about: Any) -> Revision:
        """Adds a revision; see :meth:`Revisions.add`."""
        return await self.revisions.add(file_id, content, **about)


def no_such_output() -> LaboraError:
    """Returns the error for bytes that a file does not refer to."""
    return NotFoundError("This file has no such output (any more). Reload the page.", code="no_such_blob")


def _with(query: ListQuery, **changes: Any) -> ListQuery:
    return replace(query, **changes)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data

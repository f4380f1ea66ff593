"""Verbs of uploads that arrive in pieces.

A piece is acknowledged when it is durable: bytes first, then the row says where the upload stands. Whoever sends the
next one from anywhere else is told where to go on; so of two senders of one upload only one gets forward.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from weakref import WeakValueDictionary

from labora.access import Ability, Principal
from labora.base.clock import timestamp
from labora.base.errors import (
    ConflictError,
    InvalidError,
    LaboraError,
    NotFoundError,
    RateLimitedError,
    TooLargeError,
)
from labora.base.ids import new_id
from labora.base.settings import DriveSettings, LimitSettings
from labora.blobs import BlobRef, Blobs
from labora.drive import store as drive_store
from labora.drive.base import account_of
from labora.drive.model import FileView
from labora.drive.names import clean_name, media_type_of
from labora.drive.service import Drive
from labora.drive.uploads import store
from labora.drive.uploads.model import NewUpload, OffsetMismatchError, UploadState, no_such_upload
from labora.drive.uploads.pieces import Pieces, storage_full

BATCH = 4 * 1024 * 1024
"""Bytes that are synced together, and held in memory of one upload."""


class Uploads:
    """Uploads of accounts.

    Args:
        drive: what they become part of.
        blobs: takes the whole.
        pieces: takes the parts.
        limits: sizes.
        rules: how long an unfinished one stays, and how many an account may have.
    """

    def __init__(self, drive: Drive, blobs: Blobs, pieces: Pieces, limits: LimitSettings, rules: DriveSettings) -> None:
        self._drive, self._blobs, self._pieces = drive, blobs, pieces
        self._limits, self._rules = limits, rules
        self._context = drive.context
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def start(self, principal: Principal, wanted: NewUpload) -> UploadState:
        """Begins an upload.

        Raises:
            TooLargeError, QuotaExceededError, StorageFullError: there is no room for it.
            RateLimitedError: the account has too many unfinished ones.
            NotFoundError, ForbiddenError, ConflictError: it cannot go where it shall.
        """
        if wanted.size > self._limits.upload_bytes:
            limit = self._limits.upload_bytes
            raise TooLargeError(
                f"The file is larger than the limit of {limit:,} bytes.",
                details={"limit": limit, "actual": wanted.size},
            )
        name, media_type, parent_id, target_id = await self._place(principal, wanted)
        await self._require_disk(wanted.size)
        now, upload_id = self._context.now(), new_id()
        row: dict[str, Any] = {
            "id": upload_id,
            "account_id": account_of(principal),
            "parent_id": parent_id,
            "file_id": target_id,
            "name": name,
            "media_type": media_type,
            "size": wanted.size,
            "sha256": wanted.sha256,
            "base_id": wanted.base,
            "result_id": target_id or new_id(),
            "created_at": now,
            "expires_at": self._expires(),
        }
        async with self._context.writing(principal) as connection:
            if await store.count_open(connection, account_of(principal)) >= self._rules.uploads_open:
                raise RateLimitedError(
                    f"{self._rules.uploads_open} uploads are unfinished. Finish or cancel some of them first.",
                    retry_after=60,
                    code="too_many_uploads",
                )
            await store.add(connection, row)
        try:
            await asyncio.to_thread(self._pieces.make, upload_id)
        except LaboraError:
            await self._remove(upload_id)
            raise
        return _state({**row, "received": 0, "completed_at": None})

    async def _place(self, principal: Principal, wanted: NewUpload) -> tuple[str, str, str | None, str | None]:
        """Returns name, media type, folder and target. Raises what making it now would."""
        if wanted.file_id is None:
            name = clean_name(wanted.name)
            await self._drive.require_place(principal, wanted.parent_id, wanted.size, arriving=True)
            folder = await self._drive.access(principal, wanted.parent_id, Ability.EDIT)
            return name, media_type_of(name), folder.file_id, None
        target, media_type, _ = await self._drive.revisions.require_place(
            principal, wanted.file_id, wanted.size, base=wanted.base, arriving=True
        )
        return (await self._drive.get(principal, target)).name, media_type, None, target

    async def get(self, principal: Principal, upload_id: str) -> UploadState:
        """Returns where an upload stands. Raises NotFoundError."""
        return _state(await self._row(principal, upload_id))

    async def unfinished(self, principal: Principal) -> list[UploadState]:
        """Returns the account's unfinished uploads, the newest first."""
        async with self._context.reading(principal) as connection:
            return [_state(row) for row in await store.open_ones(connection, account_of(principal))]

    async def send(
        self, principal: Principal, upload_id: str, offset: int, chunks: AsyncIterator[bytes]
    ) -> UploadState:
        """Takes a piece that begins at ``offset``. Of one that breaks off, what arrived is kept.

        Raises:
            OffsetMismatchError: the upload stands elsewhere.
            TooLargeError: more came than the upload's size.
            QuotaExceededError, StorageFullError: no room; what was acknowledged is kept.
        """
        row = await self._row(principal, upload_id)
        if row["completed_at"] is not None or offset != row["received"]:
            raise OffsetMismatchError(row["received"])
        held = bytearray()
        try:
            async for chunk in chunks:
                held += chunk
                if offset + len(held) > row["size"]:
                    raise TooLargeError(
                        "More bytes came than the upload has.",
                        details={"limit": row["size"], "actual": offset + len(held)},
                    )
                while len(held) >= BATCH:
                    offset = await self._take(row, offset, bytes(held[:BATCH]))
                    del held[:BATCH]
        except LaboraError:
            raise
        except Exception:
            # The connection broke: what came is as good as any, and need not come again.
            if held:
                await self._take(row, offset, bytes(held))
            raise
        if held:
            offset = await self._take(row, offset, bytes(held))
        return await self.get(principal, upload_id)

    async def _take(self, row: dict[str, Any], offset: int, data: bytes) -> int:
        """Makes bytes durable and says so; returns where the upload stands then."""
        upload_id, after, expires_at = row["id"], offset + len(data), self._expires()
        async with self._lock(upload_id):
            async with self._context.database.read() as connection:
                found = await store.find(connection, upload_id, row["account_id"])
                if found is None:
                    raise no_such_upload()
                if found["received"] != offset or found["completed_at"] is not None:
                    raise OffsetMismatchError(found["received"])
                await self._context.quotas.require(
                    connection, await self._payer(connection, row), len(data), arriving=True
                )
            await self._require_disk(len(data))
            try:
                await asyncio.to_thread(self._pieces.write, upload_id, offset, data)
            except FileNotFoundError as error:
                raise no_such_upload() from error
            await self._context.database.write(
                lambda connection: store.advance(connection, upload_id, offset, after, expires_at)
            )
        return after

    async def _payer(self, connection: Any, row: dict[str, Any]) -> str:
        """Returns the account whose room it takes: the owner of the file that gets new content."""
        target = await drive_store.row_of(connection, row["file_id"]) if row["file_id"] else None
        return str(target["owner_id"]) if target else str(row["account_id"])

    async def finish(self, principal: Principal, upload_id: str) -> FileView:
        """Makes the file, or its new content, of an upload that has all its bytes. Done twice, it is done once.

        Raises:
            ConflictError: ``upload_incomplete``.
            InvalidError: ``checksum_mismatch``; the upload is dropped then.
        """
        async with self._lock(upload_id):
            row = await self._row(principal, upload_id)
            if row["completed_at"] is not None:
                return await self._drive.get(principal, row["result_id"])
            if row["received"] != row["size"]:
                raise ConflictError(
                    f"{row['size'] - row['received']:,} bytes are still to come.",
                    code="upload_incomplete",
                    details={"received": row["received"], "size": row["size"]},
                )
            ref = await self._whole(row)
            view = await self._made(principal, row, ref)
            async with self._context.database.transaction() as connection:
                await store.complete(connection, upload_id, view.id, self._context.now())
            await asyncio.to_thread(self._pieces.drop, upload_id)
        return view

    async def _whole(self, row: dict[str, Any]) -> BlobRef:
        try:
            path = await asyncio.to_thread(self._pieces.whole, row["id"], row["size"])
            ref = (await self._blobs.adopt([(path, row["media_type"])]))[0]
        except FileNotFoundError as error:
            raise no_such_upload() from error
        except LaboraError as error:
            raise storage_full() if error.error_code == "storage_full" else error from error
        if row["sha256"] is not None and ref.sha256 != row["sha256"]:
            await self._remove(row["id"])
            raise InvalidError(
                "What arrived is not what was meant to: its SHA-256 differs. Upload the file again.",
                code="checksum_mismatch",
                details={"expected": row["sha256"], "actual": ref.sha256},
            )
        return ref

    async def _made(self, principal: Principal, row: dict[str, Any], ref: BlobRef) -> FileView:
        if row["file_id"] is not None:
            base = None
            if row["base_id"] is not None:
                try:
                    _, base = await self._drive.revisions.get(principal, row["file_id"], row["base_id"])
                except NotFoundError:
                    base = None  # thinned out meanwhile: the newest one counts
            return await self._drive.revisions.take(principal, row["file_id"], ref, base=base)
        try:
            # Made already, where the server stopped before it could say so.
            return await self._drive.get(principal, row["result_id"])
        except NotFoundError:
            return await self._drive.take(principal, row["name"], row["parent_id"], ref, file_id=row["result_id"])

    async def cancel(self, principal: Principal, upload_id: str) -> None:
        """Drops an upload; what it became stays. Raises NotFoundError."""
        async with self._lock(upload_id):
            await self._row(principal, upload_id)
            await self._remove(upload_id)

    async def _remove(self, upload_id: str) -> None:
        async with self._context.database.transaction() as connection:
            await store.remove(connection, upload_id)
        await asyncio.to_thread(self._pieces.drop, upload_id)

    async def tidy(self) -> int:
        """Drops uploads that are over, and bytes that no upload has; returns how many."""
        async with self._context.database.read() as connection:
            over = await store.expired(connection, self._context.now())
        for upload_id in over:
            async with self._lock(upload_id):
                await self._remove(upload_id)
        left = await asyncio.to_thread(self._pieces.left)
        async with self._context.database.read() as connection:
            known = await store.known(connection, left)
        for upload_id in set(left) - known:
            await asyncio.to_thread(self._pieces.drop, upload_id)
        return len(over)

    # -- shared -------------------------------------------------------------------------------------------------------

    async def _row(self, principal: Principal, upload_id: str) -> dict[str, Any]:
        async with self._context.reading(principal) as connection:
            row = await store.find(connection, upload_id, account_of(principal))
        if row is None or row["expires_at"] <= self._context.now():
            raise no_such_upload()
        return row

    async def _require_disk(self, wanted: int) -> None:
        try:
            await self._blobs.require_space(wanted)
        except LaboraError as error:
            raise storage_full() if error.error_code == "storage_full" else error from error

    def _lock(self, upload_id: str) -> asyncio.Lock:
        return self._locks.setdefault(upload_id, asyncio.Lock())

    def _expires(self) -> str:
        return timestamp(self._context.clock.now() + timedelta(days=self._rules.upload_days))


def _state(row: dict[str, Any]) -> UploadState:
    return UploadState(
        row["id"],
        row["name"],
        row["size"],
        row["received"],
        row["parent_id"],
        row["file_id"],
        row["result_id"] if row["completed_at"] is not None else None,
        row["created_at"],
        row["expires_at"],
    )

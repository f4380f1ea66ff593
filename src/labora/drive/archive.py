"""Folders and selections as one zip file, written while it is read: nothing is held but the piece at hand and the
names of what is in it."""

from __future__ import annotations

import asyncio
import re
import weakref
import zipfile
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Ability, FileAccess, Principal, access_rows
from labora.base.errors import ForbiddenError, InvalidError, LaboraError, NotFoundError, RateLimitedError
from labora.db.schema import files
from labora.drive.base import account_of
from labora.drive.service import Drive

MOST_IDS = 500
AT_ONCE = 2
MANIFEST = "MANIFEST.txt"
_PAGE = 500
_PIECE = 256 * 1024
_LARGE = 1 << 30
_LONGEST = 200
# Packed already: to pack them again costs time and gains nothing.
_PACKED = re.compile(r"(?:image/(?!svg|bmp)|video/|audio/|application/(?:zip|gzip|x-7z|x-xz|x-bzip|pdf|vnd\.rar)).*")
# What some system cannot have in a name: Windows is the strictest.
_UNFIT = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Item:
    """One entry: a folder where ``file_id`` is None; left out where ``reason`` says why."""

    path: str
    modified_at: str = ""
    file_id: str | None = None
    reason: str | None = None


class Names:
    """Names that are safe on every system and unique in one folder, whatever the case."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        # By folded name, the number of the last item that bears it: a thousand of one name take a thousand steps.
        self._last: dict[str, int] = {}

    def of(self, name: str) -> str:
        """Returns the name for the next item: ``report.txt``, then ``report (2).txt``."""
        safe = _UNFIT.sub("_", name).rstrip(". ") or "_"
        safe = f"_{safe}" if _DEVICES.match(safe) else safe
        stem, dot, ending = safe.rpartition(".")
        if not stem or len(ending) > 16:
            stem, dot, ending = safe, "", ""
        stem = stem.encode()[:_LONGEST].decode(errors="ignore")
        found = f"{stem}{dot}{ending}"
        wanted, number = found.casefold(), self._last.get(found.casefold(), 1)
        while found.casefold() in self._taken:
            number += 1
            found = f"{stem} ({number}){dot}{ending}"
        self._last[wanted] = number
        self._taken.add(found.casefold())
        return found


class Archives:
    """Zip files of what an account may download."""

    def __init__(self, drive: Drive) -> None:
        self._drive, self._context = drive, drive.context
        self._running: Counter[str] = Counter()

    async def open(self, principal: Principal, ids: Sequence[str]) -> tuple[str, AsyncIterator[bytes]]:
        """Returns the name of an archive of these items and its bytes in pieces.

        What may not be read below them, or ends meanwhile, is left out and named in the archive's MANIFEST.txt. The
        archive counts as being downloaded until its bytes end, fail or are given up.

        Raises:
            NotFoundError, ForbiddenError: one of the items itself may not be downloaded.
            InvalidError: no items, or too many.
            RateLimitedError: the account downloads several archives already.
        """
        if not 0 < len(ids) <= MOST_IDS:
            raise InvalidError(f"Name 1 to {MOST_IDS} items.", code="bad_selection")
        async with self._context.reading(principal) as connection:
            chosen = [
                await self._context.access(connection, principal, file_id, Ability.READ)
                for file_id in dict.fromkeys(ids)
            ]
        for access in chosen:
            if access.file["kind"] != "folder":
                access.require(Ability.DOWNLOAD)
        account_id = account_of(principal)
        if self._running[account_id] >= AT_ONCE:
            raise RateLimitedError(
                f"{AT_ONCE} archives of yours are being downloaded. Wait until one is done.",
                retry_after=10,
                code="too_many_archives",
            )
        stamp = self._context.clock.now().strftime("%Y-%m-%d")
        name = str(chosen[0].file["name"]) if len(chosen) == 1 else f"Labora {stamp}"
        self._running[account_id] += 1
        pieces = _Pieces(self._bytes(principal, chosen), lambda: self._ended(account_id))
        return f"{Names().of(name)}.zip", pieces

    def _ended(self, account_id: str) -> None:
        self._running[account_id] -= 1
        if not self._running[account_id]:
            del self._running[account_id]

    async def _bytes(self, principal: Principal, chosen: Sequence[FileAccess]) -> AsyncGenerator[bytes, None]:
        writing = _Writing()
        names, left_out = Names(), list[_Item]()
        for access in chosen:
            async for item in self._walk(principal, access, names.of(str(access.file["name"]))):
                if item.reason is not None:
                    left_out.append(item)
                    continue
                async for piece in self._entry(principal, writing, item, left_out):
                    yield piece
        if left_out:
            lines = [f"{item.path}\t{item.reason}" for item in left_out]
            text = "Left out of this archive:\n" + "\n".join(lines) + "\n"
            writing.text(names.of(MANIFEST), text)
        yield writing.end()

    # -- what is in it ------------------------------------------------------------------------------------------------

    async def _walk(
        self, principal: Principal, access: FileAccess, path: str, *, followed: bool = False
    ) -> AsyncIterator[_Item]:
        """Yields an item and everything below it. ``followed``: a shortcut led here, and no second one does."""
        row = access.file
        if row["kind"] == "folder":
            yield _Item(f"{path}/", str(row["modified_at"]))
            names = Names()
            async for child in self._children(principal, access.file_id):
                inner = f"{path}/{names.of(str(child.file['name']))}"
                async for item in self._walk(principal, child, inner, followed=followed):
                    yield item
        elif row["kind"] != "shortcut":
            yield _Item(path, str(row["modified_at"]), access.file_id)
        elif followed:
            yield _Item(path, reason="a shortcut within what another shortcut leads to")
        else:
            target = await self._target(principal, access)
            if target is None:
                yield _Item(path, reason="a shortcut to what is gone or not shared with you")
                return
            async for item in self._walk(principal, target, path, followed=True):
                yield item

    async def _target(self, principal: Principal, access: FileAccess) -> FileAccess | None:
        target_id = access.file["shortcut_target_id"]
        if target_id is None:
            return None
        try:
            target = await self._drive.access(principal, target_id)
        except NotFoundError:
            return None
        return None if target.file["trashed_at"] or target.file["ancestor_trashed_at"] else target

    async def _children(self, principal: Principal, folder_id: str) -> AsyncIterator[FileAccess]:
        key = (files.c.folded_name, files.c.created_at, files.c.id)
        query = select(files).where(files.c.parent_id == folder_id, files.c.trashed_at.is_(None))
        query = query.order_by(*key).limit(_PAGE)
        more = query
        while True:
            async with self._context.database.read() as connection:
                rows = [dict(row) for row in (await connection.execute(more)).mappings()]
                accesses = await self._readable(connection, principal, rows)
            for access in accesses:
                yield access
            if len(rows) < _PAGE:
                return
            last = rows[-1]
            more = query.where(tuple_(*key) > (last["folded_name"], last["created_at"], last["id"]))

    async def _readable(
        self, connection: AsyncConnection, principal: Principal, rows: list[dict[str, object]]
    ) -> list[FileAccess]:
        return await access_rows(connection, principal, rows, now=self._context.clock.now())

    # -- bytes --------------------------------------------------------------------------------------------------------

    async def _entry(
        self, principal: Principal, writing: _Writing, item: _Item, left_out: list[_Item]
    ) -> AsyncIterator[bytes]:
        """Yields what an entry adds to the archive. Rights are asked for anew: an archive may take long."""
        if item.file_id is None:
            writing.folder(item)
            return
        try:
            view, size, pieces = await self._drive.open_content(principal, item.file_id)
        except (NotFoundError, ForbiddenError):
            left_out.append(_Item(item.path, reason="gone or not yours to download any more"))
            return
        except LaboraError:
            left_out.append(_Item(item.path, reason="the server could not read it"))
            return
        with writing.file(item, str(view.row["media_type"]), size) as out:
            try:
                async for piece in pieces:
                    await asyncio.to_thread(out.write, piece)
                    if writing.waiting >= _PIECE:
                        yield writing.take()
            except LaboraError:
                left_out.append(_Item(item.path, reason="cut short: the server could not read all of it"))
        yield writing.take()


class _Pieces(AsyncIterator[bytes]):
    """The bytes of an archive; calls ``ended`` once they end, fail or are given up, even before the first."""

    def __init__(self, pieces: AsyncGenerator[bytes, None], ended: Callable[[], None]) -> None:
        self._pieces = pieces
        self._end = weakref.finalize(self, ended)
        self._end.atexit = False

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._pieces)
        except BaseException:
            self._end()
            raise

    async def aclose(self) -> None:
        """Gives the rest up."""
        try:
            await self._pieces.aclose()
        finally:
            self._end()


class _Writing:
    """A zip file that is written to nowhere but the next piece."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.waiting = 0
        self._zip = zipfile.ZipFile(self, "w", zipfile.ZIP_DEFLATED, allowZip64=True, compresslevel=3)

    # What zipfile asks of a file. Without ``tell`` and ``seek`` it writes sizes behind each entry.

    def write(self, data: bytes) -> int:
        """Keeps a part."""
        self._parts.append(bytes(data))
        self.waiting += len(data)
        return len(data)

    def flush(self) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""

    def take(self) -> bytes:
        """Returns what was written since."""
        found, self._parts, self.waiting = b"".join(self._parts), [], 0
        return found

    def folder(self, item: _Item) -> None:
        """Adds a folder."""
        info = zipfile.ZipInfo(item.path, _moment(item.modified_at))
        info.external_attr = (0o40755 << 16) | 0x10
        self._zip.writestr(info, b"")

    def file(self, item: _Item, media_type: str, size: int) -> zipfile._ZipWriteFile:  # type: ignore[name-defined]
        """Opens the next entry for writing."""
        info = zipfile.ZipInfo(item.path, _moment(item.modified_at))
        info.compress_type = zipfile.ZIP_STORED if _PACKED.fullmatch(media_type) else zipfile.ZIP_DEFLATED
        info.external_attr = 0o100644 << 16
        return self._zip.open(info, "w", force_zip64=size >= _LARGE)

    def text(self, name: str, text: str) -> None:
        """Adds a small text."""
        self._zip.writestr(name, text)

    def end(self) -> bytes:
        """Ends the archive and returns the rest of it."""
        self._zip.close()
        return self.take()


def _moment(text: str) -> tuple[int, int, int, int, int, int]:
    moment = datetime.fromisoformat(text)
    return (max(1980, moment.year), moment.month, moment.day, moment.hour, moment.minute, moment.second)

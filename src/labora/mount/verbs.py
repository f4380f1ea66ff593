"""What the control plane does for the daemon of a mount, as one account and never more."""

from __future__ import annotations

import asyncio
import errno
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from labora.access import Ability, Principal
from labora.base.clock import parse_timestamp
from labora.base.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    LaboraError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
)
from labora.base.settings import LimitSettings
from labora.blobs import BlobRef, Blobs
from labora.drive import Drive
from labora.drive.mounted import Entry, MountedDrive, NewFile
from labora.drive.names import clean_name, is_notebook, media_type_of
from labora.mount.staged import StagedFiles
from labora.mount.wire import MAX_DESCRIPTORS

MOST_ITEMS = 1000
YOUNG = timedelta(hours=1)
_ITEM_ID = re.compile(r"[a-z2-7]{20}\Z")
_ERRNOS: dict[str, int] = {
    "storage_full": errno.ENOSPC,
    "storage_busy": errno.EAGAIN,
    "quota_exceeded": errno.EDQUOT,
    "not_a_folder": errno.ENOTDIR,
    "cycle": errno.EINVAL,
    "too_deep": errno.ELOOP,
    "not_owner": errno.EACCES,
}
_CHANGING = frozenset({"stage", "commit", "mkdir", "rename", "replace", "trash"})
Part = tuple[dict[str, Any], list[int]]
"""Result and descriptors, which are closed when they are sent."""


def errno_of(error: BaseException) -> int:
    """Returns what a program is told of a failure."""
    if isinstance(error, OSError):
        return error.errno or errno.EIO
    if not isinstance(error, LaboraError):
        return errno.EIO
    if error.error_code in _ERRNOS:
        return _ERRNOS[error.error_code]
    kinds: tuple[tuple[type[LaboraError], int], ...] = (
        (NotFoundError, errno.ENOENT), (ForbiddenError, errno.EACCES), (TooLargeError, errno.EFBIG),
        (ConflictError, errno.EEXIST), (InvalidError, errno.EINVAL), (UnavailableError, errno.EIO),
    )  # fmt: skip
    return next((number for kind, number in kinds if isinstance(error, kind)), errno.EIO)


@dataclass(frozen=True, slots=True)
class Place:
    """What verbs work with."""

    drive: Drive
    blobs: Blobs
    limits: LimitSettings
    folder: Path
    min_free_bytes: int


class Verbs:
    """The verbs of one daemon.

    Args:
        place: the drive and where bytes lie.
        principal: says who the account is at the moment. Raises ForbiddenError once it may do nothing any more.
        staged: files that the daemon writes.
        readonly: nothing may be changed (EROFS).
    """

    def __init__(
        self,
        place: Place,
        principal: Callable[[], Awaitable[Principal]],
        staged: StagedFiles,
        *,
        readonly: bool = False,
    ) -> None:
        self._place = place
        self._readonly = readonly
        self._drive = place.drive
        self._mounted = MountedDrive(place.drive)
        self._principal = principal
        self.staged = staged
        self._verbs: dict[str, Callable[[Principal, dict[str, Any]], Awaitable[Part]]] = {
            "find": self._find, "stat": self._stat, "open": self._open, "stage": self._stage, "commit": self._commit,
            "mkdir": self._mkdir, "rename": self._rename, "replace": self._replace, "trash": self._trash,
            "name": self._name, "usage": self._usage,
        }  # fmt: skip

    async def answer(self, verb: str, args: dict[str, Any]) -> AsyncIterator[tuple[Part, bool]]:
        """Yields the parts of an answer, each with whether more follow. Raises LaboraError, OSError, ValueError."""
        principal = await self._principal()
        if verb == "list":
            async for part in self._list(principal, args):
                yield part
            return
        if verb not in self._verbs:
            raise InvalidError(f"There is no verb {verb}.")
        if self._readonly and verb in _CHANGING:
            raise OSError(errno.EROFS, "read-only")
        yield await self._verbs[verb](principal, args), False

    async def home(self) -> Entry:
        """Returns the account's My Drive."""
        return await self._mounted.root(await self._principal())

    def space(self) -> tuple[int, int]:
        """Returns bytes in all and bytes that can still be written; blocks."""
        found = os.statvfs(self._place.folder)
        free = found.f_bavail * found.f_frsize - self._place.min_free_bytes
        return found.f_blocks * found.f_frsize, max(0, free)

    # -- looking --------------------------------------------------------------------------------------------------

    async def _list(self, principal: Principal, args: dict[str, Any]) -> AsyncIterator[tuple[Part, bool]]:
        folder, etag = str(args["folder"]), args.get("etag")
        if folder == "@shared":
            yield ({"rows": await self._mounted.shared(principal), "etag": None}, []), False
            return
        held: dict[str, Any] | None = None
        async for rows, state in self._mounted.folder(principal, folder, etag if isinstance(etag, str) else None):
            if held is not None:
                yield (held, []), True
            held = {"rows": rows, "etag": state}
        yield (held or {"same": True}, []), False

    async def _find(self, principal: Principal, args: dict[str, Any]) -> Part:
        return {"row": await self._mounted.find(principal, str(args["folder"]), str(args["name"]))}, []

    async def _stat(self, principal: Principal, args: dict[str, Any]) -> Part:
        ids = [str(item) for item in list(args["ids"])[:1000]]
        return {"rows": await self._mounted.stat(principal, ids)}, []

    async def _open(self, principal: Principal, args: dict[str, Any]) -> Part:
        access, stored = await self._mounted.content(principal, str(args["id"]))
        revision = access.file["head_revision_id"]
        if access.file["kind"] == "notebook":
            exported = await self._drive.context.live.export(access.file_id)
            if exported is not None:
                descriptor = await asyncio.to_thread(_in_memory, exported)
                return {"size": len(exported), "revision": revision}, [descriptor]
        if stored is None:
            return {"size": 0, "revision": None}, []
        descriptor = os.open(self._place.blobs.path(stored.sha256), os.O_RDONLY | os.O_CLOEXEC)
        return {"size": stored.size, "revision": revision}, [descriptor]

    async def _usage(self, _principal: Principal, _args: dict[str, Any]) -> Part:
        total, free = await asyncio.to_thread(self.space)
        return {"total": total, "free": free}, []

    async def _name(self, _principal: Principal, args: dict[str, Any]) -> Part:
        return {"name": clean_name(str(args["name"]))}, []

    # -- bytes ----------------------------------------------------------------------------------------------------

    async def _stage(self, _principal: Principal, args: dict[str, Any]) -> Part:
        count = max(1, min(int(args["count"]), MAX_DESCRIPTORS))
        made = await asyncio.to_thread(self.staged.make, count)
        return {"ids": [name for name, _ in made]}, [descriptor for _, descriptor in made]

    async def _commit(self, principal: Principal, args: dict[str, Any]) -> Part:
        items = [dict(item) for item in list(args["items"])[:MOST_ITEMS]]
        return {"items": await self.commit(principal, items)}, []

    async def commit(self, principal: Principal, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Makes revisions of staged files. Returns for each item ``{"row"}`` or ``{"errno"}``. Raises LaboraError.

        What becomes a blob is a copy: the daemon may still write into its file, and a blob belongs to everybody who has
        the same bytes. The staged file goes only once the revision is durable, so that any failure can be made good.
        """
        answers: list[dict[str, Any]] = [{} for _ in items]
        staged = [self.staged.path(item.get("stage")) for item in items]
        for at, path in enumerate(staged):
            if path is not None and path.stat().st_size > self._place.limits.upload_bytes:
                answers[at]["errno"], staged[at] = errno.EFBIG, None
        paths = await self.staged.copied(staged)
        kinds = [media_type_of(str(item["name"])) for item in items]
        taken = [(path, kind) for path, kind in zip(paths, kinds, strict=True) if path is not None]
        refs = iter(await self._place.blobs.adopt(taken))
        stored = [next(refs) if path is not None else None for path in paths]
        made = await self._make(principal, items, stored, answers)
        for item, ref, answer in zip(items, stored, answers, strict=True):
            if ref is not None and not answer and item["file"] not in made:
                await self._change(principal, item, ref, answer)
        rows = await self._mounted.stat(principal, [str(item["file"]) for item in items])
        for item, answer in zip(items, answers, strict=True):
            row = rows.get(str(item["file"]))
            # Bytes that are not there were taken over by a request whose answer was lost.
            if not answer:
                answer.update({"row": row} if row is not None else {"errno": errno.ESTALE})
        done = [
            path
            for path, item, answer in zip(staged, items, answers, strict=True)
            if path is not None and "row" in answer and not item.get("keep")
        ]
        await asyncio.to_thread(_remove, done)
        return answers

    async def _make(
        self,
        principal: Principal,
        items: list[dict[str, Any]],
        stored: list[BlobRef | None],
        answers: list[dict[str, Any]],
    ) -> set[str]:
        """Makes the files that are new. Returns the ids that were asked for."""
        fresh: dict[str, tuple[NewFile, dict[str, Any]]] = {}
        for item, ref, answer in zip(items, stored, answers, strict=True):
            if not item.get("new") or ref is None or answer:
                continue
            if not _ITEM_ID.match(str(item["file"])):
                raise InvalidError("This is no id of a file.")
            name = str(item["name"])
            reason = await self._drive.revisions.reason(ref) if is_notebook(name) else None
            new = NewFile(str(item["file"]), str(item["parent"]), name, ref, reason)
            fresh[new.id] = (new, answer)
        if fresh:
            await self._mounted.add(principal, [new for new, _ in fresh.values()])
        for new, answer in fresh.values():
            if new.error is not None:
                answer["errno"] = errno_of(new.error)
        return set(fresh)

    async def _change(self, principal: Principal, item: dict[str, Any], ref: BlobRef, answer: dict[str, Any]) -> None:
        """Gives a file that exists its new bytes; a live notebook merges them or keeps them beside it."""
        file_id = str(item["file"])
        try:
            access = await self._mounted.access(principal, file_id, Ability.EDIT)
            if access.file["kind"] != "notebook":
                await self._mounted.replace(principal, file_id, ref)
                return
            base = await self._known_base(principal, file_id, item.get("base"))
            pieces = await self._place.blobs.open(ref.sha256)
            try:
                await self._drive.revisions.put(principal, file_id, pieces, declared_size=ref.size, base=base)
            except InvalidError:
                await self._conflict_copy(principal, access.file, ref)
        except LaboraError as error:
            answer["errno"] = errno_of(error)

    async def _known_base(self, principal: Principal, file_id: str, base: Any) -> str | None:
        """Returns the revision that was read, unless it has been thinned out since: then the newest counts."""
        if not isinstance(base, str):
            return None
        try:
            return (await self._drive.revisions.get(principal, file_id, base))[1].id
        except NotFoundError:
            return None

    async def _conflict_copy(self, principal: Principal, file: Any, ref: BlobRef) -> None:
        """Keeps what cannot be merged into an open notebook as a file beside it."""
        stem = str(file["name"]).removesuffix(".ipynb")[:200]
        moment = self._drive.context.clock.now().strftime("%Y-%m-%d %H.%M.%S")
        pieces = await self._place.blobs.open(ref.sha256)
        parent = str(file["parent_id"] or "root")
        await self._drive.upload(principal, f"{stem} (conflict copy {moment}).ipynb", parent, pieces)

    # -- places ---------------------------------------------------------------------------------------------------

    async def _mkdir(self, principal: Principal, args: dict[str, Any]) -> Part:
        folder, name = str(args["folder"]), str(args["name"])
        made = await self._drive.create_folder(principal, name, folder)
        row = (await self._mounted.stat(principal, [made.id]))[made.id]
        return {"row": row}, []

    async def _rename(self, principal: Principal, args: dict[str, Any]) -> Part:
        item, name, to = str(args["id"]), args.get("name"), args.get("to")
        await self._mounted.access(principal, item, Ability.READ)
        view = await self._drive.change(
            principal,
            item,
            name=None if name is None else str(name),
            parent_id=None if to is None else str(to),
        )
        rows = await self._mounted.stat(principal, [view.id])
        if view.id not in rows:
            raise NotFoundError("It was deleted meanwhile.", code="no_such_file")
        return {"row": rows[view.id]}, []

    async def _replace(self, principal: Principal, args: dict[str, Any]) -> Part:
        """Gives one file the bytes of another, which goes to the trash, or for ever where it was a passing one."""
        source = await self._mounted.access(principal, str(args["id"]), Ability.TRASH)
        head = await self._drive.revisions.head(source.file_id)
        # A notebook that is open may be further than its newest revision.
        live = await self._drive.context.live.export(source.file_id) if source.file["kind"] == "notebook" else None
        if live is not None or head is None:
            ref = await self._place.blobs.put(live or b"")
        else:
            ref = BlobRef(head.sha256, head.size)
        answer: dict[str, Any] = {}
        await self._change(principal, {"file": str(args["over"]), "base": None}, ref, answer)
        if "errno" in answer:
            raise OSError(answer["errno"], "not replaced")
        age = self._drive.context.clock.now() - parse_timestamp(str(source.file["created_at"]))
        passing = live is None and age < YOUNG and (head is None or head.number == 1)
        if passing and source.allows(Ability.DELETE):
            await self._drive.delete(principal, source.file_id)
        else:
            await self._drive.change(principal, source.file_id, trashed=True)
        return {}, []

    async def _trash(self, principal: Principal, args: dict[str, Any]) -> Part:
        access = await self._mounted.access(principal, str(args["id"]), Ability.TRASH)
        await self._drive.change(principal, access.file_id, trashed=True)
        return {}, []


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _in_memory(data: bytes) -> int:
    descriptor = os.memfd_create("notebook", os.MFD_CLOEXEC)
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    return descriptor

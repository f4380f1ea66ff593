"""All live notebooks of this process: opens, saves, evicts and closes rooms, and answers for them to other parts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy.exc import DBAPIError

from labora.access import Principal, Scope
from labora.base.clock import Clock, SystemClock
from labora.base.errors import LaboraError, NotFoundError, UnavailableError
from labora.base.logging import get_logger
from labora.base.settings import Settings
from labora.blobs import Blobs
from labora.db import Database
from labora.drive import Drive, FileView, Revision, Upload
from labora.rooms import store
from labora.rooms.answers import ServerAnswers
from labora.rooms.checkpoints import Checkpoints, try_save
from labora.rooms.contents import Contents
from labora.rooms.executions import Executions
from labora.rooms.headless import Headless
from labora.rooms.journal import Journal, Write
from labora.rooms.live import Live
from labora.rooms.loader import Loader
from labora.rooms.model import RoomState, Snapshot
from labora.rooms.overview import Overview
from labora.rooms.ports import Compute, Drives, Secrets
from labora.rooms.room import Room
from labora.rooms.subscriber import Close, Subscriber

KEEP_S = 0.5
CLOSE_S = 8.0
RECHECK_S = 30.0
AGAIN_S = 5.0
"""Seconds between two tries to make a notebook live that could not be for want of storage."""

Found = TypeVar("Found")

log = get_logger("rooms")


class Rooms:
    """The live notebooks. :meth:`start` before use, :meth:`close` at the end.

    Args:
        compute: runtimes and kernels; None in a process that runs no code.
        drives: mounts drives into runtimes; None where there are none.
        secrets: secrets of accounts, for their programs; None where there are none.
        data_dir: watched for free space; None watches nothing.
        write: replaces the journal's writer, for tests of failing storage.

    Implements :class:`labora.drive.LiveNotebooks`.

    Attributes:
        headless: runs without a page.
        overview: the kernels of all live notebooks.
        live: what the frames of live outputs do.
    """

    def __init__(
        self,
        *,
        database: Database,
        blobs: Blobs,
        drive: Drive,
        settings: Settings,
        compute: Compute | None,
        drives: Drives | None = None,
        secrets: Secrets | None = None,
        clock: Clock | None = None,
        data_dir: Path | None = None,
        write: Write | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self._database = database
        self._drive = drive
        self._blobs = blobs
        self.journal = Journal(
            write or store.JournalWriter(database, self.clock),
            interval_s=settings.rooms.commit_interval_s,
            folder=data_dir,
            min_free_bytes=settings.storage.min_free_bytes,
        )
        self.journal.on_health(self._storage_changed)
        self._loader = Loader(database, blobs, drive, settings)
        self._checkpoints = Checkpoints(database, blobs, drive)
        answers = ServerAnswers(drive, self._checkpoints, settings.app_url, secrets)
        self._executions = Executions(compute, blobs, settings, self.clock, answers, drives)
        self.live = Live(self._executions.find, self._executions.workers_of)
        self._rooms: dict[str, Room] = {}
        self.overview = Overview(self._rooms, compute)
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeper: asyncio.Task[None] | None = None
        self._closing = False
        self._rights_changes = 0
        self._contents = Contents(
            database,
            blobs,
            drive,
            self._checkpoints,
            open_room=self.open,
            loaded=self._rooms.get,
            drop=self._drop,
            lock=lambda file_id: self._locks.setdefault(file_id, asyncio.Lock()),
        )
        self.headless = Headless(drive, self.open)

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Starts the journal and the keeper, and brings back every room whose work goes on."""
        self.journal.start()
        self._drive.context.live = self
        self._keeper = asyncio.create_task(self._keep_forever(), name="rooms-keeper")
        await self.resume()

    async def resume(self) -> None:
        """Loads every room with a runtime, a queue or entries behind its checkpoint, and goes on where it stood."""
        async with self._database.read() as connection:
            file_ids = await store.rooms_to_resume(connection)
        for file_id in file_ids:
            try:
                await self.open(file_id)
            except LaboraError as error:
                log.warning("resume_failed", file_id=file_id, error=error.message)

    async def close(self) -> None:
        """Saves every room and ends every socket; kernels go on."""
        self._closing = True
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        await self._executions.close()
        for room in list(self._rooms.values()):
            room.close(Close.RESTART, "The server is restarting.")
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(TimeoutError):
            # The journal holds whatever is not saved in time.
            async with asyncio.timeout(CLOSE_S):
                await self._save_all()
        await self.journal.close()
        self._rooms.clear()

    async def _save_all(self) -> None:
        for room in list(self._rooms.values()):
            if not self.journal.ok:
                return
            room.closed = False
            await room.settled()
            if room.dirty_since is not None:
                await try_save(self._checkpoints, room)
            room.closed = True

    def abandon(self) -> None:
        """Drops everything that is not durable, as a kill would; for tests of what is left then."""
        self._closing = True
        if self._keeper is not None:
            self._keeper.cancel()
        self.journal.abandon()
        for room in list(self._rooms.values()):
            self._executions.drop(room)
            room.close(Close.RESTART, "abandoned")
        self._rooms.clear()

    async def open(self, file_id: str) -> Room:
        """Returns the room of a notebook, loaded when it is not in memory. The caller has checked access.

        Raises NotFoundError when the file is gone, UnavailableError while the server stops.
        """
        room = self._rooms.get(file_id)
        if room is not None and not room.closed:
            room.touch()
            return room
        async with self._locks.setdefault(file_id, asyncio.Lock()):
            if self._closing:
                raise UnavailableError("The server is restarting.", code="stopping", retry_after=2)
            room = self._rooms.get(file_id)
            if room is None or room.closed:
                room = await self._load(file_id)
            room.touch()
            return room

    async def _load(self, file_id: str) -> Room:
        loaded = await self._loader.load(file_id)
        # What the journal knows of comments may be older than the record of them.
        comments = await self._drive.comments.stored(file_id)
        snapshot = Snapshot(
            cast("RoomState", {**loaded.snapshot.state, "comments": comments}),
            loaded.snapshot.ledger,
            loaded.snapshot.hidden,
        )
        room = Room(
            file_id=file_id,
            epoch=loaded.epoch,
            seq=loaded.seq,
            document=loaded.document,
            snapshot=snapshot,
            journal=self.journal,
            clock=self.clock,
            settings=self.settings,
            carry_out=self._executions.carry_out,
            read_only_reason=loaded.read_only_reason,
        )
        if loaded.dirty:
            room.mark_changed(None)
            room.authors = dict.fromkeys(loaded.authors)
        room.provisional_since = self.clock.monotonic() if loaded.provisional else None
        room.greeting, room.moved = partial(self.live.greeting, room), partial(self.live.moved, room)
        self._rooms[file_id] = room
        if self.journal.failed:
            room.freeze(self.journal.problem)
        else:
            if room.read_only_reason is None:
                room.check_omission()
                # A process that ended in between may have left outputs in the journal.
                room.scrub_wanted = room.scrub_wanted or room.omits
            self._executions.resume(room)
        return room

    # -- sockets ------------------------------------------------------------------------------------------------------

    async def subscriber(self, principal: Principal, file_id: str, client_id: int) -> tuple[Room, Subscriber, FileView]:
        """Returns the room of a notebook and a subscriber with the rights that ``principal`` has right now.

        The caller sends the welcome with :meth:`Room.join`. Raises NotFoundError for what is not a notebook that
        ``principal`` may read.
        """
        view = await self._drive.get(principal, file_id)
        if view.kind != "notebook":
            raise NotFoundError("This is not a notebook.", code="not_a_notebook")
        room = await self.open(view.id)
        if principal.signed_in:
            # Where nothing can be written, reading goes on.
            with suppress(LaboraError, DBAPIError):
                await self._drive.mark_opened(principal, view.id)
        # Loading may have taken long: the rights that count are those of now, and nothing waits from here on.
        view = await self._newest(partial(self._drive.get, principal, file_id))
        room.base_id = view.access.base["id"] if view.access.base is not None else None
        limit = self.settings.limits.socket_queue_bytes
        return room, Subscriber(principal, client_id, frozenset(view.abilities), limit), view

    async def _newest(self, look: Callable[[], Awaitable[Found]]) -> Found:
        """Returns what ``look`` finds, looked up again when rights changed while it looked."""
        while True:
            changes = self._rights_changes
            found = await look()
            if changes == self._rights_changes:
                return found

    def opened(self, room: Room, subscriber: Subscriber) -> None:
        """A page joined a room: what its reader may do next is made ready."""
        if subscriber.may("edit") and Scope.RUN in subscriber.principal.scopes:
            self._executions.prepare(room, subscriber.account_id)

    async def recheck(self, room: Room) -> None:
        """Looks up the rights of every socket of a room again; demotes or closes those that lost theirs."""
        for subscriber in list(room.subscribers.values()):
            try:
                access = await self._newest(partial(self._drive.access, subscriber.principal, room.file_id))
            except NotFoundError:
                subscriber.close(Close.FORBIDDEN, "This notebook is no longer shared with you.")
                room.leave(subscriber)
                continue
            abilities: frozenset[str] = access.abilities
            if self.journal.failed:
                abilities -= {"edit"}
            if abilities != subscriber.abilities:
                subscriber.abilities = abilities
                subscriber.control({"type": "rights", "abilities": sorted(abilities)})

    # -- LiveNotebooks ------------------------------------------------------------------------------------------------

    async def rights_changed(self, file_ids: Sequence[str]) -> None:
        """Rights on these items or below may have changed: when this returns, nothing is accepted by the old ones."""
        self._rights_changes += 1
        only = set(file_ids)
        rooms = [room for room in self._rooms.values() if not room.closed]
        if not only <= {room.file_id for room in rooms}:
            # A folder, or a file that is not open: every room may lie below it.
            only = {room.file_id for room in rooms}
        for room in rooms:
            if room.file_id in only or room.base_id in only:
                await self.recheck(room)
                with suppress(TimeoutError):
                    # What was taken before the change is acknowledged before the change is.
                    async with asyncio.timeout(0.5):
                        await room.settled()

    async def comments_changed(self, file_id: str, comment_id: str) -> None:
        """Shows a comment to open pages as it is now. Nothing fails here: it is stored, whoever opens later has it."""
        async with self._locks.setdefault(file_id, asyncio.Lock()):
            room = self._rooms.get(file_id)
            if room is None or room.closed:
                return
            try:
                # Read under the lock, so that of two changes the later one is told last.
                found = await self._drive.comments.stored(file_id, comment_id)
                room.show_comment(comment_id, found.get(comment_id))
            except (LaboraError, DBAPIError) as error:
                log.warning("comment_not_shown", file_id=file_id, error=str(error))

    async def ended(self, file_ids: Sequence[str]) -> None:
        """These files do not exist any more."""
        for file_id in file_ids:
            room = self._rooms.pop(file_id, None)
            if room is not None:
                self._executions.end_kernels(room)
                room.close(Close.GONE, "This notebook was deleted.")

    async def export(self, file_id: str) -> bytes | None:
        """Returns the notebook as it is now, or None when its newest revision is that already."""
        return await self._contents.export(file_id)

    async def put(
        self, principal: Principal, file_id: str, upload: Upload, keep: Callable[[], Awaitable[Revision]]
    ) -> Revision:
        """Merges an uploaded file into a live notebook; see :meth:`labora.rooms.contents.Contents.put`."""
        return await self._contents.put(principal, file_id, upload, keep)

    async def restore(
        self, principal: Principal, file_id: str, content: bytes, keep: Callable[[], Awaitable[Revision]]
    ) -> Revision:
        """Turns a live notebook into ``content`` by ordinary edits, after saving what it was."""
        return await self._contents.restore(principal, file_id, content, keep)

    async def save(self, principal: Principal, file_id: str) -> Revision | None:
        """Stores the notebook as it is now; None when its newest revision is that already."""
        return await self._contents.save(principal, file_id)

    def _drop(self, file_id: str) -> None:
        room = self._rooms.pop(file_id, None)
        if room is not None:
            self._executions.drop(room)
            room.close(Close.RESTART, "This notebook was replaced.")

    # -- commands that take time --------------------------------------------------------------------------------------

    def look(self) -> None:
        """Says that a page has begun to look at meters."""
        self.overview.look()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs ``work`` beside; it is cancelled at the end."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def complete(self, room: Room, account_id: str, code: str, cursor: int) -> dict[str, Any]:
        """Returns completions of the account's kernel; offsets in UTF-16 units."""
        return await self._executions.complete(room, account_id, code, cursor)

    async def inspect(self, room: Room, account_id: str, code: str, cursor: int, detail: int) -> dict[str, Any]:
        """Returns what the account's kernel says about the name at the cursor."""
        return await self._executions.inspect(room, account_id, code, cursor, detail)

    async def consent(
        self, room: Room, account_id: str, execution_id: str, request_id: str, *, allow: bool, always: bool
    ) -> dict[str, Any]:
        """Does what an account decided about its drive."""
        return await self._executions.consent(room, account_id, execution_id, request_id, allow=allow, always=always)

    async def checkpoint(self, room: Room, *, name: str | None, author: str | None) -> str | None:
        """Saves a room now; returns the revision's id."""
        kind = "autosave" if name is None else "named"
        if kind == "autosave" and room.dirty_since is None:
            return room.state["saved"]["revision_id"]
        revision = await self._checkpoints.save(room, kind=kind, name=name, author=author)
        return revision.id if revision is not None else None

    # -- keeping ------------------------------------------------------------------------------------------------------

    async def keep(self) -> None:
        """Saves rooms that are due and lets idle ones go; called twice a second."""
        now, settings = self.clock.monotonic(), self.settings.rooms
        for room in list(self._rooms.values()):
            if room.dirty_since is not None and self.journal.ok:
                quiet = now - room.dirty_at >= settings.checkpoint_quiet_s
                if quiet or now - room.dirty_since >= settings.checkpoint_interval_s:
                    await try_save(self._checkpoints, room)
            if room.scrub_wanted and self.journal.ok and not room.closed:
                await self._checkpoints.scrub(room)
            if room.provisional_since is not None and now - room.provisional_since >= AGAIN_S:
                await self._try_again(room, now)
            idle = not room.subscribers and not room.works and now - room.last_used >= settings.evict_after_s
            if idle or room.closed:
                await self.evict(room.file_id)

    async def _try_again(self, room: Room, now: float) -> None:
        room.provisional_since = now
        with suppress(LaboraError):
            if not self.journal.failed and not (await self._loader.load(room.file_id)).provisional:
                # It is live: its pages connect again, and to a room that can be edited.
                self._drop(room.file_id)

    async def evict(self, file_id: str) -> bool:
        """Lets a room leave memory once it is saved and nobody uses it. Returns whether it is out."""
        async with self._locks.setdefault(file_id, asyncio.Lock()):
            room = self._rooms.get(file_id)
            if room is None:
                return True
            if not room.closed:
                used = room.last_used
                if not self.journal.ok:
                    return False
                await room.settled()
                if room.dirty_since is not None and not await try_save(self._checkpoints, room):
                    return False
                if room.document is not None and room.read_only_reason is None and not room.subscribers:
                    await self._checkpoints.purge(room)
                if room.subscribers or room.works or room.dirty_since is not None:
                    return False
                if room.document is not None and room.read_only_reason is None:
                    await self._checkpoints.compact(room)
                if room.last_used != used or room.subscribers or room.staged_seq != room.seq:
                    # Somebody came while it was written.
                    return False
            self._executions.drop(room)
            room.close(Close.RESTART, "This notebook was closed.")
            del self._rooms[file_id]
            self._checkpoints.forget(file_id)
            return True

    async def _keep_forever(self) -> None:
        recheck = self.clock.monotonic() + RECHECK_S
        while True:
            await asyncio.sleep(KEEP_S)
            try:
                await self.keep()
                if self.clock.monotonic() >= recheck:
                    # Permissions that expire change rights without anybody's doing.
                    recheck = self.clock.monotonic() + RECHECK_S
                    for room in list(self._rooms.values()):
                        await self.recheck(room)
            except Exception:
                log.exception("keeper_failed")

    def _storage_changed(self, ok: bool, message: str) -> None:
        for room in self._rooms.values():
            if self.journal.failed:
                self._executions.drop(room)
                room.freeze(message)
            for subscriber in list(room.subscribers.values()):
                subscriber.control({"type": "storage", "ok": ok, "message": message})

"""One live notebook: orders every edit and operation, makes it durable, then shows it.

Its methods are synchronous and run on the event loop, so each is one step that nothing interleaves. A step only stages:
what it adds is journalled, and shown, broadcast and acknowledged when it is durable, in the same order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from labora.base import faults
from labora.base.clock import Clock, timestamp
from labora.base.errors import ConflictError, ForbiddenError, GoneError, InvalidError, LaboraError, UnavailableError
from labora.base.settings import Settings
from labora.notebook.document import NotebookDocument
from labora.rooms.decide import decide
from labora.rooms.hidden import FOR, HiddenRow, blobs_of, omits_outputs, prints_openly, public, told_to, view
from labora.rooms.journal import Entry, EntryKind, Journal
from labora.rooms.model import Event, Note, RoomState, Snapshot
from labora.rooms.operations import Effect, OmitOutputs, Operation, Record
from labora.rooms.presence import Presence
from labora.rooms.state import apply_event, comment_event, dump_entry
from labora.rooms.subscriber import Close, Lane, Subscriber, json_frame, update_frame
from labora.rooms.turn import Decision

EMPTY_UPDATE = b"\x00\x00"
EMPTY_STATE_VECTOR = b"\x00"
MAX_CLIENT_OWNERS = 2000
CONTENT_EVENTS = frozenset({"outputs", "count", "cell_state"})

MAX_ORIGINS = 1000

CarryOut = Callable[["Room", Effect], None]


class Room:
    """The live state of one file. Made by :class:`labora.rooms.service.Rooms`.

    Args:
        document: None for a notebook that cannot be edited; ``read_only_reason`` then says why.
        carry_out: starts an effect once the events that explain it are durable; must not wait.
    """

    def __init__(
        self,
        *,
        file_id: str,
        epoch: str,
        seq: int,
        document: NotebookDocument | None,
        snapshot: Snapshot,
        journal: Journal,
        clock: Clock,
        settings: Settings,
        carry_out: CarryOut,
        read_only_reason: str | None = None,
    ) -> None:
        self.file_id, self.epoch, self.document = file_id, epoch, document
        # Whether the notebook asks to omit outputs, as its document says.
        self.omits = document is not None and omits_outputs(document.metadata_value("colab"))
        # Of a playground: the notebook that it was made from. Rights on that one count here too.
        self.base_id: str | None = None
        # Whether what was deleted shall leave the journal and the database's file soon.
        self.scrub_wanted = False
        self.read_only_reason = read_only_reason
        self.settings = settings
        self.clock = clock
        # Durable: what everyone sees. Staged: what it will be when the journal has caught up.
        self.seq, self.snapshot = seq, snapshot
        self.staged_seq, self.staged = seq, snapshot
        self.subscribers: dict[str, Subscriber] = {}
        self.presence = Presence(
            self.subscribers.values, max_bytes=settings.limits.presence_bytes, per_s=settings.limits.presence_per_s
        )
        self._client_owners: dict[int, str] = {}
        # Which page sent an execution, by its client id: it is asked what the program asks of a page.
        self.origins: dict[str, int] = {}
        # What a new socket is told after the welcome, and who wants to know that one came or went.
        self.greeting: Callable[[Subscriber], list[bytes]] = lambda _: []
        self.moved: Callable[[Subscriber, bool], None] = lambda _, __: None
        self.closed = False
        # When the room was last found not to be live for want of storage; None for one that is.
        self.provisional_since: float | None = None
        self.last_author: str | None = None
        # Who changed it since the last checkpoint, in order.
        self.authors: dict[str, None] = {}
        self.last_used = clock.monotonic()
        # Changes of the notebook's content since the last checkpoint: first and latest moment, None while clean.
        self.dirty_since: float | None = None
        self.dirty_at = 0.0
        self.dirty = asyncio.Event()
        self._journal = journal
        self._carry_out = carry_out
        self._changed = asyncio.Event()
        self._settling: set[asyncio.Future[None]] = set()
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()

    # -- joining ------------------------------------------------------------------------------------------------------

    def join(self, subscriber: Subscriber, file: dict[str, Any]) -> None:
        """Sends the welcome with everything durable; from now on the subscriber gets all that follows.

        Raises ConflictError for a Yjs client id under which another account was here.
        """
        if self.closed:
            raise UnavailableError("This notebook was closed. Connect again.", code="room_closed")
        owner = self._client_owners.get(subscriber.client_id, subscriber.account_id)
        if owner != subscriber.account_id:
            raise ConflictError("This client id is another account's. Reload the page.", code="foreign_client")
        if len(self._client_owners) >= MAX_CLIENT_OWNERS:
            present = {other.client_id for other in self.subscribers.values()}
            self._client_owners = {key: who for key, who in self._client_owners.items() if key in present}
        if subscriber.principal.signed_in:
            # A guest comes back under another id, and writes nothing that would be under this one.
            self._client_owners[subscriber.client_id] = subscriber.account_id
        welcome = {
            "type": "welcome",
            "version": 1,
            "epoch": self.epoch,
            "seq": self.seq,
            "file": file,
            "account": subscriber.account,
            "state": self._told(subscriber),
            "read_only_reason": self.read_only_reason,
            "now": timestamp(self.clock.now()),
        }
        greeting = self.greeting(subscriber)
        subscriber.reply(json_frame(Lane.CONTROL, welcome), self.presence.everyone(), *greeting)
        if not self._journal.ok:
            subscriber.control({"type": "storage", "ok": False, "message": self._journal.problem})
        self.subscribers[subscriber.id] = subscriber
        self.presence.joined(subscriber)
        self.moved(subscriber, True)
        self.touch()

    def leave(self, subscriber: Subscriber) -> None:
        """Forgets a subscriber; its queued commands still count."""
        if self.subscribers.pop(subscriber.id, None) is not None:
            self.presence.left(subscriber)
            self.moved(subscriber, False)
        self.touch()

    def sent_by(self, executions: Iterable[str], subscriber: Subscriber) -> None:
        """Notes which page sent executions."""
        for execution_id in executions:
            self.origins[execution_id] = subscriber.client_id
        while len(self.origins) > MAX_ORIGINS:
            del self.origins[next(iter(self.origins))]

    def touch(self) -> None:
        """Notes that the room is in use."""
        self.last_used = self.clock.monotonic()

    def freeze(self, reason: str) -> None:
        """Lets nobody edit any more; pages go on reading, and keep what they have not saved."""
        self.read_only_reason = reason
        self._wake()
        self._unsettle(UnavailableError(reason, code="storage_failed"))
        for subscriber in list(self.subscribers.values()):
            subscriber.abilities -= {"edit"}
            subscriber.control({"type": "rights", "abilities": sorted(subscriber.abilities)})

    def close(self, code: int, reason: str) -> None:
        """Ends every socket."""
        self.closed = True
        self._wake()
        self._unsettle(GoneError(reason, code="room_closed"))
        self.presence.close()
        for subscriber in list(self.subscribers.values()):
            subscriber.close(code, reason)

    # -- the document -------------------------------------------------------------------------------------------------

    def sync(self, subscriber: Subscriber, state_vector: bytes) -> None:
        """Answers a client's state vector with what it lacks, then asks for what the server lacks."""
        document = self.document
        if document is None:
            # Both answers also for a notebook that has no document: a client is ready once it has had the two.
            subscriber.reply(b"\x02\x01" + EMPTY_UPDATE, b"\x02\x00" + EMPTY_STATE_VECTOR)
            return
        subscriber.reply(b"\x02\x01" + document.diff(state_vector), b"\x02\x00" + document.state_vector())

    def update(self, subscriber: Subscriber, ref: int, update: bytes) -> None:
        """Takes a client's edit: checks it, stages it, and says ``saved`` once it is durable.

        An edit that is refused is answered with ``update_refused`` and changes nothing.
        """
        if subscriber.refused or self._journal.failed:
            # Without an answer the page keeps its edit, for the server that is started again.
            return
        first, subscriber.synced = not subscriber.synced, True
        try:
            seq = self._edit(subscriber, update, first=first)
        except LaboraError as error:
            subscriber.refused = True
            refusal = {"type": "update_refused", "ref": ref, "code": error.error_code, "message": error.message}
            subscriber.control(refusal)
            return
        self.when_durable(
            lambda: subscriber.control({"type": "saved", "ref": ref, "epoch": self.epoch, "seq": seq}), seq
        )

    def _edit(self, subscriber: Subscriber, update: bytes, *, first: bool) -> int:
        if update == EMPTY_UPDATE:
            return self.staged_seq
        limits = self.settings.limits
        limit = limits.sync_frame_bytes if first else limits.frame_bytes
        if len(update) > limit:
            raise InvalidError(f"This edit is larger than {limit:,} bytes.", code="update_too_large")
        if self.document is None or self.read_only_reason is not None:
            raise ForbiddenError(self.read_only_reason or "This notebook is read-only.", code="read_only")
        foreign = self._foreign_clients(subscriber)
        staged = self.document.stage(update, limits, subscriber.may("edit"), foreign_clients=foreign)
        if staged.empty:
            # Nothing new: the client sends again what was taken before.
            return self.staged_seq
        return self.add_update(staged.update, author=subscriber.account_id, origin=subscriber)

    def _foreign_clients(self, subscriber: Subscriber) -> frozenset[int]:
        """Yjs client ids that are bound to other accounts: nobody may write in their name."""
        return frozenset(key for key, who in self._client_owners.items() if who != subscriber.account_id)

    def add_update(self, staged: bytes, *, author: str | None, origin: Subscriber | None = None) -> int:
        """Journals an update that the document has staged; returns its sequence number.

        Raises UnavailableError when the storage has failed.
        """
        self._journal.check()
        seq = self.staged_seq = self.staged_seq + 1

        def durable() -> None:
            self.require_document().apply(staged, author or "server")
            self.check_omission()
            faults.reach("apply.after")
            self.mark_changed(author)
            frame = update_frame(seq, staged)
            for other in list(self.subscribers.values()):
                if other is not origin:
                    other.send(frame)
            self._reached(seq)

        self._append("update", staged, author, seq, durable)
        return seq

    def check_omission(self) -> None:
        """Follows the document's wish to omit outputs; when it is new, takes out those that are there or will be."""
        document = self.document
        self.omits = document is not None and omits_outputs(document.metadata_value("colab"))
        if not self.omits or self.closed or self._journal.failed:
            return
        if prints_openly(self.staged.state, self.staged.hidden):
            self.perform(OmitOutputs())
            self.scrub_wanted = True

    def require_document(self) -> NotebookDocument:
        """Returns the document. Raises ForbiddenError for a notebook that has none."""
        if self.document is None:
            raise ForbiddenError(self.read_only_reason or "This notebook is read-only.", code="read_only")
        return self.document

    # -- operations ---------------------------------------------------------------------------------------------------

    def perform(
        self,
        *operations: Operation,
        author: str | None = None,
        blobs: tuple[str, ...] = (),
        notes: Callable[[dict[str, Any]], list[Note]] | None = None,
        then: Callable[[dict[str, Any]], None] | None = None,
    ) -> dict[str, Any]:
        """Decides operations as one step and returns the result; ``then`` is called with it when all is durable.

        Args:
            blobs: what the events refer to.
            notes: makes further private notes from the result, journalled with it.

        Raises what :func:`labora.rooms.decide.decide` raises; then nothing has changed.
        """
        if self.closed:
            raise GoneError("This notebook was closed. Connect again.", code="room_closed")
        self._journal.check()
        decision = Decision(self.staged, timestamp(self.clock.now()), self.omits)
        for operation in operations:
            decide(decision, operation)
        for note in notes(decision.result) if notes is not None else ():
            decision.note(note)
        result, effects = decision.result, decision.effects

        def done() -> None:
            for effect in effects:
                self._carry_out(self, effect)
            if then is not None:
                then(result)

        self._stage(decision, author, done, blobs)
        return result

    def _stage(self, decision: Decision, author: str | None, then: Callable[[], None], blobs: tuple[str, ...]) -> None:
        after, events, hidden = decision.snapshot, decision.events, decision.hidden_rows()
        if not events and not decision.notes and not hidden:
            self.when_durable(then)
            return
        seq = self.staged_seq = self.staged_seq + 1
        self.staged = after
        everybodys = public(events)
        if len(everybodys) != len(events):
            # What only a side store refers to is readable to its account alone.
            blobs = tuple(sorted(set(blobs) & blobs_of(everybodys)))

        def durable() -> None:
            self.snapshot = after
            faults.reach("apply.after")
            if any(event["type"] in CONTENT_EVENTS for event in everybodys):
                self.mark_changed(author)
            if any(row.cell is None for row in hidden):
                self.scrub_wanted = True
            self._broadcast(seq, events)
            self._reached(seq)
            then()

        payload = dump_entry(everybodys, decision.notes)
        self._append("event", payload, author, seq, durable, blobs, hidden)

    def _broadcast(self, seq: int, events: list[Event]) -> None:
        """Sends events to every socket, those of a side store to its account's alone, comments to who reads them."""
        if not events:
            return
        everybodys = public(events)
        frame = json_frame(Lane.EVENTS, {"seq": seq, "events": everybodys}) if everybodys else None
        concerned = {event[FOR] for event in events if FOR in event}
        said = any(event["type"] == "comment" for event in events)
        for subscriber in list(self.subscribers.values()):
            account_id = subscriber.account_id
            if said and not subscriber.reads_comments:
                continue
            if account_id in concerned:
                subscriber.send(json_frame(Lane.EVENTS, {"seq": seq, "events": told_to(events, account_id)}))
            elif frame is not None:
                subscriber.send(frame)

    def show_comment(self, comment_id: str, comment: dict[str, Any] | None) -> None:
        """Shows a comment as it is stored now; None takes it away.

        The database has it already. Where this room is journalled the event is too; a notebook that cannot be edited
        has no journal, and is told as it goes by.
        """
        event = comment_event(self.staged.state, comment_id, comment)
        if event is None or self.closed:
            return
        if self.document is not None and self.read_only_reason is None:
            self.perform(Record(events=(event,)))
            return
        self.seq = self.staged_seq = self.staged_seq + 1
        self.snapshot = self.staged = replace(self.staged, state=apply_event(self.staged.state, event))
        self._broadcast(self.seq, [event])
        self._wake()

    # -- durability ---------------------------------------------------------------------------------------------------

    def when_durable(self, callback: Callable[[], None], seq: int | None = None) -> None:
        """Calls ``callback`` when everything up to ``seq`` (default: all that is staged) is durable."""
        wanted = self.staged_seq if seq is None else seq
        if wanted <= self.seq:
            callback()
        else:
            self._waiting.append((wanted, callback))

    async def settled(self) -> None:
        """Returns when everything staged so far is durable.

        Raises UnavailableError when it never will be because the storage failed, GoneError when the room closes first.
        """
        if self.staged_seq <= self.seq:
            return
        self._journal.check()
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._settling.add(waiter)
        waiter.add_done_callback(self._settling.discard)
        self.when_durable(lambda: None if waiter.done() else waiter.set_result(None))
        await waiter

    def _unsettle(self, error: LaboraError) -> None:
        for waiter in list(self._settling):
            if not waiter.done():
                waiter.set_exception(error)

    async def watch(self, condition: Callable[[RoomState], bool]) -> None:
        """Returns when the durable state fulfils ``condition``.

        Raises GoneError when the room closes first, UnavailableError when the storage fails.
        """
        while not condition(self.state):
            self._journal.check()
            if self.closed:
                raise GoneError("This notebook was closed. Ask again.", code="room_closed")
            changed = self._changed
            await changed.wait()

    def saved(self, seen: float, began: float) -> None:
        """Says that a checkpoint, begun at ``began``, holds all changes up to the one at ``seen``.

        What changed meanwhile waits for the next one as long as any change does: a notebook that changes all the time
        is saved once an interval, and not without end.
        """
        if self.dirty_at == seen:
            self.clean()
        elif self.dirty_since is not None:
            self.dirty_since = began

    def clean(self) -> None:
        """Says that a checkpoint holds the content as it is."""
        self.dirty_since = None
        self.dirty.clear()

    @property
    def storage_ok(self) -> bool:
        """Whether the journal can be written."""
        return self._journal.ok

    @property
    def state(self) -> RoomState:
        """The durable state, as every client sees it."""
        return self.snapshot.state

    def _told(self, subscriber: Subscriber) -> RoomState:
        """Returns the durable state as a socket is told it: with its account's own outputs, and comments if it may."""
        state = view(self.snapshot.state, self.snapshot.hidden, subscriber.account_id)
        return state if subscriber.reads_comments else {**state, "comments": {}}

    def seen_by(self, account_id: str) -> RoomState:
        """Returns the staged state as one account sees it: with its own outputs, where the notebook omits them."""
        return view(self.staged.state, self.staged.hidden, account_id)

    @property
    def works(self) -> bool:
        """Whether something goes on here without any browser: a runtime or a queue."""
        state = self.staged.state
        return bool(state["queue"]) or any(r["status"] != "ended" for r in state["runtimes"].values())

    def _append(
        self,
        kind: EntryKind,
        payload: bytes,
        author: str | None,
        seq: int,
        on_durable: Callable[[], None],
        blobs: tuple[str, ...] = (),
        hidden: tuple[HiddenRow, ...] = (),
    ) -> None:
        author = author if author is not None and not author.startswith("guest-") else None
        entry = Entry(self.file_id, self.epoch, seq, kind, payload, author, on_durable, self._rejected, blobs, hidden)
        self._journal.append(entry)

    def _rejected(self) -> None:
        self.close(Close.GONE, "This file does not exist any more.")

    def mark_changed(self, author: str | None) -> None:
        """Says that the content differs from the newest revision."""
        now = self.clock.monotonic()
        if self.dirty_since is None:
            self.dirty_since = now
        self.dirty_at = now
        if author is not None:
            self.last_author = author
            self.authors[author] = None
        self.dirty.set()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _reached(self, seq: int) -> None:
        self.seq = seq
        self._wake()
        while self._waiting and self._waiting[0][0] <= seq:
            self._waiting.popleft()[1]()

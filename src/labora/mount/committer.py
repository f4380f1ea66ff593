"""Brings staged bytes into the drive, many files at a time, and keeps what is still being written safe on the disk."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import Any

from labora.mount.content import Content
from labora.mount.nodes import ID, KIND, NAME, REVISION, SIZE, Node
from labora.mount.remote import COMMIT_S
from labora.mount.tree import Tree

BATCH, BATCH_BYTES = 800, 256 * 1024 * 1024
MOST_WAITING = 8000
TICK_S = 1.0
GATHER_S = 0.1
"""What is closed within this time goes into the drive together: many files cost little more than one."""
RETRY_S = 2.0
PASSING = (errno.EIO, errno.ENOSPC, errno.EAGAIN)
"""Failures that are tried again; after any other the bytes stay staged and the next ``fsync`` or ``close`` says so."""


class Committer:
    """The queue of contents that are to become revisions.

    Args:
        tree: where their nodes are.
        settled: called with every content that is in the drive or has failed.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._queue: dict[Content, bool] = {}
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.unsaved: set[Content] = set()
        """Contents that could not be kept; they stay staged."""
        self.heard: Callable[[int], None] = lambda free: None
        """Called with the bytes that the drive has room for, whenever it says so."""

    def add(self, content: Content) -> None:
        """Takes a content whose last writer is gone."""
        self._queue[content] = True
        content.committed.clear()
        self._idle.clear()
        if len(self._queue) >= MOST_WAITING:
            self._room.clear()
        self._wake.set()

    def drop(self, content: Content) -> None:
        """Forgets a content that nobody wants any more."""
        self._queue.pop(content, None)
        self.unsaved.discard(content)
        if not content.committing:
            content.committed.set()
        self._note_idle()

    async def room(self) -> None:
        """Waits while very many files wait already."""
        await self._room.wait()

    async def settle(self, content: Content) -> None:
        """Waits until a content that was added is in the drive, or has failed."""
        while content in self._queue or content.committing:
            await content.committed.wait()

    async def flush(self) -> list[str]:
        """Waits until everything that was closed is in the drive. Returns the names of what could not be kept."""
        for content in list(self.unsaved):
            self.unsaved.discard(content)
            self.add(content)
        await self._idle.wait()
        return sorted(str(content.node.name) for content in self.unsaved)

    async def run(self) -> None:
        """Works until it is cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                await asyncio.sleep(GATHER_S)
                batch = self._next()
                if batch and not await self._commit(batch):
                    await asyncio.sleep(RETRY_S)

    def _next(self) -> list[Content]:
        batch: list[Content] = []
        size = 0
        for content in list(self._queue):
            if content.committing:
                continue
            size += content.size
            if batch and size > BATCH_BYTES:
                break
            batch.append(content)
            if len(batch) == BATCH:
                break
        return batch

    async def _commit(self, batch: list[Content]) -> bool:
        """Sends a batch. Returns whether it is worth going on at once."""
        versions = {}
        for content in batch:
            content.committing = True
            content.committed.clear()
            versions[content] = content.version
        try:
            result, _ = await self._tree.remote.call(
                "commit", {"items": [item_of(content) for content in batch]}, wait_s=COMMIT_S
            )
            answers: list[dict[str, Any]] = result["items"]
            if "free" in result:  # a server of before does not say
                self.heard(int(result["free"]))
        except OSError:
            answers = [{"errno": errno.EIO}] * len(batch)
        going = True
        for content, answer in zip(batch, answers, strict=True):
            content.committing = False
            going = self._settle(content, answer, versions[content]) and going
            if content not in self._queue:
                content.committed.set()
        self._note_idle()
        return going

    def _settle(self, content: Content, answer: dict[str, Any], version: int) -> bool:
        failure = answer.get("errno")
        if failure in PASSING and content in self._queue:
            content.failure = failure
            return bool(failure != errno.EIO)
        self._queue.pop(content, None)
        if content.version != version:
            # Written again meanwhile: whoever writes brings it back when they close it.
            if not content.writers:
                self.add(content)
            return True
        if failure:
            content.failure = failure
            self.unsaved.add(content)
            return True
        content.failure, content.dirty, content.synced, content.new = 0, False, True, False
        self._publish(content, answer["row"])
        return True

    def _publish(self, content: Content, row: list[Any]) -> None:
        """Makes the node and its folder show what the drive has now."""
        node, parent = content.node, content.node.parent
        content.revision = row[REVISION]
        if content.gone or parent is None:
            return
        node.take(row)
        node.cached = row[REVISION]
        content.size = row[SIZE] if row[KIND] != "notebook" else content.size
        if parent.local is not None and parent.local.get(node.name) is node:
            del parent.local[node.name]
        parent.note(put=row)
        release(self._tree, content)

    def _note_idle(self) -> None:
        if len(self._queue) < MOST_WAITING:
            self._room.set()
        if not self._queue:
            self._idle.set()


def release(tree: Tree, content: Content) -> None:
    """Lets go of a content that nobody has open and that the drive has."""
    node: Node = content.node
    if content.handles or content.committing or (content.dirty and not content.gone):
        return
    content.close()
    if node.content is content:
        node.content = None
        tree.nodes.release(node)


def item_of(content: Content, *, keep: bool = False) -> dict[str, Any]:
    """Returns what the control plane is told of a content. ``keep``: it is still written, so the bytes are copied."""
    node = content.node
    stage = content.stage
    return {
        "stage": stage.id if stage is not None else None,
        "file": node.row[ID],
        "new": content.new,
        "parent": node.parent.row[ID] if node.parent is not None else None,
        "name": node.row[NAME],
        "base": content.revision,
        "keep": keep,
    }

"""What the requests on open files do."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from labora.base.logging import get_logger
from labora.mount import content as staging
from labora.mount import fuse
from labora.mount.committer import TICK_S, Committer, item_of, release
from labora.mount.content import Content, Stages
from labora.mount.fuse import Request
from labora.mount.nodes import ID, KIND, READ, REVISION, RIGHTS, SIZE, WRITE, Node
from labora.mount.remote import COMMIT_S
from labora.mount.session import Answer
from labora.mount.tree import Tree

VALID_S = 1
CHECKED = 500
"""Open files whose rights are looked at again every second."""
SMALL = 64 * 1024 * 1024
"""What is still open and larger becomes a revision only when it is closed, however often it is synced."""

log = get_logger("mount")


class _Handle:
    __slots__ = ("content", "writable")

    def __init__(self, content: Content, *, writable: bool) -> None:
        self.content = content
        self.writable = writable


class Files:
    """Open files of one mount.

    Args:
        tree, stages, committer: see :class:`labora.mount.filesystem.FileSystem`.
        limit: bytes that one file may have.

    Attributes:
        free: bytes that the drive has room for, as last heard.
        notify: tells the kernel that something changed.
    """

    def __init__(self, tree: Tree, stages: Stages, committer: Committer, *, readonly: bool, limit: int) -> None:
        self._tree = tree
        self._stages = stages
        self._committer = committer
        self._readonly = readonly
        self._limit = limit
        self._handles: dict[int, _Handle] = {}
        self._number = 0
        self.free = 1 << 62
        self.notify: Any = lambda message: None
        committer.heard = self.hear

    def hear(self, free: int) -> None:
        """Takes what the drive has room for."""
        self.free = free

    # -- opening --------------------------------------------------------------------------------------------------

    def _node(self, nodeid: int) -> Node:
        node = self._tree.nodes.get(nodeid)
        if node is None:
            raise OSError(errno.ESTALE, "no such node")
        return node

    def open(self, request: Request) -> Answer:
        flags = fuse.fields("<II", request.body)[0]
        node = self._node(request.nodeid)
        if node.is_folder:
            return -errno.EISDIR
        return self._open(node, flags)

    async def _open(self, node: Node, flags: int) -> bytes | int:
        writes = flags & os.O_ACCMODE != os.O_RDONLY
        if writes and self._readonly:
            return -errno.EROFS
        if not node.fresh:
            await self._tree.refresh(node)
        right = WRITE if writes else READ
        if not node.row[RIGHTS] & right:
            return -errno.EACCES
        content = await self._content(node, fetch=not (writes and flags & os.O_TRUNC))
        if writes and flags & os.O_TRUNC:
            await self._staged(content, 0)
            content.truncate(0)
        keep = content.dirty or node.cached == content.revision
        node.cached = content.revision
        return self.opened(content, flags, keep=keep)

    def opened(self, content: Content, flags: int, *, keep: bool = True) -> bytes:
        """Makes a handle and returns the answer to OPEN."""
        writable = flags & os.O_ACCMODE != os.O_RDONLY
        self._number += 1
        self._handles[self._number] = _Handle(content, writable=writable)
        content.handles += 1
        content.writers += writable
        if content.node.row[KIND] == "notebook":
            # The live notebook may be longer than its file was when it was listed; the kernel must not cut it.
            return fuse.open_reply(self._number, fuse.FOPEN_DIRECT_IO)
        return fuse.open_reply(self._number, fuse.FOPEN_KEEP_CACHE if keep else 0)

    async def _content(self, node: Node, *, fetch: bool) -> Content:
        """Returns what is open of a node, with its newest bytes unless they are written here. Raises OSError."""
        content = node.content
        if content is None:
            content = node.content = Content(node)
            content.size = node.row[SIZE]
        content.handles += 1  # held while we wait
        try:
            async with content.lock:
                stale = content.revision != node.row[REVISION] or node.row[KIND] == "notebook"
                if fetch and content.stage is None and (content.base is None or (stale and not content.writers)):
                    await self._fetch(content)
        finally:
            content.handles -= 1
            if content.base is None and content.stage is None and fetch:
                release(self._tree, content)
        return content

    async def _fetch(self, content: Content) -> None:
        result, descriptors = await self._tree.remote.call("open", {"id": content.node.row[ID]})
        if content.base is not None:
            os.close(content.base)
        content.base = descriptors[0] if descriptors else None
        content.size, content.revision = int(result["size"]), result["revision"]
        if content.node.row[SIZE] != content.size:
            content.node.row[SIZE] = content.size
            self.notify(fuse.inval_inode(content.node.nodeid, -1))

    async def _staged(self, content: Content, keep: int) -> None:
        """Makes sure that the bytes can be written: the first ``keep`` of them are copied. Raises OSError."""
        if content.stage is not None and not content.committing and content.dirty:
            return
        async with content.lock:
            await self._committer.settle(content)
            if content.stage is not None and content.dirty:
                return
            if keep and content.fd is None:
                await self._fetch(content)
            stage = self._stages.take_now() or await self._stages.take()
            source = content.fd
            if keep and source is not None:
                await asyncio.to_thread(staging.copy, source, stage.fd, min(keep, content.size))
            content.stage = stage
            content.changed_ns = content.changed_ns or time.time_ns()

    # -- bytes ----------------------------------------------------------------------------------------------------

    def _handle(self, number: int) -> _Handle:
        handle = self._handles.get(number)
        if handle is None:
            raise OSError(errno.EBADF, "no such handle")
        return handle

    def read(self, request: Request) -> Answer:
        asked = fuse.read_in(request.body)
        return self._handle(asked.handle).content.read(asked.offset, min(asked.size, fuse.MAX_WRITE))

    def write(self, request: Request) -> Answer:
        asked = fuse.read_in(request.body)
        handle, data = self._handle(asked.handle), request.body[fuse.WRITE_IN :]
        if len(data) < asked.size:
            raise fuse.ProtocolError("fewer bytes than it says")
        data, content = data[: asked.size], handle.content
        if not handle.writable:
            return -errno.EBADF
        if content.stage is None or content.committing or not content.dirty:
            return self._write(content, asked.offset, bytes(data))
        return fuse.write_reply(content.write(asked.offset, data, self._limit, self.free))

    async def _write(self, content: Content, offset: int, data: bytes) -> bytes | int:
        content.require(WRITE)
        await self._staged(content, content.size)
        return fuse.write_reply(content.write(offset, data, self._limit, self.free))

    def setattr(self, request: Request) -> Answer:
        asked, node = fuse.read_setattr(request.body), self._node(request.nodeid)
        if self._readonly:
            return -errno.EROFS
        if not node.row[RIGHTS] & WRITE:
            return -errno.EACCES
        if asked.valid & fuse.FATTR_SIZE:
            if node.is_folder:
                return -errno.EISDIR
            return self._truncate(node, asked)
        # Owners, modes and times are the drive's own; programs that set them go on.
        return fuse.attr_reply(node.attr(), VALID_S)

    async def _truncate(self, node: Node, asked: fuse.SetAttr) -> bytes | int:
        if asked.size > self._limit:
            return -errno.EFBIG
        content = await self._content(node, fetch=asked.size > 0)
        content.handles += 1
        try:
            await self._staged(content, asked.size)
            if asked.size - content.size > self.free:
                return -errno.EDQUOT
            content.truncate(asked.size)
        finally:
            content.handles -= 1
        if not content.writers:
            self._committer.add(content)
        return fuse.attr_reply(node.attr(), VALID_S)

    def fallocate(self, request: Request) -> Answer:
        body = request.body
        handle, offset, length = (int.from_bytes(body[at : at + 8], "little") for at in (0, 8, 16))
        mode = int.from_bytes(body[24:28], "little")
        if len(body) < 28 or offset + length >= 1 << 63:
            raise fuse.ProtocolError("shorter than its fields")
        if mode:
            return -errno.EOPNOTSUPP
        return self._fallocate(self._handle(handle), offset + length)

    async def _fallocate(self, handle: _Handle, end: int) -> bytes | int:
        content = handle.content
        if not handle.writable:
            return -errno.EBADF
        await self._staged(content, content.size)
        if end > self._limit:
            return -errno.EFBIG
        if end - content.size > self.free:
            return -errno.EDQUOT
        if end > content.size:
            content.truncate(end)
        return b""

    # -- keeping --------------------------------------------------------------------------------------------------

    def flush(self, request: Request) -> Answer:
        content = self._handle(fuse.fields("<Q", request.body)[0]).content
        return -content.failure

    def release(self, request: Request) -> Answer:
        handle = self._handles.pop(fuse.fields("<Q", request.body)[0], None)
        if handle is None:
            return -errno.EBADF
        content = handle.content
        content.handles -= 1
        content.writers -= handle.writable
        if handle.writable and not content.writers and content.dirty and not content.gone:
            self._committer.add(content)
        else:
            release(self._tree, content)
        return b""

    def fsync(self, request: Request) -> Answer:
        return self._fsync(self._handle(fuse.fields("<QII", request.body)[0]).content)

    async def _fsync(self, content: Content) -> bytes | int:
        await self.sync(content)
        content.wants_publishing = True
        return -content.failure

    async def sync(self, content: Content) -> None:
        """Brings what is staged to the disk. Raises OSError."""
        if content.dirty and not content.synced and not content.gone:
            version = content.version
            await asyncio.to_thread(content.sync)
            content.synced = content.version == version

    def changed(self) -> Iterator[Content]:
        """Yields what is written and open."""
        seen = {handle.content for handle in self._handles.values() if handle.content.dirty}
        yield from seen

    async def tick(self) -> None:
        """Every second: what was written reaches the disk, what was synced the drive, and rights are looked at again.

        So a machine that loses power loses a second of what was not synced at most.
        """
        while True:
            await asyncio.sleep(TICK_S)
            with suppress(OSError):
                for content in list(self.changed()):
                    await self.sync(content)
            try:
                for content in list(self.changed()):
                    if content.wants_publishing and content.size <= SMALL and content.node.row[KIND] != "notebook":
                        await self._publish(content)
                await self._check_rights()
            except OSError as error:
                log.warning("tick_failed", error=str(error))

    async def _publish(self, content: Content) -> None:
        """Makes a revision of what is synced and still open, from a copy."""
        if content.committing or not content.writers:
            return
        content.wants_publishing, content.committing, content.committed = False, True, asyncio.Event()
        try:
            result, _ = await self._tree.remote.call(
                "commit", {"items": [item_of(content, keep=True)]}, wait_s=COMMIT_S
            )
            answer = result["items"][0]
            if "row" in answer:
                content.new = False
                content.revision = answer["row"][REVISION]
                content.node.take(answer["row"])
            else:
                content.failure = int(answer["errno"])
        finally:
            content.committing = False
            content.committed.set()

    async def _check_rights(self) -> None:
        nodes = {handle.content.node for handle in self._handles.values() if not handle.content.new}
        nodes = {node for node in nodes if node.content is not None and not node.content.gone}
        if not nodes:
            return
        chosen = sorted(nodes, key=lambda node: node.checked)[:CHECKED]
        rows = await self._tree.stat([node.row[ID] for node in chosen])
        for node in chosen:
            before, row = node.row[RIGHTS], rows.get(node.row[ID])
            node.checked = time.monotonic()
            node.row[RIGHTS] = 0 if row is None else row[RIGHTS]
            if before & READ and not node.row[RIGHTS] & READ:
                # What the kernel holds of it must not be read on. It waits for reads that we have yet to answer.
                await asyncio.to_thread(self.notify, fuse.inval_inode(node.nodeid))

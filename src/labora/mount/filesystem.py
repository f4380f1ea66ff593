"""What the requests do: names and attributes here, bytes in :mod:`labora.mount.files`."""

from __future__ import annotations

import errno
import os
import time
import unicodedata

from labora.base.ids import new_id
from labora.mount import fuse
from labora.mount.committer import Committer, release
from labora.mount.content import Content, Stages
from labora.mount.files import Files
from labora.mount.fuse import Op, Request
from labora.mount.nodes import (
    ALL_RIGHTS,
    FRESH_S,
    ID,
    KIND,
    NAME,
    RENAME,
    REVISION,
    RIGHTS,
    TRASH,
    WRITE,
    Listing,
    Node,
    Row,
    attr_of,
    inode_of,
    new_row,
)
from labora.mount.session import Answer, Handler
from labora.mount.tree import Tree

VALID_S = int(FRESH_S)
USAGE_S = 5.0


class _Opened:
    """An open folder: its places stay the same however the folder changes meanwhile."""

    __slots__ = ("count", "listing", "local", "node")

    def __init__(self, node: Node, listing: Listing) -> None:
        self.node = node
        self.listing = listing
        self.local: list[Row] = [made.row for made in (node.local or {}).values()]
        self.count: int | None = None
        """Rows of the listing, once it is complete."""

    def row(self, place: int) -> Row | None:
        """Returns the row of a place, None behind the last, an empty one where there is nothing any more."""
        rows, gone = self.listing.rows, self.listing.gone
        if self.count is None and self.listing.complete:
            self.count = len(rows)
            present = {row[ID] for row in rows if row[ID] not in gone} if self.local else set()
            self.local = [row for row in self.local if row[ID] not in present]
        if place < (len(rows) if self.count is None else self.count):
            return rows[place] if rows[place][ID] not in gone else []
        if self.count is None or place - self.count >= len(self.local):
            return None
        return self.local[place - self.count]


class FileSystem:
    """Answers the kernel for one account's drive.

    Args:
        tree: the drive.
        stages: for what is written.
        committer: for what was written.
        readonly: nothing can be changed (EROFS).
    """

    def __init__(self, tree: Tree, stages: Stages, committer: Committer, *, readonly: bool, limit: int) -> None:
        self.tree = tree
        self.nodes = tree.nodes
        self.files = Files(tree, stages, committer, readonly=readonly, limit=limit)
        self._stages = stages
        self._committer = committer
        self._readonly = readonly
        self._folders: dict[int, _Opened] = {}
        self._handle = 0
        self._usage: tuple[float, int, int] = (0.0, 0, 0)

    def handlers(self) -> dict[int, Handler]:
        """Returns what answers each request."""
        files = self.files
        return {
            Op.LOOKUP: self.lookup, Op.GETATTR: self.getattr, Op.SETATTR: files.setattr, Op.READLINK: self.readlink,
            Op.MKNOD: self.mknod, Op.MKDIR: self.mkdir, Op.UNLINK: self.unlink, Op.RMDIR: self.rmdir,
            Op.RENAME: self.rename, Op.RENAME2: self.rename, Op.OPEN: files.open, Op.READ: files.read,
            Op.WRITE: files.write, Op.STATFS: self.statfs, Op.RELEASE: files.release, Op.FSYNC: files.fsync,
            Op.FLUSH: files.flush, Op.OPENDIR: self.opendir, Op.READDIR: self.readdir, Op.READDIRPLUS: self.readdir,
            Op.RELEASEDIR: self.releasedir, Op.FSYNCDIR: self.fsyncdir, Op.CREATE: self.create, Op.ACCESS: self.access,
            Op.FALLOCATE: files.fallocate,
        }  # fmt: skip

    # -- names ----------------------------------------------------------------------------------------------------

    def node(self, nodeid: int) -> Node:
        """Returns a node. Raises OSError (ESTALE) for one that is not known."""
        node = self.nodes.get(nodeid)
        if node is None:
            raise OSError(errno.ESTALE, "no such node")
        return node

    def folder(self, nodeid: int) -> Node:
        """Returns a folder's node. Raises OSError."""
        node = self.node(nodeid)
        if not node.is_folder:
            raise OSError(errno.ENOTDIR, "no folder")
        return node

    def lookup(self, request: Request) -> Answer:
        parent, name = self.folder(request.nodeid), fuse.name_of(request.body)
        if len(name.encode()) > fuse.MAX_NAME:
            return -errno.ENAMETOOLONG
        found = self.tree.find_now(parent, name)
        if found is False:
            return self._lookup(parent, name)
        return self._found(parent, found)

    async def _lookup(self, parent: Node, name: str) -> bytes | int:
        return self._found(parent, await self.tree.find(parent, name))

    def _found(self, parent: Node, found: Row | Node | bool | None) -> bytes | int:
        if found is None:
            return fuse.absent_reply(VALID_S)
        node = found if isinstance(found, Node) else self.nodes.at(parent, found)  # type: ignore[arg-type]
        return self._entry(node)

    def _entry(self, node: Node) -> bytes:
        node.lookups += 1
        return fuse.entry_reply(node.nodeid, node.attr(writable=not self._readonly), VALID_S)

    def getattr(self, request: Request) -> Answer:
        node = self.node(request.nodeid)
        return self._attr(node) if node.fresh or node.content is not None else self._getattr(node)

    async def _getattr(self, node: Node) -> bytes | int:
        await self.tree.refresh(node)
        return self._attr(node)

    def _attr(self, node: Node) -> bytes:
        return fuse.attr_reply(node.attr(writable=not self._readonly), VALID_S)

    def readlink(self, request: Request) -> Answer:
        node = self.node(request.nodeid)
        if node.row[KIND] != "shortcut":
            return -errno.EINVAL
        return self.tree.link_target(node).encode()

    def access(self, request: Request) -> Answer:
        node, (mask, _) = self.node(request.nodeid), fuse.fields("<II", request.body)
        if mask & os.W_OK:
            if self._readonly:
                return -errno.EROFS
            if not node.row[RIGHTS] & WRITE:
                return -errno.EACCES
        if mask & os.X_OK and not node.is_folder:
            return -errno.EACCES
        return b""

    # -- folders --------------------------------------------------------------------------------------------------

    def opendir(self, request: Request) -> Answer:
        return self._opendir(self.folder(request.nodeid))

    async def _opendir(self, node: Node) -> bytes | int:
        listing = await self.tree.opened(node)
        self._handle += 1
        self._folders[self._handle] = _Opened(node, listing)
        return fuse.open_reply(self._handle, 0)

    def readdir(self, request: Request) -> Answer:
        asked = fuse.read_in(request.body)
        if asked.handle not in self._folders:
            return -errno.EBADF
        listing = self._folders[asked.handle].listing
        if listing.complete or asked.offset - 2 < len(listing.rows):
            return self._some(request.op, asked)
        return self._readdir(request.op, asked)

    async def _readdir(self, op: int, asked: fuse.ReadIn) -> bytes | int:
        listing = self._folders[asked.handle].listing
        while not listing.complete and asked.offset - 2 >= len(listing.rows):
            if listing.failure is not None:
                raise listing.failure
            await listing.grown.wait()
        if listing.failure is not None:
            raise listing.failure
        return self._some(op, asked)

    def _some(self, op: int, asked: fuse.ReadIn) -> bytes:
        """Returns as many entries as fit. Offsets: 1 and 2 for the dots, then the place in the list."""
        folder = self._folders.get(asked.handle)
        if folder is None:
            raise OSError(errno.EBADF, "closed")
        node, plus, pieces, room, at = folder.node, op == Op.READDIRPLUS, [], asked.size, asked.offset
        while True:
            if at < 2:
                row: Row | None = new_row(str(node.row[ID]), "folder", "." if at == 0 else "..")
            else:
                row = folder.row(at - 2)
            if row is None:
                break
            if row:
                piece = self._plus(node, row, at) if plus else _plain(row, at)
                if len(piece) > room:
                    if plus:
                        self._give_back(node, row, at)
                    break
                pieces.append(piece)
                room -= len(piece)
            at += 1
        return b"".join(pieces)

    def _plus(self, parent: Node, row: Row, at: int) -> bytes:
        kind, name = fuse.SEEK_TYPES.get(row[KIND], 8), row[NAME].encode()
        if at < 2:
            return fuse.direntplus(0, attr_of(row), VALID_S, at + 1, name, kind)
        node = self.nodes.known(parent, row[ID])
        if node is None:
            node = self.nodes.at(parent, row)
        elif node.content is None:
            node.take(row)
        node.lookups += 1
        attr = node.attr(writable=not self._readonly)
        return fuse.direntplus(node.nodeid, attr, VALID_S, at + 1, name, kind)

    def _give_back(self, parent: Node, row: Row, at: int) -> None:
        node = self.nodes.known(parent, row[ID]) if at >= 2 else None
        if node is not None:
            self.nodes.forget(node.nodeid, 1)

    def releasedir(self, request: Request) -> Answer:
        self._folders.pop(fuse.fields("<Q", request.body)[0], None)
        return b""

    def fsyncdir(self, _request: Request) -> Answer:
        return self._fsyncdir()

    async def _fsyncdir(self) -> bytes | int:
        for content in self.files.changed():
            await self.files.sync(content)
        return b""

    # -- making ---------------------------------------------------------------------------------------------------

    def _require_folder(self, node: Node) -> None:
        if self._readonly:
            raise OSError(errno.EROFS, "read-only")
        if not node.row[RIGHTS] & WRITE:
            raise OSError(errno.EACCES, "not allowed")

    async def _new_name(self, name: str) -> str:
        """Returns a name as the drive will hold it. Raises OSError for one that it cannot."""
        plain = name.isascii() and name.isprintable() and "\\" not in name and name == name.strip()
        if len(name.encode()) > fuse.MAX_NAME:
            raise OSError(errno.ENAMETOOLONG, "too long")
        if not plain:
            result, _ = await self.tree.remote.call("name", {"name": name})
            if result["name"] != unicodedata.normalize("NFC", name):
                raise OSError(errno.EINVAL, "the drive cannot hold this name")
            name = result["name"]
        return name

    def mknod(self, request: Request) -> Answer:
        mode, _ = fuse.fields("<II", request.body)
        if mode & 0o170000 not in (0, 0o100000):
            return -errno.EPERM
        return self._mknod(self.folder(request.nodeid), fuse.name_of(request.body[16:]))

    async def _mknod(self, parent: Node, name: str) -> bytes | int:
        content = await self._make(parent, name)
        self._committer.add(content)
        return self._entry(content.node)

    def create(self, request: Request) -> Answer:
        flags = fuse.fields("<IIII", request.body)[0]
        parent, name = self.folder(request.nodeid), fuse.name_of(request.body[16:])
        return self._create(parent, name, flags)

    async def _create(self, parent: Node, name: str, flags: int) -> bytes | int:
        content = await self._make(parent, name)
        return self._entry(content.node) + self.files.opened(content, flags)

    async def _make(self, parent: Node, name: str) -> Content:
        """Makes a file that the drive gets once it is closed. Raises OSError."""
        self._require_folder(parent)
        name = await self._new_name(name)
        await self._committer.room()
        stage = self._stages.take_now() or await self._stages.take()
        kind = "notebook" if name.lower().endswith(".ipynb") else "file"
        node = self.nodes.at(parent, new_row(new_id(), kind, name, ALL_RIGHTS))
        content = node.content = Content(node)
        content.stage, content.new = stage, True
        content.touch()
        if parent.local is None:
            parent.local = {}
        parent.local[name] = node
        return content

    def mkdir(self, request: Request) -> Answer:
        return self._mkdir(self.folder(request.nodeid), fuse.name_of(request.body[8:]))

    async def _mkdir(self, parent: Node, name: str) -> bytes | int:
        self._require_folder(parent)
        name = await self._new_name(name)
        if await self.tree.find(parent, name) is not None:
            return -errno.EEXIST
        result, _ = await self.tree.remote.call("mkdir", {"folder": parent.row[ID], "name": name, "id": new_id()})
        row: Row = result["row"]
        parent.note(put=row)
        return self._entry(self.nodes.at(parent, row))

    # -- taking away ----------------------------------------------------------------------------------------------

    def unlink(self, request: Request) -> Answer:
        return self._remove(self.folder(request.nodeid), fuse.name_of(request.body), folder=False)

    def rmdir(self, request: Request) -> Answer:
        return self._remove(self.folder(request.nodeid), fuse.name_of(request.body), folder=True)

    async def _remove(self, parent: Node, name: str, *, folder: bool) -> bytes | int:
        if self._readonly:
            return -errno.EROFS
        found = await self.tree.find(parent, name)
        if found is None:
            return -errno.ENOENT
        node = found if isinstance(found, Node) else self.nodes.at(parent, found)
        if node.virtual:
            return -errno.EPERM
        if folder != node.is_folder:
            return -errno.ENOTDIR if folder else -errno.EISDIR
        await self._quiet(node)
        content = node.content
        if content is not None and content.new:
            self._committer.drop(content)
            content.gone, content.dirty = True, False
        else:
            if not node.row[RIGHTS] & TRASH:
                return -errno.EACCES
            if folder and await self._filled(node):
                return -errno.ENOTEMPTY
            await self.tree.remote.call("trash", {"id": node.row[ID]})
            if content is not None:
                content.gone = True
                self._committer.drop(content)
        self._gone(parent, node)
        return b""

    async def _filled(self, node: Node) -> bool:
        listing = await self.tree.listing(node)
        return bool(node.local) or any(row[ID] not in listing.gone for row in listing.rows)

    def _gone(self, parent: Node, node: Node) -> None:
        if parent.local is not None and parent.local.get(node.name) is node:
            del parent.local[node.name]
        parent.note(drop=node.name)
        self.nodes.remove(node)
        if node.content is not None:
            release(self.tree, node.content)
        else:
            self.nodes.release(node)

    # -- renaming -------------------------------------------------------------------------------------------------

    def rename(self, request: Request) -> Answer:
        if request.op == Op.RENAME2:
            target, flags, _ = fuse.fields("<QII", request.body)
            names = fuse.names_of(request.body[16:], 2)
        else:
            (target,), flags = fuse.fields("<Q", request.body), 0
            names = fuse.names_of(request.body[8:], 2)
        if flags & ~fuse.RENAME_NOREPLACE:
            return -errno.EINVAL
        return self._rename(self.folder(request.nodeid), self.folder(target), names, noreplace=bool(flags))

    async def _rename(self, old: Node, new: Node, names: list[str], *, noreplace: bool) -> bytes | int:
        self._require_folder(new)
        name = await self._new_name(names[1])
        found, there = await self.tree.find(old, names[0]), await self.tree.find(new, name)
        if found is None:
            return -errno.ENOENT
        node = found if isinstance(found, Node) else self.nodes.at(old, found)
        if node.virtual:
            return -errno.EPERM
        target = None
        if there is not None:
            target = there if isinstance(there, Node) else self.nodes.at(new, there)
            if target is node:
                return b""
            if noreplace:
                return -errno.EEXIST
            if node.is_folder != target.is_folder:
                return -errno.EISDIR if target.is_folder else -errno.ENOTDIR
            if target.is_folder and await self._filled(target):
                return -errno.ENOTEMPTY
        if target is not None and not target.is_folder:
            await self._rename_over(old, node, new, target)
        else:
            if target is not None:
                await self.tree.remote.call("trash", {"id": target.row[ID]})
                self._gone(new, target)
            await self._rename_to(old, node, new, name)
        return b""

    async def _rename_to(self, old: Node, node: Node, new: Node, name: str) -> None:
        """Gives an item a name that is free."""
        row: Row
        await self._quiet(node)
        if node.content is not None and node.content.new:
            row = [*node.row]
            row[NAME] = name
            row[KIND] = "notebook" if name.lower().endswith(".ipynb") else "file"
        else:
            if not node.row[RIGHTS] & RENAME:
                raise OSError(errno.EACCES, "not allowed")
            # A name that only the mount shows so stays what it is in the drive.
            args = {"id": node.row[ID], "name": None if name == node.name else name}
            args["to"] = None if new is old else new.row[ID]
            row = (await self.tree.remote.call("rename", args))[0]["row"]
        self._moved(old, node, new, row)

    async def _quiet(self, *nodes: Node) -> None:
        """Waits until nothing of these is on its way into the drive: it would arrive under what they were before."""
        while busy := [node.content for node in nodes if node.content is not None and node.content.committing]:
            await self._committer.settle(busy[0])

    async def _rename_over(self, old: Node, node: Node, new: Node, target: Node) -> None:
        """Puts one file in the place of another, which gets its bytes as a revision: history and people stay."""
        if not target.row[RIGHTS] & WRITE:
            raise OSError(errno.EACCES, "not allowed")
        await self._quiet(node, target)
        content, over = node.content, target.content
        row = [*target.row]
        if content is not None and content.new:
            # Not in the drive yet: it goes there as the other's next revision.
            content.new = over is not None and over.new
            content.revision = over.revision if over is not None else target.row[REVISION]
        else:
            if content is not None and content.dirty:
                await self._committer.settle(content)
            await self.tree.remote.call("replace", {"id": node.row[ID], "over": target.row[ID]})
            found = await self.tree.stat([target.row[ID]])
            row = found.get(target.row[ID], row)
            row[NAME] = target.name
        if over is not None:
            over.gone = True
            self._committer.drop(over)
        self._gone(new, target)
        self._moved(old, node, new, row)

    def _moved(self, old: Node, node: Node, new: Node, row: Row) -> None:
        content = node.content
        if old.local is not None and old.local.get(node.name) is node:
            del old.local[node.name]
        old.note(drop=node.name)
        self.nodes.move(node, new, row)
        if content is not None and (content.new or content.dirty):
            if new.local is None:
                new.local = {}
            new.local[node.name] = node
            if content.dirty and not content.writers:
                self._committer.add(content)
        else:
            new.note(put=row)

    # -- space ----------------------------------------------------------------------------------------------------

    def statfs(self, _request: Request) -> Answer:
        return self._statfs()

    async def _statfs(self) -> bytes | int:
        at, total, free = self._usage
        if time.monotonic() - at > USAGE_S:
            result, _ = await self.tree.remote.call("usage", {})
            total, free = int(result["total"]), int(result["free"])
            self._usage = (time.monotonic(), total, free)
            self.files.free = free
        return fuse.statfs_reply(total, free, len(self.nodes))


def _plain(row: Row, at: int) -> bytes:
    return fuse.dirent(inode_of(row[ID]), at + 1, row[NAME].encode(), fuse.SEEK_TYPES.get(row[KIND], 8))

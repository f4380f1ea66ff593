"""What the kernel knows by number: nodes, how often it looked each up, and what folders hold. Pure but for time."""

from __future__ import annotations

import asyncio
import stat
import time
from typing import TYPE_CHECKING, Any

from labora.mount.fuse import ROOT_ID, Attr

if TYPE_CHECKING:
    from labora.mount.content import Content

FRESH_S = 1.0
"""For how long an answer of the control plane, and what the kernel keeps of it, counts."""
ID, KIND, NAME, SIZE, MODIFIED, CREATED, RIGHTS, REVISION, TARGET, OWNED = range(10)
"""Places in a row, as :mod:`labora.drive.mounted` makes it; times in milliseconds."""
READ, WRITE, RENAME, TRASH = 1, 2, 4, 8
ALL_RIGHTS = READ | WRITE | RENAME | TRASH
Row = list[Any]

HOME, OLD_HOME, SHARED, SHARED_DRIVES, TARGETS = (
    "MyDrive", "My Drive", "Shared with me", "Shareddrives", ".shortcut-targets-by-id",
)  # fmt: skip
SHARED_ID, NOTHING_ID, TARGETS_ID, TARGET_PREFIX = "@shared", "@nothing", "@targets", "@target:"
_MODES = {"folder": stat.S_IFDIR | 0o755, "shortcut": stat.S_IFLNK | 0o777}


def inode_of(item_id: str) -> int:
    """Returns the number that ``stat`` shows for an item, the same as long as this process lives."""
    return hash(item_id) & 0x7FFFFFFFFFFFFFFF | 1 << 32


class Listing:
    """What a folder holds, as far as it has come."""

    __slots__ = ("_names", "complete", "etag", "failure", "gone", "grown", "loaded", "notes", "rows")

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.gone: set[str] = set()
        """Items of ``rows`` that this mount took away since."""
        self.complete = False
        self.etag: str | None = None
        self.loaded = 0.0
        self.failure: OSError | None = None
        self.grown = asyncio.Event()
        self.notes: list[tuple[Row | None, str | None]] = []
        """What this mount changed while it was loading."""
        self._names: dict[str, Row] | None = None

    def extend(self, rows: list[Row]) -> None:
        """Takes more rows."""
        self.rows += rows
        self._names = None
        self.wake()

    def wake(self) -> None:
        """Lets those go on who wait for more rows or the end."""
        grown, self.grown = self.grown, asyncio.Event()
        grown.set()

    def find(self, name: str) -> Row | None:
        """Returns the row of this name."""
        if self._names is None:
            self._names = {row[NAME]: row for row in self.rows if row[ID] not in self.gone}
        return self._names.get(name)

    def put(self, row: Row) -> None:
        """Adds or replaces what this mount itself made."""
        old = self.find(row[NAME])
        if old is not None and old[ID] == row[ID]:
            old[:] = row
            return
        if old is not None:
            self.gone.add(old[ID])
        if row[ID] in self.gone:
            # It was here under another name; its place in the list is not used again.
            self.rows = [known for known in self.rows if known[ID] != row[ID]]
            self.gone.discard(row[ID])
        self.rows.append(row)
        if self._names is not None:
            self._names[row[NAME]] = row

    def drop(self, name: str) -> None:
        """Removes what this mount itself took away."""
        row = self.find(name)
        if row is not None and self._names is not None:
            # The list itself stays as it is: open handles of the folder count its places.
            self.gone.add(row[ID])
            del self._names[name]

    def note(self, put: Row | None, drop: str | None) -> None:
        """Takes one change."""
        if drop is not None:
            self.drop(drop)
        if put is not None:
            self.put(put)

    def finish(self, loaded: float) -> None:
        """Says that it is all there, as it was at ``loaded`` or after; takes what changed here meanwhile."""
        for put, drop in self.notes:
            self.note(put, drop)
        self.notes.clear()
        self.complete, self.loaded = True, loaded

    @property
    def fresh(self) -> bool:
        """Whether it still counts."""
        return self.complete and time.monotonic() - self.loaded < FRESH_S


class Node:
    """One item at one place."""

    __slots__ = (
        "asked", "cached", "checked", "content", "listing", "local", "lookups", "name", "nodeid", "parent", "row",
    )  # fmt: skip

    def __init__(self, nodeid: int, parent: Node | None, row: Row) -> None:
        self.nodeid = nodeid
        self.parent = parent
        self.row = row
        self.name: str = row[NAME]
        self.lookups = 0
        self.checked = time.monotonic()
        self.listing: Listing | None = None
        self.local: dict[str, Node] | None = None
        """Files that were made here and are not in the drive yet, by name."""
        self.content: Content | None = None
        self.cached: str | None = None
        """Revision whose bytes the kernel may hold in its cache."""
        self.asked = 0.0
        """When a single name of this folder was asked for last."""

    @property
    def fresh(self) -> bool:
        """Whether the row still counts."""
        return self.virtual or time.monotonic() - self.checked < FRESH_S

    @property
    def virtual(self) -> bool:
        """Whether it is of the mount itself, not an item of the drive."""
        return str(self.row[ID]).startswith("@")

    @property
    def is_folder(self) -> bool:
        """Whether it holds others."""
        return bool(self.row[KIND] == "folder")

    @property
    def depth(self) -> int:
        """Folders above it up to the mount point."""
        count, node = 0, self.parent
        while node is not None:
            count, node = count + 1, node.parent
        return count

    def note(self, *, put: Row | None = None, drop: str | None = None) -> None:
        """Notes in a folder's listing what this mount itself changed."""
        if self.listing is None:
            return
        if not self.listing.complete:
            self.listing.notes.append((put, drop))
        else:
            self.listing.note(put, drop)

    def take(self, row: Row) -> None:
        """Takes a newer row of the same item; the name stays that of its place."""
        row[NAME] = self.name
        self.row, self.checked = row, time.monotonic()

    def attr(self, *, writable: bool = True) -> Attr:
        """Returns what ``stat`` shows."""
        content = self.content
        attr = attr_of(self.row, writable=writable)
        if content is not None and (content.size != attr.size or content.changed_ns):
            attr = attr._replace(size=content.size, mtime=content.changed_ns or attr.mtime)
        return attr


def attr_of(row: Row, *, writable: bool = True) -> Attr:
    """Returns what ``stat`` shows of a row."""
    kind = row[KIND]
    mode = _MODES.get(kind) or stat.S_IFREG | 0o644
    if kind != "shortcut" and not (writable and row[RIGHTS] & WRITE):
        mode &= ~0o222
    size = 0 if kind == "folder" else row[SIZE]
    return Attr(inode_of(row[ID]), size, mode, row[MODIFIED] * 1_000_000, row[CREATED] * 1_000_000)


def new_row(item_id: str, kind: str, name: str, rights: int = ALL_RIGHTS, target: str | None = None) -> Row:
    """Returns the row of something that was made just now."""
    now = time.time_ns() // 1_000_000
    return [item_id, kind, name, 0, now, now, rights, None, target, True]


class Nodes:
    """The table of nodes. A node lives while the kernel has it looked up, is a folder of one, or has content."""

    def __init__(self, home: Row) -> None:
        self._next = ROOT_ID + 1
        self.root = Node(ROOT_ID, None, new_row("@root", "folder", "", 0))
        self.root.lookups = 1
        self._by_id: dict[int, Node] = {ROOT_ID: self.root}
        self._by_place: dict[tuple[int, str], Node] = {}
        home[NAME] = HOME
        rows = [
            home,
            new_row("@old-home", "shortcut", OLD_HOME, 0, target=HOME),
            new_row(SHARED_ID, "folder", SHARED, 0),
            new_row(NOTHING_ID, "folder", SHARED_DRIVES, 0),
            new_row(TARGETS_ID, "folder", TARGETS, 0),
        ]
        self.fixed = {row[NAME]: row for row in rows}

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, nodeid: int) -> Node | None:
        """Returns the node of a number."""
        return self._by_id.get(nodeid)

    def at(self, parent: Node, row: Row) -> Node:
        """Returns the node of an item in a folder, made if need be."""
        key = (parent.nodeid, row[ID])
        node = self._by_place.get(key)
        if node is None:
            node = Node(self._next, parent, row)
            self._next += 1
            self._by_id[node.nodeid] = self._by_place[key] = node
        else:
            node.name = row[NAME]
            node.row, node.checked = row, time.monotonic()
        return node

    def known(self, parent: Node, item_id: str) -> Node | None:
        """Returns the node of an item in a folder, if there is one."""
        return self._by_place.get((parent.nodeid, item_id))

    def move(self, node: Node, parent: Node, row: Row) -> None:
        """Puts a node elsewhere, under another name, or makes it that of another item."""
        if node.parent is not None and self._by_place.get((node.parent.nodeid, node.row[ID])) is node:
            del self._by_place[node.parent.nodeid, node.row[ID]]
        node.parent, node.row, node.name = parent, row, row[NAME]
        node.checked = time.monotonic()
        self._by_place[parent.nodeid, row[ID]] = node

    def remove(self, node: Node) -> None:
        """Takes a node from its place: its name is gone, what is open of it stays."""
        if node.parent is not None and self._by_place.get((node.parent.nodeid, node.row[ID])) is node:
            del self._by_place[node.parent.nodeid, node.row[ID]]

    def forget(self, nodeid: int, count: int) -> None:
        """Takes lookups back; a node without any goes."""
        node = self._by_id.get(nodeid)
        if node is None or nodeid == ROOT_ID:
            return
        node.lookups = max(0, node.lookups - count)
        self.release(node)

    def release(self, node: Node) -> None:
        """Drops a node that nobody needs any more."""
        if node.lookups == 0 and node.content is None and not node.local and node.nodeid != ROOT_ID:
            self._by_id.pop(node.nodeid, None)
            self.remove(node)

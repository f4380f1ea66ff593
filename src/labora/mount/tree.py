"""Finding things: names, folders and their freshness. Asks the control plane where what is known is too old."""

from __future__ import annotations

import asyncio
import errno
import time
import unicodedata
from typing import Any

from labora.mount.nodes import (
    HOME,
    ID,
    KIND,
    NAME,
    NOTHING_ID,
    SHARED_ID,
    TARGET,
    TARGET_PREFIX,
    TARGETS,
    TARGETS_ID,
    Listing,
    Node,
    Nodes,
    Row,
    new_row,
)
from labora.mount.remote import Remote

SINGLES_S = 1.0
"""Two names of one folder within this time: the whole folder is fetched, and more names cost nothing."""


class Tree:
    """The mount's view of the drive.

    Args:
        remote: the control plane.
        home: row of My Drive.
    """

    def __init__(self, remote: Remote, home: Row) -> None:
        self.remote = remote
        self.nodes = Nodes(home)
        self._tasks: set[asyncio.Task[None]] = set()

    # -- one name -------------------------------------------------------------------------------------------------

    def find_now(self, parent: Node, name: str) -> Row | Node | bool | None:
        """Returns what a folder has of this name, None where nothing; False where that must be asked first."""
        if parent is self.nodes.root:
            return self.nodes.fixed.get(name)
        if parent.local is not None and (made := parent.local.get(name)) is not None:
            return made
        if parent.listing is not None and parent.listing.fresh and not str(parent.row[ID]).startswith(TARGET_PREFIX):
            return parent.listing.find(name)
        return False

    async def find(self, parent: Node, name: str) -> Row | Node | None:
        """Returns what a folder has of this name, or None. Raises OSError."""
        name = unicodedata.normalize("NFC", name)
        found = self.find_now(parent, name)
        if found is not False:
            return found  # type: ignore[return-value]
        folder = parent.row[ID]
        if folder == NOTHING_ID:
            return None
        if folder == TARGETS_ID:
            return await self._target_folder(name)
        if folder == SHARED_ID:
            return (await self.listing(parent)).find(name)
        if folder.startswith(TARGET_PREFIX):
            # A shortcut may have another name than what it leads to: here its target has every name.
            rows = (await self.listing(parent)).rows
            return [*rows[0][:NAME], name, *rows[0][NAME + 1 :]] if rows else None
        recent = time.monotonic() - parent.asked < SINGLES_S
        parent.asked = time.monotonic()
        if recent or parent.listing is not None:
            return (await self.listing(parent)).find(name)
        result, _ = await self.remote.call("find", {"folder": folder, "name": name})
        row: Row | None = result["row"]
        return row

    async def _target_folder(self, item_id: str) -> Row | None:
        found = await self.stat([item_id])
        return new_row(f"{TARGET_PREFIX}{item_id}", "folder", item_id, 0) if item_id in found else None

    async def stat(self, ids: list[str]) -> dict[str, Row]:
        """Returns the present rows of items; those that are gone are missing. Raises OSError."""
        result, _ = await self.remote.call("stat", {"ids": ids})
        rows: dict[str, Row] = result["rows"]
        return rows

    async def refresh(self, node: Node) -> None:
        """Brings a node's row up to date. Raises OSError (ENOENT) where the item is gone."""
        if node.fresh or (node.content is not None and node.content.new):
            return
        parent = node.parent
        if parent is not None and parent.listing is not None and not parent.virtual:
            row = (await self.listing(parent)).find(node.name)
            if row is not None and row[ID] == node.row[ID]:
                node.take(row)
                return
        row = (await self.stat([node.row[ID]])).get(node.row[ID])
        if row is None:
            raise OSError(errno.ENOENT, "gone")
        node.take(row)

    # -- whole folders --------------------------------------------------------------------------------------------

    async def listing(self, parent: Node) -> Listing:
        """Returns the whole of a folder. Raises OSError."""
        listing = await self.opened(parent)
        while not listing.complete:
            if listing.failure is not None:
                raise listing.failure
            await listing.grown.wait()
        if listing.failure is not None:
            raise listing.failure
        return listing

    async def opened(self, parent: Node) -> Listing:
        """Returns a folder's listing, which may still grow. Raises OSError."""
        known = parent.listing
        if known is not None and (known.fresh or (not known.complete and known.failure is None)):
            return known
        if parent is self.nodes.root:
            return self._fixed(parent, list(self.nodes.fixed.values()))
        folder = str(parent.row[ID])
        if folder in (NOTHING_ID, TARGETS_ID):
            return self._fixed(parent, [])
        if folder.startswith(TARGET_PREFIX):
            item = folder.removeprefix(TARGET_PREFIX)
            return self._fixed(parent, list((await self.stat([item])).values()))
        listing = Listing()
        parent.listing = listing
        task = asyncio.create_task(self._load(parent, listing, known))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return listing

    def _fixed(self, parent: Node, rows: list[Row]) -> Listing:
        listing = Listing()
        listing.extend(rows)
        listing.complete, listing.loaded = True, time.monotonic()
        parent.listing = listing
        return listing

    async def _load(self, parent: Node, listing: Listing, known: Listing | None) -> None:
        """Fills a listing from the control plane, or from what is known where nothing changed."""
        started = time.monotonic()
        etag = known.etag if known is not None and known.complete else None
        try:
            async for result, _ in self.remote.stream("list", {"folder": parent.row[ID], "etag": etag}):
                if result.get("same") and known is not None:
                    listing.rows, listing.gone, listing.etag = known.rows, known.gone, etag
                    break
                listing.etag = result["etag"]
                listing.extend(result["rows"])
            listing.finish(started)
        except OSError as error:
            listing.failure = error
            if parent.listing is listing:
                parent.listing = None
        except asyncio.CancelledError:
            listing.failure = OSError(errno.EIO, "stopped")
            raise
        finally:
            listing.wake()

    # -- shortcuts ------------------------------------------------------------------------------------------------

    def link_target(self, node: Node) -> str:
        """Returns where a symbolic link leads, relative to its folder."""
        target: Any = node.row[TARGET]
        if node.row[ID] == "@old-home":
            return HOME
        if not target:
            return "/nonexistent"
        up = "../" * (node.depth - 1)
        return f"{up}{TARGETS}/{target}/{node.row[NAME]}"

    def kind_of(self, row: Row) -> str:
        """Returns folder, file, notebook or shortcut."""
        return str(row[KIND])

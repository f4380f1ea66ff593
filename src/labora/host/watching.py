"""What the host itself watches, for lack of a cgroup (memory) or of disks of their own: at most once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from labora.base.logging import get_logger
from labora.host.model import Handle
from labora.host.rootfs.storage import Storage
from labora.host.watchdog import Usage, Watchdog

_log = get_logger("host")


class Watching:
    """Ends processes of runtimes that are beyond a limit, and counts them.

    Args:
        storage: disks of the runtimes.
        memory: whether memory is watched, where no cgroup bounds it.
        disk: whether disks are, where no image bounds them.
    """

    def __init__(self, storage: Storage, *, memory: bool, disk: bool) -> None:
        self._storage = storage
        self._memory = Watchdog() if memory else None
        self._disk = disk

    @property
    def watches_memory(self) -> bool:
        """Whether there is no cgroup."""
        return self._memory is not None

    def usage(self, handle: Handle) -> Usage:
        """Returns what a runtime uses, sampled. Blocks for some milliseconds."""
        return (self._memory or Watchdog()).usage(handle)

    def adopt(self, handle: Handle) -> None:
        """Takes the counts that an earlier host stored."""
        self._storage.adopt(handle)
        if self._memory is not None:
            self._memory.adopt(handle)

    def forget(self, runtime_id: str) -> None:
        """Drops what is known of a runtime that is gone."""
        self._storage.forget(runtime_id)
        if self._memory is not None:
            self._memory.forget(runtime_id)

    def memory_kills(self, runtime_id: str) -> int:
        """Returns how many processes were ended for memory."""
        return 0 if self._memory is None else self._memory.kills(runtime_id)

    def disk_kills(self, runtime_id: str) -> int:
        """Returns how many processes were ended for writing beyond the disk."""
        return self._storage.kills(runtime_id)

    async def look(self, living: Sequence[Handle], keep: Callable[[Handle], None]) -> None:
        """Looks at every living runtime; ``keep`` stores a handle whose counts have changed.

        Never fails: the deadlines that the same loop enforces do not depend on a folder that is just removed.
        """
        try:
            if self._memory is not None:
                await asyncio.to_thread(self._memory.enforce, living)
            if self._disk:
                await asyncio.to_thread(self._storage.enforce, living)
            for handle in living:
                counts = self.memory_kills(handle.runtime_id), self.disk_kills(handle.runtime_id)
                if counts != (handle.memory_kills, handle.disk_kills):
                    keep(replace(handle, memory_kills=counts[0], disk_kills=counts[1]))
        except OSError as error:
            _log.error("limits_not_watched", error=str(error))

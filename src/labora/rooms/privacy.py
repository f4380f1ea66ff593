"""Which comms of one account's kernel are told to that account alone, as the outputs of their cells are."""

from __future__ import annotations

from labora.rooms.hidden import is_hidden
from labora.rooms.room import Room

MAX_PRIVATE = 100_000
"""So many private comms are told apart; beyond that all of a kernel's are private."""


class Privacy:
    """Remembers what was private: a comm that carried private output once never is public again.

    Where the notebook stops to omit outputs, or a cell is run again, what a widget holds was shown privately still.

    Args:
        room: the notebook.
        account_id: whose kernel it is.
    """

    def __init__(self, room: Room, account_id: str) -> None:
        self._room = room
        self._account_id = account_id
        self._private: set[str] = set()
        self._all = False

    def clear(self) -> None:
        """The kernel has ended, and its comms with it."""
        self._private.clear()
        self._all = False

    def ended(self, comm_id: str) -> None:
        """A comm was closed."""
        self._private.discard(comm_id)

    def is_private(self, comm_id: str, *executions: str | None) -> bool:
        """Returns whether a comm that these executions made or use is private, at present or since earlier."""
        return self._all or comm_id in self._private or self._at_present(executions)

    def hears(self, comm_id: str, *executions: str | None) -> bool:
        """Returns that for a message which a comm carries now; remembers it."""
        private = self.is_private(comm_id, *executions)
        if private:
            self._remember(comm_id)
        return private

    def recovers(self, comm_id: str) -> bool:
        """Returns it for a comm of which nobody knows any more which cell made it; remembers it."""
        private = self.is_private(comm_id) or bool(self._room.staged.hidden.get(self._account_id))
        if private:
            self._remember(comm_id)
        return private

    def _at_present(self, executions: tuple[str | None, ...]) -> bool:
        staged = self._room.staged
        if self._room.omits:
            return True
        found = (staged.state["executions"].get(key) for key in executions if key is not None)
        return any(execution is not None and is_hidden(staged.hidden, execution) for execution in found)

    def _remember(self, comm_id: str) -> None:
        if len(self._private) < MAX_PRIVATE:
            self._private.add(comm_id)
        elif comm_id not in self._private:
            self._all = True

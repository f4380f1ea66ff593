"""The executions of one kernel id: which wait, which one runs, and how they ended."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

REMEMBERED = 10_000


class Executions:
    """A queue of which at most one item is at the kernel."""

    def __init__(self) -> None:
        self._queue: deque[dict[str, Any]] = deque()
        self._running: dict[str, Any] | None = None
        self._known: OrderedDict[str, str] = OrderedDict()
        self._this_life: dict[str, str] = {}

    def __contains__(self, execution_id: str) -> bool:
        return execution_id in self._known

    @property
    def running(self) -> str | None:
        """Id of what is at the kernel."""
        return None if self._running is None else str(self._running["id"])

    @property
    def code(self) -> str:
        """The code that is at the kernel; empty when there is none."""
        return "" if self._running is None else str(self._running["request"].get("code", ""))

    @property
    def waiting(self) -> bool:
        """Whether anything waits."""
        return bool(self._queue)

    def statuses(self) -> dict[str, str]:
        """Returns the status of every execution of this life."""
        return dict(self._this_life)

    def begin_life(self) -> None:
        """Forgets what earlier lives of the kernel did, but for their ids."""
        self._this_life = {}

    def add(self, execution_id: str, request: dict[str, Any]) -> None:
        """Puts one at the end of the queue."""
        self._known[execution_id] = self._this_life[execution_id] = "running"
        while len(self._known) > REMEMBERED:
            old, _ = self._known.popitem(last=False)
            self._this_life.pop(old, None)
        self._queue.append({"id": execution_id, "request": request, "reply": None, "idle": False})

    def take(self) -> dict[str, Any]:
        """Takes the next one for the kernel: ``id`` and ``request``. Raises IndexError when none waits."""
        self._running = self._queue.popleft()
        return self._running

    def heard_idle(self, execution_id: str | None) -> bool:
        """Notes that all output of what runs has come; returns False when it is of something else."""
        if self._running is None or execution_id != self._running["id"]:
            return False
        self._running["idle"] = True
        return True

    def heard_reply(self, execution_id: str | None, content: dict[str, Any]) -> bool:
        """Notes the kernel's reply to what runs; returns False when it is to something else."""
        if self._running is None or execution_id != self._running["id"]:
            return False
        self._running["reply"] = content
        return True

    def finish(self) -> tuple[str, dict[str, Any]] | None:
        """Takes what runs away from the kernel when all of it has come: its id and the content of its ``done``."""
        item = self._running
        if item is None or not item["idle"] or item["reply"] is None:
            return None
        reply = item["reply"]
        status = reply.get("status") if reply.get("status") in ("ok", "error") else "aborted"
        content = {"status": status, "execution_count": reply.get("execution_count")}
        if status == "error":
            content["ename"] = reply.get("ename")
        if reply.get("payload"):
            content["payload"] = reply["payload"]
        self._running = None
        return str(item["id"]), content

    def ended(self, execution_id: str, status: str) -> None:
        """Notes how one ended."""
        if execution_id in self._known:
            self._known[execution_id] = status
        if execution_id in self._this_life:
            self._this_life[execution_id] = status

    def drop_waiting(self) -> list[str]:
        """Empties the queue; returns the ids that waited."""
        waiting, self._queue = [str(item["id"]) for item in self._queue], deque()
        return waiting

    def drop_all(self) -> list[str]:
        """Empties the queue and takes what runs away; returns the ids in order."""
        running, self._running = self.running, None
        return ([running] if running is not None else []) + self.drop_waiting()

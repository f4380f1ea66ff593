"""Why a kernel died: what the guest says, joined with what the host counted.

The guest is hostile and sees no more than a signal; that a process was ended for memory, or for writing beyond the
disk, is counted outside of it, per runtime. A count that rose since the last death, together with SIGKILL, is the
proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from labora.base.errors import LaboraError
from labora.base.logging import get_logger
from labora.kernels.model import KernelMessage
from labora.rooms.ports import Compute, Kills

OOM = "oom"
DISK = "disk"
PROGRAM = "program"
"""The program ended its own kernel; the guest's word, which no more than a text and a new kernel follow from."""
GIB = 1024**3

log = get_logger("rooms")


def proved(content: Mapping[str, Any]) -> str | None:
    """Returns the reason that an obituary proves: ``oom``, ``disk`` or None."""
    return next((reason for reason in (OOM, DISK) if content.get(reason) is True), None)


class Deaths:
    """Explains deaths of kernels. One per process, so that no kill is blamed on two kernels."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._blamed: dict[str, Kills] = {}

    def blamed(self, runtime_id: str) -> Kills | None:
        """Returns how many kills of a runtime were explained; kept with a kernel's record over restarts."""
        return self._blamed.get(runtime_id)

    def forget(self, runtime_id: str) -> None:
        """Drops what is known of a runtime that has ended."""
        self._blamed.pop(runtime_id, None)

    async def explained(
        self, messages: list[KernelMessage], runtime_id: str, blamed: Kills, *, running: bool
    ) -> list[KernelMessage]:
        """Returns messages whose obituaries say ``oom`` or ``disk`` where the host proves it, and nowhere else.

        Args:
            blamed: kills that were explained before, as the kernel's record remembers.
            running: whether an execution was under way.
        """
        if not any(map(_is_death, messages)):
            return messages
        proof = await self._proof(messages, runtime_id, blamed)
        return [_explain(message, proof, running) if _is_death(message) else message for message in messages]

    async def _proof(self, messages: Iterable[KernelMessage], runtime_id: str, blamed: Kills) -> Kills:
        """Returns the kills that nobody was told of yet."""
        if not any(_is_death(message) and message.content.get("signal") == "SIGKILL" for message in messages):
            return Kills()
        try:
            found = await self._compute.kills(runtime_id)
        except LaboraError as error:
            # The runtime is gone as well, or its host is away: then nothing is proved.
            log.info("no_evidence", runtime_id=runtime_id, code=error.error_code)
            return Kills()
        known = self.blamed(runtime_id) or Kills()
        before = Kills(max(blamed.memory, known.memory), max(blamed.disk, known.disk))
        if found.memory <= before.memory and found.disk <= before.disk:
            return Kills()
        self._blamed[runtime_id] = Kills(max(found.memory, before.memory), max(found.disk, before.disk))
        return replace(found, memory=found.memory - before.memory, disk=found.disk - before.disk)


def _explain(message: KernelMessage, proof: Kills, running: bool) -> KernelMessage:
    content = {**message.content, OOM: None, DISK: None}
    if content.get("signal") == "SIGKILL":
        during = " while running this cell" if running else ""
        if proof.memory > 0:
            processes = "1 process" if proof.memory == 1 else f"{proof.memory} processes"
            content[OOM] = True
            content["message"] = (
                f"Your kernel used all available memory{_size(proof.memory_limit)}{during}, and the system killed "
                f"{processes} for it. Load less data at a time, or delete what you no longer need."
            )
        elif proof.disk > 0:
            content[DISK] = True
            content["message"] = (
                f"Your runtime's disk is full{_size(proof.disk_limit)}: the kernel was ended because it went on "
                f"writing{during}. Remove files that you no longer need, under /content or /tmp."
            )
    return replace(message, content=content)


def _size(limit: int | None) -> str:
    return f" ({limit / GIB:.1f} GB)" if limit else ""


def _is_death(message: KernelMessage) -> bool:
    return message.channel == "agent" and message.type == "died"

"""Why a kernel died: what the guest says, joined with what the host counted.

The guest is hostile and sees no more than a signal; that the system killed for memory is counted outside of it, per
runtime. A count that rose since the last death, together with SIGKILL, is the proof.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from labora.base.errors import LaboraError
from labora.base.logging import get_logger
from labora.kernels.model import KernelMessage
from labora.rooms.ports import Compute, MemoryKills

OOM = "oom"
GIB = 1024**3

log = get_logger("rooms")


class Deaths:
    """Explains deaths of kernels. One per process, so that no kill is blamed on two kernels."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._blamed: dict[str, int] = {}

    def blamed(self, runtime_id: str) -> int:
        """Returns how many kills of a runtime were explained; kept with a kernel's record over restarts."""
        return self._blamed.get(runtime_id, 0)

    def forget(self, runtime_id: str) -> None:
        """Drops what is known of a runtime that has ended."""
        self._blamed.pop(runtime_id, None)

    async def explained(
        self, messages: list[KernelMessage], runtime_id: str, blamed: int, *, running: bool
    ) -> list[KernelMessage]:
        """Returns messages whose obituaries say ``oom`` where the host proves it, and nowhere else.

        Args:
            blamed: kills that were explained before, as the kernel's record remembers.
            running: whether an execution was under way.
        """
        if not any(map(_is_death, messages)):
            return messages
        proof = await self._proof(messages, runtime_id, blamed)
        return [self._explain(message, proof, running) if _is_death(message) else message for message in messages]

    async def _proof(self, messages: Iterable[KernelMessage], runtime_id: str, blamed: int) -> MemoryKills | None:
        if not any(_is_death(message) and message.content.get("signal") == "SIGKILL" for message in messages):
            return None
        try:
            found = await self._compute.memory_kills(runtime_id)
        except LaboraError as error:
            # The runtime is gone as well, or its host is away: then nothing is proved.
            log.info("no_evidence", runtime_id=runtime_id, code=error.error_code)
            return None
        before = max(blamed, self.blamed(runtime_id))
        if found is None or found.count <= before:
            return None
        self._blamed[runtime_id] = found.count
        return replace(found, count=found.count - before)

    def _explain(self, message: KernelMessage, proof: MemoryKills | None, running: bool) -> KernelMessage:
        content = {**message.content, "oom": None}
        if proof is not None and content.get("signal") == "SIGKILL":
            limit = f" ({proof.limit_bytes / GIB:.1f} GB)" if proof.limit_bytes else ""
            during = " while running this cell" if running else ""
            processes = "1 process" if proof.count == 1 else f"{proof.count} processes"
            content["oom"] = True
            content["message"] = (
                f"Your kernel used all available memory{limit}{during}, and the system killed {processes} for it. "
                "Load less data at a time, or delete what you no longer need."
            )
        return replace(message, content=content)


def _is_death(message: KernelMessage) -> bool:
    return message.channel == "agent" and message.type == "died"

"""What rooms ask of the rooms beside and below them, as far as they use it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from labora.kernels.asks import KernelAsk
from labora.kernels.model import KernelSession
from labora.rooms.model import Progress

if TYPE_CHECKING:
    from labora.rooms.room import Room


@dataclass(frozen=True, slots=True)
class RuntimeLease:
    """A runtime that is ready for its account."""

    runtime_id: str
    isolation: str | None
    ends_at: str | None = None
    """When it ends unless it is used; set while that is near."""
    ends_reason: str | None = None
    take_kernel: Callable[[], str | None] = field(default=lambda: None, compare=False)
    """Gives the id of the plain kernel that stands or starts ahead, to the first who asks; None where none does."""


@dataclass(frozen=True, slots=True)
class Kills:
    """How many processes of a runtime were ended for memory and for the disk since it began, and its limits."""

    memory: int = 0
    disk: int = 0
    memory_limit: int | None = None
    disk_limit: int | None = None


class Answers(Protocol):
    """What the server itself answers programs; :class:`labora.rooms.answers.ServerAnswers` does."""

    async def answer(self, room: Room, account_id: str, ask: KernelAsk) -> dict[str, Any]:
        """Returns the answer, ``unknown_ask`` for what it does not know. Raises LaboraError."""
        ...


class Secrets(Protocol):
    """Secrets of accounts, as far as programs read them; wired by the API."""

    async def get(self, account_id: str, file_id: str, name: str) -> dict[str, Any]:
        """Returns ``{"exists": bool, "access": bool, "value": str | None}`` for a program of this notebook."""
        ...


class Drives(Protocol):
    """Drives as folders of runtimes; wired by the API to :mod:`labora.mount`."""

    async def granted(self, account_id: str, file_id: str) -> bool:
        """Returns whether the account lets this notebook have its drive without being asked."""
        ...

    async def grant(self, account_id: str, file_id: str) -> None:
        """Lets this notebook have the account's drive from now on."""
        ...

    async def mount(
        self, account_id: str, runtime_id: str, target: str, *, file_id: str | None = None, readonly: bool = False
    ) -> None:
        """Mounts the account's drive into its runtime. Consent was given. Raises LaboraError."""
        ...

    async def unmount(self, account_id: str, runtime_id: str, target: str) -> Sequence[str]:
        """Saves what was written and takes the mount away; returns names of what could not be saved."""
        ...


class Compute(Protocol):
    """Runtimes and their kernels; wired by the API to :mod:`labora.runtimes` and :mod:`labora.kernels`."""

    async def ensure(self, account_id: str, progress: Callable[[Progress], None]) -> RuntimeLease:
        """Returns the account's runtime, started when there is none.

        Raises LaboraError when it cannot be; its message is shown and says what to do.
        """
        ...

    def prepare(self, account_id: str) -> None:
        """Says that the account may soon want a plain kernel; returns at once.

        Where its runtime stands already, one that nobody has yet is started ahead, and never more than one: a lease's
        ``take_kernel`` gives it away. No runtime is started for it.
        """
        ...

    async def find(self, runtime_id: str) -> RuntimeLease | None:
        """Returns a runtime that lives, without starting anything."""
        ...

    async def session(self, runtime_id: str, kernel_id: str, kernel_name: str) -> KernelSession:
        """Returns the door to a kernel of a living runtime; it may not be started yet.

        Raises UnavailableError when the runtime has ended.
        """
        ...

    async def end(self, runtime_id: str, *, by: str) -> None:
        """Deletes a runtime at the wish of account ``by``."""
        ...

    def on_ended(self, listener: Callable[[str, str, str], None]) -> None:
        """Calls ``listener(runtime_id, reason, message)`` whenever a runtime has ended, whatever the cause."""
        ...

    async def why_ended(self, runtime_id: str) -> tuple[str, str] | None:
        """Returns reason and message of a runtime that has ended; None for one that lives or is not known."""
        ...

    def on_ending(self, listener: Callable[[str], Awaitable[None]]) -> None:
        """Awaits ``listener(runtime_id)``, for some seconds at most, before a living runtime is ended."""
        ...

    def on_warning(self, listener: Callable[[str, str | None, str | None], None]) -> None:
        """Calls ``listener(runtime_id, ends_at, ends_reason)`` when an end comes near, and with None when it is off."""
        ...

    def look(
        self, wanted: Callable[[], Iterable[str]], take: Callable[[str, dict[str, Any]], None]
    ) -> Callable[[], None]:
        """Measures the runtimes that ``wanted()`` names, as long as it names them, and gives each Meter to ``take``.

        Returns what is to be called when ``wanted()`` names more than before.
        """
        ...

    async def kills(self, runtime_id: str) -> Kills:
        """Returns what the host counted. Raises LaboraError when it does not answer."""
        ...

    def note_execution(self, runtime_id: str) -> None:
        """Says that an execution started: the runtime is not idle."""
        ...

    def note_input(self, runtime_id: str) -> None:
        """Says that a person did something with the runtime on purpose, such as answer ``input()``."""
        ...

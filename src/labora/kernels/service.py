"""Kernels of runtimes, for whoever runs code: one connection per runtime, one session per notebook's kernel."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from labora.base.errors import LaboraError, UnavailableError
from labora.base.ids import new_id
from labora.kernels.connection import GuestConnection
from labora.kernels.model import KernelInfo, KernelMessage, Sink

RESTART_S = 60.0
EVALUATE_S = 7 * 24 * 3600.0
"""A kernel may be busy for days; the call waits behind what runs."""
BUSY_S = 5.0
METER_S = 2.0
WARM_S = 60.0
WARM_UP = "warm-up"
"""Id of the execution that warms a kernel up."""
WARM_CODE = "(lambda shell: shell.display_formatter.format(2))(get_ipython()) and None"


class RuntimeAddress(Protocol):
    """Where a runtime's guest listens; ``labora.runtimes.model.Runtime`` is one."""

    @property
    def id(self) -> str:
        """Id of the runtime."""
        ...

    @property
    def socket(self) -> Path:
        """Unix socket on which the agent listens."""
        ...

    @property
    def key(self) -> str:
        """Pairing key."""
        ...

    @property
    def generation(self) -> int:
        """Generation of the runtime."""
        ...


class Kernels:
    """Connections to guests, made when they are first needed and kept until :meth:`forget`."""

    def __init__(self) -> None:
        self._connections: dict[str, GuestConnection] = {}

    def connection(self, runtime: RuntimeAddress) -> GuestConnection:
        """Returns the connection to a runtime's guest; a new generation gets a new one."""
        key = f"{runtime.id}/{runtime.generation}"
        found = self._connections.get(key)
        if found is None:
            found = GuestConnection(runtime.id, runtime.socket, runtime.key, runtime.generation)
            self._connections[key] = found
        return found

    def session(self, runtime: RuntimeAddress, kernel_id: str, name: str = "python3") -> GuestKernelSession:
        """Returns the kernel ``kernel_id`` of a runtime; nothing is started before :meth:`GuestKernelSession.start`.

        Args:
            runtime: a Runtime that is ready.
            kernel_id: 1 to 64 of letters, digits, ``-`` and ``_``; the same id is the same kernel.
            name: name of the kernelspec.
        """
        return GuestKernelSession(runtime.id, kernel_id, name, self.connection(runtime))

    async def meter(self, runtime: RuntimeAddress) -> dict[str, Any]:
        """Returns what the runtime and each kernel use, as the guest tells it.

        Raises:
            UnavailableError: the guest did not answer at once.
        """
        result = await self.connection(runtime).request("meter", {}, timeout_s=METER_S)
        return result if isinstance(result, dict) else {}

    async def busy(self, runtime: RuntimeAddress) -> bool:
        """Returns whether any kernel of the runtime is at work. Raises UnavailableError when the guest is away."""
        result = await self.connection(runtime).request("meter", {}, timeout_s=BUSY_S)
        kernels = result.get("kernels") if isinstance(result, dict) else None
        statuses = [kernel.get("status") for kernel in (kernels or {}).values() if isinstance(kernel, dict)]
        return any(status in ("busy", "starting") for status in statuses)

    async def warm(self, runtime: RuntimeAddress, kernel_id: str, *, cwd: str = "/content") -> None:
        """Starts a plain kernel and returns once it has run something, so that whatever comes next runs at once.

        Repeated, it finds the kernel that is there. What was run leaves nothing behind in it.

        Raises:
            UnavailableError: the guest does not answer, or the kernel did not come up.
        """
        session = self.session(runtime, kernel_id)
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def take(messages: list[KernelMessage]) -> None:
            for message in messages:
                over = message.type == "died" or (message.type == "done" and message.execution_id == WARM_UP)
                if over and not ended.done():
                    ended.set_result(str(message.content.get("message") or message.content.get("status")))

        await session.start(cwd=cwd)
        await session.attach(0, take)
        try:
            async with asyncio.timeout(WARM_S):
                await session.execute(WARM_UP, WARM_CODE, allow_stdin=False, silent=True, store_history=False)
                how = await ended
        except TimeoutError:
            how = "it did not answer"
        finally:
            session.detach()
        if how != "ok":
            raise UnavailableError(f"A warm kernel did not come up: {how}.", code="kernel_not_ready")

    def connected(self, runtime: RuntimeAddress) -> bool:
        """Returns whether the guest is there right now, without asking it."""
        found = self._connections.get(f"{runtime.id}/{runtime.generation}")
        return found is not None and found.connected

    async def forget(self, runtime_id: str, error: LaboraError | None = None) -> None:
        """Closes the connections to a runtime that has ended; requests that wait fail with ``error``."""
        for key in [key for key in self._connections if key.partition("/")[0] == runtime_id]:
            await self._connections.pop(key).close(error)

    async def close(self) -> None:
        """Closes every connection; the kernels go on."""
        stopped = UnavailableError("The server is stopping.", code="stopping")
        for connection in list(self._connections.values()):
            await connection.close(stopped)
        self._connections.clear()


class GuestKernelSession:
    """One kernel of one runtime (:class:`labora.kernels.model.KernelSession`) over the guest channel."""

    def __init__(self, runtime_id: str, kernel_id: str, name: str, connection: GuestConnection) -> None:
        self.runtime_id = runtime_id
        self.kernel_id = kernel_id
        self.name = name
        self._connection = connection

    async def start(self, *, cwd: str = "/content", env: dict[str, str] | None = None) -> KernelInfo:
        """Starts the kernel, or returns the one that already runs under this id.

        Raises:
            NotFoundError: ``no_such_kernelspec``.
            UnavailableError: the guest does not answer, or the kernel's process did not start.
        """
        args = {"kernel_id": self.kernel_id, "name": self.name, "cwd": cwd, "env": env or {}}
        return kernel_info(await self._connection.request("kernel.start", args))

    async def info(self) -> KernelInfo:
        """Returns how the kernel stands, without starting it. Raises NotFoundError for one that was never started."""
        return kernel_info(await self._request("kernel.info"))

    async def attach(self, after: int, sink: Sink, *, interval_s: float = 0.0) -> None:
        """Delivers every message numbered above ``after`` to ``sink``, over reconnections, without gap or repeat.

        When ``sink`` raises, delivery ends and nothing more is acknowledged: attach again from what is durable. A
        message ``lost`` on channel ``agent`` stands where the guest no longer has what was asked for. A flood comes in
        batches ``interval_s`` seconds apart; what somebody waits for (an end, a question) comes at once.
        """
        await self._connection.attach(self.kernel_id, after, sink, interval_s)

    def detach(self) -> None:
        """Stops delivering; the guest goes on keeping what the kernel says."""
        self._connection.detach(self.kernel_id)

    async def ack(self, n: int) -> None:
        """Says that everything up to ``n`` is durable."""
        self._connection.ack(self.kernel_id, n)

    async def execute(
        self,
        execution_id: str,
        code: str,
        *,
        allow_stdin: bool = True,
        silent: bool = False,
        store_history: bool = True,
    ) -> None:
        """Queues ``code`` in the kernel; idempotent by ``execution_id``. Raises GoneError when the kernel is dead."""
        args = {
            "execution_id": execution_id,
            "code": code,
            "allow_stdin": allow_stdin,
            "silent": silent,
            "store_history": store_history,
        }
        await self._request("kernel.execute", args)

    async def executions(self) -> dict[str, str]:
        """Returns the status of every execution of the kernel's current life."""
        result = await self._request("kernel.executions")
        return {str(key): str(value) for key, value in result.items()} if isinstance(result, dict) else {}

    async def interrupt(self) -> None:
        """Interrupts what runs; executions queued behind it are aborted."""
        await self._request("kernel.interrupt")

    async def restart(self) -> KernelInfo:
        """Ends the kernel, by force when it does not end by itself, and starts its next life."""
        # The token makes a repeat over a break the same restart.
        args = {"token": new_id()}
        return kernel_info(await self._request("kernel.restart", args, timeout_s=RESTART_S))

    async def shutdown(self) -> None:
        """Ends the kernel; its messages stay until they are acknowledged."""
        await self._request("kernel.shutdown", timeout_s=RESTART_S)

    async def input(self, execution_id: str, request_id: str, value: str) -> None:
        """Answers ``input()``. Raises GoneError when the program no longer waits for it."""
        args = {"execution_id": execution_id, "request_id": request_id, "value": value}
        await self._request("kernel.input", args)

    async def complete(self, code: str, cursor: int) -> dict[str, Any]:
        """Returns the content of ``complete_reply``; ``cursor`` counts code points.

        Raises:
            ConflictError: ``kernel_busy``.
        """
        return _content(await self._request("kernel.complete", {"code": code, "cursor": cursor}))

    async def inspect(self, code: str, cursor: int, detail: int = 0) -> dict[str, Any]:
        """Returns the content of ``inspect_reply``; ``cursor`` counts code points.

        Raises:
            ConflictError: ``kernel_busy``.
        """
        return _content(await self._request("kernel.inspect", {"code": code, "cursor": cursor, "detail": detail}))

    async def comm(
        self,
        message_id: str,
        kind: str,
        content: dict[str, Any],
        *,
        execution_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        buffers: Sequence[bytes] = (),
    ) -> None:
        """Sends a message of a comm; ``comm_done`` follows when the kernel has dealt with it.

        Args:
            message_id: 1 to 64 of letters, digits, ``-`` and ``_``; the same id is the same message.
            kind: ``comm_open``, ``comm_msg`` or ``comm_close``.
            content: as in Jupyter's messaging protocol.
            execution_id: what it causes is output of this one.
            metadata: likewise.
            buffers: what follows it.

        Raises:
            GoneError: the kernel is dead.
            ConflictError: ``too_many_calls`` wait already.
            UnavailableError: ``old_runtime``: the agent is of an older version.
        """
        args = {"comm_message_id": message_id, "execution_id": execution_id, "type": kind}
        await self._request("kernel.comm", {**args, "content": content, "metadata": metadata or {}}, buffers=buffers)

    async def evaluate(
        self, call_id: str, expressions: dict[str, str], *, execution_id: str | None = None
    ) -> dict[str, Any]:
        """Evaluates expressions once the kernel is free, however long that takes.

        What they print is output of ``execution_id``. Returns ``user_expressions`` of Jupyter's ``execute_reply``.

        Raises:
            GoneError: the kernel is dead, or died meanwhile.
            ConflictError: ``too_many_calls`` wait already.
            TooLargeError: ``result_too_large``.
            UnavailableError: ``old_runtime``: the agent is of an older version.
        """
        args = {"call_id": call_id, "execution_id": execution_id, "expressions": expressions}
        return _content(await self._request("kernel.evaluate", args, timeout_s=EVALUATE_S))

    async def answer(self, ask_id: str, answer: dict[str, Any]) -> None:
        """Answers what a program asks. Raises GoneError when it no longer waits."""
        await self._request("kernel.answer", {"ask_id": ask_id, "answer": answer})

    async def _request(
        self,
        verb: str,
        args: dict[str, Any] | None = None,
        *,
        timeout_s: float = 30.0,
        buffers: Sequence[bytes] = (),
    ) -> Any:
        whole = {"kernel_id": self.kernel_id, **(args or {})}
        return await self._connection.request(verb, whole, timeout_s=timeout_s, buffers=buffers)


def kernel_info(value: Any) -> KernelInfo:
    """Reads KernelInfo of the protocol. Raises UnavailableError when the guest sent something else."""
    try:
        language = value["language"]
        return KernelInfo(
            kernel_id=str(value["kernel_id"]),
            status=str(value["status"]),
            pid=None if value["pid"] is None else int(value["pid"]),
            last=int(value["last"]),
            life=int(value["life"]),
            language=None if language is None else {str(key): str(text) for key, text in language.items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnavailableError("The runtime answered with something else.", code="guest_error") from error


def _content(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

"""The agent: listens on the inherited socket, answers verbs and sends what the kernels say."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import secrets
import socket as sockets
from collections import deque
from typing import Any, Callable

import zmq

from labora_guest import __version__, channel, faults, files, meter, places, ports, verbs
from labora_guest.hatch import Hatch
from labora_guest.kernel import Kernel
from labora_guest.nursery import LINGER_S, Nursery
from labora_guest.process import Reaper
from labora_guest.spec import KernelError, find_spec
from labora_guest.spool import Spool
from labora_guest.streams import Streams
from labora_guest.verbs import ID, cursor, text

HELLO_TIMEOUT_S = 10.0
HELLO_BYTES = 64 * 1024
REQUEST_BYTES = 16 * 1024 * 1024
TURN_BYTES = 256 * 1024
SPOOL_BYTES = 64 * 1024 * 1024
MAX_KERNELS = 64
MAX_TASKS = 256


class _Flow:
    """How far one kernel's messages went out on one connection."""

    def __init__(self, after: int) -> None:
        self.sent = after
        self.inflight: deque[tuple[int, int]] = deque()
        self.bytes = 0

    def ack(self, n: int) -> None:
        while self.inflight and self.inflight[0][0] <= n:
            self.bytes -= self.inflight.popleft()[1]


class _Connection:
    """One connection of the control plane after a correct hello."""

    def __init__(self, writer: asyncio.StreamWriter, port: Callable[[Any], int]) -> None:
        self.writer = writer
        self.answers: deque[bytes] = deque()
        self.flows: dict[str, _Flow] = {}
        self.wake = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()
        self.streams = Streams(self.answer, self.wake.set, port)

    def answer(self, value: dict[str, Any]) -> None:
        self.answers.append(b"".join(channel.encode_frame(channel.dump(value))))
        self.wake.set()

    async def send_forever(self, kernels: dict[str, Kernel]) -> None:
        """Sends answers first, then each kernel's messages in turn, then of streams, so that none waits for a flood."""
        while True:
            self.wake.clear()
            busy = True
            while busy:
                busy = False
                while self.answers:
                    self.writer.write(self.answers.popleft())
                for kernel_id, flow in list(self.flows.items()):
                    busy = self._send_turn(kernels[kernel_id], flow) or busy
                busy = self.streams.turn(self.writer.write) or busy
                await self.writer.drain()
            await self.wake.wait()

    def _send_turn(self, kernel: Kernel, flow: _Flow) -> bool:
        spool, written = kernel.spool, 0
        flow.sent = max(flow.sent, spool.first - 1)
        while flow.sent < spool.last and written < TURN_BYTES:
            data = spool.read(flow.sent + 1)
            if flow.inflight and flow.bytes + len(data) > channel.WINDOW:
                return False
            flow.sent += 1
            flow.inflight.append((flow.sent, len(data)))
            flow.bytes += len(data)
            self.writer.write(data)
            faults.reach("agent.sent")
            written += len(data)
        return written > 0


class Agent:
    """Everything that one runtime runs.

    Args:
        key: what the control plane must show.
        generation: of this runtime; shown in hello so that a stale control plane notices.
        spool_bytes: output held per kernel while nobody takes it.
        zygotes: whether second kernels may be forked.
        linger_s: for how many seconds a zygote stays when there is at most one kernel.
        port: where programs ask, on the loopback of a network namespace of the runtime's own; 0 where it has none.
        any_port: without such a namespace, whether streams lead to whatever listens on the machine's loopback.
    """

    def __init__(
        self,
        key: str,
        generation: int,
        spool_bytes: int = SPOOL_BYTES,
        *,
        zygotes: bool = True,
        linger_s: float = LINGER_S,
        port: int = 0,
        any_port: bool = False,
    ) -> None:
        self._key = key
        self._generation = generation
        self._spool_bytes = spool_bytes
        self._boot_id = secrets.token_hex(8)
        self._context = zmq.Context()
        self._reaper = Reaper()
        self._nursery = Nursery(self._reaper, forks=zygotes, linger_s=linger_s)
        self._kernels: dict[str, Kernel] = {}
        self._hatch = Hatch(self._kernels, port, self._is_taken)
        self._any_port = any_port
        self._connection: _Connection | None = None
        self._stopping = asyncio.Event()
        self._verbs: dict[str, Callable[[dict[str, Any]], Any]] = {
            "kernel.start": self._start,
            "kernel.info": self._info,
            "kernel.execute": self._execute,
            "kernel.interrupt": self._interrupt,
            "kernel.restart": self._restart,
            "kernel.shutdown": self._shutdown_kernel,
            "kernel.input": self._input,
            "kernel.complete": self._complete,
            "kernel.inspect": self._inspect,
            "kernel.executions": self._executions,
            "kernel.evaluate": lambda args: verbs.evaluate(self._kernel(args), args),
            "kernel.answer": lambda args: verbs.answer(self._kernel(args), args),
            "meter": self._meter,
            "file.describe": lambda args: asyncio.to_thread(files.describe, args),
            "file.list": lambda args: asyncio.to_thread(files.listing, args),
            "port.list": lambda _args: asyncio.to_thread(self._ports),
            "shutdown": self._shutdown,
        }

    async def serve(self, listener: sockets.socket) -> None:
        """Serves the channel until ``shutdown``; then ends every kernel."""
        self._reaper.start()
        await self._hatch.open()
        server = await asyncio.start_unix_server(self._connected, sock=listener)
        samples = asyncio.get_running_loop().run_in_executor(None, places.give_samples, os.getcwd())
        try:
            await self._stopping.wait()
            await samples
        finally:
            server.close()
            self._hatch.close()
            self._nursery.close()
            await asyncio.gather(*(kernel.end() for kernel in self._kernels.values()), return_exceptions=True)
            await self._flush()
            for kernel in self._kernels.values():
                kernel.close()
            self._context.destroy(0)

    def _ports(self) -> dict[str, Any]:
        return ports.listing([one.pid for one in list(self._kernels.values())])

    def _port(self, port: Any) -> int:
        """Returns the number of a port that streams may lead to. Raises KernelError."""
        number = ports.check(port, self._hatch.port)
        if self._hatch.shared and not self._any_port:
            # What listens there may be a program of the machine's.
            ports.check_listed(number, self._ports())
        return number

    def stop(self) -> None:
        """Makes :meth:`serve` return."""
        self._stopping.set()

    async def _flush(self) -> None:
        """Gives the last messages and answers a moment to leave."""
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(connection.writer.drain(), 0.5)
                await asyncio.sleep(0.05)
                connection.writer.close()

    # -- connections --------------------------------------------------------------------------------------------------

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(high=TURN_BYTES)
        connection = _Connection(writer, self._port)
        sender: asyncio.Task[None] | None = None
        try:
            if not await self._hello(connection, reader):
                return
            old, self._connection = self._connection, connection
            if old is not None:
                old.writer.close()
            sender = asyncio.ensure_future(connection.send_forever(self._kernels))
            # A sender that fails takes its connection along; the next one begins from what is acknowledged.
            sender.add_done_callback(lambda _: writer.close())
            while True:
                header, buffers = await channel.read_frame(reader, REQUEST_BYTES)
                if not connection.streams.take(header, buffers):
                    self._handle(connection, header, buffers)
        except (channel.ChannelError, asyncio.IncompleteReadError, OSError, asyncio.TimeoutError):
            # The control plane comes back and resumes; junk costs it its connection and nothing else.
            return
        finally:
            if sender is not None:
                sender.cancel()
            for task in connection.tasks:
                task.cancel()
            connection.streams.close()
            if self._connection is connection:
                self._connection = None
            writer.close()

    async def _hello(self, connection: _Connection, reader: asyncio.StreamReader) -> bool:
        header, _ = await asyncio.wait_for(channel.read_frame(reader, HELLO_BYTES), HELLO_TIMEOUT_S)
        args, number = header.get("args"), header.get("id")
        if header.get("t") != "req" or header.get("verb") != "hello" or not isinstance(args, dict):
            return False
        key = str(args.get("key", "")).encode("utf-8", "replace")
        if not hmac.compare_digest(key, self._key.encode()):
            refusal = ("bad_key", "This runtime belongs to another control plane.")
        elif args.get("generation") != self._generation:
            refusal = ("stale_generation", "This runtime is of another generation.")
        elif not isinstance(args.get("version"), int) or args["version"] < 1:
            refusal = ("bad_version", f"The agent speaks version {channel.VERSION} of the channel.")
        else:
            kernels = [kernel.info() for kernel in self._kernels.values()]
            result = {
                "version": min(args["version"], channel.VERSION),
                "agent": __version__,
                "boot_id": self._boot_id,
                "kernels": kernels,
            }
            connection.answer({"t": "res", "id": number, "ok": True, "result": result})
            return True
        connection.answer({"t": "res", "id": number, "ok": False, "code": refusal[0], "message": refusal[1]})
        connection.writer.write(connection.answers.popleft())
        await connection.writer.drain()
        return False

    def _handle(self, connection: _Connection, header: dict[str, Any], buffers: list[bytes]) -> None:
        kind = header.get("t")
        if kind == "ack":
            self._ack(connection, header.get("k"), header.get("n"))
            return
        number, verb, args = header.get("id"), header.get("verb"), header.get("args")
        if kind != "req" or not isinstance(args, dict) or not isinstance(number, int):
            raise channel.ChannelError("neither a request nor an acknowledgement")
        if len(connection.tasks) >= MAX_TASKS:
            raise channel.ChannelError("too many requests at once")
        try:
            if verb == "kernel.attach":
                result: Any = self._attach(connection, args)
            elif verb == "stream.open":
                result = connection.streams.open(args)
            elif verb == "kernel.comm":
                result = verbs.comm(self._kernel(args), args, buffers)
            elif verb in self._verbs:
                result = self._verbs[verb](args)
            else:
                raise KernelError("unknown_verb", f"This agent does not know {verb}.")
        except Exception as error:  # noqa: BLE001 - whatever one request does, the agent goes on
            connection.answer(_failure(number, error))
            return
        if asyncio.iscoroutine(result):
            task = asyncio.ensure_future(self._answer_later(connection, number, result))
            connection.tasks.add(task)
            task.add_done_callback(connection.tasks.discard)
        else:
            connection.answer({"t": "res", "id": number, "ok": True, "result": result})

    async def _answer_later(self, connection: _Connection, number: int, work: Any) -> None:
        try:
            # Shielded: a restart goes through to its end when the connection breaks in the middle.
            result = await asyncio.shield(asyncio.ensure_future(work))
            connection.answer({"t": "res", "id": number, "ok": True, "result": result})
        except Exception as error:  # noqa: BLE001 - whatever one request does, the agent goes on
            connection.answer(_failure(number, error))

    def _ack(self, connection: _Connection, kernel_id: Any, n: Any) -> None:
        flow, kernel = connection.flows.get(kernel_id), self._kernels.get(kernel_id)
        if not isinstance(n, int) or flow is None or kernel is None:
            return
        n = min(n, flow.sent)
        flow.ack(n)
        kernel.acknowledge(n)
        faults.reach("agent.acknowledged")
        connection.wake.set()

    def _is_taken(self, kernel_id: str) -> bool:
        return self._connection is not None and kernel_id in self._connection.flows

    def _notify(self) -> None:
        if self._connection is not None:
            self._connection.wake.set()

    # -- verbs --------------------------------------------------------------------------------------------------------

    def _kernel(self, args: dict[str, Any]) -> Kernel:
        kernel = self._kernels.get(text(args, "kernel_id"))
        if kernel is None:
            raise KernelError("no_such_kernel", "There is no such kernel; start it first.")
        return kernel

    async def _start(self, args: dict[str, Any]) -> dict[str, Any]:
        kernel_id, name = text(args, "kernel_id"), text(args, "name", "python3")
        if not ID.match(kernel_id):
            raise KernelError("bad_request", "A kernel id has 1 to 64 letters, digits, - and _.")
        kernel = self._kernels.get(kernel_id)
        if kernel is None:
            if sum(other.alive for other in self._kernels.values()) >= MAX_KERNELS:
                raise KernelError("too_many_kernels", f"This runtime has {MAX_KERNELS} kernels; end one first.")
            spool = Spool(kernel_id, self._spool_bytes)
            ours = self._hatch.environment(kernel_id)
            kernel = Kernel(kernel_id, name, self._context, spool, self._nursery, self._notify, ours)
            self._kernels[kernel_id] = kernel
        env = {str(k): str(v) for k, v in (args.get("env") or {}).items()}
        async with kernel.lock:
            if not kernel.alive:
                kernel.name = name
                places.link_datasets()
                await kernel.start(find_spec(name), text(args, "cwd", os.getcwd()), env)
            return kernel.info()

    def _info(self, args: dict[str, Any]) -> dict[str, Any]:
        return self._kernel(args).info()

    def _attach(self, connection: _Connection, args: dict[str, Any]) -> dict[str, Any]:
        kernel, after = self._kernel(args), args.get("after")
        if not isinstance(after, int) or after < 0:
            raise KernelError("bad_request", "after is a number of a message, or 0.")
        kernel.acknowledge(after)
        connection.flows[kernel.kernel_id] = _Flow(after)
        kernel.asks.again()
        connection.wake.set()
        return {"first": kernel.spool.first, "last": kernel.spool.last}

    def _execute(self, args: dict[str, Any]) -> dict[str, Any]:
        execution_id = text(args, "execution_id")
        if not ID.match(execution_id):
            raise KernelError("bad_request", "An execution id has 1 to 64 letters, digits, - and _.")
        silent = args.get("silent") is True
        request = {
            "code": text(args, "code"),
            "silent": silent,
            "store_history": args.get("store_history", not silent) is True,
            "user_expressions": {},
            "allow_stdin": args.get("allow_stdin", True) is True,
            "stop_on_error": False,
        }
        faults.reach("agent.execute.before")
        self._kernel(args).execute(execution_id, request)
        faults.reach("agent.execute.after")
        return {}

    def _interrupt(self, args: dict[str, Any]) -> dict[str, Any]:
        self._kernel(args).interrupt()
        return {}

    async def _restart(self, args: dict[str, Any]) -> dict[str, Any]:
        kernel, token = self._kernel(args), args.get("token")
        async with kernel.lock:
            # A restart that is asked for again after a break, with the same token, is done once.
            if token is None or token != kernel.restart_token:
                await kernel.end()
                kernel.restart_token = token
                await kernel.start(find_spec(kernel.name), kernel.cwd, kernel.env)
            return kernel.info()

    async def _shutdown_kernel(self, args: dict[str, Any]) -> dict[str, Any]:
        kernel = self._kernel(args)
        async with kernel.lock:
            await kernel.end()
            return kernel.info()

    def _input(self, args: dict[str, Any]) -> dict[str, Any]:
        self._kernel(args).answer(text(args, "execution_id"), text(args, "request_id"), text(args, "value"))
        return {}

    def _complete(self, args: dict[str, Any]) -> Any:
        return self._kernel(args).inquire("complete_request", {"code": text(args, "code"), "cursor_pos": cursor(args)})

    def _inspect(self, args: dict[str, Any]) -> Any:
        detail = 1 if args.get("detail") == 1 else 0
        content = {"code": text(args, "code"), "cursor_pos": cursor(args), "detail_level": detail}
        return self._kernel(args).inquire("inspect_request", content)

    def _executions(self, args: dict[str, Any]) -> dict[str, str]:
        return self._kernel(args).executions()

    def _meter(self, _args: dict[str, Any]) -> dict[str, Any]:
        result = meter.read({kernel_id: kernel.pid for kernel_id, kernel in self._kernels.items()})
        for kernel_id, kernel in self._kernels.items():
            result["kernels"][kernel_id].update(status=kernel.status, silent_s=kernel.silent_s())
        return result

    def _shutdown(self, _args: dict[str, Any]) -> dict[str, Any]:
        asyncio.get_running_loop().call_soon(self.stop)
        return {}


def _failure(number: int, error: Exception) -> dict[str, Any]:
    code = error.code if isinstance(error, KernelError) else "guest_error"
    message = str(error) if isinstance(error, KernelError) else f"{type(error).__name__}: {error}"
    return {"t": "res", "id": number, "ok": False, "code": code, "message": message[:1000]}

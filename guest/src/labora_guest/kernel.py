"""One kernel id: its process, its channels, its queue of executions and its spool, over all its lives."""

from __future__ import annotations

import asyncio
import functools
import os
import secrets
import signal
from typing import Any, Callable

import zmq

from labora_guest import departure, process
from labora_guest.asks import Asks, refused
from labora_guest.calls import Calls
from labora_guest.channels import Channels
from labora_guest.executions import Executions
from labora_guest.inputs import Inputs
from labora_guest.marks import Marks
from labora_guest.nursery import Nursery
from labora_guest.pulse import Pulse
from labora_guest.replies import Replies, busy, dead
from labora_guest.spec import KernelError, Spec
from labora_guest.spool import Spool
from labora_guest.wire import EXECUTION, Message, clean

IOPUB_TRIES = 100
TAIL_BYTES = 4096
DRAIN_S, IDLE_DRAIN_S = 0.3, 0.05
"""How long the last words of an ended kernel are waited for; the second of one that was idle and ended on request."""
SHUTDOWN_GRACE_S = 2.0
LEAVE_S = 10.0
"""How long a kernel may take to end that its program told to."""
END_OF_INPUT = "\x04"
"""What IPython's kernels take for the end of input, as EOFError."""
COMPLETE_WAIT_S = 1.5
IDLE_OOM, BUSY_OOM = 200, 700
"""What counts beside a kernel's share of memory, in thousandths, when the system looks for a process to kill: of two
kernels the one at work goes, unless the other holds more by half of all memory. The agent itself stays at 0."""
QUIET_PARENTS = ("kernel_info_request", "complete_request", "inspect_request", "is_complete_request", "history_request")


class Kernel:
    """One kernel id. All methods belong to the event loop's thread.

    Args:
        kernel_id: chosen by the control plane.
        name: name of the kernelspec.
        context: the agent's ZeroMQ context.
        spool: where messages go.
        nursery: starts its processes and tells of their ends.
        notify: called when the spool has something new.
        ours: variables of its environment by which its programs find the agent.
    """

    def __init__(
        self,
        kernel_id: str,
        name: str,
        context: zmq.Context[Any],
        spool: Spool,
        nursery: Nursery,
        notify: Callable[[], None],
        ours: dict[str, str] | None = None,
    ) -> None:
        self.kernel_id = kernel_id
        self.name = name
        self.spool = spool
        self.status = "dead"
        self.life = 0
        self.pid: int | None = None
        self.language: dict[str, str] | None = None
        self.cwd = ""
        self.restart_token: Any = None
        self.env: dict[str, str] = {}
        self.lock = asyncio.Lock()
        self._spec: Spec | None = None
        self._context = context
        self._nursery = nursery
        self._notify = notify
        self._channels: Channels | None = None
        self._said: process.Tail | None = None
        self._ended = asyncio.Event()
        self._ready = False
        self._iopub_seen = False
        self._expected_end = False
        self._leaves = False
        self._stopped = False
        self._settler: asyncio.Task[None] | None = None
        self._prober: asyncio.Task[None] | None = None
        self._executions = Executions()
        self._inputs = Inputs()
        self._pulse = Pulse()
        self._replies = Replies()
        self._ours = ours or {}
        self.asks = Asks(self._agent)
        self.calls = Calls(functools.partial(self._send, "shell"), self._comm_done)
        self._calling: str | None = None
        self._marks = Marks(lambda mark: self._send("control", "kernel_info_request", {}, mark))
        self._became_idle = asyncio.Event()

    # -- life ---------------------------------------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.status != "dead"

    def info(self) -> dict[str, Any]:
        """Returns KernelInfo of the protocol."""
        return {
            "kernel_id": self.kernel_id,
            "status": self.status,
            "pid": self.pid,
            "last": self.spool.last,
            "language": self.language,
            "life": self.life,
            "name": self.name,
        }

    async def start(self, spec: Spec, cwd: str, env: dict[str, str]) -> None:
        """Begins a new life. Raises KernelError when the process cannot be started."""
        self._spec, self.cwd, self.env = spec, cwd, env
        channels: Channels | None = None
        self._begin_life()
        try:
            os.makedirs(cwd, exist_ok=True)
            channels = Channels(self.name)
            command, environment = spec.command(channels.connection_file), spec.environment(env, self._ours)
            child = await self._nursery.start(command, environment, cwd, self._process_ended)
        except Exception as error:
            if channels is not None:
                channels.remove()
            self.life, self.status = self.life - 1, "dead"
            self._abort_all("died")
            if isinstance(error, OSError):
                raise KernelError("kernel_not_started", f"The kernel {self.name} did not start: {error}.") from error
            raise
        self.pid, self._channels = child.pid, channels
        self._said = process.Tail(child.output, TAIL_BYTES)
        receivers: dict[str, Callable[[Message], None]] = {
            "shell": self._on_shell,
            "control": self._on_shell,
            "stdin": self._on_stdin,
            "iopub": self._on_iopub,
        }
        channels.connect(self._context, f"{self.kernel_id}-{self.life}", receivers, bounded=spec.bounded)
        self._agent("status", {"status": "starting"})
        self._prober = asyncio.ensure_future(self._probe())

    def _begin_life(self) -> None:
        # Before there is a process: what is asked of the kernel meanwhile waits for it.
        self.life += 1
        self.status, self._ready, self._iopub_seen, self._stopped = "starting", False, False, False
        self._expected_end, self._calling, self._leaves = False, None, False
        self._pulse.reset()
        self._ended = asyncio.Event()
        self._executions.begin_life()

    async def _probe(self) -> None:
        """Asks for kernel_info until the kernel answers and its iopub is heard (``wait_for_ready`` adds 0.2 s)."""
        pause, after_ready = 0.05, 0
        while not (self._ready and self._iopub_seen) and after_ready < IOPUB_TRIES:
            if not self._stopped:
                self._send("shell", "kernel_info_request", {}, "info-" + secrets.token_hex(8))
            await asyncio.sleep(pause)
            pause = 0.05 if self._ready else min(pause * 1.5, 1.0)
            after_ready += self._ready
        self._iopub_seen = True
        self._next()

    async def end(self, *, polite: bool = True) -> None:
        """Ends the process and everything in its group; returns when it is gone."""
        if not self.alive:
            return
        self._expected_end = True
        pid = self.pid
        self._resume()
        if polite and self._executions.running is None and self._ready:
            self._send("control", "shutdown_request", {"restart": False})
            await self._wait_end(SHUTDOWN_GRACE_S)
        if self.alive and pid is not None:
            process.signal_group(pid, signal.SIGKILL)
            await self._wait_end(10.0)

    async def _wait_end(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._ended.wait(), seconds)
        except asyncio.TimeoutError:
            return

    def _process_ended(self, status: int) -> None:
        if self.pid is not None:
            process.signal_group(self.pid, signal.SIGKILL)
        self._settler = asyncio.ensure_future(self._settle(status))

    async def _settle(self, status: int) -> None:
        """Takes what the dead kernel had already sent, then says how it ended."""
        channels, about = self._channels, process.describe(status)
        on_purpose = self._ready and (self._leaves or departure.by_program(status, self._executions.code))
        if on_purpose:
            about = {**about, "by": "program", "message": departure.MESSAGE}
        idle = self._expected_end and self._executions.running is None
        until = asyncio.get_running_loop().time() + (IDLE_DRAIN_S if idle else DRAIN_S)
        while asyncio.get_running_loop().time() < until:
            if channels is not None and (channels.drain("iopub") or channels.drain("shell")):
                until = asyncio.get_running_loop().time() + 0.05
            await asyncio.sleep(0.01)
        if self._prober is not None:
            self._prober.cancel()
        if channels is not None:
            channels.remove()
        if self._said is not None:
            if not self._ready:
                # It never answered, so what it wrote is all there is to explain why.
                about["message"] = f"{about['message']} It did not start. {self._said.text()}".strip()
            self._said.close()
        self.status, self.pid, self._stopped = "dead", None, False
        if not self._expected_end:
            self._agent("died", {**about, "oom": None})
        self._abort_all("restart" if self._expected_end else "ended" if on_purpose else "died")
        self._replies.end()
        self.calls.end()
        self.asks.end()
        self._agent("status", {"status": "dead"})
        self._became_idle.set()
        self._ended.set()

    # -- executions ---------------------------------------------------------------------------------------------------

    def execute(self, execution_id: str, request: dict[str, Any]) -> None:
        """Queues code; does nothing when the id is known. Raises KernelError when the kernel is dead."""
        if execution_id in self._executions:
            return
        if not self.alive:
            raise dead()
        self._executions.add(execution_id, request)
        self._next()

    def executions(self) -> dict[str, str]:
        """Returns the status of every execution of this life."""
        return self._executions.statuses()

    def _next(self) -> None:
        """Sends the next execution when the kernel can take it. One at a time, so that the queue stays ours."""
        if self._executions.running is not None or not self._executions.waiting:
            return
        if not (self._ready and self._iopub_seen and self.alive) or self._expected_end or self._leaves:
            return
        item = self._executions.take()
        self._became_idle.clear()
        self._set_status("busy")
        self._send("shell", "execute_request", item["request"], EXECUTION + item["id"])

    def _finish_if_done(self) -> None:
        finished = self._executions.finish()
        if finished is None:
            return
        self._done(*finished)
        if departure.announced(finished[1]):
            self._leave()
        if self._executions.waiting:
            self._next()
        else:
            self._set_status("idle")
            self._became_idle.set()

    def _leave(self) -> None:
        """The program ended its kernel: nothing more is sent to it, and it goes."""
        self._leaves = True
        self._abort(self._executions.drop_waiting(), "ended")
        asyncio.get_running_loop().call_later(LEAVE_S, self._insist, self.life)

    def _insist(self, life: int) -> None:
        if self._leaves and self.life == life and self.alive and self.pid is not None:
            process.signal_group(self.pid, signal.SIGKILL)

    def _done(self, execution_id: str, content: dict[str, Any]) -> None:
        self._inputs.forget(execution_id)
        self._executions.ended(execution_id, content["status"])
        self._agent("done", content, execution_id)

    def _abort(self, executions: list[str], reason: str) -> None:
        for execution_id in executions:
            self._done(execution_id, {"status": "aborted", "execution_count": None, "reason": reason})

    def _abort_all(self, reason: str) -> None:
        self._abort(self._executions.drop_all(), reason)

    def interrupt(self) -> None:
        """Interrupts what runs, as the kernelspec says, and aborts what waits behind it."""
        if not self.alive or self._spec is None:
            raise dead()
        waiting = self._executions.drop_waiting()
        self._resume()
        if self.pid is not None and self._spec.interrupt_mode == "message":
            self._send("control", "interrupt_request", {})
        elif self.pid is not None and (self._executions.running is not None or self._ready):
            process.signal_group(self.pid, signal.SIGINT)
        self._abort(waiting, "interrupt")

    def answer(self, execution_id: str, request_id: str, value: str) -> None:
        """Answers ``input()``; a second answer to one request is ignored. Raises KernelError for an unknown request."""
        asked = self._inputs.take(execution_id, request_id)
        if asked is not None:
            self._send("stdin", "input_reply", {"value": value}, parent=asked)
            self._agent("input_done", {"request_id": request_id}, execution_id)

    def comm(self, call: str, execution: str | None, kind: str, content: dict[str, Any], *more: Any) -> None:
        """Sends a comm message of a page (:meth:`Calls.comm`). Raises KernelError when the kernel is dead."""
        if not self.alive:
            raise dead()
        self.calls.comm(call, execution, kind, content, *more)

    async def evaluate(self, call: str, execution: str | None, expressions: dict[str, str]) -> dict[str, Any]:
        """Evaluates expressions (:meth:`Calls.evaluate`). Raises KernelError when the kernel is dead."""
        if not self.alive:
            raise dead()
        return await self.calls.evaluate(call, execution, expressions)

    async def ask(self, kind: str, content: Any, timeout_s: Any) -> dict[str, Any]:
        """Asks the server for a program of this kernel, after everything that the kernel has said."""
        if not self.alive:
            return refused("kernel_dead", "The kernel has ended.")
        await self._all_taken()
        return await self.asks.ask(kind, content, timeout_s, self._executions.running or self._calling)

    async def _all_taken(self) -> None:
        """Returns when what the kernel has said so far is in the spool.

        Its messages come over another socket than its questions. What it answers on its control channel now passes
        behind them through the same publisher; kernels that answer there only between cells are just read.
        """
        if self._ready and not self._stopped and self._spec is not None and self._spec.bounded:
            await self._marks.passed()
        while self._channels is not None and self._channels.drain("iopub"):
            pass

    def silent_s(self) -> float:
        """Returns for how many seconds the kernel has owed an answer on its control channel; asks when it owes none.

        IPython's kernels answer there while a cell runs, so silence means that Python itself is held up. Of other
        kernels, of an idle one, and of one that is stopped until its output is taken, nothing is said: 0.
        """
        asks = self._ready and self.status == "busy" and not self._stopped
        if not asks or self._spec is None or not self._spec.bounded:
            self._pulse.reset()
            return 0.0
        return self._pulse.silent_s(lambda message_id: self._send("control", "kernel_info_request", {}, message_id))

    async def inquire(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        """Sends a completion or inspection request and returns the reply's content.

        Raises:
            KernelError: ``kernel_busy`` when the kernel does not come to it in time.
        """
        if not self.alive:
            raise dead()
        if self._executions.running is not None or not self._ready:
            # Not sent while it is busy: requests would pile up in the kernel and delay the next cell.
            try:
                await asyncio.wait_for(self._became_idle.wait(), COMPLETE_WAIT_S)
            except asyncio.TimeoutError:
                raise busy() from None
        return await self._replies.ask(lambda message_id: self._send("shell", kind, content, message_id))

    # -- messages of the kernel ---------------------------------------------------------------------------------------

    def _send(self, channel: str, kind: str, content: dict[str, Any], *about: Any, **more: Any) -> None:
        if self._channels is not None:
            self._channels.send(channel, kind, content, *about, **more)

    def _on_iopub(self, message: Message) -> None:
        self._take(message)
        if not self._iopub_seen:
            self._iopub_seen = True
            self._next()

    def _take(self, message: Message) -> None:
        kind = message.type
        execution, call = message.cause
        if kind == "status":
            self._take_status(message, message.execution_id)
        elif kind == "stream":
            content = message.load()
            text, name = content.get("text"), content.get("name")
            if isinstance(text, str) and name in ("stdout", "stderr"):
                self.spool.append_stream(execution, name, text, call)
                self._grown()
        elif kind and kind != "iopub_welcome":
            body, metadata = clean(message.content), clean(message.metadata)
            self.spool.append("iopub", kind, body, execution, metadata, message.buffers, call)
            self._grown()

    def _take_status(self, message: Message, execution: str | None) -> None:
        state = message.load().get("execution_state")
        if state == "idle":
            self._marks.heard_idle(message.parent_id)
        if message.cause[1] is not None:
            self._calling = message.cause[0] if state == "busy" else None
            if state == "idle":
                self.calls.heard_idle(message.parent_id)
        if state == "idle" and self._executions.heard_idle(execution):
            self._finish_if_done()
        elif self._ready and self._executions.running is None and state in ("busy", "idle"):
            # A widget's callback or a kernel's own work makes it busy too; asking for its state does not count.
            caused = execution is None and message.parent_id
            if caused and message.parent.get("msg_type") not in QUIET_PARENTS:
                self._set_status(state)

    def _on_shell(self, message: Message) -> None:
        content = message.load()
        if self._pulse.heard(message.parent_id):
            return
        if message.type == "execute_reply":
            if self._executions.heard_reply(message.execution_id, content):
                self._finish_if_done()
            else:
                self.calls.heard_reply(message.parent_id, content)
        elif message.type == "kernel_info_reply" and not self._ready:
            self._became_ready(content)
        else:
            self._replies.heard(message.parent_id, content)

    def _became_ready(self, content: dict[str, Any]) -> None:
        self._ready = True
        about = content.get("language_info")
        about = about if isinstance(about, dict) else {}
        self.language = {key: str(about.get(key, ""))[:200] for key in ("name", "mimetype", "version")}
        self._agent("started", {"life": self.life, "pid": self.pid, "language": self.language})
        self._set_status("idle")
        if not self._executions.waiting:
            self._became_idle.set()
        self._next()

    def _on_stdin(self, message: Message) -> None:
        execution = message.execution_id
        if message.type != "input_request":
            return
        if execution is None:
            # Nobody is asked by what runs between cells; without an answer the kernel would wait for ever.
            self._send("stdin", "input_reply", {"value": END_OF_INPUT}, parent=message.header)
            return
        request = self._inputs.add(message)
        # stdin is a socket of its own: what the program printed before it asked is taken first.
        while self._channels is not None and self._channels.drain("iopub"):
            pass
        self.spool.append("stdin", "input_request", request, execution)
        self._grown()

    # -- flow ---------------------------------------------------------------------------------------------------------

    def _agent(self, kind: str, content: dict[str, Any], execution: str | None = None) -> None:
        self.spool.append("agent", kind, content, execution)
        self._notify()

    def _comm_done(self, call: str, execution: str | None) -> None:
        self._agent("comm_done", {"id": call}, execution)

    def _set_status(self, status: str) -> None:
        if self.status not in (status, "dead"):
            self.status = status
            if self.pid is not None:
                process.prefer_for_oom(self.pid, BUSY_OOM if status == "busy" else IDLE_OOM)
            self._agent("status", {"status": status})

    def _grown(self) -> None:
        if self.spool.full and not self._stopped and self.pid is not None:
            self._stopped = True
            process.signal_group(self.pid, signal.SIGSTOP)
        self._notify()

    def acknowledge(self, n: int) -> None:
        """Forgets messages up to ``n`` and lets a stopped kernel go on when there is room."""
        self.spool.ack(min(n, self.spool.last))
        if self._stopped and self.spool.roomy:
            self._resume()

    def _resume(self) -> None:
        if self._stopped and self.pid is not None:
            self._stopped = False
            process.signal_group(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """Closes the sockets and drops the spool; for the agent's own end."""
        if self._channels is not None:
            self._channels.disconnect()
        self.spool.close()

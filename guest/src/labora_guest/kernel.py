"""One kernel id: its process, its channels, its queue of executions and its spool, over all its lives."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import shutil
import signal
import sys
import tempfile
from collections import OrderedDict, deque
from typing import Any, Callable

import zmq

from labora_guest import process
from labora_guest.spool import Spool
from labora_guest.wire import Message, Socket, Wire

CHANNELS = ("shell", "control", "stdin", "iopub")
OUR_HWM = 64
REMEMBERED = 10_000
ALIVE = "alive-"
ALIVE_EVERY_S = 5.0
IOPUB_TRIES = 100
TAIL_BYTES = 4096
DRAIN_S = 0.3
SHUTDOWN_GRACE_S = 2.0
INTERRUPT_MODES = ("signal", "message")
COMPLETE_WAIT_S = 1.5
COMPLETE_REPLY_S = 15.0
IDLE_OOM, BUSY_OOM = 200, 700
"""What counts beside a kernel's share of memory, in thousandths, when the system looks for a process to kill: of two
kernels the one at work goes, unless the other holds more by half of all memory. The agent itself stays at 0."""
QUIET_PARENTS = ("kernel_info_request", "complete_request", "inspect_request", "is_complete_request", "history_request")

_LAUNCHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kernel_launcher.py")


class KernelError(Exception):
    """A verb that cannot be done; ``code`` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Spec:
    """How a kernel is started: what the agent uses of a kernelspec."""

    def __init__(self, argv: list[str], env: dict[str, str], interrupt_mode: str, language: str, folder: str) -> None:
        self.argv = argv
        self.env = env
        self.interrupt_mode = interrupt_mode
        self.language = language
        self.folder = folder

    def command(self, connection_file: str) -> list[str]:
        """Returns the command line; IPython kernels go through our launcher, so that no output is dropped."""
        words = {"connection_file": connection_file, "resource_dir": self.folder}
        argv = [re.sub(r"\{([A-Za-z_]+)\}", lambda m: words.get(m.group(1), m.group(0)), part) for part in self.argv]
        if argv[1:3] in (["-m", "ipykernel_launcher"], ["-m", "ipykernel"]):
            argv[1:3] = [_LAUNCHER]
        elif argv[1:4] == ["-Xfrozen_modules=off", "-m", "ipykernel_launcher"]:
            argv[2:4] = [_LAUNCHER]
        if re.fullmatch(r"python[\d.]*", argv[0]) and not shutil.which(argv[0]):
            argv[0] = sys.executable
        return argv

    @property
    def bounded(self) -> bool:
        """Whether the kernel waits for its reader, so that the reader may bound what it takes in."""
        return _LAUNCHER in self.command("")


class Kernel:
    """One kernel id. All methods belong to the event loop's thread.

    Args:
        kernel_id: chosen by the control plane.
        name: name of the kernelspec.
        context: the agent's ZeroMQ context.
        spool: where messages go.
        reaper: tells of the process's end.
        notify: called when the spool has something new.
    """

    def __init__(
        self,
        kernel_id: str,
        name: str,
        context: zmq.Context[Any],
        spool: Spool,
        reaper: process.Reaper,
        notify: Callable[[], None],
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
        self._reaper = reaper
        self._notify = notify
        self._sockets: dict[str, Socket] = {}
        self._folder: str | None = None
        self._wire = Wire(b"", "")
        self._popen: Any = None
        self._said: Any = None
        self._ended = asyncio.Event()
        self._ready = False
        self._iopub_seen = False
        self._expected_end = False
        self._stopped = False
        self._settler: asyncio.Task[None] | None = None
        self._prober: asyncio.Task[None] | None = None
        self._queue: deque[dict[str, Any]] = deque()
        self._running: dict[str, Any] | None = None
        self._known: OrderedDict[str, str] = OrderedDict()
        self._this_life: dict[str, str] = {}
        self._inputs: dict[str, Message] = {}
        self._answered: OrderedDict[str, None] = OrderedDict()
        self._replies: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._became_idle = asyncio.Event()
        self._asked_alive: float | None = None
        self._answered_alive = 0.0

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

    def start(self, spec: Spec, cwd: str, env: dict[str, str]) -> None:
        """Begins a new life. Raises KernelError when the process cannot be started."""
        self._spec, self.cwd, self.env = spec, cwd, env
        folder = tempfile.mkdtemp(prefix="labora-")
        connection_file = os.path.join(folder, "kernel.json")
        key, ip = secrets.token_hex(16), os.path.join(folder, "s")
        connection: dict[str, Any] = {"transport": "ipc", "ip": ip, "key": key, "signature_scheme": "hmac-sha256"}
        ports = {"shell": 1, "iopub": 2, "stdin": 3, "control": 4, "hb": 5}
        connection.update({f"{channel}_port": port for channel, port in ports.items()})
        connection.update({"kernel_name": self.name})
        with open(os.open(connection_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(connection, file)
        environment = dict(os.environ, **spec.env)
        environment.update(env)
        for name in [name for name in environment if name.startswith("LABORA_")]:
            del environment[name]
        environment.setdefault("PYTHONUNBUFFERED", "1")
        try:
            os.makedirs(cwd, exist_ok=True)
            self._popen = process.spawn(spec.command(connection_file), environment, cwd)
            self._said = process.Tail(self._popen.stdout, TAIL_BYTES)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise KernelError("kernel_not_started", f"The kernel {self.name} did not start: {error}.") from error
        self._folder, self.pid = folder, self._popen.pid
        self._reaper.own(self.pid, self._process_ended)
        self._begin_life(key.encode(), ip, ports, bounded=spec.bounded)

    def _begin_life(self, key: bytes, ip: str, ports: dict[str, int], *, bounded: bool) -> None:
        self.life += 1
        self.status, self._ready, self._iopub_seen, self._stopped = "starting", False, False, False
        self._expected_end = False
        self._asked_alive = None
        self._ended = asyncio.Event()
        self._this_life = {}
        session = f"{self.kernel_id}-{self.life}"
        self._wire = Wire(key, session)
        receivers = {
            "shell": self._on_shell,
            "control": self._on_shell,
            "stdin": self._on_stdin,
            "iopub": self._on_iopub,
        }
        for channel in CHANNELS:
            socket = self._context.socket(zmq.SUB if channel == "iopub" else zmq.DEALER)
            socket.set(zmq.LINGER, 0)
            socket.set(zmq.SNDHWM, 0)
            # Zero where the kernel drops what its reader does not take at once; ours waits instead, and a bound keeps
            # the agent small while a kernel writes faster than Python reads.
            socket.set(zmq.RCVHWM, OUR_HWM if bounded and channel == "iopub" else 0)
            socket.set(zmq.RECONNECT_IVL, 10)
            if channel == "iopub":
                socket.set(zmq.SUBSCRIBE, b"")
            else:
                socket.set(zmq.ROUTING_ID, session.encode())
            socket.connect(f"ipc://{ip}-{ports[channel]}")
            self._sockets[channel] = Socket(socket, receivers[channel])
        self._agent("status", {"status": "starting"})
        self._prober = asyncio.ensure_future(self._probe())

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
        if polite and self._running is None and self._ready:
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
        if self._popen is not None:
            self._popen.returncode = status
        if self.pid is not None:
            process.signal_group(self.pid, signal.SIGKILL)
        self._settler = asyncio.ensure_future(self._settle(status))

    async def _settle(self, status: int) -> None:
        """Takes what the dead kernel had already sent, then says how it ended."""
        until = asyncio.get_running_loop().time() + DRAIN_S
        while asyncio.get_running_loop().time() < until:
            if self._sockets["iopub"].drain() or self._sockets["shell"].drain():
                until = asyncio.get_running_loop().time() + 0.05
            await asyncio.sleep(0.01)
        if self._prober is not None:
            self._prober.cancel()
        for socket in self._sockets.values():
            socket.close()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
        self.status, self.pid, self._popen, self._stopped = "dead", None, None, False
        self._said.close()
        reason = "restart" if self._expected_end else "died"
        if not self._expected_end:
            self._agent("died", self._obituary(status))
        self._abort_all(reason)
        for future in self._replies.values():
            if not future.done():
                future.set_exception(KernelError("kernel_dead", "The kernel has ended; restart it."))
        self._replies.clear()
        self._agent("status", {"status": "dead"})
        self._became_idle.set()
        self._ended.set()

    def _obituary(self, status: int) -> dict[str, Any]:
        about = process.describe(status)
        if not self._ready:
            # It never answered, so what it wrote is all there is to explain why.
            about["message"] = ("{} It did not start. {}".format(about["message"], self._said.text())).strip()
        return {**about, "oom": None}

    # -- executions ---------------------------------------------------------------------------------------------------

    def execute(self, execution_id: str, request: dict[str, Any]) -> None:
        """Queues code; does nothing when the id is known. Raises KernelError when the kernel is dead."""
        if execution_id in self._known:
            return
        if not self.alive:
            raise KernelError("kernel_dead", "The kernel has ended; restart it.")
        self._remember(execution_id, "running")
        self._queue.append({"id": execution_id, "request": request, "reply": None, "idle": False})
        self._next()

    def executions(self) -> dict[str, str]:
        """Returns the status of every execution of this life."""
        return dict(self._this_life)

    def _remember(self, execution_id: str, status: str) -> None:
        self._known[execution_id] = self._this_life[execution_id] = status
        while len(self._known) > REMEMBERED:
            old, _ = self._known.popitem(last=False)
            self._this_life.pop(old, None)

    def _next(self) -> None:
        """Sends the next execution when the kernel can take it. One at a time, so that the queue stays ours."""
        if (
            self._running is not None
            or not self._queue
            or not (self._ready and self._iopub_seen and self.alive)
            or self._expected_end
        ):
            return
        self._running = item = self._queue.popleft()
        self._became_idle.clear()
        self._set_status("busy")
        self._send("shell", "execute_request", item["request"], "x-" + item["id"])

    def _finish_if_done(self) -> None:
        item = self._running
        if item is None or not item["idle"] or item["reply"] is None:
            return
        reply = item["reply"]
        status = reply.get("status") if reply.get("status") in ("ok", "error") else "aborted"
        content = {"status": status, "execution_count": reply.get("execution_count")}
        if status == "error":
            content["ename"] = reply.get("ename")
        if reply.get("payload"):
            content["payload"] = reply["payload"]
        self._running = None
        self._done(item["id"], content)
        if self._queue:
            self._next()
        else:
            self._set_status("idle")
            self._became_idle.set()

    def _done(self, execution_id: str, content: dict[str, Any]) -> None:
        self._inputs = {k: m for k, m in self._inputs.items() if _execution_of(m) != execution_id}
        if execution_id in self._known:
            self._known[execution_id] = content["status"]
        if execution_id in self._this_life:
            self._this_life[execution_id] = content["status"]
        self._agent("done", content, execution_id)

    def _abort_all(self, reason: str) -> None:
        running, self._running = self._running, None
        items = ([running] if running else []) + list(self._queue)
        self._queue.clear()
        for item in items:
            self._done(item["id"], {"status": "aborted", "execution_count": None, "reason": reason})

    def interrupt(self) -> None:
        """Interrupts what runs, as the kernelspec says, and aborts what waits behind it."""
        if not self.alive or self.pid is None or self._spec is None:
            raise KernelError("kernel_dead", "The kernel has ended; restart it.")
        waiting, self._queue = list(self._queue), deque()
        self._resume()
        if self._spec.interrupt_mode == "message":
            self._send("control", "interrupt_request", {})
        elif self._running is not None or self._ready:
            process.signal_group(self.pid, signal.SIGINT)
        for item in waiting:
            self._done(item["id"], {"status": "aborted", "execution_count": None, "reason": "interrupt"})

    def answer(self, execution_id: str, request_id: str, value: str) -> None:
        """Answers ``input()``; a second answer to one request is ignored. Raises KernelError for an unknown request."""
        if request_id in self._answered:
            return
        message = self._inputs.get(request_id)
        if message is None or _execution_of(message) != execution_id:
            raise KernelError("no_such_input", "The program no longer waits for this input.")
        del self._inputs[request_id]
        self._answered[request_id] = None
        while len(self._answered) > 100:
            self._answered.popitem(last=False)
        _, frames = self._wire.request("input_reply", {"value": value}, parent=message.header)
        self._sockets["stdin"].send(frames)
        self._agent("input_done", {"request_id": request_id}, execution_id)

    def silent_s(self) -> float:
        """Returns for how many seconds the kernel has owed an answer on its control channel; asks when it owes none.

        IPython's kernels answer there while a cell runs, so silence means that Python itself is held up. Of other
        kernels, of an idle one, and of one that is stopped until its output is taken, nothing is said: 0.
        """
        asks = self._ready and self.status == "busy" and not self._stopped
        if not asks or self._spec is None or not self._spec.bounded:
            self._asked_alive = None
            return 0.0
        now = asyncio.get_running_loop().time()
        if self._asked_alive is None:
            if now - self._answered_alive < ALIVE_EVERY_S:
                return 0.0
            self._asked_alive = now
            self._send("control", "kernel_info_request", {}, ALIVE + secrets.token_hex(8))
        return round(now - self._asked_alive, 1)

    async def ask(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        """Sends a completion or inspection request and returns the reply's content.

        Raises:
            KernelError: ``kernel_busy`` when the kernel does not come to it in time.
        """
        if not self.alive:
            raise KernelError("kernel_dead", "The kernel has ended; restart it.")
        busy = KernelError("kernel_busy", "The kernel is busy; try again when the cell has finished.")
        if self._running is not None or not self._ready:
            # Not sent while it is busy: requests would pile up in the kernel and delay the next cell.
            try:
                await asyncio.wait_for(self._became_idle.wait(), COMPLETE_WAIT_S)
            except asyncio.TimeoutError:
                raise busy from None
        message_id = "ask-" + secrets.token_hex(8)
        future = self._replies[message_id] = asyncio.get_running_loop().create_future()
        self._send("shell", kind, content, message_id)
        try:
            return await asyncio.wait_for(future, COMPLETE_REPLY_S)
        except asyncio.TimeoutError:
            raise busy from None
        finally:
            self._replies.pop(message_id, None)

    # -- messages of the kernel ---------------------------------------------------------------------------------------

    def _send(self, channel: str, kind: str, content: dict[str, Any], message_id: str | None = None) -> None:
        _, frames = self._wire.request(kind, content, message_id)
        self._sockets[channel].send(frames)

    def _on_iopub(self, frames: list[bytes]) -> None:
        try:
            message = self._wire.parse(frames)
            self._take(message)
            if not self._iopub_seen:
                self._iopub_seen = True
                self._next()
        except (ValueError, TypeError, RecursionError):
            # A program can write to its own kernel's socket; what is no message is no output.
            return

    def _take(self, message: Message) -> None:
        kind, execution = message.type, _execution_of(message)
        if kind == "status":
            self._take_status(message, execution)
        elif kind == "stream":
            content = message.load()
            text, name = content.get("text"), content.get("name")
            if isinstance(text, str) and name in ("stdout", "stderr"):
                self.spool.append_stream(execution, name, text)
                self._grown()
        elif kind and kind != "iopub_welcome":
            body, metadata = _clean(message.content), _clean(message.metadata)
            self.spool.append("iopub", kind, body, execution, metadata, message.buffers)
            self._grown()

    def _take_status(self, message: Message, execution: str | None) -> None:
        state = message.load().get("execution_state")
        if state == "idle" and self._running is not None and execution == self._running["id"]:
            self._running["idle"] = True
            self._finish_if_done()
        elif self._ready and self._running is None and state in ("busy", "idle"):
            # A widget's callback or a kernel's own work makes it busy too; asking for its state does not count.
            caused = execution is None and message.parent_id
            if caused and message.parent.get("msg_type") not in QUIET_PARENTS:
                self._set_status(state)

    def _on_shell(self, frames: list[bytes]) -> None:
        try:
            message = self._wire.parse(frames)
            content = message.load()
        except (ValueError, TypeError, RecursionError):
            return
        if message.parent_id.startswith(ALIVE):
            self._asked_alive = None
            self._answered_alive = asyncio.get_running_loop().time()
        elif message.type == "execute_reply" and self._running is not None:
            if _execution_of(message) == self._running["id"]:
                self._running["reply"] = content
                self._finish_if_done()
        elif message.type == "kernel_info_reply" and not self._ready:
            self._became_ready(content)
        else:
            future = self._replies.get(message.parent_id)
            if future is not None and not future.done():
                future.set_result(content)

    def _became_ready(self, content: dict[str, Any]) -> None:
        self._ready = True
        about = content.get("language_info")
        about = about if isinstance(about, dict) else {}
        self.language = {key: str(about.get(key, ""))[:200] for key in ("name", "mimetype", "version")}
        self._agent("started", {"life": self.life, "pid": self.pid, "language": self.language})
        self._set_status("idle")
        if not self._queue:
            self._became_idle.set()
        self._next()

    def _on_stdin(self, frames: list[bytes]) -> None:
        try:
            message = self._wire.parse(frames)
            content = message.load()
        except (ValueError, TypeError, RecursionError):
            return
        execution = _execution_of(message)
        if message.type != "input_request" or execution is None:
            return
        request_id = secrets.token_hex(8)
        self._inputs[request_id] = message
        request = {
            "request_id": request_id,
            "prompt": str(content.get("prompt", "")),
            "password": content.get("password") is True,
        }
        # stdin is a socket of its own: what the program printed before it asked is taken first.
        while self._sockets["iopub"].drain():
            pass
        self.spool.append("stdin", "input_request", request, execution)
        self._grown()

    # -- flow ---------------------------------------------------------------------------------------------------------

    def _agent(self, kind: str, content: dict[str, Any], execution: str | None = None) -> None:
        self.spool.append("agent", kind, content, execution)
        self._notify()

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
        for socket in self._sockets.values():
            socket.close()
        self.spool.close()


def _execution_of(message: Message) -> str | None:
    parent = message.parent_id
    return parent[2:] if parent.startswith("x-") else None


def _clean(raw: bytes) -> bytes:
    """Returns ``raw`` when it is UTF-8 JSON, else what can be read of it. Raises ValueError when nothing can."""
    try:
        json.loads(raw.decode("utf-8"))
        return raw
    except UnicodeDecodeError:
        return json.dumps(json.loads(raw.decode("utf-8", "replace"))).encode("ascii")

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls
"""Starts an IPython kernel that waits for its reader instead of dropping output.

Runs in the kernel's own Python by path, so it imports nothing of this package. ZeroMQ's publisher drops messages
when 1,000 of them wait; here a full queue makes the sender wait (XPUB_NODROP), text leaves in pieces, and a program
that writes faster than its output is taken waits in ``write`` or ``display`` rather than filling memory. When a later
ipykernel no longer has what is changed here, the kernel starts unchanged.
"""

import contextlib
import importlib
import os
import sys
import threading

PIECE = 64 * 1024
HWM = 64
OUTSTANDING = 16 * 1024 * 1024


def patch_socket(zmq, kernelapp) -> None:
    """Makes the iopub socket wait when its queue is full."""
    bind = kernelapp.IPKernelApp._bind_socket

    def bind_waiting(self, socket, port):
        if socket.getsockopt(zmq.TYPE) in (zmq.PUB, zmq.XPUB):
            socket.setsockopt(zmq.XPUB_NODROP, 1)
            socket.setsockopt(zmq.SNDHWM, HWM)
        return bind(self, socket, port)

    kernelapp.IPKernelApp._bind_socket = bind_waiting


def patch_thread(iostream) -> None:
    """Bounds the bytes that wait between the program and the thread that sends them."""
    thread_class = iostream.IOPubThread
    send_multipart, really_send = thread_class.send_multipart, thread_class._really_send
    state = {"bytes": 0}
    room = threading.Condition()

    def size_of(message):
        return sum(
            len(part) if isinstance(part, (bytes, bytearray)) else getattr(part, "nbytes", 64) for part in message
        )

    def counted(self, message, *args, **kwargs):
        me = threading.current_thread()
        waits = me is not self.thread and me.name != "Control" and self.thread.is_alive()
        if waits and os.getpid() == self._master_pid:
            with room:
                while state["bytes"] > OUTSTANDING and self.thread.is_alive():
                    room.wait(1)
        with room:
            state["bytes"] += size_of(message)
        return send_multipart(self, message, *args, **kwargs)

    def sent(self, message, *args, **kwargs):
        try:
            return really_send(self, message, *args, **kwargs)
        finally:
            with room:
                state["bytes"] -= size_of(message)
                room.notify_all()

    def after_fork() -> None:
        # Another thread may have held the lock at the fork.
        nonlocal room
        room = threading.Condition()

    thread_class.send_multipart, thread_class._really_send = counted, sent
    os.register_at_fork(after_in_child=after_fork)


def patch_streams(iostream) -> None:
    """Sends text in pieces and lets a fast writer wait for them."""
    stream_class = iostream.OutStream
    write, flush = stream_class.write, stream_class.flush
    # A kernel that was stopped while its output waited must not take the pause for a hang.
    stream_class.flush_timeout = 365 * 24 * 3600

    def flush_sent(self):
        thread = self.pub_thread
        alive = thread is not None and thread.thread is not None and thread.thread.is_alive()
        if not alive or thread.thread is threading.current_thread():
            flush(self)
            return
        sent = threading.Event()
        thread.schedule(self._flush)
        # The flush itself only schedules the sending: what is scheduled behind that knows that the text has left, also
        # where the program holds the interpreter from the next moment on.
        thread.schedule(lambda: thread.schedule(sent.set))
        sent.wait(self.flush_timeout)

    def write_pieces(self, string):
        if not isinstance(string, str) or os.getpid() != self._master_pid:
            return write(self, string)
        for at in range(0, len(string), PIECE) or (0,):
            piece = string[at : at + PIECE]
            write(self, piece)
            pending = getattr(self, "_labora_pending", 0) + len(piece)
            if pending >= PIECE:
                pending = 0
                self._labora_pending = 0
                self.flush()
            self._labora_pending = pending
        return len(string)

    stream_class.write, stream_class.flush = write_pieces, flush_sent


def leave_out_debugger() -> None:
    """Lets ipykernel start as it does where debugpy is not installed; programs can still import it.

    It would take 8 MB and a sixth of the time to the first reply, for requests that nobody can send to our kernels.
    """
    if "debugpy" in sys.modules:
        return
    sys.modules["debugpy"] = None  # type: ignore[assignment]
    try:
        with contextlib.suppress(ImportError):
            import ipykernel.debugger  # noqa: F401
    finally:
        del sys.modules["debugpy"]


def prepare():
    """Imports and patches ipykernel where it can; returns its module ``kernelapp``."""
    if sys.path and os.path.abspath(sys.path[0] or ".") in (os.path.dirname(os.path.abspath(__file__)), os.getcwd()):
        # The script's own folder; IPython puts the working folder back.
        del sys.path[0]
    # Its warning about frozen modules would be the first output of every notebook.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    import zmq
    from ipykernel import iostream, kernelapp

    for patch in (
        lambda: patch_socket(zmq, kernelapp),
        lambda: patch_thread(iostream),
        lambda: patch_streams(iostream),
    ):
        with contextlib.suppress(AttributeError):
            patch()
    leave_out_debugger()
    preload_colab()
    return kernelapp


def preload_colab() -> None:
    """Imports ``google.colab`` and its kernel, where there is one, as notebooks that look for it expect.

    A package that owns the name ``google`` for itself is made to share it.
    """
    place = os.path.join("google", "colab", "__init__.py")
    folder = next((folder for folder in sys.path if os.path.isfile(os.path.join(folder, place))), None)
    if folder is None:
        return
    try:
        try:
            importlib.import_module("google.colab._kernel")
        except ModuleNotFoundError:
            owner = sys.modules["google"]
            owner.__path__ = [*owner.__path__, os.path.join(folder, "google")]
            importlib.import_module("google.colab._kernel")
    except Exception:  # noqa: BLE001 - whatever it is, the kernel starts without
        return


def launch(kernelapp) -> None:
    """Starts a kernel, that of ``google.colab`` where there is one. Returns when it has ended."""
    settings = {}
    if "google.colab._kernel" in sys.modules:
        from traitlets.config import Config

        settings["config"] = Config({"IPKernelApp": {"kernel_class": "google.colab._kernel.Kernel"}})
    kernelapp.launch_new_instance(**settings)


def main() -> None:
    """Starts a kernel."""
    launch(prepare())


if __name__ == "__main__":
    main()

"""Stands in for the guest agent: pid 1 that runs the Python text it is sent. Copied into a test image."""

import ctypes
import io
import json
import os
import socket
import threading
import traceback
from contextlib import redirect_stdout

ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # not dumpable, as the agent is
with os.fdopen(4) as stream:
    pairing = json.loads(stream.readline())


def serve(connection):
    with connection, connection.makefile("rw") as stream:
        for line in stream:
            request = json.loads(line)
            if request.get("key") != pairing["key"]:
                stream.write(json.dumps({"error": "wrong key"}) + "\n")
                stream.flush()
                continue
            answer = {"generation": pairing["generation"]}
            if request.get("fork", True):
                answer |= run_in_child(request["code"])
            else:
                answer |= run(request["code"])
            stream.write(json.dumps(answer) + "\n")
            stream.flush()


def run(code):
    out = io.StringIO()
    try:
        with redirect_stdout(out):
            exec(code, {"__name__": "__main__"})
    except BaseException:  # noqa: BLE001 - whatever the code raises is the answer
        return {"out": out.getvalue(), "error": traceback.format_exc()}
    return {"out": out.getvalue(), "error": None}


def run_in_child(code):
    """As a kernel would: another process of the same sandbox, dumpable again."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
        os.close(read)
        os.write(write, json.dumps(run(code)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        text = stream.read()
    _, status = os.waitpid(pid, 0)
    return json.loads(text) if text else {"out": "", "error": "died", "status": status}


listener = socket.socket(fileno=int(os.environ["LABORA_CHANNEL_FD"]))
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
